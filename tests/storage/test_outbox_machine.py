"""Both outboxes, asked at random, beside a model that is easy to believe."""
# ruff: noqa: PLR0917 - a rule draws as many things as it draws

import asyncio
import contextlib
import secrets
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from outbox_model import Item, Model

from postpress_async.storage.outbox.living import CERTAIN
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Claimed, Filter, Finish, New, Nothing, Reach

OWNERS = ("w1", "w2", "w3")
ACCOUNTS = ("a", "b")
START = 1_000_000.0
LEASE, SECONDS = 60.0, 45.0
REACHES = (
    Reach(total=10.0, held=20.0),
    Reach(total=0.0, held=60.0, hold=True),
    Reach(total=300.0, held=0.0),
)

owners = st.sampled_from(OWNERS)
picks = st.integers(0, 4)  # mostly of what was claimed last
any_item = st.integers(0, 1_000)
offsets = st.sampled_from([-50.0, 0.0, 10.0, 100.0])
maybe = st.one_of(st.none(), offsets)


def mostly(usual, *others):
    return st.sampled_from([*[usual] * (3 * len(others)), *others])


seldom_at = mostly(None, -50.0, 10.0, 100.0)
news = st.tuples(
    st.sampled_from(ACCOUNTS), st.sampled_from(["x", "y", None]), mostly("message", "react"),
    st.sampled_from([-50.0, -20.0, 0.0, 10.0]), seldom_at, st.integers(0, 1), mostly(False, True),
    mostly(None, 0, 1), mostly("message", "invite"), mostly(None, "r1", "r2"), mostly(b"d", b"e"),
    mostly(b"", b"r1"),
)  # fmt: skip


