"""A store in memory that several pretended processes share: the reference of what a store does."""

import asyncio
from collections import Counter

import msgspec

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox.rows import Added, Attempt, Claimed, Nothing, Row

replace = msgspec.structs.replace
OPEN_IN_THREAD = {"claimed", "sending", "unknown"}


class KilledError(Exception):
    """Be what code of a killed process gets: nothing it does has an effect any more."""


class Process:
    """Be a process that may be stopped and killed; everything it awaits passes its gate."""

    def __init__(self, name):
        self.name = name
        self.dead = False
        self.until = 0.0

    def pause(self, seconds):
        self.until = max(self.until, asyncio.get_running_loop().time() + seconds)

    async def gate(self):
        loop = asyncio.get_running_loop()
        while (left := self.until - loop.time()) > 0.0 and not self.dead:  # noqa: ASYNC110 - again
            await asyncio.sleep(left)
        if self.dead:
            raise KilledError


class Place:
    """Be what all processes share.

    faults: `faults(method) -> None | "before" | "after" | "refuse"`: whether a store call fails,
        and when, or is refused for good.
    """

    def __init__(self, *, certain=True, faults=lambda _: None, epoch=1_000_000.0, latency=None):
        self.certain = certain
        self.faults = faults
        self.epoch = epoch
        self.latency = latency or (lambda: 0.0)
        self.items = {}
        self.tries = {}
        self.lanes = {}
        self.living = {}
        self.bell = asyncio.Event()
        self.calls = Counter()

    def now(self):
        return self.epoch + asyncio.get_running_loop().time()

    def put(self, item, **changes):
        row = self.items[item] = replace(self.items[item], changed_at=self.now(), **changes)
        self.bell.set()
        return row


