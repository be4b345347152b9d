"""One worker after another: stopped, killed, frozen, cut off from its store, and cancelled."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime

import pytest

from postpress_async.errors import ConfigurationError, StateUnavailableError, WaitTooLongError
from postpress_async.machine import boot_time
from postpress_async.outbox import Defer, protocol
from postpress_async.outbox.last_word import DecidedError, LastWord
from postpress_async.outbox.protocol import Terms
from postpress_async.outbox.results import Doubtful, Later, of_error
from postpress_async.outbox.turn import Turn
from postpress_async.storage.outbox.rows import Finish

from . import test_campaign
from .memory import KilledError, MemoryStore, Place
from .pretence import ProcessClock, Service, new, worker

pytestmark = [pytest.mark.looptime(noop_cycles=0), pytest.mark.timeout(120)]


async def service_with(*items, certain=True):
    place = Place(certain=certain)
    await MemoryStore(place).add(list(items))
    return Service(place)


def states(service):
    return [row.state for row in service.place.items.values()]


def now():
    return asyncio.get_running_loop().time()


async def run(service, name="w", **options):
    made, _ = worker(service, name, **options)
    await made.run(until_empty=True)


# -- the good case --------------------------------------------------------------------------


async def test_all_goes_in_order():
    service = await service_with(*[new(n, f"chat_{n % 3}") for n in range(30)])
    await run(service)
    assert set(states(service)) == {"sent"}
    for messages in service.chats.values():
        assert [item for item, _ in messages] == sorted(item for item, _ in messages)
    calls = service.place.calls
    assert (calls["mark"], calls["finish"]) == (30, 30)  # and no more steps than that


async def test_as_many_at_once_as_wished():
    service = await service_with(*[new(n, f"chat_{n}") for n in range(10)])
    took = {"connect": 10.0}
    start = now()
    await run(service, concurrency=5, delays=lambda what: took.get(what, 0.0))
    assert 20.0 <= now() - start < 30.0


async def test_an_item_of_the_future_is_waited_for_and_a_held_one_is_not():
    later = 1_000_000.0 + now() + 5_000.0
    service = await service_with(
        new(0), new(1, due_at=later), new(2, "chat_2", hold=True), new(3, "chat_1")
    )
    await run(service)
    assert states(service) == ["sent", "sent", "held", "sent"]
    assert service.delivered()[:2] == ["item_0000", "item_0003"]  # nothing stood behind the future
    assert service.place.now() >= later


async def test_what_needs_a_decision_and_what_stands_behind_it_is_not_waited_for():
    service = await service_with(new(0, action="inmail"), new(1), new(2, "chat_2"))
    words = {"item_0000": "lost"}
    await run(service, say=lambda row: words.get(row.id, "yes"))
    assert states(service) == ["unknown", "queued", "sent"]
    assert service.place.items["item_0000"].needs_decision


async def test_what_is_of_other_accounts_is_not_waited_for():
    service = await service_with(
        new(0), new(1, "chat_2", account_id="acc_2"), new(2, "chat_3", account_id="acc_3")
    )
    async with asyncio.timeout(1_000):
        await run(service, accounts=["acc_1", "acc_3"])
    assert states(service) == ["sent", "queued", "sent"]


async def test_a_full_lane_is_not_asked_before_it_has_room():
    service = await service_with(*[new(n, f"chat_{n}") for n in range(50)])
    said = ["limit"]
    wait = {"limit": 3_000.0}
    await run(
        service,
        concurrency=1,
        say=lambda _: said.pop() if said else "yes",
        delays=lambda what: wait.get(what, 0.0),
    )
    assert set(states(service)) == {"sent"}
    assert now() >= 3_000.0
    # One claim each, the one in vain, and a look now and then: not 49 in vain.
    assert service.place.calls["claim"] < 50 + 2 + 3_000 / 10


@pytest.mark.parametrize("slow", ["slot", "connect"])
async def test_nothing_goes_after_its_time_however_long_the_last_steps_take(slow):
    end = 1_000_000.0 + now() + 5.0
    service = await service_with(new(0, expires_at=end), new(1, expires_at=end + 60.0))
    took = {slow: 10.0}
    await run(service, delays=lambda what: took.get(what, 0.0))
    assert service.delivered() == ["item_0001"]
    assert states(service) == ["expired", "sent"]
    assert service.place.items["item_0000"].attempts == 0


# -- doubt ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "requests"), [("cut", 1), ("lost", 2), ("bug", 1), ("no id", 1)])
async def test_a_doubt_is_looked_into(word, requests):
    service = await service_with(new(0), new(1))
    said = [word]
    await run(service, say=lambda _: said.pop() if said else "yes")
    assert states(service) == ["sent", "sent"]
    assert service.delivered() == ["item_0000", "item_0001"]
    assert service.requests == 1 + requests
    assert None not in {row.result_id for row in service.place.items.values()}


@pytest.mark.parametrize(
    ("word", "blind", "requests"), [("cut", 0, 1), ("lost", 0, 2), ("cut", 1, 2)]
)
async def test_what_may_be_done_twice_is_looked_for_once_and_else_done_again(word, blind, requests):
    service = await service_with(new(0, kind="react"))
    said, sees = [word], {"undecided": blind}
    await run(
        service,
        say=lambda _: said.pop() if said else "yes",
        delays=lambda what: sees.get(what, 0.0),
    )
    assert states(service) == ["sent"]
    assert service.requests == requests


async def test_what_arrives_at_the_last_moment_is_found(caplog):
    caplog.set_level(logging.CRITICAL)
    service = await service_with(new(0))
    said = ["cut"]
    late = {"late": 119.0}
    await run(
        service,
        say=lambda _: said.pop() if said else "yes",
        delays=lambda what: late.get(what, 0.0),
    )
    assert service.delivered() == ["item_0000"]


class Broken:
    """Be a sender that fails before it is asked for leave to send."""

    def __init__(self):
        self.goes = 0

    async def send(self, row, /, *, granted):
        del row, granted
        self.goes += 1
        msg = "a programmer's slip"
        raise KeyError(msg)


async def test_a_sender_that_always_fails_ends_with_a_reason_and_a_next_step(caplog):
    caplog.set_level(logging.CRITICAL)
    service = await service_with(new(0), new(1))
    made, _ = worker(service, "w")
    made._sender = broken = Broken()
    start = now()
    await made.run(until_empty=True)
    assert states(service) == ["failed", "failed"]
    assert broken.goes == 2 * protocol.MOST_FAULTS
    assert 2 * 12 * 3_600.0 < now() - start < 2 * 26 * 3_600.0
    row = service.place.items["item_0000"]
    assert "the sender failed: KeyError: see the log" in row.error
    assert "retry()" in row.error
    assert row.attempts == 0


async def test_refusals_are_not_held_against_what_is_cut_later():
    service = await service_with(new(0))
    said = ["lost"] + ["429"] * 9
    wait = {"limit": 9.0}
    await run(
        service,
        say=lambda _: said.pop() if said else "yes",
        delays=lambda what: wait.get(what, 0.0),
    )
    assert states(service) == ["sent"]
    assert service.place.items["item_0000"].attempts == 11


async def test_an_account_whose_looks_take_their_time_keeps_no_others_waiting():
    """A sync may take ten minutes, and all of an account's looks wait for it."""
    service = await service_with(
        *[new(n, f"chat_{n}") for n in range(150)],
        *[new(150 + n, f"other_{n}", account_id=f"acc_{2 + n}") for n in range(3)],
    )
    asked = set()

    def say(row):
        first = row.id not in asked
        asked.add(row.id)
        return "cut" if first else "yes"

    made, _ = worker(service, "w", say=say, concurrency=200)
    look, looking, most = made._looker.look, 0, 0

    class Slow:
        async def look(self, row, /, **how):
            nonlocal looking, most
            if row.account_id != "acc_1":
                return await look(row, **how)
            looking += 1
            most = max(most, looking)
            try:
                await asyncio.sleep(600.0)
                return await look(row, **how)
            finally:
                looking -= 1

    made._looker = Slow()
    running = asyncio.create_task(made.run(until_empty=True))
    await asyncio.sleep(300.0)
    assert states(service)[150:] == ["sent"] * 3
    assert "sent" not in states(service)[:150]
    await running
    assert set(states(service)) == {"sent"}
    assert sorted(service.delivered()) == sorted(service.place.items)
    assert most == 10


