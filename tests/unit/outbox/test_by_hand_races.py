"""A person changes an item while a worker goes on with it: every order of what both do."""

import itertools

import pytest

from postpress_async.errors import OutboxStateError
from postpress_async.outbox import by_hand, contents, putting
from postpress_async.outbox.contents import MessageContent
from postpress_async.outbox.desk import Desk
from postpress_async.outbox.putting import Wishes
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Finish

DEAD_END = Finish(state="unknown", needs_decision=True)


class Told:
    """Be a clock that only the test moves."""

    def __init__(self):
        self.instant = 1_000_000.0

    def time(self):
        return self.instant


class Stepwise:
    """Be a person's way to the store; something else may happen before each step of theirs."""

    def __init__(self, store, meanwhile):
        self._store = store
        self._meanwhile = meanwhile
        self.calls = 0

    def __getattr__(self, name):
        async def call(*given, **named):
            await self._meanwhile(self.calls)
            self.calls += 1
            return await getattr(self._store, name)(*given, **named)

        return call


class World:
    """Be a worker that goes on, step by step, with one item; and what arrived."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.arrived = []
        self.row = self.marked = None

    async def claim(self):
        claimed = await self.store.claim("w", lease=60.0)
        self.row = getattr(claimed, "row", None)

    async def mark(self):
        self.marked = None
        if self.row is not None:
            self.marked = await self.store.mark(self.row.id, self.row.fence, seconds=30.0)

    async def write(self):
        if self.marked is not None:
            self.arrived.append(contents.decode(self.row.body).text)

    async def doubt(self):
        if self.marked is not None:
            await self.store.finish(self.row.id, self.row.fence, Finish(state="unknown"))

    async def sent(self):
        if self.marked is not None:
            await self.store.finish(
                self.row.id, self.row.fence, Finish(state="sent", result_id=f"m_{self.row.id}")
            )

    async def give_up(self):
        self.clock.instant += 10_000.0
        if self.marked is not None:
            taken = await self.store.doubtful("w", lease=60.0)
            await self.store.finish(taken.id, taken.fence, DEAD_END)

    async def refused(self):
        if self.marked is not None:
            await self.store.finish(
                self.row.id, self.row.fence, Finish(state="queued", outcome="refused")
            )


async def played(store, clock, number, *, before, acts, gaps, ask):
    """Bring an item somewhere; then let a person and the worker go on, in one of all orders.

    gaps: before which of the person's steps each act happens, in rising order.
    """
    world = World(store, clock)
    new = putting.new_of(
        MessageContent(chat_id=f"chat_{number}", text="first"), "acc_1", Wishes(), provider=None,
        id_=f"item_{number:05}",
    )  # fmt: skip
    await store.add([new])
    for act in before:
        await getattr(world, act)()
    world.arrived.clear()  # what was written so far was lost on the way
    waiting = list(zip(acts, gaps, strict=True))

    async def meanwhile(step):
        while waiting and waiting[0][1] <= step:
            await getattr(world, waiting.pop(0)[0])()

    desk = Desk(
        Stepwise(store, meanwhile), provider=lambda _: None, new_id=str, tell=lambda _: None
    )  # fmt: skip
    try:
        changed = await ask(desk, new.id)
    except OutboxStateError:
        changed = None
    await meanwhile(1_000)
    return world, changed, new.id


async def all_orders(tmp_path, before, acts, ask, *, steps):
    clock = Told()
    store = open_outbox(f"sqlite:///{tmp_path / 'races.db'}", clock=clock.time)
    await store.enter("w")
    try:
        orders = itertools.combinations_with_replacement(range(1, steps + 1), len(acts))
        for number, gaps in enumerate(orders):
            world, changed, item = await played(
                store, clock, number, before=before, acts=acts, gaps=gaps, ask=ask
            )
            yield gaps, world, changed, await store.get(item)
            # Whatever is left of it is sent now, so that nothing stands in the way of the next one.
            for act in ("claim", "mark", "write", "sent"):
                await getattr(world, act)()
            yield gaps, world, changed, await store.get(item)
    finally:
        await store.aclose()


LOST = ("claim", "mark", "write", "doubt", "give_up")


async def test_a_word_about_an_earlier_attempt_queues_no_other(tmp_path):
    async def settles(desk, item):
        return await desk.resolve(item, sent=False)

    # Another person says the same, and it goes, arrives, and is in doubt again.
    async def other(world):
        await world.store.alter(
            world.row.id, fence=(await world.store.get(world.row.id)).fence, states=["unknown"],
            finish=Finish(state="queued"),
        )  # fmt: skip

    World.other = other
    acts = ("other", *LOST)
    heeded = 0
    async for gaps, world, changed, row in all_orders(tmp_path, LOST, acts, settles, steps=4):
        assert len(world.arrived) <= 1, (gaps, row)
        heeded += changed is not None
    assert heeded  # some came in time


async def test_what_was_cancelled_never_goes(tmp_path):
    outcomes = set()
    acts = ("claim", "mark", "write", "sent")
    async for gaps, world, changed, row in all_orders(
        tmp_path, (), acts, lambda desk, item: desk.change(item, by_hand.cancel), steps=3
    ):
        assert len(world.arrived) == (changed is None), gaps
        assert row.state == ("sent" if changed is None else "cancelled")
        outcomes.add(row.state)
    assert outcomes == {"sent", "cancelled"}


async def test_what_was_edited_goes_as_it_was_edited(tmp_path):
    async def edits(desk, item):
        return await desk.edit(item, text="second", not_before=None, expires_at=None, priority=None)

    acts = ("claim", "mark", "write", "refused", "claim", "mark", "write", "sent")
    edited = 0
    async for gaps, world, changed, row in all_orders(tmp_path, (), acts, edits, steps=3):
        if row.state == "sent":
            assert (world.arrived[-1] == "second") == (changed is not None), gaps
            edited += changed is not None
    assert edited


async def test_of_two_edits_at_once_none_brings_back_what_the_other_changed(tmp_path):
    clock = Told()
    store = open_outbox(f"sqlite:///{tmp_path / 'edits.db'}", clock=clock.time)
    for gap in range(1, 4):
        new = putting.new_of(
            MessageContent(chat_id="chat_1", text="first"), "acc_1", Wishes(), provider=None,
            id_=f"item_{gap}",
        )  # fmt: skip
        await store.add([new])
        kept = {"not_before": None, "expires_at": None}
        plain = Desk(store, provider=lambda _: None, new_id=str, tell=lambda _: None)

        async def meanwhile(step, gap=gap, item=new.id, plain=plain, kept=kept):
            if step == gap:
                await plain.edit(item, text="second", priority=None, **kept)

        desk = Desk(
            Stepwise(store, meanwhile), provider=lambda _: None, new_id=str,
            tell=lambda _: None,
        )  # fmt: skip
        await desk.edit(new.id, text=None, priority=7, **kept)
        row = await store.get(new.id)
        assert row.priority == 7
        if gap < 2:  # else nothing of the first was left to come between
            assert contents.decode(row.body).text == "second"
    await store.aclose()


@pytest.mark.parametrize("late", [1, -1])
async def test_a_change_names_what_it_has_seen(tmp_path, late):
    store = open_outbox(f"sqlite:///{tmp_path / 'late.db'}", clock=Told().time)
    new = putting.new_of(
        MessageContent(chat_id="chat_1", text="first"), "acc_1", Wishes(), provider=None, id_="i"
    )
    (added,) = await store.add([new])
    change = {"states": ["queued"], "finish": Finish(state="held")}
    assert await store.alter("i", fence=added.row.fence + late, **change) is None
    assert (await store.alter("i", fence=added.row.fence, **change)).state == "held"
    await store.aclose()
