"""A store as one process of a story sees it."""

import asyncio
import contextlib

from virtual import at_once

from postpress_async import StateUnavailableError

FREEING = frozenset({"finish", "leave", "orphans"})
READS = frozenset({"attempts", "bound", "counts", "find", "get"})
SEVERAL = frozenset({"leave", "orphans"})  # transactions, between which others have theirs


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
        self._failing = failing  # ("before" or "after", which call)
        self.calls = self.faults = 0

    @property
    def certain(self):
        return self._store.certain

    def __getattr__(self, name):
        method = getattr(self._store, name)

        async def asked(*given, **named):
            rng, process = self._rng, self._process
            await process.gate()
            self.calls += 1
            before = rng.random() < self.share or self._failing == ("before", self.calls)
            after = rng.random() < self.share or self._failing == ("after", self.calls)
            self.faults += before or after
            if name not in READS:  # which are late by the time they are told, whenever they came
                await asyncio.sleep(rng.random() * 0.02)
                await process.gate()
            if before:
                msg = "the store is away"
                raise StateUnavailableError(msg)
            with contextlib.nullcontext() if name in SEVERAL else at_once():
                told = await method(*given, **named)
            if name in FREEING and told != []:  # of orphans, none
                self._bell.ring()
            await asyncio.sleep(rng.random() * 0.02)
            await process.gate()
            if after:
                msg = "nobody knows"
                raise StateUnavailableError(msg)
            return told

        return asked

    async def wait(self, seconds, /):
        await self._bell.wait(seconds)
        await asyncio.sleep(self._rng.random() * 0.5)  # others' news come late
        await self._process.gate()