# -- ends -----------------------------------------------------------------------------------


async def test_told_to_stop_it_gives_back_what_was_not_begun_and_ends_what_was():
    service = await service_with(*[new(n, f"chat_{n}") for n in range(4)])
    made, _ = worker(
        service,
        "w",
        concurrency=3,
        delays=lambda what: {"answer": 5.0, "slot": 0.0}.get(what, 0.0),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop=stop))
    await asyncio.sleep(1.0)
    assert states(service) == ["sending"] * 3 + ["queued"]
    stop.set()
    start = now()
    await task
    assert states(service) == ["sent"] * 3 + ["queued"]
    assert now() - start < 6.0
    assert "w" not in service.place.living


async def test_told_to_stop_it_lets_go_of_what_waits_for_its_slot():
    service = await service_with(new(0))
    made, _ = worker(service, "w", delays=lambda what: 500.0 if what == "slot" else 0.0)
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop=stop))
    await asyncio.sleep(1.0)
    stop.set()
    start = now()
    await task
    assert now() - start < 1.0
    assert states(service) == ["queued"]
    assert service.requests == 0


async def turn_of(service, *, stopping=lambda: False, ahead=0.0):
    """Claim an item, and be the leave to send it; the store's time may be ahead of our clock."""
    store = MemoryStore(service.place)
    claimed = await store.claim("w", lease=60.0)
    clock = ProcessClock(service.place, store.process)
    clock.time = lambda: service.place.now() - ahead
    return Turn(
        claimed, store=store, terms=Terms(), clock=clock, since=clock.monotonic(), boot=boot_time,
        stopping=stopping,
    )  # fmt: skip


