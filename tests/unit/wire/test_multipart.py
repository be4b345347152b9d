"""Bodies of forms, byte by byte."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.options import Timeout
from postpress_async.resources import _files
from postpress_async.testing.fake import FakeRequest
from postpress_async.wire import multipart
from postpress_async.wire.values import HttpRequest

BOUNDARY = "0f" * 16


def sent(files, fields=()):
    """Return a form as a server reads it, after checking its length."""

    async def run():
        form = multipart.Form(
            fields, await _files.checked({"attachments": files}), boundary=BOUNDARY
        )
        body = await multipart.collected(form)
        assert form.size in {None, len(body)}
        return body, form

    body, form = asyncio.run(run())
    request = HttpRequest(
        method="POST",
        url="http://localhost/x",
        headers={"Content-Type": form.content_type},
        body=form,
        timeout=Timeout(),
        safe=False,
    )
    return FakeRequest(request, body)


def test_golden_bytes():
    body, kind = multipart.encode([("text", "Hé\r\n"), ("a", "1"), ("a", "2")], "b0")
    assert kind == "multipart/form-data; boundary=b0"
    assert body == (
        b'--b0\r\nContent-Disposition: form-data; name="text"\r\n\r\nH\xc3\xa9\r\n\r\n'
        b'--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
        b"--b0--\r\n"
    )


def test_a_name_cannot_break_out():
    body, _ = multipart.encode([('a"\r\nX-Evil: 1', "x")], "b0")
    assert body.startswith(
        b'--b0\r\nContent-Disposition: form-data; name="a%22%0D%0AX-Evil: 1"\r\n\r\nx'
    )


@given(st.lists(st.text(), max_size=5))
def test_texts_come_back_whole(texts):
    boundary = "0f" * 16
    body, _ = multipart.encode([("text", text) for text in texts], boundary)
    parts = body.split(f"--{boundary}".encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    found = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n").decode() for part in parts[1:-1]]
    assert found == texts


def test_files_follow_texts_byte_by_byte():
    request = sent([_files.File(b"PDF", name="été.pdf")], [("text", "é")])
    assert request.body.decode() == (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="text"\r\n\r\né\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="attachments"; '
        'filename="été.pdf"\r\nContent-Type: application/pdf\r\n\r\nPDF\r\n'
        f"--{BOUNDARY}--\r\n"
    )
    assert request.form == {"text": "é"}


@given(
    name=st.text(min_size=1).filter(str.strip),
    content=st.binary(min_size=1, max_size=200),
    field=st.text(max_size=20),
)
def test_any_name_comes_back_and_breaks_nothing(name, content, field):
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    request = sent([_files.File(content, name=name)], [("text", field)])
    (file,) = request.files
    head = request.body.partition(b"Content-Type")[0].rpartition(b"--")[2]
    assert head.count(b"\r\n") == 2
    assert head.count(b'"') == 4
    assert not any(byte < 32 or byte == 127 for byte in head.replace(b"\r\n", b""))
    assert file.content == content
    if "%" not in name:
        assert file.name == name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PNG", "image/png"),
        ("a.m4a", "audio/mp4"),
        ("a.mp3", "audio/mpeg"),
        ("a.mp4", "video/mp4"),
        ("a.pdf", "application/pdf"),
        ("a.tar.unknown", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".png", "image/png"),
    ],
)
def test_types_by_the_ending_of_a_name(name, kind):
    (file,) = sent([_files.File(b"x", name=name)]).files
    assert file.content_type == kind


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=4), st.integers(0, 3))
def test_the_length_is_exact_for_any_files(contents, texts):
    request = sent([*contents], [("text", "é" * texts)] * texts)
    assert [file.content for file in request.files] == contents
