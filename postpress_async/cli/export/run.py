"""An export: a walk through all pages, then what is new since the newest of them.

Newest first or not, what comes while the walk goes on is not on the pages to come; `messages.since`
brings it, and again each time that a finished export is run. Ids that were written are left out, so
no page can bring a message twice.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from postpress_async.errors import BadRequestError, ConfigurationError
from postpress_async.resources._changes import OVERLAP, newest_of, sent
from postpress_async.resources.messages import MOST_ON_A_PAGE

from .ledger import Ledger, Stand
from .target import check_new, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.client import Postpress
    from postpress_async.models import Message
    from postpress_async.pagination import Paginator

    from .ledger import Phase
    from .rows import Format
    from .target import File, Stdout, Sure
    from .wanted import Wanted

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Done(NamedTuple):
    """Say what an export came to.

    Attributes:
        new: messages that this run wrote.
        rows: messages in the file.
        resumed: whether it went on where another run was broken off.
    """

    new: int
    rows: int
    resumed: bool


async def export(client: Postpress, wanted: Wanted, told: Callable[[int], None]) -> Done:
    """Write what was asked for, from where the last run stood.

    Args:
        client: what to ask with.
        wanted: what, and where to.
        told: of each page, how many rows there are now.

    Raises:
        ConfigurationError: the file or the state is another one's, or not as it was left.
        DownloadError: the disk is full; run it again.
    """
    with Ledger.open(wanted.state) as ledger, contextlib.ExitStack() as stack:
        last = ledger.stand
        begun = _begun(last, wanted)
        rows = begun.rows
        writing = _Writing(wanted.format, ledger, begun, told, stack)
        if not writing.fresh:
            writing.open()
        if begun.phase == "walk":
            await _walk(client, wanted, writing)
        await _news(client, wanted, writing)
        resumed = last is not None and last.phase != "done"
        return Done(writing.stand.rows - rows, writing.stand.rows, resumed)


async def _walk(client: Postpress, wanted: Wanted, writing: _Writing) -> None:
    """Write all pages from the cursor on."""

    def pages(start: str | None) -> Paginator[Message]:
        return client.messages.list(
            chat_id=wanted.chat,
            account_id=wanted.account,
            after=_begin(writing.stand),
            start=start,
            page_size=MOST_ON_A_PAGE,
        )

    walk = pages(writing.stand.cursor)
    try:
        page = await walk.page()
    except BadRequestError:
        if writing.stand.cursor is None:
            raise
        walk = pages(None)  # cursors need not last; what was written is known by its id
        page = await walk.page()
    while True:
        phase: Phase = "walk" if page.has_more else "news"
        writing.keep(page.items, cursor=page.cursor, phase=phase)
        if not page.has_more:
            return
        page = await walk.page()


async def _news(client: Postpress, wanted: Wanted, writing: _Writing) -> None:
    """Write what has come since the newest."""
    changes = await client.messages.since(
        writing.stand.mark or _first_mark(writing.stand),
        chat_id=wanted.chat,
        account_id=wanted.account,
    )
    writing.keep(changes.items, mark=changes.mark, phase="done")


def _begin(stand: Stand) -> datetime | None:
    return None if stand.begin is None else datetime.fromisoformat(stand.begin)


def _first_mark(stand: Stand) -> datetime | None:
    begin = _begin(stand)
    if not stand.newest:
        return begin
    late = _EPOCH + timedelta(milliseconds=stand.newest, seconds=-OVERLAP)
    return late if begin is None else max(late, begin)


def _begun(last: Stand | None, wanted: Wanted) -> Stand:
    """Return where to go on."""
    if last is None:
        check_new(wanted.target)
        begin = wanted.begin
        return Stand(
            scope=wanted.scope,
            begin=None if begin is None else begin.isoformat(),
            target=wanted.target,
            form=wanted.form,
        )
    for name, value in last.scope.items():
        if wanted.scope.get(name) != value:
            was = f"with {name} {value}" if value is not None else f"without {name}"
            msg = f"{wanted.state} belongs to an export {was}: give the same, or another file"
            raise ConfigurationError(msg)
    same = (last.target, last.form) == (wanted.target, wanted.form)
    if last.phase != "done":
        if not same:
            msg = (
                f"an export to {last.target} ({last.form}) was broken off: finish that one first, "
                f"or name another state than {wanted.state}"
            )
            raise ConfigurationError(msg)
        return last
    if not same:
        if last.target == wanted.target:
            msg = f"--to: {wanted.target} was begun as {last.form}: name another file"
            raise ConfigurationError(msg)
        check_new(wanted.target)
        last = msgspec.structs.replace(
            last, target=wanted.target, form=wanted.form, length=0, tail="", rows=0
        )
    return last


class _Writing:
    """Write pages to the file and into the ledger.

    Attributes:
        stand: how far it is.
        fresh: whether this run begins the file.
    """

    def __init__(
        self,
        form: Format,
        ledger: Ledger,
        stand: Stand,
        told: Callable[[int], None],
        stack: contextlib.ExitStack,
    ) -> None:
        self.stand = stand
        self.fresh = ledger.stand is None or ledger.stand.target != stand.target
        self._form = form
        self._ledger = ledger
        self._told = told
        self._stack = stack
        self._target: File | Stdout | None = None

    def open(self) -> File | Stdout:
        """Open the file; one that is begun is not made before the first answer has come."""
        if self._target is not None:
            return self._target
        self._target = target = self._stack.enter_context(opened(self.stand, fresh=self.fresh))
        if self.stand.phase == "done":
            self.stand = msgspec.structs.replace(self.stand, phase="news")
        self._ledger.write(self.stand)  # from here on, what stands behind its length is ours
        if self._form.head and not self.stand.length:
            self._ledger.write(self._after(target.append(self._form.head)))
            self.stand = self._ledger.stand or self.stand
        return target

    def keep(
        self,
        messages: Sequence[Message],
        *,
        phase: Phase,
        cursor: str | None = None,
        mark: str | None = None,
    ) -> None:
        """Write what is new among some messages, then how far it is."""
        target = self.open()
        newest, now = self.stand.newest, round(time.time() * 1000)
        for message in messages:
            newest = newest_of(newest, sent(message) or 0, now)
        ids = [one.id or one.message_id or one.provider_id for one in messages]
        with self._ledger.page(ids) as are_new:
            new = [message for message, is_new in zip(messages, are_new, strict=True) if is_new]
            stand = self._after(target.append(self._form.lines(new))) if new else self.stand
            self.stand = msgspec.structs.replace(
                stand,
                rows=stand.rows + len(new),
                phase=phase,
                cursor=cursor,
                mark=mark,
                newest=newest,
            )
            self._ledger.commit(self.stand)
        self._told(self.stand.rows)

    def _after(self, sure: Sure) -> Stand:
        return msgspec.structs.replace(self.stand, length=sure.length, tail=sure.tail)
