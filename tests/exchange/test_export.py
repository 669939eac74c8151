"""`slmtui export`: what is written, what is refused and said, and that nothing half-written stays."""

from __future__ import annotations

import dataclasses
import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.phase_file import parse_phase
from slmtui.errors import UserError
from slmtui.exchange import export as exporting
from slmtui.exchange.export import plan_export, write_export
from slmtui.exchange.folder import export_folder
from slmtui.exchange.gpt2_folder import NotGpt2, parent_from_folder
from slmtui.exchange.huggingface import write_huggingface
from slmtui.exchange.network import plain_network
from slmtui.exchange.vocabulary import Unwritable
from slmtui.runs.checkpoint import load_model
from slmtui.session import begin
from tests.exchange.conftest import MakeRun

pytest.importorskip("safetensors", reason="safetensors, which writes what is tested here: .[export]")
Captured = pytest.CaptureFixture[str]


def export(run_folder: Path, *words: str) -> int:
    return main(["export", str(run_folder), *words])


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_becomes_a_folder_with_a_card_made_from_its_report(
    make_run: MakeRun, tmp_path: Path, capsys: Captured
) -> None:
    run = make_run()
    out = tmp_path / "deep" / "out"
    assert export(run.folder, "--to", "hf", "-o", str(out)) == 0
    written = {"README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
               "tokenizer_config.json"}  # fmt: skip
    assert files(out) == written | {"export.json"}
    assert files(out.parent) == {"out"}
    assert {Path(line).name for line in capsys.readouterr().out.split()} == written
    about = json.loads((out / "export.json").read_text())
    assert (about["run"], about["format"], about["left_behind"]) == (run.name, "hf", [])
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "license" not in card  # it is the person's to choose
    for words in (
        "this network",
        "counting (",
        "nats per token",
        "## Data",
        "What both sides share",
        "## Licence",
        "±",
    ):
        assert words in card
    assert 'name = "tiny"' in card


