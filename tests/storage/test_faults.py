"""What goes wrong while a file is in use, what is said of it, and that it passes."""

import asyncio
import os
import resource
import shutil
import signal
import sqlite3

import pytest

from postpress_async.errors import StateUnavailableError
from postpress_async.storage.sqlite import images as images_module

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an open file can be lost on POSIX only")


async def unavailable(images, works, words, **options):
    with pytest.raises(StateUnavailableError, match=words) as caught:
        await images.step(works.add(**options))
    assert "\n" not in str(caught.value)
    assert caught.value.retryable


async def test_a_full_disk_stops_counting_until_there_is_room(open_at, works):
    images = open_at()
    await images.step(works.add())
    await images._file.run(lambda c: c.execute("PRAGMA max_page_count=8").fetchone())
    await unavailable(images, works, "disk is full", key="large", size=50_000)
    assert await images.step(works.read()) == 1  # what needs no room goes on
    await images._file.run(lambda c: c.execute("PRAGMA max_page_count=9999").fetchone())
    assert await images.step(works.add("large", size=50_000)) == 1


async def test_a_full_disk_fails_only_the_works_that_need_room(open_at, works):
    images = open_at()
    await images.step(works.add())
    await images._file.run(lambda c: c.execute("PRAGMA max_page_count=8").fetchone())
    asked = [works.add(), works.add("large", size=50_000), works.add()]
    small, large, last = await asyncio.gather(*map(images.step, asked), return_exceptions=True)
    assert (small, last) == (2, 3)
    assert isinstance(large, StateUnavailableError)


async def test_a_failing_write_is_reported_and_passes(open_at, works):
    # The kernel refuses to let files grow: a real I/O error, on the path of a real one.
    images = open_at()
    for _ in range(3):
        await images.step(works.add())
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        await unavailable(images, works, "writing failed|disk is full|cannot be opened")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert await images.step(works.add()) == 4


async def test_a_foreign_lock_is_waited_for_no_longer_than_the_timeout(path, open_at, works):
    images = open_at(timeout=0.05)
    await images.step(works.add())
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN EXCLUSIVE")
    await unavailable(images, works, "another program holds it locked")
    foreign.execute("ROLLBACK")
    foreign.close()
    assert await images.step(works.add()) == 2


async def test_closing_waits_for_a_lock_no_longer_than_for_a_server(
    path, open_at, works, monkeypatch
):
    monkeypatch.setattr(images_module, "_CLOSES_WITHIN", 0.1)
    images = open_at(timeout=300)
    await images.step(works.add())
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    asked = [asyncio.create_task(images.step(works.add())) for _ in range(3)]
    await asyncio.sleep(0)  # they are asked for
    async with asyncio.timeout(30):
        await images.aclose()
    for one in asked:
        with pytest.raises(StateUnavailableError, match="holds it locked"):
            await one
    foreign.close()
    assert await open_at().step(works.add()) == 2


