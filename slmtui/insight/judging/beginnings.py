"""How the lines of a text begin: prompts that a model of it has something to say to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

LONGEST = 24  # characters of a prompt
READ = 200_000  # characters of text that are looked at
LEAST = 2  # lines that begin so; fewer are no habit of the text's


def frequent_beginnings(texts: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """The first words of lines, the most frequent first.

    A word that many lines begin with is taken further as long as most of them go on alike: `def get_`. Indented lines
    count only where there are no others. () for a text without lines that begin alike.
    """
    lines, read = [], 0
    for text in texts:
        lines += [line for line in text[: READ - read].splitlines() if any(map(str.isalpha, line[:LONGEST]))]
        read += len(text)
        if read >= READ:
            break
    lines = [line for line in lines if not line[0].isspace()] or [line.lstrip() for line in lines]
    counted = Counter(filter(None, map(_first_word, lines)))
    words = [word for word, count in counted.most_common(most) if count >= LEAST]
    found = (_taken_further(word, lines).rstrip() for word in words)  # most tokens have the space before their word
    return tuple(dict.fromkeys(found))


def _first_word(line: str) -> str:
    """`import `; the whole of a short line without spaces; "" where there is no word to begin with."""
    word, space, _ = line.partition(" ")
    if not any(map(str.isalpha, word)):
        return ""
    return word[:LONGEST] + space if len(word) < LONGEST else word[: LONGEST // 4]  # scripts that use no spaces


def _taken_further(word: str, lines: list[str]) -> str:
    """The beginning that most of the lines with this first word share."""
    alike = [line for line in lines if line.startswith(word)]
    while len(word) < LONGEST:
        letter, count = Counter(line[len(word) : len(word) + 1] for line in alike).most_common(1)[0]
        if not letter or 2 * count <= len(alike):
            return word
        word += letter
        alike = [line for line in alike if line.startswith(word)]
    return word
