"""What an outbox forgets, deletes and tells as a whole; in a file, not a byte of somebody stays."""

import contextlib
import hashlib
import os
import random
from pathlib import Path

import msgspec
import pytest

from postpress_async.storage.outbox.clearing import entomb
from postpress_async.storage.outbox.erasing import FORGOTTEN
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Claimed, Filter, Finish, New

TABLES = ("items", "attempts", "threads", "lanes", "tombstones", "meta")


class Now:
    def __init__(self):
        self.at = 1_000_000.0

    def __call__(self):
        return self.at


@pytest.fixture
def now():
    return Now()


@pytest.fixture
async def store(open_outboxes, now):
    store = open_outboxes(clock=now)
    await store.enter("w")
    yield store
    await store.leave("w")


@pytest.fixture
def columns(request, store):
    """Return all that the tables hold, as one text."""

    async def seen():
        if "sqlite" in request.node.name:
            everything = await store._file.run(
                lambda c: [c.execute(f"SELECT * FROM outbox_{t}").fetchall() for t in TABLES]
            )
        else:
            execute, schema = request.getfixturevalue("execute"), request.getfixturevalue("schema")
            everything = [
                await execute(f"SELECT string_agg(t::text, '|') FROM {schema}.outbox_{name} t")
                for name in TABLES
            ]
        return repr(everything).lower()

    return seen


def mark(person):
    return hashlib.sha256(person.encode()).digest()[:16]


def says(text, word):
    """Tell whether a word is there, as text or as bytes, in whichever case."""
    return any(one in text for one in (word, word.encode().hex(), word.upper().encode().hex()))


def item(n, **changes):
    person = changes.pop("person", f"p{n}")
    given = {
        "id": f"i{n:04}",
        "key": f"k{n}",
        "digest": b"d%d" % n,
        "kind": "start_chat",
        "account_id": "acc_1",
        "action": "first_message",
        "thread": f"person\x1facc_1\x1f{person}",
        "body": f"to {person}".encode(),
        "recipient": person,
        "tombstone": mark(person),
        "text_digest": b"a",
        "loose_digest": b"b",
        **changes,
    }
    return New(**given)


def named(n, name, person, **changes):
    """Return what is to somebody by an id, and was put in with another name for them."""
    new = item(n, person=person, recipient=name, tombstone=mark(name), **changes)
    return msgspec.structs.replace(new, person=mark(person))


async def finished(store, **how):
    """Claim, mark and finish the next item."""
    row = (await store.claim("w", lease=60.0)).row
    await store.mark(row.id, row.fence, seconds=30.0)
    return await store.finish(row.id, row.fence, Finish(**how))


async def test_of_somebody_who_is_forgotten_no_column_says_anything(store, columns):
    canary = "CANARY-7"
    for n in range(6):
        more = {"key": f"hello/{canary.lower()}"} if n == 4 else {}
        more |= {"group": f"for {canary}"} if n == 5 else {"group": "spring"}
        await store.add([item(n, person=canary, **more)])
    await store.add([item(9, person="somebody else")])
    await finished(store, state="sent", result_id="r1", error=f"no {canary}")
    await finished(store, state="failed", error=f"{canary} is unknown")
    assert "canary" in await columns()
    assert await store.forget(canary, mark(canary)) == 4
    assert not says(await columns(), "canary")
    states = {row.id: row.state for row in await store.find(Filter())}
    assert states["i0000"] == "sent"
    assert states["i0001"] == "failed"
    assert {states[f"i000{n}"] for n in range(2, 6)} == {"cancelled"}
    kept = await store.find(Filter(group="spring"))
    assert [row.key for row in kept][:4] == ["k0", "k1", "k2", "k3"]
    assert kept[4].key == kept[4].id
    # Nobody is kept back: the other one goes, and the forgotten one is refused.
    assert (await store.claim("w", lease=60.0)).row.recipient == "somebody else"
    assert (await store.add([item(20, person=canary)]))[0].kind == "forgotten"


