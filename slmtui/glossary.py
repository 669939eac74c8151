"""The words of slmtui: one word for one thing, in code, TOML, on screens and in docs.

`python -m slmtui.glossary > docs/glossary.md` writes the page. In the console, `i` and `?` explain the words that stand
on the screen.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A word in a sentence, and what a reader makes of it in another one.

    shown: how else it stands on a screen. in_code: only who reads the code meets it.
    """

    word: str
    meaning: str
    use: str = ""
    shown: tuple[str, ...] = ()
    in_code: bool = False

    def occurs(self, text: str) -> int:
        """Where it stands in a text first, as a word; -1 if it does not."""
        places = [found.start() for form in (self.word, *self.shown) if (found := _form(form).search(text))]
        return min(places, default=-1)


def _form(form: str) -> re.Pattern[str]:
    """As a word of its own, also in the plural; the n of an n-gram may be a number."""
    pattern = re.escape(form).replace(r"n\-gram", r"[n\d]\-gram")
    return re.compile(rf"(?<![\w/-]){pattern}s?(?![\w/-])", re.IGNORECASE)


GLOSSARY = (
    # What is learned from.
    Word("corpus", "The text that a model learns from: a list of documents.", "`[data] source` names it."),
    Word("document", "A file, a line, a record, or a section between separators.", "No document is on two sides."),
    Word(
        "side", "Training, validation or test: each document is on one of them.",
        "A model learns from the first and is judged by the others.", shown=("split",),
    ),
    Word(
        "training", "The side of the corpus that the model learns from.",
        "Its loss falls as long as the model learns anything, by heart or not.", shown=("train",),
    ),
    Word(
        "validation", "The side of the corpus that is kept from the model, to judge it while it trains.",
        "Its loss says how well the model does on text that it has not seen.", shown=("val",),
    ),
    Word(
        "test", "The side of the corpus that is looked at once, when the training is over.",
        "Nothing was chosen by it, so it flatters nobody.",
    ),
    Word("dataset", "The corpus as tokens, by side.", "It is what a phase makes of a corpus."),
    Word(
        "token", "A piece of text that a model reads and writes as one: a word, a part of one, or a sign.",
        "All of them together are the vocabulary.", shown=("tok",),
    ),
    Word(
        "vocabulary", "All the tokens that a model knows.",
        "A large one makes text short, and a small model mostly vocabulary.", shown=("bpe", "gpt2-compact"),
    ),
    Word("end", "The token after a document: it stands for no text and counts nowhere.", "It ends a completion."),
    Word(
        "leakage", "The share of the validation tokens that repeat training text word for word, white space aside.",
        "Where it is high, a small gap or loss says little: the model may have learned the answers by heart.",
        shown=("repeats of training",),
    ),
    Word(
        "near-copy", "A document that is nearly the same as another one.",
        "Where one trains and the other validates, the validation is too easy.", shown=("near-copies",),
    ),
    # A training.
    Word("phase", "A configuration to train, in a TOML file.", "It says what to learn from, and how."),
    Word("run", "One training of a phase; its folder.", "Train the same phase twice, and there are two runs of it."),
    Word("step", "One update of the model's numbers, after a look at a batch of text.", "A training makes hundreds.",
         shown=("it/s",)),
    Word("epoch", "One pass over all of the training text.", "Over 4, repeats teach less and less; over 16, little."),
    Word(
        "learning rate", "How far a step moves the model's numbers.",
        "Too high, and the training becomes unstable; too low, and it takes for ever.", shown=("rate", "learning_rate"),
    ),
    Word(
        "parameter", "One of the numbers that a training sets; a model is all of them together.",
        "More of them can learn more, also by heart.",
    ),
    Word(
        "loss", "How surprised the model is by the right next token, on average, in nats.",
        "0 is certain of every token; a model that knows nothing has the logarithm of its vocabulary.",
    ),
    Word("nats", "The unit of a loss: 1 nat is 1.44 bits.", "A loss of 0.7 is a coin tossed for each token.",
         shown=("nat", "nats per token")),
    Word("evaluation", "The losses of both sides at a step.", "It decides whether the model is the best so far."),
    Word(
        "gap", "The validation loss minus the training loss, in nats per token.",
        "Small is good, but a model that has learned little has a small gap, too: look at bits per byte beside it.",
    ),
    Word(
        "verdict",
        "One sentence on a run; in a column, the class of its gap. In JSON they are `sentence` and `verdict`.",
        "The class goes from excellent (below 0.5) by good, moderate (1 to 3) and severe to catastrophic (from 5 on).",
        shown=("excellent", "good", "moderate", "severe", "catastrophic"),
    ),
    Word(
        "bits per byte", "The validation loss for each byte of text, in bits: how far the text could be compressed.",
        "Lower is better, and unlike a loss it can be compared between vocabularies.",
        shown=("bits/byte", "b/byte", "bits/B"),
    ),
    Word("best", "The evaluation with the lowest validation loss, marked ◆.", "best.pt holds the model of that step."),
    Word("overfitting", "Learning the training text by heart, while the validation loss rises.",
         "Stop there: best.pt has the model from before.", shown=("overfitted",)),
    Word(
        "baseline", "What counting alone reaches on the same validation side.",
        "A network that does not beat it is not worth its parameters. A run with the tag baseline is something else: "
        "the one that all others are compared with.", shown=("counting", "to beat"),
    ),
    Word(
        "bar", "What counting alone reaches in one way: static, by an n-gram model; adaptive, by a context mixer.",
        "An n-gram model, such as 7-gram, counts which token follows the last few; the mixer counts bytes in many "
        "contexts, and learns on.",
        shown=("n-gram", "context mixer"),
    ),
    Word("unigram", "A model that knows how frequent each token is, and nothing else.", "The easiest bar to beat."),
    Word("uniform", "A model that knows nothing: all tokens are as likely.", "Its loss is ln of their number."),
    Word(
        "mixture", "The network's predictions mixed with those of counting.",
        "The losses of a phase with `ngram_mix` are called mixed; with `context_mixing`, static and adaptive.",
        shown=("mixed",),
    ),
    Word(
        "static", "Of a mixture: it predicts with what it knows from the training text, and its window.",
        "It answers how much was learned before.",
    ),
    Word(
        "adaptive", "Of a mixture: it also learns from each token, after it has predicted it, and from a prompt.",
        "It answers how well it does while it reads on.",
    ),
    Word(
        "decides", "Of the network, static or adaptive: its validation loss is what counts.",
        "best.pt, patience and the gate go by it, and it writes the completions.",
    ),
    Word("dropout", "The share of the network that is left out at random in each step.",
         "It makes learning by heart harder."),
    Word("diverged", "The loss grew without end, or was no number any more.", "The learning rate was too high."),
    Word("finding", "What a rule saw: its level, its evidence and a remedy.", "The console shows them as warnings.",
         shown=("warning", "diagnosis")),
    Word("gate", "A limit of a phase that fails a run in CI.", "Its exit status is 1."),
    Word("checkpoint", "A saved model: best.pt, or last.pt with all that training needs.", "Complete talks to them."),
    Word("resume", "To go on with a run, exactly as if it had never stopped."),
    Word("parent", "The model that a run starts from (`model.init_from`).", "The run is its child."),
    Word("teacher", "The models whose predictions a run learns from.", "`training.distill_from` names them."),
    Word("tag", "A name that a person gives a run.", "It can move to another one."),
    Word("lineage", "What a run came from: its parent, its data, the version of slmtui."),
    # What a model writes.
    Word("prompt", "How a text begins that the model is to go on with.", "Prompts like those of the corpus work best."),
    Word("sample", "A completion drawn at an evaluation.", "`[sampling] prompts` says of what."),
    Word(
        "label", "How good a sample is: gibberish, fragments, syntax, domain or copy.",
        "Fragments are real words without structure, syntax has structure, domain also the names of the corpus; a copy "
        "is at least half copied from the training text.",
        shown=("gibberish", "fragments", "syntax", "domain", "copied", "copy of"),
    ),
    Word("temperature", "How daring the draw of the next token is.", "0 takes the likeliest; 1 draws as predicted."),
    Word("top-k", "How many of the likeliest tokens a draw is from.", "0 or off: all."),
    Word("top-p", "A draw is from the likeliest tokens that together reach this probability.", "1 or off: all."),
    Word("seed", "What chance begins with.", "The same seed draws the same text."),
    Word("place", "In `examine`, where a text is asked for.", "Tokens to tell from memory, or the rest of a line."),
    Word(
        "characters saved", "Of the rests of lines, the share that a completion spares somebody from typing.",
        "[How it is measured](usefulness.md).",
    ),
    # Many runs.
    Word("study", "Many runs that answer one question.", "A file in studies/ names it."),
    Word("cell", "One combination of what a study varies.", "Each has a trial for every seed."),
    Word("trial", "One run of a cell, with one seed.", "Several of them tell chance from cause."),
    Word("claim", "A sentence that a study tests.", "It holds, does not hold, or is not decided."),
    Word("law", "How the loss falls with data or size, fitted to the trials of a study.", "It predicts larger runs."),
    Word("ensemble", "The networks of a cell's runs, predicting together.", "Each of them is a member."),
    # Words of the code.
    Word("command", "What a running training is asked (`training/control.py`); in a shell, a word after `slmtui`.",
         in_code=True),
    Word("event, log", "One thing that happened in a run; all of them, `events.jsonl`.", in_code=True),
    Word("trace", "A run so far, folded for the rules (`RunTrace`).", in_code=True),
    Word("history", "A log as columns, ready to be drawn (`RunHistory`).", in_code=True),
    Word("index, listing, preview, summary",
         "All runs of a folder; one of them as a list shows it; at a glance; as one line.", in_code=True),
)  # fmt: skip


def words_in(text: str) -> Iterator[Word]:
    """The words that stand in a text, in their order there."""
    found = [(place, word) for word in GLOSSARY if not word.in_code and (place := word.occurs(text)) >= 0]
    return (word for _, word in sorted(found, key=lambda one: one[0]))


def glossary_page() -> str:
    """docs/glossary.md."""
    lines = [
        "# Glossary", "",
        "One word for one thing, in code, TOML, on screens and in docs. In the console, `i` explains the words that",
        "stand on the screen, and `?` does so below its keys. Made by `python -m slmtui.glossary`.",
    ]  # fmt: skip
    for in_code, title in ((False, "Words of the screens"), (True, "Words of the code alone")):
        lines += ["", f"## {title}", "", "| word | meaning |", "|---|---|"]
        for one in sorted(GLOSSARY, key=lambda one: one.word.lower()):
            if one.in_code == in_code:
                also = f" Also shown as: {', '.join(one.shown)}." if one.shown else ""
                lines.append(f"| {one.word} | {' '.join(filter(None, (one.meaning, one.use)))}{also} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(glossary_page())
