"""Everything that changes while a phase is trained: what a checkpoint stores, and all that a resumed run needs.

Each random stream has its own generator: batches (and the published sampled evaluation, which shares it) come from a
legacy NumPy generator, dropout from a torch one, samples from a seed derived from the phase's seed and the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from slmtui.config.phase import Phase
from slmtui.data.dataset import Dataset, Side
from slmtui.data.ngram_baseline import TOKEN_LIMIT, fit_ngram
from slmtui.model.gpt import GPT, GPTConfig, gpt_from_tensors, initial_gpt
from slmtui.model.mixture import Mixture, NgramMixture
from slmtui.training.batches import WindowSource
from slmtui.training.control import BrokenOff, Tell, nobody, nobody_hurries
from slmtui.training.hardware import Machine
from slmtui.training.optimizer import build_optimizer, load_optimizer_state, optimizer_state
from slmtui.training.parent import NOT_OF_THE_NETWORK, Parent
from slmtui.training.ranks import ALONE, Ranks
from slmtui.training.teacher import Teacher
from slmtui.words import plural


class Training:
    """A phase in training: settings, data, model, optimizer, random streams, and progress."""

    def __init__(
        self, phase: Phase, dataset: Dataset, machine: Machine, model: GPT, parent: str | None = None,
        teacher: Teacher | None = None, ranks: Ranks = ALONE,
    ) -> None:  # fmt: skip
        """ranks: the processes that train together. PhaseError for a teacher whose vocabulary is not the dataset's."""
        self.phase, self.dataset, self.machine, self.parent, self.teacher = phase, dataset, machine, parent, teacher
        self.ranks = ranks
        self.model = model.to(machine.device)
        if teacher is not None:
            teacher.refuse_another(phase, dataset.tokenizer)
            teacher.model.to(machine.device)
        if phase.training.freeze_layers is not None:
            model.freeze(phase.training.freeze_layers)
        self.optimizer = build_optimizer(self.model, phase.optimizer)
        self.batches = np.random.RandomState(phase.training.seed)
        self.dropout = torch.Generator(device=self.model.device).manual_seed(phase.training.seed)
        self.model.use_dropout_generator(self.dropout)
        self.windows: dict[Side, WindowSource] = {
            "train": WindowSource(dataset.train, phase.model.block_size, self.model.device),
            "val": WindowSource(dataset.val, phase.model.block_size, self.model.device),
        }
        if model.mixture is None:  # a checkpoint's model comes with its own
            model.mixture = fitted_mixture(phase, dataset)
        # The n-gram model's loss for each validation token, which stays the same throughout the training.
        ngram = model.mixture if isinstance(model.mixture, NgramMixture) else None
        self.val_ngram = None if ngram is None else ngram.ngram_losses(self.windows["val"].tokens)
        self.tell: Tell = nobody  # what takes a while besides the steps
        self.ends_now: Callable[[], bool] = nobody_hurries  # see Control
        self.announced = False  # whether run_started has been emitted
        self.step = 0
        self.evaluated_at = -1  # the step of the last scheduled evaluation
        self.due = ""  # what an evaluation still has to be followed by, of DUE: it was broken off there
        self.best_loss = math.inf  # the lowest judged loss
        self.best_val_loss = math.inf  # the network's, at the same step
        self.best_step: int | None = None
        self.best_is_unsaved = False
        self.evaluations_since_best = 0
        self.patience_reference = math.inf  # the loss that must be improved on by min_delta for early stopping
        self.last_train_loss = math.nan
        self.last_val_loss = math.nan
        self.best_mixed_loss = math.nan
        self.last_mixed_loss = math.nan  # stays NaN without a mixture
        self.best_adaptive_loss = math.nan
        self.last_adaptive_loss = math.nan  # stays NaN without a context mixture
        self.learning_rate_factor = 1.0
        self.recent_losses: list[float] = []  # of the latest batches, to detect a spike
        self.seconds = 0.0

    @classmethod
    def start(
        cls, phase: Phase, dataset: Dataset, machine: Machine, parent: Parent | None = None,
        teacher: Teacher | None = None, ranks: Ranks = ALONE,
    ) -> Training:  # fmt: skip
        """With the weights of `parent`, whose vocabulary the dataset has, or with new ones."""
        config = model_config(phase, dataset.tokenizer.n_vocab)
        if parent is None:
            return cls(phase, dataset, machine, initial_gpt(config, phase.training.seed), teacher=teacher, ranks=ranks)
        model = gpt_from_tensors(config, parent.tensors_for(phase.model.block_size), copy=False)
        return cls(phase, dataset, machine, model, parent.name, teacher, ranks)

    @property
    def is_network_alone(self) -> bool:
        """Whether the network alone decides, or predicted better than an n-gram mixture at the latest evaluation."""
        if self.phase.decides is not None:
            return self.phase.decides == "network"
        return self.last_mixed_loss >= self.last_val_loss

    def go_on(self) -> None:
        """BrokenOff if the training is to end at once."""
        if self.ends_now():
            raise BrokenOff

    @property
    def bf16(self) -> bool:
        return self.machine.precision == "bf16"

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values: together with the phase and the dataset, all that the next step depends on."""
        kind, keys, position, has_gauss, cached = self.batches.get_state(legacy=True)
        return {
            "model": self.model.tensors(),
            "optimizer": optimizer_state(self.optimizer, self.model),
            "batches": (str(kind), torch.from_numpy(np.asarray(keys).copy()), position, has_gauss, cached),
            "dropout": self.dropout.get_state(),
            "progress": {name: getattr(self, name) for name in PROGRESS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load everything except the model, which has already been built from the checkpoint.

        The state may come from an untrusted file: raises ValueError for anything that `state_dict` of a training like
        this one could not return. A later part (an average of the weights, say) takes a line there and a checked one
        here.
        """
        try:
            load_optimizer_state(self.optimizer, self.model, state["optimizer"])
            kind, keys, position, has_gauss, cached = state["batches"]
            if not (type(position) is int and 0 <= position <= 624 and type(has_gauss) is int and has_gauss in (0, 1)):
                raise ValueError("the state of the batch generator is invalid")  # NumPy would read past its end
            self.batches.set_state((kind, keys.numpy(), position, has_gauss, cached))
            self._load_progress(state["progress"])
            self._load_dropout(state["dropout"].clone())
        except (KeyError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(f"not the state of a training like this ({reason})") from None

    def _load_dropout(self, state: torch.Tensor) -> None:
        """On another kind of device, whose generators know nothing of this one's: from the seed and the step."""
        if state.dtype == torch.uint8 and state.shape != self.dropout.get_state().shape:
            self.dropout.manual_seed(self.phase.training.seed + self.step)
        else:
            self.dropout.set_state(state)

    def _load_progress(self, progress: dict[str, Any]) -> None:
        # States from before there were mixtures lack these keys; the judged loss was the network's.
        unknown = dict.fromkeys(
            ("last_train_loss", "last_mixed_loss", "best_mixed_loss", "last_adaptive_loss", "best_adaptive_loss"),
            math.nan,
        )
        progress = {"best_loss": progress["best_val_loss"], "due": "", **unknown, **progress}
        for name in PROGRESS:
            value, kind = progress[name], type(getattr(self, name))
            if type(value) is not kind and not (name == "best_step" and type(value) is int):
                raise ValueError(f"{name} has the wrong type, {type(value).__name__}")
            setattr(self, name, value)
        if not all(type(loss) is float for loss in self.recent_losses):
            raise ValueError("recent_losses contains something other than losses")
        if self.due not in DUE:
            raise ValueError(f"due is {self.due!r}, none of {', '.join(DUE[1:])}")
        finite = math.isfinite(self.seconds) and 0.0 < self.learning_rate_factor < math.inf
        if not finite or not -1 <= self.evaluated_at <= self.step <= self.phase.training.max_iters:
            raise ValueError(f"its progress (step {self.step:,} of {self.phase.training.max_iters:,}) is impossible")


# Nothing; samples and then rates for the gate, if it is the best; these alone; rates for one that a person asked for.
DUE = ("", "samples", "rates", "requested rates")
PROGRESS = (
    "announced", "step", "evaluated_at", "due", "best_loss", "best_val_loss", "best_step", "best_is_unsaved",
    "evaluations_since_best", "patience_reference", "last_train_loss", "last_val_loss", "last_mixed_loss",
    "best_mixed_loss", "last_adaptive_loss", "best_adaptive_loss",
    "learning_rate_factor", "recent_losses", "seconds",
)  # fmt: skip


def model_config(phase: Phase, n_vocab: int) -> GPTConfig:
    return GPTConfig(n_vocab=n_vocab, **phase.model.model_dump(exclude=NOT_OF_THE_NETWORK))


def fitted_mixture(phase: Phase, dataset: Dataset) -> Mixture | None:
    """What the phase mixes into the network's predictions, fitted on the training text; None if it mixes nothing."""
    if phase.model.ngram_mix > 0:
        return NgramMixture(fit_ngram(dataset.train.tokens, dataset.tokenizer.n_vocab), phase.model.ngram_mix)
    if not phase.model.context_mixing:
        return None
    from slmtui.model.context_mixture import ContextMixture  # Numba, which other phases need not wait for

    mixture = ContextMixture.fit(dataset.train.tokens, dataset.tokenizer)
    return mixture.deciding(adaptive=phase.decides == "adaptive")


def training_notes(training: Training) -> list[str]:
    """What a person should know of a training besides its data: a block that is too long, a mixture."""
    block_size, n_tokens = training.phase.model.block_size, len(training.dataset.train.tokens)
    notes = []
    if (frozen := training.phase.training.freeze_layers) is not None:
        parameters = list(training.model.parameters())
        trained = sum(p.numel() for p in parameters if p.requires_grad)
        notes.append(
            f"the embeddings and the lowest {plural(frozen, 'block')} stay as they are (freeze_layers): {trained:,} of "
            f"{sum(p.numel() for p in parameters):,} parameters are trained"
        )
    if n_tokens <= block_size:
        how = (
            "each window holds the text more than once" if training.dataset.train.lines is None
            else f"windows are {training.windows['train'].block_size:,} tokens long"
        )  # fmt: skip
        notes.append(f"block_size is {block_size:,}, but the training text has {n_tokens:,} tokens: {how}")
    mixture = training.model.mixture
    fitted = f"{TOKEN_LIMIT:,} of {n_tokens:,}" if n_tokens > TOKEN_LIMIT else f"{n_tokens:,}"
    if isinstance(mixture, NgramMixture):
        n_ngrams = sum(len(level.keys) for level in mixture.ngram.levels)
        notes.append(
            f"{mixture.share:g} of each prediction comes from a {mixture.ngram.order}-gram model (ngram_mix), fitted "
            f"on {fitted} training tokens; each checkpoint contains its {n_ngrams:,} n-grams"
        )
    elif mixture is not None:
        notes.append(
            f"the network's predictions are mixed with counts in many contexts (context_mixing) of {fitted} training "
            "tokens; each checkpoint contains these tokens"
        )
    return notes
