"""What a look reads, how often, and when it does not dare to say absent."""

import asyncio
from datetime import UTC, datetime
from email.utils import formatdate
from types import SimpleNamespace

import msgspec
import pytest

from postpress_async.errors import (
    NotFoundError,
    NotImplementedByProviderError,
    WaitTooLongError,
)
from postpress_async.exchange.capture import Seen, capturing
from postpress_async.models import (
    Chat,
    ChatHistorySync,
    ImageAttachment,
    InstagramProfile,
    InvitationSent,
    LinkedInProfile,
    Message,
    Relation,
)
from postpress_async.models.messages import Reaction
from postpress_async.models.profiles.instagram import RelationshipStatus
from postpress_async.models.profiles.linkedin import ProfileInvitation
from postpress_async.outbox import contents
from postpress_async.outbox.contents import Follow, Invite, MessageContent, React, StartChat
from postpress_async.outbox.digests import digest, loose
from postpress_async.outbox.lookback import ClientLooker
from postpress_async.outbox.protocol import Absent, Found, Nowhere, Perhaps, Terms, Undecided
from postpress_async.outbox.syncing import Syncs
from postpress_async.storage.outbox.rows import Attempt

from .memory import MemoryStore, Place, Process, a_row
from .pretence import ProcessClock

pytestmark = pytest.mark.looptime(noop_cycles=0)
TEXT = "Hello"


class Listed:
    """Be what a list method returns."""

    def __init__(self, service, items):
        self.service, self.items = service, items

    def limit(self, most):
        return Listed(self.service, self.items[:most])

    async def __aiter__(self):
        if isinstance(self.items, Exception):
            raise self.items
        for item in self.items:
            yield item


class Client:
    """Be a client of a service that answers from a few lists, and notes what it was asked."""

    def __init__(self, **says):
        self.asked = []
        self.says = {
            "messages": [], "older": [], "elsewhere": [], "chats": [], "sent": [], "relations": [],
            "profile": LinkedInProfile(), "ok": True, "sync": "SYNC_DONE", "date": None,
            "chat": None, "message": None, "provider": None, "whole": "SYNC_DONE", **says,
        }  # fmt: skip
        self.messages = self
        self.chats = SimpleNamespace(sync=self.sync, get=self.chat)
        self.invitations = SimpleNamespace(sent=lambda **_: self._listed("sent"))
        self.users = SimpleNamespace(relations=lambda **_: self._listed("relations"), get=self.user)
        self.attendees = SimpleNamespace(chats=lambda _, **__: self._listed("chats"))
        self.accounts = SimpleNamespace(get=self.account)
        clock = asyncio.get_running_loop().time
        self._pipeline = SimpleNamespace(
            key_taken=True, _clock=SimpleNamespace(monotonic=clock), _random=lambda: 0.5,
            home=SimpleNamespace(sleep=lambda seconds, _: asyncio.sleep(seconds)),
        )  # fmt: skip

    def _say(self, what):
        self.asked.append(what)
        said = self.says[what]
        return said() if callable(said) else said

    def _listed(self, what):
        return Listed(self, self._say(what))

    def list(self, *, chat_id=None, after=None, before=None, **_):
        if self.says["date"] is not None and (seen := capturing.get()) is not None:
            date = formatdate(self.says["date"](), usegmt=True)
            seen.append(Seen(status=200, headers={"date": date}, request_id=None, attempts=1))
        if before is not None:
            assert chat_id
            self.before = before
            return self._listed("older")
        self.after = after
        return self._listed("messages" if chat_id else "elsewhere")

    async def sync(self, chat_id, *, wait, account_id, progress, options):
        assert wait
        assert options.priority < 0
        assert account_id == "acc_1"
        while True:
            sync = ChatHistorySync(chat_id=chat_id, status=self._say("sync"))
            progress(sync)
            if sync.is_over or sync.status == "SYNC_RUNNING":
                return sync

    async def chat(self, chat_id, *, account_id, options):
        assert account_id == "acc_1"
        assert options.priority < 0
        return self._raised("chat") or Chat(
            id=chat_id, provider_id="p", attendee_provider_id="ACo1"
        )

    async def get(self, message_id, *, options):
        assert message_id == "m1"
        assert options.priority < 0
        return self._raised("message")

    def _raised(self, what):
        said = self._say(what)
        if isinstance(said, Exception):
            raise said
        return said

    async def account(self, account_id, *, options):
        assert options.priority < 0
        ok = self._say("ok")
        return SimpleNamespace(
            is_ok=ok, status="OK" if ok else "CREDENTIALS", id=account_id,
            provider=self.says["provider"],
        )  # fmt: skip

    async def request(self, method, path, *, type, account_id, query, options):
        assert (method, path, account_id) == ("GET", "/accounts/acc_1/sync", "acc_1")
        assert options.priority < 0
        self.query = {name: value for name, value in query.items() if value is not None}
        return type(status=self._raised("whole"))

    async def user(self, person, *, account_id, options):
        del person, account_id
        assert options.priority < 0
        return self._raised("profile")


