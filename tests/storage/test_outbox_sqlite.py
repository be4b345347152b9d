"""An outbox in a file: the death of its workers, full disks, other people's files."""

import asyncio
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from outbox_worker import item

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox import adding, heads, owners, steps
from postpress_async.storage.outbox.callers import driven
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import USUAL, Claimed, Filter, Finish, Nothing, Reach
from postpress_async.storage.outbox.sqlite import OUTBOX
from postpress_async.storage.sqlite.schema import Schema

pytestmark = pytest.mark.skipif(os.name != "posix", reason="flock and signals")

WORKER = Path(__file__).with_name("outbox_worker.py")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "made" / "outbox.db"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


@pytest.fixture
async def open_store(url):
    opened = []

    def open_store(url=url, **options):
        opened.append(open_outbox(url, **options))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.aclose()


@pytest.fixture
def start():
    """Start a worker in a process of its own; killed after the test."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, WORKER, *arguments], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


async def line(process):
    return (await asyncio.to_thread(process.stdout.readline)).split()


async def states(store):
    return {row.id: row.state for row in await store.find(Filter(), limit=1000)}


# -- who lives, and who is dead --------------------------------------------------------------------


async def test_a_stopped_worker_keeps_what_it_marked_and_a_killed_one_does_not(
    url, open_store, start
):
    store = open_store()
    await store.add([item(0), item(1)])
    worker = start("hold", url, "w")
    marked, claimed = await line(worker)
    assert await store.orphans() == []
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.2)  # its lease and the deadline of its attempt are over
    assert await store.orphans() == []
    assert await states(store) == {marked: "sending", claimed: "queued"}  # its mark fails now
    worker.kill()
    worker.wait()
    (row,) = await store.orphans()
    assert (row.id, row.state) == (marked, "unknown")
    assert await states(store) == {marked: "unknown", claimed: "queued"}
    (attempt,) = await store.attempts(marked)
    assert attempt.fence == row.fence
    assert await store.orphans() == []


async def test_a_forked_child_does_not_live_for_its_parent(url, open_store, start):
    store = open_store()
    await store.add([item(0)])
    parent = start("forked", url, "w")
    (child,) = await line(parent)
    try:
        assert store._workers.life("w") == "alive"
        parent.kill()
        parent.wait()
        assert store._workers.life("w") == "dead"
    finally:
        os.kill(int(child), signal.SIGKILL)


async def test_a_clock_that_was_ahead_once_neither_sends_early_nor_expires(open_store, caplog):
    day, now = 86400.0, [1000.0 + 30 * 86400.0]
    ahead = open_store(clock=lambda: now[0])
    waits = item(2, due_at=now[0] - 10 * day)  # due by a clock that is ahead, and runnable
    await ahead.add([item(0, hold=True), item(1, thread="chat", account_id="a"), waits])
    await ahead.enter("early")
    await ahead.leave("early")
    assert "runnable" in await places(ahead)
    await ahead.aclose()
    now[0] = 1000.0
    store = open_store(clock=lambda: now[0])
    await store.enter("w")
    tomorrow = item(3, thread="tomorrow", due_at=1000.0 + day)
    within = item(4, thread="within", hold=True, expires_at=1000.0 + 3600.0)
    await store.add([tomorrow, within, item(5, thread="chat", account_id="a")])
    for expected in ("i00001", "i00005"):  # put in at once, in their order
        got = await store.claim("w", lease=60.0)
        assert got.row.id == expected
        await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
    assert isinstance(await store.claim("w", lease=60.0), Nothing)
    assert (await states(store))["i00004"] == "held"
    now[0] += 3601.0
    assert isinstance(await store.claim("w", lease=60.0), Nothing)
    assert (await states(store))["i00004"] == "expired"
    now[0] = 1000.0 + day
    assert (await store.claim("w", lease=60.0)).row.id == "i00003"
    assert isinstance(await store.claim("w", lease=60.0), Nothing)
    now[0] = 1000.0 + 20 * day
    assert (await store.claim("w", lease=60.0)).row.id == "i00002"
    assert len(caplog.messages) == 1


async def places(store):
    def work(connection):
        return [row[0] for row in connection.execute("SELECT place FROM outbox_threads")]

    return await store._file.run(work)


async def test_where_a_workers_file_is_gone_leases_tell(file, open_store):
    now = [1000.0]
    store, other = open_store(clock=lambda: now[0]), open_store(clock=lambda: now[0])
    await store.add([item(0), item(1)])
    await store.enter("w")
    first = await store.claim("w", lease=60.0)
    reach = Reach(total=4.0, held=6.0)
    await store.mark(first.row.id, first.row.fence, seconds=30.0, reach=reach)
    for each in (file.parent / "outbox.db-workers").iterdir():
        each.unlink()
    store._workers.forked()  # as another process sees it
    assert await other.orphans() == []
    now[0] += 41.0
    assert [row.id for row in await other.orphans()] == [first.row.id]


async def test_two_workers_of_one_name_are_refused_and_names_come_free(open_store, file):
    first, second = open_store(), open_store()
    await first.enter("w")
    await first.enter("w")
    with pytest.raises(ConfigurationError, match="lives already"):
        await second.enter("w")
    await first.leave("w")
    await second.enter("w")
    with pytest.raises(ConfigurationError, match="has not entered"):
        await first.claim("w", lease=60.0)
    directory = file.parent / "outbox.db-workers"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in directory.iterdir()} == {0o600}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_files_of_the_dead_go_in_time_and_nobody_elses(open_store, file):
    directory = file.parent / "outbox.db-workers"
    gone, store = open_store(), open_store()
    await gone.enter("idle")
    idle = {each.name for each in directory.iterdir()}
    await gone.enter("busy")
    await store.enter("alive")
    await store.add([item(0)])
    row = (await gone.claim("busy", lease=60.0)).row
    await gone.mark(row.id, row.fence, seconds=30.0)
    (directory / "README").write_text("not ours")
    before = {each.name for each in directory.iterdir()}
    await gone.aclose()  # as its death: nobody has left
    await store.enter("now")
    young = {each.name for each in directory.iterdir()} - before
    store._workers.leave("now", left=True)
    for name in before:
        os.utime(directory / name, (1e9, 1e9))
    assert [one.id for one in await store.orphans()] == [row.id]
    left = {each.name for each in directory.iterdir()}
    assert idle.isdisjoint(left)
    assert left >= young | {"README"}
    assert len(left) == 3  # and that of whoever lives
    assert store._workers.life("alive") == "alive"


async def test_whoever_leaves_with_an_attempt_out_leaves_an_orphan(open_store):
    store, other = open_store(), open_store()
    await store.add([item(0), item(1)])
    await store.enter("w")
    first = await store.claim("w", lease=60.0)
    await store.mark(first.row.id, first.row.fence, seconds=30.0)
    second = await store.claim("w", lease=60.0)
    await store.leave("w")
    assert (await other.get(second.row.id)).state == "queued"
    assert [row.id for row in await other.orphans()] == [first.row.id]


async def test_whoever_leaves_a_file_that_cannot_be_told_of_it_is_dead_to_others(
    open_store, monkeypatch
):
    store, other = open_store(), open_store()
    await store.add([item(0)])
    await store.enter("w")
    first = await store.claim("w", lease=60.0)
    await store.mark(first.row.id, first.row.fence, seconds=30.0)

    async def away(*_, **__):
        raise StateUnavailableError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "_run", away)
        with pytest.raises(StateUnavailableError):
            await store.leave("w")
    assert [row.id for row in await other.orphans()] == [first.row.id]


async def test_processes_at_once_send_each_item_once_and_in_order(url, open_store, start):
    store = open_store()
    await store.add([item(n) for n in range(150)])
    workers = [start("work", url, f"w{n}") for n in range(3)]
    told = [await asyncio.to_thread(worker.communicate) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    sent = [entry for out, _ in told for entry in out.split("\n") if entry]
    assert len(sent) == len(set(sent)) == 150
    assert set((await states(store)).values()) == {"sent"}
    rows = sorted(await store.find(Filter(), limit=1000), key=lambda row: row.changed_at)
    for thread in {row.thread for row in rows}:
        its = [row.serial for row in rows if row.thread == thread]
        assert its == sorted(its)


# -- killed in the middle --------------------------------------------------------------------------


@pytest.mark.timeout(240)
async def test_whichever_statement_a_process_dies_before_nothing_is_lost_or_unsaid(
    tmp_path, open_store, start
):
    running = []
    for number in range(1, 400):
        running.append(
            (number, start("nth", f"sqlite:///{tmp_path}/{number}.db", "w", str(number)))
        )
        ended = False
        if len(running) == 4 or ended:
            for n, process in running:
                out, _ = await asyncio.to_thread(process.communicate)
                ended = await check(n, out, open_store(f"sqlite:///{tmp_path}/{n}.db")) or ended
            running = []
        if ended:
            break
    assert number > 60


async def check(number, out, store):
    """See that all that was said is so, and that nothing that went out can be claimed."""
    said = [entry.split() for entry in out.splitlines()]
    rows = {row.id: row for row in await store.find(Filter(), limit=100)}
    for word, *rest in said:
        if word == "added":
            n = int(rest[0])
            assert {item(n).id, item(n + 10).id} <= set(rows)
    assert len(rows) % 2 == 0  # both of one transaction, or none
    await store.enter("other")
    await store.orphans()
    last = {name: word for word, name in (entry for entry in said if len(entry) == 2)}
    rows = {row.id: row for row in await store.find(Filter(), limit=100)}
    for row in rows.values():
        assert row.state in {"queued", "sent", "unknown"}, number
        attempts = await store.attempts(row.id)
        assert len(attempts) == row.attempts
        if row.state == "queued" and attempts:
            assert attempts[-1].outcome == "queued"
        if last.get(row.id) == "marked":
            assert row.state != "queued" or attempts[-1].outcome == "queued"
    unknown = {row.thread for row in rows.values() if row.state == "unknown"}
    free = {row.thread for row in rows.values() if row.state == "queued"} - unknown
    taken = set()
    while isinstance(got := await store.claim("other", lease=60.0), Claimed):
        assert got.row.thread not in taken
        taken.add(got.row.thread)
    assert taken == free
    await store.aclose()
    return ["end"] in said


# -- the disk, and other people's files ------------------------------------------------------------


async def test_no_mark_on_a_full_disk_and_what_is_sending_stays_so(open_store):
    store = open_store()
    await store.add([item(n, body=bytes(2000)) for n in range(40)])
    await store.enter("w")
    first = await store.claim("w", lease=60.0)
    assert await store.mark(first.row.id, first.row.fence, seconds=30.0)
    second = await store.claim("w", lease=60.0)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        for asked in (
            store.mark(second.row.id, second.row.fence, seconds=30.0),
            store.finish(first.row.id, first.row.fence, Finish(state="sent")),
            store.add([item(100)]),
            store.claim("w", lease=60.0),
        ):
            with pytest.raises(StateUnavailableError) as caught:
                await asked
            assert "\n" not in str(caught.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    told = await states(store)
    assert (told[first.row.id], told[second.row.id]) == ("sending", "claimed")
    assert item(100).id not in told
    assert await store.finish(first.row.id, first.row.fence, Finish(state="sent"))
    assert await store.mark(second.row.id, second.row.fence, seconds=30.0)


async def test_a_database_that_may_not_grow_is_told_and_passes(open_store):
    store = open_store()
    await store.add([item(0)])
    await store._file.run(lambda c: c.execute("PRAGMA max_page_count=60").fetchone())
    with pytest.raises(StateUnavailableError, match="disk is full"):
        await store.add([item(1, body=bytes(400_000))])
    await store.enter("w")
    assert isinstance(await store.claim("w", lease=60.0), Claimed)
    await store._file.run(lambda c: c.execute("PRAGMA max_page_count=99999").fetchone())
    assert (await store.add([item(1, body=bytes(400_000))]))[0].kind == "new"


async def test_a_newer_outbox_and_another_file_are_refused(file, open_store, tmp_path):
    store = open_store()
    await store.add([item(0)])
    await store.aclose()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer postpress-async"):
        await open_store().add([item(1)])
    strange = tmp_path / "strange.db"
    with sqlite3.connect(strange) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(ConfigurationError, match="something else than the outbox"):
        await open_store(f"sqlite:///{strange}").add([item(1)])


@pytest.mark.parametrize("url", ["memory:", "redis://localhost"])
def test_what_forgets_cannot_keep_an_outbox(url):
    with pytest.raises(ConfigurationError, match=r"sqlite:///.* or postgresql://"):
        open_outbox(url)


# -- the caller's own transaction ------------------------------------------------------------------


async def test_an_item_commits_or_not_with_the_callers_transaction(file, open_store):
    store = open_store()
    await store.add([item(0)])
    own = sqlite3.connect(file)
    own.row_factory = sqlite3.Row
    own.execute("CREATE TABLE leads (name)")
    own.commit()
    for end, there in ((own.rollback, False), (own.commit, True)):
        own.execute("INSERT INTO leads VALUES ('x')")
        (added,) = await store.add([item(1)], connection=own)
        assert added.kind == "new"
        assert await asyncio.to_thread(lambda: sqlite3.connect(file).execute(
            "SELECT count(*) FROM outbox_items").fetchone()[0]) == 1  # fmt: skip
        end()
        assert (await store.get("i00001") is not None) is there
    (again,) = await store.add([item(1)], connection=own)  # it begins what it needs
    assert again.kind == "same"
    assert own.in_transaction
    own.rollback()
    own.close()
    await store.enter("w")
    names = [(await store.claim("w", lease=60.0)).row.id for _ in range(2)]
    assert names == ["i00000", "i00001"]


async def test_a_callers_connection_must_be_to_this_file_and_in_a_transaction(
    file, open_store, tmp_path
):
    store = open_store()
    other = sqlite3.connect(tmp_path / "other.db")
    with pytest.raises(ConfigurationError, match="another file"):
        await store.add([item(0)], connection=other)
    with pytest.raises(ConfigurationError, match=r"sqlite3\.Connection"):
        await store.add([item(0)], connection=object())
    bare = sqlite3.connect(file, isolation_level=None)
    with pytest.raises(ConfigurationError, match="BEGIN IMMEDIATE"):
        await store.add([item(0)], connection=bare)
    bare.execute("BEGIN IMMEDIATE")
    assert (await store.add([item(0)], connection=bare))[0].kind == "new"
    bare.execute("COMMIT")
    foreign = await asyncio.to_thread(sqlite3.connect, file)
    with pytest.raises(ConfigurationError, match="thread"):
        await store.add([item(1)], connection=foreign)
    other.close()
    bare.close()


# -- how far it looks ------------------------------------------------------------------------------


def filled(connection, done, size):
    """Put in chats of their own, a hot thread, a future account and one behind an unknown item."""
    shapes = {0: {"account_id": "hot", "thread": "hot"}, 1: {"account_id": "future", "due_at": 9e9},
              2: {"account_id": "doubt", "thread": "doubt"}}  # fmt: skip
    for first in range(done, size, 100):
        shape = shapes.get(first // 100 % 10)
        items = [
            item(n, **(shape or {"account_id": f"a{n % 1000}", "thread": f"t{n}"}))
            for n in range(first, first + 100)
        ]
        driven(adding.add(items), connection, 1000.0)
        driven(heads.upkeep(), connection, 1000.0)


def one(connection, turn, to):
    """Claim, mark and finish, and return how many steps SQLite's machine took for each."""
    told, count = [], [0]
    connection.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 1)

    def counted(asked):
        count[0] = 0
        result = driven(asked, connection, 1000.0)
        told.append(count[0])
        return result

    counted(steps.probe())
    row = counted(steps.claim("w", lease=60.0, accounts=None, turn=float(turn))).row
    counted(steps.mark(row.id, row.fence, seconds=30.0, reach=USUAL))
    counted(steps.finish(row.id, row.fence, to))
    counted(owners.late())
    counted(steps.doubtful("w", lease=60.0))
    connection.set_progress_handler(None, 0)
    return told