@pytest.mark.parametrize("end", ["sent", "unknown", "queued"])
async def test_what_was_out_when_somebody_was_forgotten_is_emptied_when_it_ends(
    store, columns, end
):
    canary = "CANARY-8"
    await store.add([item(1, person=canary), item(2, person="x", thread=f"chat\x1f{canary}")])
    row = (await store.claim("w", lease=60.0)).row
    await store.mark(row.id, row.fence, seconds=30.0)
    await store.forget(canary, mark(canary))
    assert (await store.get(row.id)).thread == row.thread  # still closed
    ended = await store.finish(row.id, row.fence, Finish(state=end, error=f"{canary} said no"))
    if end == "unknown":
        assert (await store.get(row.id)).thread == row.thread
        await store.alter(row.id, fence=row.fence, states=["unknown"], finish=Finish(state="sent"))
    else:
        assert ended.state == ("cancelled" if end == "queued" else end)
    await store.cancel(Filter(recipient="x"), reason="so")
    await store.forget("x", mark("x"))
    assert not says(await columns(), "canary")


async def test_who_is_forgotten_by_an_id_is_found_under_any_name(store, columns):
    canary = "CANARY-9"
    put = [named(n, "lead-7", canary) for n in range(4)]
    put[1] = named(1, "lead-7", canary, key=f"to/{canary}", group="lead-7 in spring")
    await store.add([*put, item(8, recipient="lead-7", tombstone=mark("lead-7"))])
    row = (await store.claim("w", lease=60.0)).row  # the first of the thread
    await store.mark(row.id, row.fence, seconds=30.0)
    assert await store.forget(canary, mark(canary)) == 3
    assert await store.forget(canary, mark(canary)) == 0
    ended = await store.finish(row.id, row.fence, Finish(state="queued"))
    assert ended.state == "cancelled"
    assert not says(await columns(), "canary")
    kept = await store.find(Filter(recipient="lead-7"))
    assert [(one.id, one.state) for one in kept] == [("i0008", "queued")]
    assert {one.group for one in await store.find(Filter())} == {None}
    [told] = await store.add([named(20, "lead-70", canary)])
    assert told.kind == "forgotten"


@pytest.fixture
def late(postgres_url):
    """Return what puts items in, in a transaction that ends only when it is left."""
    psycopg = pytest.importorskip("psycopg")

    @contextlib.asynccontextmanager
    async def late(store, *items):
        connection = await psycopg.AsyncConnection.connect(postgres_url)
        async with connection:  # which commits
            told = await store.add(list(items), connection=connection)
            assert [one.kind for one in told] == ["new"] * len(items)
            yield

    return late


async def rest(store):
    """Claim all that may go, and return their ids."""
    ids = []
    while isinstance(got := await store.claim("w", lease=60.0), Claimed):
        ids.append(got.row.id)
        await store.finish(got.row.id, got.row.fence, Finish(state="cancelled"))
    return ids


@pytest.mark.parametrize("outbox_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fate", ["goes", "is held", "was cancelled", "has expired"])
async def test_what_is_committed_only_after_its_recipient_was_forgotten_is_erased(
    store, columns, late, now, fate
):
    canary = "CANARY-5"
    more = {"hold": True} if fate == "is held" else {}
    more |= {"expires_at": now.at + 10.0} if fate == "has expired" else {}
    put = [
        item(1, person=canary, key=f"hello/{canary.lower()}", group=f"for {canary}", **more),
        named(2, "lead-7", canary, key=f"to/{canary}", **more),
        item(3, recipient=canary, tombstone=mark(canary), thread="chat\x1facc_1\x1fc", **more),
    ]
    async with late(store, item(0, person="somebody else"), *put):
        assert await store.forget(canary, mark(canary)) == 0
    assert says(await columns(), "canary")
    if fate == "was cancelled":
        assert await store.cancel(Filter(recipient=canary), reason="so") == 2
    now.at += 20.0
    assert await rest(store) == ["i0000"]
    text = await columns()
    assert not says(text, "canary")
    assert "lead-7" not in text
    told = {row.id: row for row in await store.find(Filter())}
    ends = {"has expired": ["expired"] * 3}.get(fate, ["cancelled"] * 3)
    assert [told[f"i000{n}"].state for n in (1, 2, 3)] == ends
    assert {told[f"i000{n}"].error for n in (1, 2, 3)} == {FORGOTTEN}
    # Its key is nobody's by now, and whoever puts it in again is told why it does not go.
    assert [one.kind for one in await store.add(put)] == ["forgotten"] * 3


