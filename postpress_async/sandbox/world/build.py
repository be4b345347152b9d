"""From a seed to a world. The same seed and sizes give the same world, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import JsonObject, digits, token, tokens, turn, ulid

from .people import build_directory, make_person
from .phrases import TEXTS
from .store import Sizes, World
from .things import PROVIDERS, Account, Attendee, Chat, Invitation, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ACCOUNTS: Final[Mapping[str, int]] = {
    "LINKEDIN": 3,
    "WHATSAPP": 2,
    "INSTAGRAM": 1,
    "TELEGRAM": 1,
    "TWITTER": 1,
}
DEFAULT_CHATS: Final = 12
DEFAULT_MESSAGES: Final = 20

# All history lies before this instant (2026-01-15T12:00:00Z). It is fixed: a world that followed
# the real clock would differ from run to run.
HISTORY_ENDS: Final = 1_768_478_400_000
_DAY: Final = 86_400_000
_MINUTE: Final = 60_000
_SPARE_RELATIONS: Final = 10
_STRANGERS: Final = 30
_OWNERS: Final = 1_000_000  # owners' numbers start here: they are not in the directory's list
_FEATURES: Final = (("premium", "sales_navigator", "recruiter"), ("premium", "sales_navigator"), ())


def build_world(seed: int, sizes: Sizes) -> World:
    """Build a world."""
    relations = sizes.chats + _SPARE_RELATIONS
    directories = {
        provider: build_directory(seed, provider, 1 + relations + _STRANGERS)
        for provider in PROVIDERS
        if sizes.accounts.get(provider, 0)
    }
    world = World(seed, directories)
    for provider in PROVIDERS:
        for index in range(sizes.accounts.get(provider, 0)):
            account = _account(world, provider, index)
            _relations(world, account, index, relations)
            _chats(world, account, sizes)
            if provider == "LINKEDIN":
                _invitations(world, account)
    world.settle()
    return world


def _account(world: World, provider: str, index: int) -> Account:
    number = world.number()
    account = Account(
        id="acc_" + ulid(world.seed, provider, index),
        provider=provider,
        owner=make_person(world.seed, provider, _OWNERS + index),
        created_at=HISTORY_ENDS - (400 + 30 * index) * _DAY,
        key=(0, number),
        features=_FEATURES[index % len(_FEATURES)] if provider == "LINKEDIN" else (),
        inmails=30 if provider == "LINKEDIN" and _FEATURES[index % len(_FEATURES)] else 0,
    )
    world.add_account(account)
    world.attendee(account, account.owner)
    return account


def _relations(world: World, account: Account, index: int, count: int) -> None:
    """Choose relations; number 0 is nobody's: the documented example is at second degree."""
    others = world.directories[account.provider].people[1:]
    for step in range(count):
        person = others[(index * 5 + step) % len(others)]
        account.relations[person.seen_as] = person
        account.related_at[person.seen_as] = HISTORY_ENDS - (step + 1) * _DAY


def _chats(world: World, account: Account, sizes: Sizes) -> None:
    relations = list(account.relations.values())
    for index in range(sizes.chats):
        me = world.attendee(account, account.owner)
        others = [world.attendee(account, relations[index])]
        kind = _chat_type(account, index)
        if kind:
            others += [
                world.attendee(account, relations[(index + step) % len(relations)])
                for step in (1, 2)
            ]
        chat = Chat(
            id="chat_" + ulid(world.seed, account.id, "chat", index),
            account=account,
            provider_id=_chat_provider_id(account, others[0], kind, index),
            type=kind,
            attendees=[*others, me],
            created_at=HISTORY_ENDS - (index + 1) * 7 * _DAY,
            number=world.number(),
            name=f"Group {index} 🏝" if kind and index % 4 else None,
            subject="Re: offer" if account.provider == "LINKEDIN" and turn(index, 5, 1) else None,
            unread=index % 3,
            quirk=index,
            content_type=("inmail", None, "invitation", None)[index % 4],
        )
        world.add_chat(chat)
        _messages(world, chat, index, sizes.messages)


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


def _messages(world: World, chat: Chat, chat_index: int, count: int) -> None:
    end = HISTORY_ENDS - chat_index * 3_607_000 - (chat.number % 60) * 1_000
    for index, message_id in enumerate(tokens(count, world.seed, chat.id, "messages")):
        number = world.number()
        sender = chat.attendees[(index + index // 3 + chat_index) % len(chat.attendees)]
        message = Message(
            id=message_id,
            chat=chat,
            sender=sender,
            # several share one instant: an order by time alone is not an order
            key=(end - (count - 1 - index) // 2 * 7 * _MINUTE, number),
            text=TEXTS[(index + chat_index) % len(TEXTS)],
            quirk=number,
            quoted=chat.messages[-1] if turn(index, 9, 8) else None,
        )
        if turn(index, 10, 5):
            message.text = None
            message.attachments = [_attachment(message, number)]
        world.load_message(message)


def _attachment(message: Message, number: int) -> JsonObject:
    base: JsonObject = {
        "id": message.id[::-1],
        "file_size": 1024 + number,
        "unavailable": turn(number, 5, 0),
        "url": f"att://{message.chat.account.id}/{message.id}",
        "url_expires_at": None,
    }
    kinds: tuple[JsonObject, ...] = (
        {"type": "img", "size": {"width": 640, "height": 480}, "sticker": False},
        {"type": "file", "file_name": "résumé (1).pdf", "mimetype": "application/pdf"},
        {"type": "audio", "duration": 3.5, "voice_note": True, "mimetype": "audio/m4a"},
        {"type": "video", "size": {"width": 1920, "height": 1080}, "gif": False},
        {"type": "linkedin_post"},
    )
    return base | kinds[number % len(kinds)]


def _invitations(world: World, account: Account) -> None:
    strangers = [
        person
        for person in world.directories[account.provider].people[1:]
        if person.seen_as not in account.relations
    ]
    for index, person in enumerate(strangers[:5]):
        number = world.number()
        invitation = Invitation(
            id=digits(world.seed, account.id, "invitation", index, length=19),
            account=account,
            person=person,
            sent=turn(index, 2, 0),
            key=(HISTORY_ENDS - (5 - index) * _DAY, number),
            message=None if turn(index, 3, 0) else "Let us connect!",
            shared_secret=token(world.seed, account.id, "secret", index),
        )
        world.invitations[invitation.id] = invitation