def message(seconds=1.0, **changes):
    at = datetime.fromtimestamp(1_000_000.0 + seconds, UTC).isoformat()
    return Message(**{"id": "m1", "text": TEXT, "is_sender": 1, "timestamp": at, **changes})


async def look(client, content=None, *, quiet=True, others=(), wrong=0.0, outcome=None, **row):
    """Look for a message that was tried when the world began; our clock may be wrong."""
    content = content or MessageContent(chat_id="chat_1", text=TEXT)
    place = client.place = Place()
    store, clock = MemoryStore(place), ProcessClock(place, Process("p"))
    for n, (state, result, *changes) in enumerate(others):
        given = {"text_digest": digest(TEXT), "changed_at": 1_000_000.0}
        given |= changes[0] if changes else {}
        place.items[f"o{n}"] = a_row(
            id=f"o{n}", serial=n + 1, state=state, result_id=result, **given
        )  # fmt: skip
        done = "happened" if state == "unknown" else None
        place.tries[f"o{n}"] = [
            Attempt(item=f"o{n}", number=1, fence=1, started_at=1.0, deadline=2.0, outcome=done)
        ]
    known = {
        "body": contents.encode(content), "text_digest": digest(TEXT), "loose_digest": loose(TEXT),
        "kind": content.kind, "state": "unknown",
    }  # fmt: skip
    tried = Attempt(
        item="item_1", number=1, fence=1, started_at=1_000_000.0, deadline=1_000_030.0,
        outcome=outcome,
    )  # fmt: skip
    clock.time = lambda: place.now() + wrong
    looker = ClientLooker(client, store, clock=clock, terms=Terms())
    return await looker.look(a_row(**{**known, **row}), attempts=[tried], quiet=quiet)


async def test_found_at_once():
    client = Client(messages=[message()])
    assert await look(client) == Found(result_id="m1")
    assert client.asked == ["messages", "chat"]
    assert client.after < datetime.fromtimestamp(1_000_000.0 - 120, UTC)


async def test_absent_after_two_reads_a_sync_and_half_a_minute():
    client = Client()
    start = asyncio.get_running_loop().time()
    assert await look(client) == Absent()
    assert asyncio.get_running_loop().time() - start >= 30.0
    assert client.asked == ["messages", "ok", "sync", "sync", "messages", "older"]
    assert client.before > client.after  # nothing lies between what was read


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (("SYNC_STARTED", "SYNC_DONE"), 2),
        (("SYNC_DONE", "SYNC_STARTED", "SYNC_DONE"), 3),  # the first is of one that ended before
        (("SYNC_ERROR", "SYNC_STARTED", "SYNC_DONE"), 3),
    ],
)
async def test_only_a_sync_of_the_chat_counts_that_was_begun_for_it(told, count):
    client = Client(sync=telling(*told))
    assert await look(client) == Absent()
    assert client.asked.count("sync") == count


async def test_found_by_the_second_read():
    reads = [[], [message()]]
    assert await look(Client(messages=lambda: reads.pop(0))) == Found(result_id="m1")


async def test_too_early_one_read_is_enough():
    client = Client()
    assert await look(client, quiet=False) == Absent()
    assert client.asked == ["messages"]


@pytest.mark.parametrize(
    "says",
    [{"ok": False}, {"sync": "SYNC_RUNNING"}, {"sync": "SYNC_ERROR"}, {"sync": "CHAT_DELETED"}],
)
async def test_undecided_while_the_service_may_not_know(says):
    assert isinstance(await look(Client(**says)), Undecided)