async def test_a_short_lock_is_waited_out(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN EXCLUSIVE")
    waiting = asyncio.create_task(images.step(works.add()))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    foreign.execute("ROLLBACK")
    foreign.close()
    assert await waiting == 2


def as_found(key, mine, theirs, seen, written):
    """Mend nothing."""
    return theirs


async def test_what_a_deleted_file_told_is_put_back(path, open_at, works):
    first, second = open_at(look_every=0), open_at(look_every=0)
    for _ in range(3):
        await first.step(works.add())
    assert await second.step(works.add()) == 4
    path.unlink()
    await unavailable(first, works, "was deleted")
    assert await first.step(works.add()) == 4  # it had seen 3
    await unavailable(second, works, "was replaced")
    assert await second.step(works.add()) == 5  # what the first wrote is newer than what it saw
    assert await first.step(works.add()) == 6  # mended once, not at every step


async def test_what_an_older_copy_has_forgotten_is_put_back(path, open_at, works):
    before = open_at()
    await before.step(works.add())
    await before.aclose()
    copy = path.read_bytes()
    images = open_at(look_every=0)
    for _ in range(4):
        await images.step(works.add())
    (path.parent / "copy.db").write_bytes(copy)
    (path.parent / "copy.db").replace(path)
    await unavailable(images, works, "was replaced")
    assert await images.step(works.add()) == 6


async def test_a_deleted_file_is_noticed_and_begun_anew(path, open_at, works):
    images = open_at(look_every=0, mend=as_found)
    await images.step(works.add())
    epoch = await images.epoch()
    path.unlink()
    await unavailable(images, works, "was deleted")
    assert await images.step(works.add()) == 1
    assert await images.epoch() != epoch  # whoever wants to know sees that counts were lost
    assert path.exists()


async def test_a_deleted_directory_is_made_again(path, open_at, works):
    images = open_at(look_every=0, mend=as_found)
    await images.step(works.add())
    shutil.rmtree(path.parent)
    await unavailable(images, works, "was deleted")
    assert await images.step(works.add()) == 1


async def test_a_replaced_file_is_taken_for_what_it_is(path, open_at, works):
    other = open_at(path.parent / "other.db")
    for _ in range(5):
        await other.step(works.add())
    await other.aclose()
    images = open_at(look_every=0, mend=as_found)
    await images.step(works.add())
    (path.parent / "other.db").replace(path)
    await unavailable(images, works, "was replaced")
    assert await images.step(works.add()) == 6  # and nothing of the old file's log got into it


async def test_two_holders_of_a_deleted_file_meet_in_one_new_file(path, open_at, works):
    first, second = open_at(look_every=0, mend=as_found), open_at(look_every=0, mend=as_found)
    await first.step(works.add())
    await second.step(works.add())
    path.unlink()
    await unavailable(first, works, "was deleted")
    assert await first.step(works.add()) == 1
    await unavailable(second, works, "was replaced")
    assert await second.step(works.add()) == 2
    assert await first.step(works.add()) == 3
    await second.aclose()
    assert await first.step(works.add()) == 4
    assert await open_at().step(works.add()) == 5


async def test_a_file_replaced_by_another_programs_is_unavailable_until_put_right(
    path, open_at, works
):
    images = open_at(look_every=0, mend=as_found)
    await images.step(works.add())
    path.unlink()
    path.write_bytes(b"Dear diary, " * 500)
    await unavailable(images, works, "was replaced")
    await unavailable(images, works, "no SQLite database")
    path.unlink()
    assert await images.step(works.add()) == 1


async def test_a_damaged_file_is_reported_and_a_copy_put_back_is_used(path, open_at, works):
    images = open_at()
    for n in range(40):
        await images.step(works.add(f"k{n}", size=3000))
    await images.aclose()
    copy = path.read_bytes()
    path.write_bytes(copy[: len(copy) // 2])  # cut off in the middle of the pages
    images = open_at(look_every=0, mend=as_found)
    failed = 0
    for n in range(40):
        try:
            await images.step(works.add(f"k{n}", size=3000))
        except StateUnavailableError as error:
            failed += 1
            assert "damaged" in str(error)  # noqa: PT017 - some keys lie in what is left
    assert failed
    path.unlink()
    path.write_bytes(copy)
    await asyncio.gather(images.step(works.read("k0")), return_exceptions=True)  # notices at most
    assert await images.step(works.add("k39")) == 2


async def test_an_unreadable_place_is_reported_and_passes(path, open_at, works, monkeypatch):
    images = open_at(look_every=0, mend=as_found)
    await images.step(works.add())
    real = os.lstat

    def denied(where, *args, **kwargs):
        if str(where) == str(path):
            raise PermissionError(13, "Permission denied")
        return real(where, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", denied)
        await unavailable(images, works, "Permission denied")
    assert await images.step(works.add()) == 2
    assert await open_at(timeout=0.1).step(works.add()) == 3  # no lock stayed behind


async def test_a_table_that_went_missing_is_the_stores_fault(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    await images._file.run(lambda c: c.execute("DROP TABLE images"))
    await unavailable(images, works, "changed by hand")


class Failing:
    """A connection whose nth statement fails as on a broken disk, and loses the transaction."""

    def __init__(self, connection, countdown):
        self.real, self.countdown = connection, countdown

    def __getattr__(self, name):
        return getattr(self.real, name)

    def execute(self, statement, *values):
        self.countdown[0] -= 1
        if self.countdown[0] == 0:
            if self.real.in_transaction:
                self.real.execute("ROLLBACK")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return self.real.execute(statement, *values)


async def test_whichever_statement_fails_a_sum_is_told_once_or_not_kept(
    open_at, works, monkeypatch
):
    images = open_at(look_every=0, mend=as_found)
    countdown = [0]
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **o: Failing(real(*a, **o), countdown))
    told = failed = 0
    for nth in [*range(1, 25), *range(1, 25)]:
        if told or nth == 24:  # the second time, and then on a connection that is open already
            countdown[0] = 0
            told += 1
            assert await images.step(works.add()) == told
        countdown[0] = nth
        asked = [images.step(works.add()) for _ in range(3)]
        for result in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(result, StateUnavailableError):
                failed += 1
            else:
                told += 1
                assert result == told
    countdown[0] = 0
    assert await images.step(works.read()) == told
    assert failed > 3
    assert told > 3 * 24
