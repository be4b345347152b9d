"""What people and their programs do to an outbox while it works: decide, hold, edit, cancel."""

import asyncio
from datetime import UTC, datetime, timedelta

from msgspec import UNSET

from postpress_async import ConfigurationError, OutboxError
from postpress_async.outbox import by_hand
from postpress_async.outbox.decisions import Defer, Replace, Send, Skip
from postpress_async.outbox.desk import Desk
from postpress_async.outbox.putting import tombstone_of
from postpress_async.storage.outbox.rows import Filter

DEEDS = ("cancel", "edit", "later", "release", "retry", "resolve", "forget")


class Minds:
    """What a story's `before_send` answers, other than yes.

    Attributes:
        share: of the questions that get another answer.
    """

    def __init__(self, items, rng, *, now, share):
        self._items, self._rng, self._now = items, rng, now
        self.share = share
        self.count = 0

    def of(self, process):
        """Return the `before_send` of a process."""

        async def ask(item):
            rng = self._rng
            await process.gate(after=rng.choice((0.0, 0.0, 0.1, 5.0)) * rng.random())
            if rng.random() >= self.share:
                return Send()
            self.count += 1
            return self._other(item, rng)

        return ask

    def _other(self, item, rng):
        match rng.choice(("defer", "wait", "wait", "replace", "replace", "skip", "fail", "none")):
            case "defer":
                self._items.moved.add(item.id)
                seconds = rng.choice((-5.0, 10.0, 90.0, 400.0))
                return Defer(datetime.fromtimestamp(self._now() + seconds, UTC), "later")
            case "wait":  # all that is behind it waits, too: the order stays
                seconds = rng.choice((-5.0, 3.0, 40.0, 200.0))
                until = datetime.fromtimestamp(self._now() + seconds, UTC)
                return Defer(until, "they write", keeps_place=True)
            case "replace" if item.kind in {"message", "start_chat"}:
                return Replace(text=f"{item.text} instead")
            case "skip":
                return Skip("no more")
            case "fail":
                msg = "a bug of somebody's"
                raise RuntimeError(msg)
            case "none":
                return None
        return Send()


class Hands:
    """Change items by hand, any of them, at any time."""

    def __init__(self, store, items, rng, *, now, arrived):
        self._store, self._items, self._rng, self._now = store, items, rng, now
        self._arrived = arrived  # whether an item has
        self._desk = Desk(
            store, provider=lambda _: "LINKEDIN", new_id=items.names, tell=lambda _: None,
        )  # fmt: skip
        self.count = 0

    async def busy(self, times):
        """Change items, one after the other, mostly at moments when workers are at them."""
        for _ in range(times):
            await asyncio.sleep(self._rng.choice((0.02, 0.1, 1.0, 30.0)) * self._rng.random())
            await self._change()

    async def _change(self):
        """Do something to one of the items, where its state allows that."""
        rng = self._rng
        claimed = await self._store.find(Filter(states=("claimed",)))
        item = rng.choice([row.id for row in claimed] or list(self._items.made))
        try:
            match rng.choice((*DEEDS, "edit", "cancel")):
                case "cancel":
                    await self._store.cancel(Filter(keys=(item,)), reason="by hand")
                case "edit":
                    row = await self._desk.row(item)
                    if row.kind == "message":
                        await self._edit(item, text=f"{self._items.said(item)} edited")
                case "later":
                    seconds = timedelta(seconds=rng.choice((5.0, 60.0, 300.0)))
                    at = datetime.fromtimestamp(self._now(), UTC) + seconds
                    await self._edit(item, not_before=at)
                    self._items.moved.add(item)
                case "release":
                    await self._desk.change(item, by_hand.release)
                    self._items.moved.add(item)
                case "retry":
                    await self._desk.change(item, by_hand.retry)
                    self._items.moved.add(item)
                case "forget" if person := self._items.made[item].recipient:
                    await self._store.forget(person, tombstone_of(person))
                case "resolve":
                    await self._desk.resolve(item, sent=self._arrived(item))
                    self._items.moved.add(item)
        except (OutboxError, ConfigurationError):
            return  # it is over, or on its way, or would be expired before it is due
        self.count += 1

    async def release_all(self):
        """Let all go that is held."""
        for row in await self._store.find(Filter(states=("held",)), limit=1_000):
            await self._desk.change(row.id, by_hand.release)
            self._items.moved.add(row.id)

    async def _edit(self, item, *, text=None, not_before=UNSET):
        await self._desk.edit(
            item, text=text, not_before=not_before, expires_at=UNSET, priority=None
        )
