"""A process that has torch imported and forks a slmtui for each line it is given: `python -m tests.runs.forking`.

Each fork is a process of its own that can be killed; only the seconds that importing torch takes are shared.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

from slmtui import cli


def main() -> None:
    importlib.import_module("slmtui.commands.headless")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 1)
            status = 70
            try:
                status = cli.main(json.loads(line))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, code = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(code)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
