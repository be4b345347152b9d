"""What one account has: its chats, the people it knows, its invitations.

A room is furnished when somebody first looks into it, and the messages of a chat when somebody
reads that chat: a world may be larger than what anybody ever asks for.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from postpress_async.sandbox.paging import below, key_of
from postpress_async.sandbox.rows import forget

from .things import Attendee, Chat, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postpress_async.sandbox.paging import Key

    from .things import Account, Invitation, Person

MOVES_KEPT: Final = 10_000  # how long ago a walk over chats may have begun, in their new messages


class Ranked(NamedTuple):
    """A chat in the place that it had when a walk began."""

    key: Key
    chat: Chat


class Room:
    """One account's own."""

    def __init__(self, account: Account, attendee_id: Callable[[int, int], str]) -> None:
        self.account = account
        self.chats: list[Chat] = []
        self.attendees: list[Attendee] = []
        self.invitations: dict[str, Invitation] = {}
        self.withdrawn: dict[str, int] = {}
        """When an invitation to somebody was taken back."""
        self.invited: list[int] = []
        """When somebody was invited, in the last week."""
        self.sent: int = 0
        self.live: list[Message] = []
        """What was said since the world began, oldest first."""
        self._attendee_id = attendee_id
        self._known: dict[str, Attendee] = {}
        self._with: dict[str, Chat] = {}
        self._order: list[Chat] = []
        self._moves: deque[tuple[int, Chat, Key]] = deque(maxlen=MOVES_KEPT)
        self._newest_built: Key | None = None
        self._past: list[Message] = []  # newest first: as much of history as was asked for
        self._rest: Iterator[Message] | None = None

    # -- people ------------------------------------------------------------------------------

    @property
    def me(self) -> Attendee:
        """The account's owner."""
        return self.attendee(self.account.owner)

    def attendee(self, person: Person) -> Attendee:
        """Give the attendee that a person is here; who was unknown becomes one."""
        known = self._known.get(person.seen_as)
        if known is None:
            number = self.account.number
            known = self._known[person.seen_as] = Attendee(
                id=self._attendee_id(number, person.number),
                account=self.account,
                person=person,
                key=(number, len(self.attendees)),
            )
            self.attendees.append(known)
        return known

    def find_attendee(self, identifier: str) -> Attendee | None:
        """Find an attendee by our id or by the provider's."""
        found = self._known.get(identifier)
        return found or next((one for one in self.attendees if one.id == identifier), None)

    def pending(self, person: Person) -> Invitation | None:
        """Give the invitation between the account and somebody, if one waits."""
        return next((one for one in self.invitations.values() if one.person is person), None)

    def settle(self, person: Person) -> None:
        """Take away the invitation between the account and somebody, if one waits."""
        invitation = self.pending(person)
        if invitation is not None:
            del self.invitations[invitation.id]
        self.changed(person)

    def changed(self, person: Person) -> None:
        """Note that the account and somebody are now connected otherwise."""
        known = self._known.get(person.seen_as)
        if known is not None:
            forget(known)

    # -- chats -------------------------------------------------------------------------------

    def furnish(self, chats: list[Chat]) -> None:
        """Put in the chats that the account began with."""
        for chat in chats:
            self._enter(chat)
        self._order = sorted(chats, key=key_of)
        self._newest_built = max((one.newest_built for one in chats if one.built), default=None)

    def add_chat(self, chat: Chat) -> None:
        """Begin a chat; its key is the highest so far."""
        self._enter(chat)
        self._order.append(chat)

    def _enter(self, chat: Chat) -> None:
        self.chats.append(chat)
        partner = chat.partner
        if partner is not None:
            self._with[partner.person.seen_as] = chat

    def chat_with(self, person: Person) -> Chat | None:
        """Give the one-to-one chat with somebody, if there is one."""
        found = self._with.get(person.seen_as)
        return None if found is None or found.deleted else found

    def find_chat(self, identifier: str) -> Chat | None:
        """Find a chat by the provider's id."""
        return next((chat for chat in self.chats if chat.provider_id == identifier), None)

    def move(self, chat: Chat, key: Key) -> None:
        """Bring a chat to the top: something happened in it."""
        self._moves.append((key[1], chat, chat.key))
        del self._order[bisect_left(self._order, chat.key, key=key_of)]
        chat.key = key
        self._order.append(chat)

    def chats_below(self, key: Key | None, since: int | None) -> Iterator[Ranked]:
        """Walk down the chats in the order that they had at `since`, from just under a place."""
        rows = (Ranked(chat.key, chat) for chat in below(self._order, key) if not chat.deleted)
        if key is None or since is None:
            return rows
        places: dict[int, Ranked] = {}
        for number, chat, old in reversed(self._moves):
            if number <= since:
                break
            places[id(chat)] = Ranked(old, chat)
        risen = [one for one in places.values() if one.key < key and not one.chat.deleted]
        risen.sort(key=key_of, reverse=True)
        # what has risen since is above every place of that time, so it is met once
        return heapq.merge(rows, risen, key=key_of, reverse=True)

    # -- messages ----------------------------------------------------------------------------

    @property
    def newest_message(self) -> Key | None:
        """The place that no message of the account is above."""
        return self.live[-1].key if self.live else self._newest_built

    @property
    def newest_chat(self) -> Key | None:
        """The place that no chat is above."""
        return self._order[-1].key if self._order else None

    def messages_below(self, key: Key | None) -> Iterator[Message]:
        """Walk down the account's messages, newest first, from just under a place."""
        yield from (one for one in below(self.live, key) if not one.chat.deleted)
        index = 0
        if key is not None:
            while (not self._past or self._past[-1].key >= key) and self._grow():
                pass
            index = bisect_left(self._past, (-key[0], -key[1] + 1), key=_downwards)
        while index < len(self._past) or self._grow():
            message = self._past[index]
            index += 1
            if not message.chat.deleted:
                yield message

    def _grow(self) -> bool:
        if self._rest is None:
            self._rest = _history([chat for chat in self.chats if chat.built])
        message = next(self._rest, None)
        if message is None:
            return False
        self._past.append(message)
        return True


def _downwards(message: Message) -> Key:
    return -message.key[0], -message.key[1]


def _history(chats: list[Chat]) -> Iterator[Message]:
    """Merge the messages that chats began with, newest first; a chat is opened at its turn."""
    heap = [
        (-at, -number, chat.built - 1, chat)
        for chat in chats
        for at, number in (chat.newest_built,)
    ]
    heapq.heapify(heap)
    while heap:
        _, _, index, chat = heap[0]
        yield chat.messages[index]
        if index:
            at, number = chat.messages[index - 1].key
            heapq.heapreplace(heap, (-at, -number, index - 1, chat))
        else:
            heapq.heappop(heap)
