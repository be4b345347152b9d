"""Where a client lives: one process, one event loop, one network; and how it ends."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from postpress_async.errors import ClientClosedError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.scheduler.clock import Clock

    from .transport import Transport


_forks = 0  # of this process and its parents; asking for the pid is a system call, each time


def _forked() -> None:
    global _forks  # noqa: PLW0603 - what a fork changes is the process
    _forks += 1


if hasattr(os, "register_at_fork"):  # where there is no fork, nobody need notice one
    os.register_at_fork(after_in_child=_forked)


class Home:
    """Bind a client to the process and the loop of its first await, and close it once.

    Attributes:
        base: the root of all URLs.
        key: the API key, for striking it out of answers; in no repr.
        closed: whether the client was closed.
    """

    def __init__(
        self, *, base: str, key: str, transport: Transport | None, make: Callable[[], Transport]
    ) -> None:
        self.base: str = base
        self.key: str = key
        self.closed: bool = False
        self._transport = transport
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forks = 0
        self._sleepers: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        """Show where, without the key."""
        return f"Home({self.base!r}, closed={self.closed})"

    def enter(self) -> None:
        """Check that a call may begin here.

        Raises:
            ClientClosedError: the client was closed.
            ConfigurationError: this is another event loop or process than that of the first call.
        """
        if self.closed:
            msg = "the client is closed: make a new one"
            raise ClientClosedError(msg)
        if self._forks != _forks and self._loop is not None:  # first: a child has no loop to ask
            msg = (
                "this client belongs to the process that it was first used in: make a new one "
                "after a fork"
            )
            raise ConfigurationError(msg, scope="setup")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._settle(loop)

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Live in the loop of the first call, and nowhere else."""
        if self._loop is None:
            self._loop, self._forks = loop, _forks
            return
        msg = (
            "this client belongs to another event loop, that of its first call: make one client "
            "in each loop"
        )
        raise ConfigurationError(msg, scope="setup")

    def network(self) -> Transport:
        """Return the transport, made at the first request."""
        if self._transport is None:
            self._transport = self._make()
        return self._transport

    async def sleep(self, seconds: float, clock: Clock) -> float:
        """Back off; return how long it took. Ends early, with an error, when the client closes."""
        if self.closed:
            raise _closed_while_backing_off()
        start = clock.monotonic()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = clock.call_at(start + seconds, lambda: _wake(future))
        self._sleepers.add(future)
        try:
            await future
        finally:
            timer.cancel()
            self._sleepers.discard(future)
        return clock.monotonic() - start

    def shut(self) -> None:
        """Let no further call begin, and wake whoever backs off with ClientClosedError."""
        self.closed = True
        for future in list(self._sleepers):
            if not future.done():
                future.set_exception(_closed_while_backing_off())

    async def leave(self) -> None:
        """Let go of the network."""
        if self._transport is not None:
            await self._transport.aclose()


def _closed_while_backing_off() -> ClientClosedError:
    return ClientClosedError("the client was closed while this call backed off")


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
