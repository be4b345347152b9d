"""The body reader, against what a real writer writes."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.sandbox.bodies import parse_body
from postpress_async.sandbox.multipart import MultipartReader
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.queries import Query

names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


class Sink:
    """Where aiohttp writes to."""

    def __init__(self):
        self.written = b""

    async def write(self, chunk):
        self.written += chunk


def finished(coroutine):
    """Run what never waits, without an event loop."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


async def written(fields, files=()):
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields:
        data.add_field(name, value)
    for name, filename, content in files:
        data.add_field(name, content, filename=filename, content_type="application/pdf")
    payload, sink = data(), Sink()
    await payload.write(sink)
    return sink.written, payload.headers["Content-Type"]


def cut_up(raw, size):
    """Cut bytes into pieces, as a network does."""
    return [raw[at : at + size] for at in range(0, len(raw), size)]


@given(
    fields=st.lists(st.tuples(names, texts), min_size=1, max_size=5),
    content=st.binary(max_size=99) | st.sampled_from([b"\r\n--", b"\r\n\r\n", b"\r", b""]),
    size=st.integers(1, 200),
)
def test_a_multipart_body_is_read_as_it_was_written(fields, content, size):
    raw, kind = finished(written(fields, [("attachments", "r\u00e9sum\u00e9.pdf", content)]))
    reader = MultipartReader(kind)
    for piece in cut_up(raw, size):
        reader.feed(piece)
    *read, (name, upload) = reader.parts()
    assert read == fields
    assert (name, upload.filename, upload.content) == (
        "attachments",
        "r\u00e9sum\u00e9.pdf",
        content,
    )


@given(
    raw=st.binary(max_size=200),
    kind=st.sampled_from(
        ["application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
    ),
)
def test_rubbish_is_refused_and_never_crashes(raw, kind):
    assert refusal(raw, kind) in (None, 400)


def refusal(raw, kind):
    try:
        parse_body(raw, kind)
    except Problem as problem:
        return problem.status
    return None


@given(prefix=st.binary(max_size=50), suffix=st.binary(max_size=50))
def test_rubbish_between_boundaries(prefix, suffix):
    raw = b"--x\r\n" + prefix + b"\r\n\r\n" + suffix + b"\r\n--x--\r\n"
    assert refusal(raw, "multipart/form-data; boundary=x") in (None, 400)


def form(text):
    return parse_body(text.encode(), "application/x-www-form-urlencoded")


def test_brackets_nest_and_repeat():
    body = form(
        "linkedin[api]=recruiter&linkedin[follow_up][subject]=a&x[]=1&x[]=2&y=1&y=2&z[1]=b&z[0]=a"
    )
    assert body.child("linkedin").text("api") == "recruiter"
    assert body.child("linkedin").child("follow_up").text("subject") == "a"
    assert [body.texts(name) for name in "xyz"] == [["1", "2"], ["1", "2"], ["a", "b"]]
    assert body.text("y") == "2"
    assert body.child("nothing").texts("x") == []


@pytest.mark.parametrize("text", ["a=1&a[b]=2", "[a]=1", "a[b=1", "a]=1"])
def test_brackets_that_make_no_sense_are_refused(text):
    with pytest.raises(Problem):
        form(text).text("a")


def test_a_fingerprint_sees_values_and_not_boundaries():
    one, same, other = form("a=1&b=2"), form("b=2&a=1"), form("a=1&b=3")
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("raw", "items"),
    [
        ("a=1,2", ["1", "2"]),
        ("a=1&a=2", ["1", "2"]),
        ("a[]=1&a[]=2", ["1", "2"]),
        ("a%5B%5D=1&a%5B%5D=2", ["1", "2"]),
        ("a[0]=1&a[1]=2", ["1", "2"]),
        ("a=%5B%221%22%2C%222%22%5D", ["1", "2"]),
        ("a=%5B1%2C2", ["[1", "2"]),
        ("a=", []),
        ("", []),
    ],
)
def test_lists_in_queries(raw, items):
    assert Query(raw).texts("a") == items