async def test_what_belongs_to_others_is_not_found():
    client = Client(messages=[message()])
    assert await look(client, others=[("sent", "m1")]) == Absent()
    assert isinstance(await look(client, others=[("sent", None)]), Perhaps)
    assert await look(client, others=[("sent", "m2")]) == Found(result_id="m1")


async def test_an_equal_text_at_another_hour_is_not_absent():
    client = Client(messages=[message(seconds=-3_600.0)])
    assert isinstance(await look(client), Perhaps)


@pytest.mark.parametrize("ahead", [3_600.0, 2 * 86_400.0, 400 * 86_400.0])
async def test_a_store_whose_time_is_ahead_hides_nothing(ahead):
    # A clock that was wrong was set right: the store's time never goes back.
    arrived = [message(seconds=-ahead + 1.0), message(id="old", seconds=-ahead - 500.0)]
    client = Client(messages=lambda: [one for one in arrived if one.sent_at > client.after])
    assert await look(client, changed_at=1_000_000.0 + 200.0, wrong=-ahead + 200.0) == Found(
        result_id="m1"
    )


@pytest.mark.parametrize("behind", [3_600.0, 2 * 86_400.0])
async def test_a_clock_that_was_set_back_hides_nothing(behind):
    client = Client(messages=[message()])
    seen = await look(client, changed_at=1_000_200.0, wrong=200.0 - behind)
    assert isinstance(seen, Perhaps)


def service_behind(seconds, arrived, **where):
    """Return a client of a service whose clock is behind ours, and where something has arrived."""
    told = {"date": lambda: 1_000_000.0 + asyncio.get_running_loop().time() - seconds}
    lists = {
        "messages": lambda: [one for one in arrived if one.sent_at > client.after],
        "older": lambda: [one for one in arrived if one.sent_at < client.before],
        "elsewhere": lambda: [one for one in arrived if one.sent_at > client.after],
    }
    client = Client(**{**told, **lists, **where})
    return client


@pytest.mark.parametrize("days", [-400.0, -2.0, 0.0, 2.0, 400.0])
async def test_a_clock_that_stays_wrong_is_set_right_by_answers(days):
    client = service_behind(days * 86_400.0, [message(seconds=-days * 86_400.0)])
    assert await look(client) == Found(result_id="m1")
    assert client.asked == [*["messages"] * (2 if days > 0.0 else 1), "chat"]


@pytest.mark.parametrize("by_chat", [True, False])
async def test_copies_of_older_answers_show_nothing(by_chat):
    # Something on the way keeps what was answered at first, with its date.
    content = None if by_chat else START
    seen = await look(Client(date=lambda: 1_000_000.0), content)
    assert isinstance(seen, Undecided)
    seen = await look(service_behind(0.0, []), content)
    assert seen == Absent()


@pytest.mark.parametrize("days", [-400.0, -2.0, 2.0, 400.0])
async def test_a_clock_of_which_nobody_tells_hides_nothing_either(days):
    client = service_behind(0.0, [message(seconds=-days * 86_400.0)], date=None)
    assert isinstance(await look(client), Perhaps)


async def test_a_clock_that_was_ahead_when_nobody_worked_hides_nothing():
    # The store's time stood still from the mark to the next worker's start, days later.
    arrived = [message(seconds=-3 * 86_400.0)]
    client = service_behind(0.0, arrived)
    assert isinstance(await look(client, changed_at=1_000_000.0 + 200.0, wrong=200.0), Perhaps)
    there = service_behind(0.0, arrived, chats=[Chat(id="chat_9")])
    assert isinstance(await look(there, START, changed_at=1_000_000.0, wrong=200.0), Perhaps)


async def test_a_new_chat_is_looked_for_by_the_services_clock():
    client = service_behind(2 * 86_400.0, [message(seconds=-2 * 86_400.0, chat_id="chat_9")])
    assert isinstance(await look(client, START), Perhaps)


