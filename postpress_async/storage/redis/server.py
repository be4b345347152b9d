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

import msgspec
from redis.exceptions import NoScriptError

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError
from postpress_async.storage.redis.connection import Link, MovedAwayError, place_of
from postpress_async.storage.redis.findings import judged
from postpress_async.storage.redis.script import NO_TIME, SCRIPT, SHA, packed, unpacked
from postpress_async.storage.redis.trust import checked
from postpress_async.storage.remote.swaps import Answer, NotDoneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.remote.swaps import Swap
    from postpress_async.storage.urls import StoreUrl

__all__ = ["Looked", "RedisServer"]

_log = logging.getLogger("postpress_async.storage")
PREFIX: Final = "postpress"
_LOOKS_MOST: Final = 4  # nodes of a cluster send on, more than one only while slots move


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Say what came of a look.

    Attributes:
        node: the node of a cluster that has the keys, where the URL leads to another one.
        info: what it says of itself; empty where it may not.
        answer: what the script told; an error where it could not.
        refused: the code of that error; empty where nothing was refused in words.
    """

    node: tuple[str, int] | None
    info: dict[str, str]
    answer: Answer | PostpressError
    refused: str


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
        link, self._link = self._link, None  # whoever is cancelled, or fails, leaves none behind
        try:
            if link is not None and not await link.usable():
                await link.drop()
                link = None
            if link is None:
                link = await self._connected()
            answer = await self._run(link, swaps, who, expected)
        except MovedAwayError as moved:
            self._at = self._node(moved)
            raise
        except BaseException as error:
            self._at = None
            if link is not None:
                # A cluster's node that refuses may not be the one that has the keys.
                if (
                    isinstance(error, (NotDoneError, ConfigurationError))
                    and link.info.get("cluster_enabled") != "1"
                ):
                    self._judge(link)
                await link.drop()
            raise
        self._judge(link)
        self._link = link
        return answer

    async def look(self, *, who: str, fresh: bytes) -> Looked:
        """Try the script, and that it may write, in one call that leaves nothing behind.

        It goes over a connection of its own, to the node that has the keys.

        Args:
            who: this process.
            fresh: names the namespace in the answer where nobody has begun it.

        Raises:
            StateUnavailableError, ConfigurationError: it does not let us connect.
        """
        node: tuple[str, int] | None = None
        left = _LOOKS_MOST
        while True:
            left -= 1
            asks_time = self._asks_time
            link = await Link.open(self._url, at=node)
            answer: Answer | PostpressError
            try:
                answer = await self._run(link, [], who, None, fresh)
            except PostpressError as error:
                answer = error
            finally:
                await link.drop()
            if left and isinstance(answer, MovedAwayError):
                node = self._node(answer)
            elif not left or asks_time == self._asks_time:
                return Looked(node=node, info=link.info, answer=answer, refused=link.refused)

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
        looks: bytes | None = None,
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
                taken, self._opening, self._at = self._opening is not opening, None, None
                if not (taken or opening.cancelled() or opening.exception()):
                    await opening.result().drop()
            current = asyncio.current_task()
            if not opening.cancelled() or (current is not None and current.cancelling()):
                raise
            raise NotDoneError(f"{self._where}: connecting was cancelled: try again") from None
        self._opening = None
        return link

    def _judge(self, link: Link) -> None:
        """Warn, once, of what a server says of itself."""
        if self._judged:
            return
        self._judged = True
        for finding in judged(link.info, self._url):
            if finding.level in {"warning", "error"}:
                _log.warning("%s: %s: %s", link.where, finding.said, finding.next_step)

    def _node(self, moved: MovedAwayError) -> tuple[str, int]:
        return moved.host or self._url.host or "localhost", moved.port


def _seen(task: asyncio.Task[Link]) -> None:
    if not task.cancelled():
        task.exception()


def _pair(answer: object, where: str) -> tuple[int, int]:
    match answer:
        case [bytes() as seconds, bytes() as micros]:
            return int(seconds), int(micros)
        case _:
            raise StateUnavailableError(f"{where} tells no time: look at what is between")
