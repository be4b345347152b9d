"""A store as one process of a story sees it."""

import asyncio
import contextlib

from virtual import at_once

from postpress_async import StateUnavailableError

FREEING = frozenset({"finish", "leave", "orphans"})
READS = frozenset({"attempts", "bound", "counts", "find", "get", "going"})
SEVERAL = frozenset({"leave", "orphans"})  # transactions, between which others have theirs
LONGER = {"full": "before", "restart": "after"}  # failures that last: how they begin
AWAY_SECONDS = 400.0  # that they last: longer than leases, deadlines, their grace and a look


class Bell:
    """Wake whoever waits for something that others may have freed."""

    def __init__(self):
        self._event = asyncio.Event()

    def ring(self):
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class Flaky:
    """The store as one process sees it: sometimes away, sometimes silent after it did as asked."""

    def __init__(self, store, process, rng, *, share, bell, failing=None):
        self._store, self._process, self._rng = store, process, rng
        self.share, self._bell = share, bell
        self._failing = failing  # (how, which call)
        self._until = 0.0  # it is away
        self.calls = self.faults = 0

    @property
    def certain(self):
        return self._store.certain

    def __getattr__(self, name):
        method = getattr(self._store, name)

        async def ask(*given, **named):
            rng, process = self._rng, self._process
            await process.gate()
            self.calls += 1
            fails = self._fails()
            before = rng.random() < self.share or fails == "before"
            after = rng.random() < self.share or fails == "after"
            self.faults += before or after
            if name not in READS:  # which are late by the time they are told, whenever they came
                await process.gate(after=rng.random() * 0.02)
            if before:
                msg = "the store is away"
                raise StateUnavailableError(msg)
            asked = method(*given, **named)
            told = await (asked if name in SEVERAL else at_once(asked))
            if name in FREEING and told != []:  # of orphans, none
                self._bell.ring()
            await process.gate(after=rng.random() * 0.02)
            if after:
                msg = "nobody knows"
                raise StateUnavailableError(msg)
            return told

        setattr(self, name, ask)  # the next time it is at hand
        return ask

    def _fails(self):
        """Tell whether the call fails that begins, `before` or `after` it is carried out."""
        now = asyncio.get_running_loop().time()
        if now < self._until:
            return "before"
        if self._failing is None or self._failing[1] != self.calls:
            return None
        how = self._failing[0]
        if how in LONGER:
            self._until = now + AWAY_SECONDS
        return LONGER.get(how, how)

    async def wait(self, seconds, /, *, since):
        await self._bell.wait(seconds)
        await self._process.gate(after=self._rng.random() * 0.5)  # others' news come late
