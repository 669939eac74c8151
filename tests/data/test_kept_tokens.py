"""A large text is tokenised once, whoever comes and whatever stops it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import slmtui.data.kept_tokens as kept
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.kept_tokens import Ids, KeptTokens, make_room, token_file
from slmtui.data.token_file import TokenFile
from slmtui.data.token_prefix import read_prefix

N_ITEMS = 40


@pytest.fixture(autouse=True)
def every_text_is_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "KEPT_FROM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def ids_of(item: int) -> Ids:
    return np.arange(item, 2 * item, dtype=np.uint16)


EXPECTED = np.concatenate([ids_of(item) for item in range(N_ITEMS)]).tolist()


class Counting:
    """`ids_of`, and which items it was asked for."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[int] = []
        self.fails_at = fails_at

    def __call__(self, item: int) -> Ids:
        if item == self.fails_at:
            raise KeyboardInterrupt
        self.asked.append(item)
        return ids_of(item)


def gone_through(tokens: TokenFile, encode: Callable[[int], Ids], n: int = N_ITEMS) -> list[int]:
    for item, ids in tokens.encode(range(n), encode):
        assert ids.tolist() == ids_of(item).tolist()
    return tokens.array().tolist()  # type: ignore[no-any-return]


def new_file(tmp_path: Path, name: str = "text") -> KeptTokens:
    folder = tmp_path / "kept"
    folder.mkdir(exist_ok=True)
    return KeptTokens(np.uint16, folder, name)