async def test_other_files_of_long_ago_are_not_taken_for_those_that_were_sent():
    file = contents.Attached(field="attachments", name="a", content_type="image/png", data=b"12")
    wanted = MessageContent(chat_id="chat_1", files=(file,))
    digested = {"text_digest": digest(""), "loose_digest": loose("")}
    for size, seen in [(3, Absent), (2, Perhaps)]:
        image = ImageAttachment(id="a", file_size=size)
        old = message(seconds=-200_000.0, text=None, attachments=[image])
        assert isinstance(await look(Client(older=[old]), wanted, **digested), seen)


async def test_a_text_that_was_changed_at_another_hour_is_not_absent():
    client = Client(messages=[message(seconds=-3_600.0, text="hello!")])
    assert isinstance(await look(client), Perhaps)


async def test_what_is_no_longer_kept_or_never_listed():
    assert isinstance(await look(Client(), body=b""), Nowhere)


# -- new chats ------------------------------------------------------------------------------

START = StartChat(to="ACo1", text=TEXT)


async def test_a_new_chat_is_looked_for_by_its_person():
    client = Client(chats=[Chat(id="chat_9")], messages=[message()])
    assert await look(client, START) == Found(result_id="m1")
    empty = Client(chats=[Chat(id="chat_9")])
    assert await look(empty, START) == Absent()
    assert empty.asked.count("messages") == 2
    assert "sync" in empty.asked


def telling(*statuses):
    """Return what a sync says, one after the other; then its last word for ever."""
    left = list(statuses)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


FRESH = ("SYNC_STARTED", "SYNC_RUNNING", "SYNC_DONE")


@pytest.mark.parametrize(
    ("provider", "chats"),
    [
        ("LINKEDIN", []),
        ("TELEGRAM", NotFoundError("nobody", status=404)),
        ("LINKEDIN", [Chat(id="group_1", type=1)]),
        ("LINKEDIN", [Chat(id="chat_9", type=0, content_type="inmail")]),
    ],
)
async def test_without_a_chat_of_their_own_the_account_is_synced_between_the_reads(provider, chats):
    client = Client(provider=provider, chats=chats, whole=telling(*FRESH))
    assert await look(client, START) == Absent()
    asked = [one for one in client.asked if one in {"elsewhere", "whole"}]
    assert asked == ["elsewhere", "whole", "whole", "whole", "elsewhere"]
    assert client.query == ({"partial": True} if provider == "LINKEDIN" else {})
    # What the sync brings is found.
    arrived = telling([], [message(chat_id="chat_9")])
    client = Client(provider=provider, chats=chats, elsewhere=arrived, whole=telling(*FRESH))
    assert isinstance(await look(client, START), Perhaps)


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (("SYNC_DONE", *FRESH), 4),  # of one that ended before
        (("SYNC_RUNNING", "SYNC_DONE", *FRESH), 5),  # of one that began before
        (("SYNC_ERROR", *FRESH), 4),
        (("SYNC_STARTED", "CHUNK_DONE", *FRESH), 5),
        # A chunk of one that began before: its first chunks may have been too early.
        (("SYNC_RUNNING", "CHUNK_DONE", "SYNC_STARTED", "SYNC_DONE", *FRESH), 7),
        (
            ("SYNC_RUNNING", "SYNC_STARTED", "SYNC_DONE", *FRESH),
            6,
        ),  # after one elsewhere
        (("CHUNK_DONE", "SYNC_STARTED", "CHUNK_DONE", "SYNC_STARTED", "SYNC_DONE", *FRESH), 8),
        (("SYNC_DONE", "SYNC_DONE"), 2),
    ],
)
async def test_only_a_sync_counts_that_began_after_the_request_can_no_more_arrive(told, count):
    client = Client(provider="LINKEDIN", whole=telling(*told))
    assert await look(client, START) == Absent()
    assert client.asked.count("whole") == count


@pytest.mark.parametrize("told", [("SYNC_STARTED", "SYNC_ERROR"), ("SYNC_STARTED", "SYNC_RUNNING")])
async def test_nobody_is_sure_of_an_account_whose_sync_does_not_end(told):
    client = Client(provider="LINKEDIN", whole=telling(*told))
    seen = await look(client, START)
    assert seen == Undecided(reason=f"the sync of account acc_1 is {told[-1]}")


