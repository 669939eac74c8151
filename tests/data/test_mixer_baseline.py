"""What counting that learns as it goes reaches: on bytes, documents apart, and of how much text."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from slmtui.data.baseline import Baseline
from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.mixer_baseline import BYTES, Limits, with_mixer
from slmtui.data.split_stats import dataset_baseline

ENOUGH = Limits(10_000, 10_000)
NAMES = ("order", "ticket", "invoice", "sensor", "route", "parcel", "lorry", "depot", "pallet", "driver")


def text_of(i: int) -> str:
    return f"def load_{NAMES[i]}(path):\n    with open(path) as handle:\n        return json.load(handle)  # {i}\n"


def dataset(folder: Path, texts: list[str], kind: str = "bytes") -> Dataset:
    folder.mkdir(exist_ok=True)
    for i, text in enumerate(texts):
        (folder / f"{i:02}.py").write_text(text)
    return build_dataset(open_corpus(folder), DatasetSettings(kind=kind, train_fraction=0.7))


def measured(found: Dataset, limits: Limits = ENOUGH) -> Baseline:
    baseline = dataset_baseline(found)
    assert baseline is not None
    return with_mixer(baseline, found, limits)


def test_documents_are_apart_and_their_ends_are_in_no_mean(tmp_path: Path) -> None:
    texts = [text_of(i) for i in range(10)]
    found = measured(dataset(tmp_path / "c", texts))
    ends = [np.append(np.frombuffer(text.encode(), np.uint8).astype(np.int64), 256) for text in texts]
    mixer = ContextMixer.fit([*BYTES, b""], np.concatenate(ends[:7]))
    val = np.concatenate(ends[7:])
    adaptive = mixer.losses(val, adaptive=True)[val != 256].mean() / math.log(2)
    assert found.adaptive_bits_per_byte == pytest.approx(adaptive, rel=1e-6)
    assert found.note == ""


def test_one_document_is_a_text_without_an_end(tmp_path: Path) -> None:
    text = "".join(text_of(i) for i in range(10))
    one = dataset(tmp_path / "c", [text])
    found = measured(one)
    cut = one.train.n_bytes
    data = np.frombuffer(text.encode(), np.uint8).astype(np.int64)
    bits = ContextMixer.fit(BYTES, data[:cut]).losses(data[cut:], adaptive=True).mean() / math.log(2)
    assert found.adaptive_bits_per_byte == pytest.approx(bits, rel=1e-6)


def test_it_is_the_same_in_every_vocabulary_of_one_split(tmp_path: Path) -> None:
    texts = [text_of(i) for i in range(10)]
    in_bytes, in_gpt2 = (measured(dataset(tmp_path / "c", texts, kind)) for kind in ("bytes", "gpt2-compact"))
    assert in_bytes.adaptive_bits_per_byte == pytest.approx(in_gpt2.adaptive_bits_per_byte)
    assert in_bytes.loss != in_gpt2.loss
    for found in (in_bytes, in_gpt2):  # the same bits in nats of each vocabulary
        assert found.adaptive is not None
        assert found.bits(found.adaptive.loss) == pytest.approx(found.adaptive_bits_per_byte)


def test_the_ngram_model_is_as_it_was(tmp_path: Path) -> None:
    found = dataset(tmp_path / "c", [text_of(i) for i in range(10)])
    baseline = dataset_baseline(found)
    assert baseline is not None
    both = with_mixer(baseline, found, ENOUGH)
    assert (both.order, both.loss, both.unigram, both.bits_per_byte) == (
        baseline.order, baseline.loss, baseline.unigram, baseline.bits_per_byte,
    )  # fmt: skip
    assert baseline.adaptive is None
    assert baseline.bars == [baseline.static]


def test_what_validation_repeats_of_itself_only_adaptive_counting_knows(tmp_path: Path) -> None:
    new = "zebra quagga okapi bongo kudu eland nyala oryx gnu impala dik-dik\n" * 2
    found = measured(dataset(tmp_path / "c", [*(text_of(i) for i in range(7)), *[new] * 4]))
    assert found.adaptive is not None
    assert found.adaptive.bits_per_byte < 0.5 * found.static.bits_per_byte


def test_the_bars_are_named_and_each_is_for_its_way_to_predict() -> None:
    both = Baseline(7, 2.0, (), 3.0, 5.0, 1.0, "", adaptive_bits_per_byte=0.6)
    assert (both.static.model, both.static.title, both.static.loss) == ("a 7-gram model", "counting (7-gram)", 2.0)
    assert both.adaptive is not None
    assert (both.adaptive.title, both.adaptive.bits_per_byte) == ("counting, adaptive", 0.6)
    assert both.adaptive.loss == pytest.approx(1.2)
    assert both.bar("adaptive") == both.adaptive
    assert both.bar("network") == both.bar("static") == both.static


def test_of_much_text_only_a_part_is_read_and_the_note_says_which(tmp_path: Path) -> None:
    found = dataset(tmp_path / "c", [text_of(i) for i in range(10)])
    part = measured(found, Limits(200, 100))
    assert part.note == (
        f"counting in many contexts on the last 197 of {found.train.n_bytes} bytes of training text and the first 99 "
        f"of {found.val.n_bytes} bytes of validation text"
    )
    assert part.adaptive_bits_per_byte not in (None, measured(found).adaptive_bits_per_byte)