@pytest.mark.parametrize("outbox_url", ["postgresql"], indirect=True)
async def test_what_was_erased_before_its_thread_knew_of_it_is_left_alone_then(store, now):
    await store.add([item(0, person="x"), item(1)])
    assert await store.forget("x", mark("x")) == 1
    gone = await store.get("i0000")
    now.at += 20.0
    assert await rest(store) == ["i0001"]
    assert await store.get("i0000") == gone


async def test_what_failed_is_not_tried_again_for_who_was_forgotten_by_an_id(store):
    """Also where forgetting has not come to it yet: its tombstones stand first."""
    await store.add([named(1, "lead-7", "ID")])
    row = await finished(store, state="failed")
    await store._run(lambda: entomb(mark("ID")))
    again = await store.alter(
        row.id, fence=row.fence, states=["failed"], finish=Finish(state="queued")
    )
    assert again.state == "cancelled"


async def test_an_account_has_one_open_invitation_to_a_person_by_whatever_name(store):
    given = {"kind": "invite", "action": "invite"}
    first, same, other = (
        named(n, name, person, **given)
        for n, name, person in ((1, "lead-1", "ID"), (2, "lead-2", "ID"), (3, "lead-1", "ID-3"))
    )
    told = await store.add([first, same, other])
    assert [one.kind for one in told] == ["new", "conflict", "new"]
    assert told[1].row.id == first.id
    theirs = named(4, "lead-1", "ID", **given, account_id="acc_2")
    assert (await store.add([theirs]))[0].kind == "new"
    row = await finished(store, state="failed")
    assert (await store.add([same]))[0].kind == "new"
    again = await store.alter(
        row.id, fence=row.fence, states=["failed"], finish=Finish(state="queued")
    )
    assert again is None


async def test_a_file_holds_not_a_byte_of_somebody_who_is_forgotten(tmp_path, now):
    chance = random.Random(7)
    file = tmp_path / "outbox.db"
    store = open_outbox(f"sqlite:///{file}", clock=now)
    await store.enter("w")
    people = [f"CANARY-{n}" for n in range(5)]
    for n in range(60):
        person = chance.choice(people)
        body = chance.randbytes(chance.choice([40, 400, 9000])) + person.encode()
        key = f"{person}/{n}" if n % 3 else f"k{n}"
        await store.add([item(n, person=person, body=body, key=key, group=f"of {person}")])
    for _ in range(60):
        taken = await store.claim("w", lease=60.0)
        if not isinstance(taken, Claimed):
            break
        row = taken.row
        if chance.random() < 0.8:
            await store.mark(row.id, row.fence, seconds=30.0)
        state = chance.choice(["sent", "failed", "queued"])
        why = f"{row.recipient} " * chance.randrange(9)
        await store.finish(row.id, row.fence, Finish(state=state, error=why, retry_at=now.at + 1))
        now.at += 0.4

    def bytes_of():
        return b"".join(one.read_bytes() for one in Path(tmp_path).rglob("*") if one.is_file())

    assert b"CANARY" in bytes_of()
    for person in people:
        await store.forget(person, mark(person))
    assert b"CANARY" in bytes_of()  # SQLite leaves it lying about: this test can fail
    await store.scrub()
    assert b"CANARY" not in bytes_of()
    assert len(await store.find(Filter(), limit=100)) == 60
    await store.leave("w")
    await store.aclose()
    assert b"CANARY" not in bytes_of()


async def test_what_is_emptied_does_not_lie_about_in_the_file(tmp_path, now):
    file = tmp_path / "outbox.db"
    store = open_outbox(f"sqlite:///{file}", clock=now)
    await store.enter("w")
    await store.add([item(n, body=b"CANARY" * 2000) for n in range(10)])
    for _ in range(10):
        await finished(store, state="sent")
    now.at += 1.0
    assert await store.purge(before=now.at) == 10
    await store.leave("w")
    await store.aclose()  # the last one to close carries the log over
    assert b"CANARY" not in file.read_bytes()


async def test_what_was_over_long_ago_is_deleted_and_its_space_given_back(store, now, request):
    await store.add([item(n, body=os.urandom(20_000)) for n in range(40)])
    for _ in range(30):
        await finished(store, state="sent")
    now.at += 100.0
    await finished(store, state="failed")
    assert await store.delete(before=now.at - 100.0) == 0
    assert await store.delete(before=now.at - 50.0) == 30
    assert await store.attempts("i0000") == []
    assert await store.counts(Filter()) == {"failed": 1, "queued": 9}
    [first, *_] = await store.find(Filter())
    assert len(await store.attempts(first.id)) == 1
    if "sqlite" in request.node.name:
        size = await store.shrink(least=1 << 30)
        assert size == 0
        assert await store.shrink(least=100_000) > 400_000
        assert await store.shrink(least=100_000) == 0
    else:
        assert await store.shrink() == 0
    # A key is free again, and what is left goes on.
    assert (await store.add([item(0, id="again")]))[0].kind == "new"
    assert isinstance(await store.claim("w", lease=60.0), Claimed)


