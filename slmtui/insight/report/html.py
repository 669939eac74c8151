"""A report as one HTML file: nothing is loaded, nothing runs; readable on a phone, on light and dark screens."""

from __future__ import annotations

from html import escape as escape_html

from slmtui.insight.report.blocks import Bullets, Code, Figure, Heading, Paragraph, Report, ReportBlock, Table
from slmtui.output import visible
from slmtui.training.gap import WORDS

CSS = """\
:root { color-scheme: light dark; --ink: #23262d; --quiet: #666c78; --paper: #fbfbf9; --line: #dddcd6;
  --tint: #f1f1ec; --accent: #2a5bd7; --excellent: #1a7f37; --good: #5c7d12; --moderate: #8f6a00; --severe: #b4501a;
  --catastrophic: #b3202f; }
@media (prefers-color-scheme: dark) { :root { --ink: #c8cdd8; --quiet: #848b99; --paper: #12141a; --line: #2b303b;
  --tint: #1a1d25; --accent: #7aa2f7; --excellent: #63d17f; --good: #a9cf5f; --moderate: #e8c14f; --severe: #f0884d;
  --catastrophic: #f0616d; } }
body { margin: 0 auto; max-width: 54rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .4rem; }
h4 { font-size: 1rem; margin: 1.2rem 0 .3rem; color: var(--quiet); }
p, ul { margin: .5rem 0; } ul { padding-left: 1.2rem; } li { margin: .3rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th { color: var(--quiet); font-weight: 500; border-bottom: 1px solid var(--line); }
th, td { padding: .22rem .7rem .22rem 0; text-align: right; vertical-align: top; white-space: nowrap; }
th.words, td.words { text-align: left; }
td.words:last-child { white-space: normal; min-width: 6rem; }
td { border-bottom: 1px solid color-mix(in srgb, var(--line) 50%, transparent); }
pre { background: var(--tint); border-radius: 4px; padding: .7rem .9rem; overflow-x: auto; font-size: .84rem;
  line-height: 1.45; margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
figure { margin: .8rem 0; } figure svg { width: 100%; height: auto; display: block; }
figcaption { color: var(--quiet); font-size: .85rem; }
""" + "".join(f".{word} {{ color: var(--{word}); font-weight: 600; }}\n" for word in WORDS)


def to_html(report: Report) -> str:
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(report.title)}</title>",
        f"<style>\n{CSS}</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(report.title)}</h1>",
        *map(_block, report.blocks),
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def escape(text: str) -> str:
    return escape_html(visible(text))


def _block(block: ReportBlock) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p>{_paragraph(block)}</p>"
        case Bullets():
            return "<ul>\n" + "\n".join(f"<li>{_paragraph(item)}</li>" for item in block.items) + "\n</ul>"
        case Table():
            return _table(block)
        case Code(folded=""):
            return f"<pre>{escape(block.text.rstrip())}</pre>"
        case Code():
            return (
                f"<details><summary>{escape(block.folded)}</summary>\n"
                f"<pre>{escape(block.text.rstrip())}</pre></details>"
            )
        case Figure():
            return f"<figure>\n{block.svg}\n<figcaption>{escape(block.caption)}</figcaption>\n</figure>"


def _paragraph(paragraph: Paragraph) -> str:
    lead = f"<strong>{escape(paragraph.lead)}</strong> " if paragraph.lead else ""
    command = f"<code>{escape(paragraph.command)}</code>. " if paragraph.command else ""
    return lead + command + escape(paragraph.text)


def _table(table: Table) -> str:
    def row(tag: str, cells: tuple[str, ...]) -> str:
        return "<tr>" + "".join(_cell(tag, cell, column in table.left) for column, cell in enumerate(cells)) + "</tr>"

    lines = ['<div class="wide"><table>', row("th", table.header), *(row("td", cells) for cells in table.rows)]
    return "\n".join([*lines, "</table></div>"])


def _cell(tag: str, text: str, words: bool) -> str:
    classes = [*(["words"] if words else []), *([text] if tag == "td" and text in WORDS else [])]
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    return f"<{tag}{attribute}>{escape(text)}</{tag}>"