def test_the_second_time_nothing_is_tokenised(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    assert gone_through(new_file(tmp_path), first) == EXPECTED
    assert gone_through(new_file(tmp_path), second) == EXPECTED
    assert (sorted(first.asked), second.asked) == (list(range(N_ITEMS)), [])


def test_less_of_it_is_asked_for_then_more(tmp_path: Path) -> None:
    some = new_file(tmp_path)
    pairs = some.encode(range(N_ITEMS), ids_of)
    for item, _ in pairs:
        if item == 9:
            break
    pairs.close()
    assert some.array().tolist() == EXPECTED[: sum(range(10))]
    rest = Counting()
    assert gone_through(new_file(tmp_path), rest) == EXPECTED
    assert min(rest.asked) == 10


def test_what_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        gone_through(new_file(tmp_path), Counting(fails_at=30))
    with (tmp_path / "kept" / "text.ids").open("ab") as file:
        file.write(b"half an item of odd length.")  # what a kill leaves
    with (tmp_path / "kept" / "text.ends").open("ab") as file:
        file.write(b"\1\2\3")
    rest = Counting()
    assert gone_through(new_file(tmp_path), rest) == EXPECTED
    assert 15 <= min(rest.asked) <= 30
    assert gone_through(new_file(tmp_path), Counting(fails_at=0)) == EXPECTED


def test_ends_without_their_tokens_are_not_believed(tmp_path: Path) -> None:
    gone_through(new_file(tmp_path), ids_of)
    with (tmp_path / "kept" / "text.ids").open("r+b") as file:
        file.truncate(2 * sum(range(20)) + 5)  # the machine went down before it was all on the disk
    rest = Counting()
    assert gone_through(new_file(tmp_path), rest) == EXPECTED
    assert min(rest.asked) == 20


def test_two_at_once_share_the_work(tmp_path: Path) -> None:
    one, other, found = Counting(), Counting(), dict[int, list[int]]()

    def work(number: int, encode: Counting) -> None:
        found[number] = gone_through(new_file(tmp_path), encode)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate((one, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: EXPECTED, 1: EXPECTED}
    assert sorted(one.asked + other.asked) == list(range(N_ITEMS))


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from slmtui.data.kept_tokens import KeptTokens
tokens = KeptTokens(np.uint16, Path(sys.argv[1]), "text")
for item, _ in tokens.encode(range(40), lambda n: np.arange(n, 2 * n, dtype=np.uint16)):
    if item == 19:
        print("here", flush=True)
        time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has written 20 items, and stays at them."""
    new_file(tmp_path)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "kept")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        yield process
        process.kill()


def test_one_that_waits_goes_on_when_the_other_is_killed(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    threading.Timer(0.3, writer.kill).start()
    rest = Counting()
    assert gone_through(new_file(tmp_path), rest) == EXPECTED
    assert min(rest.asked) == 20
    assert gone_through(new_file(tmp_path), Counting(fails_at=0)) == EXPECTED


def test_one_that_waits_in_vain_does_without(
    tmp_path: Path, writer: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PATIENCE", 0.2)
    rest = Counting()
    assert gone_through(new_file(tmp_path), rest) == EXPECTED
    assert sorted(rest.asked) == list(range(20, N_ITEMS))
    assert writer.poll() is None
    assert (tmp_path / "kept" / "text.ids").stat().st_size == 2 * sum(range(20)), "it is the writer's"


def test_a_disk_that_fills_up_costs_only_the_keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeptTokens, "_write_whole", full_after(500, KeptTokens._write_whole))
    assert gone_through(new_file(tmp_path), ids_of) == EXPECTED
    monkeypatch.undo()
    rest = Counting()
    assert gone_through(new_file(tmp_path), rest) == EXPECTED
    assert 0 < min(rest.asked) < N_ITEMS


def full_after(n_bytes: int, write: Callable[..., None]) -> Callable[..., None]:
    written = 0

    def limited(tokens: KeptTokens, file: object, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > n_bytes:
            raise OSError(28, "No space left on device")
        write(tokens, file, data)

    return limited


def test_the_longest_unused_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kept"
    for age, name in enumerate(("new", "old", "oldest")):
        gone_through(new_file(tmp_path, name), ids_of)
        for path in folder.glob(f"{name}.*"):
            os.utime(path, (1e9 - age, 1e9 - age))
    size = sum(path.stat().st_size for path in folder.glob("new.*"))
    monkeypatch.setattr(kept, "MOST_KEPT", 3 * size + 10)  # a lock has the id of its process
    gone_through(new_file(tmp_path, "old"), ids_of)  # used just now
    make_room(folder, size)
    assert {path.stem for path in folder.iterdir()} == {"new", "old"}
    with pytest.raises(OSError, match="not enough room"):
        make_room(folder, 3 * size + 11)  # which no room can be made for
    assert {path.stem for path in folder.iterdir()} == {"new", "old"}
    make_room(folder, 3 * size)
    assert list(folder.iterdir()) == []


def test_on_a_disk_without_room_nothing_is_deleted_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone_through(new_file(tmp_path, "old"), ids_of)
    size = kept_bytes(tmp_path)
    monkeypatch.setattr(kept, "MOST_KEPT", size + 10)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="not enough room"):
        make_room(tmp_path / "kept", size)  # twice as much must be free
    assert kept_bytes(tmp_path) == size
    make_room(tmp_path / "kept", size // 3)
    assert kept_bytes(tmp_path) == 0


def kept_bytes(tmp_path: Path) -> int:
    return sum(path.stat().st_size for path in (tmp_path / "kept").iterdir())


def test_all_that_is_kept_stays_within_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if a file is extended, or grows beyond what was expected, and if two grow at once."""
    size, slack = 2 * sum(range(N_ITEMS)) + 8 * N_ITEMS, 200
    monkeypatch.setattr(kept, "MOST_KEPT", size + size // 2)
    monkeypatch.setattr(kept, "GROWTH", 64)
    most = size + size // 2 + slack
    gone_through(new_file(tmp_path, "old"), ids_of)
    begun = new_file(tmp_path, "begun").encode(range(N_ITEMS), ids_of)
    for item, _ in begun:
        if item == 19:
            break
    begun.close()
    assert (tmp_path / "kept" / "old.ids").exists(), "there is room for both"
    assert kept_bytes(tmp_path) <= most
    assert gone_through(new_file(tmp_path, "begun"), ids_of) == EXPECTED
    assert not (tmp_path / "kept" / "old.ids").exists(), "the longest unused"
    assert kept_bytes(tmp_path) <= most
    one, other = new_file(tmp_path, "one"), new_file(tmp_path, "other")
    both = zip(one.encode(range(N_ITEMS), ids_of), other.encode(range(N_ITEMS), ids_of), strict=True)
    for (_, mine), (_, others) in both:
        assert mine.tolist() == others.tolist()
        assert kept_bytes(tmp_path) <= most
    assert one.array().tolist() == other.array().tolist() == EXPECTED
    assert size // 2 < kept_bytes(tmp_path)


@pytest.mark.parametrize(("kind", "is_kept"), [("bytes", False), ("characters", False), ("bpe", True)])
def test_a_token_of_some_vocabularies_is_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_kept: bool
) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 2 * 780)
    monkeypatch.setattr(kept, "GROWTH", 64)
    assert gone_through(token_file(np.uint16, 1000, kind, "text"), ids_of, 20) == EXPECTED[: sum(range(20))]
    (ids,) = (tmp_path / "cache" / "slmtui" / "texts").glob("*.ids")
    assert (ids.stat().st_size > 0) == is_kept


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").is_dir(), reason="root may write anywhere")
def test_a_home_that_cannot_be_written_to_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/self")
    assert type(token_file(np.uint16, 100, "gpt2", "text")) is TokenFile


def test_they_are_for_their_user_alone(tmp_path: Path) -> None:
    assert isinstance(token_file(np.uint16, 100, "gpt2", "text"), KeptTokens)
    assert (tmp_path / "cache" / "slmtui" / "texts").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for i in range(12):
        lines = [f"def function_{i}_{j}(value):\n    return value * {j}  # é 日本\n" for j in range(20)]
        (folder / f"{i:02}.py").write_text("\n".join(lines))
    return folder


def built(text: Path, kind: str, **settings: object) -> Dataset:
    return build_dataset(open_corpus(text), DatasetSettings(kind=kind, vocab_size=400, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["gpt2", "gpt2-compact", "bpe", "bytes"])
@pytest.mark.parametrize("split", ["contiguous", "by-document"])
def test_datasets_are_the_same_with_and_without(
    text: Path, kind: str, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_once = built(text, kind, split=split)
    monkeypatch.setattr("slmtui.data.tokenizer.Tokenizer.encode_documents", None)  # nothing more is tokenised
    again = built(text, kind, split=split)
    monkeypatch.undo()
    monkeypatch.setattr(kept, "KEPT_FROM", 1 << 40)
    without = built(text, kind, split=split)
    assert kept_once.fingerprint == again.fingerprint == without.fingerprint
    assert kept_once.files == again.files == without.files


def no_locks(_path: Path, **_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def no_room(_tokens: KeptTokens, _file: object, _data: bytes) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("of", "name", "fails", "why"),
    [
        (kept, "take", no_locks, "No locks available"),
        (KeptTokens, "_write_whole", no_room, "No space left on device"),
        (kept, "MOST_KEPT", 0, "not enough room"),
    ],
)
def test_a_folder_that_nothing_can_be_kept_in_is_done_without_and_told_of_once(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: object, name: str, fails: object, why: str
) -> None:
    monkeypatch.setattr(of, name, fails)
    without = built(text, "bpe")
    assert [note for note in without.notes if "kept" in note] == [
        f"the tokens of this text are not kept for the next time ({tmp_path}/cache/slmtui/texts: {why})"
    ]
    monkeypatch.undo()
    assert built(text, "bpe").fingerprint == without.fingerprint


def test_another_text_of_the_same_name_is_another(text: Path) -> None:
    before = read_prefix(open_corpus(text), None)
    path = text / "00.py"
    path.write_text(path.read_text().replace("value", "VALUE"))
    after = read_prefix(open_corpus(text), None)
    assert before.tokens.tolist() != after.tokens.tolist()
    monkeypatched = read_prefix(open_corpus(text), 50)
    assert monkeypatched.tokens.tolist() == after.tokens[: len(monkeypatched.tokens)].tolist()
