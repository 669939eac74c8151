"""The schema: what is taken, what is refused, what is derived from it."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from slmtui.config.docs import phases_page
from slmtui.config.model_section import ModelSection
from slmtui.config.phase import Phase
from slmtui.config.phase_file import dump_phase, load_phase, parse_phase
from slmtui.config.schema import describe_schema, keys

ROOT = Path(__file__).parents[2]
PUBLISHED = json.loads((ROOT / "tests/golden/published.json").read_text())


def phase_with(section: str, key: str, value: Any) -> Phase:
    return Phase.model_validate({"phase": {"name": "p"}, section: {key: value}})


def test_all_but_the_name_has_a_default() -> None:
    assert [key.name for key in describe_schema() if key.required] == ["name"]
    assert parse_phase('phase.name = "p"').name == "p"


def test_every_key_is_described_in_one_line() -> None:
    for key in describe_schema():
        assert key.description.endswith("."), key
        assert "\n" not in key.description + key.allowed, key
        assert key.allowed, key


def test_the_schema_says_what_a_form_needs() -> None:
    batch_size, split, size = (
        keys()["training", "batch_size"],
        keys()["data", "split"],
        keys()["data", "dataset_size"],
    )
    assert (batch_size.kind, batch_size.default) == ("whole number", 16)
    assert (split.kind, split.choices) == ("choice", ("contiguous", "by-document"))
    assert (size.kind, size.default, size.required) == ("whole number", None, False)
    assert keys()["training", "threads"].allowed == '"auto" or a whole number from 1 to 1,024'
    assert keys()["model", "dropout"].allowed == "a number of at least 0 and below 1"


@pytest.mark.parametrize("key", [key for key in describe_schema() if key.kind == "whole number"], ids=lambda k: k.name)
@pytest.mark.parametrize("value", [True, "600", 600.5, math.nan, math.inf, [600], {}])
def test_whole_numbers_are_whole_numbers(key: Any, value: object) -> None:
    with pytest.raises(ValidationError, match=key.name):
        phase_with(key.section, key.name, value)


@pytest.mark.parametrize("key", [key for key in describe_schema() if key.kind == "number"], ids=lambda k: k.name)
@pytest.mark.parametrize("value", [True, "0.5", math.nan, math.inf, 10**400, [0.5], {}])
def test_numbers_are_finite_numbers(key: Any, value: object) -> None:
    with pytest.raises(ValidationError, match=key.name):
        phase_with(key.section, key.name, value)


def test_numbers_may_be_written_either_way() -> None:
    phase = parse_phase("phase.name = 'p'\ntraining.max_iters = 6e8\noptimizer.weight_decay = 0")
    assert type(phase.training.max_iters) is int
    assert phase.training.max_iters == 600_000_000
    assert type(phase.optimizer.weight_decay) is float


def test_one_text_is_a_list_of_one() -> None:
    assert phase_with("data", "source", "a").data.source == ("a",)
    assert phase_with("data", "source", ["a", "b"]).data.source == ("a", "b")


def test_threads_are_auto_or_a_number() -> None:
    assert phase_with("training", "threads", "auto").training.threads == "auto"
    assert phase_with("training", "threads", 2).training.threads == 2


def test_nothing_changes_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ModelSection().n_layer = 3  # type: ignore[misc]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
small = st.floats(0, 1, exclude_min=True, exclude_max=True)
heads = st.integers(1, 64)
PHASES = st.fixed_dictionaries(
    {"phase": st.fixed_dictionaries({"name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)})},
    optional={
        "data": st.fixed_dictionaries(
            {},
            optional={
                "source": st.one_of(texts, st.lists(texts, min_size=1)),
                "exclude": st.lists(texts),
                "dataset_size": st.integers(2, 10**9),
                "train_fraction": small,
                "split": st.sampled_from(["contiguous", "by-document"]),
                "patterns": st.dictionaries(texts, st.sampled_from([r"collection\.", "def .*", '"""', "\n'"])),
            },
        ),
        "tokenizer": st.one_of(
            st.fixed_dictionaries({"kind": st.sampled_from(["gpt2", "gpt2-compact", "bpe"])}),
            st.fixed_dictionaries({"kind": st.just("bpe"), "vocab_size": st.integers(512, 16_384)}),
        ),
        "model": st.tuples(heads, heads).map(lambda pair: {"n_head": pair[0], "n_embd": pair[0] * pair[1]}),
        "optimizer": st.fixed_dictionaries({}, optional={"betas": st.tuples(small, small), "eps": small}),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "learning_rate": small,
                "max_iters": st.one_of(st.integers(1, 10**9), st.sampled_from([6e8, 1e3])),
                "threads": st.one_of(st.just("auto"), st.integers(1, 1024)),
            },
        ),
        "sampling": st.fixed_dictionaries({"prompts": st.lists(texts)}),
        "gate": st.fixed_dictionaries({}, optional={"max_gap": small, "max_val_loss": small}),
    },
)


