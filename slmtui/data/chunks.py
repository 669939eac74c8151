"""Cutting a text into pieces without changing its tokens.

A corpus may be larger than memory, so it is tokenised piece by piece. The tokens must not depend on where it
was cut. GPT-2 first splits text with a regular expression and pairs bytes only within such a word; it never
joins a character that is no whitespace with whitespace after it. So a cut just before whitespace that follows
something else changes nothing. The same holds just before the last character of a run of whitespace, because
that one is always split off (it goes to the next word, or stands alone): this is why documents may begin at
the newline before their header.
"""

from collections.abc import Iterable, Iterator

# Characters. Larger would not be faster, and the regular expression gives up on a run of a million spaces.
CHUNK_CHARACTERS = 1 << 19


def safe_cut(text: str, start: int, limit: int) -> int:
    """The last place in `text[start : start + limit]` where a cut changes no token, by preference a line's
    end.

    A stretch of `limit` characters without any such place (one endless word, nothing but spaces) is cut at
    `limit`.
    `str.isspace` knows a few more characters than the tokeniser's `\\s` does, which only makes this more
    careful.
    """
    for space in "\n ":
        cut = text.rfind(space, start + 1, start + limit + 1)
        while cut > 0:
            if not text[cut - 1].isspace():
                return cut
            cut = text.rfind(space, start + 1, cut)
    return start + limit


def chunks(chunks: Iterable[str], limit: int = CHUNK_CHARACTERS) -> Iterator[str]:
    """The text of `chunks` in pieces of at most `limit` characters; how it was chunked changes nothing."""
    rest = ""
    for chunk in chunks:
        text, start = rest + chunk, 0
        while len(text) - start > limit:
            cut = safe_cut(text, start, limit)
            yield text[start:cut]
            start = cut
        rest = text[start:]
    if rest:
        yield rest
