"""Run every script of data/chromadb against the real chromadb package.

    pip install -e '.[corpus]'
    python data/check_corpus.py               # all of them
    python data/check_corpus.py 03_crud.py    # only these

Each script runs by itself in a fresh temporary folder, with data/chromadb on its PYTHONPATH and nothing left
over from another script. One line per script is printed, the output of a failed one below it. Python code is
refused any connection that leaves this machine, so that a script which would download a model fails here and
not at somebody's desk.

Exit status: 0 when all ran, 1 when one failed, 2 when there was nothing to run.
"""

# ruff: noqa: T201  (a script: what it prints is its result)

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent / "chromadb"

# Imported by every Python process of the child, those it starts itself too (site.py looks for this name).
GUARD = '''\
"""Refuse name look-ups and connections that leave this machine."""
import sys

LOCAL = ("localhost", "127.0.0.1", "::1")


def refuse(event, args):
    if event == "socket.getaddrinfo" and args[0] not in LOCAL:
        raise OSError(f"the corpus check allows no network, asked for {args[0]!r}")
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in LOCAL:
        raise OSError(f"the corpus check allows no network, asked for {args[1]!r}")


sys.addaudithook(refuse)
'''


def environment(guard_dir: Path, home: Path) -> dict[str, str]:
    """The child's environment: corpus and guard to import, a home of its own, no bytecode in the corpus."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join((str(guard_dir), str(SCRIPTS))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANONYMIZED_TELEMETRY": "False",
        "HOME": str(home),
    }


def run_script(script: Path, limit_s: float) -> tuple[str | None, float]:
    """Run one script in a folder of its own: what went wrong (None: nothing), and the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="corpus-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        guard_dir, home, cwd = root / "guard", root / "home", root / "work"
        for folder in (guard_dir, home, cwd):
            folder.mkdir()
        (guard_dir / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
        start = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, str(script)],
                cwd=cwd,
                env=environment(guard_dir, home),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"still running after {limit_s:g} s", time.monotonic() - start
    seconds = time.monotonic() - start
    if done.returncode == 0:
        return None, seconds
    return f"exit status {done.returncode}\n{done.stdout}{done.stderr}", seconds


def main() -> int:
    parser = argparse.ArgumentParser(description="Run every script of data/chromadb by itself.")
    parser.add_argument("scripts", nargs="*", metavar="NAME", help="only these scripts, by file name")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="seconds for each script (60)")
    args = parser.parse_args()
    try:
        tools = [f"{package} {version(package)}" for package in ("chromadb", "pypdf")]
    except PackageNotFoundError as error:
        print(f"check_corpus: {error.name} is not installed; pip install -e '.[corpus]'", file=sys.stderr)
        return 2
    scripts = [SCRIPTS / name for name in args.scripts] or sorted(SCRIPTS.glob("*.py"))
    missing = [script.name for script in scripts if not script.is_file()]
    if missing or not scripts:
        named = ", ".join(missing) or "*.py"
        print(f"check_corpus: no such script in {SCRIPTS}: {named}", file=sys.stderr)
        return 2

    failed = 0
    for script in scripts:
        problem, seconds = run_script(script, args.limit)
        failed += problem is not None
        print(f"{'ok' if problem is None else 'FAILED':7}{seconds:6.1f} s  {script.name}")
        if problem is not None:
            print(problem)
    print(f"{len(scripts) - failed} of {len(scripts)} ran ({', '.join(tools)})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
