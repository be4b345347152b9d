"""Looks for what others change: each change once, an item's in order, and none lost."""

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async.errors import StateUnavailableError
from postpress_async.outbox.hearing import Hearing, Told, stamp_of
from postpress_async.storage.outbox.rows import Horizon, Row, Stamp


def row(serial, state="queued", fence=0, at=100.0, owner=None):
    return Row(
        id=f"i{serial}", serial=serial, key=f"k{serial}", digest=b"", kind="message",
        account_id="a", action="message", thread="t", body=b"x", group=None, recipient=None,
        text_digest=b"", loose_digest=b"", priority=0, due_at=0.0, expires_at=None, state=state,
        fence=fence, attempts=0, retry_at=None, look_at=None, looks=0, needs_decision=False,
        owner=owner, lease=None, result_id=None, error=None, idempotency_key="", created_at=at,
        changed_at=at,
    )  # fmt: skip


class Table:
    """Be a store in which others change what they like, and commit it when they like."""

    def __init__(self):
        self.now, self.rows_, self.writers, self.away = 100.0, {}, set(), False

    def put(self, *rows):
        self.rows_.update((one.serial, one) for one in rows)

    async def horizon(self):
        if self.away:
            raise StateUnavailableError("away")
        last = max(self.rows_, default=0)
        return Horizon(now=self.now, serial=last, writers=frozenset(self.writers))

    def _stamps(self, chosen):
        return [
            Stamp(
                serial=one.serial, fence=one.fence, state=one.state, changed_at=one.changed_at,
                taken=one.owner is not None,
            )
            for one in chosen
        ]  # fmt: skip

    async def added(self, *, after, limit):
        found = sorted(serial for serial in self.rows_ if serial > after)
        return self._stamps(self.rows_[serial] for serial in found[:limit])

    async def changed(self, *, since, behind, limit):
        found = [
            one for one in self.rows_.values()
            if one.changed_at > since or (one.changed_at == since and one.serial > behind)
        ]  # fmt: skip
        found.sort(key=lambda one: (one.changed_at, one.serial))
        return self._stamps([one for one in found if one.fence or one.state != "queued"][:limit])

    async def find(self, wanted, *, after, limit):
        found = sorted(serial for serial in wanted.serials if serial > after)
        return [self.rows_[serial] for serial in found[:limit]]


class Ear:
    def __init__(self, table, known=()):
        self.told, self.heard = Told(known), []
        self.hearing = Hearing(table, told=self.told, since=lambda: 0.0, deliver=self.take)

    def take(self, one):
        if self.told.note(one.serial, stamp_of(one)):
            self.heard.append((one.serial, one.state))

    async def look(self):
        await self.hearing._look()
        heard, self.heard = self.heard, []
        return heard


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def ear(table):
    return Ear(table)


async def test_what_was_before_is_not_told_and_what_comes_is_told_once(table, ear):
    table.put(row(1, at=99.0), row(2, "sent", 1, at=99.9))
    assert await ear.look() == []
    table.put(row(2, "queued", 2, at=100.0), row(3))
    assert await ear.look() == [(3, "queued"), (2, "queued")]
    assert await ear.look() == []


async def test_a_claim_is_no_change_but_of_what_nobody_has_seen(table, ear):
    table.put(row(1, at=90.0))
    assert await ear.look() == []
    table.put(row(1, "claimed", 1, owner="w"), row(2, "claimed", 1, owner="w"))
    assert await ear.look() == [(2, "claimed")]
    table.put(row(1, "sending", 1, owner="w"), row(2, "queued", 1))
    assert await ear.look() == [(1, "sending"), (2, "queued")]
    table.put(row(1, "unknown", 1))
    assert await ear.look() == [(1, "unknown")]
    table.put(row(1, "unknown", 2, owner="w"))  # it is looked for
    assert await ear.look() == []
    table.put(row(1, "unknown", 2, at=101.0))
    assert await ear.look() == [(1, "unknown")]


