"""Documents that are records of JSONL, CSV or Parquet: their fields, and what is said of those that are broken."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from slmtui.config.phase_file import PhaseError, parse_phase
from slmtui.data.corpus import open_corpus
from slmtui.data.documents import DocumentForm
from slmtui.data.errors import DataError
from tests.data.documents_of import dataset, documents
from tests.data.test_corpus import skipped, write


def test_records_of_csv_and_tsv(tmp_path: Path) -> None:
    write(tmp_path, {
        "a.csv": 'title,text\none,"first ""text"",\nsecond line"\ntwo,"more"\n',
        "b.tsv": "text\ttitle\nthree\tthird\n",
        "c.txt": "not a record",
    })  # fmt: skip
    corpus = open_corpus(tmp_path, form=DocumentForm(field="{title}: {text}"))
    assert documents(corpus) == ['one: first "text",\nsecond line', "two: more", "third: three"]
    assert skipped(corpus) == {"c.txt": "holds no records: not .jsonl, .ndjson, .json, .csv, .tsv, .parquet"}
    built = dataset(corpus, kind="bytes")
    assert [built.locate("train", token)[1] for token in (0, int(built.train.ends[0]) + 1)] == [2, 4]


def test_line_breaks_inside_a_record_are_no_lines_of_its_file(tmp_path: Path) -> None:
    text = "one\ntwo\nthree\nAKIA" + "Q2" * 8 + "\n" + "more of it\n" * 50
    write(tmp_path, {"a.jsonl": json.dumps({"text": text}) + "\n"})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert [(secret.file, secret.line) for secret in corpus.secrets.first] == [("a.jsonl", 1)]
    built = dataset(corpus)
    assert [built.locate("train", 0), built.locate("val", 0)] == [("a.jsonl", 1)] * 2
    assert built.locate("val", len(built.val.tokens) - 1) == ("a.jsonl", 1)


BROKEN = """\
{"text": "fine"}
{"text": 3}
{"text": null}
{"title": "x"}
[1]
{"text": "cut
{"text": "fine too"}
"""


REASONS = {
    "a.jsonl:3": "field 'text' is null, not text",
    "a.jsonl:4": "no field 'text'; it has 'title'",
    "a.jsonl:5": "a list, not an object with fields",
    "a.jsonl:6": "not JSON: unterminated string starting at character 10",
}


def test_broken_records_are_named_with_their_line_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": BROKEN})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert documents(corpus) == ["fine", "3", "fine too"]
    assert skipped(corpus) == REASONS


@pytest.mark.parametrize(
    ("field", "name", "record", "reason"),
    [
        ("a.b", "a.jsonl", '{"a": {"b": "x"}}', "no field 'a.b'; it has 'a'; fields in 'a' cannot be named"),
        ("a", "a.jsonl", '{"a": {"b": "x"}}', "field 'a' is an object, not text; fields in it cannot be named"),
        ("a", "a.jsonl", '"x"', "a text, not an object with fields"),
        ("a", "a.jsonl", "1.5", "a number, not an object with fields"),
        ("a", "a.csv", "a,b\nx", "1 cell where the first line names 2 columns"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(tmp_path: Path, field: str, name: str, record: str, reason: str) -> None:
    write(tmp_path, {name: record, "b.jsonl": json.dumps({field: "fine"})})
    assert list(skipped(open_corpus(tmp_path, form=DocumentForm(field=field))).values()) == [reason]


def test_records_without_text_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": '{"text": "fine"}\n{"text": ""}\n{"text": " "}\n'})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert documents(corpus) == ["fine"]
    assert skipped(corpus) == {"a.jsonl": "2 records without text"}


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_a_table_may_have_other_delimiters_than_commas(tmp_path: Path, delimiter: str) -> None:
    write(tmp_path, {"a.csv": f'title{delimiter}text\none{delimiter}"a,b;c"\n'})
    assert documents(open_corpus(tmp_path, form=DocumentForm(field="text"))) == ["a,b;c"]


def test_records_that_are_read_as_text_are_said(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "text\none\n", "b.jsonl": '{"text": "x"}\n', "c.txt": "x"})
    said = "a.csv and 1 more: records, read as plain text; to train on a field of theirs, name it in data.field"
    assert open_corpus(tmp_path).notes == (said,)
    assert open_corpus(tmp_path, form=DocumentForm(field="text")).notes == ()


def test_what_python_cannot_read_in_a_record_is_said(tmp_path: Path) -> None:
    deep = "[" * 100_000
    write(tmp_path, {"a.jsonl": f'{{"text": "fine"}}\n{{"id": {"9" * 5_000}, "text": "x"}}\n{{"text": {deep}}}\n'})
    assert skipped(open_corpus(tmp_path, form=DocumentForm(field="text"))) == {
        "a.jsonl:2": "a number of more than 4,300 digits, which cannot be read",
        "a.jsonl:3": "not JSON that can be read: nested too deeply",
    }


def test_of_many_broken_records_the_first_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n' + "{}\n" * 1000)
    corpus = open_corpus(tmp_path / "a.jsonl", form=DocumentForm(field="text"))
    assert len(corpus.skipped) == 6
    assert corpus.skipped[-1].reason == "995 more records that could not be read"


def test_broken_records_are_refused_where_the_phase_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": BROKEN})
    with pytest.raises(DataError, match=r"a\.jsonl:3: field 'text' is null, not text; correct the record"):
        open_corpus(tmp_path, form=DocumentForm(field="text", broken_records="refuse"))


def test_a_file_that_is_no_table_is_skipped_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": '"open', "b.csv": "text\nfine\n"})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert documents(corpus) == ["fine"]
    assert skipped(corpus) == {"a.csv": "line 1: not a table: unexpected end of data"}


def test_a_quote_that_nothing_closes_costs_the_rows_after_it_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": 'text,n\nfirst,1\n"second",2\n"open,3\nfourth,4\nfifth,5\n'})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert documents(corpus) == ["first", "second"]
    assert skipped(corpus) == {"a.csv:4": "a quote opens here that nothing closes; left out up to line 6"}
    with pytest.raises(DataError, match=r"a\.csv:4: a quote opens here .* line 6; correct the record"):
        open_corpus(tmp_path, form=DocumentForm(field="text", broken_records="refuse"))


def test_a_row_with_a_stray_quote_is_left_out_and_the_next_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": 'text,n\n"one" more,1\ntwo,2\n'})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert documents(corpus) == ["two"]
    assert skipped(corpus) == {"a.csv:2": "not a row: ',' expected after '\"'"}


def test_no_record_with_text_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": "x"}\n')
    with pytest.raises(DataError, match=r"(?s)no text in this file; skipped:.*a.jsonl:1: no field 'text'"):
        open_corpus(tmp_path / "a.jsonl", form=DocumentForm(field="text"))


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_records_of_parquet(tmp_path: Path) -> None:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    rows = [{"title": f"Title {i}", "text": f"The text of record {i}." if i != 1 else None} for i in range(3000)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    corpus = open_corpus(tmp_path / "a.parquet", form=DocumentForm(field="{title}: {text}"))
    expected = [f"{row['title']}: {row['text']}" for row in rows if row["text"] is not None]
    assert documents(corpus) == expected
    assert skipped(corpus) == {"a.parquet:2": "field 'text' is null, not text"}
    (tmp_path / "b.parquet").write_bytes(b"PAR1 but no table")
    with pytest.raises(DataError, match=r"b\.parquet: not a Parquet file that can be read"):
        open_corpus(tmp_path / "b.parquet", form=DocumentForm(field="text"))


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"a\.parquet: to read Parquet files, install pyarrow: pip install"):
        open_corpus(tmp_path / "a.parquet", form=DocumentForm(field="text"))


@pytest.mark.parametrize("field", ["{}", "{ }", "{text", "text}", "{title}: {", "{{text}}", "{}{text}"])
def test_a_template_with_a_brace_too_many_is_refused_with_the_phase(field: str) -> None:
    with pytest.raises(PhaseError, match=r"field: braces without the name of a field between them"):
        parse_phase(f'[phase]\nname = "x"\n[data]\nfield = "{field}"\n')


@pytest.mark.parametrize("field", ["text", "{text}", "{title}: {text}", "{a b}{c}", "meta.text"])
def test_a_template_of_fields_is_taken(field: str) -> None:
    assert parse_phase(f'[phase]\nname = "x"\n[data]\nfield = "{field}"\n').data.field == field
