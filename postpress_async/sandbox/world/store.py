"""The world as it is now, and the few ways in which it changes."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import Json, JsonObject, token

from .people import Directory, readable_by
from .things import Account, Attendee, Chat, Invitation, Message, Person

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large a world is: accounts a provider, chats an account, messages a chat."""

    accounts: Mapping[str, int]
    chats: int
    messages: int


class World:
    """Everything there is. Lists are kept in ascending order of their keys."""

    def __init__(self, seed: int, directories: dict[str, Directory]) -> None:
        self.seed = seed
        self.directories = directories
        self.accounts: dict[str, Account] = {}
        self.chats: dict[str, Chat] = {}
        self.messages: dict[str, Message] = {}
        self.attendees: dict[str, Attendee] = {}
        self.invitations: dict[str, Invitation] = {}
        self.timeline: list[Message] = []
        self._account_timelines: dict[str, list[Message]] = {}
        self._account_chats: dict[str, list[Chat]] = {}
        self._attendees_of: dict[tuple[str, str], Attendee] = {}
        self._chat_with: dict[tuple[str, str], Chat] = {}
        self._numbers = 0

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

    def chat(self, chat_id: str, account_id: str | None = None) -> Chat:
        """Give a chat, by our id, or by the provider's id and the account.

        Raises:
            Problem: There is none.
        """
        found = self.chats.get(chat_id)
        if found is None and account_id is not None:
            chats = self._account_chats.get(account_id, [])
            found = next((chat for chat in chats if chat.provider_id == chat_id), None)
        if found is None or (account_id is not None and found.account.id != account_id):
            raise Problem("resource_not_found", "Chat not found.")
        return found

    def message(self, message_id: str) -> Message:
        """Give a message, by our id.

        Raises:
            Problem: There is none.
        """
        found = self.messages.get(message_id)
        if found is None:
            raise Problem("resource_not_found", "Message not found.")
        return found

    def attendee(self, account: Account, person: Person) -> Attendee:
        """Give the attendee that a person is to an account; who was unknown becomes one."""
        known = self._attendees_of.get((account.id, person.seen_as))
        if known is not None:
            return known
        attendee = Attendee(
            id="att_" + token(self.seed, account.id, person.seen_as),
            account=account,
            person=person,
            key=(0, self.number()),
        )
        self._attendees_of[account.id, person.seen_as] = attendee
        self.attendees[attendee.id] = attendee
        return attendee

    def find_attendees(self, identifier: str) -> list[Attendee]:
        """Find attendees by our id or by the provider's, in every account."""
        found = self.attendees.get(identifier)
        if found is not None:
            return [found]
        return [one for one in self.attendees.values() if one.person.seen_as == identifier]

    def chat_with(self, account: Account, person: Person) -> Chat | None:
        """Give the one-to-one chat with somebody, if there is one."""
        return self._chat_with.get((account.id, person.seen_as))

    def chats_of(self, account_id: str) -> list[Chat]:
        """List an account's chats, in the order in which they began."""
        return self._account_chats.get(account_id, [])

    def messages_of(self, account_id: str) -> list[Message]:
        """List an account's messages, oldest first."""
        return self._account_timelines.get(account_id, [])

    def number(self) -> int:
        """Take a number that nothing else has."""
        self._numbers += 1
        return self._numbers

    # -- changes -----------------------------------------------------------------------------

    def add_account(self, account: Account) -> None:
        """Connect an account."""
        self.accounts[account.id] = account
        self._account_timelines[account.id] = []
        self._account_chats[account.id] = []
        self.directories[account.provider].add(account.owner)

    def add_chat(self, chat: Chat) -> None:
        """Begin a chat."""
        self.chats[chat.id] = chat
        self._account_chats[chat.account.id].append(chat)
        if chat.partner is not None:
            self._chat_with[chat.account.id, chat.partner.person.seen_as] = chat

    def add_message(self, message: Message) -> None:
        """Put a message into its chat."""
        self.messages[message.id] = message
        for rows in (
            message.chat.messages,
            self._account_timelines[message.chat.account.id],
            self.timeline,
        ):
            # nearly always the newest; a clock that stepped back still keeps the order
            if not rows or rows[-1].key < message.key:
                rows.append(message)
            else:
                insort(rows, message, key=lambda row: row.key)

    def settle(self) -> None:
        """Sort what was built chat by chat."""
        self.timeline.sort(key=lambda row: row.key)
        for rows in self._account_timelines.values():
            rows.sort(key=lambda row: row.key)

    def load_message(self, message: Message) -> None:
        """Put a message into its chat while building; `settle` sorts afterwards."""
        self.messages[message.id] = message
        message.chat.messages.append(message)
        self._account_timelines[message.chat.account.id].append(message)
        self.timeline.append(message)

    def say(
        self,
        chat: Chat,
        sender: Attendee,
        text: str | None,
        now: int,
        *,
        attachments: list[JsonObject] | None = None,
        kind: str = "MESSAGE",
        quoted: Message | None = None,
    ) -> Message:
        """Have somebody say something in a chat, now."""
        number = self.number()
        message = Message(
            id=token(self.seed, "said", number),
            chat=chat,
            sender=sender,
            key=(now, number),
            text=text,
            attachments=attachments or [],
            kind=kind,
            quoted=quoted,
        )
        self.add_message(message)
        if not sender.is_self:
            chat.unread += 1
        return message

    # -- the control plane's view ------------------------------------------------------------

    def overview(self) -> list[Json]:
        """List every account with its chats, its relations, and whom it can read and write to."""
        return [self._account_overview(account) for account in self.accounts.values()]

    def _account_overview(self, account: Account) -> JsonObject:
        directory = self.directories[account.provider]
        mine = [one for one in self.invitations.values() if one.account is account]
        return {
            "id": account.id,
            "provider": account.provider,
            "status": account.status,
            "chats": [chat.id for chat in self.chats_of(account.id)],
            "relations": [person.internal_id for person in account.relations.values()],
            "people": [name for person in directory.people for name in readable_by(person)],
            # people who can be written to first: known, and without a chat so far
            "recipients": [
                person.messaging_id
                for person in account.relations.values()
                if self.chat_with(account, person) is None
            ],
            "strangers": [
                person.internal_id
                for person in directory.people
                if person.seen_as not in account.relations
            ],
            "invitations": {
                "sent": [one.id for one in mine if one.sent],
                "received": [one.id for one in mine if not one.sent],
            },
        }
