"""The last word on a claimed item, with its slot held: what `before_send` answers, and the mark."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError

from . import contents
from .decisions import Defer, Replace, Send, Skip, instant_of
from .items import item_of
from .putting import rewritten
from .results import Deferred, Later, Refused, Skipped, Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from postpress_async.storage.outbox.rows import Row

    from .contents import Content
    from .decisions import Decision
    from .items import Item
    from .results import Result
    from .turn import Turn

    BeforeSend: TypeAlias = Callable[[Item], Awaitable[Decision]]

__all__ = ["HOOK_SECONDS", "DecidedError", "LastWord", "ReplacedError", "is_asked_about"]

log: Final = logging.getLogger("postpress_async.outbox")
HOOK_SECONDS: Final = 30.0
"""For how long `before_send` may think, where nothing else is said."""


_asking: Final[ContextVar[set[str]]] = ContextVar("postpress_async.outbox.asking")


def is_asked_about(item: str) -> bool:
    """Tell whether `before_send` is asked about an item right here: it would be again at once."""
    return item in _asking.get(())


@contextmanager
def _asked_about(item: str) -> Generator[None]:
    here = {item}
    token = _asking.set(here)
    try:
        yield
    finally:
        here.clear()  # also for tasks that go on after the answer
        _asking.reset(token)


class DecidedError(Exception):
    """Carry out of a call what was decided instead of it."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class ReplacedError(Exception):
    """Carry another text out of a call that was made for the first one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class LastWord:
    """Guard an item's call: ask `before_send`, then mark; then only the deadline speaks.

    Args:
        row: the item as it was claimed.
        granted: the leave to send it.
        before_send: what is asked, None for nothing.
        seconds: for how long its answer is waited for; None for ever.
        told: hears of the mark.
        longer: seconds for which the service is asked to wait before it sends.
    """

    def __init__(
        self,
        row: Row,
        granted: Turn,
        *,
        before_send: BeforeSend | None,
        seconds: float | None,
        told: Callable[[Row], None],
        longer: float = 0.0,
    ) -> None:
        self._told = told
        self._longer = longer
        self._row = row
        self._granted = granted
        self._ask = before_send
        self._seconds = seconds
        self._edited: Content | None = None

    @property
    def marked(self) -> bool:
        """Whether the mark was begun."""
        return self._granted.marking

    def says(self, content: Content) -> None:
        """Have a content kept with the mark, in place of the one there is."""
        self._edited = content

    def instead(self, content: Content, text: str) -> Content:
        """Return the content with another text, as `before_send` has answered."""
        try:
            return contents.replaced(content, text)
        except ConfigurationError as error:
            raise DecidedError(Refused(reason=f"before_send: {error}")) from None

    async def ask(self) -> None:
        """Ask `before_send`, once: not about its own text, nor for a slot that it outsat.

        See `guarding.Guard`.
        """
        if self._ask is not None:
            ask, self._ask = self._ask, None
            self._heed(await self._answer(ask))

    async def before(self) -> None:
        """Make the mark; see `guarding.Guard`."""
        edited = self._edited
        edit = None if edited is None else rewritten(self._row, edited)
        attempt = await self._granted.mark(edit=edit, longer=self._longer)
        body = self._row.body if edit is None else edit.body
        self._told(
            msgspec.structs.replace(
                self._row,
                state="sending",
                body=body,
                attempts=attempt.number,
                changed_at=attempt.started_at,
            )
        )

    def last_act(self) -> None:
        """Ask whether it is still ours to send; see `guarding.Guard`."""
        self._granted.last_act()

    async def _answer(self, ask: BeforeSend) -> object:
        item, bound = self._row.id, asyncio.timeout(self._seconds)
        try:
            # Real time, as that of requests: it is somebody's program that hangs, or does not.
            async with bound:
                with _asked_about(item):
                    return await ask(item_of(self._row))
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # it is we who are to stop, not what it waited for
            if bound.expired() and isinstance(error, TimeoutError):
                log.warning(
                    "before_send has not answered within %g s for item %s: it stays queued "
                    "(before_send_timeout)",
                    self._seconds,
                    item,
                )
                reason = f"before_send did not answer within {self._seconds:g} s"
            else:
                log.exception("before_send failed for item %s: it stays queued", item)
                reason = f"before_send raised {type(error).__name__}: see the log"
            raise DecidedError(Later(reason=reason, fault=True)) from None

    def _heed(self, decision: object) -> None:
        match decision:
            case Send():
                return
            case Skip(reason=reason):
                raise DecidedError(Skipped(reason=reason))
            case Defer(until=until, reason=reason, keeps_place=keeps_place):
                at = instant_of("until", until)
                if keeps_place:
                    seconds = self._granted.seconds_until(at)
                    raise DecidedError(Waiting(reason=reason, seconds=seconds))
                raise DecidedError(Deferred(reason=reason, until=at))
            case Replace(text=text):
                raise ReplacedError(text)
            case _:  # somebody's None: rather late than against their wish
                kind = type(decision).__name__
                log.error("before_send answered %s for item %s: it waits", kind, self._row.id)
                reason = f"before_send answered {kind}: it takes Send(), Skip, Defer or Replace"
                raise DecidedError(Later(reason=reason, fault=True))
