"""What Complete is made of: streams of tokens, settings as text, prompts in one line, the layout of tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from slmtui.config.phase import TokenizerSection
from slmtui.console.screens.complete.alternatives import bar, shown
from slmtui.console.screens.complete.completion_worker import CompletionContext, CompletionUpdate, run_completion
from slmtui.console.screens.complete.prompt_history import REMEMBERED, PromptHistory
from slmtui.console.screens.complete.review import TrainingTexts
from slmtui.console.screens.complete.token_text import shade
from slmtui.console.text.token_lines import PROMPT, TokenLines
from slmtui.data.tokenizer import BpeTokenizer
from slmtui.errors import UserError
from slmtui.inference.model_cache import ModelCache, file_state
from slmtui.inference.streaming import Choice, Request, Settings, Token, branch, stream
from slmtui.model.compiled import COMPILING
from slmtui.model.gpt import GPTConfig, initial_gpt
from slmtui.runs.checkpoint import load_model
from slmtui.runs.run import Run
from slmtui.training.prepare import prepare_dataset
from tests.console.tiny_runs import tiny_phase, train_tiny
from tests.insight.corpora import python_dataset


class ReadyBackend:
    """PyTorch is already loaded."""

    ready, error = True, None

    def words(self) -> str:
        return ""


def test_a_stream_is_what_the_model_draws_and_what_it_weighed(checkpoints: Path) -> None:
    from slmtui.inference.batch import Sampling
    from slmtui.inference.generation import complete

    saved = ModelCache(load_model, file_state).load(checkpoints / "tiny-001" / "best.pt")
    tokens = list(stream(saved.model, saved.tokenizer, Request("alpha", Settings(temperature=1.2, tokens=40))))
    text = "".join(complete(saved.model, saved.tokenizer, "alpha", 40, Sampling(1.2), 42))
    assert "".join(token.text for token in tokens) == text
    assert len(tokens) == 40
    for token in tokens:
        probabilities = [choice.p for choice in token.choices]
        assert probabilities == sorted(probabilities, reverse=True)
        assert [choice.rank for choice in token.choices[:8]] == list(range(1, 9))
        assert token.choice.id == token.id
    assert any(token.choice.rank > 8 for token in tokens)  # of a model that knows little


def test_a_branch_keeps_what_came_before_and_draws_the_rest_anew(checkpoints: Path) -> None:
    saved = ModelCache(load_model, file_state).load(checkpoints / "tiny-001" / "best.pt")
    whole = list(stream(saved.model, saved.tokenizer, Request("alpha", Settings(tokens=20))))
    other = next(choice for choice in whole[5].choices if choice.id != whole[5].id)
    branched = list(
        stream(saved.model, saved.tokenizer, Request("alpha", Settings(tokens=20), kept=branch(whole, 5, other)))
    )
    assert [token.id for token in branched[:6]] == [token.id for token in whole[:5]] + [other.id]
    assert len(branched) == 20
    last = list(
        stream(
            saved.model,
            saved.tokenizer,
            Request("alpha", Settings(tokens=20), kept=branch(whole, 19, whole[19].choices[1])),
        )
    )
    assert [token.id for token in last[:-1]] == [token.id for token in whole[:-1]]
    assert len(last) == 20


@pytest.mark.parametrize("place", [0, 5])
def test_a_branch_into_the_end_of_the_document_is_over(place: int) -> None:
    tokenizer = BpeTokenizer([], end=True)
    model = initial_gpt(GPTConfig(n_vocab=257, n_layer=1, n_head=1, n_embd=8, block_size=32), seed=1)
    whole = list(stream(model, tokenizer, Request("alpha", Settings(tokens=20))))
    assert len(whole) == 20
    kept = branch(whole, place, Choice(256, "<end>", 0.1, 2))
    ended = list(stream(model, tokenizer, Request("alpha", Settings(tokens=20), kept=kept)))
    assert [token.id for token in ended] == [token.id for token in whole[:place]]


def test_models_are_kept_while_their_file_is_the_same(checkpoints: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes((checkpoints / "tiny-001" / "last.pt").read_bytes())
    models = ModelCache(load_model, file_state)
    first = models.load(path)
    assert first.training is None
    assert not first.model.training
    assert models.load(path) is first
    path.write_bytes((checkpoints / "tiny-002" / "last.pt").read_bytes())
    assert models.load(path) is not first
    for number in range(4):
        (tmp_path / f"{number}.pt").write_bytes(path.read_bytes())
        models.load(tmp_path / f"{number}.pt")
    assert models.load(tmp_path / "0.pt") is models.load(tmp_path / "0.pt")
    again = models.load(path)
    assert again is not first, "the four used last are kept"
    assert models.load(path) is again
    (tmp_path / "0.pt").unlink()
    path.unlink()
    with pytest.raises(UserError, match="no such checkpoint"):
        models.load(path)


def test_copies_of_the_training_text_are_found_with_their_place(checkpoints: Path) -> None:
    saved = ModelCache(load_model, file_state).load(checkpoints / "tiny-001" / "best.pt")
    dataset = prepare_dataset(saved.phase)
    copied, foreign = dataset.train.tokens[100:120].tolist(), saved.tokenizer.encode("%%").tolist()
    ids = [*foreign, *copied, *foreign]
    review = TrainingTexts().review(saved, "x", saved.tokenizer.decode(ids), ids)
    assert [(copy.start, copy.stop) for copy in review.copies] == [(len(foreign), len(foreign) + 20)]
    assert review.copies[0].source.startswith("one.txt:")
    assert TrainingTexts().review(saved, "x", saved.tokenizer.decode(copied[:15]), copied[:15]).copies == ()


def test_blanks_are_no_copy(checkpoints: Path) -> None:
    saved = ModelCache(load_model, file_state).load(checkpoints / "tiny-001" / "best.pt")
    ids = saved.tokenizer.encode("\n" * 30).tolist()
    assert TrainingTexts().review(saved, "x", "\n" * 30, ids).copies == ()


def test_a_word_that_the_prompt_began_is_judged_once(tmp_path: Path) -> None:
    """The first token spells all of it; its text is what it adds."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    python_dataset(corpus)
    phase = tiny_phase(corpus).model_copy(update={"tokenizer": TokenizerSection(kind="bpe", vocab_size=400)})
    models = ModelCache(load_model, file_state)
    best = train_tiny(tmp_path / "checkpoints", phase).best_file
    ids = models.load(best).tokenizer.encode(" shelving\n\n\ndef").tolist()
    assert models.load(best).tokenizer.token_bytes(ids[0]) == b" shelving"
    kept = tuple(Token(i, "", ()) for i in ids)
    heard: list[CompletionUpdate] = []
    context = CompletionContext(ReadyBackend(), models, TrainingTexts())  # type: ignore[arg-type]
    request = Request("import shelv", Settings(tokens=len(kept)), kept=kept)
    run_completion(context, best, 1, request, heard.append, lambda: False)
    assert "".join(token.text for token in heard[-1].tokens) == "ing\n\n\ndef"
    assert heard[-1].review is not None
    assert heard[-1].review.label == "syntax"  # "import shelv shelving" would be fragments


