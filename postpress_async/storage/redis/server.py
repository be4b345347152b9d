"""Swaps on a Redis or Valkey server: one script, one round trip a batch."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from redis.exceptions import NoScriptError

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.redis.connection import Link, MovedAwayError, place_of
from postpress_async.storage.redis.findings import judged
from postpress_async.storage.redis.script import NO_TIME, SCRIPT, SHA, packed, unpacked
from postpress_async.storage.redis.trust import checked
from postpress_async.storage.remote.swaps import NotDoneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.remote.swaps import Answer, Swap
    from postpress_async.storage.urls import StoreUrl

__all__ = ["RedisServer"]

_log = logging.getLogger("postpress_async.storage")
PREFIX: Final = "postpress"
_NODES_MOST: Final = 2  # of a cluster that send a look on; more only while slots move


class RedisServer:
    """Carry swaps out on a Redis or Valkey server.

    Its time is the server's clock, read inside the script. Where that is set back, the time goes
    on, at the clock's pace: of one image never back at all, over the whole store by at most a
    second, which is how often it is noted.

    A namespace is one slot of a cluster, and a cluster's node that has not got it says which has:
    so any node's address will do.

    Args:
        url: where it is; `prefix=` tells namespaces apart.
        strict: whether swaps of another time than the server's are refused.
    """

    def __init__(self, url: StoreUrl, *, strict: bool = True) -> None:
        prefix = url.options.get("prefix", PREFIX)
        if not re.fullmatch(r"[^{}\s]{1,64}", prefix):
            raise ConfigurationError(
                "the store's URL has a prefix with a brace or blank, or too long a one: use up to "
                "64 letters, digits and the like"
            )
        self._url = url
        self._where = place_of(url)
        checked(url.options, where=self._where, tls=url.tls)
        self._strict = strict
        self._space = f"{{{prefix}}}:"  # braces: all keys of a namespace in one slot
        # No account begins with a star.
        self._fixed = (f"{self._space}*time", f"{self._space}*turn")
        self._fresh = os.urandom(16)
        self._link: Link | None = None
        self._opening: asyncio.Task[Link] | None = None
        self._at: tuple[str, int] | None = None
        self._asks_time = False
        self._judged = False

    @property
    def where(self) -> str:
        """The server, in a few words for messages."""
        return self._where

    @property
    def space(self) -> str:
        """What all of its keys begin with, and the number of the database."""
        return f"{self._url.database or 0}/{self._space}"

    async def swap(
        self, swaps: Sequence[Swap], /, *, who: str, expected: float | None = None
    ) -> Answer:
        """Carry swaps out, all in one call of the script.

        Raises:
            StateUnavailableError, ConfigurationError: as in `Server`.
        """
        return await self._swapped(swaps, who, expected=expected)

    async def look(self, *, who: str, fresh: bytes) -> Answer:
        """Try the script, and that it may write, in one call that leaves nothing behind.

        Args:
            who: this process.
            fresh: names the namespace in the answer where nobody has begun it.

        Raises:
            StateUnavailableError, ConfigurationError: as in `Server`.
        """
        for _ in range(_NODES_MOST):
            with suppress(MovedAwayError):  # it says which one is to be asked
                return await self._swapped([], who, looks=fresh)
        return await self._swapped([], who, looks=fresh)

    async def _swapped(
        self,
        swaps: Sequence[Swap],
        who: str,
        *,
        expected: float | None = None,
        looks: bytes | None = None,
    ) -> Answer:
        link, self._link = self._link, None  # whoever is cancelled, or fails, leaves none behind
        try:
            if link is not None and not await link.usable():
                await link.drop()
                link = None
            if link is None:
                link = await self._connected()
            answer = await self._run(link, swaps, who, expected, looks)
        except MovedAwayError as moved:
            self._at = (moved.host or self._url.host or "localhost", moved.port)
            raise
        except BaseException:
            self._at = None
            if link is not None:
                await link.drop()
            raise
        self._link = link
        return answer

    async def aclose(self) -> None:
        """Let go of the connection. Safe to repeat."""
        link, self._link = self._link, None
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            with suppress(asyncio.CancelledError, StateUnavailableError, ConfigurationError):
                link = await opening
        if link is not None:
            await link.drop()

    async def _run(
        self,
        link: Link,
        swaps: Sequence[Swap],
        who: str,
        expected: float | None,
        looks: bytes | None,
    ) -> Answer:
        given = await self._time(link) if self._asks_time else None
        keys, argument = packed(
            swaps,
            who=who,
            fresh=looks or self._fresh,
            strict=self._strict,
            given=given,
            expected=expected,
            looks=looks is not None,
        )
        named = [*self._fixed, *[self._space + key for key in keys]]
        try:
            try:
                reply = await link.ask("EVALSHA", SHA, len(named), *named, argument)
            except NoScriptError:
                reply = await link.ask("EVAL", SCRIPT, len(named), *named, argument)
        except ConfigurationError as error:
            if self._asks_time or NO_TIME not in str(error):
                raise
            self._asks_time = True
            raise NotDoneError(f"{self._where} tells scripts no time: it is asked before") from None
        # It may have been a replica since, and be the same process: then its history is another.
        run = "/".join([link.info.get(name, "") for name in ("run_id", "master_replid")])
        try:
            return unpacked(
                reply if isinstance(reply, bytes) else b"", keys=keys, swaps=len(swaps), run=run
            )
        except (ValueError, LookupError, struct.error):
            said = f"{self._where} answered what no Redis answers: look at what is between"
            raise StateUnavailableError(said) from None

    async def _time(self, link: Link) -> float:
        """Ask for the time in a round trip of its own, as of when it will have been used."""
        began = time.monotonic()
        seconds, micros = _pair(await link.ask("TIME"), self._where)
        return seconds + micros / 1e6 + time.monotonic() - began

    async def _connected(self) -> Link:
        """Connect, or wait for a connection that is being made.

        It is made by a task of its own: who has less patience than it takes leaves it to the next.
        """
        opening = self._opening
        if opening is None or opening.get_loop() is not asyncio.get_running_loop():
            opening = asyncio.create_task(Link.open(self._url, at=self._at))
            opening.add_done_callback(_seen)
            self._opening = opening
        try:
            link = await asyncio.shield(opening)
        except BaseException:
            if opening.done():
                self._opening, self._at = None, None
            current = asyncio.current_task()
            if not opening.cancelled() or (current is not None and current.cancelling()):
                raise
            raise NotDoneError(f"{self._where}: connecting was cancelled: try again") from None
        self._opening = None
        if not self._judged:
            self._judged = True
            for finding in judged(link.info, self._url):
                if finding.level in {"warning", "error"}:
                    _log.warning("%s: %s: %s", self._where, finding.said, finding.next_step)
        return link


def _seen(task: asyncio.Task[Link]) -> None:
    if not task.cancelled():
        task.exception()


def _pair(answer: object, where: str) -> tuple[int, int]:
    match answer:
        case [bytes() as seconds, bytes() as micros]:
            return int(seconds), int(micros)
        case _:
            raise StateUnavailableError(f"{where} tells no time: look at what is between")
