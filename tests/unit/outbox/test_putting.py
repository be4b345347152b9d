"""Names, wishes and rows: what is refused before anything is put in, and what a row says."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from postpress_async import ConfigurationError
from postpress_async.options import positive
from postpress_async.outbox import Defer, Item, Replace, Skip, contents, listing, putting
from postpress_async.outbox.contents import (
    Follow,
    Invite,
    MessageContent,
    ProfileRead,
    React,
    StartChat,
)
from postpress_async.outbox.items import item_of
from postpress_async.outbox.putting import Names, Wishes, new_of, pool_of, tombstone_of
from postpress_async.outbox.results import Sent
from postpress_async.storage.outbox.rows import Added, Claimed, Filter, Finish, New, Row

from .memory import a_row

SOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - refused


def row_of(new, **changes):
    given = {name: getattr(new, name) for name in new.__struct_fields__ if name in KEPT}
    kept = {
        "serial": 1, "state": "queued", "fence": 0, "attempts": 0, "retry_at": None,
        "look_at": None, "looks": 0, "needs_decision": False, "owner": None, "lease": None,
        "result_id": None, "error": None, "idempotency_key": "k", "created_at": 5.0,
        "changed_at": 6.0, **changes,
    }  # fmt: skip
    return Row(**given, **kept)


KEPT = set(Row.__struct_fields__)


def test_names_are_unique_and_in_order_whatever_the_clock_does():
    times = iter([5.0, 5.0, 4.0, 6.0, *[6.0] * 996])
    make = Names(now=lambda: next(times), random=lambda n: b"\xff" * n)
    made = [make() for _ in range(1000)]
    assert made == sorted(set(made))
    assert {len(name) for name in made} == {26}
    assert len({Names()() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("content", "account_id", "field"),
    [
        (StartChat(to="a\0b", text="Hi"), "acc_1", "to"),
        (Invite(provider_id="a\0b"), "acc_1", "provider_id"),
        (MessageContent(chat_id="a\0b", text="Hi"), "acc_1", "chat_id"),
        (React(message_id="a\0b", reaction="👍"), "acc_1", "message_id"),
        (MessageContent(chat_id="chat_1", text="Hi"), "acc\0", "account_id"),
    ],
)
def test_a_name_that_no_store_keeps_is_refused_before(content, account_id, field):
    with pytest.raises(ConfigurationError, match=f"^{field} has a NUL"):
        new_of(content, account_id, Wishes(), provider=None, id_="i")


@pytest.mark.parametrize(
    ("of", "field", "most"),
    [
        (lambda long: (StartChat(to=long, text="Hi"), "acc_1"), "to", 1_024),
        (lambda long: (Invite(provider_id=long), "acc_1"), "provider_id", 1_024),
        (lambda long: (Follow(provider_id=long), "acc_1"), "provider_id", 1_024),
        (lambda long: (MessageContent(chat_id=long, text="Hi"), "acc_1"), "chat_id", 1_024),
        (lambda long: (React(message_id=long, reaction="👍"), "acc_1"), "message_id", 1_024),
        (lambda long: (MessageContent(chat_id="c", text="Hi"), long), "account_id", 512),
    ],
    ids=["to", "invite", "follow", "chat", "message", "account"],
)
def test_a_text_in_the_place_of_an_id_is_refused_before(of, field, most):
    fits, too_long = "é" * (most // 2), "é" * (most // 2) + "e"
    assert new_of(*of(fits), Wishes(), provider=None, id_="i").id == "i"
    with pytest.raises(ConfigurationError, match=f"^{field} has {most + 1} bytes, and ids at most"):
        new_of(*of(too_long), Wishes(), provider=None, id_="i")


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30])
def test_a_priority_that_no_store_keeps_is_refused_before(value):
    with pytest.raises(ConfigurationError, match=r"^priority must be a whole number from"):
        Wishes(priority=value)
    assert Wishes(priority=2**31 - 1).priority == 2**31 - 1


@pytest.mark.parametrize("value", ["a\0b", "\ud800", ""])
@pytest.mark.parametrize("field", ["account_id", "group", "recipient"])
def test_nothing_is_looked_for_by_a_name_that_no_store_keeps(field, value):
    with pytest.raises(ConfigurationError, match=f"^{field} "):
        listing.filter_of(**{field: value})


def test_a_cursor_that_no_store_gave_is_refused():
    with pytest.raises(ConfigurationError, match="start must be a cursor"):
        listing.items_of(None, Filter(), start="1" * 40, page_size=None)


def test_a_number_with_more_digits_than_any_has_is_refused():
    with pytest.raises(ConfigurationError, match="typing_duration must be a number"):
        positive("typing_duration", 10**400)


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_a_never_is_kept_and_can_be_told_in_every_time_zone(hours):
    never = datetime.max.replace(tzinfo=timezone(timedelta(hours=hours)))
    content, wishes = MessageContent(chat_id="chat_1", text="Hi"), Wishes(expires_at=never)
    item = item_of(row_of(new_of(content, "acc_1", wishes, provider=None, id_="i")))
    told = {item.expires_at.astimezone(timezone(timedelta(hours=off))).year for off in (-12, 14)}
    assert told == {9999}
    assert putting.instant_of("Defer.until", Defer(never).until) == item.expires_at.timestamp()


@pytest.mark.parametrize("at", [float("inf"), 253402300800.0, 1e300, -1e12])
def test_a_row_with_any_number_for_an_instant_can_be_read(at):
    new = new_of(MessageContent(chat_id="c", text="Hi"), "a", Wishes(), provider=None, id_="i")
    row = msgspec.structs.replace(row_of(new), due_at=at, expires_at=at, retry_at=at)
    item = item_of(row)
    assert item.expires_at.year in {1970, 9999}
    assert item.retry_at == item.expires_at


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": " "},
        {"key": "x" * 513},
        {"group": 7},
        {"not_before": NAIVE},
        {"expires_at": NAIVE},
        {"not_before": "tomorrow"},
        {"not_before": SOON, "expires_at": SOON},
        {"priority": 1.5},
        {"hold": "yes"},
    ],
    ids=str,
)
def test_wishes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Wishes(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Skip(""),
        lambda: Defer(NAIVE),
        lambda: Defer("tomorrow"),
        lambda: Replace(text=" "),
    ],
    ids=["skip", "naive", "text", "blank"],
)
def test_answers_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        wrong()


def test_a_row_says_what_was_wished():
    paris = timezone(timedelta(hours=1))
    wishes = Wishes(
        key="k", group="g", recipient="r", not_before=SOON.astimezone(paris),
        expires_at=SOON + timedelta(days=1), hold=True, priority=-1,
    )  # fmt: skip
    new = new_of(MessageContent(chat_id="c", text="Hi"), "acc_1", wishes, provider=None, id_="i")
    assert (new.id, new.key, new.group, new.recipient) == ("i", "k", "g", "r")
    assert (new.due_at, new.expires_at) == (SOON.timestamp(), SOON.timestamp() + 86_400.0)
    assert (new.hold, new.priority, new.kind, new.action) == (True, -1, "message", "message")
    assert new.tombstone == tombstone_of(" r ") != tombstone_of("R")
    item = item_of(row_of(new))
    assert (item.not_before, item.expires_at) == (SOON, SOON + timedelta(days=1))
    assert (item.chat_id, item.text, item.person, item.profile) == ("c", "Hi", None, None)


def test_whoever_it_is_to_can_be_forgotten_without_a_name():
    new = new_of(Invite(provider_id="ACo1"), "acc_1", Wishes(), provider=None, id_="i")
    assert (new.key, new.recipient, new.tombstone) == ("i", "ACo1", tombstone_of("ACo1"))
    follow = new_of(Invite(provider_id="1"), "acc_1", Wishes(), provider="INSTAGRAM", id_="i")
    assert follow.action == "follow"
    assert new.person == follow.person == b""  # their name already
    message = new_of(MessageContent(chat_id="c"), "acc_1", Wishes(), provider=None, id_="i")
    assert (message.recipient, message.tombstone) == (None, b"")


def test_whoever_has_two_names_can_be_forgotten_by_either():
    for content in (Invite(provider_id="ACo1"), StartChat(to=" ACo1 ", text="Hi")):
        new = new_of(content, "acc_1", Wishes(recipient=" r "), provider=None, id_="i")
        assert (new.recipient, new.tombstone) == ("r", tombstone_of("r"))
        assert new.person == tombstone_of("ACo1")
        again = Wishes(recipient=" ACo1")
        assert new_of(content, "acc_1", again, provider=None, id_="i").person == b""


def test_looks_stand_in_no_order_and_a_pool_has_a_lane_of_its_own():
    one, two = (
        ProfileRead(identifier="x", accounts=("a",)),
        ProfileRead(identifier="x", accounts=("a", "b")),
    )
    assert (pool_of(one), pool_of(two)[:5]) == ("a", "pool:")
    assert pool_of(two) == pool_of(msgspec.structs.replace(two, accounts=("b", "a")))
    new = new_of(two, pool_of(two), Wishes(), provider=None, id_="i")
    assert (new.thread, new.account_id) == ("i", pool_of(two))


def test_another_content_leaves_all_but_the_text():
    new = new_of(MessageContent(chat_id="c", text="a"), "acc_1", Wishes(), provider=None, id_="i")
    again = putting.rewritten(row_of(new), MessageContent(chat_id="c", text="b"))
    assert contents.decode(again.body).text == "b"
    assert again.text_digest != new.text_digest
    for name in ("id", "key", "digest", "thread", "account_id", "action", "priority"):
        assert getattr(again, name) == getattr(new, name)


def test_an_item_shows_neither_its_text_nor_whom_it_is_to():
    wishes = Wishes(key="key-CANARY", recipient="name-CANARY", group="group-CANARY")
    content = MessageContent(chat_id="c", text="text-CANARY")
    new = new_of(content, "acc_1", wishes, provider=None, id_="i")
    item = item_of(row_of(new, state="claimed", retry_at=9.0))
    assert isinstance(item, Item)
    assert (item.state, item.retry_at) == ("queued", datetime.fromtimestamp(9.0, UTC))
    assert "CANARY" not in repr(item) + str(item.__rich_repr__()) + repr(content)
    assert item_of(row_of(msgspec.structs.replace(new, body=b""))).text is None


def test_what_is_kept_shows_no_text():
    kept = a_row(body=b"canary", recipient="canary", thread="canary")
    new = New(
        id="i", key="k", digest=b"", kind="message", account_id="a", action="message",
        thread="canary", body=b"canary", recipient="canary",
    )  # fmt: skip
    ends = [Finish(state="sent", body=b"canary"), Sent(result_id="m", body=b"canary")]
    for one in (new, kept, Claimed(row=kept, now=0.0), Added(row=kept, kind="new"), *ends):
        assert "canary" not in repr(one)
        assert "canary" not in repr(one.__rich_repr__() if hasattr(one, "__rich_repr__") else "")
