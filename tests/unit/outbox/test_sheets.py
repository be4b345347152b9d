"""Lines of files are read as people and spreadsheets write them."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import ConfigurationError
from postpress_async.outbox.sheets import check_delimiter, format_of, lines_of


def read(data, format="csv", encoding=None, delimiter=None):
    if isinstance(data, str):
        data = data.encode()
    stream = io.BytesIO(data)
    lines = list(lines_of(stream, format=format, encoding=encoding, delimiter=delimiter))
    assert not stream.closed
    return [(one.number, one.wrong or one.columns) for one in lines]


AB = [(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize(
    "data",
    [
        "a,b\n1,2\n",
        "a;b\r\n1;2\r\n",
        "a\tb\r1\t2",
        "a|b\n1|2",
        '"a","b"\n"1","2"',
        "\ufeffa,b\n1,2\n",
        " a , b \n1,2",
        "a,b,\n1,2, \n",
        "a,b\n1,2\n\n,\n  \n",
        "a,b\n1,2".encode("utf-16"),
        "a,b\n1,2".encode("utf-32"),
    ],
)
def test_dialects_and_marks(data):
    assert read(data) == AB


def test_numbers_count_as_editors_do_and_texts_keep_their_breaks():
    text = 'id,text\r\n\r\n1,"one\r\ntwo"\r\n\r\n2,"a ""b"", c"\r\n'
    assert read(text) == [
        (3, {"id": "1", "text": "one\r\ntwo"}),
        (6, {"id": "2", "text": 'a "b", c'}),
    ]


def test_the_word_of_a_spreadsheet_about_its_delimiter():
    assert read("sep=;\r\na;b,c\r\n1;2\r\n") == [(3, {"a": "1", "b,c": "2"})]


def test_a_delimiter_within_quotes_of_the_head_does_not_count():
    assert read('"a,b,c";d\n1;2') == [(2, {"a,b,c": "1", "d": "2"})]


def test_a_line_of_another_length_is_told_and_those_behind_it_are_read():
    (_, first), (_, second), (number, third) = read("a,b\n1\n1,2,3\n1,2")
    assert first.startswith("has 1 cells, and the head has 2")
    assert second.startswith("has 3 cells, and the head has 2")
    assert (number, third) == (4, {"a": "1", "b": "2"})


def test_what_stands_under_no_name_is_told():
    (_, first), second, third = read("a,,b\n1,x,2\n1,,2\n1, ,2")
    assert first.startswith("says something under a column without a name")
    assert (second[1], third[1]) == ({"a": "1", "b": "2"}, {"a": "1", "b": "2"})
    [(_, told)] = read('{"a": "1", " ": "x"}', "jsonl")
    assert told == first
    assert read('{"a": "1", "": null}', "jsonl") == [(1, {"a": "1", "": None})]


def test_a_name_that_is_given_twice_is_told():
    assert read('{"a": "1", "b": 2, "a" : "3"}\n{"a": "1"}', "jsonl") == [
        (1, "has 'a' twice: rename one of them"), (2, {"a": "1"}),
    ]  # fmt: skip
    [(_, told)] = read('{"a": "1", "\\u0061": "2"}', "jsonl")  # another spelling of it
    assert told == "has 'a' twice: rename one of them"
    once = {"a": '":" x "b":', "b": {"a": [{"a": 1}]}, "c": 10**30}
    [(_, columns)] = read(json.dumps(once), "jsonl")
    assert columns["a"] == once["a"]
    assert columns["b"] == once["b"]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r", "\0", 5, b";"])
def test_what_parts_no_cells_is_refused(delimiter):
    with pytest.raises(ConfigurationError, match="delimiter must be one character"):
        check_delimiter(delimiter)


@pytest.mark.parametrize("said", ['sep="', "sep=\t\t"])
def test_nor_does_it_where_the_file_says_so(said):
    with pytest.raises(ConfigurationError, match="delimiter must be one character"):
        read(f"{said}\na;b\n1;2")


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "a\0b", "é"])
def test_an_encoding_that_is_none_is_refused(encoding):
    with pytest.raises(ConfigurationError, match="is not known; try 'cp1252'"):
        read("a\n1", encoding=encoding)


def test_a_quote_that_is_never_closed_ends_the_reading_with_its_line():
    [one, (number, wrong)] = read('a,b\n1,2\n3,"4\n5,6\n')
    assert one == AB[0]
    assert number == 3
    assert "see to its quotes" in wrong


def test_a_column_that_is_there_twice_is_refused():
    with pytest.raises(ConfigurationError, match="line 1: the column 'a' is there twice"):
        read("a,b,a\n1,2,3")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_bytes_of_another_encoding_are_refused_and_read_by_its_name(format):
    data = "a,b\né,1" if format == "csv" else '{"a":"é","b":"1"}'
    with pytest.raises(ConfigurationError, match="it is not UTF-8: save it as UTF-8"):
        read(data.encode("cp1252"), format)
    [(_, columns)] = read(data.encode("cp1252"), format, encoding="cp1252")
    assert columns == {"a": "é", "b": "1"}
    with pytest.raises(ConfigurationError, match="'nonsense' is not known"):
        read(b"a,b", encoding="nonsense")


def test_lines_of_json():
    text = '\ufeff{"a": "1", "b": null}\r\n\r\n[1]\n{"a": \n{"a": 1.5, "c": ["x"]}'
    assert read(text, "jsonl") == [
        (1, {"a": "1", "b": None}),
        (3, "is no JSON object: write one for each line, {…}"),
        (4, "is no JSON object: write one for each line, {…}"),
        (5, {"a": 1.5, "c": ["x"]}),
    ]
    [(_, deep)] = read('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "jsonl")
    assert "JSON object" in deep
    [(_, long)] = read('{"a":"' + "x" * 1_000_000 + '"}', "jsonl")
    assert long.startswith("has 1000008 characters")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_empty_file_has_no_lines(format):
    assert read("", format) == []
    assert read("\n\n", format) == []


@pytest.mark.parametrize(
    ("name", "start", "format"),
    [
        ("a.CSV", b"{", "csv"), ("a.tsv", b"{", "csv"), ("a.ndjson", b"a,b", "jsonl"),
        ("stdin", b'\xef\xbb\xbf {"a"', "jsonl"), ("stdin", b"a,b", "csv"), ("", b"", "csv"),
    ],
)  # fmt: skip
def test_what_a_file_is(name, start, format):
    assert format_of(name, start) == format


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@given(
    rows=st.lists(st.tuples(words, words).filter(lambda row: any(x.strip() for x in row))),
    dialect=st.sampled_from([(",", "\r\n"), (";", "\n"), ("\t", "\n")]),
)
def test_whatever_a_writer_writes_is_read(rows, dialect):
    delimiter, end = dialect
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    assert [columns for _, columns in read(out.getvalue())] == [{"a": a, "b": b} for a, b in rows]
    lines = "\n".join(json.dumps({"a": a, "b": b}, ensure_ascii=False) for a, b in rows)
    assert [columns for _, columns in read(lines, "jsonl")] == [{"a": a, "b": b} for a, b in rows]