def test_no_step_walks_along_the_backlog():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for migration in OUTBOX.migrations:
        connection.execute(migration)
    driven(adding.add([item(99_999, account_id="doubt", thread="doubt")]), connection, 1000.0)
    driven(heads.upkeep(), connection, 1000.0)
    one(connection, 0, Finish(state="unknown", look_at=9e9))
    most = []
    for done, size in ((0, 1000), (1000, 30_000)):
        filled(connection, done, size)
        told = [one(connection, size + n, Finish(state="sent")) for n in range(100)]
        most.append([max(column) for column in zip(*told, strict=True)])
    assert all(large <= small * 1.5 for small, large in zip(*most, strict=True)), most
    connection.close()


# -- waiting and cancelling ------------------------------------------------------------------------


@pytest.mark.parametrize("here", [True, False])
async def test_whoever_waits_is_told_here_and_by_other_processes(open_store, monkeypatch, here):
    if here:  # at once, and not by looking
        monkeypatch.setattr("postpress_async.storage.outbox.sqlite._LOOK_EVERY", 1e6)
    store, other = open_store(), open_store()
    await store.enter("w")
    nothing = await store.claim("w", lease=60.0)
    waiting = asyncio.create_task(store.wait(1e6, since=nothing))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await (store if here else other).add([item(0)])
    async with asyncio.timeout(40.0):  # or it would never end
        await waiting
    assert isinstance(await store.claim("w", lease=60.0), Claimed)


