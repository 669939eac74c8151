"""Text that looks like a key, a token or a password, which a model would learn and may write to anybody.

The shapes are those that the services document and that gitleaks looks for (github.com/gitleaks/gitleaks, its
config/gitleaks.toml); a password is a value that is assigned to a name of such, and is no word. A search says what it
found and where, never the secret.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

MOST_KEPT = 100  # places; the others are counted

_SHAPES = tuple(  # what it is, what each one contains, all of it
    (kind, part, re.compile(whole))
    for kind, part, whole in (
        ("a private key", "PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[rn])+\w"),
        ("an AWS access key", "AKIA", r"\bAKIA[A-Z2-7]{16}\b"),
        ("an AWS access key", "ASIA", r"\bASIA[A-Z2-7]{16}\b"),
        ("a GitHub token", "ghp_", r"\bghp_[A-Za-z0-9]{36}\b"),
        ("a GitHub token", "gho_", r"\bgho_[A-Za-z0-9]{36}\b"),
        ("a GitHub token", "ghs_", r"\bghs_[A-Za-z0-9]{36}\b"),
        ("a GitHub token", "github_pat_", r"\bgithub_pat_\w{82}\b"),
        ("a GitLab token", "glpat-", r"\bglpat-[\w-]{20,}"),
        ("a Slack token", "xox", r"\bxox[abeoprs]-[\w-]{10,}"),
        ("a Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows)/[\w/+]{40,}"),
        ("a Google API key", "AIza", r"\bAIza[\w-]{35}"),
        ("a Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
        ("an Anthropic key", "sk-ant-", r"\bsk-ant-[\w-]{40,}"),
        ("an OpenAI key", "T3BlbkFJ", r"\bsk-[\w-]*T3BlbkFJ[\w-]+"),
        ("a Hugging Face token", "hf_", r"\bhf_[A-Za-z]{34}\b"),
        ("an npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("a PyPI token", "pypi-AgE", r"\bpypi-AgE[\w-]{50,}"),
        ("a SendGrid key", "SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}\b"),
        ("a JSON web token", "eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
        (
            "a password in an address",
            "://",
            r"://(?<=[a-z0-9]://)[^\s/:@'\"<>{}$%]+:(?!pass)[^\s/:@'\"<>{}$]{6,}@[\w.-]+",
        ),
    )
)

_NAMES = [
    spelled
    for name in ("password", "passwd", "secret", "token", "api_key", "apikey", "access_key")
    for spelled in (name, name.capitalize(), name.upper())
] + ["apiKey", "accessKey", "ApiKey", "AccessKey"]
_ASSIGNED = re.compile(
    r"""\w{0,20}["']?[ \t]*(?:=>|:=|=|:)[ \t]*"""
    r"""(?:"([^\s"]{8,200})"|'([^\s']{8,200})'|([^\s"'`,;()\[\]{}<>$]{8,200})(?=\s|$))"""
)
_NO_SECRET = re.compile(
    r"example|change.?me|your|dummy|placeholder|x{3}|\*{3}|\.{3}|fake|redacted|password|secret|token|[<{$(]",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Za-z]+(?:[\W_]+[A-Za-z]*\d{0,2})*|[\d.,:_-]+|0x[0-9a-f]+")
_BITS = 2.8  # a character; of eight different ones, each has 3


@dataclass(frozen=True)
class Secret:
    """Where something looks like a secret: the file, the line, from 1, and what it looks like."""

    file: str
    line: int
    kind: str


@dataclass(frozen=True)
class Secrets:
    """The first of them, and how many there are."""

    first: tuple[Secret, ...] = ()
    count: int = 0

    def __add__(self, more: Secrets) -> Secrets:
        return Secrets((self.first + more.first)[:MOST_KEPT], self.count + more.count)


def find_secrets(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text, from 0, with something that looks like a secret, and what it looks like."""
    places: dict[int, str] = {}
    for kind, part, whole in _SHAPES:
        if part in text:
            places |= {found.start(): kind for found in whole.finditer(text)}
    for name in _NAMES:
        at = text.find(name)
        while at >= 0:
            end = at + len(name)
            if (found := _ASSIGNED.match(text, end)) and _is_password(found):
                places.setdefault(at, "a password or a token")
            at = text.find(name, end)
    lines: dict[int, str] = {}
    for place in sorted(places):  # of two on a line, the first shape is the more telling one
        line = text.count("\n", 0, place)
        if lines.get(line, "a password or a token") == "a password or a token":
            lines[line] = places[place]
    yield from lines.items()


def _is_password(found: re.Match[str]) -> bool:
    """Whether an assigned value is neither a placeholder, nor a word or a number, nor an expression."""
    quoted, value = found[3] is None, next(value for value in found.groups() if value is not None)
    if _NO_SECRET.search(value) or _WORDS.fullmatch(value):
        return False
    if not quoted and ("." in value or not (re.search(r"\d", value) and re.search(r"[A-Z]|[^\w.]", value))):
        return False
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts) >= _BITS
