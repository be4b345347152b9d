"""A lane that is written down and read again after each step decides as one that never was."""

from math import inf

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
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.rulebook import Rulebook
from postpress_async.scheduler.shelf import Shelf
from postpress_async.scheduler.steps import EVERYONE, Ask, Step

ACTIONS = ["profile", "invite", "invite_note", "message", "search", "read"]
VERDICTS = [
    DONE,
    REFUND,
    Verdict(effect="no_answer", settle=1.0),
    Verdict(effect="cool_down", retry_after=30.0),
    Verdict(effect="cool_down"),
    Verdict(effect="cool_down", retry_after=7200.0),
    Verdict(effect="provider_error"),
    Verdict(effect="close_action", reason="422 errors/limit_exceeded"),
    Verdict(effect="same_again", subject="a"),
    Verdict(effect="same_again", subject="b"),
    Verdict(effect="same_again", subject="c"),
]
LIMITS = Limits.none().add(
    Limit("profile", 4, per=60),
    Limit("profile", 7, per=3600),
    Limit(("invite", "invite_note"), 5, per="hour", keep=2),
    Limit("invite_note", 2, per="day", burst=1),
    Limit("search", 20, per="day"),
    Spacing(5.0, 5.0, action="message"),
    Spacing(1.0, 1.0),
    WarmUp(0.5, days=3, actions="search"),
    WorkingHours("08:00-20:00", tz="Europe/Paris", days="all"),
)
START = 1_770_000_000.0  # whole seconds, so that nothing is rounded


class WrittenDown(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.now, self.serial = START, 0
        rulebook = Rulebook(LIMITS)
        self.lane = Lane("acc", rulebook.of("acc"), Setting(lambda: 0.0, lambda: 0.0), START)
        self.shelf = Shelf(rulebook, lambda: 0.0)
        self.images = {"acc": None, EVERYONE: None}
        self.open = {}
        self.step()  # the first use is a date that is kept

    def step(self, shelf=None, **given):
        step = Step(shelf or self.shelf, "acc", lease=1e9, room=1, **given)
        changed, outcome = step.run(self.images, self.now)
        self.images.update(changed)
        return outcome

    @rule(seconds=st.sampled_from([0, 1, 2, 5, 17, 60, 700, 3600, 40_000]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(action=st.sampled_from(ACTIONS), cost=st.integers(1, 3), reply=st.booleans())
    def ask(self, action, cost, reply):
        tally = self.lane.tally(action, self.now)
        ready = self.lane.ready_at(tally, cost, self.now, reply=reply)
        self.serial += 1
        name = f":{self.serial}"  # of a process without a name: this one
        outcome = self.step(
            asks=[
                Ask(
                    reservation=name, action=action, cost=cost, reply=reply, head=True,
                    fresh=False, patience=inf, ahead=0,
                )
            ]
        )  # fmt: skip
        assert bool(outcome.granted) == (ready <= self.now)
        if ready <= self.now:
            self.open[name] = self.lane.grant(tally, cost, self.now)
        elif ready < inf and ready != self.lane.stale_at:
            assert outcome.again == ready

    @precondition(lambda self: self.open)
    @rule(verdict=st.sampled_from(VERDICTS), data=st.data())
    def answer(self, verdict, data):
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.lane.report(self.open.pop(name), verdict, self.now)
        self.step(reports=[(name, verdict)])

    @rule()
    def another_process_opens_it(self):
        self.shelf = Shelf(Rulebook(LIMITS), lambda: 0.0)

    @invariant()
    def it_is_read_as_it_was(self):
        if hasattr(self, "lane"):
            again = Shelf(Rulebook(LIMITS), lambda: 0.0)
            book = again.open("acc", self.images, self.now)
            for action, tally in self.lane.tallies.items():
                read = book.tally(action, self.now)
                for lane, one in ((self.lane, tally), (book.lane, read)):
                    lane.ready_at(one, 1, self.now)  # so that each looks at its age, as to decide
                ours = [(one.amount, one.used(self.now)) for one in tally.windows]
                assert [(one.amount, one.used(self.now)) for one in read.windows] == ours


def test_a_lane_that_is_written_down_decides_as_one_that_never_was():
    often = settings(
        max_examples=settings().max_examples * 120 // 100, stateful_step_count=40, deadline=None
    )
    run_state_machine_as_test(WrittenDown, settings=often)
