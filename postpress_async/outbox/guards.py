"""Ready answers to `before_send`: stop on a reply, do not contact, a person took over, debounce.

Each looks once, at the last moment, and reads only what counts as `read`, which is the service's
own copy: never the provider. A reply that the service has not seen yet stops nothing. What cannot
be read raises; the item then stays queued and is asked about again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import positive
from postpress_async.storage.outbox.rows import Filter

from . import contents, digests
from .awaited import check_async
from .decisions import Defer, Replace, Send, Skip
from .listed import question_of
from .talks import chat_of, synced, talks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postpress_async.client import Postpress
    from postpress_async.models import Attendee, Message
    from postpress_async.storage.outbox.rows import Row
    from postpress_async.storage.outbox.store import Store

    from .decisions import Decision
    from .items import Item
    from .listed import Listed
    from .outbox import Outbox

__all__ = [
    "Guard",
    "all_of",
    "debounce",
    "do_not_contact",
    "human_takeover",
    "stop_on_reply",
]

_LISTED: Final = "whom it is for stands on the list of those not to be contacted"

Guard: TypeAlias = Callable[["Item"], Awaitable["Decision"]]
"""What may be given as `before_send`."""

_OTHER_NAMES: Final = ("public_identifier", "phone_number", "lid", "member_urn")
_LONGEST: Final = 366 * 86_400.0
"""Seconds: what is to wait longer for a quiet chat is meant to wait for something else."""


def all_of(*guards: Guard) -> Guard:
    """Ask several guards, one after the other: the first Skip or Defer holds.

    A Replace holds if nobody behind it objects; those behind it see the new text.

    Examples:
        >>> guard = all_of(do_not_contact(blocked, client=client), stop_on_reply(client))
    """
    for one in cast("tuple[object, ...]", guards):
        if not callable(one):
            msg = f"all_of takes guards, such as stop_on_reply(client), not {type(one).__name__}"
            raise ConfigurationError(msg)
        check_async("each of all_of", one)

    async def ask(item: Item) -> Decision:
        answer: Decision = Send()
        for guard in guards:
            heard = await guard(item)
            if isinstance(heard, Replace):
                answer, item = heard, _saying(item, heard.text)
            elif not isinstance(heard, Send):
                return heard
        return answer

    return ask


def stop_on_reply(client: Postpress, *, since: Callable[[Item], datetime] | None = None) -> Guard:
    """Skip what is for somebody who has written since it was put in.

    Looks into the item's chat, or into all chats of its account with the person it is to; for a
    reaction, into the chat of its message. What was skipped is skipped again however often it is
    tried: put it in again, under another key, to have it go after what they wrote.

    Args:
        client: what reads.
        since: from which instant on a message counts; without it, from when the item was put in.
    """

    async def ask(item: Item) -> Decision:
        start, by = (item.created_at, item.changed_at) if since is None else (since(item), None)
        async for talk in talks(client, item, start, by=by):
            reply = newest(talk.messages, since=start - talk.off, own=False)
            if reply is not None:
                return Skip(f"they wrote at {reply:%Y-%m-%d %H:%M} UTC, after it was put in")
        return Send()

    return ask


def do_not_contact(listed: Listed, *, client: Postpress) -> Guard:
    """Skip what is for somebody on a list, from whichever account it would go.

    Somebody is looked up by the item's `recipient`, by the id that it is to, and, for a message
    into a chat or a reaction in it, by the ids, numbers and links of all who are in it; for a
    follow, by what chats know them by, where there are any. A phone number counts however it is
    written, and a link, an urn or an `@handle` by the id in it. Letter case and blanks around it do
    not matter to a set. An item of which nobody can tell whom it is for is skipped.

    Args:
        listed: names, or an async question about one, such as a look into your database. Names are
            looked at anew each time, so that one that is added counts at once; of a set that may
            change this costs some milliseconds for a hundred thousand: then ask a question. It is
            asked about each way to write a name, such as `+33612345678` and `33612345678`, with
            capitals as they were given.
        client: reads who is in a chat.

    Raises:
        ConfigurationError: it is one name, or can be looked at once only, such as a generator.
    """
    known = question_of(listed)

    async def ask(item: Item) -> Decision:
        names = {one for one in (item.recipient, item.person) if one}
        if await known(sorted(names)):
            return Skip(_LISTED)
        others = await _others(client, item)
        if not names | others:
            return Skip("nobody can tell whom it is for: put it in with recipient=…")
        if await known(sorted(others - names)):
            return Skip(_LISTED)
        return Send()

    return ask


def human_takeover(outbox: Callable[[], Outbox], *, quiet: float | None = None) -> Guard:
    """Skip, or defer, what goes into a chat where a person has begun to write from the account.

    A person, or another program: whoever wrote something of the account's since the item was put
    in, which no item of this outbox sent. An invitation's note does not count.

    ```python
    guard = all_of(stop_on_reply(client), human_takeover(lambda: outbox))
    async with Outbox(client, "sqlite:///outbox.db", before_send=guard) as outbox:
        await outbox.run()
    ```

    Args:
        outbox: tells the outbox whose items are ours; it is asked when an item may go, since the
            guard is there before the outbox is.
        quiet: seconds after their last word when the item may go, and all that is behind it in its
            chat, at most 366 days; None: it is skipped.

    Raises:
        ConfigurationError: no such number of seconds, or nothing that tells the outbox.
    """
    span = None if quiet is None else _span("quiet", quiet)
    if not callable(cast("object", outbox)):
        msg = "outbox must tell the outbox when it is asked: human_takeover(lambda: outbox)"
        raise ConfigurationError(msg)

    async def ask(item: Item) -> Decision:
        own_box = outbox()
        client, store = own_box._client, own_box._store  # noqa: SLF001 - of this package
        async for talk in talks(client, item, item.created_at, by=item.changed_at):
            own = [one for one in talk.messages if one.is_own and _counts(one)]
            rows, bound = await _ours(store, item, own, chat_id=talk.chat_id)
            start = item.created_at - talk.off
            last = newest(strangers(own, rows, bound), since=start, own=True)
            if last is None:
                continue
            if span is None:
                return Skip(f"somebody wrote from the account at {last:%Y-%m-%d %H:%M} UTC")
            until = last + talk.off + span
            if until > _now(client):
                return Defer(until, "somebody writes from the account", keeps_place=True)
        return Send()

    return ask


def debounce(client: Postpress, *, seconds: float, own: bool = False) -> Guard:
    """Defer what goes into a chat until nobody has written there for some seconds.

    So an answer waits for the last of several messages in a row, and all that is behind it in its
    chat waits with it: the order stays. It has no bound: give items that
    must not wait for ever an `expires_at`.

    Args:
        client: what reads.
        seconds: how long it must be quiet, at most 366 days.
        own: whether what the account itself wrote counts, too, items of the outbox included.

    Raises:
        ConfigurationError: no such number of seconds.
    """
    span = _span("seconds", seconds)

    async def ask(item: Item) -> Decision:
        now = _now(client)
        async for talk in talks(client, item, now - span, by=now):
            start = now - span - talk.off
            heard = [newest(talk.messages, since=start, own=False)]
            if own:
                heard.append(newest(talk.messages, since=start, own=True))
            until = max((at + talk.off + span for at in heard if at is not None), default=now)
            if until > now:
                until = min(until, now + span)
                return Defer(until, "somebody writes in the chat right now", keeps_place=True)
        return Send()

    return ask


def _span(name: str, seconds: float) -> timedelta:
    positive(name, seconds)
    if cast("float | None", seconds) is None or seconds > _LONGEST:
        msg = f"{name} must be at most {_LONGEST:.0f} s (366 days), not {seconds!r:.40}"
        raise ConfigurationError(msg)
    return timedelta(seconds=seconds)


# -- pure questions about messages ------------------------------------------------------------


def newest(messages: Iterable[Message], *, since: datetime, own: bool) -> datetime | None:
    """Return when the newest message was sent since an instant, of the account's or of others'.

    One that says no time counts as sent at that instant: it is new, or it would not be listed.
    """
    told = [one.sent_at or since for one in messages if one.is_own is own and _counts(one)]
    times = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in told]
    return max((at for at in times if at >= since), default=None)


def strangers(
    messages: Sequence[Message], rows: Iterable[Row], bound: frozenset[str]
) -> list[Message]:
    """Return the own messages that no item sent.

    Args:
        messages: the account's own.
        rows: items that may have been sent without an id to know them by, each for one message.
        bound: ids that belong to items.
    """
    left = [one for one in messages if not bound & _names(one)]
    for row in rows:
        for one in left:
            if row.text_digest in digests.digests(one.text or ""):
                left.remove(one)
                break
    return left


def _counts(message: Message) -> bool:
    if message.is_event or message.hidden:
        return False
    return not (message.is_own and message.message_type == "INVITATION")


def _names(message: Message) -> frozenset[str]:
    ids = (message.id, message.message_id, message.provider_id)
    return frozenset(one for one in ids if one)


def _saying(item: Item, text: str) -> Item:
    content = contents.with_text(contents.decode(item.body), text)
    return msgspec.structs.replace(item, body=contents.encode(content))


# -- reading ----------------------------------------------------------------------------------


async def _others(client: Postpress, item: Item) -> set[str]:
    """Return the names of whom it is for that only the service knows."""
    if (chat_id := await chat_of(client, item)) is not None:
        people = client.account(item.account_id).chats.attendees(chat_id)
        return {name async for one in people if not one.is_self for name in _called(one)}
    known = await synced(client, item)
    return set() if known is None else _called(known)


def _called(attendee: Attendee) -> set[str]:
    found: list[object] = [attendee.id, attendee.provider_id, attendee.profile_url]
    found += [getattr(attendee.specifics, name, None) for name in _OTHER_NAMES]
    return {name for name in found if isinstance(name, str) and name}


async def _ours(
    store: Store, item: Item, own: Sequence[Message], *, chat_id: str
) -> tuple[list[Row], frozenset[str]]:
    """Return items of its chat that may have been sent without an id, and the ids that are ours."""
    ids = sorted({name for one in own for name in _names(one)})
    bound = await store.bound(item.account_id, ids) if ids else frozenset[str]()
    if not own:
        return [], bound
    content = contents.decode(item.body)
    if item.message_id is not None:  # a reaction waits for others to its message alone
        content = contents.MessageContent(chat_id=chat_id)
    thread = content.thread(item.account_id)
    wanted = Filter(account_id=item.account_id, thread=thread, states=("sent", "unknown"))
    rows: list[Row] = []
    after = 0
    while page := await store.find(wanted, after=after, bodies=False):
        after = page[-1].serial
        rows += [row for row in page if row.result_id is None]
    return rows, bound


def _now(client: Postpress) -> datetime:
    return datetime.fromtimestamp(client._pipeline.now(), UTC)  # noqa: SLF001 - the client's own clock