@settings(max_examples=80, deadline=None)
@given(PHASES)
def test_what_is_written_reads_back_as_equal(values: dict[str, Any]) -> None:
    phase = Phase.model_validate(values)
    assert parse_phase(dump_phase(phase)) == phase
    assert Phase.model_validate(json.loads(json.dumps(phase.values()))) == phase


def test_what_is_written_leaves_out_what_is_unset() -> None:
    written = dump_phase(parse_phase('phase.name = "p"'))
    assert written.startswith('[phase]\nname = "p"\ntitle = ""\n')
    for unset in ("dataset_size", "patterns", "vocab_size", "gate"):
        assert unset not in written


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_phases_have_the_published_numbers(name: str) -> None:
    phase, published = load_phase(ROOT / f"phases/{name}.toml"), PUBLISHED[name]
    assert phase.name == name
    assert phase.data.dataset_size == published["dataset_size"]
    assert int(phase.data.train_fraction * published["dataset_size"]) == published["train_tokens"]
    for key in ("n_layer", "n_head", "n_embd", "block_size"):
        assert getattr(phase.model, key) == published[key]
    for key in ("max_iters", "batch_size", "learning_rate"):
        assert getattr(phase.training, key) == published[key]
    assert phase.evaluation.interval == published["eval_interval"]
    assert f"{published['parameters']:,} parameters" in (ROOT / f"phases/{name}.toml").read_text()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_phases_keep_the_protocol(name: str) -> None:
    phase = load_phase(ROOT / f"phases/{name}.toml")
    assert phase.data.source == ("data/chromadb",)
    assert phase.data.patterns == {"ChromaDB operations": r"collection\."}
    assert (phase.tokenizer.kind, phase.model.dropout) == ("gpt2", 0.0)
    assert phase.optimizer.model_dump() == {
        "betas": (0.9, 0.95),
        "eps": 1e-9,
        "weight_decay": 0.1,
        "weight_decay_schedule": "rate",
        "decay_on": "all",
        "grad_clip": 1.0,
        "clip_scaled_gradients": True,
    }
    training = phase.training
    assert (training.schedule, training.warmup_iters, training.seed, training.precision) == (
        "constant",
        0,
        42,
        "fp32",
    )
    assert (phase.evaluation.method, phase.early_stopping.patience) == ("sampled", 0)
    sampling = phase.sampling
    assert (sampling.tokens, sampling.temperature, sampling.top_k, sampling.when) == (30, 0.8, 40, "end")
    assert sampling.prompts == (
        "import chromadb",
        "def get_",
        "from embeddings_utils import",
        "collection.add(",
        "logging.debug(",
        "pdf_file_path =",
        "def main():",
        "# File:",
    )
    assert phase.phase.title
    assert phase.phase.description
    assert phase.phase.hypothesis


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/phases.md").read_text()
    assert page == phases_page(), "run `python -m slmtui.config.docs > docs/phases.md`"


def test_reading_a_phase_loads_nothing_heavy() -> None:
    code = (
        "import sys; from slmtui.config.phase_file import load_phase; load_phase('phases/phase0.toml');"
        "print(*{'torch', 'numpy', 'numba', 'textual', 'tiktoken'}.intersection(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