def test_what_is_known_by_heart_is_on_the_card(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    run = make_run()
    assert main(["examine", str(run.folder), "--samples", "1", "--places", "3", "--tokens", "4"]) == 0
    export(run.folder, "--to", "hf", "-o", str(tmp_path / "out"))
    capsys.readouterr()
    assert "given 4 tokens, the next 4 came out exactly" in (tmp_path / "out" / "README.md").read_text()


def test_it_is_read_back_and_the_difference_kept(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    pytest.importorskip("transformers", reason="transformers, which reads back what was written")
    run = make_run()
    assert export(run.folder, "--to", "hf", "-o", str(tmp_path / "out")) == 0
    said = capsys.readouterr().err
    assert "read back by transformers" in said
    assert "the same token ids" in said
    kept = json.loads((tmp_path / "out" / "export.json").read_text())["read_back"]
    assert kept["differing"] == 0 < kept["documents"]
    assert abs(kept["loss_here"] - kept["loss_there"]) <= 1e-4
    assert kept["loss_here"] == pytest.approx(load_model(run.best_file).val_loss, abs=1e-4)


def test_where_nobody_can_read_it_that_is_said_and_kept(
    make_run: MakeRun, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "read_by_transformers", lambda _: None)
    assert export(make_run().folder, "--to", "hf", "-o", str(tmp_path / "out")) == 0
    assert "not read back: transformers is not installed" in capsys.readouterr().err
    assert "not installed" in json.loads((tmp_path / "out" / "export.json").read_text())["read_back"]["not"]


def test_a_library_that_cannot_open_it_does_not_keep_it_from_being_written(
    make_run: MakeRun, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_old(_: Path) -> None:
        raise KeyError("gpt2")

    monkeypatch.setattr(exporting, "read_by_transformers", too_old)
    assert export(make_run().folder, "--to", "hf", "-o", str(tmp_path / "out")) == 0
    assert "not read back: transformers could not open it (KeyError: 'gpt2')" in capsys.readouterr().err
    assert (tmp_path / "out" / "config.json").exists()


def test_without_its_texts_a_model_is_exported_too(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    run = make_run()
    shutil.rmtree(tmp_path / "corpus")
    assert export(run.folder, "--to", "hf", "-o", str(tmp_path / "out")) == 0
    assert "not read back: there is no validation text" in capsys.readouterr().err


def test_a_file_that_reads_otherwise_is_not_kept(
    make_run: MakeRun, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would be if the two libraries meant different things by a config."""
    pytest.importorskip("transformers", reason="transformers, which reads back what was written")

    def with_another_norm(folder: Path, *rest: object) -> None:
        write_huggingface(folder, *rest)  # type: ignore[arg-type]
        config = folder / "config.json"
        config.write_text(config.read_text().replace("1e-05", "0.5"))

    monkeypatch.setattr(exporting, "write_huggingface", with_another_norm)
    assert export(make_run().folder, "--to", "hf", "-o", str(tmp_path / "out")) == 2
    assert "more than rounding, so nothing was kept" in capsys.readouterr().err
    assert not any(path.name.lstrip(".").startswith("out") for path in tmp_path.iterdir())


# ---- what cannot go along ----


def test_a_copy_head_and_an_n_gram_model_are_refused_with_their_price_and_left_behind_if_wanted(
    make_run: MakeRun, tmp_path: Path, capsys: Captured
) -> None:
    run = make_run("model.copy_head=true", "model.ngram_mix=0.6", "evaluation.decides='static'")
    out = tmp_path / "out"
    assert export(run.folder, "--to", "hf", "-o", str(out)) == 2
    said = capsys.readouterr().err
    assert "an n-gram model mixed in (model.ngram_mix): without, " in said
    assert "its copy head (model.copy_head): without, " in said
    assert "nothing was written; --anyway writes the network alone" in said
    assert not out.exists()
    assert export(run.folder, "--to", "hf", "-o", str(out), "--anyway") == 0
    assert "without, " in capsys.readouterr().err
    left = json.loads((out / "export.json").read_text())["left_behind"]
    assert [part["name"] for part in left] == [
        "an n-gram model mixed in (model.ngram_mix)", "its copy head (model.copy_head)"
    ]  # fmt: skip
    assert left[0]["after"] == left[1]["before"]
    assert "What is missing here" in (out / "README.md").read_text()
    assert "copy_head" not in json.loads((out / "config.json").read_text())


def test_counts_that_learn_on_are_priced_by_what_the_phase_decides(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("model.context_mixing=true")
    saved = load_model(run.best_file)
    assert saved.adaptive_loss is not None
    (part,) = plan_export(run, "hf", tmp_path / "out").parts
    assert part.name == "counts mixed into its predictions (model.context_mixing)"
    assert part.after / part.before == pytest.approx(saved.val_loss / saved.adaptive_loss)


def test_a_mixture_that_is_not_used_costs_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("model.ngram_mix=0.1", "evaluation.decides='network'")
    assert plan_export(run, "hf", tmp_path / "out").parts == ()


def test_without_texts_the_price_is_said_to_be_unknown(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("model.copy_head=true")
    shutil.rmtree(tmp_path / "corpus")
    (part,) = plan_export(run, "hf", tmp_path / "out").parts
    assert part.words.endswith("what that costs is not known, since the texts are not as they were trained on")


def test_what_is_neither_gpt2_nor_llama_names_both(make_run: MakeRun) -> None:
    model = load_model(make_run().best_file).model
    model.config = dataclasses.replace(model.config, positions="rotary", norm="rms")
    with pytest.raises(Unwritable, match='positions = "rotary", norm = "rms" and mlp = "swiglu" together'):
        plain_network(model)


def test_a_run_with_llamas_parts_becomes_llama(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    pytest.importorskip("transformers", reason="transformers, which reads back what was written")
    run = make_run("model.positions=rotary", "model.norm=rms", "model.mlp=swiglu", "model.copy_head=true")
    assert main(["export", str(run.folder), "--to", "hf", "-o", str(tmp_path / "out")]) == 2
    assert "Hugging Face's LLaMA has no place for:" in capsys.readouterr().err
    assert main(["export", str(run.folder), "--to", "hf", "-o", str(tmp_path / "out"), "--anyway"]) == 0
    about = json.loads((tmp_path / "out/export.json").read_text())["read_back"]
    assert abs(about["loss_there"] - about["loss_here"]) < 1e-4
    assert "with LLaMA's architecture" in (tmp_path / "out/README.md").read_text()


def test_what_was_written_as_llama_says_so_and_names_its_run_to_start_from(make_run: MakeRun, tmp_path: Path) -> None:
    run, out = make_run("model.positions=rotary", "model.norm=rms", "model.mlp=swiglu"), tmp_path / "out"
    assert main(["export", str(run.folder), "--to", "hf", "-o", str(out)]) == 0
    assert "\ntags:\n- slmtui\n- llama\n---\n" in (out / "README.md").read_text()
    with pytest.raises(NotGpt2, match=rf"allowed: gpt2; name the run that it was exported from, {run.name}$"):
        parent_from_folder(out)
    (out / "export.json").write_text('["no table"]')
    with pytest.raises(NotGpt2, match=r"allowed: gpt2$"):
        parent_from_folder(out)


@pytest.mark.parametrize("choice", ["positions = rotary", "norm = rms", "mlp = swiglu"])
def test_a_network_that_gpt2_has_no_place_for_is_refused_even_anyway(make_run: MakeRun, choice: str) -> None:
    model = load_model(make_run().best_file).model
    assert plain_network(model) is model
    key, value = choice.split(" = ")
    model.config = dataclasses.replace(model.config, **{key: value})  # type: ignore[arg-type]
    with pytest.raises(Unwritable, match=rf"model\.{choice} cannot be written"):
        plain_network(model)


def test_a_vocabulary_that_nobody_else_has_is_refused(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    text = Path(make_run().phase_file).read_text().replace('kind = "bpe"\nvocab_size = 300', 'kind = "gpt2-compact"')
    session = begin(parse_phase(text), tmp_path / "others")
    list(session.events)
    assert export(session.run.folder, "--to", "hf", "-o", str(tmp_path / "out"), "--anyway") == 2
    assert 'tokenizer.kind = "gpt2-compact" cannot be written for others' in capsys.readouterr().err


# ---- the folder ----


def test_an_earlier_export_is_replaced_but_nobodys_files(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    run, out = make_run(), tmp_path / "out"
    assert export(run.folder, "--to", "csv", "-o", str(out)) == 0
    assert export(run.folder, "--to", "hf", "-o", str(out)) == 0
    assert "steps.csv" not in files(out)
    (out / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert export(run.folder, "--to", "hf", "-o", str(out)) == 2
    assert "holds files that no export wrote (notes.txt)" in capsys.readouterr().err
    assert "config.json" in files(out)


def test_a_list_of_files_that_nests_too_deeply_or_a_name_of_two_lines_is_told_like_others(
    make_run: MakeRun, tmp_path: Path, capsys: Captured
) -> None:
    run, out = make_run(), tmp_path / "out"
    out.mkdir()
    (out / "export.json").write_text('{"files":' + "[" * 100_000)
    (out / "two\nlines").write_text("mine")
    assert export(run.folder, "--to", "csv", "-o", str(out)) == 2
    assert r"holds files that no export wrote (two\nlines)" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["hf", "csv"])
def test_a_file_a_link_or_a_folder_of_ones_own_is_refused(make_run: MakeRun, tmp_path: Path, to: str) -> None:
    run = make_run()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "corpus")
    for name in ("file", "link", "corpus"):
        assert export(run.folder, "--to", to, "-o", str(tmp_path / name)) == 2
    assert len(files(tmp_path / "corpus")) == 6
    assert export(run.folder, "--to", to, "-o", str(tmp_path / "file" / "below")) == 2
    (tmp_path / "empty").mkdir()
    assert export(run.folder, "--to", to, "-o", str(tmp_path / "empty")) == 0


@pytest.mark.parametrize("place", [".", "../here", ".."])
def test_the_folder_one_stands_in_is_not_replaced(
    make_run: MakeRun, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    run = make_run()
    (tmp_path / "above" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above" / "here")
    assert export(run.folder, "--to", "csv", "-o", place) == 2
    assert "is where this command runs; name a new folder" in capsys.readouterr().err
    assert export(run.folder, "--to", "csv", "-o", "../beside") == 0
    assert files(tmp_path / "above") == {"here", "beside"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "out"

    def export_and_fail() -> None:
        with export_folder(out, {}) as draft:
            (draft / "b").write_text("half")
            raise error

    with export_folder(out, {}) as draft:
        (draft / "a").write_text("whole")
    with pytest.raises(UserError if isinstance(error, OSError) else KeyboardInterrupt):
        export_and_fail()
    assert (files(tmp_path), files(out)) == ({"out"}, {"a", "export.json"})


def test_a_folder_that_cannot_be_put_in_its_place_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rename = tmp_path / "out", Path.rename

    def full(path: Path, to: Path) -> Path:
        if path.name.endswith(".draft"):
            raise OSError("100 requested and 20 written")  # numpy's, without a reason
        return rename(path, to)

    with export_folder(out, {}) as draft:
        (draft / "a").write_text("whole")
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(UserError, match=r"only part of it; is the disk full\? 100 requested"), export_folder(out, {}):
        pass
    assert (files(tmp_path), files(out)) == ({"out"}, {"a", "export.json"})


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    no_longer = subprocess.Popen([sys.executable, "-c", ""])
    no_longer.wait()
    for end in ("draft", "before"):
        (tmp_path / f".out.{no_longer.pid}.{end}").mkdir()
        (tmp_path / f".out.{no_longer.pid}.{end}" / "half").write_text("half")
    with export_folder(tmp_path / "out", {}) as draft:
        (draft / "a").write_text("whole")
    assert (files(tmp_path), files(tmp_path / "out")) == ({"out"}, {"a", "export.json"})


def test_a_process_that_was_killed_between_two_exports_loses_neither(tmp_path: Path) -> None:
    no_longer = subprocess.Popen([sys.executable, "-c", ""])
    no_longer.wait()
    out = tmp_path / "out"
    with export_folder(out, {}) as draft:
        (draft / "a").write_text("earlier")
    out.rename(tmp_path / f".out.{no_longer.pid}.before")
    with pytest.raises(UserError, match=rf"{out}/b: cannot be written"), export_folder(out, {}) as draft:
        raise OSError(errno.ENOSPC, "No space left on device", str(draft / "b"))
    assert (files(tmp_path), (out / "a").read_text()) == ({"out"}, "earlier")


def test_what_another_process_writes_is_let_be_and_the_first_of_two_is_whole(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (tmp_path / f".out.{other.pid}.draft").mkdir()
        with export_folder(tmp_path / "out", {}) as draft:
            (draft / "a").write_text("whole")
        assert files(tmp_path) == {"out", f".out.{other.pid}.draft"}
        other.communicate(b"\n")


def test_an_empty_folder_of_somebody_in_an_earlier_export_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with export_folder(out, {}) as draft:
        (draft / "a").write_text("whole")
    (out / "mine").mkdir()
    with pytest.raises(UserError, match="no export wrote"), export_folder(out, {}):
        pass
    assert (out / "mine").is_dir()


def test_options_that_mean_nothing_are_refused(make_run: MakeRun, tmp_path: Path, capsys: Captured) -> None:
    run = make_run()
    for words in (["--to", "hf", "--f16"], ["--to", "csv", "--anyway"], ["--to", "tensorboard", "--last"]):
        assert export(run.folder, "-o", str(tmp_path / "out"), *words) == 2
    assert not (tmp_path / "out").exists()
    (run.best_file).unlink()
    assert export(run.folder, "--to", "hf", "-o", str(tmp_path / "out")) == 2
    assert "has no best.pt yet" in capsys.readouterr().err


def test_a_missing_package_is_named(
    make_run: MakeRun, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)  # an import of it fails
    assert export(run.folder, "--to", "hf", "-o", str(tmp_path / "out")) == 2
    assert (
        "safetensors is not installed, which writes this format: pip install 'slmtui[export]'"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_a_plan_writes_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    plan = plan_export(make_run(), "hf", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert write_export(plan).folder == tmp_path / "out"
