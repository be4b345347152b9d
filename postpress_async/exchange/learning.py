"""Which provider an account belongs to: asked once, shared by all calls that must know."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from copy import copy
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.errors import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    PostpressError,
    UnprocessableError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.scheduler.scheduler import Scheduler

_log = logging.getLogger("postpress_async")
_SOON: Final = 60.0  # seconds until it is asked again after a failure, doubling
_LATE: Final = 3600.0  # at the most, and at once where the answer will be the same
_FOR_GOOD: Final = (BadRequestError, NotFoundError, PermissionDeniedError, UnprocessableError)


class Learner:
    """Look accounts up before their first paced call; the look-up tells the scheduler itself."""

    def __init__(self, scheduler: Scheduler, look_up: Callable[[str], Awaitable[object]]) -> None:
        self._scheduler = scheduler
        self._look_up = look_up
        self._running: dict[str, asyncio.Task[None]] = {}
        self._pauses: dict[str, float] = {}  # after failures, the last one's

    async def told(self, account_id: str, within: float) -> None:
        """Wait for an account's provider unless it is known, or was just asked for in vain."""
        known = self._scheduler.lane(account_id).provider is not None
        if not known and not self._scheduler.resigned(account_id):
            await self.learn(account_id, within)

    async def learn(self, account_id: str, within: float) -> None:
        """Wait for an account's provider; without it the strictest limits of any hold.

        Raises:
            AuthenticationError: the key was refused, so that the call itself would be too.
        """
        task = self._running.get(account_id)
        if task is None:
            # A context of its own: what the caller captures or traces is its own call.
            task = asyncio.get_running_loop().create_task(self._ask(account_id), context=Context())
            self._running[account_id] = task
            task.add_done_callback(lambda ended: self._forget(account_id, ended))
        await asyncio.wait({task}, timeout=None if within == inf else max(within, 0.0))
        if task.done() and not task.cancelled():
            error = task.exception()
            if error is not None:
                raise copy(error)  # each caller gets one of its own, to be marked and raised

    def _forget(self, account_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(account_id, None)
        if not task.cancelled():
            task.exception()  # seen, also where its only caller was cancelled

    def close(self) -> None:
        """Stop asking."""
        for task in list(self._running.values()):
            task.cancel()

    async def _ask(self, account_id: str) -> None:
        try:
            await self._look_up(account_id)
        except AuthenticationError:
            raise  # the next call asks again: the key may have been put right
        except PostpressError as error:
            pause = min(2 * self._pauses.get(account_id, _SOON / 2), _LATE)
            self._resign(account_id, _LATE if isinstance(error, _FOR_GOOD) else pause, error)
        else:
            if self._scheduler.lane(account_id).provider is None:
                self._resign(account_id, _LATE, "the answer names none")
            else:
                self._pauses.pop(account_id, None)

    def _resign(self, account_id: str, pause: float, why: object) -> None:
        self._pauses[account_id] = pause
        self._scheduler.resign(account_id, pause, why=str(why))
        _log.warning(
            "provider of account %s is unknown, the strictest limits hold; "
            "it is asked for again after %g s: %s",
            account_id,
            pause,
            why,
        )
