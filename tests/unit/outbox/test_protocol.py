"""Every outcome of an attempt and of a look, and what it makes of an item."""

import itertools

import msgspec
import pytest

from postpress_async import errors
from postpress_async.errors import OutboxStateError
from postpress_async.outbox import by_hand, protocol
from postpress_async.outbox.protocol import (
    Absent,
    Found,
    Nowhere,
    Perhaps,
    Terms,
    Undecided,
    after,
    doubted,
    looked,
    two_looks,
)
from postpress_async.outbox.results import Deferred, Later, Sent, Skipped, Waiting, of_error
from postpress_async.storage.outbox.rows import Attempt, Reach

from .memory import a_row

NOW = 1_000.0
OTHERS = Reach(total=300.0, held=70.0)
"""Of whoever sent it: nothing of it is as with those who look."""
LATE = NOW + 10_000.0


def attempt(outcome=None, *, fence=1, deadline=NOW, reach=OTHERS):
    return Attempt(
        item="item_1", number=1, fence=fence, started_at=NOW, deadline=deadline, outcome=outcome,
        reach=reach,
    )  # fmt: skip


def answer(cls, status, slug=None, **more):
    return cls("no", status=status, type=None if slug is None else f"errors/{slug}", **more)


def limited(slug, **more):
    return answer(errors.ProviderLimitError, 422, slug, **more)


