# make run       start slmtui (ARGS="…" passes arguments)
# make test      everything that CI checks
# make soak      the long tests            make bench     the measurements of docs/benchmarks.md
# make pictures  remake the pictures of README and docs
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: run install test lint types flow unit soak bench pictures clean
run: $(INSTALLED)
	$(BIN)/slmtui $(ARGS)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "slmtui needs Python 3.11 or newer; python3 is " + sys.version.split()[0])'
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

test: lint types flow unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

flow: $(INSTALLED)
	$(BIN)/lint-imports --no-cache

unit: $(INSTALLED)
	$(BIN)/pytest -m 'not soak' -n auto --dist worksteal

soak: $(INSTALLED)
	$(BIN)/pytest -m soak

$(INSTALLED)-bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	touch $@

bench: $(INSTALLED)-bench
	$(BIN)/python -m benchmarks --write $(ARGS)

pictures: $(INSTALLED)
	$(BIN)/python -m tools.make_pictures

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