async def test_who_stops_marks_nothing_any_more():
    """A slot may come in the very moment in which a worker is told to stop."""
    service = await service_with(new(0))
    told = []
    turn = await turn_of(service, stopping=lambda: bool(told))
    told.append(1)
    with pytest.raises(WaitTooLongError, match="the worker stops") as caught:
        await turn.mark()
    assert not turn.marking
    assert service.place.calls["mark"] == 0
    assert not of_error(caught.value, kind="message").lane  # others of its lane need not wait


@pytest.mark.parametrize("ahead", [-3_600.0, 0.0, 3_600.0])
@pytest.mark.parametrize("keeps_place", [True, False])
async def test_until_when_is_meant_by_the_clock_of_who_answers_where_it_keeps_its_place(
    ahead, keeps_place
):
    service = await service_with(new(0))
    turn = await turn_of(service, ahead=ahead)
    at = turn._clock.time() + 60.0

    async def before_send(_item):
        return Defer(until=datetime.fromtimestamp(at, UTC), keeps_place=keeps_place)

    last = LastWord(turn.row, turn, before_send=before_send, seconds=None, told=lambda _: None)
    with pytest.raises(DecidedError) as caught:
        await last.ask()
    if keeps_place:
        assert caught.value.result.seconds == pytest.approx(60.0)
    else:
        assert caught.value.result.until == pytest.approx(at)


@pytest.mark.parametrize("certain", [True, False])
async def test_who_has_been_silent_for_its_lease_claims_nothing(certain):
    """Others take it for dead: what it claimed now, they would take in at once."""
    service = await service_with(certain=certain)
    silent = now() + 20.0, now() + 200.0
    service.place.faults = lambda name: (
        "before" if name == "beat" and silent[0] < now() < silent[1] else None
    )
    made, _ = worker(service, "w")
    running = asyncio.create_task(made.run())
    await asyncio.sleep(120.0)
    await MemoryStore(service.place).add([new(0)])
    await asyncio.sleep(60.0)
    assert states(service) == (["sent"] if certain else ["queued"])
    await asyncio.sleep(60.0)
    assert states(service) == ["sent"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_has_no_answer_within_the_bound_stays_in_doubt():
    service = await service_with(new(0))
    made, _ = worker(
        service,
        "w",
        stop_within=10.0,
        say=lambda _: "cut",
        delays=lambda what: {"answer": 55.0, "late": 30.0}.get(what, 0.0),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop=stop))
    await asyncio.sleep(1.0)
    stop.set()
    start = now()
    await task
    assert 10.0 <= now() - start < 13.0
    assert states(service) == ["unknown"]
    await run(service, "next")
    assert states(service) == ["sent"]
    assert service.requests == 1


async def test_cancelled_after_any_tick_it_neither_doubles_nor_loses():
    ended = False
    for ticks in range(1, 400):
        service = await service_with(new(0), new(1), new(2, "chat_2"))
        made, process = worker(service, "w")
        task = asyncio.create_task(made.run(until_empty=True))
        for _ in range(ticks):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert "sending" not in states(service)
        process.dead = True
        await run(service, "next")
        assert states(service) == ["sent"] * 3
        assert sorted(service.delivered()) == ["item_0000", "item_0001", "item_0002"]
        if ended:
            break
    assert ended
    assert ticks > 20


