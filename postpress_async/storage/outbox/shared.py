"""What the outboxes of all databases do alike: transactions that need nothing but a database."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from postpress_async.storage.outbox import (
    clearing,
    counting,
    news,
    overviews,
    owners,
    reading,
    steps,
)
from postpress_async.storage.outbox.given import Given
from postpress_async.storage.outbox.rows import PAGE_BYTES, USUAL, Finish
from postpress_async.storage.outbox.waking import Wakeups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import (
        Attempt,
        Backlog,
        Filter,
        Horizon,
        New,
        Overview,
        Reach,
        Resting,
        Row,
        Stamp,
        State,
    )

__all__ = ["SharedOutbox"]

T = TypeVar("T")

_BOUND: Final = "the service gave it the id of another item: look at both"
_DOUBT: Final = Finish(state="unknown", needs_decision=True, error=_BOUND)
_TAKEN: Final = Finish(state="unknown", error="what was found is another item's: looking again")


class SharedOutbox:
    """Ask for transactions; whoever has a database carries them out."""

    _window: int | None = None
    """How far a list walks in a transaction; None where it holds back nobody."""

    def __init__(self) -> None:
        self._wakeups = Wakeups()
        self._given = Given()

    @abstractmethod
    async def _run(self, asked: Callable[[], Steps[T]]) -> T:
        """Carry out a transaction, all or nothing; it may be asked for again where it was lost."""

    @abstractmethod
    def _is_double(self, error: Exception) -> bool:
        """Tell whether an error says that something unique is there already."""

    async def beat(self, owner: str, /, *, lease: float) -> float:
        """Prolong the leases of all that a worker was given; return the store's time.

        What was claimed for somebody who never learned of it (he was cancelled, or the answer was
        lost) is not prolonged: it is queued again when its lease is over.
        """
        its = self._given.of(owner)
        now, still = await self._run(lambda: owners.beat(owner, lease=lease, items=sorted(its)))
        self._given.lost(its, still)
        return now

    async def mark(
        self,
        item: str,
        fence: int,
        /,
        *,
        seconds: float,
        reach: Reach = USUAL,
        edit: New | None = None,
        owner: str | None = None,
    ) -> Attempt | None:
        """Make an attempt durable before its first byte; None where the item is not ours."""
        return await self._run(
            lambda: steps.mark(item, fence, seconds=seconds, reach=reach, edit=edit, owner=owner)
        )

    async def finish(
        self, item: str, fence: int, finish: Finish, /, *, owner: str | None = None
    ) -> Row | None:
        """Say what became of an item; None where the fence is old.

        Where its result belongs to another item already it becomes `unknown`: for a person to
        decide, or to be looked for again where a look had found it. Where its recipient was
        forgotten meanwhile it is not queued again, but cancelled.
        """
        try:
            row = await self._end(item, fence, finish, owner)
        except Exception as error:
            if finish.result_id is None or not self._is_double(error):
                raise
            found = (finish.outcome or "").startswith("found by ")
            row = await self._end(item, fence, _TAKEN if found else _DOUBT, owner)
        self._given.ended(item, fence)
        self._wakeups.tell()
        return row

    async def _end(self, item: str, fence: int, finish: Finish, owner: str | None) -> Row | None:
        return await self._run(lambda: steps.finish(item, fence, finish, owner=owner))

    async def doubtful(
        self,
        owner: str,
        /,
        *,
        lease: float,
        accounts: Sequence[str] | None = None,
        but: Sequence[str] = (),
    ) -> Row | None:
        """Take an unknown item whose time to be looked for has come; as in `Store`."""
        asked = partial(steps.doubtful, owner, lease=lease, accounts=accounts, but=but)
        row = await self._taken(asked)
        if row is not None:
            self._given.to(owner, row)
        return row

    async def _taken(self, asked: Callable[[], Steps[T]]) -> T:
        """Carry out what gives a fence: it must not be forgotten, or it is given twice."""
        return await self._run(asked)

    async def attempts(self, item: str, /) -> list[Attempt]:
        """Return the attempts of an item, the first one first."""
        return await self._run(lambda: reading.attempts(item))

    async def bound(self, account_id: str, result_ids: Sequence[str], /) -> frozenset[str]:
        """Return which of some results belong to items already."""
        return await self._run(lambda: reading.bound(account_id, result_ids))

    async def inviting(self, account_id: str, threads: Sequence[str], /) -> dict[str, str]:
        """Return the open invitations in some threads: their ids, by thread."""
        return await self._run(lambda: reading.inviting(account_id, threads))

    async def get(self, item: str, /) -> Row | None:
        """Return one item, by id or by key."""
        return await self._run(lambda: reading.get(item))

    async def find(
        self, wanted: Filter, /, *, after: int = 0, limit: int = 100, bodies: bool = True
    ) -> list[Row]:
        """Return items in the order of `serial`, behind one; as in `Store`."""
        rows: list[Row] = []
        behind: int | None = after
        room = PAGE_BYTES
        while behind is not None and len(rows) < limit and room > 0:
            left = limit - len(rows)
            page = reading.Page(
                after=behind, limit=left, room=room, window=self._window, bodies=bodies
            )
            some, behind = await self._run(partial(reading.find, wanted, page))
            room -= sum(len(row.body) for row in some)
            rows += some
        return rows

    async def counts(self, wanted: Filter, /) -> Mapping[State, int]:
        """Count items by state."""
        counted = await counting.counted(self._run, counting.BY_STATE, wanted)
        return overviews.states(counted)

    async def alter(
        self,
        item: str,
        /,
        *,
        fence: int,
        states: Sequence[State],
        finish: Finish | None = None,
        edit: New | None = None,
    ) -> Row | None:
        """Change an item by hand; None where its fence is another, or its state none of those.

        Also None while it is `sending`; where its text was emptied, and it should be queued again;
        and where another invitation is open in its thread.
        """
        try:
            row = await self._run(
                lambda: steps.alter(item, fence=fence, states=states, to=finish, edit=edit)
            )
        except Exception as error:
            if not self._is_double(error):
                raise
            row = None  # the other one was put in by who had not committed when we looked
        self._wakeups.tell()
        return row

    async def cancel(self, wanted: Filter, /, *, reason: str) -> int:
        """Cancel all that are held, queued or claimed, a thousand in a transaction."""
        count, after = 0, 0
        while True:
            some, last = await self._run(partial(steps.cancel, wanted, reason=reason, after=after))
            count += some
            if last is None:
                break
            after = last
        self._wakeups.tell()
        return count

    async def forget(self, recipient: str, tombstone: bytes, /) -> int:
        """Cancel and empty all of a person, a thousand in a transaction; return how many ended.

        The tombstone stands first: repeated after a fault, it goes on where it was. What is
        `sending` or `unknown` is emptied, and cancelled instead of queued again.
        """
        await self._run(lambda: clearing.entomb(tombstone))
        count, more = 0, True
        while more:
            some, more = await self._run(lambda: clearing.forget(recipient, tombstone))
            count += some
        self._wakeups.tell()
        return count

    async def forgotten(self, tombstones: Sequence[bytes], /) -> frozenset[bytes]:
        """Return which of some recipients are not to be written to any more."""
        return await self._run(lambda: reading.forgotten(tombstones))

    async def purge(self, *, before: float) -> int:
        """Empty the bodies of what was finished before an instant, a thousand in a transaction."""
        count = 0
        while some := await self._run(lambda: clearing.purge(before=before)):
            count += some
        return count

    async def delete(self, *, before: float) -> int:
        """Delete items that were over before an instant, a thousand in a transaction."""
        count = 0
        while some := await self._run(lambda: clearing.delete(before=before)):
            count += some
        return count

    async def overview(self) -> Overview:
        """Look at the outbox as a whole."""
        counted = await counting.counted(self._run, counting.BY_STATE)
        return await self._run(lambda: overviews.overview(counted))

    async def going(self, accounts: Sequence[str] | None = None, /) -> bool:
        """Tell whether something of some accounts may go on by itself; as in `Store`."""
        return await self._run(lambda: overviews.going(accounts))

    async def backlog(self, wanted: Filter, /) -> list[Backlog]:
        """Count what waits, by lane."""
        return overviews.backlog(await counting.counted(self._run, counting.BY_LANE, wanted))

    async def resting(
        self, accounts: Sequence[str] | None = None, /, *, most: int = 100
    ) -> list[Resting]:
        """Return lanes of which nothing is claimed for now; as in `Store`."""
        return await self._run(lambda: overviews.resting(accounts, most=most))

    async def reopen(self, lane: Resting, /, *, at: float) -> bool:
        """Let a lane be claimed from sooner, unless it has changed since it was looked at."""
        opened = await self._run(lambda: overviews.reopen(lane, at=at))
        self._wakeups.tell()
        return opened

    async def pools(self, *, all_of_them: bool = False) -> list[str]:
        """Return the names of lanes that are several accounts' together; as in `Store`."""
        return await self._run(lambda: overviews.pools(all_of_them=all_of_them))

    async def horizon(self) -> Horizon:
        """Return this moment, for who listens; as in `Store`."""
        return await self._run(news.horizon)

    async def added(self, *, after: int, limit: int) -> list[Stamp]:
        """Return items behind a serial."""
        return await self._run(lambda: news.added(after=after, limit=limit))

    async def changed(self, *, since: float, behind: int, limit: int) -> list[Stamp]:
        """Return items that changed since an instant; as in `Store`."""
        return await self._run(lambda: news.changed(since=since, behind=behind, limit=limit))
