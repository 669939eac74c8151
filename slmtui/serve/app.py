"""The endpoint as an ASGI application: who may ask, how much at once, for how long. It has an answer to everything."""

from __future__ import annotations

import asyncio
import hmac
import json
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.serve.asked import Body as AnyBody
from slmtui.serve.asked import CompletionBody, InfillBody, parsed
from slmtui.serve.completions import Completions
from slmtui.serve.errors import BUSY, DENIED, FAILED, INVALID, MISSING, RequestError
from slmtui.serve.infill import Infill
from slmtui.serve.limits import ANSWER_SECONDS, BODY_SECONDS, MOST_BODY, MOST_REQUESTS
from slmtui.serve.models import Models
from slmtui.serve.speed import Speed

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Endpoint:
    """`app` is to be served. say: is told of what failed. Used in one event loop."""

    def __init__(
        self, models: Models, speed: Speed, *, api_key: str | None = None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._models, self._speed, self._key, self._say = models, speed, api_key, say
        self.requests = 0  # that were answered or begun
        self.running = 0
        routes = [
            Route("/health", self._health, methods=["GET"]),
            Route("/v1/models", self._list, methods=["GET"]),
            Route("/v1/models/{name:path}", self._one, methods=["GET"]),
            Route("/v1/completions", self._completions, methods=["POST"]),
            Route("/infill", self._infill, methods=["POST"]),
        ]
        handlers = {RequestError: _refusal, HTTPException: _http_refusal, Exception: _failure}
        self._routed = Starlette(routes=routes, exception_handlers=handlers)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application."""
        try:
            await self._routed(scope, receive, send)
        except ClientDisconnect:
            pass
        except Exception as error:  # a fault of ours: it was answered, and must not be one for those who come next
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._say(f"a request failed: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")

    async def _health(self, request: Request) -> Response:
        self._check_host(request)
        said: dict[str, Any] = {"status": "ok"}
        if self._may(request):
            said |= {
                "models": [run.name for run in self._models.runs()],
                "requests": self.requests,
                "running": self.running,
                "tokens": self._speed.tokens,
                "tokens_per_second": round(self._speed.lately(), 1),
            }
        return _json(said)

    async def _list(self, request: Request) -> Response:
        self._check(request)
        names = await asyncio.to_thread(self._models.names)
        return _json({"object": "list", "data": [_model(name.id, name.created) for name in names]})

    async def _one(self, request: Request) -> Response:
        self._check(request)
        name = await self._models.own_name(request.path_params["name"])
        found = [each for each in await asyncio.to_thread(self._models.names) if each.id == name]
        if not found:
            self._models.files(name)  # says what there is
        return _json(_model(name, found[0].created if found else 0))

    async def _completions(self, request: Request) -> Response:
        async def answer(body: CompletionBody) -> Response:
            asked = await asyncio.to_thread(Completions, body, *await self._models.get(body.model))
            return _Events(self, asked.chunks()) if body.stream else _json(await asked.whole())

        return await self._answered(request, CompletionBody, answer)

    async def _infill(self, request: Request) -> Response:
        async def answer(body: InfillBody) -> Response:
            asked = await asyncio.to_thread(Infill, body, *await self._models.get(body.model))
            return _Events(self, asked.chunks(), last=None) if body.stream else _json(await asked.whole())

        return await self._answered(request, InfillBody, answer)

    async def _answered(
        self, request: Request, kind: type[AnyBody], answer: Callable[[AnyBody], Awaitable[Response]]
    ) -> Response:
        """The answer, unless there are too many at once, it takes too long, or who asked is gone."""
        self._check(request)
        data = await self._body(request)
        if self.running >= MOST_REQUESTS:
            raise RequestError(
                f"{MOST_REQUESTS} requests run or wait; try again in a moment", status=429, kind=BUSY, code="overloaded"
            )
        self.requests += 1
        self.running += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                body = await asyncio.to_thread(parsed, kind, data)
                return await _first_of(answer(body), _gone(request.receive)) or Response(status_code=499)
        except TimeoutError:
            raise _too_slow() from None
        except UserError as error:  # such as a folder of runs that can no longer be read
            raise RequestError(str(error), status=503, kind=FAILED) from None
        finally:
            self.running -= 1

    async def _body(self, request: Request) -> bytes:
        too_large = RequestError(f"the body is larger than {MOST_BODY:,} bytes", status=413, code="body_too_large")
        length = request.headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length[:20]) > MOST_BODY:
            raise too_large
        data = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    data += piece
                    if len(data) > MOST_BODY:
                        raise too_large
        except TimeoutError:
            raise RequestError(f"the body did not come within {BODY_SECONDS:g} s", status=408) from None
        return bytes(data)

    def _check(self, request: Request) -> None:
        """RequestError unless who asks may."""
        self._check_host(request)
        if not self._may(request):
            raise RequestError(
                "the API key is missing or wrong; send it as: Authorization: Bearer KEY", status=401, kind=DENIED,
                code="invalid_api_key",
            )  # fmt: skip

    def _may(self, request: Request) -> bool:
        if self._key is None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._key.encode("utf-8", "replace"))
        return same and scheme.lower() == "bearer"

    def _check_host(self, request: Request) -> None:
        """Without a key, a page in a browser must not ask by way of a name that leads here."""
        host = request.headers.get("host", "127.0.0.1")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self._key is None and name.lower() not in LOCAL_HOSTS:
            raise RequestError(
                f"Host: {printable(host, limit=100)} is not this machine; serve with --api-key to be asked so",
                status=403, kind=DENIED,
            )  # fmt: skip


class _Events(Response):
    """Server-sent events: `data: {…}`, and `data: [DONE]` at the end. Who is gone or too slow gets no more."""

    def __init__(self, endpoint: Endpoint, chunks: AsyncGenerator[Any, None], *, last: str | None = "[DONE]") -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-cache"})
        del self.headers["content-length"]
        self._endpoint, self._chunks, self._last = endpoint, chunks, last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        self._endpoint.running += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _first_of(self._send(send), _gone(receive))
        finally:
            self._endpoint.running -= 1

    async def _send(self, send: Send) -> None:
        async def event(data: str) -> None:
            await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})

        try:
            async with aclosing(self._chunks) as chunks, asyncio.timeout(ANSWER_SECONDS):
                async for chunk in chunks:
                    await event(_dumped(chunk))
                if self._last is not None:
                    await event(self._last)
        except RequestError as error:
            await event(_dumped(error.body))
        except TimeoutError:
            await event(_dumped(_too_slow().body))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


Found = TypeVar("Found")


async def _first_of(answer: Awaitable[Found], gone: Awaitable[None]) -> Found | None:
    """The answer; None if whoever asked is gone before, and then it is given up."""
    tasks = [asyncio.ensure_future(answer), asyncio.ensure_future(gone)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    """Returns once the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_slow() -> RequestError:
    return RequestError(f"the answer took longer than {ANSWER_SECONDS:g} s; ask for less", status=504, kind=FAILED)


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "slmtui"}


def _dumped(value: Any) -> str:
    """JSON in ASCII: half a character in a prompt that is echoed is no fault."""
    return json.dumps(value, separators=(",", ":"))


def _json(value: Any, status: int = 200) -> Response:
    return Response(_dumped(value), status, media_type="application/json")


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    response = _json(error.body, error.status)
    if error.status == 429:
        response.headers["retry-after"] = "1"
    if error.status in (408, 413):  # the rest of the body is not read
        response.headers["connection"] = "close"
    return response


async def _failure(_request: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)  # nobody reads it
    return _json(RequestError("the server failed; it goes on with the next request", kind=FAILED).body, 500)


async def _http_refusal(request: Request, error: Exception) -> Response:
    """Of a path or method that there is not."""
    assert isinstance(error, HTTPException)
    what = f"{request.method} {printable(request.url.path, limit=200)}"
    there = "GET /v1/models, POST /v1/completions, POST /infill, GET /health"
    kind = MISSING if error.status_code == 404 else INVALID
    return _json(RequestError(f"{what}: {error.detail} (there: {there})", kind=kind).body, error.status_code)
