"""Disks that are full, really: a small one is filled up to the last page, and freed again."""

import os
import secrets
import time
from contextlib import suppress

import pytest
from mounts import NotAllowedError
from outage import Outage, Sends
from redis.exceptions import ResponseError

from postpress_async.errors import StateUnavailableError
from postpress_async.sandbox import Sandbox


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def disk_of():
    """Return what makes small disks; they are gone afterwards."""
    from small_disks import Disk  # noqa: PLC0415 - only who needs it must have psycopg

    made = []

    def make(megabytes):
        try:
            made.append(Disk(megabytes))
        except NotAllowedError as error:
            pytest.skip(str(error))
        return made[-1]

    yield make
    for disk in made:
        disk.remove()


@pytest.fixture(scope="module")
def small_postgres(disk_of):
    """Return a PostgreSQL whose disks a test may fill up; it runs again afterwards."""
    from postgres_server import MissingError  # noqa: PLC0415 - as above
    from small_disks import SmallPostgres  # noqa: PLC0415 - as above

    disks = disk_of(24), disk_of(8)
    try:
        cluster = SmallPostgres(*disks)
    except MissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    yield cluster
    cluster.remove()


class Place:
    """Where a store lies; `fill` and `free` are those of its disk."""

    def __init__(self, url, fill, free, words="disk is full", *, restart=None):
        self.url, self.fill, self.free, self.words = url, fill, free, words
        self.restart = restart or (lambda: None)


@pytest.fixture
def place(request, disk_of):
    kind = request.param
    if kind == "sqlite":
        disk = disk_of(1)
        yield Place(f"sqlite:///{disk.path}/counts.db", disk.fill, disk.free)
    elif kind == "redis":
        disk, valkeys = disk_of(8), request.getfixturevalue("valkeys")
        server = valkeys(dir=disk.path).start()

        def fill():
            disk.fill()
            with suppress(ResponseError):
                while server.ask("SET", "other", "x" * 5000):  # until it has found that out
                    time.sleep(0.01)

        words = "cannot save to its disk"
        yield Place(server.url, fill, disk.free, words, restart=server.restart)
    else:
        cluster = request.getfixturevalue("small_postgres")
        schema = request.getfixturevalue("small_schema")
        url = f"{cluster.url}?prefix={schema}"
        if kind == "tables":
            yield Place(url, lambda: cluster.fill_tables(schema), cluster.free)
        else:
            words = "shut down or started|was lost|cannot be reached"
            yield Place(url, cluster.fill_log, cluster.free, words)


@pytest.fixture
def small_schema(small_postgres):
    name = f"t_{secrets.token_hex(6)}"
    yield name
    small_postgres.free()
    small_postgres.drop(name)


# -- counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["sqlite", "tables", "log", "redis"], indirect=True)
async def test_counting_stops_or_goes_on_alone_until_there_is_room(
    place, sandbox, monkeypatch, caplog
):
    async with Outage(sandbox, place.url, monkeypatch, caplog) as outage:
        place.fill()
        await outage.is_told(place.words)
        place.free()
        await outage.is_over()
    place.restart()
    await outage.is_kept()


async def test_however_little_room_is_left_it_is_the_disk_that_is_named(disk_of, open_at, works):
    disk = disk_of(1)
    for pages in range(10):  # among them too few for the file, for its -wal and for its -shm
        images = open_at(disk.path / str(pages) / "counts.db")
        disk.fill()
        disk.free(pages)
        for _ in range(2):
            with pytest.raises(StateUnavailableError, match="the disk is full"):
                await images.step(works.add())
        disk.free()
        assert await images.step(works.add()) == 1


# -- the outbox ------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["mark", "answer"])
@pytest.mark.parametrize("place", ["sqlite", "tables", "log"], indirect=True)
async def test_an_outbox_waits_for_room_loses_nothing_and_doubles_nothing(
    place, sandbox, caplog, moment
):
    sends = Sends(sandbox, caplog, moment, lose=place.fill, find=place.free)
    await sends.wait(place.url, place.words)
