"""A whole lane against a plain list of what happened.

The reference keeps every event and scans them all for every question. It knows nothing of rings,
windows or heaps, so that the two can only agree by both being right.
"""

from math import floor, inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from postpress_async import Limit, Limits, Spacing, WarmUp, WorkingHours
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.scheduler import blockers, furnishing
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.lanes import reopen
from postpress_async.scheduler.queue import AGE_AFTER, Queues, Waiter
from postpress_async.scheduler.rules import Rules
from postpress_async.scheduler.trouble import Closure

DAY, HOUR = 86400.0, 3600.0
ACTIONS = ("invite", "message")
NEAR = 1e-6  # instants that went through the epoch are not finer

ROW = st.builds(
    lambda actions, amount, keep, per, burst: Limit(
        actions, amount, per=per, keep=min(keep, amount), burst=burst
    ),
    st.sampled_from([ACTIONS, "invite", "message"]),
    st.sampled_from([0, 1, 2, 3, 4, 5, 8, 8]),
    st.sampled_from([0, 0, 1, 3]),
    st.sampled_from([1.0, 2.5, 10.0, 33.3, 60.0]),
    st.sampled_from([None, None, 1, 3]),
)
PAUSES = st.tuples(
    st.sampled_from([None, *ACTIONS]), st.sampled_from([1.0, 1.0, 5.0, 5.0, 100.0, inf])
)


WORK = st.tuples(
    st.sampled_from(ACTIONS),
    st.sampled_from([(1,), (2,), (1, 1, 1), (1, 2, 1, 3), (1,) * 8, (2,) * 5, (5, 1)]),
    st.sampled_from([DONE, None, Verdict(settle=2.0)]),
    st.sampled_from([0.0, 0.0, 0.5, 4.0]),
)


class Event:
    """One thing that was done, or is under way."""

    def __init__(self, action, cost, at):
        self.action, self.cost, self.granted = action, cost, at
        self.done = None  # still under way
        self.recorded = False


class Reference:
    """What a lane should allow, told as plainly as it can be."""

    def __init__(self, rows, spacings, warm_up, hours):
        self.rows, self.spacings, self.warm_up, self.hours = rows, spacings, warm_up, hours
        self.events = []  # in the order in which they were granted
        self.finished = []  # in the order in which they were
        self.cooling, self.probe_due, self.probe_out = -inf, False, False
        self.pauses = {}

    def instants(self, row):
        """Return when each thing of a budget was done, and what it cost."""
        latest, found = -inf, []
        for event in self.finished:
            if event.action in row.names:
                at = event.done if event.recorded else max(event.done, latest)
                latest = max(latest, at)
                found.append((at, event.cost))
        return found

    def held(self, row):
        return sum(e.cost for e in self.events if e.done is None and e.action in row.names)

    def amounts(self, row, at):
        factor = 1.0
        if self.warm_up is not None and at < self.warm_up.days * DAY:
            start, days = self.warm_up.start, self.warm_up.days
            factor = start + (1 - start) * floor(at / DAY) / days
        if factor >= 1 or row.amount == 0:
            return row.amount, row.amount - row.keep
        amount = max(1, floor(row.amount * factor + 1e-9))
        return amount, max(amount - int(row.keep * factor), 0)

    def full(self, row, cost, at, *, reply):
        amount, room = self.amounts(row, at)
        inside = sum(cost for done, cost in self.instants(row) if done + row.per > at)
        return self.held(row) + inside + cost > (amount if reply else room)

    def paid_at(self, row, cost):
        """Return when a smoothed budget lets a call go."""
        interval, free = row.per / row.amount, -inf
        for event in self.events:
            if event.action in row.names:
                free = max(free, event.granted) + event.cost * interval
        slack = (row.burst - 1) * interval
        return free + min((cost - 1) * interval, slack) - slack

    def spaced_at(self, spacing):
        mine = [event for event in self.events if spacing.action in {None, event.action}]
        ends = (inf if e.done is None else e.done + spacing.least for e in mine)
        return max(ends, default=-inf)

    def my(self, action):
        rows = [row for row in self.rows if action in row.names]
        return rows, [one for one in self.spacings if one.action in {None, action}]

    def allows(self, action, cost, at, *, reply):
        rows, spacings = self.my(action)
        if any(which in {None, action} and until > at for which, until in self.pauses.items()):
            return False
        if self.probe_out or self.cooling > at:
            return False
        if self.hours and not 9 * HOUR <= (at + NEAR) % DAY < 17 * HOUR:
            return False
        if any(self.spaced_at(one) > at for one in spacings):
            return False
        smoothed = [row for row in rows if row.burst is not None and row.amount]
        if any(self.paid_at(row, cost) > at + NEAR for row in smoothed):
            return False
        return not any(self.full(row, cost, at, reply=reply) for row in rows)

    def first(self, action, cost, now, *, reply):
        """Return the first instant at which it may go if nothing else happens."""
        rows, spacings = self.my(action)
        at = {now, self.cooling, *self.pauses.values(), *map(self.spaced_at, spacings)}
        at |= {done + row.per for row in rows for done, _ in self.instants(row)}
        at |= {self.paid_at(row, cost) for row in rows if row.burst is not None and row.amount}
        today = floor(now / DAY)
        at |= {(today + n) * DAY + hour * HOUR for n in range(9) for hour in (0, 9)}
        candidates = sorted(one for one in at if now <= one < inf)
        allowed = (one for one in candidates if self.allows(action, cost, one, reply=reply))
        return next(allowed, inf)