@pytest.mark.parametrize(
    ("provider", "chats", "quiet"),
    [
        ("WHATSAPP", [], True),  # which has no such sync
        (None, [], True),
        ("LINKEDIN", [Chat(id="chat_9", type=0)], True),  # which has one of its own
        ("LINKEDIN", [], False),
    ],
)
async def test_an_account_is_not_synced_in_vain(provider, chats, quiet):
    client = Client(provider=provider, chats=chats)
    assert await look(client, START, quiet=quiet) == Absent()
    assert "whole" not in client.asked


async def test_a_service_that_plays_no_sync_of_accounts_has_none():
    client = Client(provider="LINKEDIN", whole=NotImplementedByProviderError("no", status=501))
    assert await look(client, START) == Absent()


async def test_a_sync_that_took_longer_than_a_look_counts_for_the_next_one():
    """A large account's takes hours: what a look has begun need not be begun again by the next."""
    asked, left = [], [*["SYNC_RUNNING"] * 3, "SYNC_DONE"]

    async def request(*_, type, **__):
        asked.append(left[0])
        return type(status=left.pop(0))

    client = Client()
    client.request = request
    syncs = Syncs(client, seconds=1.0, options=None)
    account, of = SimpleNamespace(id="acc_1", provider="LINKEDIN"), {"product": None}
    left.insert(0, "SYNC_STARTED")
    assert not (await syncs.of_account(account, item="i", **of)).is_over
    assert not (await syncs.of_account(account, item="i", **of)).is_over
    left.remove("SYNC_RUNNING")
    left.remove("SYNC_RUNNING")
    assert (await syncs.of_account(account, item="i", **of)).is_done
    assert asked == ["SYNC_STARTED", "SYNC_RUNNING", "SYNC_DONE"]


@pytest.mark.looptime
@pytest.mark.parametrize(("doubts", "syncs"), [(1, 1), (10, 1), (50, 1)])
async def test_the_end_of_an_accounts_sync_counts_for_all_who_had_asked(doubts, syncs):
    """It is told once, and whoever asks next starts another one."""
    began, since = [], None

    async def request(*_, type, **__):
        nonlocal since
        now = asyncio.get_running_loop().time()
        if since is None:
            since = now
            began.append(now)
            return type(status="SYNC_STARTED")
        if now - since < 120.0:
            return type(status="SYNC_RUNNING")
        since = None
        return type(status="SYNC_DONE")

    client = Client()
    client.request = request
    made = Syncs(client, seconds=600.0, options=None)
    account = SimpleNamespace(id="acc_1", provider="LINKEDIN")
    looks = [made.of_account(account, item=f"i{n}", product=None) for n in range(doubts)]
    assert all(one.is_done for one in await asyncio.gather(*looks))
    assert len(began) == syncs
    assert (await made.of_account(account, item="late", product=None)).is_done
    assert len(began) == syncs + 1  # what was asked for afterwards needs one of its own


@pytest.mark.looptime
@pytest.mark.parametrize("cancelled", [False, True])
async def test_who_waits_for_a_sync_that_cannot_be_asked_for_waits_no_longer_than_who_asks(
    cancelled,
):
    asked = []

    async def request(*_, type, **__):
        del type
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(600.0)  # for a slot
        raise WaitTooLongError("no room for other", retry_after=60.0)

    client = Client()
    client.request = request
    made = Syncs(client, seconds=600.0, options=None)
    account = SimpleNamespace(id="acc_1", provider="LINKEDIN")
    start = asyncio.get_running_loop().time()
    looks = [
        asyncio.create_task(made.of_account(account, item=f"i{n}", product=None)) for n in range(10)
    ]
    if cancelled:  # who asked; then it is another's turn, and that one asks
        await asyncio.sleep(300.0)
        looks.pop(0).cancel()
    failed = await asyncio.gather(*looks, return_exceptions=True)
    assert {type(one) for one in failed} == {WaitTooLongError}
    assert asked == ([start, start + 300.0] if cancelled else [start])
    with pytest.raises(WaitTooLongError):  # who asks afterwards asks anew
        await made.of_account(account, item="late", product=None)
    assert len(asked) == 2 + cancelled


