"""A connection to a Dask cluster, and whether what is there can train what is here."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from slmtui.errors import UserError
from slmtui.studies import away

if TYPE_CHECKING:
    from distributed import Client

EXTRA = "the packages of the extra are missing: pip install 'slmtui[cluster]'"
PATIENCE = 10.0  # seconds in which a scheduler has to answer


def connect(address: str) -> Client:
    """A client of the cluster with that scheduler. UserError if there is none, or it cannot train what we send."""
    try:
        from distributed import Client
    except ImportError:
        raise UserError(f"--on: {EXTRA}") from None
    for name in [each for each in logging.root.manager.loggerDict if each.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what is wrong is said here, in a line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which are looked at below
            client = Client(address, timeout=PATIENCE, set_as_default=False, name="slmtui")
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise UserError(
            f"--on {address}: no Dask scheduler answers there ({in_a_line(error)}); start one with `dask scheduler`, "
            "and name the address that it says, such as tcp://192.168.1.5:8786"
        ) from None
    try:
        _refuse_unlike(client, address)
    except BaseException:
        client.close(timeout=1)
        raise
    return client


def _refuse_unlike(client: Client, address: str) -> None:
    """UserError unless the scheduler and all workers have this slmtui: a trial could not go on exactly."""
    try:
        there = {"the scheduler": client.run_on_scheduler(away.versions)}
    except ImportError as error:
        there = {"the scheduler": error}
    except lost() as error:
        raise UserError(f"--on {address}: the scheduler does not answer any more ({in_a_line(error)})") from None
    there |= {f"worker {worker}": found for worker, found in client.run(away.versions, on_error="return").items()}
    for place, found in there.items():
        if isinstance(found, Exception):
            raise UserError(f"--on {address}: {place} cannot run slmtui ({in_a_line(found)}); {remedy()}")
        if found["slmtui"] != away.versions()["slmtui"]:
            raise UserError(f"--on {address}: {place} has slmtui {found['slmtui']}; {remedy()}")


def unlike(client: Client) -> list[str]:
    """What is not as here, on some worker, and may change the last digits of what it trains."""
    mine = away.versions()
    found = client.run(away.versions, on_error="ignore")
    return [
        f"worker {worker} has {name} {theirs[name]}, and here is {mine[name]}: digits may differ"
        for worker, theirs in found.items()
        for name in mine
        if theirs[name] != mine[name]
    ]


def remedy() -> str:
    return f"each of them needs it as here: pip install 'slmtui[cluster]=={away.versions()['slmtui']}'"


def workers_of(client: Client) -> dict[str, dict[str, Any]]:
    """By address. ConnectionError if the scheduler is gone, of which the client would go on to say the last it knew."""
    found: dict[str, dict[str, Any]] | None = client.scheduler_info(n_workers=-1).get("workers")
    if found is None or client.status not in ("running", "connecting"):
        raise ConnectionError("the connection is closed")
    return found


def lost() -> tuple[type[BaseException], ...]:
    """What the client raises when its scheduler is gone."""
    from concurrent.futures import CancelledError

    from distributed.client import ClosedClientError

    return (OSError, TimeoutError, CancelledError, ClosedClientError)


def in_a_line(error: BaseException) -> str:
    """An error in a line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
