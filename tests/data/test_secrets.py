"""What looks like a key, a token or a password, and what does not; the secret itself is never said."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.data.corpus import open_corpus
from slmtui.data.documents import DocumentForm
from slmtui.data.reading import what_to_know
from slmtui.data.secrets import MOST_KEPT, Secret, find_secrets
from tests.data.test_corpus import write

# Put together here, so that no such text stands in this file.
SECRETS = {
    "a private key": ["-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow", "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3Bl"],
    "an AWS access key": ["AKIA" + "IOSFODNN7EXAMPLE"],
    "a GitHub token": ["ghp_" + "a1B2" * 9, "github_pat_" + "a1" * 41],
    "a GitLab token": ["glpat-" + "a1B2c3D4e5F6g7H8i9J0"],
    "a Slack token": ["xoxb-" + "123456789012-abcdefABCDEF"],
    "a Google API key": ["AIza" + "a1B2c" * 7],
    "a Stripe key": ["sk_live_" + "a1B2" * 6],
    "a Hugging Face token": ["hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"],
    "an npm token": ["npm_" + "a1B2" * 9],
    "a JSON web token": ["eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMQ"],
    "a password in an address": ["postgres://admin:" + "hunter2x@db.example.org/x"],
    "a password or a token": [
        'password = "' + 'tr0ub4dor&3"', "DB_PASSWORD=" + "Zx9!kQ27p", "api_key: '" + "9f86d081884c7d659a2f'",
        '{"token": "' + 'kJ8s7Hd62mNbQx"}',
    ],
}  # fmt: skip
NO_SECRETS = [
    'password = input("password: ")', "token = tokenizer.encode(text)", 'password = "your_password_here"',
    'PASSWORD = "changeme123"', "password: str = Field(min_length=8)", "secret=${DB_SECRET_1}",
    'token = "<|endoftext|>"',
    'eos_token = "end_of_text_1"', "https://example.org:8080/path", "The secret: 12345678 people know it.",
    "-----BEGIN PUBLIC KEY-----\nMIIB", "Her password was forgotten, and her token lost.", "n_tokens=1_000_000",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts])
def test_what_looks_like_a_secret_is_found_on_its_line(kind: str, text: str) -> None:
    assert list(find_secrets(f"first line\n\n  {text}\nlast line {text[:4]}\n")) == [(2, kind)]


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_does_not_look_like_one_is_none(text: str) -> None:
    assert list(find_secrets(text)) == []


def test_the_place_is_said_and_never_the_secret(tmp_path: Path) -> None:
    (aws,), (slack,) = SECRETS["an AWS access key"], SECRETS["a Slack token"]
    corpus = open_corpus(
        write(tmp_path, {"a.py": f"x = 1\nkey = '{aws}'\n", "b/c.txt": f"\n\n{slack}\n", "d.txt": "d"})
    )
    told = what_to_know(corpus)
    assert told[:-1] == ("a.py:2: looks like an AWS access key", "b/c.txt:3: looks like a Slack token")
    assert "data.exclude" in told[-1]
    assert not any(aws in line or slack in line for line in told)


@pytest.mark.parametrize("form", [DocumentForm(), DocumentForm(documents="lines"), DocumentForm(join="published")])
def test_the_line_is_that_of_the_file_in_every_form(tmp_path: Path, form: DocumentForm) -> None:
    (token,) = SECRETS["a GitLab token"]
    write(tmp_path, {"a.txt": "word " * 200_000 + "\n" + "line\n" * 998 + f"{token}\n"})
    assert open_corpus(tmp_path, form=form).secrets.first == (Secret("a.txt", 1000, "a GitLab token"),)


def test_thousands_are_counted_and_a_few_are_said(tmp_path: Path) -> None:
    (key,) = SECRETS["an AWS access key"]
    corpus = open_corpus(write(tmp_path, {"a.txt": f"{key}\n" * 5000}))
    assert (len(corpus.secrets.first), corpus.secrets.count) == (MOST_KEPT, 5000)
    told = what_to_know(corpus)
    assert len(told) == 12
    assert told[10] == "4,990 more places look like keys, tokens or passwords"


def test_the_sample_corpus_has_none() -> None:
    assert open_corpus(Path(__file__).parents[2] / "data/chromadb").secrets.count == 0
