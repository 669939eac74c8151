"""Slow, vanishing, huge, malformed, hostile requests: each has an answer or a closed connection, none a traceback."""

from __future__ import annotations

import functools
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.inference.batch import Batch, Draw
from slmtui.runs.run import Run
from slmtui.serve import app, limits, running
from tests.patience import wait_for
from tests.serve.conftest import Server, serving
from tests.serve.raw import content, exchanged, posted, status

GOOD = {"prompt": "def ", "max_tokens": 3, "seed": 1}
KEYS = (
    "model", "prompt", "suffix", "max_tokens", "temperature", "top_p", "top_k", "n", "best_of", "stop", "seed", "echo",
    "logprobs", "stream", "stream_options", "logit_bias", "presence_penalty", "input_prefix", "input_suffix",
    "input_extra", "n_predict", "n_cmpl", "t_max_predict_ms", "response_fields", "user", "",
)  # fmt: skip
texts = st.text(max_size=20) | st.sampled_from(["\ud800", "é" * 50, "\0", "a" * 3000, "\r\n\r\n", "{" * 100, "def "])
numbers = st.integers(-3, 6) | st.sampled_from([10**30, -(2**63), 1e308, 0.5, -0.0]) | st.floats(allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(KEYS), values, max_size=6).map(lambda body: GOOD | body)
short = st.sampled_from([0, 1, 2, 5, "5", None, -1, 5000])  # a long completion would only take long
json_bodies = st.builds(lambda body, n: json.dumps(body | {"max_tokens": n, "n_predict": n}).encode(), bodies, short)
paths = st.sampled_from(["/v1/completions", "/infill", "/v1/models", "/health", "/v1/models/%00", "//", "/infill/"])
headers = st.lists(
    st.sampled_from(
        ["Content-Type: text/plain", "Expect: 100-continue", "Transfer-Encoding: chunked", "Authorization: Bearer é",
         "Upgrade: websocket", "Connection: upgrade", "X: " + "y" * 20_000, "Host: evil.example", "Content-Length: -1"]
    ),
    max_size=2,
)  # fmt: skip
requests = st.one_of(
    st.builds(posted, paths, json_bodies),
    st.builds(lambda path, body, more: posted(path, body, *more), paths, json_bodies, headers),
    st.builds(posted, paths, st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b'{"n":%s}' % (b"9" * 9000)])),
    st.builds(lambda request, cut: request[:cut], st.builds(posted, paths, json_bodies), st.integers(0, 300)),
    st.builds(lambda request, at, junk: request[:at] + junk + request[at:], st.builds(posted, paths, json_bodies),
              st.integers(0, 200), st.binary(max_size=20)),
    st.binary(max_size=300),
)  # fmt: skip


def check(server: Server, request: bytes) -> None:
    answer = exchanged(server.port, request)
    if answer:
        assert answer.startswith(b"HTTP/1.1 "), answer
        assert status(answer) != 500, answer
        assert b"Traceback" not in answer


@pytest.fixture(scope="module")
def server(run: Run) -> Iterator[Server]:
    """It waits a moment only for what never comes."""
    with pytest.MonkeyPatch.context() as patch, serving(run.folder.parent) as server:
        patch.setattr(running, "HEAD_SECONDS", 0.3)
        patch.setattr(app, "BODY_SECONDS", 0.3)
        yield server


@settings(max_examples=200)
@given(request=requests)
def test_whatever_is_sent_has_an_answer_or_a_closed_connection(server: Server, request: bytes) -> None:
    check(server, request)


@pytest.mark.soak
@settings(max_examples=10_000)
@given(request=requests)
def test_whatever_is_sent_ten_thousand_times(server: Server, request: bytes) -> None:
    check(server, request)