@pytest.mark.looptime
async def test_who_asks_between_two_chunks_waits_for_a_sync_of_its_own():
    since, told = None, []

    async def request(*_, type, **__):
        nonlocal since
        now = asyncio.get_running_loop().time()
        if since is None:
            since, status = now, "SYNC_STARTED"
        elif now - since < 60.0:
            status = "SYNC_RUNNING"
        else:
            chunks = [one for _, one in told if one in {"CHUNK_DONE", "SYNC_DONE"}]
            since, status = None, "SYNC_DONE" if len(chunks) % 2 else "CHUNK_DONE"
        told.append((now, status))
        return type(status=status)

    client = Client()
    client.request = request
    made = Syncs(client, seconds=600.0, options=None)
    account = SimpleNamespace(id="acc_1", provider="LINKEDIN")
    first = asyncio.create_task(made.of_account(account, item="a", product=None))
    await asyncio.sleep(61.0)  # some of it was copied already
    asked = asyncio.get_running_loop().time()
    assert (await made.of_account(account, item="b", product=None)).is_done
    assert (await first).is_done
    # Both chunks of the sync whose end counts for it had not begun when it asked.
    assert len([at for at, one in told if one == "SYNC_STARTED" and at >= asked]) >= 2


@pytest.mark.looptime
async def test_who_waits_for_a_sync_that_does_not_end_waits_no_longer_than_who_asks():
    async def request(*_, type, **__):
        return type(status="SYNC_RUNNING")

    client = Client()
    client.request = request
    made = Syncs(client, seconds=600.0, options=None)
    account = SimpleNamespace(id="acc_1", provider="LINKEDIN")
    start = asyncio.get_running_loop().time()
    looks = [made.of_account(account, item=f"i{n}", product=None) for n in range(10)]
    assert not any(one.is_over for one in await asyncio.gather(*looks))
    assert asyncio.get_running_loop().time() - start <= 600.0


async def test_an_older_chat_with_the_person_says_nothing_about_the_new_one():
    # A group, or a chat of long ago, is listed already; the new one is not filed yet.
    client = Client(chats=[Chat(id="group_1")], elsewhere=[message(chat_id="chat_9")])
    assert isinstance(await look(client, START), Perhaps)


async def test_a_new_chat_is_looked_for_as_far_as_a_wrong_clock_may_put_it():
    arrived = message(seconds=-600.0, chat_id="chat_9")
    client = Client(elsewhere=lambda: [arrived] if arrived.sent_at > client.after else [])
    assert isinstance(await look(client, START), Perhaps)


@pytest.mark.parametrize("chats", [[], NotFoundError("nobody", status=404)])
async def test_without_a_chat_the_text_must_be_nowhere(chats):
    assert await look(Client(chats=chats), START) == Absent()
    elsewhere = Client(chats=chats, elsewhere=[message(chat_id="chat_8")])
    assert isinstance(await look(elsewhere, START), Perhaps)


# -- invitations ----------------------------------------------------------------------------

INVITE = Invite(provider_id="ACo1", message="Hi")
PENDING = LinkedInProfile(invitation=ProfileInvitation(type="SENT", status="PENDING"))


@pytest.mark.parametrize(
    ("says", "seen"),
    [
        (
            {"sent": [InvitationSent(id="i1", invited_user_id="ACo1")]},
            Found(result_id="i1", by="invitation"),
        ),
        ({"relations": [Relation(member_id="ACo1")]}, Found(result_id=None, by="relation")),
        ({"profile": PENDING}, Found(result_id=None, by="profile")),
        ({}, Absent()),
    ],
)
async def test_invitations(says, seen):
    assert await look(Client(**says), INVITE) == seen


FOLLOWS = InstagramProfile(relationship_status=RelationshipStatus(following=True))
ASKED = InstagramProfile(relationship_status=RelationshipStatus(has_sent_invitation=True))
STRANGER = InstagramProfile(relationship_status=RelationshipStatus(followed_by=True))
BUSY = WaitTooLongError("no room", retry_after=9_000.0)


@pytest.mark.parametrize("content", [INVITE, Follow(provider_id="ACo1")])
@pytest.mark.parametrize(
    ("profile", "there"),
    [(FOLLOWS, True), (ASKED, True), (STRANGER, False), (InstagramProfile(), False)],
)
async def test_a_follow_shows_in_the_profile(content, profile, there):
    seen = await look(Client(profile=profile), content, action="follow")
    assert seen == (Found(result_id=None, by="profile") if there else Absent())


