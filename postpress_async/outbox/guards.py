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
from .talks import talks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postpress_async.client import Postpress
    from postpress_async.models import Message
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

Guard: TypeAlias = Callable[["Item"], Awaitable["Decision"]]
"""What may be given as `before_send`."""

_OTHER_NAMES: Final = ("public_identifier", "phone_number", "lid")


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

    Looks into the item's chat, or into all chats of its account with the person it is to.

    Args:
        client: what reads.
        since: from which instant on a message counts; without it, from when the item was put in.
    """

    async def ask(item: Item) -> Decision:
        start, by = (item.created_at, item.changed_at) if since is None else (since(item), None)
        async for messages, off in talks(client, item, start, by=by):
            reply = newest(messages, since=start - off, own=False)
            if reply is not None:
                return Skip(f"they wrote at {reply:%Y-%m-%d %H:%M} UTC, after it was put in")
        return Send()

    return ask


def do_not_contact(listed: Listed, *, client: Postpress) -> Guard:
    """Skip what is for somebody on a list, from whichever account it would go.

    Somebody is looked up by the item's `recipient`, by the id that it is to, and, for a message
    into a chat, by the ids of all who are in it. Letter case and blanks around it do not matter to
    a set. An item of which nobody can tell whom it is for is skipped.

    Args:
        listed: names, or an async question about one, such as a look into your database. Names are
            looked at anew each time, so that one that is added counts at once; of a set that may
            change this costs some milliseconds for a hundred thousand: then ask a question.
        client: reads who is in a chat.
    """
    if isinstance(listed, str):
        msg = "listed must hold names, such as {'jordan-walke'}, not be one"
        raise ConfigurationError(msg)
    known = question_of(listed)

    async def ask(item: Item) -> Decision:
        names = {one for one in (item.recipient, item.person) if one}
        if item.chat_id is not None:
            names |= await _people_in(client, item)
        if not names and item.kind not in {"react", "profile"}:
            return Skip("nobody can tell whom it is for: put it in with recipient=…")
        if await known(sorted(names)):
            return Skip("whom it is for stands on the list of those not to be contacted")
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
            chat; None: it is skipped.
    """
    positive("quiet", quiet)
    if not callable(cast("object", outbox)):
        msg = "outbox must tell the outbox when it is asked: human_takeover(lambda: outbox)"
        raise ConfigurationError(msg)

    async def ask(item: Item) -> Decision:
        own_box = outbox()
        client, store = own_box._client, own_box._store  # noqa: SLF001 - of this package
        async for messages, off in talks(client, item, item.created_at, by=item.changed_at):
            own = [one for one in messages if one.is_own and _counts(one)]
            rows, bound = await _ours(store, item, own)
            last = newest(strangers(own, rows, bound), since=item.created_at - off, own=True)
            if last is None:
                continue
            if quiet is None:
                return Skip(f"somebody wrote from the account at {last:%Y-%m-%d %H:%M} UTC")
            until = last + off + timedelta(seconds=quiet)
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
        seconds: how long it must be quiet.
        own: whether what the account itself wrote counts, too, items of the outbox included.
    """
    positive("seconds", seconds)
    span = timedelta(seconds=seconds)

    async def ask(item: Item) -> Decision:
        now = _now(client)
        async for messages, off in talks(client, item, now - span, by=now):
            heard = [newest(messages, since=now - span - off, own=False)]
            if own:
                heard.append(newest(messages, since=now - span - off, own=True))
            until = max((at + off + span for at in heard if at is not None), default=now)
            if until > now:
                until = min(until, now + span)
                return Defer(until, "somebody writes in the chat right now", keeps_place=True)
        return Send()

    return ask


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


async def _people_in(client: Postpress, item: Item) -> set[str]:
    people = client.account(item.account_id).chats.attendees(item.chat_id or "")
    names: set[str] = set()
    async for one in people:
        if not one.is_self:
            found: list[object] = [one.id, one.provider_id]
            found += [getattr(one.specifics, name, None) for name in _OTHER_NAMES]
            names |= {name for name in found if isinstance(name, str) and name}
    return names


async def _ours(
    store: Store, item: Item, own: Sequence[Message]
) -> tuple[list[Row], frozenset[str]]:
    """Return items of its chat that may have been sent without an id, and the ids that are ours."""
    ids = sorted({name for one in own for name in _names(one)})
    bound = await store.bound(item.account_id, ids) if ids else frozenset[str]()
    if not own:
        return [], bound
    content = contents.decode(item.body)
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
