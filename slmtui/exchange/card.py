"""The model card of an export: the run's report, with how the files are used and what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slmtui.errors import UserError
from slmtui.exchange.network import Part, architecture_of
from slmtui.insight.report import sections
from slmtui.insight.report.blocks import Bullets, Code, Heading, Paragraph, Report, ReportBlock, Table
from slmtui.insight.report.markdown import to_markdown
from slmtui.insight.report.run_facts import RunFacts, read_facts
from slmtui.insight.report.summary import summary
from slmtui.model.gpt import GPT
from slmtui.runs.run import Run
from slmtui.words import number

USE = {
    "hf": (
        "python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained(".")\n'
        'model = AutoModelForCausalLM.from_pretrained(".")\n'
        'prompt = tokenizer("The ", return_tensors="pt")\n'
        "print(tokenizer.decode(model.generate(**prompt)[0]))\n",
    ),
    "gguf": ("sh", 'llama-completion -m model.gguf -p "The "\nollama create my-model -f Modelfile\n'),
}
LIBRARY = {"hf": "transformers", "gguf": "gguf"}
TAGS = {"GPT-2": "gpt2", "LLaMA": "llama"}  # of the Hub, by architecture


@dataclass(frozen=True)
class Measured:
    """The exported network's own loss on the validation text, in nats per token, with its standard error."""

    loss: float
    error: float
    tokens: int
    bits_per_token: float  # nats per token times this are bits per byte


def model_card(run: Run, to: str, parts: Sequence[Part], measured: Measured | None, network: GPT) -> str:
    """README.md of the folder; the licence is left to the person."""
    try:
        facts: RunFacts | None = read_facts(run)
    except UserError:  # a model whose log is gone
        facts = None
    language, code = USE[to]
    blocks: list[ReportBlock] = [
        Paragraph(
            f"A small language model with {architecture_of(network)}'s architecture, trained with slmtui. It continues "
            f"texts of the kind that it was trained on, and looks back {network.config.block_size:,} tokens at most."
        ),
        Heading("Use", 2),
        Code(code, language),
    ]
    if parts:
        blocks += [
            Heading("What is missing here", 2),
            Paragraph("slmtui predicts with more than this network; this format has no place for the rest:"),
            Bullets(tuple(Paragraph(f"{part.words}.") for part in parts)),
            Paragraph("What the sections below say of mixtures and completions is said of the whole model."),
        ]
    if measured is not None:
        blocks += _losses(measured, facts)
    if facts is not None:
        for section in (summary, sections.data, sections.by_heart, sections.configuration):
            blocks += section(facts, 2)
        blocks.append(Code(facts.phase_text, "toml"))
    blocks += [
        Heading("Licence", 2),
        Paragraph(
            "None is named here: whoever publishes the model chooses one, and looks first whether the texts that it "
            "was trained on allow it."
        ),
    ]
    front = _FRONT.format(library=LIBRARY[to], architecture=TAGS[architecture_of(network)])
    return front + to_markdown(Report(run.name, tuple(blocks)), [])


_FRONT = """\
---
library_name: {library}
pipeline_tag: text-generation
tags:
- slmtui
- {architecture}
---

"""


def _losses(measured: Measured, facts: RunFacts | None) -> list[ReportBlock]:
    bits, bits_error = measured.loss * measured.bits_per_token, measured.error * measured.bits_per_token
    network = f"{measured.loss:.4f} ± {number(measured.error, '.4f')}", f"{bits:.3f} ± {number(bits_error, '.3f')}"
    rows = [("this network", *network)]
    if facts is not None and (baseline := facts.baseline) is not None:
        bar = baseline.static
        rows.append((bar.title, f"{bar.loss:.4f}", f"{bar.bits_per_byte:.3f}"))
    return [
        Heading("Loss", 2),
        Table(("on the validation text", "nats per token", "bits per byte"), tuple(rows)),
        Paragraph(
            f"Measured on {measured.tokens:,} tokens that were not trained on, by which the best step was chosen; ± is "
            "the standard error over the tokens. Another seed of the same training may differ by more."
        ),
    ]