@pytest.fixture(autouse=True)
def it_is_still_well(server: Server, capfd: pytest.CaptureFixture[str]) -> Any:
    yield
    answer = exchanged(server.port, posted("/v1/completions", GOOD))
    assert status(answer) == 200
    assert content(answer)["choices"][0]["text"]
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert not [line for line in server.said if "Traceback" in line or "Error" in line]


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (posted("/v1/completions", b"{"), 400, "the body is not JSON"),
        (posted("/v1/completions", b"[]"), 400, "the body is not a JSON object"),
        (posted("/v1/completions", b'{"temperature": NaN}'), 400, "NaN is no number"),
        (posted("/v1/completions", b"[" * 200_000), 400, "the body is not JSON"),
        (posted("/v1/completions", b"\xff\xfe"), 400, "the body is not JSON"),
        (posted("/v1/completions", b" " * (limits.MOST_BODY + 1)), 413, "the body is larger than 1,048,576 bytes"),
        (b"GET /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405, "Method Not Allowed"),
        (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404, "GET /v1/models, POST"),
        (b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403, "serve with --api-key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_openais_form(server: Server, request_: bytes, code: int, says: str) -> None:
    answer = exchanged(server.port, request_)
    assert status(answer) == code
    error = content(answer)["error"]
    assert says in error["message"]
    assert error.keys() == {"message", "type", "param", "code"}


def test_half_a_character_is_echoed_or_refused_but_no_fault(server: Server) -> None:
    answer = exchanged(server.port, posted("/v1/completions", GOOD | {"prompt": "\ud800", "echo": True}))
    assert status(answer) in (200, 400)


def test_a_chunked_body_that_grows_too_large_is_cut_off(server: Server) -> None:
    head = b"POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = exchanged(server.port, head, *[b"10000\r\n" + b" " * 0x10000 + b"\r\n"] * 40)
    assert not answer or status(answer) == 413


def test_who_goes_away_frees_its_place(server: Server) -> None:
    """Streaming and not: nothing more is drawn for it."""
    for stream in (True, False):
        before = health(server)["tokens"]
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            long = GOOD | {"max_tokens": 4000, "stream": stream, "temperature": 100, "n": 8}
            connection.sendall(posted("/v1/completions", long))
            drawn = functools.partial(tokens_beyond, server, before + 8)
            wait_for(drawn, "a few tokens")
        wait_for(lambda: health(server)["running"] == 0, "nothing runs")
        after = health(server)["tokens"]
        time.sleep(0.3)
        assert health(server)["tokens"] <= after + 8
        assert after < before + 8 * 4000


def tokens_beyond(server: Server, n: int) -> bool:
    return bool(health(server)["tokens"] > n)


def health(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = content(
        exchanged(server.port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    )
    return found


def test_slow_heads_bodies_and_readers_are_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(running, "READ_SECONDS", 0.3)
    monkeypatch.setattr(app, "BODY_SECONDS", 0.3)
    with serving(run.folder.parent) as server:
        assert exchanged(server.port) == b"", "says nothing"
        assert exchanged(server.port, b"GET /health HT") == b"", "half a head"
        late = exchanged(server.port, posted("/infill", GOOD)[:-3])
        assert status(late) == 408
        with socket.socket() as connection:  # asks for much, and reads nothing of it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            much = GOOD | {"max_tokens": 4000, "stream": True, "temperature": 100, "n": 16}
            connection.sendall(posted("/v1/completions", much))
            wait_for(lambda: health(server)["running"] == 1, "it begins")
            wait_for(lambda: health(server)["running"] == 0, "it is given up")


@pytest.fixture
def slow_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a quick machine, even many long completions are soon over, since each ends by chance."""
    at_its_own_speed = Batch.step

    def slowly(batch: Batch) -> Draw:
        time.sleep(0.1)
        return at_its_own_speed(batch)

    monkeypatch.setattr(Batch, "step", slowly)


@pytest.mark.usefixtures("slow_model")
def test_an_answer_that_takes_too_long_is_cut_off_with_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ANSWER_SECONDS", 0.2)
    with serving(run.folder.parent) as server:
        endless = GOOD | {"max_tokens": 4000, "n": 16, "temperature": 100}
        answer = exchanged(server.port, posted("/v1/completions", endless))
        assert status(answer) == 504
        assert "took longer than 0.2 s" in content(answer)["error"]["message"]
        streamed = exchanged(server.port, posted("/v1/completions", endless | {"stream": True}))
        assert b"took longer than 0.2 s" in streamed


@pytest.mark.usefixtures("slow_model")
def test_too_many_at_once_are_told_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_REQUESTS", 2)
    with serving(run.folder.parent) as server:
        stay = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for connection in stay:
            connection.sendall(posted("/v1/completions", GOOD | {"max_tokens": 4000, "n": 8, "temperature": 100}))
        wait_for(lambda: health(server)["running"] == 2, "both run")
        answer = exchanged(server.port, posted("/v1/completions", GOOD))
        assert status(answer) == 429
        assert b"retry-after: 1" in answer.lower()
        for connection in stay:
            connection.close()


def test_connections_beyond_the_limit_are_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_CONNECTIONS", 4)
    with serving(run.folder.parent) as server:
        stay = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
        wait_for(lambda: exchanged(server.port) == b"", "the fifth is closed")
        for connection in stay:
            connection.close()


def test_many_large_prompts_stay_within_the_bound(server: Server) -> None:
    memory = psutil.Process().memory_info().rss
    body = posted("/v1/completions", {"prompt": ["word " * 2500] * 16, "max_tokens": 2, "n": 4})
    threads = [threading.Thread(target=exchanged, args=(server.port, body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert psutil.Process().memory_info().rss - memory < limits.ROWS_MEMORY + 8 * 8 * len(body)
