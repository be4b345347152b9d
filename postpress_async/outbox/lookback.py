"""Looking, through the client, for what may have been sent: what is read, and when again.

No request bears an id that the API would hand back, so an item is known again by what it says.
`matching` decides about what was read; here it is read whole, twice, from an account that works and
a chat whose sync is over. Whatever comes in between makes the look undecided, never absent.

Source: reliability: the look-back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from postpress_async.errors import NotFoundError
from postpress_async.models import LinkedInProfile
from postpress_async.storage.outbox.rows import Filter

from . import contents, matching
from .contents import Invite, MessageContent, StartChat
from .matching import SKEW, WIDE, Wanted
from .protocol import Absent, Found, Nowhere, Perhaps, Undecided, two_looks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postpress_async.client import Postpress
    from postpress_async.models import Message
    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Attempt, Row, Store

    from .contents import Content
    from .protocol import Seen, Terms

__all__ = ["ClientLooker"]

_TICK: Final = 0.001  # seconds: a time that is told must move, however little is left
SYNC_SECONDS: Final = 120.0
"""How long a look waits for the sync of a chat."""
MOST_MESSAGES: Final = 5_000
MOST_INVITATIONS: Final = 1_000
MOST_RELATIONS: Final = 200


class ClientLooker:
    """Look for items over a client; what it reads takes slots as any call does.

    Args:
        client: what reads.
        store: knows which messages belong to other items.
        clock: the client's.
        terms: how far apart two reads are.
    """

    def __init__(self, client: Postpress, store: Store, *, clock: Clock, terms: Terms) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._terms = terms

    async def look(self, row: Row, /, *, attempts: Sequence[Attempt], quiet: bool) -> Seen:
        """Look for an item where it would be; see `turn.Looker`."""
        if not row.body:
            return Nowhere(reason="what it said is no longer kept: compare it by hand")
        content = contents.decode(row.body)
        if row.action == "follow":
            return Absent()  # whoever follows already follows no more by a second request
        if isinstance(content, Invite):
            return await self._twice(lambda: self._invited(row, content), row, quiet=quiet)
        if not isinstance(content, MessageContent | StartChat):
            return Nowhere(reason=f"no list shows a {content.kind}: look at the provider")
        wanted = await self._wanted(row, content, attempts)
        if isinstance(content, MessageContent):
            chats = [content.chat_id]
            return await self._twice(
                lambda: self._said(row, wanted, content.chat_id), row, quiet=quiet, chats=chats
            )
        chats = await self._chats(row, content.to)
        return await self._twice(
            lambda: self._started(row, wanted, content.to), row, quiet=quiet, chats=chats
        )

    async def _twice(
        self,
        read: Callable[[], Awaitable[Seen]],
        row: Row,
        *,
        quiet: bool,
        chats: Sequence[str] = (),
    ) -> Seen:
        """Read; then, unless it was found or is too early, again: later, and once all is synced."""
        first = await read()
        if isinstance(first, Found) or not quiet:
            return first
        start = self._clock.monotonic()
        account = await self._client.accounts.get(row.account_id)
        if not account.is_ok:
            return Undecided(reason=f"the account is {account.status}: reconnect it")
        for chat in chats:
            sync = await self._client.chats.sync(chat, account_id=row.account_id, wait=SYNC_SECONDS)
            if not sync.is_done:
                return Undecided(reason=f"the sync of chat {chat} is {sync.status}")
        while (left := self._terms.apart - (self._clock.monotonic() - start)) > 0.0:
            await self._clock.sleep(max(left, _TICK))
        second = await read()
        apart = self._clock.monotonic() - start
        return two_looks(first, second, apart=apart, terms=self._terms)

    # -- messages --------------------------------------------------------------------------

    async def _wanted(self, row: Row, content: Content, attempts: Sequence[Attempt]) -> Wanted:
        started = attempts[-1].started_at if attempts else row.created_at
        # A store's time never goes back. Once a clock that was wrong is set right, it stays ahead,
        # by days perhaps: then the pace alone is right, and `changed_at` is when we took the item.
        started = min(started, self._clock.time() - max(row.changed_at - started, 0.0))
        return Wanted(
            text_digest=row.text_digest,
            loose_digest=row.loose_digest,
            started_at=started,
            files=contents.known_files(content),
            inmail=row.action == "inmail",
            baseline=await self._baseline(row, started),
        )

    async def _baseline(self, row: Row, started: float) -> int:
        """Count earlier items of the thread that say the same and were settled without an id."""
        count, after = 0, 0
        wanted = Filter(states=("sent",), thread=row.thread)
        while rows := await self._store.find(wanted, after=after):
            after = rows[-1].serial
            count += sum(
                one.result_id is None
                and one.text_digest == row.text_digest
                and one.changed_at >= started - SKEW - WIDE
                for one in rows
            )
        return count

    async def _said(self, row: Row, wanted: Wanted, chat: str) -> Seen:
        """Look through a chat's messages since shortly before the attempt."""
        # The wide window needs what is older, too: an equal text there makes it undecided.
        after = datetime.fromtimestamp(wanted.started_at - SKEW - WIDE, UTC)
        listed = self._client.messages.list(
            chat_id=chat, account_id=row.account_id, after=after, page_size=250
        )
        messages = [one async for one in listed.limit(MOST_MESSAGES)]
        seen = await self._among(row, wanted, messages)
        if isinstance(seen, Absent) and len(messages) >= MOST_MESSAGES:
            return Perhaps(reason=f"chat {chat} has had too many messages since to read them all")
        return seen

    async def _started(self, row: Row, wanted: Wanted, person: str) -> Seen:
        """Look through the chats with a person, then through all of the account's."""
        for chat in await self._chats(row, person):
            seen = await self._said(row, wanted, chat)
            if not isinstance(seen, Absent):
                return seen
        # The new chat may be there and not be filed under the person yet; an older one, or a group
        # that both are in, says nothing about it.
        after = datetime.fromtimestamp(wanted.started_at - SKEW - WIDE, UTC)
        listed = self._client.messages.list(account_id=row.account_id, after=after, page_size=250)
        messages = [one async for one in listed.limit(MOST_MESSAGES)]
        seen = await self._among(row, wanted, messages)
        if isinstance(seen, Absent) and len(messages) < MOST_MESSAGES:
            return seen
        return Perhaps(reason="no chat with this person shows it, but the text was sent somewhere")

    async def _chats(self, row: Row, person: str) -> list[str]:
        """Return the chats with a person, as far as they are listed."""
        listed = self._client.attendees.chats(person, account_id=row.account_id)
        try:
            return [chat.id async for chat in listed if chat.id is not None]
        except NotFoundError:
            return []  # nobody the account has ever talked to

    async def _among(self, row: Row, wanted: Wanted, messages: Sequence[Message]) -> Seen:
        ids = [name for one in messages for name in matching.ids_of(one)]
        bound = await self._store.bound(row.account_id, ids) if ids else frozenset[str]()
        return matching.in_messages(messages, wanted, bound=bound, now=self._clock.time())

    # -- invitations -----------------------------------------------------------------------

    async def _invited(self, row: Row, content: Invite) -> Seen:
        """Look among invitations, then relations, then at the profile: the last decides."""
        client, account, person = self._client, row.account_id, content.provider_id
        listed = client.invitations.sent(account_id=account, page_size=100)
        invitations = [one async for one in listed.limit(MOST_INVITATIONS)]
        ids = [one.id for one in invitations if one.id is not None]
        bound = await self._store.bound(account, ids) if ids else frozenset[str]()
        found = matching.invited(invitations, person, bound=bound)
        if isinstance(found, Found):
            return found
        relations = client.users.relations(account_id=account, page_size=100)
        found = matching.related([one async for one in relations.limit(MOST_RELATIONS)], person)
        if isinstance(found, Found):
            return found
        profile = await client.users.get(person, account_id=account)
        if not isinstance(profile, LinkedInProfile):
            return Nowhere(reason="only LinkedIn shows who was invited: look at the provider")
        return matching.in_profile(profile)