async def test_nothing_is_missed_between_a_claim_in_vain_and_a_wait(open_store):
    store = open_store()
    await store.enter("w")
    nothing = await store.claim("w", lease=60.0)
    await store.add([item(0)])
    async with asyncio.timeout(40.0):
        await store.wait(1e6, since=nothing)


async def test_cancelled_at_any_moment_every_item_can_still_be_had(open_store):
    now = [1000.0]
    store = open_store(clock=lambda: now[0])
    await store.add([item(n, thread=f"t{n}") for n in range(60)])
    await store.enter("w")
    done = 0
    for ticks in range(40):
        task = asyncio.create_task(store.claim("w", lease=60.0))
        for _ in range(ticks % 8):
            await asyncio.sleep(0.0005 if ticks % 2 else 0)
        task.cancel()
        try:
            got = await task
        except asyncio.CancelledError:
            continue
        await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
        done += 1
    await store.beat("w", lease=60.0)
    now[0] += 30.0
    await store.beat("w", lease=60.0)  # it prolongs only what somebody has got
    now[0] += 31.0
    assert await store.orphans() == []
    counts = await store.counts(Filter())
    assert counts == {"queued": 60 - done} | ({"sent": done} if done else {})


def test_the_schema_is_of_its_own():
    from postpress_async.storage.sqlite.images import COUNTS  # noqa: PLC0415 - for this test alone

    assert isinstance(OUTBOX, Schema)
    assert OUTBOX.application_id != COUNTS.application_id
