"""Steps of a file that are carried out together: what is read, run and written, and how often."""

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager, closing

import pytest

from postpress_async.errors import StateUnavailableError
from postpress_async.storage.sqlite import images as sqlite_images
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.handle import Handle
from postpress_async.storage.sqlite.images import COUNTS


@asynccontextmanager
async def one_batch(images):
    """Hold the file's thread, so that what is asked for inside is carried out together."""
    began, go_on = threading.Event(), threading.Event()

    def wait(connection):
        began.set()
        assert go_on.wait(10)

    waiting = asyncio.create_task(images._file.run(wait))
    await asyncio.to_thread(began.wait, 10)
    yield
    await asyncio.sleep(0)  # tasks ask when they begin
    go_on.set()
    await waiting


async def until(met):
    while not met():  # noqa: ASYNC110 - in another thread
        await asyncio.sleep(0.001)


async def traced(images):
    """Return a list that statements are added to."""
    seen = []
    await images._file.run(lambda connection: connection.set_trace_callback(seen.append))
    seen.clear()
    return seen


def by_hand(path, statement, *values):
    """Do as another program would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


async def test_works_of_a_batch_see_each_other_and_write_each_image_once(open_at, works):
    images = open_at()
    await images.step(works.add())
    seen = await traced(images)
    asked = [works.add(), works.add("b"), works.add(), works.add("c"), works.add("b")]
    async with one_batch(images):
        steps = [asyncio.create_task(images.step(work)) for work in asked]
    assert await asyncio.gather(*steps) == [2, 1, 3, 1, 2]
    writes = [statement for statement in seen if statement.startswith("INSERT INTO images")]
    assert len(writes) == 2  # three images, by two and one
    again = [works.read(), works.read("b"), works.read("c")]
    assert await asyncio.gather(*map(images.step, again)) == [3, 2, 1]


async def test_a_work_that_raises_in_the_midst_of_a_batch_changes_nothing(open_at, works):
    images = open_at()

    def half(found, now):
        found["k"] = b"9"  # its own copy
        raise KeyError("mine")

    stranger = works.work(["k"], lambda found, now: ({"k": b"7", "other": b"7"}, None))
    asked = [works.add(), works.work(["k", "b"], half), works.add(), stranger, works.add("b")]
    async with one_batch(images):
        steps = [asyncio.create_task(images.step(work)) for work in asked]
    told = await asyncio.gather(*steps, return_exceptions=True)
    assert (told[0], told[2], told[4]) == (1, 2, 1)
    assert isinstance(told[1], KeyError)
    assert isinstance(told[3], ValueError)
    assert await images.step(works.add()) == 3


async def test_one_image_is_deleted_and_made_again_in_a_batch(open_at, works):
    images = open_at()
    await images.step(works.add())
    gone = works.work(["k"], lambda found, now: ({"k": None}, found["k"]))
    for asked, told in (([gone, works.add()], 1), ([gone, works.read()], 0), ([works.add()], 1)):
        async with one_batch(images):
            steps = [asyncio.create_task(images.step(work)) for work in asked]
        assert (await asyncio.gather(*steps))[-1] == told


async def test_images_are_read_again_only_where_somebody_else_has_written(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    assert await images.step(works.read("b")) == 0
    seen = await traced(images)

    def reads():
        return [one for one in seen if one.startswith("SELECT key")]

    assert await images.step(works.add()) == 2
    assert await images.step(works.read("b")) == 0
    assert not reads()
    by_hand(path, "UPDATE images SET image = ?", b"40")
    assert await images.step(works.add()) == 41
    assert reads()
    by_hand(path, "INSERT INTO images VALUES ('b', ?, 0.0)", b"5")
    assert await images.step(works.read("b")) == 5  # it was known that there was none
    assert await images.step(works.read()) == 41
    await images._file.run(lambda c: c.execute("UPDATE images SET image = x'30'"))
    assert await images.step(works.add()) == 1  # also on a connection of its own
    other = open_at()
    assert await other.step(works.add()) == 2
    assert await images.step(works.add()) == 3


class FullAtCommit:
    """A connection whose commits fail for want of room, which leaves it as good as before."""

    failing = False

    def __init__(self, connection):
        self.real = connection

    def __getattr__(self, name):
        return getattr(self.real, name)

    def execute(self, statement, *values):
        if FullAtCommit.failing and statement == "COMMIT":
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self.real.execute(statement, *values)


async def test_a_commit_that_fails_leaves_nothing_in_mind(open_at, works, monkeypatch):
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **o: FullAtCommit(real(*a, **o)))
    images = open_at()
    assert await images.step(works.add()) == 1
    for count in (1, 3):
        monkeypatch.setattr(FullAtCommit, "failing", True)
        asked = [images.step(works.add()) for _ in range(count)]
        for error in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(error, StateUnavailableError)
        monkeypatch.setattr(FullAtCommit, "failing", False)
        assert await images.step(works.read()) == 1


# -- while others hold the lock --------------------------------------------------------------------


@asynccontextmanager
async def held_by_another(path, images):
    """Hold the file's lock as another program would; leave once somebody waits for it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        before = images._file._writer._handle._waited_at
        yield foreign
        await until(lambda: images._file._writer._handle._waited_at != before)
        foreign.execute("COMMIT")


