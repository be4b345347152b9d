"""Rows of the lanes: what they cost, what they keep, and what they learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanes_cost import cost_rows, memory_rows
from lanes_hidden import cap_rows, rate_rows
from lanes_limits import arrival_rows, fair_rows
from lanes_waiters import cancel_rows, waiter_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rows import Row


def lane_rows(*, quick: bool) -> Iterator[Row]:
    yield from cost_rows(quick=quick)
    yield from memory_rows(quick=quick)
    yield from waiter_rows(quick=quick)
    yield from cancel_rows(quick=quick)
    yield from arrival_rows(quick=quick)
    yield from cap_rows(quick=quick)
    yield from rate_rows(quick=quick)
    yield from fair_rows(quick=quick)
