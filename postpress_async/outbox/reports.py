"""What an import came to, or would come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from postpress_async.options import Discreet

from .recipes import ImportProblem  # noqa: TC001 - a field's type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.scheduler.planning import Plan

__all__ = ["ImportForecast", "Imported"]


class ImportForecast(Discreet, frozen=True, kw_only=True):
    """Tell what an import would queue, and when it could go at the earliest.

    Attributes:
        lines: how many the file has, without empty ones.
        new: how many would be queued.
        already: how many are in the outbox, from an earlier import.
        forgotten: how many are for somebody who is not to be written to any more.
        refused: what the outbox would not take for now: there is another open invitation to the
            same person in it; at most as many as were asked for.
        refusals: how many those are in all.
        ahead: by account, how many items wait in the outbox before them.
        plans: an account's plan for the new ones: which actions, when, and which limit binds. It
            knows nothing of `not_before`, nor of those ahead.
        last_not_before: the latest instant that a line waits for, in seconds since the epoch.
        expiring: how many of the new ones would be over, by `expires_at`, before their turn in
            these plans; whatever makes items later than a plan makes it more.
    """

    lines: int = 0
    new: int = 0
    already: int = 0
    forgotten: int = 0
    refused: tuple[ImportProblem, ...] = ()
    refusals: int = 0
    ahead: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    plans: tuple[Plan, ...] = ()
    last_not_before: float | None = None
    expiring: int = 0

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield the counts."""
        for name in ("lines", "new", "already", "forgotten"):
            yield name, getattr(self, name)
        if self.refusals:
            yield "refusals", self.refusals
        if self.expiring:
            yield "expiring", self.expiring


class Imported(Discreet, frozen=True, kw_only=True):
    """Tell what an import has queued.

    Attributes:
        lines: how many the file had, without empty ones.
        queued: how many are new in the outbox.
        already: how many were there, from an earlier import.
        forgotten: how many were for somebody who is not to be written to any more.
        refused: what the outbox did not take because of what else is in it, such as another open
            invitation to the same person; at most as many as were asked for.
        refusals: how many those are in all.
    """

    lines: int = 0
    queued: int = 0
    already: int = 0
    forgotten: int = 0
    refused: tuple[ImportProblem, ...] = ()
    refusals: int = 0

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield the counts."""
        for name in ("lines", "queued", "already", "forgotten", "refusals"):
            yield name, getattr(self, name)
