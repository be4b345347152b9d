"""Bars that can be read without colours, and on terminals that know ASCII alone."""

from __future__ import annotations

from typing import Final

from rich.text import Text

_NEAR: Final = 0.8  # of an amount, from where it is shown as nearly used up


def bar(part: float, whole: float, *, width: int, ascii_only: bool) -> Text:
    """Return how much of a whole is used; full only where all of it is, empty only at none."""
    share = 1.0 if whole <= 0 else min(max(part / whole, 0.0), 1.0)
    full, rest = ("#", ".") if ascii_only else ("█", "░")
    done = filled(share, width)
    style = "red" if share >= 1 else "yellow" if share >= _NEAR else "green"
    return Text.assemble((full * done, style), (rest * (width - done), "dim"))


def column(part: float, most: float, *, width: int, ascii_only: bool) -> Text:
    """Return how much something is beside the most of its kind."""
    share = 0.0 if most <= 0 else part / most
    return Text(("#" if ascii_only else "█") * filled(share, width), "cyan")


def filled(share: float, width: int) -> int:
    """Return how many of the places are filled."""
    if share <= 0:
        return 0
    return width if share >= 1 else min(max(int(share * width), 1), width - 1)
