"""Keys, models that change while they are served, and many clients at once."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.runs.cells import find_cell
from slmtui.runs.checkpoint import load_model
from slmtui.runs.ensemble import load_models
from slmtui.runs.run import Run
from slmtui.runs.tags import set_tags
from tests.patience import wait_for
from tests.serve.conftest import Server, serving, trained
from tests.serve.raw import content, exchanged, posted, status


def asked(server: Server, body: dict[str, Any], *headers: str) -> bytes:
    return exchanged(server.port, posted("/v1/completions", body, *headers))


def get(server: Server, path: str) -> bytes:
    return exchanged(server.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())


def test_with_a_key_only_who_has_it_may_ask(run: Run) -> None:
    body = {"prompt": "def ", "max_tokens": 2}
    with serving(run.folder.parent, api_key="geheim") as server:
        assert status(asked(server, body, "Authorization: Bearer geheim")) == 200
        for wrong in ("Bearer gehei", "Bearer geheimer", "Bearer ", "geheim", "Basic geheim"):
            refused = asked(server, body, f"Authorization: {wrong}")
            assert status(refused) == 401
            assert content(refused)["error"]["code"] == "invalid_api_key"
        assert status(asked(server, body)) == 401
        assert status(get(server, "/v1/models")) == 401
        assert content(get(server, "/health")) == {"status": "ok"}, "without the key it tells nothing else"
        client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="no", max_retries=0)
        with client, pytest.raises(openai.AuthenticationError):
            client.models.list()
    assert not [line for line in server.said if "geheim" in line]


def test_a_better_model_is_served_as_soon_as_it_lands_and_nobody_waits_or_is_dropped(tmp_path: Path) -> None:
    run, other = trained(tmp_path), trained(tmp_path, "training.max_iters=30", "evaluation.interval=30")
    body = {"prompt": "def load_", "max_tokens": 12, "seed": 3, "model": run.name}
    first, second = (text_of(each.best_file) for each in (run, other))
    assert first != second
    found: list[str] = []
    failed: list[bytes] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = asked(server, body)
            if status(answer) == 200:
                found.append(content(answer)["choices"][0]["text"])
            else:
                failed.append(answer)

    with serving(run.folder.parent, run.name) as server:
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(found) > 8, "answers of the first model")
        shutil.copy(other.best_file, run.folder / "best.new")
        (run.folder / "best.new").rename(run.best_file)
        wait_for(lambda: second in found, "answers of the second")
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert set(found) == {first, second}


def text_of(path: Path) -> str:
    saved = load_model(path)
    usual = saved.phase.sampling
    sampling = Sampling(usual.temperature, usual.top_k, usual.top_p)
    return "".join(complete(saved.model, saved.tokenizer, "def load_", 12, sampling, 3, usual.stop))


def test_a_checkpoint_that_is_damaged_is_told_and_the_old_model_stays(tmp_path: Path) -> None:
    run = trained(tmp_path)
    body = {"prompt": "def load_", "max_tokens": 12, "seed": 3}
    expected = text_of(run.best_file)
    with serving(run.folder.parent) as server:
        run.best_file.write_bytes(b"nothing of that kind")
        wait_for(lambda: any("best.pt: not a checkpoint" in line for line in server.said), "it is told")
        assert content(asked(server, body))["choices"][0]["text"] == expected
    assert sum("not a checkpoint" in line for line in server.said) == 1, "once"


def test_runs_that_come_are_served_and_those_that_go_are_not(tmp_path: Path) -> None:
    run = trained(tmp_path)
    body = {"prompt": "def ", "max_tokens": 2}
    with serving(run.folder.parent) as server:
        new = trained(tmp_path)
        assert status(asked(server, body | {"model": new.name})) == 200
        assert content(asked(server, body))["model"] == new.name, "the newest, where none is named"
        new.delete()
        assert status(asked(server, body | {"model": new.name})) == 404
        assert status(asked(server, body)) == 200


def test_the_seeds_of_a_cell_answer_together(tmp_path: Path) -> None:
    for seed in (1, 2):
        trained(tmp_path, "phase.name=s.01", "phase.study=s", f"training.seed={seed}")
    cell = find_cell(tmp_path / "checkpoints", "s/01")
    assert cell is not None
    saved = load_models(cell.files)
    together = "".join(complete(saved.model, saved.tokenizer, "def load_", 8, Sampling(temperature=0.0), 0))
    with serving(tmp_path / "checkpoints", "s/01") as server:
        assert [model["id"] for model in content(get(server, "/v1/models"))["data"]] == ["s/01"]
        body = {"prompt": "def load_", "max_tokens": 8, "temperature": 0, "model": "s/01"}
        answer = content(asked(server, body))
        assert (answer["model"], answer["choices"][0]["text"]) == ("s/01", together)
        assert status(asked(server, body | {"model": "s.01-001"})) == 404, "it was not asked to serve that"


def test_a_tag_latest_and_best_name_a_model_and_a_tag_moves_while_it_is_served(tmp_path: Path) -> None:
    checkpoints, body = tmp_path / "checkpoints", {"prompt": "def load_", "max_tokens": 12, "seed": 3}
    first, second = trained(tmp_path), trained(tmp_path, "training.max_iters=30", "evaluation.interval=30")
    set_tags(checkpoints, {"good": first.name})
    step = load_model(first.best_file).step

    def told(server: Server, name: str | None) -> tuple[str, str]:
        found = content(asked(server, body if name is None else body | {"model": name}))
        return found["model"], found["choices"][0]["text"]

    with serving(checkpoints) as server:
        of_first, of_second = (first.name, text_of(first.best_file)), (second.name, text_of(second.best_file))
        assert told(server, "good") == of_first
        assert told(server, f"good@{step}") == (f"{first.name}@{step}", of_first[1])
        assert told(server, "latest") == told(server, "best") == of_second
        assert content(get(server, "/v1/models/good"))["id"] == first.name
        assert "good" in [model["id"] for model in content(get(server, "/v1/models"))["data"]]
        assert status(asked(server, body | {"model": f"good@{step + 1}"})) == 404
    with serving(checkpoints, "good", first.name) as server:
        assert content(get(server, "/health"))["models"] == [first.name], "two names of one run"
        assert told(server, None) == told(server, "latest") == of_first, "of those that are served"
        set_tags(checkpoints, {"good": second.name})
        assert told(server, None) == told(server, "good") == of_second
        set_tags(checkpoints, {"good": "tiny-999"})
        assert told(server, None) == of_second, "what it names has no model"
        set_tags(checkpoints, {"good": None})
        assert told(server, None) == of_second
        assert status(asked(server, body | {"model": "good"})) == 404


def test_before_there_is_a_model_it_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        refused = asked(server, {"prompt": ""})
        assert status(refused) == 404
        assert "a run has one after its first evaluation" in content(refused)["error"]["message"]


def many(run: Run, clients: int, each: int) -> None:
    """All clients at once; each gets what it would get alone."""
    saved, usual = load_model(run.best_file), load_model(run.best_file).phase.sampling
    sampling = Sampling(usual.temperature, usual.top_k, usual.top_p)
    found: dict[tuple[int, int], str] = {}

    def ask(client: int) -> None:
        for number in range(each):
            body = {"prompt": f"def load_{client}", "max_tokens": 5 + client % 40, "seed": number}
            found[client, number] = content(asked(server, body))["choices"][0]["text"]

    with serving(run.folder.parent, run.name) as server:
        threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == clients * each
    for client, number in [*found][:: max(1, len(found) // 64)]:
        n, prompt = 5 + client % 40, f"def load_{client}"
        alone = "".join(complete(saved.model, saved.tokenizer, prompt, n, sampling, number, usual.stop))
        assert found[client, number] == alone


def test_64_clients_at_once_lose_nothing(run: Run) -> None:
    many(run, 64, 2)


def test_clients_of_a_model_with_counts_get_what_they_would_alone(tmp_path: Path) -> None:
    many(trained(tmp_path, "model.context_mixing=true", "model.copy_head=true"), 6, 2)


@pytest.mark.soak
def test_64_clients_for_a_minute(run: Run) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        many(run, 64, 20)


@pytest.mark.soak
def test_64_clients_get_three_times_as_much_as_one(run: Run) -> None:
    """Tokens per second, of a network alone."""

    def speed(clients: int) -> float:
        def ask() -> None:
            for seed in range(128 // clients if clients > 1 else 8):
                asked(server, {"prompt": "def ", "max_tokens": 60, "seed": seed, "temperature": 5})

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        before, begun = content(get(server, "/health"))["tokens"], time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return float((content(get(server, "/health"))["tokens"] - before) / (time.monotonic() - begun))

    with serving(run.folder.parent, run.name, api_key=None) as server:
        assert max(speed(64) for _ in range(3)) >= 3 * speed(1)
