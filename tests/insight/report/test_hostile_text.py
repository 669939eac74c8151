"""Reports obey no text of a phase, a corpus or a model: it stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape as escape_html
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from slmtui.insight.report.build import build_report, write_report
from slmtui.insight.report.markdown import escape, to_markdown
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.events import Event
from tests.written_runs import BEGAN, done_run, evaluations, finished, make_phase, started, write_run

HOSTILE = "</pre><script>alert(1)</script>![x](http://a.b/c.png) [y](javascript:z) | ``` \x1b[31m <b>&amp; $\\evil{"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


def tags_without_harm(html: str) -> None:
    tags = Tags()
    tags.feed(html)
    assert not tags.seen & {"script", "img", "b", "a", "iframe"}
    assert not {name for name in tags.attributes if name.startswith("on") or name in ("src", "href")}


def hostile_run(checkpoints: Path) -> Run:
    phase = make_phase("evil", phase={"title": HOSTILE, "description": HOSTILE, "hypothesis": HOSTILE})
    happened: list[Event] = [started(phase, notes=[HOSTILE], tokenizer=HOSTILE), *evaluations([(3.0, 3.0), (2.0, 2.5)])]
    happened += [
        events.Warned(step=100, time=BEGAN, code=HOSTILE, message=HOSTILE, advice=HOSTILE),
        events.Sample(step=100, time=BEGAN, prompt=HOSTILE, text=HOSTILE, judgement={"label": HOSTILE}),
    ]
    return write_run(checkpoints, "<img src=x onerror=y>$\\evil-001", phase, [*happened, finished(happened)])


def test_hostile_text_stays_text_in_html(tmp_path: Path) -> None:
    write_report(build_report([hostile_run(tmp_path), done_run(tmp_path, "plain-001")]), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    tags_without_harm(text)
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text


def test_hostile_text_stays_text_in_markdown(tmp_path: Path) -> None:
    text = to_markdown(build_report([hostile_run(tmp_path)]), [])
    assert "\x1b" not in text
    html = MarkdownIt("commonmark").enable("table").render(text)
    tags_without_harm(html)
    for harmless in (
        "</pre><script>alert(1)</script>![x](http://a.b/c.png) [y](javascript:z) | ```",
        "<b>&amp; $\\evil{",
    ):
        assert escape_html(harmless) in html
    for table in re.findall("(?s)<table>.*?</table>", html):
        assert (
            len({len(re.findall("<t[hd][ >]", row)) for row in table.split("</tr>")[:-1]}) == 1
        )  # no cell was torn in two


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("model.n_embd is _so_ wide", r"model.n_embd is \_so\_ wide"),
        ("a < b & c", "a < b & c"),
        ("&lt;", "&amp;lt;"),
        ("two\n\nparagraphs", "two paragraphs"),
        ("www.example.com", "www&#46;example.com"),
    ],
)
def test_markdown_is_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected
