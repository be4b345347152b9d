"""One go at one item: what stands between a worker's claim and the first byte."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from postpress_async.errors import ConfigurationError, OutboxStateError, WaitTooLongError

from .protocol import doubted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Attempt, Claimed, New, Row
    from postpress_async.storage.outbox.store import Store

    from .protocol import Seen, Terms
    from .results import Result

__all__ = ["Looker", "Sender", "Turn"]


@contextmanager
def _of_the_store() -> Generator[None]:
    """Say of what a store refuses that it is no fault of the item."""
    try:
        yield
    except ConfigurationError as error:
        error.scope = "setup"
        raise


class Sender(Protocol):
    """Send items: take the slot, ask whoever has a say, and make the one request."""

    async def send(self, row: Row, /, *, granted: Turn) -> Result:
        """Go once at an item, and say what it brought.

        `await granted.mark()` comes after the slot and before anything of the request;
        `granted.last_act()` in the very step before its first byte. Whatever either raises must end
        the call, and may come out of here. A PostpressError is read by its `outcome`.
        """
        ...


class Looker(Protocol):
    """Look for what may have been sent."""

    async def look(self, row: Row, /, *, attempts: Sequence[Attempt], quiet: bool) -> Seen:
        """Look for an item where it would be.

        Two reads make a look, `Terms.apart` seconds between them; while its attempt is not `quiet`,
        one read is enough, since it can only find.
        """
        ...


class Turn:
    """Be what a worker hands to the sender with an item: leave to send it once, and until when.

    Attributes:
        marking: the mark was begun: perhaps it is durable.
        attempt: the mark, once it is durable.
        asked: the last act was asked and said yes: a byte may have left.
        lead: by how much the store's time is ahead of the clock.
        lost: the item is somebody else's by now: there is nothing to write about it.
    """

    def __init__(
        self,
        claimed: Claimed,
        *,
        store: Store,
        terms: Terms,
        clock: Clock,
        since: float,
        boot: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        self.row: Row = claimed.row
        self.marking: bool = False
        self.attempt: Attempt | None = None
        self.asked: bool = False
        self.lost: bool = False
        self._store = store
        self._terms = terms
        self._clock = clock
        self._boot = boot
        self._stopping = stopping
        self._ahead = claimed.now - since
        self.lead: float = claimed.lead
        self._until: float = 0.0
        self._boot_until: float = 0.0

    def now(self) -> float:
        """Return the store's time, rather too late than too early."""
        return self._clock.monotonic() + self._ahead

    def seconds_until(self, instant: float) -> float:
        """Return how long it is until an instant that was told by the clock of this process."""
        return instant - self._clock.time()

    async def doubted(self) -> bool:
        """Tell whether an earlier attempt may have been done, for all that was known when it ended.

        Raises:
            StateUnavailableError: the store cannot tell.
        """
        with _of_the_store():
            attempts = await self._store.attempts(self.row.id)
        return doubted(attempts, fence=self.row.fence)

    async def mark(self, *, edit: New | None = None, longer: float = 0.0) -> Attempt:
        """Make the attempt durable; only now may something of it be sent.

        `edit` makes another text durable with it. `longer` are seconds for which the service was
        asked to wait: so much later it may still send.

        Raises:
            OutboxStateError: it was cancelled or changed meanwhile, or another worker has it.
            StateUnavailableError: the store cannot tell: nothing may be sent.
            WaitTooLongError: the worker stops, or the item's time is over.
        """
        if self._stopping():
            raise self._too_late("the worker stops")
        # Both clocks are read before the store's: our deadline is never behind the one it keeps.
        start, boot = self._clock.monotonic(), self._boot()
        end, left = self.row.expires_at, self._terms.write
        if end is not None and (left := min(left, end + self.lead - self.now())) <= 0.0:
            raise self._too_late("it has expired")
        self.marking = True
        row, terms = self.row, self._terms
        with _of_the_store():
            attempt = await self._store.mark(
                row.id,
                row.fence,
                seconds=terms.write,
                reach=terms.reach.longer(longer),
                edit=edit,
                owner=row.owner,
            )
        if attempt is None:
            self.lost = True
            msg = f"item {self.row.id} was cancelled, changed or taken over meanwhile: it stays so"
            raise OutboxStateError(msg, item=self.row.id)
        self._until, self._boot_until = start + left, boot + left
        self.attempt = attempt
        return attempt

    def last_act(self) -> None:
        """Say yes, or raise: the last thing before the first byte, and nothing awaited between.

        Raises:
            WaitTooLongError: the deadline is over, by either clock: this process was paused, or the
                machine suspended, and the item may be another worker's by now; or it has expired.
        """
        if self.attempt is None:
            raise self._too_late("there is no durable mark")
        if self._clock.monotonic() >= self._until or self._boot() >= self._boot_until:
            raise self._too_late("the attempt's deadline is over")
        self.asked = True

    def _too_late(self, why: str) -> WaitTooLongError:
        msg = f"item {self.row.id} is not sent now: {why}; it goes back into its queue"
        row = self.row
        return WaitTooLongError(
            msg, account_id=row.account_id, action=row.action, limit="outbox", retry_after=0.0
        )
