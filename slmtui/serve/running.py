"""The server: its socket, its signals, and what it says of itself now and then."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.serve.app import Endpoint
from slmtui.serve.limits import HEAD_SECONDS, MOST_CONNECTIONS, MOST_HEAD, READ_SECONDS
from slmtui.serve.models import Models
from slmtui.serve.speed import Speed
from slmtui.words import plural

LOOK_SECONDS = 1.0  # between two looks for better models
REPORT_SECONDS = 60.0  # between two lines, while anything is drawn
NICENESS = 10  # a training beside it goes first


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; UserError if it cannot. port 0: any that is free."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family, backlog=128)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no name of a machine can be
        reason = _reason(error)
        raise UserError(
            f"{printable(host)}:{port}: cannot be listened at ({reason}); choose another address with --host and --port"
        ) from None


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or printable(str(error), limit=200)


def address_of(listening: socket.socket) -> str:
    """`http://127.0.0.1:8000`"""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_local(host: str) -> bool:
    """Whether nobody but this machine can reach the address; UserError if it is none."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {printable(host)}: no address ({_reason(error)})") from None
    return all(str(address[0]).startswith("127.") or address[0] == "::1" for *_, address in found)


def serve(
    listening: socket.socket, checkpoints: Path, names: Sequence[str], say: Callable[[str], None], *,
    api_key: str | None = None, ready: Callable[[], None] = lambda: None, until: threading.Event | None = None,
) -> None:  # fmt: skip
    """Serve until SIGTERM or ctrl+c, or until `until` is set; then what runs is finished."""
    speed = Speed()
    models = Models(checkpoints, names, speed, say)
    endpoint = Endpoint(models, speed, api_key=api_key, say=say)
    config = uvicorn.Config(
        endpoint.app, interface="asgi3", http=_Protocol, ws="none", lifespan="off", loop="asyncio",
        log_config=None, log_level="critical", access_log=False, proxy_headers=False, server_header=False,
        h11_max_incomplete_event_size=MOST_HEAD, timeout_keep_alive=int(HEAD_SECONDS),
    )  # fmt: skip
    server = _Server(config)

    async def run() -> None:
        await models.begin()
        aside = [asyncio.create_task(_look(models)), asyncio.create_task(_report(endpoint, speed, say))]
        with _signals(server, say):
            if until is not None:
                aside.append(asyncio.create_task(_wait_for(until, server)))
            aside.append(asyncio.create_task(_tell_ready(server, ready)))
            await server.serve([listening])
        for task in aside:
            task.cancel()
        models.close()

    asyncio.run(run())


class _Server(uvicorn.Server):
    """Whoever runs it hears the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """A connection: there are not too many, its heads come soon, and what it is sent is read."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._unread: asyncio.TimerHandle | None = None
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None  # a piece of a head is not all of it
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self.timeout_keep_alive_task = self.timeout_keep_alive_task or timer
        elif timer is not None:
            timer.cancel()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(READ_SECONDS, self.transport.abort)  # in case what it was sent is never read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()


@contextmanager
def _signals(server: _Server, say: Callable[[str], None]) -> Iterator[None]:
    """The first SIGTERM or ctrl+c ends the server once what runs is finished, a second ctrl+c at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        if server.should_exit and number == signal.SIGINT:
            server.force_exit = True
        elif not server.should_exit:
            say("ending: what runs is finished first")
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _tell_ready(server: _Server, ready: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    ready()


async def _wait_for(until: threading.Event, server: _Server) -> None:
    while not until.is_set():
        await asyncio.sleep(0.1)
    server.should_exit = True


async def _look(models: Models) -> None:
    """Have better models read as they land."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        models.look()


async def _report(endpoint: Endpoint, speed: Speed, say: Callable[[str], None]) -> None:
    """A line now and then, if anything was drawn since the last one."""
    tokens = 0
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        if speed.tokens > tokens:
            tokens = speed.tokens
            told = f"{plural(endpoint.requests, 'request')}, {plural(tokens, 'token')}"
            say(f"{told}, lately {speed.lately():,.0f} tokens/s")


def give_way() -> None:
    """Have whatever else needs the processor, such as a training, go first."""
    with suppress(OSError):
        os.nice(NICENESS)