class Machine(RuleBasedStateMachine):
    url = None  # set by each test
    server = None  # where callers have transactions of their own that others need not wait for
    certain = True

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.model.now = START
        self.late = None  # such a transaction, and what it has put in
        self.fences = []  # every (item, fence) that was ever given out
        self.loop = asyncio.new_event_loop()
        self.stack = contextlib.ExitStack()
        self.stores = {}
        self.entered = set()
        self.n = 0
        url = self.stack.enter_context(self.url())
        # Two stores: what one has done, the other must see. Two workers share one.
        one, other = (open_outbox(url, clock=lambda: self.model.now) for _ in range(2))
        self.stores = dict(zip(OWNERS, (one, one, other), strict=True))
        for owner, store in self.stores.items():
            self.run(store.enter(owner))

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def teardown(self):
        if self.late is not None:
            self.run(self.late[0].close())
        for store in self.stores.values():
            self.run(store.aclose())
        self.stack.close()
        self.loop.close()

    # -- putting in --------------------------------------------------------------------------------

    @initialize(items=st.lists(news, min_size=6, max_size=12))
    def begin(self, items):
        for wish in items:
            self.add("w1", wish)

    @rule(owner=owners, items=st.lists(news, min_size=1, max_size=4))
    def add_some(self, owner, items):
        for wish in items:
            self.add(owner, wish)

    def add(self, owner, wish):
        """Put one item in, and see that the model has the same to say."""
        account, thread, action, due, expires, priority, hold, key, kind, *names = wish
        recipient, digest, person = names
        self.n += 1
        name = f"i{self.n:04}"
        new = New(
            id=name, key=name if key is None else f"key{key}", digest=digest, kind=kind,
            account_id=account, action=action,
            thread=name if thread is None else f"{account}-{thread}", body=b"hello",
            recipient=recipient, tombstone=b"" if recipient is None else recipient.encode(),
            person=person,
            priority=priority, due_at=self.model.now + due, hold=hold,
            expires_at=None if expires is None else self.model.now + expires,
            group="g" if priority else None,
        )  # fmt: skip
        (added,) = self.run(self.stores[owner].add([new]))
        kind, item = self.model.add(new)
        assert added.kind == kind
        if item is not None:
            assert added.row.id == item.new.id
            if kind == "new":
                item.serial = added.row.serial

    @precondition(lambda self: self.server is not None and self.late is None)
    @rule(owner=owners, items=st.lists(news, min_size=1, max_size=3))
    def begin_a_transaction(self, owner, items):
        """Put some in that nobody sees yet, under keys that nobody waits for."""
        self.late = (self.run(self.connected()), {})
        connection, seen_later = self.late
        for account, thread, action, due, _, priority, hold, *_, recipient, _, person in items:
            self.n += 1
            name = f"i{self.n:04}"
            new = New(
                id=name, key=name, digest=b"d", kind="message", account_id=account, action=action,
                thread=name if thread is None else f"{account}-{thread}", body=b"hello",
                recipient=recipient, tombstone=b"" if recipient is None else recipient.encode(),
                person=person, priority=priority, due_at=self.model.now + due, hold=hold,
            )  # fmt: skip
            (added,) = self.run(self.stores[owner].add([new], connection=connection))
            gone = {new.tombstone, new.person} & self.model.tombstones
            assert added.kind == ("forgotten" if gone else "new")
            if not gone:
                seen_later[name] = Item(added.row.serial, new)

    @precondition(lambda self: self.late is not None)
    @rule(owner=owners, gone=st.sampled_from([None, None, "r1", "r2"]), commits=mostly(True, False))
    def end_the_transaction(self, owner, gone, commits):
        """Commit, perhaps after somebody was forgotten: then what is to them never goes."""
        if gone is not None:
            self.forget_one(owner, gone)
        (connection, items), self.late = self.late, None
        if not commits:
            self.run(connection.close())
            return
        self.run(connection.commit())
        self.run(connection.close())
        for item in items.values():
            if {item.tombstone, item.person} & self.model.tombstones:
                item.fence, item.state = 1, "cancelled"
                item.body, item.recipient = b"", None
        there = sorted((self.model.items | items).items(), key=lambda one: one[1].serial)
        self.model.items = dict(there)
        # Whoever claims next sorts it in, whatever it is for.
        got = self.run(self.stores[owner].claim(owner, lease=LEASE, accounts=["of nobody"]))
        assert isinstance(got, Nothing)
        self.model.heads()  # what is over by then is told so, as by any claim

    async def connected(self):
        import psycopg  # noqa: PLC0415 - where there is a server, there is the client

        return await psycopg.AsyncConnection.connect(self.server)

    # -- the protocol ------------------------------------------------------------------------------

    @rule(owner=owners, first=st.booleans(), state=st.sampled_from(["sent", "queued", "unknown"]))
    def claim_and_mark(self, owner, first, state):
        before = len(self.fences)
        self.claim(owner, None)
        if len(self.fences) > before and first:
            self.mark(owner, 0)
            finish = self.finish_of(10.0, None, 0.0, None, None, False, True, state)
            item, fence = self.fences[-1]
            self.run(self.finished(item, fence, self.stores[owner], finish))

    @rule(owner=owners, account=mostly(None, *ACCOUNTS))
    def claim_one(self, owner, account):
        self.claim(owner, account)

    def claim(self, owner, account):
        """Claim, and see that the model allows it."""
        accounts = None if account is None else [account]
        got = self.run(self.stores[owner].claim(owner, lease=LEASE, accounts=accounts))
        heads = [i for i in self.model.heads() if account is None or i.new.account_id == account]
        if isinstance(got, Nothing):
            assert heads == []
            self.waits_no_longer_than_it_must(got, account)
            return
        assert isinstance(got, Claimed)
        item = self.model.items[got.row.id]
        assert item in heads
        assert item.priority == min(head.priority for head in heads)
        mine = [head.order for head in heads if head.lane == item.lane]
        best = [h.order for h in heads if h.lane == item.lane and h.priority == item.priority]
        assert item.order == min(best), mine
        self.model.claimed(item, owner, LEASE)
        assert got.row.fence == item.fence
        self.fences.append((item, item.fence))

    def waits_no_longer_than_it_must(self, got, account):
        """Before `at`, nothing can be claimed that cannot be claimed now; there is one if ever."""
        now, self.model.now = self.model.now, (got.at or 1e12) - 1e-3
        if got.at is None or got.at > now:
            states = {i: i.state for i in self.model.items.values()}
            ready = self.model.heads()
            for item, state in states.items():
                item.state = state
            assert [i for i in ready if account is None or i.new.account_id == account] == []
        self.model.now = now

    @rule(owner=owners, pick=picks, reach=st.sampled_from(REACHES), its=mostly(None, *OWNERS))
    def mark_one(self, owner, pick, reach, its):
        self.mark(owner, pick, reach, its)

    def mark(self, owner, pick, reach=REACHES[0], its=None):
        """Mark, and see that it counts just where the model says so."""
        if not self.fences:
            return
        item, fence = self.fences[-1 - pick % len(self.fences)]
        store = self.stores[owner]
        attempt = self.run(store.mark(item.new.id, fence, seconds=SECONDS, reach=reach, owner=its))
        its_own = its in {None, item.owner}
        assert (attempt is not None) == (its_own and self.model.mark(item, fence, SECONDS, reach))
        if attempt is not None:
            assert attempt.deadline == item.deadline
            assert attempt.number == item.attempts
            kept = self.run(store.attempts(item.new.id))
            assert [one.reach for one in kept] == item.reaches
            assert kept[-1] == attempt

    @rule(
        owner=owners, pick=picks, retry=maybe, due=seldom_at, look=maybe, lane=seldom_at,
        result=mostly(None, 0, 1), needs=mostly(False, True), keep=mostly(True, False),
        state=mostly("queued", "sent", "failed", "unknown", "held"), its=mostly(None, *OWNERS),
    )  # fmt: skip
    def finish(self, owner, pick, retry, due, look, lane, result, needs, keep, state, its):
        if not self.fences:
            return
        item, fence = self.fences[-1 - pick % len(self.fences)]
        self.run(self.finished(item, fence, self.stores[owner], self.finish_of(
            retry, due, look, lane, result, needs, keep, state,
        ), its))  # fmt: skip

    def finish_of(self, retry, due, look, lane, result, needs, keep, state):
        def at(offset):
            return None if offset is None else self.model.now + offset

        return Finish(
            state=state, retry_at=at(retry), due_at=at(due), look_at=at(look),
            lane_ready_at=at(lane), needs_decision=needs and state == "unknown",
            result_id=f"r{result}" if result is not None and state == "sent" else None,
            keep_attempt=keep,
        )  # fmt: skip

    async def finished(self, item, fence, store, finish, its=None):
        row = await store.finish(item.new.id, fence, finish, owner=its)
        its_own = its is None or item.owner in {None, its}
        assert (row is not None) == (its_own and self.model.finish(item, fence, finish))
        if row is not None:
            assert row.state == item.state

    @rule(seconds=mostly(12.0, 1.0, 61.0, 200.0))
    def time_passes(self, seconds):
        self.model.now += seconds

    # -- the dead ----------------------------------------------------------------------------------

    @rule(owner=owners)
    def orphans(self, owner):
        rows = self.run(self.stores[owner].orphans())
        unknown = self.model.late(certain=self.certain)
        assert {row.id for row in rows} == {item.new.id for item in unknown}

    @rule(some=mostly(OWNERS, *((owner,) for owner in OWNERS)))
    def beat(self, some):
        for owner in some:
            self.beat_of(owner)

    def beat_of(self, owner):
        assert self.run(self.stores[owner].beat(owner, lease=LEASE)) >= self.model.now
        for item in self.model.items.values():
            if item.owner == owner:
                item.lease = self.model.now + LEASE

    @rule(owner=owners)
    def leave_and_enter(self, owner):
        self.run(self.stores[owner].leave(owner))
        self.model.left(owner)
        if self.certain:
            # Its file is free now: whoever looks finds it dead.
            other = next(o for o in OWNERS if o != owner)
            rows = self.run(self.stores[other].orphans())
            unknown = self.model.dead(owner) + self.model.late(certain=True)
            assert {row.id for row in rows} == {item.new.id for item in unknown}
        self.run(self.stores[owner].enter(owner))

    @rule(owner=owners, account=mostly(None, *ACCOUNTS))
    def doubtful(self, owner, account):
        accounts = None if account is None else [account]
        row = self.run(self.stores[owner].doubtful(owner, lease=LEASE, accounts=accounts))
        expected = self.model.doubtful(account)
        assert (row is not None) == bool(expected)
        if row is not None:
            item = self.model.items[row.id]
            assert item in expected
            item.fence += 1
            item.owner, item.lease = owner, self.model.now + LEASE
            assert row.fence == item.fence
            self.fences.append((item, item.fence))

    # -- by hand -----------------------------------------------------------------------------------

    @rule(
        owner=owners, pick=any_item, state=mostly("queued", "cancelled", "held", "sent"),
        late=mostly(0, 1, -1),
    )  # fmt: skip
    def alter(self, owner, pick, state, late):
        if not self.model.items:
            return
        item = list(self.model.items.values())[pick % len(self.model.items)]
        states = ["held", "queued", "claimed", "sending", "unknown", "failed"]
        row = self.run(
            self.stores[owner].alter(
                item.new.id, fence=item.fence - late, states=states, finish=Finish(state=state)
            )
        )
        may = item.state in states and item.state != "sending" and not late
        if state in {"queued", "held"}:
            may = may and item.body != b""
            if item.state == "failed" and item.new.kind == "invite":
                may = may and not any(
                    other.new.thread == item.new.thread and other.new.kind == "invite"
                    and other.new.account_id == item.new.account_id
                    for other in self.model.of("held", "queued", "claimed", "sending", "unknown")
                )  # fmt: skip
        assert (row is not None) == may
        if may:
            item.fence += 1
            self.model.to(item, Finish(state=state))

    @rule(owner=owners, pick=any_item, due=offsets, priority=st.integers(0, 2), late=mostly(0, 1))
    def edit(self, owner, pick, due, priority, late):
        if not self.model.items:
            return
        item = list(self.model.items.values())[pick % len(self.model.items)]
        edit = New(
            id=item.new.id, key=item.new.key, digest=b"edited", kind=item.new.kind,
            account_id=item.new.account_id, action=item.new.action, thread=item.new.thread,
            body=b"other", priority=priority, due_at=self.model.now + due,
        )  # fmt: skip
        row = self.run(
            self.stores[owner].alter(
                item.new.id, fence=item.fence - late, states=["held", "queued", "claimed"],
                edit=edit,
            )
        )  # fmt: skip
        may = item.state in {"held", "queued", "claimed"} and not late
        assert (row is not None) == may
        if may:
            item.fence += 1
            item.state = "queued" if item.state == "claimed" else item.state
            item.owner = item.lease = item.expires_at = None
            item.digest, item.body = b"edited", b"other"
            item.due_at, item.priority = edit.due_at, priority

    @rule(
        owner=owners, account=st.sampled_from(ACCOUNTS), group=st.sampled_from([None, "g"]),
        really=st.integers(0, 5),
    )  # fmt: skip
    def cancel(self, owner, account, group, really):
        if really:
            return
        wanted = Filter(account_id=account, group=group)
        count = self.run(self.stores[owner].cancel(wanted, reason="by hand"))
        assert count == self.model.cancel(
            lambda item: item.new.account_id == account and group in (None, item.new.group)
        )

    @rule(owner=owners, recipient=st.sampled_from(["r1", "r2"]), really=st.integers(0, 4))
    def forget(self, owner, recipient, really):
        if not really:
            self.forget_one(owner, recipient)

    def forget_one(self, owner, recipient):
        count = self.run(self.stores[owner].forget(recipient, recipient.encode()))
        assert count == self.model.forget(recipient, recipient.encode())

    # -- always ------------------------------------------------------------------------------------

    @invariant()
    def both_agree(self):
        store = self.stores["w1"]
        rows = self.run(store.find(Filter(), limit=10_000))
        assert [row.id for row in rows] == list(self.model.items)
        for row in rows:
            item = self.model.items[row.id]
            told = (
                row.state, row.fence, row.attempts, row.owner, row.retry_at, row.due_at,
                row.look_at, row.result_id, row.needs_decision, row.body, row.recipient, row.digest,
            )  # fmt: skip
            said = (
                item.state, item.fence, item.attempts, item.owner, item.retry_at, item.due_at,
                item.look_at, item.result_id, item.needs_decision, item.body, item.recipient,
                item.digest,
            )  # fmt: skip
            if row.state == "expired" or item.state == "expired":
                # It is put away at the next claim, and may be cancelled or edited before.
                assert row.state in {"expired", "held", "queued"}
                continue
            assert told == said
            if row.state in {"claimed", "unknown"}:  # of what is sending, nobody asks
                assert row.lease == item.lease
        if "expired" not in {item.state for item in self.model.items.values()}:
            account = (None, *ACCOUNTS)[len(self.fences) % 3]
            going = self.run(store.going(account and [account]))
            assert going == bool(self.model.going(account))

    @invariant()
    def no_thread_has_two_out(self):
        out = [item.new.thread for item in self.model.of("claimed", "sending", "unknown")]
        assert len(out) == len(set(out))


def run(machine, examples, steps=40):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None,
            suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip


@contextlib.contextmanager
def a_file():
    with tempfile.TemporaryDirectory() as directory:
        yield f"sqlite:///{Path(directory) / 'outbox.db'}"


@pytest.mark.timeout(240)
def test_a_file_does_what_the_model_does():
    run(type("OfFile", (Machine,), {"url": staticmethod(a_file), "certain": CERTAIN}), 100)


@pytest.mark.timeout(240)
def test_a_server_does_what_the_model_does(postgres_url):
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    @contextlib.contextmanager
    def a_schema():
        name = f"t_{secrets.token_hex(6)}"
        try:
            yield f"{postgres_url}?prefix={name}"
        finally:
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    given = {"url": staticmethod(a_schema), "server": postgres_url, "certain": False}
    run(type("OfServer", (Machine,), given), 25)
