"""What a store has lost: whoever saw it puts it back, in whichever order they come."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from postpress_async import Limit, Limits
from postpress_async.limits import DONE, REFUND, Verdict
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

    def __init__(self, limits=LIMITS):
        self.dead = set()
        self.shelf = self.shelf_of(limits)
        self.images = dict.fromkeys(BOTH)
        self.written = dict.fromkeys(BOTH, float("-inf"))
        self.past = [(dict(self.images), dict(self.written))]
        self.serial = 0

    def shelf_of(self, limits):
        return Shelf(Rulebook(limits), random.Random(1).random, self.dead.__contains__)

    def fall_back(self, sight):
        self.images, self.written = map(dict, sight)

    def known(self, now, look):
        found = []
        self.step(now, changes=[lambda book, everyone, _: found.append(look(book, everyone))])
        return found[-1]

    def step(self, now, **what):
        step = Step(self.shelf, "acc_1", lease=180.0, room=9, own="p1", **what)
        changed, outcome = step.run(self.images, now)
        self.images |= changed
        self.written |= dict.fromkeys(changed, now)
        self.past.append((dict(self.images), dict(self.written)))
        return outcome

    def grant(self, now, own="p1"):
        (granted,) = self.step(now, asks=[self.ask(own)]).granted
        return granted

    def ask(self, own="p1"):
        self.serial += 1
        return Ask(
            reservation=f"{own}:x.{self.serial}", action="invite", cost=1, reply=False, head=True,
            fresh=False, patience=1.0, ahead=0,
        )  # fmt: skip

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


OWN = Limits.none().add(Limit("invite", 3, per="day"))
KNOWN = {
    "limits of its own": (
        lambda store, book, _: book.set_limits(store.shelf.rulebook, OWN, 1010.0),
        lambda book, _: book.limits == OWN and book.lane.own,
    ),
    "age": (
        lambda store, book, _: book.describe(
            store.shelf.rulebook, 1010.0, provider=None, tier=None, connected_at=77.0, ok=None
        ),
        lambda book, _: book.lane.connected_at == 77.0,
    ),
    "strikes": (
        lambda store, book, _: book.lane.troubled().cool_down(1010.0, 60.0, 1010.0, jitter=0.0),
        lambda book, _: (book.lane.trouble.strikes, book.lane.trouble.cooling_until) == (1, 1070.0),
    ),
    "a pause of all": (
        lambda store, _, everyone: everyone.pause(
            Closure(kind="paused_all", action=None, until=9e9, reason="hands off")
        ),
        lambda book, everyone: [one.reason for one in everyone.paused] == ["hands off"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", KNOWN)
@pytest.mark.parametrize("since", ["nothing", "others wrote"])
def test_what_stands_beside_the_counts_is_put_back(what, since):
    learn, is_known = KNOWN[what]
    store = Told()
    store.send(1000.0)
    older = store.past[-1]
    store.send(1005.0)
    store.step(1010.0, changes=[lambda book, everyone, _: learn(store, book, everyone)])
    seen = store.past[-1]
    store.fall_back(older)
    if since == "others wrote":  # and had trouble of their own
        other = structs.replace(PAUSE, action="search")
        store.step(1011.0, changes=[lambda book, *_: book.lane.troubled().close(other)])
        store.send(1012.0, own="p2")
    assert not store.known(1013.0, lambda *both: what != "strikes" and is_known(*both))
    if since == "nothing":
        store.written = dict(older[1])
    store.mend(seen)
    assert store.known(1020.0, is_known)


def test_what_is_spread_evenly_goes_on_where_it_was():
    store = Told(
        Limits.none().add(
            Limit("invite", 100, per="day", burst=1),
            Limit("invite", 100, per="day", scope="key", burst=1),
        )
    )
    store.step(10.0)
    older = store.past[-1]
    store.send(1000.0)
    seen, ends = store.past[-1], 1000.0 + 864.0
    store.fall_back(older)
    other = structs.replace(PAUSE, action="search")
    store.step(1001.0, changes=[lambda book, *_: book.lane.troubled().close(other)])
    store.step(1001.0, changes=[lambda _, everyone, __: everyone.pause(other)])
    store.mend(seen)
    bursts = store.known(1002.0, lambda book, everyone: [book.bursts, everyone.bursts])
    assert [list(map(round, one.values())) for one in bursts] == [[round(ends)]] * 2


def test_the_longest_window_of_all_accounts_stays_whoever_begins_anew():
    store = Told()
    for n in range(3):
        store.send(1000.0 + n)
    seen = store.past[-1]
    store.fall_back(store.past[0])
    short = Limits.none().add(Limit("invite", 9, per="minute", scope="key"))
    store.shelf, old = store.shelf_of(short), store.shelf
    store.send(1010.0, own="p2")
    store.mend(seen)
    store.send(2000.0, own="p2")  # who needs no more than a minute drops nothing of others
    store.shelf = old
    assert store.used(2001.0) == (5, 5)


def test_windows_that_only_others_declare_keep_what_they_need():
    store = Told()
    for n in range(3):
        store.send(1000.0 + n)
    store.shelf, old = (
        store.shelf_of(Limits.none().add(Limit("invite", 9, per="minute"))),
        store.shelf,
    )
    for at in (1600.0, 2200.0):
        store.send(at, own="p2")
    store.shelf = old
    assert store.used(2201.0)[0] == 5


def test_a_step_that_is_carried_out_twice_grants_once():
    store = Told(Limits.none().add(Limit("invite", 1, per="day")))
    ask = store.ask()
    for at in (1000.0, 1001.0):
        assert store.step(at, asks=[ask]).granted == (ask.reservation,)
    assert store.used(1002.0) == (1, 0)
    store.step(1003.0, reports=[(ask.reservation, REFUND)])
    assert store.used(1004.0) == (0, 0)


def test_what_the_dead_have_sent_counts_from_a_second_after_they_are_given_up():
    """Four seconds after their death was noticed, and a second for what is on its way."""
    store = Told()
    store.grant(1000.0, own="p2")
    store.dead.add("p2")
    store.step(1001.0)
    store.step(1010.0)
    instants = store.known(1011.0, lambda book, everyone: [
        [at for log in logs.values() for at, _ in log.events()]
        for logs in (book.logs, everyone.logs)
    ])  # fmt: skip
    assert instants == [[1001.0 + 4.0 + 1.0]] * 2


def test_refusals_in_a_row_are_counted_over_all_processes():
    store = Told()
    wrong, limit = Verdict(effect="provider_error"), Verdict(effect="close_action")
    for at, verdicts, seconds in [(1000.0, [wrong] * 2, 3600.0), (9000.0, [limit], 7200.0)]:
        for name, verdict in [(store.grant(at), verdict) for verdict in verdicts]:
            store.shelf = store.shelf_of(LIMITS)  # who reads what another one wrote
            store.step(at + 1.0, reports=[(name, verdict)])
        (closure,) = store.known(at + 1.0, lambda book, _: book.lane.trouble.closures)
        assert closure.until == at + 1.0 + seconds, "twice as long the second time"
