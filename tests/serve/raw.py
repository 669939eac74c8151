"""Requests as bytes, for what no client sends."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.patience import PATIENCE


def exchanged(port: int, *pieces: bytes) -> bytes:
    """What is answered to these bytes, up to the connection's end."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        received = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while piece := connection.recv(1 << 16):
                received += piece
        except (ConnectionResetError, BrokenPipeError):  # it was closed before all was sent
            pass
        return received


def posted(path: str, body: Any, *headers: str) -> bytes:
    """A request, after whose answer the connection ends."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def content(answer: bytes) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.partition(b"\r\n\r\n")[2])
