"""Texts of strangers on the way to a terminal (reliability §6 row 19)."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.cli.plain import plain

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 雷 🏝", "Zoë 雷 🏝"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
        ("\x1bP1$tx\x1b\\after", "after"),
        ("\x1b(Bafter\x1bc", "after"),
        ("\x9b31mafter", "after"),
        ("\x9d0;title\x9cafter", "after"),
        ("cut short \x1b[", "cut short"),
        ("cut short \x1b", "cut short"),
        ("\x1b]8;;http://evil\x07click\x1b]8;;\x07", "click"),
        ("two\r\nlines\tand\u2028more", "two lines and more"),
        ("a\x08\x00\x7fb", "ab"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        (f"x{BIDI}y", "xy"),
        ("half \ud83d gone", "half  gone"),
        ("[bold]no markup[/bold]", "[bold]no markup[/bold]"),
    ],
)
def test_what_is_left(text, shown):
    assert plain(text) == shown


@given(st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x9d[]();0m\x07\\" + BIDI))))
def test_nothing_that_steers_is_left(text):
    left = plain(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} or c in BIDI for c in left)
    assert plain(left) == left


@pytest.mark.parametrize("text", ["\x1b]" * 50_000, "\x1b[" * 50_000, "\x1b[" + ";" * 100_000])
def test_it_takes_linear_time(text):
    began = time.thread_time()
    plain(text)
    assert time.thread_time() - began < 5