async def test_killed_after_any_tick_it_neither_doubles_nor_loses():
    doubts = 0
    for ticks in range(1, 400):
        service = await service_with(new(0), new(1))
        made, process = worker(service, "w")
        task = asyncio.create_task(made.run(until_empty=True))
        for _ in range(ticks):
            await asyncio.sleep(0)
        ended = task.done()
        process.dead = True
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, KilledError):
            await task
        doubts += "sending" in states(service)
        await run(service, "next")
        assert states(service) == ["sent"] * 2
        assert service.delivered() == ["item_0000", "item_0001"]
        if ended:
            break
    assert ended
    assert doubts > 3  # it was hit where it hurts


# -- frozen, and without its store ----------------------------------------------------------


@pytest.mark.parametrize("certain", [True, False])
@pytest.mark.parametrize("seconds", [20.0, 45.0, 70.0, 400.0, 4_000.0])
async def test_frozen_between_mark_and_write_it_writes_in_time_or_not_at_all(certain, seconds):
    service = await service_with(new(0), certain=certain)
    made, process = worker(service, "w", delays=lambda what: 1.0 if what == "connect" else 0.0)
    other, _ = worker(service, "other")
    tasks = [asyncio.create_task(made.run(until_empty=True))]
    await asyncio.sleep(0.5)
    assert states(service) == ["sending"]
    process.pause(seconds)
    tasks.append(asyncio.create_task(other.run(until_empty=True)))
    await asyncio.gather(*tasks)
    assert states(service) == ["sent"]
    assert service.delivered() == ["item_0000"]
    assert service.requests == 1


async def test_frozen_before_the_mark_it_has_lost_its_claim():
    service = await service_with(new(0), certain=False)
    made, process = worker(service, "w", delays=lambda what: 1.0 if what == "slot" else 0.0)
    other, _ = worker(service, "other")
    tasks = [asyncio.create_task(made.run(until_empty=True))]
    await asyncio.sleep(0.5)
    process.pause(200.0)
    tasks.append(asyncio.create_task(other.run(until_empty=True)))
    await asyncio.gather(*tasks)
    assert service.delivered() == ["item_0000"]
    assert service.place.tries["item_0000"][0].fence == 2


