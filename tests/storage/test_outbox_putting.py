"""Putting in many at once, which goes first of what is in, and which commits wait for the disk."""

import sqlite3

import pytest
from outbox_worker import item

from postpress_async.storage.outbox.callers import add_in_file
from postpress_async.storage.outbox.rows import Claimed, Filter, Finish, Nothing
from postpress_async.storage.outbox.steps import FEW

START = 1_000_000.0


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "outbox.db")


@pytest.fixture
def now():
    return [START]


@pytest.fixture
async def store(open_outboxes, now):
    store = open_outboxes(clock=lambda: now[0])
    await store.enter("w1")
    return store


in_a_file = pytest.mark.parametrize("outbox_url", ["sqlite"], indirect=True)


async def claims(store, *, most=20, **options):
    """Claim what there is, and finish each."""
    told = []
    while len(told) < most and isinstance(
        got := await store.claim("w1", lease=60.0, **options), Claimed
    ):
        told.append(got.row.id)
        await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
    return told


async def test_many_at_once_are_kept_as_one_by_one(store):
    (first,) = await store.add([item(7, recipient="r7", group="g")])
    await store.forget("r", b"t")
    wanted = [item(n, recipient=f"r{n}", group="g", due_at=START - n) for n in range(237)]
    wanted[7] = item(7, recipient="r7", group="g")
    wanted[50] = item(50, digest=b"e")
    wanted[60] = item(60, recipient="r", tombstone=b"t")
    wanted[236] = item(50)  # the key again, with another digest
    told = await store.add(wanted)
    odd = {7: "same", 60: "forgotten", 236: "conflict"}
    assert {n: added.kind for n, added in enumerate(told) if added.kind != "new"} == odd
    assert told[7].row == first.row
    rows = {row.id: row for row in await store.find(Filter(), limit=1000)}
    assert len(rows) == 235
    assert [added.row.serial for added in told if added.kind == "new"] == sorted(
        row.serial for row in rows.values() if row.serial != first.row.serial
    )
    for new, added in zip(wanted, told, strict=True):
        if added.kind == "new":
            assert added.row == rows[new.id]
            assert (added.row.key, added.row.thread, added.row.body) == (
                new.key, new.thread, new.body,
            )  # fmt: skip
    told = await claims(store)
    assert len({*told}) == 20
    assert {*told} <= {*rows}


async def test_where_the_best_of_an_account_has_gone_anothers_goes_first(store):
    given = [("a", 0), ("a", 2), ("b", 1)]
    await store.add(
        [
            item(n, account_id=account, thread=f"t{n}", priority=priority)
            for n, (account, priority) in enumerate(given)
        ]
    )
    assert not isinstance(await store.claim("w1", lease=60.0, accounts=["nobody"]), Claimed)
    await store.cancel(Filter(keys=("k0",)), reason="by hand")
    assert await claims(store) == ["i00002", "i00001"]


async def test_a_claim_sees_by_itself_which_account_has_room_and_what_is_over(store, now):
    await store.add([item(0, expires_at=START + 20.0, hold=True), item(1)])
    row = (await store.claim("w1", lease=60.0)).row
    later = Finish(state="queued", lane_ready_at=START + 10.0)
    await store.finish(row.id, row.fence, later)
    got = await store.claim("w1", lease=60.0)
    assert got.at == START + 10.0
    now[0] = START + 10.0
    assert await claims(store) == ["i00001"]
    assert (await store.get("i00000")).state == "held"
    now[0] = START + 20.0
    assert await claims(store) == []
    assert (await store.get("i00000")).state == "expired"


async def test_what_is_over_is_not_claimed_though_it_is_more_than_is_put_away_at_once(store, now):
    await store.add([item(n, thread=f"t{n}", expires_at=START + 20.0) for n in range(70)])
    for _ in range(2):
        await store.claim("w1", lease=60.0, accounts=["nobody"])
    now[0] = START + 20.0
    assert await claims(store) == []
    assert await store.counts(Filter()) == {"expired": 70}


@in_a_file
async def test_several_in_a_file_wait_for_no_claim_to_take_them_in(store, file):
    await store.add([item(n) for n in range(12)])
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM outbox_items WHERE fresh").fetchone() == (
            0,
        )
    connection.close()


@in_a_file
async def test_what_is_fresh_goes_before_what_came_in_many_at_once(store, file):
    own = sqlite3.connect(file)
    for n in range(200):  # more than one claim takes in, and of other chats
        add_in_file([item(n, thread=f"t{n}")], own, path=file, now=START)
    add_in_file([item(200, account_id="one", thread="chat")], own, path=file, now=START)
    own.commit()
    own.close()
    await store.add([item(n, account_id="one", thread="chat") for n in (201, 202)])
    told = []
    for _ in range(4):  # each takes some in before
        told += await claims(store, accounts=["one"])
    assert told == ["i00200", "i00201", "i00202"]


@in_a_file
async def test_a_claim_does_not_wait_for_the_disk_and_all_else_does(store):
    run, levels = store._file.run, []

    async def noted(work, **options):
        def with_level(connection):
            levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])
            return work(connection)

        return await run(with_level, **options)

    store._file.run = noted
    await store.add([item(0)])
    await store.add([item(1), item(2)])
    claimed = await store.claim("w1", lease=60.0)
    await store.mark(claimed.row.id, claimed.row.fence, seconds=30.0)
    await store.finish(claimed.row.id, claimed.row.fence, Finish(state="sent"))
    await store.cancel(Filter(), reason="by hand")
    assert (levels[2], {*levels[:2], *levels[3:]}) == (1, {2})  # NORMAL, FULL


@pytest.mark.parametrize("others", [0, FEW])
async def test_whoever_works_for_some_accounts_is_given_theirs_in_turn(store, others):
    await store.add([item(n, account_id=f"a{n % 4}", thread=f"t{n}") for n in range(12)])
    accounts = ["a1", "a3", *(f"none{n}" for n in range(others))]
    told = await claims(store, accounts=accounts)
    assert told == ["i00001", "i00003", "i00005", "i00007", "i00009", "i00011"]
    assert isinstance(await store.claim("w1", lease=60.0, accounts=accounts), Nothing)
    assert len(await claims(store)) == 6
