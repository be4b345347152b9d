"""The world as it is now, and the few ways in which it changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from postpress_async.sandbox.paging import Bookmarks, below, merged
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.rows import Shelf, forget
from postpress_async.sandbox.wire import token

from .build import Builder
from .history import HISTORY_ENDS, LIVE
from .things import Account, Attendee, Chat, Invitation, Message, Person, Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from postpress_async.sandbox.ids import Ids
    from postpress_async.sandbox.paging import Key

    from .people import Directory
    from .room import Ranked, Room
    from .things import Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large a world is: accounts a provider, chats an account, messages a chat."""

    accounts: Mapping[str, int]
    chats: int
    messages: int


class World:
    """Everything there is. Lists are kept in ascending order of their keys."""

    def __init__(self, seed: int, sizes: Sizes) -> None:
        self.seed: int = seed
        self.sizes: Sizes = sizes
        self._builder = Builder(seed, sizes)
        self.ids: Ids = self._builder.ids
        self.directories: dict[str, Directory] = self._builder.directories
        self.rows: list[Account] = self._builder.accounts()
        self.accounts: dict[str, Account] = {account.id: account for account in self.rows}
        self.shelf: Shelf = Shelf()
        self.bookmarks: Bookmarks[Message] = Bookmarks()
        self.due: list[tuple[int, int, Invitation]] = []
        """When sent invitations will be accepted."""
        self._rooms: dict[int, Room] = {}
        self._numbers = LIVE
        self._latest = HISTORY_ENDS

    # -- look-ups ----------------------------------------------------------------------------

    def account(self, account_id: str) -> Account:
        """Give an account.

        Raises:
            Problem: There is none of that id.
        """
        found = self.accounts.get(account_id)
        if found is None:
            raise Problem("resource_not_found", "Account not found.")
        return found

    def room(self, account: Account) -> Room:
        """Look into an account's room."""
        found = self._rooms.get(account.number)
        if found is None:
            found = self._rooms[account.number] = self._builder.room(account)
        return found

    def owner_of(self, number: int) -> Account | None:
        """Give the account of a number that an id told."""
        return self.rows[number] if number < len(self.rows) else None

    def owner_by_id(self, identifier: str) -> Account | None:
        """Tell whose chat, message or attendee an id is."""
        place = (
            self.ids.find_chat(identifier)
            or self.ids.find_message(identifier)
            or self.ids.find_attendee(identifier)
        )
        return None if place is None else self.owner_of(place[0])

    def find_chat(self, chat_id: str) -> Chat | None:
        """Find a chat by our id, also one that was deleted."""
        place = self.ids.find_chat(chat_id)
        account = None if place is None else self.owner_of(place[0])
        if account is None or place is None:
            return None
        chats = self.room(account).chats
        found = chats[place[1]] if place[1] < len(chats) else None
        return found if found is not None and found.id == chat_id else None

    def chat(self, chat_id: str, account_id: str | None = None) -> Chat:
        """Give a chat, by our id, or by the provider's id and the account.

        Raises:
            Problem: There is none.
        """
        found = self.find_chat(chat_id)
        account = None if account_id is None else self.accounts.get(account_id)
        if found is None and account is not None:
            found = self.room(account).find_chat(chat_id)
        wrong = found is not None and account_id not in (None, found.account.id)
        if found is None or found.deleted or wrong:
            raise Problem("resource_not_found", "Chat not found.")
        return found

    def find_message(self, message_id: str) -> Message | None:
        """Find a message, by our id."""
        place = self.ids.find_message(message_id)
        account = None if place is None else self.owner_of(place[0])
        if account is None or place is None:
            return None
        _, number, index = place
        chats = self.room(account).chats
        messages = chats[number].messages if number < len(chats) else []
        found = messages[index] if index < len(messages) else None
        return found if found is not None and found.id == message_id else None

    def message(self, message_id: str) -> Message:
        """Give a message, by our id.

        Raises:
            Problem: There is none.
        """
        found = self.find_message(message_id)
        if found is None or found.chat.deleted:
            raise Problem("resource_not_found", "Message not found.")
        return found

    def find_attendees(
        self, identifier: str, accounts: Sequence[Account] | None = None
    ) -> list[Attendee]:
        """Find attendees by our id, or by the provider's in the accounts given, or in all."""
        place = self.ids.find_attendee(identifier)
        account = None if place is None else self.owner_of(place[0])
        if account is not None:
            searched: Iterable[Account] = (account,)
        else:
            searched = self.rows if accounts is None else accounts
        found = [self.room(one).find_attendee(identifier) for one in searched]
        return [
            one
            for one in found
            if one is not None and (accounts is None or one.account in accounts)
        ]

    def find_invitation(self, invitation_id: str) -> Invitation | None:
        """Find an invitation that waits."""
        number = self.ids.find_invitation(invitation_id)
        account = None if number is None else self.owner_of(number)
        # Instagram's are called by their user: only a room in use can have one
        rooms = self._rooms.values() if account is None else (self.room(account),)
        found = (room.invitations.get(invitation_id) for room in rooms)
        return next((one for one in found if one is not None), None)

    def counts(self, account: Account) -> tuple[int, int]:
        """Count an account's chats and messages, without making any."""
        room = self._rooms.get(account.number)
        if room is None:
            return self.sizes.chats, self.sizes.chats * self.sizes.messages
        chats = [chat for chat in room.chats if not chat.deleted]
        said = sum(not message.chat.deleted for message in room.live)
        return len(chats), said + sum(chat.built for chat in chats)

    def number(self) -> int:
        """Take a number that nothing else has, higher than all before."""
        self._numbers += 1
        return self._numbers

    # -- lists across accounts, newest first -------------------------------------------------

    def messages_below(self, key: Key | None) -> Iterator[Message]:
        """Walk down the messages of all accounts."""
        return merged(
            (bound, partial(self._messages_of, account, key))
            for account, bound in self._bounds(self.rows, key, self._newest_message)
        )

    def _messages_of(self, account: Account, key: Key | None) -> Iterator[Message]:
        return self.room(account).messages_below(key)

    def chats_below(
        self, accounts: Sequence[Account], key: Key | None, since: int | None
    ) -> Iterator[Ranked]:
        """Walk down the chats of accounts, in the order that they had at `since`."""
        return merged(
            (bound, partial(self._chats_of, account, key, since))
            for account, bound in self._bounds(accounts, key, self._newest_chat)
        )

    def _chats_of(self, account: Account, key: Key | None, since: int | None) -> Iterator[Ranked]:
        return self.room(account).chats_below(key, since)

    def _newest_message(self, account: Account) -> Key | None:
        room = self._rooms.get(account.number)
        return self._builder.newest_message(account) if room is None else room.newest_message

    def _newest_chat(self, account: Account) -> Key | None:
        room = self._rooms.get(account.number)
        return self._builder.newest_chat(account) if room is None else room.newest_chat

    def _bounds(
        self, accounts: Iterable[Account], key: Key | None, newest: Callable[[Account], Key | None]
    ) -> Iterator[tuple[Account, Key]]:
        """Tell where each account's rows begin, without opening the rooms that nobody uses."""
        for account in accounts:
            top = newest(account)
            if top is not None:
                yield account, top if key is None else min(top, key)

    def attendees_below(self, accounts: Sequence[Account], key: Key | None) -> Iterator[Attendee]:
        """Walk down the people whom accounts know: the last account first."""
        for account in reversed(accounts):
            if key is None or account.number <= key[0]:
                yield from below(self.room(account).attendees, key)

    # -- changes -----------------------------------------------------------------------------

    def say(
        self,
        chat: Chat,
        sender: Attendee,
        text: str | None,
        now: int,
        *,
        attachments: Sequence[Attachment] = (),
        kind: str = "MESSAGE",
        quoted: Message | None = None,
    ) -> Message:
        """Have somebody say something in a chat, now."""
        messages, room = chat.messages, self.room(chat.account)
        message = Message(
            id=self.ids.message(chat.account.number, chat.index, len(messages)),
            chat=chat,
            sender=sender,
            key=self.next_key(now),
            text=text,
            attachments=attachments,
            kind=kind,
            quoted=quoted,
        )
        if sender.is_self:
            chat.unread = 0
        else:
            chat.unread += 1
            _read_all(messages)
        messages.append(message)
        room.live.append(message)
        room.move(chat, message.key)
        forget(chat)
        return message

    def next_key(self, now: int) -> Key:
        """Give the place of what happens now: above all that has happened."""
        self._latest = max(now, self._latest)
        return self._latest, self.number()

    def begin_chat(
        self, account: Account, people: Sequence[Person], now: int, subject: str | None = None
    ) -> Chat:
        """Begin a chat with somebody, or a group; who was unknown becomes an attendee."""
        room, group = self.room(account), len(people) > 1
        index = len(room.chats)
        chat = Chat(
            id=self.ids.chat(account.number, index),
            account=account,
            index=index,
            key=self.next_key(now),
            provider_id=token(self.seed, account.id, "started", index),
            type=1 if group else 0,
            attendees=[*(room.attendee(person) for person in people), room.me],
            created_at=now,
            name=subject if group else None,
            subject=None if group else subject,
            pinned=False,
        )
        room.add_chat(chat)
        return chat

    def relate(self, account: Account, person: Person, now: int) -> Relation:
        """Make somebody a relation."""
        room = self.room(account)
        room.settle(person)
        known = account.relations.get(person.seen_as)
        if known is not None:
            return known
        relation = Relation(person=person, key=self.next_key(now))
        account.relations[person.seen_as] = relation
        return relation


def _read_all(messages: list[Message]) -> None:
    """Mark what the account said as seen: who answers has read it."""
    for message in reversed(messages):
        if message.sender.is_self:
            if message.seen:
                return
            message.seen = 1
            forget(message)
