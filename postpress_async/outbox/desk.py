"""What a person does with items by hand, against workers that are at it at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UnsetType

from postpress_async.errors import (
    ConfigurationError,
    OutboxConflictError,
    OutboxError,
    OutboxNotFoundError,
    OutboxStateError,
)
from postpress_async.options import of_kind

from . import by_hand, contents, putting
from .decisions import instant_of
from .items import item_of
from .last_word import is_asked_about

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from postpress_async.storage.outbox.rows import Added, New, Row
    from postpress_async.storage.outbox.store import Store

    from .by_hand import Change
    from .contents import Content
    from .items import Item
    from .putting import Wishes

__all__ = ["Desk"]

_TRIES: Final = 5
"""How often a change is thought over that a worker was faster than."""


class Desk:
    """Put items in, and change them by hand.

    Args:
        store: where they are.
        provider: the provider of an account, as far as it is known.
        new_id: makes ids.
        tell: hears of every change.
    """

    def __init__(
        self,
        store: Store,
        *,
        provider: Callable[[str], str | None],
        new_id: Callable[[], str],
        tell: Callable[[Row], None],
    ) -> None:
        self._store = store
        self._provider = provider
        self._new_id = new_id
        self._tell = tell

    async def now(self) -> float:
        """Return the store's time."""
        return await self._store.beat("-", lease=0.0)  # nobody's: it only tells the time

    async def put(
        self, content: Content, account_id: str, wishes: Wishes, connection: object | None
    ) -> Item:
        """Put a content in, or return what is there under its key already."""
        (told,) = await self.put_all([(content, account_id, wishes)], connection)
        if isinstance(told, OutboxError):
            raise told
        return told

    async def put_all(
        self, several: Sequence[tuple[Content, str, Wishes]], connection: object | None
    ) -> list[Item | OutboxError]:
        """Put contents in, in one transaction; return for each its item, or what stood in its way.

        What stands in the way of one keeps none of the others out.
        """
        news = [
            putting.new_of(
                content,
                account_id,
                wishes,
                provider=self._provider(account_id),
                id_=self._new_id(),
            )
            for content, account_id, wishes in several
        ]
        added = await self._store.add(news, connection=connection)
        if connection is None:  # else it is there when somebody else commits
            for one in added:
                if one.kind == "new":
                    self._tell(one.row)
        return [
            _obstacle(one, new) or item_of(one.row) for one, new in zip(added, news, strict=True)
        ]

    async def row(self, item: str) -> Row:
        """Return an item, by id or key."""
        row = await self._store.get(putting.kept_text("id", item))
        if row is None:
            msg = f"the outbox has no item of the id or key {item!r}: list() shows what it has"
            raise OutboxNotFoundError(msg, item=item)
        return row

    async def change(
        self,
        item: str,
        ask: Callable[[Row], Change],
        *,
        edit: Callable[[Row], New] | None = None,
    ) -> Item:
        """Change an item by hand; ask again where it changed meanwhile."""

        async def at_once(row: Row) -> Change:
            return ask(row)

        return await self._change(item, at_once, edit)

    async def _change(
        self,
        item: str,
        ask: Callable[[Row], Awaitable[Change]],
        edit: Callable[[Row], New] | None = None,
    ) -> Item:
        row = await self.row(item)
        for _ in range(_TRIES):
            change = await ask(row)
            changed = await self._store.alter(
                row.id,
                fence=row.fence,  # who has gone on with it has made it another
                states=change.states,
                finish=change.finish,
                edit=None if edit is None else edit(row),
            )
            if changed is not None:
                self._tell(changed)
                return item_of(changed)
            row = await self.row(item)
        if row.kind == "invite":
            await self._none_other(row)
        msg = f"item {row.id} cannot be changed now: get() and explain() show how it stands"
        raise OutboxStateError(msg, item=row.id, state=by_hand.shown(row.state))

    async def _none_other(self, row: Row) -> None:
        """Raise where another invitation stands in the way of one that should be open again."""
        there = await self._store.inviting(row.account_id, [row.thread])
        if (other := there.get(row.thread, row.id)) != row.id:
            raise _invited(await self.row(other))

    async def resolve(self, item: str, *, sent: bool) -> Item:
        """Settle an unknown item by what a person has seen."""
        of_kind("sent", sent, bool, "True")

        seen: list[int] = []

        async def ask(row: Row) -> Change:
            seen.append(row.fence)
            attempts = await self._store.attempts(row.id)
            last = attempts[-1] if attempts else None
            now = await self.now()
            return by_hand.resolve(row, sent=sent, last=last, seen=seen[0], now=now)

        return await self._change(item, ask)

    async def edit(
        self,
        item: str,
        *,
        text: str | None,
        not_before: datetime | UnsetType | None,
        expires_at: datetime | UnsetType | None,
        priority: int | None,
    ) -> Item:
        """Change what an item says, or when it goes."""

        def edited(row: Row) -> New:
            if is_asked_about(row.id):
                msg = f"edit: before_send is asked about item {row.id}: answer Replace, or Defer"
                raise OutboxStateError(msg, item=row.id, state=by_hand.shown(row.state))
            if not row.body:
                msg = f"edit: item {row.id} holds nothing any more"
                raise OutboxStateError(msg, item=row.id, state=by_hand.shown(row.state))
            said = contents.decode(row.body)
            content = contents.original(said)
            if text is not None:
                content = contents.with_text(content, text)
            if row.attempts:  # should the last one be in doubt, its key stays
                content = contents.going_under(content, contents.last_key_of(said, row), row)
            new = putting.rewritten(row, content)
            if not isinstance(not_before, UnsetType):
                due = row.created_at if not_before is None else instant_of("not_before", not_before)
                new = msgspec.structs.replace(new, due_at=due)
            if not isinstance(expires_at, UnsetType):
                end = None if expires_at is None else instant_of("expires_at", expires_at)
                new = msgspec.structs.replace(new, expires_at=end)
            if priority is not None:
                putting.kept_priority(priority)
                new = msgspec.structs.replace(new, priority=priority)
            # What goes at once is due when it was put in, by a time that may be ahead of the clock.
            start = 0.0 if new.due_at == row.created_at else new.due_at
            if new.expires_at is not None and new.expires_at <= start:
                msg = "expires_at must be later than not_before, or it never goes"
                raise ConfigurationError(msg)
            return new

        return await self.change(item, by_hand.edit, edit=edited)


def _invited(row: Row) -> OutboxConflictError:
    state = by_hand.shown(row.state)
    msg = (
        f"another invitation of account {row.account_id} to this person is open (item "
        f"{row.id}, {state}): wait for it, or cancel it"
    )
    return OutboxConflictError(msg, item=row.id, state=state)


def _obstacle(added: Added, new: New) -> OutboxError | None:
    """Return what stood in the way of an item, if something did."""
    row = added.row
    state = by_hand.shown(row.state)
    if added.kind == "conflict" and row.key == new.key:
        msg = (
            f"key {new.key!r} stands for something else already (item {row.id}, {state}): give "
            "another key, or edit that item"
        )
        return OutboxConflictError(msg, item=row.id, state=state)
    if added.kind == "conflict":
        return _invited(row)
    if added.kind == "forgotten":
        msg = f"item {new.key!r} is for a recipient who was forgotten: it is not put in"
        return OutboxError(msg, item=new.key)
    return None
