"""What people will install, tried before they do: `make release-check`.

Builds the sdist, and the wheel out of it; looks into the wheel; installs it into a fresh environment in a temporary
folder, with the versions of constraints.txt; and there, outside the repository, runs the commands that a person begins
with. Then the same for the sdist, in the same environment. Takes some minutes, most of them for torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import slmtui

ROOT = Path(__file__).parents[1]
CONTENTS = (
    "slmtui/py.typed",
    "slmtui/console/console.tcss",
    "slmtui/data/gpt2_merges.bin.xz",
    *(f"slmtui/bundled/{part}/{path.name}" for part in ("phases", "studies") for path in (ROOT / part).glob("*.toml")),
    *(f"slmtui/bundled/data/chromadb/{path.name}" for path in (ROOT / "data/chromadb").glob("*.py")),
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "slmtui").rglob("*.py")),
)
# A person's first commands, each with words that its output must hold.
COMMANDS = (
    (("--version",), slmtui.__version__),
    (("init", "project"), "phases/"),
    (("check", "project/phases/quick.toml"), "quick.toml"),
    (("inspect", "project/data/chromadb"), "tokens"),
)
TINY = ("training.max_iters=4", "evaluation.interval=2", "model.n_embd=16", "model.n_layer=1", "model.n_head=2")
TRAINING = ("--headless", "phases/quick.toml", *(word for value in TINY for word in ("--set", value)))


def run(*command: str | Path, folder: Path) -> str:
    """The output of a command that must succeed, without anything of this repository on its path."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def tell(text: str) -> None:
    sys.stderr.write(f"release-check: {text}\n")


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the sdist, built in environments of their own."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, folder=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def look_into(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    if missing := [name for name in CONTENTS if name not in names]:
        sys.exit(f"{wheel.name} lacks {', '.join(missing)}")
    if strange := sorted(name for name in names if not name.startswith(("slmtui/", f"slmtui-{slmtui.__version__}."))):
        sys.exit(f"{wheel.name} has, outside its package, {', '.join(strange)}")


def try_out(program: Path, folder: Path) -> None:
    """Run what is installed in `folder`, which becomes a project."""
    folder.mkdir()
    for arguments, word in COMMANDS:
        output = run(program, *arguments, folder=folder)
        if word not in output:
            sys.exit(f"slmtui {' '.join(arguments)} does not say {word!r}:\n{output}")
    run(program, *TRAINING, folder=folder / "project")
    if not list((folder / "project/checkpoints").glob("*/best.pt")):
        sys.exit("the training left no best.pt")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="release-check-") as name:
        folder = Path(name)
        tell("building")
        wheel, sdist = build(folder)
        look_into(wheel)
        venv.create(folder / "environment", with_pip=True)
        binaries = folder / "environment" / "bin"
        install = (binaries / "python", "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt")
        run("make", "torch", f"VENV={folder / 'environment'}", folder=ROOT)
        for what, options in ((wheel, ()), (sdist, ("--no-deps", "--force-reinstall"))):
            tell(f"installing {what.name}")
            run(*install, *options, what, folder=folder)
            tell(f"running {what.name}")
            try_out(binaries / "slmtui", folder / f"tried-{what.suffix[1:]}")
        tell(f"slmtui {slmtui.__version__}: wheel and sdist install and run")


if __name__ == "__main__":
    main()