@pytest.mark.parametrize("method", ["claim", "mark", "finish", "beat", "orphans", "enter"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_is_away_for_a_while(method, when):
    service = await service_with(new(0), new(1, "chat_2"))
    until = now() + 60.0
    service.place.faults = lambda name: when if name == method and now() < until else None
    await run(service)
    assert states(service) == ["sent", "sent"]
    assert sorted(service.delivered()) == ["item_0000", "item_0001"]


@pytest.mark.parametrize("method", ["claim", "finish"])
async def test_a_store_that_stays_away_ends_the_run_loudly(method):
    service = await service_with(new(0))
    service.place.faults = lambda name: "before" if name == method else None
    with pytest.raises(StateUnavailableError):
        await run(service, patience=100.0)
    assert 100.0 <= now() < 200.0
    service.place.faults = lambda _: None
    await run(service, "next")
    assert service.delivered() == ["item_0000"]


@pytest.mark.parametrize("since", ["the start", "later"])
async def test_whoever_is_told_to_stop_does_not_wait_for_a_store_that_is_away(since):
    service = await service_with(new(0), new(1))
    made, process = worker(service, "w")
    stop, away = asyncio.Event(), since == "the start"
    service.place.faults = lambda _: "before" if away else None
    working = asyncio.create_task(made.run(stop=stop))
    await asyncio.sleep(20.0)
    away = True
    await asyncio.sleep(20.0)
    start = now()
    stop.set()
    await working
    assert now() - start <= 1.0
    away, process.dead = False, True
    async with asyncio.timeout(10_000):
        await run(service, "next")
    assert service.delivered() == ["item_0000", "item_0001"]


async def test_what_is_under_way_has_its_time_though_the_store_is_away():
    service = await service_with(new(0), new(1))
    took, away = {"answer": 20.0}, False
    made, process = worker(service, "w", delays=lambda what: took.get(what, 0.0))
    service.place.faults = lambda _: "before" if away else None
    stop = asyncio.Event()
    working = asyncio.create_task(made.run(stop=stop))
    await asyncio.sleep(5.0)
    away = True
    start = now()
    stop.set()
    await working
    assert 15.0 <= now() - start <= 30.0 + 1.0 + 10.0
    away, process.dead = False, True
    async with asyncio.timeout(10_000):
        await run(service, "next")
    assert service.delivered() == ["item_0000", "item_0001"]


@pytest.mark.parametrize("pauses", [1, 2])
async def test_a_worker_that_was_stopped_bears_a_store_that_fails_once(pauses):
    service = await service_with(new(0), new(1))
    made, process = worker(service, "w")
    claims = []

    def faults(step):
        if step != "claim":
            return None
        claims.append(step)
        if len(claims) <= pauses:
            process.pause(400.0)
        return "after" if len(claims) <= pauses else None

    service.place.faults = faults
    await made.run(until_empty=True)
    assert service.delivered() == ["item_0000", "item_0001"]


async def test_a_look_that_was_given_up_is_taken_up_again():
    service = await service_with(new(0))
    said = ["cut"]
    away = now() + 100.0
    service.place.faults = lambda step: "before" if step == "attempts" and now() < away else None
    async with asyncio.timeout(3_000):
        await run(service, say=lambda _: said.pop() if said else "yes", patience=20.0)
    assert states(service) == ["sent"]


@pytest.mark.parametrize("step", ["mark", "claim"])
async def test_a_store_that_refuses_ends_the_run_and_fails_nothing(step):
    service = await service_with(new(0), new(1, "chat_2"))
    made, _ = worker(service, "w")
    service.place.faults = lambda name: "refuse" if name == step else None
    with pytest.raises(ConfigurationError):
        await made.run()
    assert states(service) == ["queued", "queued"]
    assert service.requests == 0


@pytest.mark.parametrize(("scope", "ends"), [("setup", True), ("account", False)])
async def test_a_look_that_nobody_could_make_counts_for_nothing(scope, ends):
    service = await service_with(new(0))
    made, _ = worker(service, "w", say=lambda _: "cut")
    looks = []

    async def look(row, *, attempts, quiet):
        del attempts, quiet
        looks.append(row.looks)
        msg = "this can not work"
        raise ConfigurationError(msg, scope=scope)

    made._looker.look = look
    task = asyncio.create_task(made.run())
    await asyncio.sleep(3 * 86_400.0)
    assert set(looks) == {0}
    assert len(looks) > 100 or ends
    assert not service.place.items["item_0000"].needs_decision
    assert task.done() is ends
    task.cancel()
    with pytest.raises(ConfigurationError if ends else asyncio.CancelledError):
        await task
    assert states(service) == ["unknown"]


async def test_nothing_is_sent_while_no_mark_is_durable():
    service = await service_with(new(0))
    service.place.faults = lambda name: "before" if name == "mark" else None
    made, _ = worker(service, "w")
    task = asyncio.create_task(made.run())
    await asyncio.sleep(1_000.0)
    assert service.requests == 0
    assert service.place.calls["mark"] > 5
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_the_clock_that_counts_suspends_too():
    assert boot_time() <= boot_time()


# -- and the campaign sees what is taken away -----------------------------------------------


async def doubled_or_lost(seeds, *, certain):
    for seed in range(seeds):
        try:
            async with asyncio.timeout(40 * 86_400):
                place, service, wanted = await test_campaign.one(seed, certain=certain)
        except (TimeoutError, AssertionError):
            return seed
        if list(test_campaign.judged(place, service, wanted)):
            return seed
    return None


REAL_AFTER = protocol.after


def repeats(result, **told):
    if isinstance(result, Doubtful):
        result = Later(reason="again", seconds=1.0, attempted=True)
    return REAL_AFTER(result, **told)


def says_yes(self):
    self.asked = True


@pytest.mark.parametrize(
    ("home", "name", "instead", "certain"),
    [
        (protocol, "after", repeats, True),
        (protocol, "quiet_at", lambda *_: 0.0, True),
        (Turn, "last_act", says_yes, False),
        (protocol, "looked", lambda *_, **__: Finish(state="queued"), True),
    ],
)
async def test_the_campaign_sees_what_is_taken_away(monkeypatch, home, name, instead, certain):
    monkeypatch.setattr(home, name, instead)
    if name == "quiet_at":  # by the store's time, and by our own
        monkeypatch.setattr(protocol, "still", lambda *_, **__: 0.0)
    assert await doubled_or_lost(150, certain=certain) is not None


def test_terms_fit_each_other():
    terms = Terms()
    assert terms.write < terms.lease
    assert terms.beat * 3 < terms.lease
    assert terms.reach.grace > terms.total
