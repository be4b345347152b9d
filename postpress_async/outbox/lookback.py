"""Looking, through the client, for what may have been sent: what is read, and when again.

No request bears an id that the API would hand back, so an item is known again by what it says.
`matching` decides about what was read; here it is read whole, twice, from an account that works and
a chat whose sync is over. Whatever comes in between makes the look undecided, never absent. Before
absent is believed, what seems too old is read, too: then no clock was trusted.

Source: reliability: the look-back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from postpress_async.errors import NotFoundError
from postpress_async.exchange.capture import capture
from postpress_async.models import LinkedInProfile
from postpress_async.options import RequestOptions
from postpress_async.storage.outbox.rows import Filter

from . import contents, harmless, matching
from .beside import beside, threads_of
from .clocks import ServiceTime
from .contents import Follow, Invite, MessageContent, React, StartChat
from .matching import SKEW, WIDE, Wanted
from .protocol import Absent, Found, Nowhere, Perhaps, Undecided, two_looks
from .searching import Search
from .syncing import Syncs
from .telling import telling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postpress_async.client import Postpress
    from postpress_async.models import Message
    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Attempt, Row
    from postpress_async.storage.outbox.store import Store

    from .clocks import Began
    from .protocol import Seen, Terms

__all__ = ["ClientLooker"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STILL: Final = Undecided(
    reason="the service's answers do not get any newer: see what keeps copies of them on the way"
)
_TICK: Final = 0.001  # seconds: a time that is told must move, however little is left
SYNC_SECONDS: Final = 600.0
"""How long a look waits for the sync of a chat, each of whose answers may wait for a slot."""
_FIRST: Final = RequestOptions(priority=-1_000_000, max_wait=600.0)
"""Looks go before sends: they are few, and a thread stands still until they are over."""
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
        self._service = ServiceTime(clock)
        self._syncs = Syncs(client, seconds=SYNC_SECONDS, options=_FIRST)

    async def look(self, row: Row, /, *, attempts: Sequence[Attempt], quiet: bool) -> Seen:
        """Look for an item where it would be; see `turn.Looker`."""
        with telling(self._client):
            return await self._look(row, attempts, quiet=quiet)

    async def _look(self, row: Row, attempts: Sequence[Attempt], *, quiet: bool) -> Seen:
        if not row.body:
            return Nowhere(reason="what it said is no longer kept: compare it by hand")
        content = contents.decode(row.body)
        if isinstance(content, Follow | React) or (
            isinstance(content, Invite) and row.action == "follow"
        ):
            return await harmless.look(self._client, row, content)
        if isinstance(content, Invite):
            return await self._twice(lambda: self._invited(row, content), row, quiet=quiet)
        if not isinstance(content, MessageContent | StartChat):
            return Nowhere(reason=f"no list shows a {content.kind}: look at the provider")
        search = Search(row, content, attempts, taken_at=self._clock.time())
        if isinstance(content, MessageContent):
            chats = [content.chat_id]
            seen = await self._twice(
                lambda: self._said(search, content.chat_id),
                row, quiet=quiet, chats=chats, search=search,
            )  # fmt: skip
        else:
            chats = await self._chats(row, content.to, search)
            seen = await self._twice(
                lambda: self._started(search, content.to),
                row, quiet=quiet, chats=chats, search=search,
            )  # fmt: skip
        if quiet and isinstance(seen, Absent):
            return await self._long_ago(search, chats)
        if isinstance(seen, Found):
            if isinstance(content, StartChat):  # it may have come to be since
                chats = await self._chats(row, content.to)
            return await self._its_own(search, chats, seen)
        return seen

    async def _twice(
        self,
        read: Callable[[], Awaitable[Seen]],
        row: Row,
        *,
        quiet: bool,
        chats: Sequence[str] = (),
        search: Search | None = None,
    ) -> Seen:
        """Read; then, unless it was found or is too early, again: later, and once all is synced."""
        first = await read()
        told = None if search is None else search.told
        if isinstance(first, Found) or not quiet:
            return first
        start = self._clock.monotonic()
        account = await self._client.accounts.get(row.account_id, options=_FIRST)
        if not account.is_ok:
            return Undecided(reason=f"the account is {account.status}: reconnect it")
        doubt = f"{row.id}/{row.attempts}"  # what was begun for an earlier one tells nothing of it
        for chat in chats:
            sync = await self._syncs.of_chat(chat, account_id=row.account_id, item=doubt)
            if not sync.is_done:
                return Undecided(reason=f"the sync of chat {chat} is {sync.status}")
        if search is not None and not search.their_own:
            said = search.content.options() if isinstance(search.content, StartChat) else None
            product = None if said is None else said.api
            whole = await self._syncs.of_account(account, item=doubt, product=product)
            if whole is not None and not whole.is_done:
                return Undecided(reason=f"the sync of account {row.account_id} is {whole.status}")
        while (left := self._terms.apart - (self._clock.monotonic() - start)) > 0.0:
            await self._clock.sleep(max(left, _TICK))
        second = await read()
        apart = self._clock.monotonic() - start
        if isinstance(second, Absent) and search is not None and search.stood_still(told, apart):
            return _STILL  # a copy of the first answer shows nothing that has arrived since
        return two_looks(first, second, apart=apart, terms=self._terms)

    # -- messages --------------------------------------------------------------------------

    async def _since(self, search: Search, chat: str | None = None) -> list[Message]:
        """List messages since before the attempt; again where an answer sets our clock right."""
        while True:
            after = self._began(search).least - SKEW - WIDE
            messages = await self._listed(search, chat, after=_instant(after))
            if self._began(search).least - SKEW - WIDE >= after - SKEW:
                return messages

    async def _listed(
        self,
        search: Search,
        chat: str | None,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> list[Message]:
        """List messages of a chat, or of the account; hear what time the service has."""
        with capture() as seen:
            listed = self._client.messages.list(
                chat_id=chat,
                account_id=search.row.account_id,
                after=after,
                before=before,
                page_size=250,
                options=_FIRST,
            )
            messages = [one async for one in listed.limit(MOST_MESSAGES)]
        search.told = self._service.heard(seen)
        return messages

    def _began(self, search: Search) -> Began:
        return self._service.began(search.row, search.attempts, taken_at=search.taken_at)

    async def _baseline(self, search: Search) -> int:
        """Count earlier items of the thread that say the same and were settled without an id."""
        row = search.row
        count, after = search.unnamed, 0
        wanted = Filter(states=("sent",), thread=row.thread)
        while rows := await self._store.find(wanted, after=after, bodies=False):
            after = rows[-1].serial
            count += sum(
                one.result_id is None
                and one.text_digest == row.text_digest
                and one.changed_at >= search.marked_at - SKEW - WIDE
                for one in rows
            )
        return count

    async def _its_own(self, search: Search, chats: Sequence[str], found: Found) -> Seen:
        """Tell whether what was found is not that of an item of another thread."""
        row, last = search.row, search.attempts[-1] if search.attempts else None
        threads = await threads_of(self._client, row, chats, _FIRST)
        others = await beside(
            self._store,
            row,
            threads,
            since=search.marked_at - SKEW - WIDE,
            happened=last is not None and last.outcome == "happened",
        )
        if others.wait is not None:
            return others.wait
        if others.unnamed:
            search.unnamed = others.unnamed
            for chat in chats:
                seen = await self._said(search, chat)
                if not isinstance(seen, Absent):
                    return seen
        elif not await self._store.bound(row.account_id, [found.result_id or ""]):
            return found
        # Since it was read it has become another's, or it is gone: so one looks once more.
        return Undecided(reason="what was found is another item's by now", until=row.changed_at)

    async def _said(self, search: Search, chat: str) -> Seen:
        """Look through a chat's messages since shortly before the attempt."""
        # The wide window needs what is older, too: an equal text there makes it undecided.
        messages = await self._since(search, chat)
        seen = await self._among(search, messages)
        if isinstance(seen, Absent) and len(messages) >= MOST_MESSAGES:
            return Perhaps(reason=f"chat {chat} has had too many messages since to read them all")
        return seen

    async def _started(self, search: Search, person: str) -> Seen:
        """Look through the chats with a person, then through all of the account's."""
        for chat in await self._chats(search.row, person):
            seen = await self._said(search, chat)
            if not isinstance(seen, Absent):
                return seen
        # The new chat may be there and not be filed under the person yet; an older one, or a group
        # that both are in, says nothing about it.
        messages = await self._since(search)
        seen = await self._among(search, messages)
        if isinstance(seen, Absent) and len(messages) < MOST_MESSAGES:
            return seen
        return Perhaps(reason="no chat with this person shows it, but the text was sent somewhere")

    async def _long_ago(self, search: Search, chats: Sequence[str]) -> Seen:
        """Look through what chats have of older messages: perhaps all the clocks were wrong."""
        before = _instant(self._began(search).least - WIDE)
        for chat in chats:
            messages = await self._listed(search, chat, before=before)
            seen = await self._among(search, messages)
            if not isinstance(seen, Absent):
                return seen
        return Absent()

    async def _chats(self, row: Row, person: str, search: Search | None = None) -> list[str]:
        """Return the chats with a person, as far as they are listed."""
        listed = self._client.attendees.chats(person, account_id=row.account_id, options=_FIRST)
        try:
            chats = [chat async for chat in listed if chat.id is not None]
        except NotFoundError:
            chats = []  # nobody the account has ever talked to
        if search is not None:
            said = search.content.options() if isinstance(search.content, StartChat) else None
            classic = said is None or said.api in {None, "classic"}
            search.their_own = classic and any(
                one.type == 0 and not one.content_type for one in chats
            )
        return [chat.id for chat in chats if chat.id is not None]

    async def _among(self, search: Search, messages: Sequence[Message]) -> Seen:
        row = search.row
        ids = [name for one in messages for name in matching.ids_of(one)]
        bound = await self._store.bound(row.account_id, ids) if ids else frozenset[str]()
        wanted = Wanted(
            text_digest=row.text_digest,
            loose_digest=row.loose_digest,
            started_at=self._began(search).at,
            files=contents.known_files(search.content),
            inmail=row.action == "inmail",
            baseline=await self._baseline(search),
        )
        return matching.in_messages(messages, wanted, bound=bound, now=self._service.now())

    # -- invitations -----------------------------------------------------------------------

    async def _invited(self, row: Row, content: Invite) -> Seen:
        """Look among invitations, then relations, then at the profile: the last decides."""
        client, account, person = self._client, row.account_id, content.provider_id
        listed = client.invitations.sent(account_id=account, page_size=100, options=_FIRST)
        invitations = [one async for one in listed.limit(MOST_INVITATIONS)]
        ids = [one.id for one in invitations if one.id is not None]
        bound = await self._store.bound(account, ids) if ids else frozenset[str]()
        found = matching.invited(invitations, person, bound=bound)
        if isinstance(found, Found):
            return found
        relations = client.users.relations(account_id=account, page_size=100, options=_FIRST)
        found = matching.related([one async for one in relations.limit(MOST_RELATIONS)], person)
        if isinstance(found, Found):
            return found
        profile = await client.users.get(person, account_id=account, options=_FIRST)
        if not isinstance(profile, LinkedInProfile):
            return Nowhere(reason="only LinkedIn shows who was invited: look at the provider")
        return matching.in_profile(profile)


def _instant(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