@pytest.mark.parametrize(
    "says", [{}, {"profile": BUSY}, {"profile": NotFoundError("", status=404)}]
)
async def test_a_follow_of_which_nobody_can_tell_is_simply_repeated(says):
    assert await look(Client(**says), INVITE, action="follow") == Absent()


@pytest.mark.parametrize(
    ("reactions", "there"),
    [
        ([], False),
        ([Reaction(value="❤️", is_sender=1)], True),
        (
            [Reaction(value="❤", is_sender=1)],
            True,
        ),  # how it is shown is not all providers' business
        ([Reaction(value="❤️", is_sender=0)], False),
        ([Reaction(value="👍", is_sender=1)], False),
    ],
)
async def test_a_reaction_shows_at_its_message(reactions, there):
    client = Client(message=message(reactions=reactions))
    seen = await look(client, React(message_id="m1", reaction="❤️"), action="react")
    assert seen == (Found(result_id=None, by="reaction") if there else Absent())


async def test_a_reaction_to_what_is_gone_is_simply_repeated():
    client = Client(message=NotFoundError("gone", status=404))
    assert await look(client, React(message_id="m1", reaction="x"), action="react") == Absent()


async def test_others_than_linkedin_show_no_invitations():
    assert isinstance(await look(Client(profile=object()), INVITE), Nowhere)


# -- the same text in another thread --------------------------------------------------------

PERSON = {"thread": START.thread("acc_1")}
OTHER_ID = {"thread": MessageContent(chat_id="p", text=TEXT).thread("acc_1")}
ELSEWHERE = {"thread": StartChat(to="ACo2").thread("acc_1")}


@pytest.mark.parametrize("thread", [PERSON, OTHER_ID])
async def test_what_may_be_that_of_another_thread_waits_for_its_answer(thread):
    seen = await look(Client(messages=[message()]), others=[("sending", None, thread)])
    assert isinstance(seen, Undecided)
    assert seen.until is not None  # our own waiting: it is no vain look
    done = await look(Client(messages=[message()]), others=[("unknown", None, thread)])
    assert isinstance(done, Undecided)
    both = await look(
        Client(messages=[message()]), others=[("unknown", None, thread)], outcome="happened"
    )
    assert both == Found(result_id="m1")  # both are there, so each is one's own


async def test_a_new_chat_minds_what_goes_into_the_chats_with_its_person():
    client = Client(chats=[Chat(id="chat_9")], messages=[message()])
    thread = {"thread": MessageContent(chat_id="chat_9").thread("acc_1")}
    mine = {"thread": START.thread("acc_1")}
    seen = await look(client, START, others=[("sending", None, thread)], **mine)
    assert isinstance(seen, Undecided)
    assert await look(client, START, others=[("sending", None, mine)], **mine) == Found(
        result_id="m1"
    )


async def test_what_was_sent_without_an_id_in_another_thread_has_one_of_the_messages():
    others = [("sent", None, PERSON)]
    assert isinstance(await look(Client(messages=[message()]), others=others), Perhaps)
    two = [message(), message(id="m2", seconds=2.0)]
    assert isinstance(await look(Client(messages=two), others=others), Found)
    old = [("sent", None, {**PERSON, "changed_at": 1_000.0})]
    assert isinstance(await look(Client(messages=[message()]), others=old), Found)


@pytest.mark.parametrize(
    "others",
    [
        [("sending", None, ELSEWHERE)],
        [("sending", None, {**PERSON, "text_digest": digest("Other")})],
        [("queued", None, PERSON)],
        [("sent", "m7", PERSON)],
    ],
)
async def test_what_others_say_elsewhere_or_otherwise_does_not_matter(others):
    assert await look(Client(messages=[message()]), others=others) == Found(result_id="m1")
    unknown_to_it = Client(messages=[message()], chat=NotFoundError("gone", status=404))
    assert await look(unknown_to_it, others=others) == Found(result_id="m1")


async def test_what_became_another_items_since_it_was_read_is_not_taken():
    def becomes_anothers():
        client.place.items["o0"] = msgspec.structs.replace(
            client.place.items["o0"], state="sent", result_id="m1"
        )

    client = Client(messages=[message()], chat=becomes_anothers)
    assert isinstance(await look(client, others=[("queued", None, PERSON)]), Undecided)
