"""`python -m tests.forking`: has imported PyTorch and all of slmtui, and forks a slmtui for each that asks.

Each fork is a process of its own, with arguments, folder, environment, streams, terminal, signals and an exit status as
those that a shell starts; only the seconds that the imports take are shared. `tests/processes.py` is the other side.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import termios
from contextlib import suppress
from typing import Any, TextIO

from slmtui import __main__

STREAMS = ("stdin", "stdout", "stderr")
Connections = dict[int, socket.socket]  # by the process that each is about


def main() -> int:
    """Serve until stdin is at its end, then leave no fork behind; what a fork returns from here is its exit status."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c is for the forks, and for pytest, whose end is ours
    woken, waking = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    forks: Connections = {}
    while True:
        ready = select.select([0, listener.fileno(), woken], [], [])[0]
        if woken in ready:
            os.read(woken, 1 << 10)
            tell_ends(forks)
        if 0 in ready:
            for child in forks:
                os.kill(child, signal.SIGKILL)
            return 0
        if listener.fileno() in ready:
            connection = listener.accept()[0]
            request, files = receive(connection)
            import_everything()
            if (child := os.fork()) == 0:
                for each in (listener, *forks.values()):
                    each.close()
                os.close(woken)
                os.close(waking)
                become(request, files)
                with connection:  # who is told has a process that is ready for signals
                    connection.sendall(b"%d\n" % os.getpid())
                return run()
            for file in files:
                os.close(file)
            forks[child] = connection


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request, and the files that came with it: a line of JSON."""
    line, files, _, _ = socket.recv_fds(connection, 1 << 16, len(STREAMS))
    while not line.endswith(b"\n"):
        line += connection.recv(1 << 16)
    return json.loads(line), files


def tell_ends(forks: Connections) -> None:
    """For each fork that has ended, its exit status and the seconds of processor time that it took."""
    with suppress(ChildProcessError):
        while True:
            child, status, usage = os.wait4(-1, os.WNOHANG)
            if not child:
                return
            with forks.pop(child) as connection, suppress(BrokenPipeError):
                connection.sendall(b"%d %f\n" % (os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime))


def import_everything() -> None:
    """With the first fork: a test run may need none."""
    if "slmtui.cli" in sys.modules:
        return
    slmtui = importlib.import_module("slmtui")
    for module in pkgutil.walk_packages(slmtui.__path__, "slmtui."):
        importlib.import_module(module.name)
    from slmtui.data.context_mixing.mixer import ContextMixer

    ContextMixer.fit([b"a", b""], [0, 1] * 9)  # numba reads what it has kept of the mixer: half a second
    gc.collect()
    gc.freeze()  # what all have in common need be looked through by none of them


def become(request: dict[str, Any], files: list[int]) -> None:
    """What a fresh interpreter, started with these streams, would find."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["terminal"]:
        os.setsid()
        fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
    if request["nohup"]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ |= request["environment"]
    sys.argv = ["slmtui", *request["arguments"]]
    sys.path[0] = request["cwd"]
    given = dict(zip(request["streams"], files, strict=True))
    for descriptor, name in enumerate(STREAMS):
        stream = None
        if descriptor in given:
            os.dup2(given[descriptor], descriptor)
            stream = open_stream(descriptor)
        else:
            os.close(descriptor)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    for file in files:
        os.close(file)


def run() -> int:
    """slmtui; its end is Python's but for the last step: to take the modules apart takes longer than many a test."""
    status = 1  # of an exception that comes out of it

    def end() -> None:
        nonlocal status
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except OSError:
                status = 120
        os._exit(status)

    atexit.register(end)
    status = __main__.main()
    return status


def open_stream(descriptor: int) -> TextIO:
    """As Python opens its own."""
    file = io.FileIO(descriptor, "r" if descriptor == 0 else "w", closefd=False)
    errors = "backslashreplace" if descriptor == 2 else "strict"
    buffer = io.BufferedReader(file) if descriptor == 0 else io.BufferedWriter(file)
    return io.TextIOWrapper(buffer, "utf-8", errors, "\n", line_buffering=descriptor == 2 or file.isatty())


if __name__ == "__main__":
    sys.exit(main())
