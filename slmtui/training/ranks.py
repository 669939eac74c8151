"""The processes that train one model together (torch.distributed): each computes its rows of every batch.

All of them draw the same batches from the same generator, add up their gradients once a step, and make the same update,
so that their models stay the same. The first one alone writes, draws samples and reads what a person asks for. torchrun
starts them and says in the environment how many there are.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
from typing import Any, TypeVar, cast

import psutil
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous

from slmtui.config.phase import Phase
from slmtui.errors import TrainingFailed, UserError
from slmtui.training.control import BrokenOff, Command, Control

Item = TypeVar("Item")
Found = TypeVar("Found")
PATIENCE = timedelta(hours=12)  # of those that wait for the first, which may read a long text, or be paused
# To find one another: torchrun sees to it that all are there, which may import PyTorch from a slow disk.
MEETING, MEETING_BY_TORCHRUN = timedelta(seconds=50), timedelta(minutes=10)
REASON = "slmtui/reason"  # in the store that all share: why the first that went away did


class OtherEnded(TrainingFailed):
    """Another process of this training has gone away."""


@dataclass(frozen=True)
class Ranks:
    """This process among `size`, and how many of those are on this machine. Alone, it waits for nobody."""

    rank: int = 0
    size: int = 1
    on_this_machine: int = 1
    gpus: int = 0  # that are theirs, all together
    launch: tuple[str, ...] = ()  # names the torchruns that have started them: the same once they start them again
    is_started_again: bool = False  # since one of those before has died, as one torchrun or more counts it
    store: Store | None = field(default=None, compare=False, repr=False)  # where they have found one another

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def told(self, value: Found) -> Found:
        """The first one's value."""
        if self.size == 1:
            return value
        box = [value]
        with self._others_named():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def first(self, compute: Callable[[], Found]) -> Found:
        """What the first one computes. BrokenOff in all of them if it is broken off there."""
        found = None
        if self.is_first:
            with suppress(BrokenOff):
                found = compute()
        if (told := self.told(found)) is None:
            raise BrokenOff
        return told

    def wait_for_all(self) -> None:
        """Until all have come to here: none still reads what the first writes from now on."""
        self.gathered(None)

    def refuse_differences(self, phase: Phase, besides: Mapping[str, object]) -> None:
        """UserError, in all of them, where the phase or something `besides`, by its name, is another in some process.

        The source may be a path of each machine's own: the text that is read there tells. So may the minutes, which
        are counted until a time of the day: the first one's count.
        """
        mine = {f"{section}.{key}": value for section, keys in phase.values().items() for key, value in keys.items()}
        mine.pop("data.source", None)
        if "training.max_minutes" in mine:
            mine["training.max_minutes"] = "set"
        first, *others = self.gathered(mine | dict(besides))
        for rank, other in enumerate(others, 1):
            for name in first | other:
                here, there = first.get(name), other.get(name)
                if here != there:
                    raise UserError(
                        f"the processes of this training do not train the same: {name} is {_shown(there)} in process "
                        f"{rank}, and {_shown(here)} in process 0"
                    )

    def each(self, items: Iterable[Item], compute: Callable[[Item], Found]) -> list[Found]:
        """What is computed of each item, in order; each process computes its share.

        BrokenOff in all of them if one breaks off.
        """
        mine: list[tuple[int, Found]] | None = None
        with suppress(BrokenOff):
            mine = [(i, compute(item)) for i, item in enumerate(items) if i % self.size == self.rank]
        found = []
        for some in self.gathered(mine):
            if some is None:
                raise BrokenOff
            found += some
        return [one for _, one in sorted(found, key=lambda pair: pair[0])]

    def gathered(self, mine: Found) -> list[Found]:
        """What each has, that of the first in front."""
        if self.size == 1:
            return [mine]
        found: list[Found | None] = [None] * self.size
        with self._others_named():
            dist.all_gather_object(found, mine)
        return cast(list[Found], found)

    def add_up(self, model: nn.Module, loss: float) -> float:
        """Add up the gradients and the loss of each process's share of a batch; return the loss.

        Not a number if one of the shares is not: the gradients mean nothing then.
        """
        if self.size == 1:
            return loss
        trained = [p for p in model.parameters() if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        total = gradients[0].new_tensor([loss])
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), total])
        with self._others_named():
            dist.all_reduce(flat)
        done = 0
        for gradient in gradients:
            gradient.copy_(flat[done : done + gradient.numel()].view_as(gradient))
            done += gradient.numel()
        return float(flat[-1])

    def asked(self, commands: list[Command]) -> list[Command]:
        """What any of them was asked for, by its file or by a signal."""
        if self.size == 1:
            return commands
        count = torch.tensor([len(commands)])
        with self._others_named():
            dist.all_reduce(count)
        if not count.item():
            return []
        first, *others = self.gathered(commands)
        return first + list(dict.fromkeys(command for other in others for command in other if command not in first))

    @contextmanager
    def _others_named(self) -> Iterator[None]:
        """A process that has gone away ends the training of the others, too, with its reason if it left one."""
        try:
            yield
        except RuntimeError as error:
            why = _first_line(error)
            with suppress(RuntimeError):  # the store may be gone with the first
                if self.store is not None and self.store.check([REASON]):
                    why = self.store.get(REASON).decode()
            raise OtherEnded(f"another process of this training has ended ({why})") from error

    def leave_reason(self, error: Exception) -> None:
        """Tell the first why this process, which prints nothing, goes away; the first reason stays."""
        if self.store is None or self.is_first or isinstance(error, OtherEnded):
            return
        kind = "" if isinstance(error, UserError | TrainingFailed) else f"{type(error).__name__}: "
        with suppress(RuntimeError):
            self.store.compare_set(REASON, "", f"process {self.rank}: {kind}{error}")

    def to_dict(self) -> dict[str, Any]:
        """What a run records of them."""
        several = {} if self.size == 1 else {"processes": self.size}
        return several | ({"launch": list(self.launch)} if self.launch else {})


