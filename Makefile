# make run            start slmtui (ARGS="…" passes arguments)
# make test           everything that CI checks
# make soak           the long tests
# make bench          the measurements of docs/benchmarks.md
# make yardstick      docs/yardstick.md: suggested phases beside compressors, for hours (ARGS="--no-training": minutes)
# make study          docs/studies/data-scaling.md: 45 trainings of the sample corpus, about a quarter of an hour on two cores
# make release-check  build wheel and sdist, install them into a fresh environment, and run them
# make pictures       remake the pictures of README and docs
#
# PYTHON=python3.13   the interpreter of a new environment
# TORCH_BACKEND=…     with uv: auto (the default), cpu, cu130 …, as in `uv pip install --torch-backend`
# TORCH_INDEX=…       without uv: the index torch comes from; empty leaves it to pip, which takes CUDA's build on Linux
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV := $(shell command -v uv)
TORCH_BACKEND ?= auto
# Where no NVIDIA card is, PyTorch's own index of CPU builds: PyPI's build for Linux brings gigabytes of CUDA.
TORCH_INDEX ?= $(shell test "$$(uname)" != Linux || command -v nvidia-smi >/dev/null || echo https://download.pytorch.org/whl/cpu)

ifdef UV
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --torch-backend $(TORCH_BACKEND) --constraint constraints.txt
else
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
endif

.PHONY: run install torch test lint types flow unit soak bench yardstick study release-check pictures clean
run: $(INSTALLED)
	$(BIN)/slmtui $(or $(ARGS),$(shell test -t 0 || echo --headless))
	@echo "Where a line above says slmtui, type $(BIN)/slmtui, or first: . $(BIN)/activate" >&2

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "slmtui needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(MAKE) --no-print-directory torch
	$(INSTALL) --editable '.[dev]'
	touch $@

# Into $(VENV), from TORCH_INDEX unless it is there already or pip finds a build of it on this disk.
torch:
ifdef UV
	$(INSTALL) torch
else ifneq ($(TORCH_INDEX),)
	@$(INSTALL) --no-deps --no-index --dry-run torch >/dev/null 2>&1 || \
	  $(INSTALL) --no-deps --retries 1 --index-url $(TORCH_INDEX) torch || { \
	  echo "No torch from $(TORCH_INDEX). 'make install TORCH_INDEX=' takes the build that pip finds: up to 5 GB."; exit 1; }
endif

test: lint types flow unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

flow: $(INSTALLED)
	$(BIN)/lint-imports --no-cache

unit: $(INSTALLED)
	$(BIN)/pytest -m 'not soak' -n auto --dist worksteal --durations=25 --cpu-durations=25

soak: $(INSTALLED)
	$(BIN)/pytest -m soak

$(INSTALLED)-bench: $(INSTALLED)
	$(INSTALL) --editable '.[dev,bench]'
	touch $@

bench: $(INSTALLED)-bench
	$(BIN)/python -m benchmarks --write $(ARGS)

yardstick: $(INSTALLED)-bench
	$(BIN)/python -m benchmarks.yardstick $(ARGS)

study: $(INSTALLED)
	$(BIN)/slmtui study studies/data-scaling.toml
	mkdir -p docs/studies
	$(BIN)/slmtui report studies/data-scaling.toml -o docs/studies/data-scaling.md

release-check: $(INSTALLED)
	$(BIN)/python -m tools.release_check

pictures: $(INSTALLED)
	$(BIN)/python -m tools.make_pictures

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist
