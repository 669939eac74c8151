"""The numbers that can be told of a phase before it is trained."""

from __future__ import annotations

import pytest

from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.data.context_mixing.tables import new_tables
from slmtui.insight.estimates import (
    DatasetCounts,
    differences,
    epochs,
    known_vocabulary,
    memory_needed,
    parameters,
    parameters_per_token,
)
from slmtui.training.prepare import prepare_dataset

PHASE2 = load_phase("phases/phase2.toml")


def phase(text: str) -> Phase:
    return parse_phase('[phase]\nname = "a"\n' + text)


def test_the_published_phase_2_in_numbers() -> None:
    assert parameters(PHASE2, 50_257) == {"token_embedding": 3_216_448, "position_embedding": 2_048, "body": 150_080}
    assert parameters_per_token(PHASE2, DatasetCounts(50_257, 4_500, 500)).ratio == pytest.approx(3_368_576 / 4_500)
    assert epochs(PHASE2, 4_500).number == pytest.approx(1_000 * 8 * 32 / 4_500)


@pytest.mark.parametrize(
    ("tokens", "place"),
    [(3_368_576 // 10 + 1, "below"), (3_368_576 // 10, "inside"), (33_686, "inside"), (33_685, "above")],
)
def test_the_limits_of_the_house_rule(tokens: int, place: str) -> None:
    assert parameters_per_token(PHASE2, DatasetCounts(50_257, tokens, 10)).place == place


@pytest.mark.parametrize(("max_iters", "worth"), [(70, "full"), (71, "less"), (281, "less"), (282, "little")])
def test_what_repeats_are_worth(max_iters: int, worth: str) -> None:
    values = PHASE2.values()
    values["training"]["max_iters"] = max_iters
    assert epochs(Phase.model_validate(values), 4_500).worth == worth


@pytest.mark.parametrize(("kind", "n_vocab"), [("gpt2", 50_257), ("gpt2-compact", None), ("bpe", None)])
def test_only_gpt2s_vocabulary_is_known_without_the_corpus(kind: str, n_vocab: int | None) -> None:
    assert known_vocabulary(phase(f'[tokenizer]\nkind = "{kind}"')) == n_vocab


def test_memory_counts_what_it_says() -> None:
    need = memory_needed(
        phase("[model]\nn_layer = 1\nn_head = 1\nn_embd = 2\nblock_size = 3\n[training]\nbatch_size = 5"), 7
    )
    assert need["state"] == 16 * (7 * 2 + 3 * 2 + 12 * 4 + 13 * 2 + 2 * 2)
    assert need["activations"] == 4 * 15 * 2 * (17 + 12)
    assert need["logits"] == 4 * 3 * 15 * 7
    more = phase(
        "[model]\nn_layer = 1\nn_head = 1\nn_embd = 2\nblock_size = 3\ndropout = 0.1\n[training]\nbatch_size = 5"
    )
    assert need["ngram"] == 0
    mixing = phase("[model]\nngram_mix = 0.1")
    assert [memory_needed(mixing, 7, n)["ngram"] for n in (0, 10, 10**7)] == [0, 1300, 130_000_000]
    assert memory_needed(more, 7)["activations"] == 4 * (15 * 2 * 29 + 4 * 15 * 2 + 5 * 5 * 9)
    values = more.values()
    values["model"] |= {"attention_dropout": 0.0, "copy_head": True}
    copying = memory_needed(Phase.model_validate(values), 7)
    assert copying["activations"] == 4 * (15 * 2 * 29 + 4 * 15 * 2)
    assert copying["logits"] == 4 * 15 * 7
    on_gpu = Phase.model_validate(values | {"training": values["training"] | {"device": "cuda"}})
    assert memory_needed(on_gpu, 7)["activations"] == copying["activations"] + 4 * 8 * 5 * 9
    assert copying["state"] == need["state"] + 16 * (33 * 2 + 8)
    values["model"] |= {"positions": "rotary", "norm": "rms", "mlp": "swiglu"}
    turning = memory_needed(Phase.model_validate(values), 7)
    assert turning["activations"] - copying["activations"] == 4 * 15 * 2 * (3 + 2 + 3)
    # No positions, three norms without a bias, and 8 instead of 4 · 2 values in the MLP, which has one matrix more.
    assert turning["state"] == copying["state"] - 16 * (3 * 2 + 3 * 2 - (2 + 1) * 8)


@pytest.mark.parametrize(
    ("parts", "kept"),
    [('positions = "rotary"', 3), ('norm = "rms"', 2), ('mlp = "swiglu"', 3), ('mlp = "gelu_tanh"', 0)],
)
def test_a_block_keeps_what_is_estimated_for_its_backward_pass(parts: str, kept: int) -> None:
    """Beside GPT-2's, in units of N · C numbers."""
    import torch

    from slmtui.model.gpt import initial_gpt
    from slmtui.training.state import model_config

    idx = torch.arange(65)[None].expand(8, -1)

    def measured(choice: str) -> float:
        storages: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        for_layers = []
        for n_layer in (2, 3):
            shape = phase(f"[model]\nn_layer = {n_layer}\nn_embd = 96\nblock_size = 64\n{choice}\n").model_copy()
            model = initial_gpt(model_config(shape, 70), 0)
            storages.clear()
            with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
                model.loss(idx[:, :-1], idx[:, 1:])
            for parameter in model.parameters():
                storages.pop(parameter.untyped_storage().data_ptr(), None)
            for_layers.append(sum(storages.values()))
        return (for_layers[1] - for_layers[0]) / (4 * 8 * 64 * 96)

    assert measured(parts) - measured("") == pytest.approx(kept, abs=0.4)


@pytest.mark.parametrize(
    ("name", "measured"),
    [("phase1", 89), ("phase2", 160), ("phase3", 240), ("phase4", 344), ("phase0", 678)],
)
def test_memory_is_about_what_was_measured(name: str, measured: int) -> None:
    """Peak of the resident memory over four steps, beside the program's own, in MB, on a 2-core CPU."""
    phase = load_phase(f"phases/{name}.toml")
    estimate = sum(memory_needed(phase, 50_257).values())
    assert estimate == pytest.approx(measured * 1e6, rel=0.15)


@pytest.mark.parametrize("n_bytes", [100, 57_000, 170_000])
def test_counts_in_many_contexts_take_the_memory_that_is_told(n_bytes: int) -> None:
    allocated = sum(table.nbytes for table in new_tables(n_bytes))
    counting = phase('[model]\ncontext_mixing = true\n[tokenizer]\nkind = "bytes"')
    assert memory_needed(counting, 256, n_bytes)["counts"] == pytest.approx(2 * allocated, rel=1e-4)


def test_the_counts_of_the_sample_corpus_need_about_what_is_told_without_reading_it() -> None:
    default = load_phase("phases/quick.toml")
    dataset = prepare_dataset(default)
    allocated = sum(table.nbytes for table in new_tables(dataset.train.n_bytes))
    told = memory_needed(default, dataset.tokenizer.n_vocab, len(dataset.train.tokens))
    assert told["counts"] == pytest.approx(2 * allocated, rel=0.1)
    assert memory_needed(PHASE2, 50_257, 4_500)["counts"] == 0


def test_differences_are_those_that_count() -> None:
    other = phase('title = "B"\n[model]\nn_layer = 2\n[gate]\nmax_gap = 1.0\n[sampling]\nprompts = ["x"]')
    mine = phase('title = "A"\n[model]\nn_layer = 3')
    assert [(one.key, one.was, one.now) for one in differences(mine, other)] == [
        ("n_layer", 2, 3), ("prompts", ["x"], ["\n"]), ("max_gap", 1.0, None),
    ]  # fmt: skip
    assert differences(mine, mine) == ()
