"""From a claimed item to the one call that sends it: slot, last question, mark, request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from postpress_async.errors import (
    AuthenticationError,
    ConfigurationError,
    PostpressError,
    SchedulerError,
)
from postpress_async.exchange.guarding import guarded
from postpress_async.options import RequestOptions, Retries

from . import contents, results
from .caretaker import nobody
from .contents import Follow, Invite, MessageContent, ProfileRead, React, StartChat
from .decisions import Defer, Replace, Send, Skip
from .items import item_of
from .putting import rewritten
from .results import Deferred, Later, Refused, Sent, Skipped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from postpress_async.client import Postpress
    from postpress_async.storage.outbox.rows import Row

    from .contents import Content
    from .decisions import Decision
    from .items import Item
    from .results import Result
    from .turn import Turn

    BeforeSend: TypeAlias = Callable[[Item], Awaitable[Decision]]

__all__ = ["ClientSender"]

log: Final = logging.getLogger("postpress_async.outbox")
_MAX_WAIT: Final = 2.0
"""Seconds that a claimed item waits for its slot: what comes later is claimed later."""
_NEWER_SECONDS: Final = 60.0
_OTHERS_SECONDS: Final = 15.0
"""For how long a pool rests of which this worker has only some accounts, none of them free."""


class ClientSender:
    """Send items over a client, each with one request at most.

    Args:
        client: what sends; its limits, lanes and state are the ones that hold.
        before_send: asked with the slot held; None lets everything go.
        told: hears of every item that is marked.
        accounts: of a pool, look through these alone; None for any.
    """

    def __init__(
        self,
        client: Postpress,
        *,
        before_send: BeforeSend | None = None,
        told: Callable[[Row], None] = nobody,
        accounts: Collection[str] | None = None,
    ) -> None:
        self._client = client
        self._before_send = before_send
        self._told = told
        self._accounts = accounts

    async def send(self, row: Row, /, *, granted: Turn) -> Result:
        """Go once at an item; see `turn.Sender`."""
        if not row.body:
            return Refused(reason="its text is no longer kept: put it in again under another key")
        try:
            said = contents.decode(row.body)
        except ConfigurationError as error:  # for a worker of a later version
            return Later(reason=str(error), seconds=_NEWER_SECONDS)
        content = contents.original(said)
        guard = _LastWord(row, granted, self._before_send, self._told)
        if content != said:  # what was said instead the last time was for that time alone
            guard.says(content)
        try:
            try:
                return await self._go(row, content, guard)
            except _ReplacedError as replaced:
                content = guard.says_instead(content, replaced.text)
                return await self._go(row, content, guard)
        except _DecidedError as decided:
            return decided.result

    async def _go(self, row: Row, content: Content, guard: _LastWord) -> Result:
        if isinstance(content, ProfileRead):
            return await self._read(row, content, guard)
        with guarded(guard):
            return Sent(result_id=await self._call(row, content))

    async def _call(self, row: Row, content: Content) -> str | None:
        """Make the call of a content; return the id of what it made."""
        client, account_id, options = self._client, row.account_id, _options(row)
        match content:
            case MessageContent():
                return await _message(client, account_id, content, options)
            case StartChat():
                return await _start(client, account_id, content, options)
            case Invite() | Follow():
                invited = await client.invitations.send(
                    content.provider_id,
                    account_id=account_id,
                    message=content.message if isinstance(content, Invite) else None,
                    user_email=content.user_email if isinstance(content, Invite) else None,
                    options=options,
                )
                return invited.invitation_id
            case React():
                await client.messages.react(
                    content.message_id,
                    reaction=content.reaction,
                    account_id=account_id,
                    options=options,
                )
                return None
            case ProfileRead():
                raise NotImplementedError

    # -- durable reads ------------------------------------------------------------------------

    async def _read(self, row: Row, content: ProfileRead, guard: _LastWord) -> Result:
        """Look through the account that may go first; before the mark, the next one may try."""
        refusals: list[tuple[float, SchedulerError]] = []
        mine = self._mine(content.accounts)
        for account_id in await self._by_turn(mine):
            try:
                with guarded(guard):
                    profile = await self._client.users.get(
                        content.identifier,
                        account_id=account_id,
                        linkedin_sections=content.linkedin_sections,
                        linkedin_api=content.linkedin_api,  # type: ignore[arg-type]  # checked when it was put in
                        options=_options(row),
                    )
            except SchedulerError as error:
                if guard.marked or error.limit == "outbox":
                    raise
                refusals.append((error.retry_after or results.CLOSED_SECONDS, error))
                continue
            except PostpressError as error:
                result = results.of_error(error, kind=row.kind)
                known = not isinstance(error, AuthenticationError)  # that is the key's own trouble
                if isinstance(result, Later) and result.lane and known and len(mine) > 1:
                    # Its own lane knows by now; the others of the pool need not wait.
                    return Later(reason=result.reason, seconds=0.0, attempted=result.attempted)
                return result
            answer = msgspec.json.encode(profile.raw)
            seen = msgspec.structs.replace(content, answer=answer, seen_by=account_id)
            return Sent(body=contents.encode(seen))
        seconds, first = min(refusals, key=lambda one: one[0])
        if len(mine) < len(content.accounts):  # others may have room for it
            seconds = min(seconds, _OTHERS_SECONDS)
        return Later(reason=str(first), seconds=seconds, lane=True)

    def _mine(self, accounts: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of a pool that this worker works for; it is given no others."""
        if self._accounts is None:
            return accounts
        return tuple(one for one in accounts if one in self._accounts)

    async def _by_turn(self, accounts: tuple[str, ...]) -> list[str]:
        """Return accounts by when each may look."""
        if len(accounts) == 1:
            return list(accounts)
        scheduler = self._client.scheduler
        seconds = {one: (await scheduler.estimate(one, "profile")).seconds for one in accounts}
        return sorted(accounts, key=seconds.__getitem__)


