"""From a claimed item to the one call that sends it: slot, last question, mark, request."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import (
    AuthenticationError,
    ConfigurationError,
    PostpressError,
    SchedulerError,
    WaitTooLongError,
)
from postpress_async.exchange.guarding import STALE, guarded
from postpress_async.options import RequestOptions, Retries

from . import contents, results
from .caretaker import nobody
from .contents import Follow, Invite, MessageContent, ProfileRead, React, StartChat
from .last_word import HOOK_SECONDS, DecidedError, LastWord, ReplacedError
from .results import Later, Refused, Sent
from .telling import telling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from postpress_async.client import Postpress
    from postpress_async.storage.outbox.rows import Row

    from .contents import Content
    from .last_word import BeforeSend
    from .results import Result
    from .turn import Turn

__all__ = ["ClientSender"]

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
        before_send_timeout: seconds for which its answer is waited for; None for ever.
        told: hears of every item that is marked.
        accounts: of a pool, look through these alone; None for any.
    """

    def __init__(
        self,
        client: Postpress,
        *,
        before_send: BeforeSend | None = None,
        before_send_timeout: float | None = HOOK_SECONDS,
        told: Callable[[Row], None] = nobody,
        accounts: Collection[str] | None = None,
    ) -> None:
        self._client = client
        self._before_send = before_send
        self._seconds = before_send_timeout
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
        guard = LastWord(
            row,
            granted,
            before_send=self._before_send,
            seconds=self._seconds,
            told=self._told,
            longer=_typing(said),
        )
        try:
            key = await _key(row, said, content, granted)
            if (kept := contents.going_under(content, key, row)) != said:
                guard.says(kept)  # what was said instead the last time was for that time alone
            try:
                return await self._go(_under(key, row), content, guard)
            except ReplacedError as replaced:
                content = guard.instead(content, replaced.text)
                key = await _key(row, said, content, granted)
                guard.says(contents.going_under(content, key, row))
            except WaitTooLongError as error:
                # The answer took longer than a slot lasts. It is new: with a fresh slot it holds.
                if error.limit != STALE or guard.marked:
                    raise
            return await self._go(_under(key, row), content, guard)
        except DecidedError as decided:
            return decided.result

    async def _go(self, row: Row, content: Content, guard: LastWord) -> Result:
        if isinstance(content, ProfileRead):
            return await self._read(row, content, guard)
        with telling(self._client), guarded(guard):
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

    async def _read(self, row: Row, content: ProfileRead, guard: LastWord) -> Result:
        """Look through the account that may go first; before the mark, the next one may try."""
        refusals: list[tuple[float, PostpressError]] = []
        mine = self._mine(content.accounts)
        for account_id in await self._by_turn(mine):
            try:
                with telling(self._client), guarded(guard):
                    profile = await self._client.users.get(
                        content.identifier,
                        account_id=account_id,
                        linkedin_sections=content.linkedin_sections,
                        linkedin_api=content.linkedin_api,  # type: ignore[arg-type]  # checked when it was put in
                        options=_options(row),
                    )
            except SchedulerError as error:
                if guard.marked or error.limit in {"outbox", STALE}:
                    raise
                refusals.append((error.retry_after or results.CLOSED_SECONDS, error))
                continue
            except PostpressError as error:
                if results.ends_all(error):
                    raise
                if isinstance(error, ConfigurationError) and error.scope == "account":
                    refusals.append((results.LIMITS_SECONDS, error))
                    continue
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
        return Later(reason=results.reason_of(first), seconds=seconds, lane=True)

    def _mine(self, accounts: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of a pool that this worker works for; it is given no others."""
        if self._accounts is None:
            return accounts
        return tuple(one for one in accounts if one in self._accounts)

    async def _by_turn(self, accounts: tuple[str, ...]) -> list[str]:
        """Return accounts by when each may look."""
        if len(accounts) == 1:
            return list(accounts)
        seconds: dict[str, float] = {}
        for one in accounts:
            try:
                seconds[one] = (await self._client.scheduler.estimate(one, "profile")).seconds
            except ConfigurationError as error:
                if error.scope != "account":
                    raise
                seconds[one] = inf  # the others first; then it says itself what is wrong
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


async def _key(row: Row, said: Content, content: Content, granted: Turn) -> str:
    """Return the idempotency key that what is said now goes under.

    A service that honours keys refuses another text under the same one, or answers what it answered
    before: so the key changes with what is said. But where an attempt was in doubt its key stays,
    however often it goes from then on. Should it have been done in spite of all looks, then what is
    said now is refused: silence rather than a double.
    """
    key, before = contents.key_of(content, row), contents.last_key_of(said, row)
    return before if row.attempts and before != key and await granted.doubted() else key


def _typing(said: Content) -> float:
    return (said.typing_duration or 0.0) if isinstance(said, MessageContent) else 0.0


def _under(key: str, row: Row) -> Row:
    return msgspec.structs.replace(row, idempotency_key=key)


def _options(row: Row) -> RequestOptions:
    return RequestOptions(
        retries=Retries.none(),  # each request has a mark of its own
        max_wait=_MAX_WAIT,
        priority=row.priority,
        idempotency_key=row.idempotency_key,
    )
