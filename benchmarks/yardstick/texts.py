"""The texts of the yardstick: how each is made, and how it is split."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.insight import recipe_corpora

Make = Callable[[Path], list[Path]]  # an empty folder to write into -> the sources
CONTIGUOUS = ("data.split=contiguous",)
SAMPLE = Path("data/chromadb")
SIZES = {"corpus-1k": 1_000, "corpus-5k": 5_000, "corpus-15k": 15_000, "corpus-23k": 23_000}  # GPT-2 tokens
# The names, in the order of the page.
ORDER = (*SIZES, "standard-library", "prose", "log", "records", "tinyshakespeare", "modules-5mb")
QUICK = ("corpus-1k", "corpus-5k")
UNLIKE = (*CONTIGUOUS, "data.dataset_size=23000")
SHAKESPEARE = Path("../shared/texts/tinyshakespeare.txt")
SHAKESPEARE_VAL = 104_217  # bytes at the end that validate
MODULE_BYTES = 5_000_000
NO_MODULES = {"test", "tests", "idle_test", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__"}


@dataclass(frozen=True)
class Text:
    """overrides: of the suggested phase, as on the command line. own: named by a person, so not kept in the page."""

    name: str
    make: Make
    overrides: tuple[str, ...] = CONTIGUOUS
    own: bool = False


def all_texts(shakespeare: Path | None) -> list[Text]:
    """Those that every checkout can make, and tinyshakespeare where it is."""
    texts = [Text(name, lambda _: [SAMPLE], (*CONTIGUOUS, f"data.dataset_size={n}")) for name, n in SIZES.items()]
    makers = recipe_corpora.standard_library, recipe_corpora.prose, recipe_corpora.log, recipe_corpora.records
    texts += [Text(make.__name__.replace("_", "-"), _written_by(make), UNLIKE) for make in makers]
    path = shakespeare or SHAKESPEARE
    if path.is_file():
        last = ('data.validation=["b.txt"]',)
        texts.append(Text("tinyshakespeare", lambda folder: [cut_before_its_end(path, SHAKESPEARE_VAL, folder)], last))
    return [*texts, Text("modules-5mb", lambda folder: [modules(folder, MODULE_BYTES)])]


def own_texts(paths: Sequence[Path]) -> list[Text]:
    """A text of each file or folder."""
    return [Text(path.name, _at(path), own=True) for path in paths]


def in_folder(folder: Path) -> list[Path]:
    """Each file and each folder in it, but for hidden ones; of a file, itself."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    return [path for path in entries if not path.name.startswith(".")]


def cut_before_its_end(path: Path, n_bytes: int, folder: Path) -> Path:
    """The text in two files: a.txt, and b.txt with the last `n_bytes`."""
    data = path.read_bytes()
    (folder / "a.txt").write_bytes(data[:-n_bytes])
    (folder / "b.txt").write_bytes(data[-n_bytes:])
    return folder


def modules(folder: Path, least: int) -> Path:
    """Modules of Python's standard library, by name, until they have `least` bytes; they depend on its version."""
    library = Path(sysconfig.get_path("stdlib"))
    written = 0
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).parts
        if written >= least:
            break
        if not NO_MODULES.intersection(parts):
            written += (folder / "_".join(parts)).write_bytes(path.read_bytes())
    return folder


def _written_by(make: Callable[[Path], Path]) -> Make:
    return lambda folder: [make(folder)]


def _at(path: Path) -> Make:
    return lambda _: [path]
