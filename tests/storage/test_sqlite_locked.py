"""A file that another program holds locked: how long each work waits for it, by a told time."""

import sqlite3
import threading
from concurrent.futures import Future
from contextlib import closing

import pytest

from postpress_async.errors import StateUnavailableError
from postpress_async.storage.sqlite import handle, writer
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.images import COUNTS
from postpress_async.storage.sqlite.jobs import Job


class Told:
    """A time that passes while the file's thread sleeps, at whose instants something happens."""

    def __init__(self):
        self.now = 1000.0
        self.due = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        end = self.now + seconds
        while self.due and self.due[0][0] <= end:
            self.now, then = self.due.pop(0)
            then()
        self.now = end


class Lines:
    """Works that are asked of a file at instants, and when each was told what came of it."""

    def __init__(self, path, time):
        self._path = path
        self._time = time
        self._changed = threading.Condition()
        self._names = {}
        self._told = {}
        self.then = {}

    def open(self, images):
        self._writer = images._file._writer
        self._connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False
        )
        return closing(self._connection)

    def lock(self):
        self._connection.execute("BEGIN EXCLUSIVE")

    def unlock(self):
        self._connection.execute("ROLLBACK")

    def ask(self, name, *, lasts=0.0):
        job = Job(lambda _: self._time.sleep(lasts), self, Future())
        self._names[job] = name
        self._writer.ask(job)

    def call_soon_threadsafe(self, _, jobs):
        """Be the loop of those who asked."""
        for job in jobs:
            what = "done" if job.error is None else type(job.error)
            name = self._names[job]
            self.then.get(name, int)()
            with self._changed:
                self._told.setdefault(name, (round(self._time.now - 1000.0, 1), what))
                self._changed.notify_all()

    def told(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._told) >= count, 60)
            found, self._told = self._told, {}
        return found


@pytest.fixture
def time(monkeypatch):
    time = Told()
    for module in (handle, writer):
        monkeypatch.setattr(module, "time", time)
    return time


@pytest.fixture
def lines(path, time):
    return Lines(path, time)


@pytest.fixture
def patient(path, open_at):
    """Return images in a file as an outbox has it: each work waits the timeout out by itself."""
    images = open_at()
    images._file = SqliteFile(str(path), COUNTS, timeout=30.0, look_every=1e9)
    return images


GONE = StateUnavailableError


def at(time, lines, **asked):
    """Have works asked for so many seconds after the beginning."""
    for name, seconds in asked.items():
        time.due.append((1000.0 + seconds, lambda name=name: lines.ask(name)))
    time.due.sort(key=lambda one: one[0])


async def test_all_hear_of_a_locked_file_within_the_timeout_and_then_within_a_second(
    open_at, works, time, lines
):
    images = open_at(timeout=5.0, look_every=1e9)
    await images.step(works.add())
    with lines.open(images):
        lines.lock()
        at(time, lines, b=0.2, c=0.4, d=4.9, e=5.5)
        lines.ask("a")
        told = lines.told(5)
        assert told == {
            "a": (5.0, GONE), "b": (5.2, GONE), "c": (5.4, GONE), "d": (6.0, GONE),
            "e": (6.5, GONE),
        }  # fmt: skip
        time.now = 1100.0  # it is still known to be locked
        lines.ask("f")
        assert lines.told(1) == {"f": (101.0, GONE)}
        time.now = 1200.0
        at(time, lines, h=200.3)
        time.due.append((1200.5, lines.unlock))
        lines.ask("g")
        assert lines.told(2) == {"g": (200.5, "done"), "h": (200.5, "done")}
        time.now = 1300.0  # and once it was had, the next lock is waited for as the first one was
        lines.lock()
        lines.ask("i")
        assert lines.told(1) == {"i": (305.0, GONE)}
        lines.unlock()
    assert await images.step(works.add()) == 2


async def test_who_may_wait_for_long_waits_no_longer_because_others_have(patient, time, lines):
    await patient.epoch()
    with lines.open(patient):
        lines.lock()
        at(time, lines, b=0.2, c=29.0, d=31.0)
        time.due.append((1060.0, lines.unlock))
        lines.ask("a")
        told = lines.told(4)
    assert told == {"a": (30.0, GONE), "b": (30.2, GONE), "c": (59.0, GONE), "d": (60.0, "done")}


async def test_who_waited_for_others_of_its_process_has_all_its_time_for_locks_yet(
    open_at, works, time, lines
):
    images = open_at(timeout=5.0, look_every=1e9)
    await images.step(works.add())
    with lines.open(images):
        at(time, lines, b=1.0, c=21.0)
        lines.then["a"] = lines.lock  # another program is faster than the next of ours
        lines.ask("a", lasts=20.0)
        told = lines.told(3)
        assert told == {"a": (20.0, "done"), "b": (25.0, GONE), "c": (26.0, GONE)}
        lines.unlock()


async def test_a_short_timeout_is_no_longer_because_the_file_is_known_to_be_locked(
    open_at, works, time, lines
):
    images = open_at(timeout=0.3, look_every=1e9)
    await images.step(works.add())
    with lines.open(images):
        lines.lock()
        lines.ask("a")
        assert lines.told(1) == {"a": (0.3, GONE)}
        lines.ask("b")
        assert lines.told(1) == {"b": (0.6, GONE)}
        lines.unlock()


@pytest.mark.parametrize(("hurried", "ends"), [(10.0, (10.0, 11.0)), (30.5, (30.0, 31.0))])
async def test_who_wants_to_end_waits_a_second_for_all_that_was_asked(
    patient, time, lines, hurried, ends
):
    await patient.epoch()
    with lines.open(patient):
        lines.lock()
        at(time, lines, b=1.0, c=2.0)
        time.due.append((1000.0 + hurried, patient._file._writer.hurry))
        lines.ask("a")
        told = lines.told(3)
        assert told == {"a": (ends[0], GONE), "b": (ends[1], GONE), "c": (ends[1], GONE)}
        lines.unlock()
