"""Bodies of forms, byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postpress_async.wire import multipart


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
