"""Texts of strangers, made harmless for a terminal.

A message or a name may hold escape sequences that move the cursor, rename the window or write to
the clipboard, and marks that turn the direction of reading. None of them reaches the screen.
"""

from __future__ import annotations

import re
from typing import Final

# An escape with all that belongs to it; what is cut short loses its escape all the same, below.
_SEQUENCE: Final = re.compile(
    r"""
    (?:\x1b[\[]|\x9b) [0-?]* [ -/]* [@-~]                       # CSI: colours, cursor
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c]* (?:\x07|\x1b\\|\x9c)?  # OSC, DCS …
    | \x1b [ -/]* [0-~]                                         # the short ones
    """,
    re.VERBOSE,
)
_BREAKS: Final = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_LINES: Final = re.compile(r"\r\n|[\v\f\r\x85\u2028\u2029]")
_STEERING: Final = (
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks of direction
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f"  # halves, annotations, invisible tags
)
_CONTROLS: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_STEERING}]")
_CONTROLS_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_STEERING}]")


def plain(text: str) -> str:
    """Return a text as one line without escape sequences, controls and marks of direction."""
    return _CONTROLS.sub("", _BREAKS.sub(" ", _SEQUENCE.sub("", text))).strip()


def plain_lines(text: str) -> str:
    """Return a text as `plain` does, but with its lines and tabs."""
    return _CONTROLS_IN_LINES.sub("", _LINES.sub("\n", _SEQUENCE.sub("", text))).strip()