class LaneAgainstReference(RuleBasedStateMachine):
    @initialize(
        rows=st.lists(ROW, min_size=1, max_size=4, unique_by=lambda row: (row.actions, row.per)),
        spacings=st.lists(
            st.sampled_from([Spacing(3.0, 9.0), Spacing(20.0, 20.0, action="invite")]),
            max_size=2,
            unique=True,
        ),
        warm_up=st.none() | st.builds(lambda start: WarmUp(start, days=3), st.floats(0.1, 0.9)),
        hours=st.sampled_from([False, False, False, True]),
    )
    def begin(self, rows, spacings, warm_up, hours):
        self.reference = Reference(rows, spacings, warm_up, hours)
        self.now, self.exact = 10 * HOUR, True
        setting = Setting(lambda: 0.0, lambda: 0.0)
        self.lane = Lane("acc_1", self.parts(), setting, 0.0)
        self.slots, self.waiting, self.grants = {}, [], 0

    def parts(self):
        made = self.reference
        parts = [*made.rows, *made.spacings, *([made.warm_up] if made.warm_up else [])]
        if made.hours:
            parts.append(WorkingHours("09:00-17:00", tz="UTC", days="all"))
        return Rules(Limits.none().add(*parts), None, None)

    def tally(self, action):
        return self.lane.tally(action, self.now)

    # -- what happens -----------------------------------------------------------------------------

    @rule(
        work=WORK,
        seconds=st.sampled_from([0.0, 0.1, 1.0, 2.5, 3.0, 7.0, 10.0, 10.0, 33.3, 60.0, 60.0]),
    )
    def time_passes(self, work, seconds):
        self.now += seconds
        self.asked(*work)

    @rule(work=WORK)
    def somebody_asks(self, work):
        self.asked(*work)

    def asked(self, action, costs, answer, pause):
        self.woken()
        for cost in costs:
            slot = self.lane.try_take(self.tally(action), cost, self.now)
            first = any(waiter.tally.action == action for waiter in self.waiting)
            allowed = self.reference.allows(action, cost, self.now, reply=False) and not first
            assert slot is None or allowed
            assert slot is not None or not allowed or not self.exact
            if slot is not None:
                self.granted(slot)
                if answer is not None:
                    self.reported(slot, answer)
            self.now += pause

    def granted(self, slot):
        made = self.reference
        event = Event(slot.tally.action, slot.cost, self.now)
        made.events.append(event)
        self.slots[slot] = event
        for row in made.my(event.action)[0]:
            assert not made.full(row, 0, self.now, reply=True), "a window is over"
        assert slot.probe == made.probe_due
        if made.probe_due:
            made.probe_due, made.probe_out = False, True

    @rule(
        action=st.sampled_from(ACTIONS),
        cost=st.sampled_from([1, 1, 2]),
        priority=st.sampled_from([0, 0, -1, 3]),
        ago=st.sampled_from([0.0, 0.0, 50.0, 2 * HOUR, 3 * HOUR]),
    )
    def somebody_waits(self, action, cost, priority, ago):
        waiter = Waiter(
            self.tally(action), object(), since=self.now - ago, cost=cost, priority=priority
        )
        self.lane.queues = self.lane.queues or Queues()
        self.lane.queues.push(waiter)
        self.waiting.append(waiter)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def somebody_gives_up(self, data):
        waiter = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
        self.lane.queues.leave(waiter)

    @precondition(lambda self: self.waiting)
    @rule()
    def the_lane_wakes(self):
        self.woken()

    def woken(self):
        while self.waiting:
            ready = [one for one in self.heads() if self.may(one)]
            (went, again) = self.lane.wake(self.now, 1)
            if not went:
                assert not ready or not self.exact
                assert again > self.now
                break
            (waiter,) = went
            assert self.place(waiter) in {self.place(one) for one in self.heads()}
            assert self.may(waiter)
            place = min(self.place(one) for one in ready)
            assert self.place(waiter) == place or not self.exact
            same = [one for one in self.waiting if self.kind(one) == self.kind(waiter)]
            assert min(same, key=lambda one: one.since) is waiter
            self.waiting.remove(waiter)
            self.granted(waiter.slot)
        assert self.lane.waiting == len(self.waiting)

    def kind(self, waiter):
        return waiter.tally.action, waiter.priority

    def place(self, waiter):
        return waiter.since + waiter.priority * AGE_AFTER

    def heads(self):
        """Return who is next for each action, and who is next among replies."""
        found = []
        for action in ACTIONS:
            mine = [one for one in self.waiting if one.tally.action == action]
            replies = [one for one in mine if one.priority < 0]
            found += [min(each, key=self.place) for each in (mine, replies) if each]
        return found

    def may(self, waiter):
        return self.reference.allows(
            waiter.tally.action, waiter.cost, self.now, reply=waiter.priority < 0
        )

    def answered(self, data, verdict):
        slot = data.draw(st.sampled_from(list(self.slots)))
        if not verdict.counts and self.smoothed_since(slot):
            verdict = DONE  # what was paid since is not paid again
        self.reported(slot, verdict)

    def reported(self, slot, verdict):
        event, made = self.slots.pop(slot), self.reference
        self.lane.report(slot, verdict, self.now)
        if verdict.counts:
            event.done = self.now + verdict.settle
            made.finished.append(event)
        else:
            made.events.remove(event)
        if slot.probe:
            # Only an answer with no refusal after it lets everybody go.
            made.probe_out = False
            proved = verdict.effect != "no_answer" and made.cooling <= self.now
            made.probe_due = not proved
        if verdict.effect == "cool_down":
            made.cooling = max(made.cooling, self.now + verdict.retry_after)
            made.probe_due = not made.probe_out

    def smoothed_since(self, slot):
        smoothed = [row for row in self.reference.rows if row.burst is not None]
        later = self.reference.events[self.reference.events.index(self.slots[slot]) + 1 :]
        return any(e.action in row.names for e in later for row in smoothed)

    @precondition(lambda self: self.slots)
    @rule(data=st.data(), work=WORK, settle=st.sampled_from([0.0, 0.0, 2.0]))
    def it_is_done(self, data, work, settle):
        self.answered(data, Verdict(settle=settle))
        self.asked(*work)

    @precondition(lambda self: self.slots)
    @rule(data=st.data())
    def nobody_answers(self, data):
        self.answered(data, Verdict(effect="no_answer"))

    @precondition(lambda self: self.slots)
    @rule(data=st.data(), work=WORK)
    def it_never_went(self, data, work):
        self.answered(data, REFUND)
        self.asked(*work)

    @precondition(lambda self: self.slots)
    @rule(data=st.data(), seconds=st.sampled_from([61.0, 400.0]), rarely=st.integers(0, 3))
    def it_is_refused(self, data, seconds, rarely):
        self.answered(data, DONE if rarely else Verdict(effect="cool_down", retry_after=seconds))

    @precondition(lambda self: self.reference.probe_out or self.reference.cooling > self.now)
    @rule()
    def the_cool_down_ends(self):
        self.now = max(self.now, self.reference.cooling)
        for slot in [slot for slot in self.slots if slot.probe]:
            self.reported(slot, DONE)

    @rule(pause=PAUSES, rarely=st.integers(0, 4))
    def a_person_pauses(self, pause, rarely):
        if rarely:
            return self.a_person_resumes(None)
        action, seconds = pause
        until = self.now + seconds
        self.reference.pauses[action] = until
        closure = Closure(kind="paused", action=action, until=until, reason="x")
        return self.lane.troubled().close(closure)

    @rule(action=st.sampled_from(ACTIONS))
    def a_person_resumes_an_action(self, action):
        self.a_person_resumes(action)

    def a_person_resumes(self, action):
        gone = [which for which in self.reference.pauses if action in {None, which}]
        for which in gone:
            del self.reference.pauses[which]
        reopen(self.lane, action, self.now)

    @rule(
        work=WORK,
        action=st.sampled_from(ACTIONS),
        cost=st.integers(1, 3),
        ago=st.sampled_from([0.0, 1.0, 9.0, 40.0, 200.0]),
    )
    def others_did_something(self, work, action, cost, ago):
        event = Event(action, cost, -inf)
        event.done, event.recorded = self.now - ago, True
        self.reference.finished.append(event)
        for ring in self.tally(action).rings:
            ring.insert(cost, event.done, self.now)
        self.asked(*work)

    @rule(which=st.integers(0, 3), amount=st.integers(0, 9), keep=st.sampled_from([0, 0, 2]))
    def an_amount_changes(self, which, amount, keep):
        rows = self.reference.rows
        if which >= len(rows) or rows[which].burst is not None:
            return
        row = rows[which]
        rows[which] = Limit(row.actions, amount, per=row.per, keep=min(keep, amount))
        furnishing.change(self.lane, self.parts(), self.now)

    @rule(row=ROW)
    def another_budget_holds_too(self, row):
        # It is filled from others that counted the same: rather too much than too little.
        if len(self.reference.rows) > 5 or row.burst is not None:
            return
        if any((one.names, one.per) == (row.names, row.per) for one in self.reference.rows):
            return
        for action in row.names:
            if not self.counted(action):
                return  # what nothing counted is not known
        self.reference.rows.append(row)
        self.exact = False
        furnishing.change(self.lane, self.parts(), self.now)

    def counted(self, action):
        """Tell whether a window so long that it has not forgotten anything counts an action."""
        rows = [row for row in self.reference.rows if action in row.names and row.per == 60.0]
        return bool(rows) and action in self.lane.tallies

    # -- what must hold ---------------------------------------------------------------------------

    @rule(action=st.sampled_from(ACTIONS), cost=st.sampled_from([1, 2, 4]), reply=st.booleans())
    def whoever_asks_again_in_time_goes_at_the_first_possible_instant(self, action, cost, reply):
        made, tally = self.reference, self.tally(action)
        first = made.first(action, cost, self.now, reply=reply)
        at = self.lane.ready_at(tally, cost, self.now, reply=reply)
        assert at <= first + NEAR or not self.exact
        if self.exact and at < inf and not (self.reference.hours or self.reference.warm_up):
            assert at == pytest.approx(first, abs=NEAR)  # nothing closes again meanwhile
        if inf in {first, at}:
            # An answer or a person must come first, or the account must grow older.
            return
        for _ in range(200):
            if at <= self.now:
                break
            self.now = at
            at = self.lane.ready_at(tally, cost, self.now, reply=reply)
        if self.exact:
            assert self.now == pytest.approx(first, abs=NEAR)
        assert made.allows(action, cost, self.now, reply=reply) or at > self.now

    @rule(action=st.sampled_from(ACTIONS), cost=st.sampled_from([1, 2, 4]), reply=st.booleans())
    def what_is_explained_is_what_holds_it_back(self, action, cost, reply):
        tally = self.tally(action)
        at = self.lane.ready_at(tally, cost, self.now, reply=reply)
        found = list(blockers.blockers(self.lane, tally, cost, self.now, reply=reply))
        foretold, _ = blockers.forecast(self.lane, tally, cost, self.now, reply=reply, ahead=0)
        fits = all(cost <= row.amount - row.keep for row in self.reference.my(action)[0])
        if fits:
            assert foretold <= at
            # While calls are under way, only their answers tell: what is foretold is a lower bound.
            if at < inf and not any(ring.held for ring in tally.rings):
                assert (
                    max((one.at for one in found), default=self.now)
                    == pytest.approx(max(at, self.now), abs=NEAR)
                    or at == self.now
                )
        elif foretold == inf and not self.reference.warm_up:
            assert self.reference.first(action, cost, self.now, reply=reply) == inf or reply

    @invariant()
    def whoever_may_go_is_known(self):
        tallies = self.lane.tallies.values() if hasattr(self, "slots") else ()
        for tally in list(tallies):
            for cost, reply in ((1, False), (3, False), (2, True)):
                ready = self.lane.ready_at(tally, cost, self.now, reply=reply) <= self.now
                allowed = self.reference.allows(tally.action, cost, self.now, reply=reply)
                assert allowed or not ready
                assert ready or not allowed or not self.exact

    @invariant()
    def nothing_is_held_but_what_is_under_way(self):
        if not hasattr(self, "slots"):
            return
        assert self.lane.in_flight == len(self.slots)
        assert self.lane.waiting == len(self.waiting)
        rings = {ring for tally in self.lane.tallies.values() for ring in tally.rings}
        for ring in rings:
            held = sum(slot.cost for slot in self.slots if ring in slot.rings)
            assert ring.held == held

    def teardown(self):
        if not hasattr(self, "slots"):
            return
        for slot in list(self.slots):
            self.lane.report(slot, DONE, self.now)
        for tally in self.lane.tallies.values():
            assert all(ring.held == 0 for ring in tally.rings)
            assert all(getattr(pace, "held", 0) == 0 for pace in tally.paces)
            # A budget that came while calls were under way counts them for as long as an answer
            # may take: a minute, and the longest window here is one, too.
            assert all(ring.empty(self.now + 125.0) for ring in tally.rings)


@pytest.mark.timeout(1800)
def test_a_lane_does_what_a_plain_list_says():
    share = settings(max_examples=settings().max_examples, stateful_step_count=50)
    run_state_machine_as_test(LaneAgainstReference, settings=share)
