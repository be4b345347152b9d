"""What a campaign sends, and what goes wrong meanwhile."""

from datetime import UTC, datetime

from postpress_async.outbox.contents import (
    Attached,
    Invite,
    MessageContent,
    ProfileRead,
    React,
    StartChat,
    decode,
    text_of,
)
from postpress_async.outbox.putting import Names, Wishes, new_of, pool_of
from postpress_async.sandbox import Fault

REACT = "POST /messages/{message_id}/reaction"
SEND = "POST /chats/{chat_id}/messages"
HARMLESS = frozenset({"react", "profile"})  # a second one changes nothing
WORDS = len("item 000000")
WRITES = (SEND, "POST /chats", "POST /users/invite", REACT)
# (chance, fault): all that is done to a write; `after` means that it was done.
TROUBLES = (
    (0.03, {"effect": "reset", "stage": "after"}),
    (0.02, {"effect": "reset", "stage": "before"}),
    (0.02, {"status": 429, "retry_after": 20}),
    (0.02, {"status": 503, "type": "errors/no_client_session"}),
    (0.01, {"effect": "stall", "stage": "after"}),
    (0.01, {"effect": "stall", "stage": "before"}),
    (0.02, {"status": 502, "stage": "after"}),
    (0.01, {"status": 502, "stage": "before"}),
    (0.02, {"effect": "half_body"}),
    (0.01, {"effect": "html", "status": 200, "stage": "after"}),
)
READS = (
    "GET /chats/{chat_id}/messages",
    "GET /users/invite/sent",
    "GET /chats",
    "GET /chats/{chat_id}/sync",
    "GET /users/{identifier}",
)


def faults(share=1.0):
    """Return what goes wrong: writes in every way, the reads of look-backs sometimes."""
    made = [
        Fault(route=route, probability=chance * share, **fault)
        for route in WRITES
        for chance, fault in TROUBLES
    ]
    made += [Fault(route=route, probability=0.05 * share, status=503) for route in READS]
    return made


class Items:
    """Make items for a sandbox's accounts: each says its number, and few say the same.

    Mostly messages, into several chats of each account; sometimes a first message to a relation,
    or an invitation to a stranger, as long as there are any. Those that are `wide` are also
    InMails, reactions, looks at profiles, and messages with a file, or with the words of an earlier
    one; some are held, or for later, or expire. Where somebody is shown as `typing` for some
    seconds, that is before every third message.

    Attributes:
        made: items by their id, in the order of making.
        moved: ids of those whose place in their thread was changed since.
    """

    def __init__(self, sandbox, rng, *, now, wide=False, typing=None):
        self._rng = rng
        self._now = now
        self._wide = wide
        self._typing = typing
        self.names = Names(now=now, random=rng.randbytes)
        world = sandbox.world()
        self._accounts = [one["id"] for one in world["accounts"]]
        self._chats = {one["id"]: one["chats"] for one in world["accounts"]}
        self._persons = {one["id"]: _persons(one, sandbox) for one in world["accounts"]}
        self._messages = {one["id"]: _messages(one, sandbox) for one in world["accounts"]}
        self.made, self.moved, self._said = {}, set(), {}

    def more(self, count):
        """Return new items, of which the last ones are the youngest."""
        return [self._one() for _ in range(count)]

    def said(self, item):
        """Return what an item says of itself, whoever changed the rest; None where it is mute."""
        return self._said[item]

    def _one(self):
        account = self._rng.choice(self._accounts)
        text = f"item {len(self.made):06}"
        other = self._other(account) if self._wide else None
        persons = self._persons[account]
        if other is not None:
            content = other
        elif persons and self._rng.random() < 0.1:
            person, known = persons.pop(self._rng.randrange(len(persons)))
            if self._wide and self._rng.random() < 0.3:
                content = StartChat(to=person, text=text, linkedin={"inmail": True})
            elif known:
                content = StartChat(to=person, text=text)
            else:
                content = Invite(provider_id=person, message=text)
        else:
            chat, files = self._rng.choice(self._chats[account]), ()
            if self._wide and self._rng.random() < 0.1:
                data = self._rng.randbytes(self._rng.randint(1, 40))
                files = (Attached(field="attachments", name="a.txt", content_type="text/plain",
                                  data=data),)  # fmt: skip
            typing = None if len(self.made) % 3 else self._typing
            content = MessageContent(chat_id=chat, text=text, files=files, typing_duration=typing)
        if isinstance(content, ProfileRead):
            account = pool_of(content)
        wishes = self._wishes(content.kind) if self._wide else Wishes()
        new = new_of(content, account, wishes, provider="LINKEDIN", id_=self.names())
        self.made[new.id] = new
        self._said[new.id] = (text_of(content) or "")[:WORDS] or None
        return new

    def _other(self, account):
        """Return something that is no plain message, or None, mostly."""
        rng = self._rng
        match rng.choice(("again", "react", "profile", *(None,) * 12)):
            case "react":
                message = rng.choice(self._messages[account])
                return React(message_id=message, reaction=rng.choice("👍👎"))
            case "profile" if self._persons[account]:
                person, _ = rng.choice(self._persons[account])
                several = tuple(rng.sample(self._accounts, rng.randint(1, len(self._accounts))))
                return ProfileRead(identifier=person, accounts=several)
            case "again" if some := [
                one
                for one in self.made.values()
                if (one.kind, one.account_id) == ("message", account)
            ]:
                said = decode(rng.choice(some).body)
                return MessageContent(chat_id=said.chat_id, text=said.text)
        return None

    def _wishes(self, kind):
        """Return when and how something is to go: mostly at once."""
        rng, start, end = self._rng, None, None
        if rng.random() < 0.1:
            start = self._instant(rng.choice((2.0, 40.0, 500.0)))
        if rng.random() < 0.05:
            end = self._instant(500.0 + rng.choice((5.0, 100.0, 2_000.0)))
        return Wishes(
            not_before=start, expires_at=end, hold=rng.random() < 0.05,
            priority=rng.choice((0, 0, 0, -1, 1)), group=rng.choice((None, "one", "two")),
            recipient=None if kind == "invite" else rng.choice((None, None, "Ann", "Bo")),
        )  # fmt: skip

    def _instant(self, seconds):
        return datetime.fromtimestamp(self._now() + seconds, UTC)


def _persons(account, sandbox):
    """Return people of an account by the ids that can be written to, and who is a relation.

    Not those with whom an invitation waits already: a second one is the first one, to a look-back.
    """
    relations = set(account["relations"])
    world = sandbox._engine.world
    room = next(world.room(one) for one in world.accounts.values() if one.id == account["id"])
    waiting = {one.person.internal_id for one in room.invitations.values()}
    people = [one for one in account["people"] if one[:5] in {"ACoAA", "ADoAA"}]
    return [(one, one in relations) for one in people if one not in waiting]


def _messages(account, sandbox):
    """Return ids of the messages that an account has from before."""
    world = sandbox._engine.world
    room = next(world.room(one) for one in world.accounts.values() if one.id == account["id"])
    return [one.id for chat in room.chats for one in chat.messages]
