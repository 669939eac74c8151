"""The overview of a corpus that the Data screen shows, and finding it out step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui.config.phase import Phase
from slmtui.insight.estimates import Speed
from slmtui.words import byte_size

if TYPE_CHECKING:
    from slmtui.data.baseline import Baseline
    from slmtui.data.corpus import Corpus
    from slmtui.data.dataset import Dataset
    from slmtui.data.folder import Skipped
    from slmtui.data.inspection import Counted
    from slmtui.data.near_copies import NearCopies
    from slmtui.data.scripts import ScriptShare
    from slmtui.data.split_stats import DatasetLeakage, TokenCounts
    from slmtui.insight.corpus_facts import CorpusFacts
    from slmtui.insight.suggest import Suggestion

KEPT = 4  # corpora that are remembered for the session; the tokens of each are kept with it
SHOWN_IN_PARTS = 8 << 20  # bytes of a corpus; a smaller one is soon counted
SHOWN_AGAIN = 2.0  # seconds after which what has been counted so far is shown
OverviewKey = tuple[str, ...]


@dataclass(frozen=True)
class DataOverview:
    """What is known of a source so far; None: not yet."""

    origin: Path  # the phase file, or the source itself
    phase: Phase
    corpus: Corpus
    counted: Counted
    left_out: tuple[Skipped, ...] = ()
    counts: TokenCounts | None = None
    leakage: DatasetLeakage | None = None
    facts: CorpusFacts | None = None
    suggestion: Suggestion | None = None
    baseline: Baseline | None = None
    scripts: tuple[ScriptShare, ...] = ()
    near_copies: NearCopies | None = None
    counting: bool = False  # the corpus is still being counted
    complete: bool = False

    @property
    def dataset(self) -> Dataset | None:
        return self.counted.dataset


class OverviewCache:
    """The overviews found before, by the text that they are about and the settings that they were found with."""

    def __init__(self) -> None:
        self._overviews: dict[OverviewKey, DataOverview] = {}

    def get(self, key: OverviewKey) -> DataOverview | None:
        return self._overviews.get(key)

    def forget(self, overview: DataOverview) -> None:
        """Drop what was found with this overview, so that it is found anew."""
        self._overviews = {key: one for key, one in self._overviews.items() if one.counted is not overview.counted}

    def keep(self, key: OverviewKey, overview: DataOverview) -> None:
        self._overviews[key] = overview
        while len(self._overviews) > KEPT:
            del self._overviews[next(iter(self._overviews))]


def find_out(origin: Path, known: OverviewCache, say: Callable[[str], None]) -> Iterator[DataOverview]:
    """All there is to know of a phase's dataset, or of a source, more of it each time.

    `say` hears what is being done, in words; what it raises ends the work. Raises UserError for what a person can put
    right: the phase, the corpus.
    """
    from slmtui.config.source_phase import phase_of
    from slmtui.data.inspection import CorpusCount
    from slmtui.data.near_copies import near_copies
    from slmtui.data.selection import left_out_by_patterns
    from slmtui.data.split_stats import baseline_and_scripts, dataset_leakage, token_counts
    from slmtui.insight.corpus_facts import measure_corpus
    from slmtui.insight.estimates import memory_of_machine
    from slmtui.insight.suggest import suggest
    from slmtui.training.prepare import dataset_settings, phase_corpus

    phase = phase_of([origin])
    source = ", ".join(phase.data.source)
    say(f"opening {source} …")
    corpus = phase_corpus(phase, lambda n, of: say(f"reading {byte_size(n)} of {byte_size(of)} of {source} …"))
    left_out = (*corpus.skipped, *left_out_by_patterns(phase.data))
    names = repr([(file.name, file.path, file.state) for file in corpus.files] + [*left_out])
    key = (
        corpus.fingerprint,
        sha256(names.encode()).hexdigest(),
        phase.data.model_dump_json(),
        phase.tokenizer.model_dump_json(),
    )
    if (before := known.get(key)) is not None:
        yield replace(before, origin=origin, phase=phase)
        return

    count, shown = CorpusCount(corpus, phase.data.patterns, dataset_settings(phase)), time.monotonic()
    for _ in count.chunks():
        say(f"counting {byte_size(count.characters)} of {byte_size(corpus.n_bytes)} …")
        if corpus.n_bytes > SHOWN_IN_PARTS and time.monotonic() - shown > SHOWN_AGAIN:
            yield DataOverview(origin, phase, corpus, count.so_far(), left_out, counting=True)
            shown = time.monotonic()
    say("choosing the sides, and their tokens …")
    overview = DataOverview(origin, phase, corpus, count.counted(), left_out)
    yield overview
    if (dataset := overview.dataset) is not None:
        say("counting the tokens of both sides …")
        overview = replace(overview, counts=token_counts(dataset))
        yield overview
        say("looking for training text repeated in validation …")
        leakage = dataset_leakage(dataset)
        overview = replace(overview, leakage=leakage)
        yield overview
        say("trying vocabularies …")
        facts = measure_corpus(corpus, dataset, dataset_settings(phase), leakage)
        overview = replace(
            overview, facts=facts, suggestion=suggest(phase.data, facts, most_memory=memory_of_machine() / 2)
        )
        yield overview
        say("looking for near-copies …")
        copies = near_copies(dataset, one_document_a_file=corpus.one_document_a_file)
        overview = replace(overview, near_copies=copies)
        yield overview
        say("counting, to see what there is to beat …")
        baseline, scripts = baseline_and_scripts(dataset)
        overview = replace(overview, baseline=baseline, scripts=scripts)
    overview = replace(overview, complete=True)
    known.keep(key, overview)
    yield overview


def suggestion_for_here(found: DataOverview, stop: Callable[[], bool]) -> tuple[Suggestion, Speed | None]:
    """The suggestion, cut to the steps that there is time for on this machine, and how long it takes then.

    Takes a few steps, for seconds. As it was, and None, if they cannot be measured or `stop` becomes true before.
    ValueError where there is no suggestion.
    """
    from slmtui.console.workers.phase_facts import measure, seconds_limited
    from slmtui.insight.estimates import memory_of_machine
    from slmtui.insight.suggest import steps_in_time, suggest

    if found.suggestion is None or found.facts is None:
        raise ValueError("nothing is suggested for this text")
    _, speed = measure(found.suggestion.phase, stop)
    if not isinstance(speed, Speed):
        return found.suggestion, None
    iters, memory = steps_in_time(found.facts, speed.step), memory_of_machine() / 2
    suggestion = suggest(found.phase.data, found.facts, most_iters=iters, most_memory=memory)
    total = seconds_limited(suggestion.phase, speed.step * suggestion.phase.training.max_iters)
    return suggestion, replace(speed, total=total)
