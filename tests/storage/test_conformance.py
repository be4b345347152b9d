"""One suite for every store: whatever is asked, in any order, it answers as a dictionary would."""

import asyncio
import secrets
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mends import alarmed

from postpress_async.storage.memory import MemoryImages
from postpress_async.storage.opening import open_images
from postpress_async.storage.sqlite.images import SqliteImages

keys = st.sampled_from(["a", "b", "c", "é'%"])
blobs = st.none() | st.binary(max_size=9) | st.integers(1, 3).map(lambda n: bytes(n * 3000))


class Write:
    """Change some images, and tell what was there and when; fail at the end if it shall."""

    def __init__(self, changes, fail=False):
        self.keys = tuple(changes)
        self.changes = changes
        self.fail = fail

    def run(self, images, now):
        if self.fail:
            raise LookupError
        return self.changes, (dict(images), now)


class Conformance(RuleBasedStateMachine):
    def open(self):
        raise NotImplementedError

    @initialize()
    def begin(self):
        self.wall, self.latest, self.model, self.written = 1000.0, 0.0, {}, {}
        self.loop = asyncio.new_event_loop()
        self.images = self.open()

    def step(self, *works):
        async def ask():
            return await asyncio.gather(*map(self.images.step, works), return_exceptions=True)

        return self.loop.run_until_complete(ask())

    def expect(self, work, result):
        if work.fail:
            assert isinstance(result, LookupError)
            return
        found, now = result
        assert found == {key: self.model.get(key) for key in work.keys}
        assert now >= max(
            self.latest, self.wall, *(self.written.get(key, 0.0) for key in work.keys)
        )
        self.latest = now
        self.written |= {
            key: now for key, image in work.changes.items() if image != self.model.get(key)
        }
        self.model.update(work.changes)

    @rule(asked=st.lists(st.tuples(st.dictionaries(keys, blobs), st.booleans()), max_size=5))
    def ask_together(self, asked):
        works = [Write(changes, fail) for changes, fail in asked]
        for work, result in zip(works, self.step(*works), strict=True):
            self.expect(work, result)

    @rule(changes=st.dictionaries(keys, blobs, min_size=1))
    def cancel(self, changes):
        async def ask():
            task = asyncio.ensure_future(self.images.step(Write(changes)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return (await self.images.step(Write(dict.fromkeys(changes))))[0]

        found = self.loop.run_until_complete(ask())
        before = {key: self.model.get(key) for key in changes}
        assert found in (before, changes)  # all of it or nothing
        self.model.update(dict.fromkeys(changes))

    @rule(seconds=st.sampled_from([-3600.0, -0.5, 0.5, 86400.0]))
    def set_the_clock(self, seconds):
        self.wall = max(self.wall + seconds, 0.0)

    @invariant()
    def everything_is_there(self):
        if hasattr(self, "images"):
            work = Write(dict.fromkeys(["a", "b", "c", "é'%"]), fail=False)
            work.changes = {}
            self.expect(work, self.step(work)[0])

    def teardown(self):
        if hasattr(self, "images"):
            self.loop.run_until_complete(self.images.aclose())
            self.loop.close()


class Memory(Conformance):
    def open(self):
        return MemoryImages(clock=lambda: self.wall)


class Shared(Conformance):
    """Let somebody else write, too."""

    def open_besides(self):
        raise NotImplementedError

    @rule(changes=st.dictionaries(keys, blobs, min_size=1))
    def somebody_else_writes(self, changes):
        async def write():
            other = self.open_besides()
            await other.step(Write(changes))
            await other.aclose()

        self.loop.run_until_complete(write())
        self.model.update(changes)


class Sqlite(Shared):
    def open(self):
        self.directory = tempfile.TemporaryDirectory()
        return self.open_besides()

    def open_besides(self):
        path = Path(self.directory.name) / "counts.db"
        return SqliteImages(str(path), clock=lambda: self.wall, mend=alarmed)

    @rule()
    def open_again(self):
        self.loop.run_until_complete(self.images.aclose())
        self.images = self.open_besides()
        self.latest -= 1.0  # what a new process may not have been told of

    def teardown(self):
        super().teardown()
        if hasattr(self, "directory"):
            self.directory.cleanup()


class Served(Shared):
    """Ask a real server; whoever opens anew, or besides, finds what was written."""

    url = ""

    def open(self):
        self.prefix = f"c_{secrets.token_hex(6)}"
        return self.open_besides()

    def open_besides(self):
        more = "&" if "?" in self.url else "?"
        url = f"{self.url}{more}prefix={self.prefix}"
        return open_images(url, clock=lambda: self.wall, mend=alarmed)

    @rule()
    def open_again(self):
        self.loop.run_until_complete(self.images.aclose())
        self.images = self.open_besides()
        self.latest = 0.0  # a clock that is handed in is this process's; images keep their times


class Postgres(Served):
    def teardown(self):
        super().teardown()
        if hasattr(self, "images"):
            import psycopg  # noqa: PLC0415 - where there is a server, there is the client

            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA IF EXISTS {self.prefix} CASCADE")


class Redis(Served):
    def teardown(self):
        super().teardown()
        if hasattr(self, "images"):
            import redis  # noqa: PLC0415 - the same

            with redis.Redis.from_url(self.url, protocol=2) as client:
                if found := client.keys(f"{{{self.prefix}}}:*"):
                    client.delete(*found)


def run(machine):
    case = machine.TestCase()
    case.settings = settings(
        max_examples=settings().max_examples * 25 // 100, stateful_step_count=20, deadline=None
    )
    case.runTest()


@pytest.mark.parametrize("machine", [Memory, Sqlite])
def test_a_store_does_as_a_dictionary_would(machine):
    run(machine)


def test_a_postgres_does_as_a_dictionary_would(postgres_url, monkeypatch):
    monkeypatch.setattr(Postgres, "url", postgres_url)
    run(Postgres)


def test_a_redis_does_as_a_dictionary_would(redis_url, monkeypatch):
    monkeypatch.setattr(Redis, "url", redis_url)
    run(Redis)