def test_a_corpus_that_has_changed_is_said(checkpoints: Path, trained: Path) -> None:
    saved = ModelCache(load_model, file_state).load(checkpoints / "tiny-001" / "best.pt")
    file = trained / "corpus" / "one.txt"
    before = file.read_text(encoding="utf-8")
    file.write_text("something else\n" * 100, encoding="utf-8")
    try:
        with pytest.raises(UserError, match="the corpus has changed since"):
            TrainingTexts().review(saved, "x", "abc", [1, 2, 3])
    finally:
        file.write_text(before, encoding="utf-8")


def test_tokens_are_told_of_in_batches(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens there are, and the last ones come with the end."""
    heard: list[CompletionUpdate] = []
    context = CompletionContext(ReadyBackend(), ModelCache(load_model, file_state), TrainingTexts())  # type: ignore[arg-type]
    ticks = iter(range(1_000_000))
    monkeypatch.setattr("slmtui.console.screens.complete.completion_worker.time.monotonic", lambda: next(ticks) * 0.01)
    request = Request("alpha", Settings(tokens=100))
    run_completion(context, checkpoints / "tiny-001" / "best.pt", 3, request, heard.append, lambda: False)
    under_way = [update for update in heard if not update.over]
    assert 1 < len(under_way) <= 20
    assert {update.job for update in heard} == {3}
    assert [update.count for update in heard] == sorted(update.count for update in heard)
    assert heard[-1].count == 100
    assert heard[-1].review is not None


def test_compiling_is_told_of_before_a_model_is_read_and_not_when_it_is_in_memory(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slmtui.model.compiled.is_compiled", lambda _: False)
    run = Run(shutil.copytree(checkpoints / "tiny-001", tmp_path / "tiny-001"))
    phase = run.phase_file.read_text(encoding="utf-8")
    run.phase_file.write_text(phase.replace("context_mixing = false", "context_mixing = true"), encoding="utf-8")
    assert run.phase().model.context_mixing
    context = CompletionContext(ReadyBackend(), ModelCache(load_model, file_state), TrainingTexts())  # type: ignore[arg-type]

    def told() -> list[str]:
        heard: list[CompletionUpdate] = []
        run_completion(context, run.best_file, 1, Request("alpha", Settings(tokens=1)), heard.append, lambda: False)
        assert heard[-1].count == 1
        return [update.words for update in heard]

    first = told()
    assert first[0] == COMPILING
    assert told() == first[1:]


def test_history_survives_a_damaged_file_and_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("not json", encoding="utf-8")
    assert PromptHistory(path).prompts == []
    path.unlink()
    history = PromptHistory(path)
    for number in range(3 * REMEMBERED):
        history.add(f"prompt {number}")
    history.add("prompt 599")
    again = PromptHistory(path)
    assert again.prompts == [f"prompt {number}" for number in range(400, 600)]
    assert len(path.read_text(encoding="utf-8").splitlines()) == REMEMBERED
    again.add("prompt 450")
    assert again.prompts[-2:] == ["prompt 599", "prompt 450"]
    assert again.move(-1, "draft") == "prompt 450"
    assert again.move(-5000, "") == "prompt 400"
    assert again.move(5000, "") == "draft"


def test_history_in_a_folder_that_cannot_be_written_is_kept_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = PromptHistory(tmp_path / "file" / "prompts.jsonl")
    history.add("alpha")
    assert history.move(-1, "") == "alpha"


@given(st.lists(st.text(alphabet="ab \n\t世é\x1b[", max_size=12)), st.integers(3, 20))
def test_tokens_are_laid_out_whole_within_the_width(texts: list[str], width: int) -> None:
    lines = TokenLines(width)
    lines.add(PROMPT, "begin")
    for number, text in enumerate(texts):
        lines.add(number, text)
    assert all(sum(cell_len(piece.text) for piece in line) <= width for line in lines.lines)
    for number, text in enumerate(texts):
        laid = "".join(piece.text for line in lines.lines for piece in line if piece.token == number)
        assert laid == text.replace("\n", " ").replace("\t", "    ").replace("\x1b", "␛")
        assert 0 <= lines.line_of[number] < len(lines.lines)
    assert lines.line_of == sorted(lines.line_of)


def test_a_cell_is_found_again() -> None:
    lines = TokenLines(10)
    for number, text in ((PROMPT, "p("), (0, "世界"), (1, "abcdefgh"), (2, "\nx")):
        lines.add(number, text)
    assert [lines.token_at(x, 0) for x in range(7)] == [None, None, 0, 0, 0, 0, None]
    assert (lines.token_at(0, 1), lines.token_at(8, 1), lines.token_at(0, 2), lines.token_at(0, 9)) == (1, 2, 2, None)


def test_shades_bars_and_names_of_tokens() -> None:
    assert [shade(p) for p in (0.0, 0.049, 0.05, 0.2, 0.5, 0.9, 1.0)] == [0, 0, 1, 2, 3, 4, 4]
    assert (bar(1.0, 4), bar(0.5, 4), bar(0.4, 4), bar(0.0, 4)) == ("━━━━", "━━", "━╸", "╸")
    assert shown(" a\n\t\x1b[") == "␣a⏎⇥␛["


def test_a_token_knows_which_of_its_choices_it_is() -> None:
    one, other = Choice(5, "a", 0.6, 1), Choice(7, "b", 0.2, 2)
    assert Token(7, "b", (one, other)).choice is other
