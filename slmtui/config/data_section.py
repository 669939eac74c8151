"""The `[data]` section of a phase: what to train on, and what is held back."""

from typing import Any

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from slmtui.config.fields import (
    EncodingName,
    FieldOrTemplate,
    NonEmpty,
    Number,
    RegularExpression,
    SourcePaths,
    Split,
    Texts,
    Whole,
    broken_rule,
)
from slmtui.config.limits import BrokenRecords, DocumentKind, Join
from slmtui.config.section import Section


class DataSection(Section):
    """What to train on, and what to hold back for validation."""

    source: SourcePaths = Field(
        ("data/chromadb",),
        description="Folder or files to train on, relative to the current folder.",
        json_schema_extra={"allowed": "a path or a list of paths"},
    )
    include: Texts = Field((), description="Files to use, as .gitignore patterns; empty: all.")
    exclude: Texts = Field(
        (), description='Files to leave out, as .gitignore patterns; "!" before one takes in what a rule leaves out.'
    )
    default_excludes: StrictBool = Field(
        True,
        description="Leave out lock files, installed packages, build outputs, minified and generated code, files of "
        "keys or passwords, and what slmtui itself writes.",
    )
    join: Join = Field(
        "documents",
        description="Keep documents apart by a token of their own, or join files with a header as in the published "
        "phases.",
    )
    documents: DocumentKind = Field("files", description="What a document is: a file, or a line.")
    field: FieldOrTemplate = Field(
        "",
        description='Field of JSONL, CSV or Parquet records to train on, or a template such as "{title}: {text}"; each '
        "record is a document.",
    )
    separator: str = Field(
        "", description='Text between two documents of a file, such as "<|endoftext|>"; it is not trained on.'
    )
    broken_records: BrokenRecords = Field(
        "skip", description="Leave out records that cannot be read, and say so, or refuse to train."
    )
    encoding: EncodingName = Field(
        "auto",
        description="Encoding of all files; auto: as each one's byte order mark says, else UTF-8, else a guess.",
        json_schema_extra={"allowed": '"auto" or the name of a codec of Python, such as "cp1252"'},
    )
    dataset_size: Whole | None = Field(
        None, ge=2, le=10**9, description="Size of the dataset in GPT-2 tokens; unset: the whole corpus."
    )
    dedupe: StrictBool = Field(
        False, description="Leave out documents that repeat an earlier one, word for word or nearly; the first is kept."
    )
    validation: Texts = Field(
        (), description="Files to validate on, as .gitignore patterns; then train_fraction has no effect."
    )
    test: Texts = Field(
        (), description="Files to look at once, after the training, as .gitignore patterns; empty: none."
    )
    test_fraction: Number = Field(
        0.0, ge=0, lt=1,
        description="Share of the tokens to look at once, after the training, in place of files that test names.",
    )  # fmt: skip
    train_fraction: Number = Field(
        0.9, gt=0, lt=1, description="Share of the tokens to train on, the test's left out; the rest is for validation."
    )
    validation_size: Whole | None = Field(
        None, ge=2, le=10**9,
        description="Most GPT-2 tokens to validate on; less is held back, and what documents have beyond is left out; "
        "unset: all that is held back.",
    )  # fmt: skip
    split: Split = Field(
        "contiguous", description="Validate on the last documents (of a single one: its end), or on some from all over."
    )
    patterns: dict[NonEmpty, RegularExpression] = Field(
        default_factory=dict,
        description="Regular expressions, by name, whose matches in the corpus are counted.",
        json_schema_extra={"allowed": "a table of name = 'regular expression'"},
    )

    @field_validator(
        "documents", "field", "separator", "dedupe", "validation", "test", "test_fraction", "validation_size"
    )
    @classmethod
    def _needs_documents(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("join") == "published" and value not in ("files", "", (), False):
            raise broken_rule(
                'has no meaning with join = "published"',
                got=f'{value!r} with join = "published"',
                allowed=f'no {info.field_name}, or join = "documents"',
                beside="join",
            )
        return value

    @field_validator("test_fraction")
    @classmethod
    def _one_test(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("test"):
            raise broken_rule(
                "says what the test side is, as test does",
                got="both test and test_fraction",
                allowed="one of test and test_fraction",
                beside="test",
            )
        return value

    @field_validator("field", "separator")
    @classmethod
    def _one_kind_of_document(cls, value: str, info: ValidationInfo) -> str:
        others = [
            name for name, unset in (("documents", "files"), ("field", "")) if info.data.get(name, unset) != unset
        ]
        if value and others and others != [info.field_name]:
            raise broken_rule(
                f"says what a document is, as {others[0]} does",
                got=f"both {info.field_name} and {others[0]}",
                allowed="one of documents, field and separator",
                beside=others[0],
            )
        return value
