"""What a store has lost: whoever saw it puts it back, in whichever order they come."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async import Limit, Limits
from postpress_async.limits import DONE, REFUND
from postpress_async.scheduler.book import process_of
from postpress_async.scheduler.everyone import EVERYONE
from postpress_async.scheduler.mending import mend
from postpress_async.scheduler.rulebook import Rulebook
from postpress_async.scheduler.shelf import Shelf
from postpress_async.scheduler.steps import Ask, Step
from postpress_async.scheduler.trouble import Closure

LIMITS = Limits.none().add(
    Limit("invite", 100, per="day"), Limit("invite", 200, per="day", scope="key")
)
PAUSE = Closure(kind="paused", action=None, until=9e9, reason="a person said so")
BOTH = ("acc_1", EVERYONE)


class Told:
    """Play the store: images with the times of their writing, as they were after each step."""

    def __init__(self):
        self.shelf = Shelf(Rulebook(LIMITS), random.Random(1).random)
        self.images = dict.fromkeys(BOTH)
        self.written = dict.fromkeys(BOTH, float("-inf"))
        self.past = [(dict(self.images), dict(self.written))]
        self.serial = 0

    def step(self, now, **what):
        step = Step(self.shelf, "acc_1", lease=180.0, room=9, own="p1", **what)
        changed, outcome = step.run(self.images, now)
        self.images |= changed
        self.written |= dict.fromkeys(changed, now)
        self.past.append((dict(self.images), dict(self.written)))
        return outcome

    def grant(self, now, own="p1"):
        self.serial += 1
        ask = Ask(
            reservation=f"{own}:x.{self.serial}", action="invite", cost=1, reply=False, head=True,
            fresh=False, patience=1.0, ahead=0,
        )  # fmt: skip
        (granted,) = self.step(now, asks=[ask]).granted
        return granted

    def send(self, now, own="p1"):
        self.step(now + 0.2, reports=[(self.grant(now, own), DONE)])

    def mend(self, sight, own="p1", over=()):
        """Let a process that saw the past put it back; which of its calls are over, it knows."""

        def lasts(name):
            return name not in over if process_of(name) == own else None

        images, written = sight
        for key in BOTH:
            if images[key] is not None:
                self.images[key] = mend(
                    key, images[key], self.images[key], written[key], self.written[key],
                    lasts=lasts,
                )  # fmt: skip

    def used(self, now):
        found = []
        self.step(now, changes=[lambda book, everyone, _: found.append((
            sum(cost for log in book.logs.values() for _, cost in log.events())
            + sum(held.cost for held in book.held.values()),
            sum(cost for log in everyone.logs.values() for _, cost in log.events())
            + sum(held.cost for _, held in everyone.held.values()),
        ))])  # fmt: skip
        return found[-1]


@settings(max_examples=settings().max_examples * 60 // 100, deadline=None)
@given(
    gaps=st.lists(st.floats(0.3, 4_000.0), min_size=1, max_size=12),
    sights=st.lists(st.integers(0, 24), min_size=1, max_size=3),
    fallen=st.integers(0, 24),
)
def test_no_count_that_anybody_saw_is_lost_in_whichever_order_they_come(gaps, sights, fallen):
    store, now = Told(), 1_000_000.0
    for gap in gaps:
        now += gap
        store.send(now)
    past, now = list(store.past), now + 1.0
    store.images, store.written = map(dict, past[min(fallen, len(past) - 1)])
    knew = 0
    for sight in sights:
        seen = past[min(sight, len(past) - 1)]
        store.mend(seen, own="p2")
        knew += 1
        now += 1.0
        store.send(now)
    last = len(past) - 1
    # What was done is in sight from its report on; calls of others that are under way, and that
    # only a store has forgotten, are put back by those whose they are.
    least = max((min(fallen, last) + 1) // 2, *(min(one, last) // 2 for one in sights)) + knew
    for count in store.used(now + 1.0):
        assert least <= count <= len(gaps) + knew + len(sights)


@given(sight=st.integers(0, 20), late=st.integers(0, 5))
@settings(max_examples=settings().max_examples * 40 // 100, deadline=None)
def test_a_store_that_lost_nothing_is_left_as_it_is(sight, late):
    store, now = Told(), 1_000_000.0
    for _ in range(10):
        now += 30_000.0  # so that some leave every window
        store.send(now, own="p2")
    seen = store.past[sight]
    for _ in range(late):
        store.send(now := now + 30_000.0, own="p2")
    before = dict(store.images)
    store.mend(seen)
    assert store.images == before


def test_a_second_who_saw_more_puts_back_what_the_first_did_not_know():
    store = Told()
    store.send(1000.0)
    little = store.past[-1]
    for n in range(10):
        store.send(1001.0 + n)
    store.step(1020.0, changes=[lambda book, *_: book.lane.troubled().close(
        PAUSE)])  # fmt: skip
    much = store.past[-1]
    store.images, store.written = map(dict, store.past[0])  # all is lost
    store.mend(little)
    store.step(1030.0)
    store.mend(much)
    assert store.used(1031.0) == (11, 11)
    found = []
    store.step(1032.0, changes=[lambda book, *_: found.extend(book.lane.trouble.closures)])
    assert [one.reason for one in found] == ["a person said so"]


def test_a_pause_that_was_ended_stays_ended_where_nothing_was_lost():
    store = Told()
    store.step(1000.0, changes=[lambda book, *_: book.lane.troubled().close(
        PAUSE)])  # fmt: skip
    seen = store.past[-1]
    store.step(1001.0, changes=[lambda book, *_: book.lane.trouble.open("paused", None)])
    store.mend(seen)
    found = []
    store.step(1002.0, changes=[lambda book, *_: found.extend(book.lane.trouble.closures)])
    assert found == []


def test_a_call_of_ones_own_under_way_is_counted_when_its_hold_was_lost():
    store = Told()
    store.send(1000.0, own="p2")
    older = store.past[-1]
    mine = store.grant(1010.0)
    seen = store.past[-1]
    store.images, store.written = map(dict, older)  # a failover
    store.grant(1011.0, own="p2")  # which hides that what stands there is the older one
    store.mend(seen)
    store.step(1012.0, reports=[(mine, DONE)])
    assert store.used(1013.0) == (3, 3)


def test_what_was_given_back_unused_does_not_come_back():
    store = Told()
    mine = store.grant(1000.0)
    seen = store.past[-1]
    store.step(1001.0, reports=[(mine, REFUND)])
    store.mend(seen, own="p2")
    assert store.used(1002.0) == (0, 0)


def test_what_is_over_is_under_way_no_more_wherever_a_store_falls_back_to():
    store = Told()
    over = [store.grant(1000.0 + n) for n in range(3)]
    older = store.past[-1]
    store.step(1010.0, reports=[(name, verdict) for name, verdict in zip(
        over, (DONE, REFUND, DONE), strict=True)])  # fmt: skip
    lasting = store.grant(1020.0)
    seen = store.past[-1]
    store.images, store.written = map(dict, older)
    store.mend(seen, over=over)
    assert store.used(1030.0) == (3, 3)
    store.step(1040.0, reports=[(lasting, DONE)])
    assert store.used(2000.0) == (3, 3), "no lease ends that nobody has"


def test_what_another_put_back_is_over_where_the_one_comes_who_knows():
    store = Told()
    mine = store.grant(1000.0)
    others_sight = store.past[-1]
    store.step(1010.0, reports=[(mine, DONE)])
    seen = store.past[-1]
    store.images, store.written = map(dict, store.past[0])
    store.mend(others_sight, own="p2")
    store.step(1020.0)
    store.mend(seen, over=[mine])
    assert store.used(1030.0) == (1, 1)