# The error, then: state, seconds until it may go again, whether the lane waits, attempts counted.
TABLE = {
    "closed port": (errors.ConnectError("no"), "queued", 22.5, False, False),
    "full store": (errors.StateUnavailableError("no"), "queued", 22.5, False, False),
    "client closed": (errors.ClientClosedError("no"), "queued", 0.0, False, False),
    "limit": (errors.WaitTooLongError("no", retry_after=77.0), "queued", 77.0, True, False),
    "queue full": (errors.QueueFullError("no"), "queued", 5.0, True, False),
    "lane closed": (errors.LaneClosedError("no"), "queued", 300.0, True, False),
    "429": (answer(errors.RateLimitedError, 429, retry_after=9.0), "queued", 9.0, True, True),
    "429 without a time": (answer(errors.RateLimitedError, 429), "queued", 22.5, True, True),
    "limit_exceeded": (limited("limit_exceeded"), "queued", 3600.0, True, True),
    "24 h": (limited("cannot_resend_within_24hrs"), "queued", 86_400.0, False, True),
    "401 key": (answer(errors.AuthenticationError, 401), "queued", 300.0, True, True),
    "disconnected": (
        answer(errors.AccountError, 401, "disconnected_account"), "queued", 300.0, True, True
    ),
    "no_handler": (
        answer(errors.ServiceUnavailableError, 503, "no_handler"), "queued", 22.5, False, True
    ),
    "425": (answer(errors.ResponseError, 425), "queued", 5.0, False, True),
    "400": (answer(errors.BadRequestError, 400), "failed", None, False, True),
    "403": (answer(errors.PermissionDeniedError, 403), "failed", None, False, True),
    "404": (answer(errors.NotFoundError, 404), "failed", None, False, True),
    "413": (answer(errors.ResponseError, 413), "failed", None, False, True),
    "501": (answer(errors.NotImplementedByProviderError, 501), "failed", None, False, True),
    "redirect": (answer(errors.ResponseError, 307), "failed", None, False, True),
    "invited before": (limited("already_invited_recently"), "failed", None, False, True),
    "409": (answer(errors.ConflictError, 409), "failed", None, False, True),
    "bad argument": (errors.ConfigurationError("no"), "failed", None, False, True),
    "another loop": (
        errors.ConfigurationError("no", scope="setup"), "queued", 0.0, False, False
    ),
    "too late": (
        errors.WaitTooLongError("no", limit="outbox", retry_after=0.0), "queued", 0.0, False, False
    ),
    "no limits": (errors.ConfigurationError("no", scope="account"), "queued", 60.0, True, False),
    "cut": (errors.OutcomeUnknownError("no"), "unknown", None, False, True),
    "408": (answer(errors.ResponseError, 408, outcome="unknown"), "unknown", None, False, True),
    "500": (answer(errors.ServerError, 500, outcome="unknown"), "unknown", None, False, True),
    "504": (
        answer(errors.GatewayTimeoutError, 504, outcome="unknown"), "unknown", None, False, True
    ),
    "2xx, body cut": (errors.DecodeError("no", status=200), "unknown", None, False, True),
    "a proxy's page": (
        errors.DecodeError("no", status=200, outcome="unknown"), "unknown", None, False, True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_after_an_error(name):
    error, state, seconds, lane, counts = TABLE[name]
    finish = after(of_error(error, kind="message"), row=a_row(), now=NOW, jitter=0.5)
    assert finish.state == state
    at = finish.lane_ready_at if lane else finish.retry_at
    assert at == (None if seconds is None else NOW + seconds)
    assert (finish.retry_at is None) or (finish.lane_ready_at is None)
    assert finish.keep_attempt is counts
    assert (finish.look_at is not None) == (state == "unknown")
    if name == "2xx, body cut":
        assert finish.outcome == "happened"


@pytest.mark.parametrize(("name", "again"), [("504", OTHERS.total), ("cut", 0.0)])
def test_a_504_gives_all_that_may_still_happen_its_time_once_more(name, again):
    finish = after(of_error(TABLE[name][0], kind="message"), row=a_row(), now=NOW, jitter=0.5)
    tried = attempt(finish.outcome, deadline=NOW + 30.0)
    quiet = tried.deadline + OTHERS.grace + again
    assert protocol.quiet_at(tried) == quiet
    length = quiet - tried.started_at
    assert protocol.still(tried, age=length - 1.0) == 1.0
    given = {"row": a_row(), "attempt": tried}
    early = looked(Absent(), now=quiet - 1.0, **given)
    assert (early.state, early.look_at, early.outcome) == ("unknown", quiet, finish.outcome)
    undecided = looked(Undecided(reason="sync"), now=quiet, **given)
    assert (undecided.state, undecided.outcome) == ("unknown", finish.outcome)
    assert looked(Absent(), now=quiet, **given).state == "queued"
    assert protocol.doubted([tried], fence=2)


@pytest.mark.parametrize("attempts", [1, 2, 3, 50])
@pytest.mark.parametrize("jitter", [0.0, 0.99])
def test_backing_off_grows_up_to_an_hour(attempts, jitter):
    result = of_error(answer(errors.ServiceUnavailableError, 503, "no_handler"), kind="message")
    finish = after(result, row=a_row(attempts=attempts), now=NOW, jitter=jitter)
    most = min(30.0 * 2 ** (attempts - 1), 3600.0)
    assert most / 2 <= finish.retry_at - NOW <= most


def gone_at(result, *, most=1_000, **row):
    """Go at an item again and again; return the seconds between, and how it ended."""
    waits, row = [], a_row(**row)
    while len(waits) < most:
        finish = after(result, row=row, now=NOW, jitter=0.99)
        if finish.state != "queued":
            return waits, finish
        waits.append(finish.retry_at - NOW)
        looks = row.looks if finish.looks is None else finish.looks
        row = msgspec.structs.replace(row, looks=looks)
    return waits, None


def test_what_fails_on_our_side_is_tried_for_most_of_a_day():
    waits, end = gone_at(Later(reason="before_send raised KeyError: see the log", fault=True))
    assert (end.state, end.keep_attempt) == ("failed", False)
    assert end.error.startswith("before_send raised KeyError: see the log; 30 times by now: ")
    assert end.error.endswith("retry() it")
    assert waits == sorted(waits)
    assert waits[0] <= 30.0
    assert waits[-1] <= 3_600.0
    assert 18 * 3_600 <= sum(waits) <= 26 * 3_600


def test_a_service_that_cannot_be_reached_is_asked_for_ever():
    waits, end = gone_at(of_error(errors.ConnectError("no"), kind="message"), most=10_000)
    assert end is None
    assert waits[1] == pytest.approx(2 * waits[0])
    assert 280.0 < waits[-1] <= 300.0


def test_a_read_without_an_answer_is_not_repeated_for_ever():
    result = of_error(errors.RequestTimeoutError("no"), kind="profile")
    waits, end = gone_at(result, kind="profile")
    assert len(waits) == protocol.MOST_READS - 1
    assert waits == sorted(waits)
    assert end.state == "failed"
    assert "retry()" in end.error


def test_what_was_tried_in_vain_is_forgotten_by_what_comes_of_it():
    row = a_row(looks=7)
    limited = of_error(answer(errors.RateLimitedError, 429, retry_after=9.0), kind="message")
    full = of_error(errors.WaitTooLongError("no", retry_after=77.0), kind="message")
    told = [after(one, row=row, now=NOW, jitter=0.0).looks for one in (limited, full)]
    assert told == [0, None]  # what never came so far says nothing
    assert after(Deferred(reason="r", until=NOW), row=row, now=NOW, jitter=0.0).looks == 0
    assert do("retry", a_row(state="failed", looks=30)).finish.looks == 0


@pytest.mark.parametrize("kind", ["react", "follow", "profile"])
def test_what_changes_nothing_by_repeating_needs_no_id(kind):
    assert after(Sent(), row=a_row(kind=kind), now=NOW, jitter=0.0).state == "sent"


def test_a_read_that_nobody_answered_is_read_again_and_one_that_nobody_can_read_is_not():
    row = a_row(kind="profile")
    for error, state in [
        (errors.RequestTimeoutError("no"), "queued"),
        (errors.DecodeError("no", status=200), "failed"),
    ]:
        assert after(of_error(error, kind="profile"), row=row, now=NOW, jitter=0.0).state == state


def test_already_said_to_a_replay_is_ours():
    again = of_error(limited("already_invited_recently"), kind="invite")
    clash = of_error(answer(errors.ConflictError, 409), kind="invite")
    row = a_row(kind="invite")
    assert after(again, row=row, now=NOW, jitter=0.0, replay=True).state == "sent"
    assert after(clash, row=row, now=NOW, jitter=0.0, replay=True).state == "unknown"
    assert after(again, row=row, now=NOW, jitter=0.0).state == "failed"
    follow = a_row(kind="follow")
    assert after(again, row=follow, now=NOW, jitter=0.0).state == "sent"


@pytest.mark.parametrize(
    ("outcome", "doubt"),
    [(None, True), ("unknown", True), ("absent", True), ("refused", False), ("not_sent", False)],
)
def test_only_an_earlier_attempt_in_doubt_makes_a_replay(outcome, doubt):
    tries = [attempt(outcome, fence=1), attempt(None, fence=2)]
    assert doubted(tries, fence=2) is doubt


def test_what_before_send_wants():
    deferred = after(Deferred(reason="night", until=NOW + 60), row=a_row(), now=NOW, jitter=0.0)
    assert (deferred.state, deferred.due_at, deferred.keep_attempt) == ("queued", NOW + 60, False)
    later = Deferred(reason="night", until=NOW - 500)  # by a clock that the store's is ahead of
    ahead = after(later, row=a_row(), now=NOW, jitter=0.0, lead=1_000.0)
    assert ahead.due_at == NOW - 500
    waiting = Waiting(reason="they write", seconds=9.0)
    asked_again = after(waiting, row=a_row(looks=3), now=NOW, jitter=0.0, lead=1_000.0)
    assert (asked_again.retry_at, asked_again.due_at) == (NOW + 9.0, None)  # its place stays
    assert (asked_again.state, asked_again.looks, asked_again.keep_attempt) == ("queued", 0, False)
    late = Waiting(reason="they write", seconds=-9.0)
    assert after(late, row=a_row(), now=NOW, jitter=0.0).retry_at == NOW
    skipped = after(Skipped(reason="replied"), row=a_row(), now=NOW, jitter=0.0)
    assert (skipped.state, skipped.error) == ("cancelled", "replied")


# -- looks ----------------------------------------------------------------------------------


def look(seen, *, now=LATE, last=None, hold=False, absences=0, **row):
    last = attempt() if last is None else last
    row = a_row(state="unknown", **row)
    return looked(seen, row=row, attempt=last, now=now, hold=hold, absences=absences)


def test_found_is_found_at_any_time():
    for now in (NOW, LATE):
        finish = look(Found(result_id="m"), now=now)
        assert (finish.state, finish.result_id) == ("sent", "m")


@pytest.mark.parametrize("seen", [Absent(), Perhaps(reason="r"), Undecided(reason="r")])
def test_nothing_but_found_counts_before_the_attempt_is_quiet(seen):
    quiet = NOW + OTHERS.grace
    finish = look(seen, now=quiet - 0.001)
    assert (finish.state, finish.look_at, finish.needs_decision) == ("unknown", quiet, False)
    assert look(Absent(), now=quiet).state == "queued"


def test_absent_goes_again_until_it_is_too_often():
    assert look(Absent(), absences=3, looks=7).looks == 0
    assert look(Absent(), absences=3).state == "queued"
    last = look(Absent(), absences=4)
    assert last.state == "failed"
    assert "retry()" in last.error


def test_what_was_refused_is_not_held_against_an_item():
    outcomes = ["refused"] * 9 + ["not_sent", "absent", "resolved as not sent", "absent", "unknown"]
    assert protocol.absences([attempt(one) for one in outcomes]) == 2
    # Who has it tried again has looked: it has as many attempts as before.
    spent = look(Absent(), absences=protocol.MOST_ATTEMPTS - 1).outcome
    assert spent not in {None, "absent"}
    history = [*["absent"] * 4, spent, "absent", "refused", "absent", "unknown"]
    assert protocol.absences([attempt(one) for one in history]) == 2
    assert protocol.absences([attempt(one) for one in [*history, spent, "unknown"]]) == 0
    assert protocol.doubted([attempt(spent)], fence=99)
    assert look(Absent(), absences=2, attempts=14).state == "queued"


@pytest.mark.parametrize(
    "told",
    [{"action": "inmail"}, {"hold": True}, {"last": attempt(reach=Reach(hold=True))}],
)
def test_absent_may_wait_for_a_person(told):
    finish = look(Absent(), **told)
    assert (finish.state, finish.needs_decision) == ("unknown", True)


@pytest.mark.parametrize("hold", [False, True])
def test_what_changes_nothing_a_second_time_waits_for_nobody(hold):
    last = attempt(reach=Reach(hold=not hold))
    assert look(Absent(), hold=hold, last=last, kind="react").state == "queued"


@pytest.mark.parametrize("seen", [Perhaps(reason="r"), Nowhere(reason="r")])
def test_what_cannot_be_told_waits_for_a_person(seen):
    assert look(seen).needs_decision


def test_undecided_looks_back_off_for_a_day():
    waited, looks = 0.0, 0
    while not (finish := look(Undecided(reason="r"), looks=looks)).needs_decision:
        assert finish.looks == looks + 1
        waited += finish.look_at - LATE
        looks = finish.looks
    assert 20 * 3600 <= waited <= 30 * 3600


def test_a_look_that_our_limits_forbade_comes_when_they_allow_it_and_is_not_counted():
    finish = look(Undecided(reason="the day is full", until=LATE + 7_200.0), looks=11)
    assert (finish.state, finish.needs_decision) == ("unknown", False)
    assert finish.look_at == LATE + 7_200.0
    assert finish.looks is None  # stays what it was
    soon = look(Undecided(reason="full", until=LATE), looks=11)
    assert soon.look_at > LATE


@pytest.mark.parametrize(
    "seen", [Absent(), Perhaps(reason="r"), Nowhere(reason="r"), Undecided(reason="r")]
)
def test_what_the_service_said_yes_to_is_never_sent_again(seen):
    happened = attempt("happened")
    finish = look(seen, last=happened, looks=protocol.MOST_LOOKS)
    assert (finish.state, finish.needs_decision) == ("sent", False)
    early = look(seen, last=happened, now=NOW)
    assert (early.state, early.outcome) == ("unknown", "happened")  # and it is not forgotten


def test_absent_is_what_two_reads_far_enough_apart_did_not_show():
    seen = [Absent(), Perhaps(reason="p"), Undecided(reason="u"), Found(result_id="m")]
    for first, second in itertools.product(seen, repeat=2):
        both = two_looks(first, second, apart=30.0, terms=Terms())
        assert isinstance(both, Absent) == (first == second == Absent())
        assert isinstance(both, Found) == (Found(result_id="m") in (first, second))
    assert isinstance(two_looks(Absent(), Absent(), apart=29.9, terms=Terms()), Undecided)


# -- by hand --------------------------------------------------------------------------------

STATES = (
    "held", "queued", "claimed", "sending", "sent", "unknown", "failed", "cancelled", "expired"
)  # fmt: skip
MAY = {
    "cancel": {"held", "queued", "claimed"},
    "release": {"held"},
    "retry": {"failed", "cancelled"},
    "edit": {"held", "queued", "claimed"},
    "resolve": {"unknown"},
}


def do(verb, row, *, sent=True, now=LATE):
    if verb == "resolve":
        return by_hand.resolve(row, sent=sent, last=attempt(), now=now)
    return getattr(by_hand, verb)(row)


@pytest.mark.parametrize(("verb", "state"), list(itertools.product(MAY, STATES)))
def test_what_may_be_done_by_hand(verb, state):
    row = a_row(state=state)
    if state in MAY[verb]:
        assert set(do(verb, row).states) <= MAY[verb]
        return
    with pytest.raises(OutboxStateError) as refused:
        do(verb, row)
    said = str(refused.value)
    assert row.id in said
    assert refused.value.state == by_hand.shown(state)
    assert said.count(":") >= 2  # the verb, the state, and the next step
    assert "\n" not in said


def test_an_item_whose_text_is_gone_is_not_retried():
    with pytest.raises(OutboxStateError, match="another key"):
        by_hand.retry(a_row(state="failed", body=b""))


def test_nobody_says_that_it_did_not_arrive_while_it_still_may():
    row = a_row(state="unknown", needs_decision=True)
    quiet = NOW + OTHERS.grace
    with pytest.raises(OutboxStateError, match="look again in 20 s"):
        do("resolve", row, sent=False, now=quiet - 20)
    again = do("resolve", row, sent=False, now=quiet).finish
    assert again.state == "queued"
    assert "resolve" not in again.error  # what it said while it was in doubt is over
    assert do("resolve", row, sent=True, now=NOW).finish.state == "sent"


def test_nobody_says_that_it_did_not_arrive_while_it_may_be_sent_again_any_time():
    row = a_row(state="unknown", needs_decision=False)
    with pytest.raises(OutboxStateError, match="still looked for"):
        do("resolve", row, sent=False)
    assert do("resolve", row, sent=True).finish.state == "sent"