class MemoryStore:
    """Be one process's way to a place."""

    def __init__(self, place, process=None):
        self.place = place
        self.process = process or Process("p")

    @property
    def certain(self):
        return self.place.certain

    async def _do(self, name, step):
        place = self.place
        await asyncio.sleep(place.latency())
        await self.process.gate()
        fault = place.faults(name)
        place.calls[name] += 1
        if fault == "before":
            msg = "the store is away"
            raise StateUnavailableError(msg)
        if fault == "refuse":
            msg = "the store is somebody else's"
            raise ConfigurationError(msg)
        done = step()
        await asyncio.sleep(place.latency())
        await self.process.gate()
        if fault == "after":
            msg = "nobody knows"
            raise StateUnavailableError(msg)
        return done

    async def add(self, items, /, *, connection=None):
        del connection
        return await self._do("add", lambda: [self._add(one) for one in items])

    def _add(self, new):
        place = self.place
        for row in place.items.values():
            if row.key == new.key:
                return Added(row=row, kind="same" if row.digest == new.digest else "conflict")
        known = {name: getattr(new, name) for name in Row.__struct_fields__ if hasattr(new, name)}
        now = place.now()
        row = Row(
            **known, serial=len(place.items) + 1, state="held" if new.hold else "queued", fence=0,
            attempts=0, retry_at=None, look_at=None, looks=0, needs_decision=False, owner=None,
            lease=None, result_id=None, error=None, idempotency_key="k" + new.id, created_at=now,
            changed_at=now,
        )  # fmt: skip
        place.items[new.id] = row
        place.tries[new.id] = []
        place.bell.set()
        return Added(row=row, kind="new")

    async def enter(self, owner, /):
        await self._do("enter", lambda: self.place.living.update({owner: self.process}))

    async def beat(self, owner, /, *, lease):
        def step():
            now = self.place.now()
            for row in self.place.items.values():
                if row.owner == owner and row.state in {"claimed", "unknown"}:
                    self.place.items[row.id] = replace(row, lease=now + lease)
            return now

        return await self._do("beat", step)

    async def leave(self, owner, /):
        def step():
            for row in list(self.place.items.values()):
                if row.owner == owner and row.state == "claimed":
                    self.place.put(row.id, state="queued", owner=None, lease=None)
                elif row.owner == owner and row.state == "unknown":
                    self.place.put(row.id, owner=None, lease=None)
            self.place.living.pop(owner, None)

        await self._do("leave", step)

    async def claim(self, owner, /, *, lease, accounts=None):
        return await self._do("claim", lambda: self._claim(owner, lease, accounts))

    def _claim(self, owner, lease, accounts):
        place, now = self.place, self.place.now()
        heads, later = {}, []
        shut = {row.thread for row in place.items.values() if row.state in OPEN_IN_THREAD}
        for row in list(place.items.values()):
            if row.state != "queued" or (accounts is not None and row.account_id not in accounts):
                continue
            if row.expires_at is not None and row.expires_at <= now:
                place.put(row.id, state="expired")
            elif row.due_at > now:
                later.append(row.due_at)
            elif row.thread not in shut:
                best = heads.setdefault(row.thread, row)
                if (row.due_at, row.serial) < (best.due_at, best.serial):
                    heads[row.thread] = row
        ready = []
        for row in heads.values():
            lane = place.lanes.get((row.account_id, row.action), 0.0)
            at = max(lane, row.retry_at or 0.0)
            if at > now:
                later.append(at)
            else:
                ready.append(row)
        if not ready:
            return Nothing(now=now, at=min(later, default=None))
        row = min(ready, key=lambda one: (one.priority, one.due_at, one.serial))
        row = place.put(
            row.id, state="claimed", fence=row.fence + 1, owner=owner, lease=now + lease,
            retry_at=None,
        )  # fmt: skip
        return Claimed(row=row, now=now)

    async def mark(self, item, fence, /, *, seconds, reach, edit=None, owner=None):
        assert edit is None  # this memory keeps no texts

        def step():
            row = self.place.items[item]
            if row.fence != fence or row.state != "claimed" or owner not in {None, row.owner}:
                return None
            row = self.place.put(item, state="sending", attempts=row.attempts + 1)
            now = self.place.now()
            attempt = Attempt(
                item=item, number=row.attempts, fence=fence, started_at=now, deadline=now + seconds,
                reach=reach,
            )  # fmt: skip
            self.place.tries[item].append(attempt)
            return attempt

        return await self._do("mark", step)

    async def finish(self, item, fence, finish, /, *, owner=None):
        def step():
            row = self.place.items[item]
            if row.fence != fence or row.state not in {"claimed", "sending", "unknown"}:
                return None
            if owner is not None and row.owner not in {None, owner}:
                return None
            return self._finish(row, finish)

        return await self._do("finish", step)

    def _finish(self, row, to):
        place, tries = self.place, self.place.tries[row.id]
        begun = bool(tries) and tries[-1].fence == row.fence
        if tries and (begun or row.state == "unknown"):
            tries[-1] = replace(tries[-1], outcome=to.outcome or to.state)
        if to.lane_ready_at is not None:
            lane = (row.account_id, row.action)
            place.lanes[lane] = max(place.lanes.get(lane, 0.0), to.lane_ready_at)
        assert to.result_id is None or to.result_id not in {
            one.result_id for one in place.items.values()
        }
        return place.put(
            row.id, state=to.state, owner=None, lease=None,
            retry_at=to.retry_at if to.state == "queued" else None,
            due_at=row.due_at if to.due_at is None else to.due_at,
            look_at=(to.look_at or place.now()) if to.state == "unknown" else None,
            looks=row.looks if to.looks is None else to.looks, needs_decision=to.needs_decision,
            result_id=to.result_id or row.result_id, error=to.error or row.error,
            attempts=row.attempts - (begun and not to.keep_attempt),
        )  # fmt: skip

    async def orphans(self):
        return await self._do("orphans", self._orphans)

    def _orphans(self):
        place, now, found = self.place, self.place.now(), []
        for row in list(place.items.values()):
            if row.owner is None:
                continue
            process = place.living.get(row.owner)
            dead = process is None or process.dead
            last = place.tries[row.id][-1] if place.tries[row.id] else None
            if row.state == "claimed" and (dead if place.certain else row.lease <= now):
                place.put(row.id, state="queued", owner=None, lease=None)
            elif row.state == "sending" and (
                dead if place.certain else last.deadline + last.reach.grace <= now
            ):
                found.append(
                    place.put(row.id, state="unknown", owner=None, lease=None, look_at=now, looks=0)
                )
            elif row.state == "unknown" and place.certain and dead:
                place.put(row.id, owner=None, lease=None)
        return found

    async def doubtful(self, owner, /, *, lease, accounts=None, but=()):
        def step():
            now = self.place.now()
            for row in self.place.items.values():
                free = row.lease is None or row.lease <= now
                due = row.look_at is not None and row.look_at <= now
                mine = accounts is None or row.account_id in accounts or row.kind == "profile"
                mine = mine and row.account_id not in but
                if row.state == "unknown" and not row.needs_decision and free and due and mine:
                    return self.place.put(
                        row.id, fence=row.fence + 1, owner=owner, lease=now + lease
                    )
            return None

        return await self._do("doubtful", step)

    async def attempts(self, item, /):
        return await self._do("attempts", lambda: list(self.place.tries[item]))

    async def bound(self, account_id, result_ids, /):
        del account_id
        known = {row.result_id for row in self.place.items.values()}
        return await self._do("bound", lambda: frozenset(result_ids) & known)

    def _chosen(self, wanted):
        for row in list(self.place.items.values()):
            fits = wanted.states is None or row.state in wanted.states
            fits &= wanted.thread in {None, row.thread}
            fits &= wanted.account_id in {None, row.account_id}
            fits &= wanted.needs_decision in {None, row.needs_decision}
            if fits:
                yield row

    async def find(self, wanted, /, *, after=0, limit=100, bodies=True):
        del bodies  # they are small here
        return await self._do(
            "find", lambda: [row for row in self._chosen(wanted) if row.serial > after][:limit]
        )

    async def counts(self, wanted, /):
        return await self._do("counts", lambda: Counter(row.state for row in self._chosen(wanted)))

    async def going(self, accounts=None, /):
        def step():
            rows = list(self.place.items.values())
            doubts = {r.thread for r in rows if r.state == "unknown" and r.needs_decision}
            ours = [row for row in rows if accounts is None or row.account_id in accounts]
            return any(
                row.state in {"claimed", "sending"}
                or (row.state == "unknown" and not row.needs_decision)
                or (row.state == "queued" and row.thread not in doubts)
                for row in ours
            )

        return await self._do("going", step)

    async def wait(self, seconds, /, *, since):
        self.place.bell.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.place.bell.wait()
        except TimeoutError:
            pass
        await self.process.gate()


def a_row(**changes):
    """Return a message that is being sent, but for some changes."""
    known = {
        "id": "item_1", "serial": 1, "key": "key_1", "digest": b"", "kind": "message",
        "account_id": "acc_1", "action": "message", "thread": "chat_1", "body": b"{}",
        "group": None, "recipient": None, "text_digest": b"", "loose_digest": b"", "priority": 0,
        "due_at": 0.0, "expires_at": None, "state": "sending", "fence": 1, "attempts": 1,
        "retry_at": None, "look_at": None, "looks": 0, "needs_decision": False, "owner": "w",
        "lease": None, "result_id": None, "error": None, "idempotency_key": "k",
        "created_at": 0.0, "changed_at": 0.0,
    }  # fmt: skip
    return Row(**{**known, **changes})
