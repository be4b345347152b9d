"""What is struck out of an answer, and what is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpress_async.wire import redaction
from postpress_async.wire.redaction import STRUCK

SECRET = "Hello, this is what I wrote to you"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"got {SECRET}!", f"got {STRUCK}!"),
        (f"{SECRET}{SECRET}", f"{STRUCK}{STRUCK}"),
        (f"begins with {SECRET[:20]}...", f"begins with {STRUCK}..."),
        (f"begins with {SECRET[:16]}", f"begins with {STRUCK}"),
        (f"begins with {SECRET[:15]}", f"begins with {SECRET[:15]}"),
        ("Hello, this is not it", "Hello, this is not it"),
        ("", ""),
    ],
)
def test_a_secret_and_its_beginning(text, left):
    assert redaction.struck_out(text, (SECRET,)) == left


def test_the_longest_of_two_guises_goes():
    secret = "a b" * 20
    assert redaction.struck_out(f"x={secret.replace(' ', '+')}", (secret,)) == f"x={STRUCK}"
    assert redaction.struck_out(f"x={secret.replace(' ', '%20')}", (secret,)) == f"x={STRUCK}"


@pytest.mark.parametrize(
    ("text", "secret", "left"),
    [
        ("token", "ok", "token"),
        ("ok", "ok", STRUCK),
        ("it is ok.", "ok", f"it is {STRUCK}."),
        ("broken ok, ok", "ok", f"broken {STRUCK}, {STRUCK}"),
        ("errors/not_found", "not", f"errors/{STRUCK}_found"),
        ("anything", "", "anything"),
    ],
)
def test_a_short_secret_counts_as_a_word(text, secret, left):
    assert redaction.struck_out(text, (secret,)) == left


@given(st.text(min_size=8), st.text(), st.text())
@example("00000000", "0", "0")
@example("é" * 8, "", "")
@example('"' * 8, "\\", "")
def test_no_long_secret_is_left(secret, before, after):
    left = redaction.struck_out(before + secret + after, (secret,))
    assert secret not in left.replace(STRUCK, "\0")
    body = json.dumps({"detail": before + secret + after}, ensure_ascii=True).encode()
    kept = redaction.kept_body(body, (secret,))
    assert json.dumps(secret)[1:-1].encode() not in kept.replace(STRUCK.encode(), b"\0")


@given(st.binary(max_size=300))
def test_a_body_without_secrets_is_kept_as_it_is(body):
    assert redaction.kept_body(body, ("never there at all",)) == body


@given(st.text())
def test_one_line_is_one_line(text):
    line = redaction.one_line(text, 50)
    assert line.isprintable()
    assert len(line) <= 51
    assert line == line.strip()
