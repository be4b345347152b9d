"""What is asked of whoever keeps an outbox, in a file or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postpress_async.storage.outbox.rows import USUAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postpress_async.storage.outbox.rows import (
        Added,
        Attempt,
        Backlog,
        Claimed,
        Filter,
        Finish,
        Horizon,
        New,
        Nothing,
        Overview,
        Reach,
        Resting,
        Row,
        Stamp,
        State,
    )

__all__ = ["Store"]


class Store(Protocol):
    """Keep items. Every method is one transaction; what it returns is durable.

    Times are the store's own (never back), in seconds since the epoch, unless a clock was given
    at opening. Every method raises `StateUnavailableError` where the store cannot be used for now
    (nothing was changed, unless it says that nobody knows), and `ConfigurationError` where it
    cannot be used at all.
    """

    @property
    def certain(self) -> bool:
        """Whether the death of an owner is certain here (files), or told by leases (servers)."""
        ...

    async def add(
        self, items: Sequence[New], /, *, connection: object | None = None
    ) -> list[Added]:
        """Keep items, all or none; conflicts are told and not kept, the others are.

        With a `connection` (sqlite3.Connection, psycopg.Connection or AsyncConnection) it happens
        in the caller's own transaction, which commits or not.
        """
        ...

    async def enter(self, owner: str, /) -> None:
        """Begin as a worker: others see from now on that it lives."""
        ...

    async def beat(self, owner: str, /, *, lease: float) -> float:
        """Live on: prolong the leases of all that it has claimed; return the store's time."""
        ...

    async def leave(self, owner: str, /) -> None:
        """End as a worker; what it has claimed and not marked is queued again."""
        ...

    async def claim(
        self, owner: str, /, *, lease: float, accounts: Sequence[str] | None = None
    ) -> Claimed | Nothing:
        """Take the head of a thread: fence + 1, `claimed`. Expired ones are put away meanwhile.

        In a file it is durable with the next call only: a power cut, which may take it back, ends
        its owner too.
        """
        ...

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
        """Make an attempt durable before its first byte: `claimed` to `sending`.

        None where the fence is old, the item is not claimed any more, or not by this owner, where
        one is named: a server that forgot a claim may have given its fence anew. `deadline` is
        `seconds`
        after the store's time, and `reach` is kept with the attempt. `edit` gives the item another
        body and the digests of its text at once; its own digest stays that of what its key stands
        for.
        """
        ...

    async def finish(
        self, item: str, fence: int, finish: Finish, /, *, owner: str | None = None
    ) -> Row | None:
        """Say what became of it; None where the fence is old: then nothing is changed.

        So it is where an owner is named, and it belongs to another one.
        """
        ...

    async def orphans(self) -> list[Row]:
        """Take in what the dead have left: claimed ones are queued, sending ones unknown.

        Certain stores: at once. Others: `sending` when the attempt's deadline is over by the grace
        that it was marked with.
        All: `claimed` when the lease is over, since its mark fails from then on. Returns those that
        became unknown.
        """
        ...

    async def doubtful(
        self,
        owner: str,
        /,
        *,
        lease: float,
        accounts: Sequence[str] | None = None,
        but: Sequence[str] = (),
    ) -> Row | None:
        """Take an unknown item whose `look_at` has come: fence + 1, still unknown, leased.

        With `accounts` only what goes through one of them, for which a look may need their key;
        and a `profile` of any, for which nobody looks; with `but` nothing of these.
        """
        ...

    async def attempts(self, item: str, /) -> list[Attempt]:
        """Return the attempts of an item, the first one first."""
        ...

    async def bound(self, account_id: str, result_ids: Sequence[str], /) -> frozenset[str]:
        """Return which of some results belong to items already."""
        ...

    async def inviting(self, account_id: str, threads: Sequence[str], /) -> Mapping[str, str]:
        """Return the open invitations of an account in some threads: their ids, by thread."""
        ...

    async def get(self, item: str, /) -> Row | None:
        """Return one item, by id or by key."""
        ...

    async def find(
        self, wanted: Filter, /, *, after: int = 0, limit: int = 100, bodies: bool = True
    ) -> list[Row]:
        """Return items in the order of `serial`, behind one: ask again behind the last for more.

        They are looked for some thousand at a time, where the way to them is long. With the one
        whose body makes it `PAGE_BYTES` together, a page ends before its limit. Where nobody wants
        `bodies`, none is read: each is a byte that says nothing, or empty where it was emptied.
        """
        ...

    async def counts(self, wanted: Filter, /) -> Mapping[State, int]:
        """Count items by state: some thousand at a time, so that no worker waits for it.

        Each is counted once, as it was when its turn came. So do `overview` and `backlog`.
        """
        ...

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
        """Change an item by hand, if this is its fence, and its state one of some: fence + 1.

        None where it is not: since it was looked at, somebody has gone on with it.

        `finish` gives it another state; `edit` another body, digest, priority, times.
        """
        ...

    async def cancel(self, wanted: Filter, /, *, reason: str) -> int:
        """Cancel all that are held or queued (claimed ones too, whose mark then fails)."""
        ...

    async def forget(self, recipient: str, tombstone: bytes, /) -> int:
        """Cancel and empty all of a person; keep a hashed tombstone that refuses new ones.

        Theirs is what has this recipient, and what has this tombstone as its person.
        """
        ...

    async def forgotten(self, tombstones: Sequence[bytes], /) -> frozenset[bytes]:
        """Return which of some recipients are not to be written to any more."""
        ...

    async def purge(self, *, before: float) -> int:
        """Empty the bodies of what was finished before an instant; digests and results stay."""
        ...

    async def delete(self, *, before: float) -> int:
        """Delete what was finished before an instant, and its key with it."""
        ...

    async def shrink(self, *, least: int = 0) -> int:
        """Give free space back, if it is at least so many bytes; return how many they were."""
        ...

    async def scrub(self) -> None:
        """Overwrite what is left of what was emptied, where that is not a server's own upkeep."""
        ...

    async def overview(self) -> Overview:
        """Look at the outbox as a whole."""
        ...

    async def going(self, accounts: Sequence[str] | None = None, /) -> bool:
        """Tell whether something of some accounts is out, or will go or be looked for by itself.

        Not what is held, nor an unknown one that needs a decision, nor what stands behind one.
        """
        ...

    async def backlog(self, wanted: Filter, /) -> list[Backlog]:
        """Count what waits, by lane."""
        ...

    async def resting(
        self, accounts: Sequence[str] | None = None, /, *, most: int = 100
    ) -> list[Resting]:
        """Return lanes of which nothing is claimed for now, those of some accounts or any."""
        ...

    async def reopen(self, lane: Resting, /, *, at: float) -> bool:
        """Let a lane be claimed from sooner, unless it has changed since it was looked at."""
        ...

    async def pools(self, *, all_of_them: bool = False) -> list[str]:
        """Return the names of lanes that are several accounts' together, which may go now or soon.

        All of them are also those that only wait for a time to come: that walks over all items.
        """
        ...

    async def horizon(self) -> Horizon:
        """Return this moment: what is committed later is behind it, or its writer is named."""
        ...

    async def added(self, *, after: int, limit: int) -> list[Stamp]:
        """Return items behind a serial, in the order of serials."""
        ...

    async def changed(self, *, since: float, behind: int, limit: int) -> list[Stamp]:
        """Return items that changed since an instant, in the order of instants, then of serials.

        Of those of that very instant, only what is behind a serial. New items are not among them.
        """
        ...

    async def wait(self, seconds: float, /, *, since: Nothing) -> None:
        """Return when something may have been added or freed since a claim, or after seconds."""
        ...

    async def aclose(self) -> None:
        """Finish what was asked for, and let go. Safe to repeat."""
        ...