async def test_who_comes_while_the_lock_is_waited_for_is_in_the_same_batch(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    seen = await traced(images)
    steps = []
    async with held_by_another(path, images):
        before = images._file._writer._handle._waited_at
        steps.append(asyncio.create_task(images.step(works.add())))
        await until(lambda: images._file._writer._handle._waited_at != before)
        steps += [asyncio.create_task(images.step(works.add())) for _ in range(3)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*steps) == [2, 3, 4, 5]
    assert seen.count("COMMIT") == 1


async def test_who_wants_the_disk_does_not_join_those_who_do_not(path):
    file = SqliteFile(str(path), COUNTS, synchronous="FULL")

    def level(connection):
        return connection.execute("PRAGMA synchronous").fetchone()[0]

    await file.run(level)
    with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        lazy = asyncio.create_task(file.run(level, durable=False))
        await until(file._writer._handle.is_contended)
        durable = asyncio.create_task(file.run(level))
        await asyncio.sleep(0)
        foreign.execute("COMMIT")
    assert (await lazy, await durable) == (1, 2)
    await file.aclose()


class Adds:
    """Add one, and note each run."""

    def __init__(self, key="k", *, repeatable=True, fail=False):
        self.keys = (key,)
        self.repeatable = repeatable
        self.fail = fail
        self.runs = []

    def run(self, images, now):
        (key,) = self.keys
        self.runs.append(now)
        if self.fail:
            raise LookupError
        total = int(images[key] or b"0") + 1
        return {key: b"%d" % total}, (total, now)


@pytest.fixture
def contended(monkeypatch):
    """Let every lock seem to be likely held by others."""
    monkeypatch.setattr(Handle, "is_contended", lambda self: True)


@pytest.mark.usefixtures("contended")
async def test_what_is_decided_before_the_lock_is_had_holds_if_nobody_wrote(path, open_at):
    images = open_at(clock=lambda: 1000.0)
    for _ in range(3):  # from the second on it is known to be its own
        await images.step(Adds())
    asked = [Adds(), Adds(), Adds(repeatable=False), Adds(fail=True), Adds()]
    async with held_by_another(path, images):
        steps = [asyncio.create_task(images.step(work)) for work in asked]
        await until(lambda: asked[0].runs)
        assert not asked[2].runs
    told = await asyncio.gather(*steps, return_exceptions=True)
    assert [one[0] for one in told if not isinstance(one, LookupError)] == [4, 5, 6, 7]
    assert [len(work.runs) for work in asked[:3]] == [1, 1, 1]
    assert isinstance(told[3], LookupError)


@pytest.mark.usefixtures("contended")
async def test_what_is_decided_before_the_lock_is_had_is_dropped_if_others_wrote(path, open_at):
    images = open_at(clock=lambda: 1000.0)
    for _ in range(3):
        await images.step(Adds())
    work = Adds()
    async with held_by_another(path, images) as foreign:
        step = asyncio.create_task(images.step(work))
        await until(lambda: work.runs)
        foreign.execute("UPDATE images SET image = ?", (b"40",))
    assert (await step)[0] == 41
    assert len(work.runs) == 2
    shared = Adds()  # it is not its own any more: nothing is decided in vain
    async with held_by_another(path, images):
        before = images._file._writer._handle._waited_at
        step = asyncio.create_task(images.step(shared))
        await until(lambda: images._file._writer._handle._waited_at != before)
        assert not shared.runs
    assert (await step)[0] == 42
    assert len(shared.runs) == 1


@pytest.mark.usefixtures("contended")
async def test_what_was_decided_long_ago_or_before_a_later_writing_is_decided_anew(path, open_at):
    wall = [1000.0]
    images = open_at(clock=lambda: wall[0])
    for _ in range(3):
        await images.step(Adds())
    for later, written in ((1.0, None), (0.0, 1500.0)):
        work = Adds()
        async with held_by_another(path, images) as foreign:
            step = asyncio.create_task(images.step(work))
            await until(lambda work=work: work.runs)
            wall[0] += later
            if written is not None:  # the same bytes, later
                foreign.execute("UPDATE images SET changed_at = ?", (written,))
        _, now = await step
        assert len(work.runs) == 2
        assert now == max(wall[0], written or 0.0)


@pytest.mark.usefixtures("contended")
async def test_what_was_decided_for_a_lost_file_does_not_get_into_the_next(path, open_at):
    images = open_at(look_every=0)
    for _ in range(3):
        await images.step(Adds())
    path.unlink()
    with pytest.raises(StateUnavailableError, match="was deleted"):
        await images.step(Adds())
    assert (await images.step(Adds()))[0] == 4  # by what was seen, once


# -- the log ---------------------------------------------------------------------------------------


async def test_the_log_is_carried_over_where_it_grows_and_nobody_reads(
    path, open_at, works, monkeypatch
):
    monkeypatch.setattr(sqlite_images, "_LOG_MOST", 50_000)
    images = open_at(look_every=0)
    log = path.with_name("counts.db-wal")

    async def grow():
        """Return how long it is after each of some steps."""
        found = []
        for _ in range(15):
            await images.step(works.add(size=9000))
            found.append(await images._file.run(lambda _: log.stat().st_size))
        return found

    assert max(await grow()) < 120_000
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM images").fetchone()
        assert (await grow())[-1] > 120_000
    assert (await grow())[-1] < 120_000
    assert await images.step(works.read()) == 45