async def test_who_commits_late_is_heard_of_however_late(table, ear):
    table.put(row(1), row(2, "sent", 1))
    await ear.look()
    table.writers.add("slow")
    late = row(3, at=100.5), row(2, "queued", 2, at=100.5)
    for n in range(4, 60):
        table.now += 100.0
        table.put(row(n, at=table.now))
        assert await ear.look() == [(n, "queued")]
    table.put(*late)
    table.writers.clear()
    assert await ear.look() == [(3, "queued"), (2, "queued")]
    assert await ear.look() == []
    assert len(ear.told._marks) == 1  # the last one: what is not met again is forgotten


async def test_who_had_begun_before_anybody_listened_is_heard_of(table, ear):
    table.put(row(1, at=10.0), row(9, at=90.0))
    table.writers.add("slow")
    assert await ear.look() == []
    table.now += 1000.0
    table.put(row(10, at=table.now))
    assert await ear.look() == [(10, "queued")]
    table.put(row(5, at=99.0), row(1, "cancelled", 1, at=99.0))
    assert await ear.look() == [(1, "cancelled"), (5, "queued")]


async def test_a_clock_that_is_set_back_hides_nothing(table, ear):
    await ear.look()
    table.now = 40.0
    table.put(row(1, at=40.0), row(2, "cancelled", 1, at=40.0))
    assert sorted(await ear.look()) == [(1, "queued"), (2, "cancelled")]


async def test_pages_and_what_this_process_has_told(table):
    ear = Ear(table, [(n, (0, 2, 100.0)) for n in range(1, 2001)])
    table.put(*(row(n) for n in range(1, 2502)))
    assert [n for n, _ in await ear.look()] == list(range(2001, 2502))
    table.put(*(row(n, "cancelled", 1, at=101.0) for n in range(1, 2502)))
    assert [n for n, _ in await ear.look()] == list(range(1, 2502))


async def test_a_store_that_is_away_is_asked_again(table, ear, caplog, monkeypatch):
    monkeypatch.setattr("postpress_async.outbox.hearing.EVERY_SECONDS", 0.0)
    await ear.look()
    table.away = True
    table.put(row(1))
    looks = iter(range(3))

    def wanted():
        table.away = (look := next(looks, None)) != 2
        return look is not None

    await asyncio.wait_for(ear.hearing.keep_looking(wanted), 30)
    assert ear.heard == [(1, "queued")]
    assert [record.message for record in caplog.records] == ["changes() waits for the store: away"]


STATES = ["queued", "claimed", "sending", "unknown", "sent"]


@settings(max_examples=40)
@given(
    steps=st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 2), st.floats(0, 3), st.booleans()), max_size=30
    )
)
async def test_in_whatever_order_things_come_the_last_is_heard_and_none_twice(steps):
    """Items change, a look comes now and then, and ends with each as it is."""
    table, heard = Table(), []
    ear = Ear(table)
    await ear.look()
    serials = {}
    for name, by, seconds, look in steps:
        table.now += seconds
        serial = serials.setdefault(name, len(serials) + 1)
        old = table.rows_.get(serial)
        if old is None:
            table.put(row(serial, at=table.now))
        elif by:
            state = STATES[(STATES.index(old.state) + by) % 5]
            fence = old.fence + (old.state not in {"claimed", "sending"})
            owner = "w" if state in {"claimed", "sending"} else None
            table.put(row(serial, state, fence, table.now, owner))
        if look:
            heard += await ear.look()
    heard += await ear.look()
    last = dict(heard)
    for serial, one in table.rows_.items():
        if one.state != "claimed":
            assert last[serial] == one.state
    assert await ear.look() == []


def test_a_change_comes_behind_all_that_come_before_it():
    life = [
        row(1), row(1, "claimed", 1, 101.0, "w"), row(1, "sending", 1, 101.0, "w"),
        row(1, "unknown", 1, 101.0), row(1, "unknown", 2, 101.0, "w"), row(1, "queued", 2, 101.0),
        row(1, "claimed", 3, 101.0, "w"), row(1, "queued", 3, 101.0), row(1, "expired", 3, 101.0),
        row(1, "queued", 4, -math.inf),
    ]  # fmt: skip
    marks = [stamp_of(one) for one in life]
    assert marks == sorted(marks)
    assert len(set(marks)) == len(marks)