async def _message(
    client: Postpress, account_id: str, said: MessageContent, options: RequestOptions
) -> str | None:
    sent = await client.messages.send(
        chat_id=said.chat_id,
        text=said.text,
        attachments=contents.files_in(said.files, "attachments"),
        voice_message=next(iter(contents.files_in(said.files, "voice_message")), None),
        video_message=next(iter(contents.files_in(said.files, "video_message")), None),
        quote_id=said.quote_id,
        thread_id=said.thread_id,
        typing_duration=said.typing_duration,
        account_id=account_id,
        options=options,
    )
    return sent.message_id


async def _start(
    client: Postpress, account_id: str, said: StartChat, options: RequestOptions
) -> str | None:
    started = await client.chats.start(
        to=said.to,
        text=said.text,
        subject=said.subject,
        attachments=contents.files_in(said.files, "attachments"),
        voice_message=next(iter(contents.files_in(said.files, "voice_message")), None),
        video_message=next(iter(contents.files_in(said.files, "video_message")), None),
        linkedin=said.options(),
        account_id=account_id,
        options=options,
    )
    return started.message_id


def _options(row: Row) -> RequestOptions:
    return RequestOptions(
        retries=Retries.none(),  # each request has a mark of its own
        max_wait=_MAX_WAIT,
        priority=row.priority,
        idempotency_key=row.idempotency_key,
    )


class _DecidedError(Exception):
    """Carry out of a call what was decided instead of it."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class _ReplacedError(Exception):
    """Carry another text out of a call that was made for the first one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _LastWord:
    """Guard an item's call: ask `before_send`, then mark; then only the deadline speaks."""

    def __init__(
        self,
        row: Row,
        granted: Turn,
        before_send: BeforeSend | None,
        told: Callable[[Row], None],
    ) -> None:
        self._told = told
        self._row = row
        self._granted = granted
        self._ask = before_send
        self._edited: Content | None = None

    @property
    def marked(self) -> bool:
        """Whether the mark was begun."""
        return self._granted.marking

    def says(self, content: Content) -> None:
        """Have a content kept with the mark, in place of the one there is."""
        self._edited = content

    def says_instead(self, content: Content, text: str) -> Content:
        """Return the content with another text, which is kept with the mark."""
        try:
            edited = contents.replaced(content, text)
        except ConfigurationError as error:
            raise _DecidedError(Refused(reason=f"before_send: {error}")) from None
        self.says(edited)
        return edited

    async def before(self) -> None:
        if self._ask is not None:
            ask, self._ask = self._ask, None  # once: a text that it replaced is not asked about
            self._heed(await self._answer(ask))
        edited = self._edited
        edit = None if edited is None else rewritten(self._row, edited)
        attempt = await self._granted.mark(edit=edit)
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
        self._granted.last_act()

    async def _answer(self, ask: BeforeSend) -> object:
        try:
            return await ask(item_of(self._row))
        except Exception as error:
            log.exception("before_send failed for item %s: it stays queued", self._row.id)
            reason = f"before_send raised {type(error).__name__}: see the log"
            raise _DecidedError(Later(reason=reason, fault=True)) from None

    def _heed(self, decision: object) -> None:
        match decision:
            case Send():
                return
            case Skip(reason=reason):
                raise _DecidedError(Skipped(reason=reason))
            case Defer(until=until, reason=reason):
                raise _DecidedError(Deferred(reason=reason, until=until.timestamp()))
            case Replace(text=text):
                raise _ReplacedError(text)
            case _:  # somebody's None: rather late than against their wish
                kind = type(decision).__name__
                log.error("before_send answered %s for item %s: it waits", kind, self._row.id)
                reason = f"before_send answered {kind}: it takes Send(), Skip, Defer or Replace"
                raise _DecidedError(Later(reason=reason, fault=True))
