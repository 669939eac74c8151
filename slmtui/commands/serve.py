"""slmtui serve [RUN …]: answer editors and OpenAI's clients over HTTP, with the models of runs.

Without a RUN, all runs are served, and a request that names no model means the newest. A model's name is its run's, for
the best model, or RUN@STEP for the checkpoint of that step; STUDY/CELL means the seeds of a study's cell together. A
tag, latest and best can be asked for, too. When training finds a better model, or a tag moves to another run, that one
is served from then on. How to point an editor at it: docs/editors.md.

slmtui serve latest
curl http://127.0.0.1:8000/v1/completions -d '{"prompt": "def "}'

SIGTERM or ctrl+c ends it once what runs is finished.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import click

from slmtui.commands.options import Job, checkpoints_option, named_model, run_and_cell_names, whole
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, say

EXTRA = "the packages of the extra are missing: pip install 'slmtui[serve]'"


@click.command(cls=Job, help=__doc__)
@click.argument("runs", nargs=-1, metavar="[RUN …]", shell_complete=run_and_cell_names)
@click.option("--host", default="127.0.0.1", metavar="HOST", help="address to listen at (default: this machine only)")
@click.option("--port", type=whole(0, 65535), default="8000", metavar="N", help="0: any that is free (default: 8000)")
@click.option(
    "--api-key", envvar="SLMTUI_API_KEY", metavar="KEY",
    help="what clients have to send; needed with a --host that others can reach. Also taken from SLMTUI_API_KEY",
)  # fmt: skip
@click.option("--until-eof", is_flag=True, help="end, too, when stdin does, for a program that starts it")
@checkpoints_option
def command(
    runs: tuple[str, ...], host: str, port: int, api_key: str | None, until_eof: bool, checkpoints: Path
) -> ExitStatus:
    for name in runs:
        named_model(name, checkpoints)
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise UserError(f"serve: {EXTRA}") from None
    from slmtui.serve import running  # torch, which a wrong name need not wait for

    if api_key == "":
        raise UserError("--api-key: empty; leave it out, or give a key")
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()):
        raise UserError("--api-key: no client can send it; allowed are ASCII letters, digits and signs")
    if api_key is None and not running.is_local(host):
        raise UserError(f"--host {host} can be reached by others: give --api-key KEY, which clients then have to send")
    with running.listen(host, port) as listening:
        running.give_way()
        address = running.address_of(listening)

        def ready() -> None:
            put(address)
            say("serves /v1/completions, /v1/models, /infill and /health; ctrl+c ends it")

        running.serve(
            listening,
            checkpoints,
            runs,
            say,
            api_key=api_key,
            ready=ready,
            until=_end_of_stdin() if until_eof else None,
        )
    return ExitStatus.DONE


def _end_of_stdin() -> threading.Event:
    ended = threading.Event()

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1 << 16):
            pass
        ended.set()

    threading.Thread(target=wait, name="stdin", daemon=True).start()
    return ended