ALONE = Ranks()


class SharedControl:
    """A control whose commands reach all processes before the same step."""

    def __init__(self, control: Control, ranks: Ranks) -> None:
        self._control, self._ranks = control, ranks

    def poll(self) -> list[Command]:
        return self._ranks.asked(self._control.poll())

    def wait(self) -> list[Command]:
        return self._ranks.asked(self._control.wait())

    def tell(self, what: str, how_far: str = "", /) -> None:
        self._control.tell(what, how_far)

    def ends_now(self) -> bool:
        """What this process is asked for: `Ranks.each` and `Ranks.first` see to it that all break off."""
        return self._control.ends_now()


@contextmanager
def ranks_here() -> Iterator[Ranks]:
    """This process among those that torchrun has started, if it has. UserError if they do not find one another."""
    found = ranks_of(os.environ)
    if found.size == 1:
        yield found
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store = _met(found)
        dist.init_process_group(backend, store=store, rank=found.rank, world_size=found.size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        remedy = "" if _is_by_torchrun() else "; to train in one process, unset RANK and WORLD_SIZE"
        raise UserError(
            f"the {found.size} processes of this training did not find one another: {_first_line(error)}{remedy}"
        ) from None
    ranks = replace(found, store=store)
    try:
        # Each torchrun counts for itself, and a new machine that joins is none of its restarts.
        launches, again, gpus = zip(*ranks.gathered((found.launch, found.is_started_again, _own_gpu())), strict=True)
        ranks = replace(
            ranks, gpus=len({gpu for gpu in gpus if gpu}), launch=tuple(dict.fromkeys(chain(*launches))),
            is_started_again=any(again),
        )  # fmt: skip
        yield ranks
    except Exception as error:
        ranks.leave_reason(error)
        raise
    finally:
        dist.destroy_process_group()


def ranks_of(environment: dict[str, str] | os._Environ[str]) -> Ranks:
    """What the environment says. UserError where it makes no sense."""
    again = environment.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")
    if "WORLD_SIZE" not in environment or "RANK" not in environment:
        return Ranks(is_started_again=again)
    names = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    values = [environment.get(name, "1") for name in names]
    if not all(value.isascii() and value.isdigit() for value in values):
        said = ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
        raise UserError(f"the environment says {said}; torchrun sets whole numbers")
    rank, size, here = map(int, values)
    if not rank < size or not 1 <= here <= size:
        said = f"RANK={rank}, WORLD_SIZE={size}, LOCAL_WORLD_SIZE={here}"
        raise UserError(f"the environment says {said}, which cannot be; unset them, or use torchrun")
    launch = (_launcher(run_id),) if (run_id := environment.get("TORCHELASTIC_RUN_ID")) else ()
    return Ranks(rank, size, here, launch=launch, is_started_again=again)


def _launcher(run_id: str) -> str:
    """The torchrun that has started this process, and starts it anew: no other has its place and its time."""
    parent, since = os.getppid(), 0.0
    with suppress(psutil.Error):
        since = psutil.Process(parent).create_time() - psutil.boot_time()
    return f"{run_id} {platform.node()} {parent} {since:.2f}"


def _own_gpu() -> str:
    """The GPU that this process has taken, as no other is called; "" if there is none."""
    return str(torch.cuda.get_device_properties(torch.cuda.current_device()).uuid) if torch.cuda.is_available() else ""


def _met(ranks: Ranks) -> Store:
    """The store that all processes share, once each is there. RuntimeError or ValueError if one does not come."""
    patience = MEETING_BY_TORCHRUN if _is_by_torchrun() else MEETING
    store: Store = next(rendezvous("env://", ranks.rank, ranks.size, timeout=patience))[0]
    store.set(f"slmtui/here/{ranks.rank}", "")
    store.wait([f"slmtui/here/{rank}" for rank in range(ranks.size)], patience)
    store.set_timeout(PATIENCE)
    return store


def _is_by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