async def test_an_outbox_tells_of_itself_as_a_whole(store, now):
    empty = await store.overview()
    assert (empty.counts, empty.due_since, empty.doubted_since, empty.resting) == (
        {},
        None,
        None,
        0,
    )
    await store.add([item(1), item(2, due_at=now.at + 500.0), item(3, account_id="acc_2")])
    assert (await store.overview()).due_since == now.at  # also before threads know of it
    start = now.at
    now.at += 20.0
    await finished(store, state="unknown", look_at=now.at)
    seen = await store.overview()
    assert (seen.now, seen.due_since, seen.doubted_since) == (now.at, start, now.at + 30.0)
    assert (seen.counts, seen.undecided) == ({"unknown": 1, "queued": 2}, 0)
    waits = sorted(
        (one.account_id, one.count, one.last_due) for one in await store.backlog(Filter())
    )
    assert waits in (
        [("acc_1", 1, start + 500.0), ("acc_2", 1, start)],
        [("acc_1", 2, start + 500.0)],
    )
    assert await store.backlog(Filter(account_id="acc_9")) == []


async def test_a_lane_that_rests_is_opened_unless_it_was_shut_anew(store, now):
    await store.add([item(1)])
    row = (await store.claim("w", lease=60.0)).row
    shut = Finish(state="queued", lane_ready_at=now.at + 3600.0)
    await store.finish(row.id, row.fence, shut)
    [lane] = await store.resting()
    assert (lane.account_id, lane.action, lane.until) == ("acc_1", row.action, now.at + 3600.0)
    assert await store.resting(["acc_2"]) == []
    assert not isinstance(await store.claim("w", lease=60.0), Claimed)
    assert not await store.reopen(lane, at=now.at + 4000.0)  # sooner only
    assert await store.reopen(lane, at=now.at + 60.0)
    assert not await store.reopen(lane, at=now.at)  # no more what was looked at
    [lane] = await store.resting(["acc_1"])
    assert lane.until == now.at + 60.0
    assert (await store.overview()).resting == 1
    assert await store.reopen(lane, at=now.at)
    assert await store.resting() == []
    assert isinstance(await store.claim("w", lease=60.0), Claimed)


async def test_an_end_that_comes_late_opens_no_lane_that_another_has_shut(store, now):
    """Two items are out: one shuts their lane for an hour, the other has a second to wait."""
    await store.add([item(n, thread=f"t{n}") for n in range(3)])
    first, second = [(await store.claim("w", lease=60.0)).row for _ in range(2)]
    until = now.at + 3600.0
    await store.finish(first.id, first.fence, Finish(state="queued", lane_ready_at=until))
    over = Finish(state="queued", lane_ready_at=now.at + 1.0)
    now.at += 5.0  # the store was busy
    await store.finish(second.id, second.fence, over)
    assert [one.until for one in await store.resting()] == [until]
    assert not isinstance(await store.claim("w", lease=60.0), Claimed)
    now.at = until
    assert isinstance(await store.claim("w", lease=60.0), Claimed)


async def test_pools_are_found_as_soon_as_they_have_something_to_go(store, now):
    assert await store.pools() == await store.pools(all_of_them=True) == []
    await store.add([item(1, account_id="pool:1"), item(2)])
    assert await store.pools() == await store.pools(all_of_them=True) == ["pool:1"]
    await store.add([item(3, account_id="pool:3", due_at=now.at + 60.0)])
    await store.claim("w", lease=60.0)  # sorts them in
    assert await store.pools() == ["pool:1"]
    assert await store.pools(all_of_them=True) == ["pool:1", "pool:3"]
    now.at += 61.0
    await store.claim("w", lease=60.0)
    assert await store.pools() == ["pool:1", "pool:3"]
    await store.cancel(Filter(account_id="pool:3"), reason="so")
    assert "pool:3" not in await store.pools(all_of_them=True)
