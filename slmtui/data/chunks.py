"""Cuts a text into chunks without changing its tokens.

A corpus may be larger than memory, so it is tokenised chunk by chunk, and the tokens must not depend on the cuts.
GPT-2 first splits text into words with a regular expression, then pairs bytes only within a word; it never joins a
non-whitespace character to whitespace after it. So a cut just before whitespace that follows something else changes
nothing. The same is true just before the last character of a run of whitespace, which is always split off (it joins
the next word, or stands alone): this is why a document may begin at the newline before its header.
"""

from collections.abc import Iterable, Iterator

# Characters. Larger chunks would not be faster, and the regular expression fails on a run of a million spaces.
CHUNK_CHARACTERS = 1 << 19


def safe_cut(text: str, start: int, limit: int) -> int:
    """The last place in `text[start : start + limit]` where a cut changes no token, preferably the end of a line.

    If there is no such place in `limit` characters (one endless word, nothing but spaces), the cut is at `limit`.
    `str.isspace` accepts a few more characters than the tokenizer's `\\s`, which only makes this more careful.
    """
    for space in "\n ":
        cut = text.rfind(space, start + 1, start + limit + 1)
        while cut > 0:
            if not text[cut - 1].isspace():
                return cut
            cut = text.rfind(space, start + 1, cut)
    return start + limit


def chunks(texts: Iterable[str], limit: int = CHUNK_CHARACTERS) -> Iterator[str]:
    """The concatenated `texts` in chunks of at most `limit` characters, wherever the texts begin and end."""
    rest = ""
    for part in texts:
        text, start = rest + part, 0
        while len(text) - start > limit:
            cut = safe_cut(text, start, limit)
            yield text[start:cut]
            start = cut
        rest = text[start:]
    if rest:
        yield rest
