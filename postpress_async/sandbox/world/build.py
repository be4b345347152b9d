"""From a seed to a world. The same seed and sizes give the same world, byte for byte.

Only accounts, people and relations are made at once. What is made later does not depend on when, or
on what was made before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.ids import Ids
from postpress_async.sandbox.wire import digits, token, turn, ulid

from .history import DAY, HISTORY_ENDS, History, end_of, place_of
from .people import build_directory, make_person
from .room import Room
from .things import PROVIDERS, Account, Attendee, Chat, Invitation, Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postpress_async.sandbox.paging import Key

    from .people import Directory
    from .store import Sizes

DEFAULT_ACCOUNTS: Final[Mapping[str, int]] = {
    "LINKEDIN": 3,
    "WHATSAPP": 2,
    "INSTAGRAM": 1,
    "TELEGRAM": 1,
    "TWITTER": 1,
}
DEFAULT_CHATS: Final = 12
DEFAULT_MESSAGES: Final = 20

_SPARE_RELATIONS: Final = 10
_STRANGERS: Final = 30
_INVITATIONS: Final = 5
_OWNERS: Final = 1_000_000  # owners' numbers start here: they are not in the directory's list
_FEATURES: Final = (("premium", "sales_navigator", "recruiter"), ("premium", "sales_navigator"), ())


class Builder:
    """Makes one world, piece by piece."""

    def __init__(self, seed: int, sizes: Sizes) -> None:
        self._seed = seed
        self._sizes = sizes
        self.ids: Ids = Ids(seed)
        self._history = History(self.ids).of
        self._relations = sizes.chats + _SPARE_RELATIONS
        self.directories: dict[str, Directory] = {
            provider: build_directory(seed, provider, 1 + self._relations + _STRANGERS)
            for provider in PROVIDERS
            if sizes.accounts.get(provider, 0)
        }

    def accounts(self) -> list[Account]:
        """Make every account, with its relations."""
        rows: list[Account] = []
        for provider in PROVIDERS:
            for index in range(self._sizes.accounts.get(provider, 0)):
                rows.append(self._account(provider, index, len(rows)))
        return rows

    def _account(self, provider: str, index: int, number: int) -> Account:
        features = _FEATURES[index % len(_FEATURES)] if provider == "LINKEDIN" else ()
        account = Account(
            id="acc_" + ulid(self._seed, provider, index),
            provider=provider,
            number=number,
            index=index,
            owner=make_person(self._seed, provider, _OWNERS + index),
            created_at=HISTORY_ENDS - (400 + 30 * index) * DAY,
            features=features,
            inmails=30 if features else 0,
        )
        directory = self.directories[provider]
        directory.add(account.owner)
        # Number 0 is nobody's relation: the documented example is at second degree.
        others = directory.people[1:]
        for step in reversed(range(self._relations)):
            person = others[(index * 5 + step) % len(others)]
            key = (HISTORY_ENDS - (step + 1) * DAY, step)
            account.relations[person.seen_as] = Relation(person=person, key=key)
        return account

    def newest_message(self, account: Account) -> Key | None:
        """Tell the place of an account's newest message, without making it."""
        count = self._sizes.messages
        if not self._sizes.chats or not count:
            return None
        return place_of(account.number, 0, count - 1, count)

    def newest_chat(self, account: Account) -> Key | None:
        """Tell the place of an account's newest chat, without making it."""
        return self._chat_key(account, 0) if self._sizes.chats else None

    def _chat_key(self, account: Account, index: int) -> Key:
        at = end_of(account.number, index) if self._sizes.messages else _began(index)
        return at, account.number << 20 | index

    def room(self, account: Account) -> Room:
        """Furnish an account's room."""
        room = Room(account, self.ids.attendee)
        me = room.me
        relations = [relation.person for relation in account.relations.values()][::-1]
        known = [room.attendee(person) for person in relations[: self._sizes.chats + 2]]
        room.furnish([self._chat(account, i, known, me) for i in range(self._sizes.chats)])
        if account.provider == "LINKEDIN":
            self._invitations(room)
        return room

    def _chat(self, account: Account, index: int, known: list[Attendee], me: Attendee) -> Chat:
        kind = _chat_type(account, index)
        others = known[index : index + 3] if kind else known[index : index + 1]
        count = self._sizes.messages
        return Chat(
            id=self.ids.chat(account.number, index),
            account=account,
            index=index,
            key=self._chat_key(account, index),
            provider_id=_chat_provider_id(account, others[0], kind, index),
            type=kind,
            attendees=[*others, me],
            created_at=_began(index),
            name=f"Group {index} 🏝" if kind and index % 4 else None,
            subject="Re: offer" if account.provider == "LINKEDIN" and turn(index, 5, 1) else None,
            unread=index % 3,
            quirk=index,
            content_type=("inmail", None, "invitation", None)[index % 4],
            archived=turn(index, 9, 4),
            pinned=turn(index, 7, 1) if index % 2 else None,
            muted=(None, -1, "2031-01-01T00:00:00.000Z")[index % 3],
            read_only=index % 3 if kind else 0,
            built=count,
            newest_built=place_of(account.number, index, count - 1, count) if count else (0, 0),
            history=self._history,
        )

    def _invitations(self, room: Room) -> None:
        account, rows = room.account, 0
        for person in self.directories["LINKEDIN"].people[1:]:
            if person.seen_as in account.relations:
                continue
            invitation = Invitation(
                id=self.ids.invitation(account.number, rows),
                account=account,
                person=person,
                sent=turn(rows, 2, 0),
                key=(HISTORY_ENDS - (_INVITATIONS - rows) * DAY, rows),
                message=None if turn(rows, 3, 0) else "Let us connect!",
                shared_secret=token(self._seed, account.id, "secret", rows),
            )
            room.invitations[invitation.id] = invitation
            rows += 1
            if rows == _INVITATIONS:
                return


def _began(index: int) -> int:
    return HISTORY_ENDS - (index + 1) * 7 * DAY


def _chat_type(account: Account, index: int) -> int:
    """Tell 0 one-to-one, 1 group, 2 broadcast."""
    if turn(index, 7, 6) and account.provider != "TWITTER":
        return 1
    return 2 if turn(index, 11, 10) and account.provider == "WHATSAPP" else 0


def _chat_provider_id(account: Account, other: Attendee, kind: int, index: int) -> str:
    match account.provider:
        case "LINKEDIN":
            return "2-" + token(account.id, "thread", index) + "=="
        case "WHATSAPP":
            group = digits(account.id, "group", index, length=18)
            return f"{group}@g.us" if kind else other.person.seen_as
        case _:
            return digits(account.id, "thread", index, length=15)
