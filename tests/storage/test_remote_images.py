"""Optimistic steps over a server that refuses, forgets, is cut off and answers late."""

import asyncio
import json
import struct
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mends import alarmed
from msgspec import structs

from postpress_async import machine
from postpress_async.errors import ClientClosedError, ConfigurationError, StateUnavailableError
from postpress_async.storage.images import kept
from postpress_async.storage.remote.images import PATIENCE, RemoteImages
from postpress_async.storage.remote.swaps import EARLY, LATE, LEAP, Answer, NotDoneError
from postpress_async.storage.remote.timing import Expectations, ServerTime
from postpress_async.storage.remote.values import Seen

EPOCH = 1.8e9


class Loop(asyncio.SelectorEventLoop):
    """Let time pass only when there is nothing else to do: no test waits."""

    passed = 0.0

    def time(self):
        return self.passed

    def _run_once(self):
        if not self._ready and (timers := [one for one in self._scheduled if not one._cancelled]):
            self.passed = max(self.passed, min(one._when for one in timers))
        super()._run_once()


def run(main):
    loop = Loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


class Fake:
    """A server as `swaps` describes it, and faults in the order in which a test wants them."""

    where = "the fake server"
    space = "ours"

    def __init__(self, faults=()):
        self.values, self.faults = {}, list(faults)
        self.identity, self.skew, self.lead = "first", 0.0, 0.0
        self.calls, self.serial, self.late = 0, count(1), []
        self.closed = False

    def clock(self):
        return EPOCH + asyncio.get_running_loop().time() + self.skew

    def time(self, expected=None):
        """Return its time, which goes on where its clock is set forward and somebody can tell."""
        if expected is not None and self.clock() + self.lead > expected + LEAP:
            self.lead = expected - self.clock()
        return self.clock() + self.lead

    def write_as_another(self, key, text="stranger"):
        """Write between what a client saw and what it asks for."""
        old = self.values.get(key)
        ids = json.loads(old[16:]) if old else []
        stamp = b"else" + next(self.serial).to_bytes(4, "big")
        image = json.dumps([*ids, text + str(next(self.serial))]).encode()
        at = max(self.time(), struct.unpack(">d", old[8:16])[0] if old else 0.0)
        self.values[key] = stamp + struct.pack(">d", at) + image

    def do(self, swaps):
        now, fates, values = self.time(), [], {}
        for swap in swaps:
            fate = "done"
            if any((self.values.get(key) or b"")[:8] != stamp for key, stamp in swap.seen):
                fate = "changed"
            elif not now - LATE <= swap.now <= now + EARLY:
                fate = "time"
            fates.append(fate)
            if fate == "done":
                for key, value in swap.writes:
                    self.values[key] = value
            else:
                values |= dict(swap.seen)
        told = {
            key: self.values.get(key)
            for key, stamp in values.items()
            if (self.values.get(key) or b"")[:8] != stamp
        }
        lead = now - self.clock()
        return Answer(identity=self.identity, now=now, lead=lead, fates=tuple(fates), values=told)

    async def swap(self, swaps, /, *, who, expected=None):  # noqa: C901, PLR0912 - a fault a line
        self.calls += 1
        late, self.late = self.late, []
        fault = self.faults.pop(0) if self.faults else "none"
        await asyncio.sleep(0.001)
        if fault in {"later still", "hold"}:
            self.late += late
        else:
            for one in late:
                self.do(one)
        if fault == "not done":
            raise NotDoneError("refused")
        if fault == "lost before":
            raise StateUnavailableError("cut off")
        if fault in {"late", "later still"}:
            self.late.append(swaps)
            raise StateUnavailableError("cut off")
        if fault == "changed":
            for key in sorted({key for one in swaps for key, _ in one.seen}):
                self.write_as_another(key)
        if fault == "restarted":
            self.identity += "+"
        self.time(expected)
        answer = self.do(swaps)
        if fault == "lost after":
            raise StateUnavailableError("cut off")
        if fault == "lost, and others wrote":
            for key in sorted({key for one in swaps for key, _ in one.seen}):
                self.write_as_another(key)
            raise StateUnavailableError("cut off")
        if fault == "slow":
            await asyncio.sleep(1.0)
        if fault == "silent":
            await asyncio.sleep(1000)
        return answer

    async def aclose(self):
        self.closed = True

    def ids(self, key):
        value = self.values.get(key)
        return json.loads(value[16:]) if value else []


class Append:
    """Write a name of its own behind those that are there, and tell which were."""

    names = count()

    def __init__(self, keys, *, only=None):
        self.keys, self.name = tuple(keys), f"op{next(self.names)}"
        self.only = self.keys if only is None else only
        self.runs = 0

    def run(self, images, now):
        self.runs += 1
        before = {key: json.loads(image) if image else [] for key, image in images.items()}
        after = {key: json.dumps([*before[key], self.name]).encode() for key in self.only}
        return after, before


FAULTS = [
    "none", "not done", "lost before", "lost after", "late", "later still", "changed",
    "restarted", "hold", "lost, and others wrote", "slow", "silent",
]  # fmt: skip
plans = st.lists(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.booleans(), st.booleans()),
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


def check(server, done, failed):
    """Each that was told to be done is there exactly once, and saw what is before it."""
    order = {key: server.ids(key) for key in "abc"}
    for work, before in done:
        for key in work.keys:
            assert order[key].count(work.name) == (key in work.only), (work.name, key, order[key])
            assert order[key][: len(before[key])] == before[key]
            if key in work.only:
                assert order[key].index(work.name) == len(before[key])
    for work in failed:
        assert len({order[key].count(work.name) for key in work.only}) <= 1  # all or nothing
        assert all(order[key].count(work.name) <= 1 for key in work.keys)
    # One order for all keys: whoever is before another in one is so in each.
    places = [{name: n for n, name in enumerate(names)} for names in order.values()]
    for one in places:
        for other in places:
            common = sorted(one.keys() & other.keys(), key=one.__getitem__)
            assert common == sorted(common, key=other.__getitem__)


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(
    faults=st.lists(st.sampled_from(FAULTS), max_size=14),
    plans=st.lists(plans, min_size=1, max_size=3),
    cancel=st.integers(0, 5),
    others=st.sampled_from([0.0, 1.0]),
)
def test_each_step_that_is_told_of_was_done_once_in_one_order(faults, plans, cancel, others):
    async def main():
        server = Fake(faults)
        clock = asyncio.get_running_loop().time
        done, failed = [], []
        mend = kept if "restarted" in faults else alarmed

        async def client(plan):
            images = RemoteImages(server, mend=mend, monotonic=clock, draw=lambda: 0.5)
            images._decider._others = others  # look first, or decide first
            for n, batch in enumerate(plan):
                works = [
                    Append(sorted(k), only=sorted(k)[:1] if few else None) for k, few, _ in batch
                ]
                tasks = [asyncio.ensure_future(images.step(work)) for work in works]
                for task, (_, _, quit_) in zip(tasks, batch, strict=True):
                    if quit_ and n == cancel:
                        await asyncio.sleep(0.0005 * cancel)
                        task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
                for work, result in zip(works, results, strict=True):
                    if isinstance(result, BaseException):
                        assert isinstance(result, (StateUnavailableError, asyncio.CancelledError))
                        failed.append(work)
                    else:
                        done.append((work, result))
            await images.aclose()

        await asyncio.gather(*map(client, plans))
        for late in server.late:
            server.do(late)
        check(server, done, failed)

    run(main)


# -- one by one ------------------------------------------------------------------------------------


def client(server, **options):
    clock = asyncio.get_running_loop().time
    options = {"mend": kept, "monotonic": clock, "draw": lambda: 0.5} | options
    return RemoteImages(server, **options)


def scenario(*faults):
    """Run a test with a fake server that has these faults, once it has been asked for the time."""

    def decorate(test):
        def wrapped(caplog):
            async def main():
                server = Fake(["none", *faults])
                images = client(server)
                await test(server, images, caplog)
                await images.aclose()
                assert server.closed

            run(main)

        return wrapped

    return decorate


@scenario()
async def test_a_batch_is_one_round_trip_also_on_one_key(server, images, caplog):
    await images.step(Append("a"))
    before = server.calls
    await asyncio.gather(*(images.step(Append("a")) for _ in range(100)))
    assert server.calls == before + 1


@scenario()
async def test_a_lost_answer_of_a_batch_that_was_done_is_found_out(server, images, caplog):
    await images.step(Append("a"))
    await images.step(Append("b", only=()))
    server.faults = ["lost after"]
    works = [Append("a"), Append("a"), Append("ab"), Append("b", only=())]
    before = await asyncio.gather(*map(images.step, works))
    assert [len(one.get("a", [])) for one in before] == [1, 2, 3, 0]
    assert len(server.ids("a")) == 4
    assert [work.runs for work in works[:3]] == [1, 1, 1]


@scenario("none", "lost before")
async def test_a_lost_batch_that_was_not_done_is_done_again(server, images, caplog):
    await images.step(Append("a"))
    works = [Append("a"), Append("a"), Append("a")]
    await asyncio.gather(*map(images.step, works))
    assert server.ids("a")[1:] == [work.name for work in works]


@scenario("none", "late", "hold", "lost before")
async def test_what_comes_late_is_found_out_before_it_is_done_again(server, images, caplog):
    await images.step(Append("a"))
    work = Append("a")
    await images.step(work)
    assert server.ids("a").count(work.name) == 1
    assert work.runs == 2


@scenario("none", "late", "hold", "hold")
async def test_what_comes_late_is_too_late_if_the_second_try_changes_nothing(
    server, images, caplog
):
    await images.step(Append("a"))

    class Once(Append):
        def run(self, seen, now):
            after, before = super().run(seen, now)
            return (after if self.runs == 1 else {}), before

    work = Once("a")
    assert len((await images.step(work))["a"]) == 1
    assert work.runs == 2
    await images.step(Append("b"))  # before which the late one comes
    assert work.name not in server.ids("a")


@scenario("none", "lost, and others wrote")
async def test_what_cannot_be_found_out_is_told_so(server, images, caplog):
    await images.step(Append("a"))
    with pytest.raises(StateUnavailableError, match="whether it was done is not known") as caught:
        await images.step(Append("a"))
    assert caught.value.account_id == "a"  # the server itself is there
    assert await images.step(Append("a"))


@scenario("none", "lost, and others wrote")
async def test_what_may_be_done_twice_is_done_again_where_nobody_can_know(server, images, caplog):
    await images.step(Append("a"))
    work = Append("a")
    work.repeatable = True
    await images.step(work)
    assert 1 <= server.ids("a").count(work.name) <= 2


def test_a_loop_that_was_blocked_for_long_blames_no_server():
    async def main():
        loop = asyncio.get_running_loop()
        for ticks in range(12):
            images = client(Fake(["slow"] * 9))  # a second an answer
            if ticks % 2:
                await images.step(Append("a"))
            asked = asyncio.ensure_future(images.step(Append("a")))
            for _ in range(ticks // 2):
                await asyncio.sleep(0)
            loop.passed += 6.0
            assert await asked
            await images.aclose()

    run(main)


@scenario(*["changed"] * 7)
async def test_whoever_is_refused_often_asks_for_a_turn(server, images, caplog):
    real, urgent = server.do, []

    def do(swaps):
        urgent.append(any(one.urgent for one in swaps))
        return real(swaps)

    server.do = do
    await images.step(Append("a"))
    assert urgent[-1]
    assert not any(urgent[:4])


@scenario()
async def test_whoever_must_let_another_go_first_asks_again_after_a_trip_then_ever_more_rarely(
    server, images, caplog
):
    await images.step(Append("a"))
    began, real, asked = asyncio.get_running_loop().time(), server.do, []

    def do(swaps):
        now = asyncio.get_running_loop().time()
        answer = real([] if now < began + 0.1 else swaps)
        if now < began + 0.1:
            asked.append(now)
            return structs.replace(answer, fates=("turn",) * len(swaps), values={})
        return answer

    server.do = do
    await images.step(Append("a"))
    assert asked[1] - asked[0] <= 0.001 + 1.5 * 0.001  # its trip, and as long again by chance
    assert 4 <= len(asked) <= 12
    assert asyncio.get_running_loop().time() - began < 0.1 + 0.04


@scenario()
async def test_works_that_fail_leave_the_others_alone(server, images, caplog):
    class Failing(Append):
        def run(self, seen, now):
            raise self.error

    class Stranger(Append):
        def run(self, seen, now):
            return {"elsewhere": b"1"}, None

    class Fails(Failing):
        error = LookupError("no")

    class Stops(Failing):
        error = StopIteration()

    works = [Append("a"), Fails("a"), Append("a"), Stops("a"), Stranger("a"), Append("a")]
    results = await asyncio.gather(*map(images.step, works), return_exceptions=True)
    assert [type(one) for one in results] == [
        dict, LookupError, dict, RuntimeError, ValueError, dict,
    ]  # fmt: skip
    assert len(server.ids("a")) == 3


@scenario()
async def test_an_images_time_never_goes_back(server, images, caplog):
    class Tell(Append):
        def run(self, seen, now):
            return super().run(seen, now)[0], now

    first = await images.step(Tell("a"))
    server.skew = -0.5
    later = client(server)
    assert await later.step(Tell("a")) >= first  # waits until the server's time is there
    await later.aclose()


@scenario()
async def test_a_server_whose_time_stays_behind_is_given_up_in_time(server, images, caplog):
    await images.step(Append("a"))
    server.skew = -3600.0
    began, calls = asyncio.get_running_loop().time(), server.calls
    with pytest.raises(StateUnavailableError, match="clock is behind"):
        await images.step(Append("a"))
    assert asyncio.get_running_loop().time() - began < 5.0
    assert server.calls - calls < 400
    assert await images.step(Append("b"))  # of which no time is known
    server.skew = 0.0
    assert await images.step(Append("a"))


@scenario()
async def test_a_clock_that_was_set_forward_is_followed(server, images, caplog):
    class Tell(Append):
        def run(self, seen, now):
            return super().run(seen, now)[0], now

    await images.step(Tell("a"))
    server.skew = 3.0  # less than what is refused
    await images.step(Append("b"))
    assert abs(await images.step(Tell("a")) - server.time()) < 0.01
    server.skew = 1000.0
    assert abs(await images.step(Tell("a")) - server.time()) < 0.01


@scenario()
async def test_a_clock_that_leapt_is_told_by_whoever_has_asked_before(server, images, caplog):
    class Tell(Append):
        def run(self, seen, now):
            return super().run(seen, now)[0], now

    await images.step(Append("a"))
    assert images.lead == 0
    server.skew = 86_400.0
    begins_amid = client(server)
    for asks in (images, begins_amid):
        true = EPOCH + asyncio.get_running_loop().time()
        assert await asks.step(Tell("a")) == pytest.approx(true, abs=0.01)
        assert asks.lead == pytest.approx(-86_400, abs=0.01)
    await begins_amid.aclose()


def test_what_a_server_should_tell_is_what_it_told_once():
    now = [0.0]
    times = ServerTime(lambda: now[0])

    def learn(told, *, sent, came, anew=False):
        now[0] = came
        times.learn(told, sent=sent, anew=anew)

    def expected():
        return times.expected - now[0]

    assert times.expected is None
    learn(1000.0, sent=0.0, came=90.0)  # it was suspended: nobody knows when that was told
    assert times.expected is None
    learn(1100.0, sent=100.0, came=100.1)
    assert expected() == pytest.approx(1000.0)
    learn(1800.0, sent=100.0, came=800.0)  # nor is this
    assert expected() == pytest.approx(1000.0)
    learn(1000.0, sent=1000.0, came=1000.1, anew=True)  # it was set back, and may be set right
    assert expected() == pytest.approx(1000.0, abs=1.0)
    assert times.now() == pytest.approx(1000.1)
    for day in range(1, 31):  # it is slower than ours by 5 seconds a day
        sent = day * 86_400.0
        learn(1000.0 + sent - 5.0 * day, sent=sent, came=sent + 0.1)
        assert expected() == pytest.approx(1000.0 - 5.0 * day, abs=0.2)


@scenario()
async def test_what_one_client_of_a_process_expects_the_next_one_does(server, images, caplog):
    known = Expectations()
    for _ in range(3):
        made = client(server, expectations=known)
        await made.step(Append("a"))
        server.skew = 86_400.0
        await made.aclose()
    assert made.lead == pytest.approx(-86_400, abs=0.1)
    assert known.of("another") < 0
    for n in range(200):
        known.note(str(n), 1.0)
    assert known.of("the fake server ours") < 0 < known.of("199")  # those last asked are known


@pytest.mark.parametrize("suspended", [0.0, 60.0])
def test_a_call_that_slept_with_the_machine_is_tried_again_on_waking(suspended, caplog):
    async def main():
        loop, slept = asyncio.get_running_loop(), [0.0]
        server = Fake()
        images = client(server, monotonic=lambda: loop.time() + slept[0])
        work = Append("a")
        await images.step(Append("a"))
        server.faults = ["lost before"]
        asked = asyncio.ensure_future(images.step(work))
        await asyncio.sleep(0.0005)
        slept[0] = suspended
        await asked
        assert server.ids("a").count(work.name) == 1
        await images.aclose()

    run(main)
    assert not caplog.messages


def test_time_goes_on_while_the_machine_is_suspended():
    assert RemoteImages(Fake(), mend=kept)._monotonic is machine.boot_time


def test_what_a_clock_that_was_handed_in_tells_is_not_judged():
    times = ServerTime(lambda: 1.0, clock=lambda: 2.0)
    times.learn(1000.0, sent=0.0, anew=False, lead=5.0)
    assert times.expected is None
    assert times.lead == 0.0


@scenario()
async def test_a_silent_server_is_lost_after_a_while_with_one_warning(server, images, caplog):
    loop = asyncio.get_running_loop()
    await images.step(Append("a"))
    server.faults = ["silent"] * 3
    for patience in (PATIENCE, 1.0, 1.0):
        began = loop.time()
        results = await asyncio.gather(
            *(images.step(Append("a")) for _ in range(300)), return_exceptions=True
        )
        assert all(isinstance(one, StateUnavailableError) for one in results)
        assert loop.time() - began < patience + 0.1
    assert await images.step(Append("a"))
    assert len([one for one in caplog.messages if "out of reach" in one]) == 1
    assert len([one for one in caplog.messages if "within reach again" in one]) == 1


@scenario()
async def test_who_comes_while_another_waits_has_its_own_patience(server, images, caplog):
    await images.step(Append("a"))
    server.faults = ["lost before"] * 6 + ["silent"]
    first = asyncio.ensure_future(images.step(Append("a")))
    await asyncio.sleep(3.0)
    second = asyncio.ensure_future(images.step(Append("a")))
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[0], StateUnavailableError)
    assert len(server.ids("a")) == (3 if isinstance(results[1], dict) else 1) - 1


@scenario()
async def test_closing_finishes_what_was_asked_for(server, images, caplog):
    works = [Append("a") for _ in range(300)]
    tasks = [asyncio.ensure_future(images.step(work)) for work in works]
    await asyncio.sleep(0)
    await images.aclose()
    await asyncio.gather(*tasks)
    assert len(server.ids("a")) == 300
    with pytest.raises(ClientClosedError):
        await images.step(Append("a"))


@scenario("silent", "silent", "silent")
async def test_closing_ends_in_time_and_nobody_is_left_waiting(server, images, caplog):
    tasks = [asyncio.ensure_future(images.step(Append("a"))) for _ in range(3)]
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    await images.aclose()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert asyncio.get_running_loop().time() - began < 6.0
    assert all(isinstance(one, (StateUnavailableError, ClientClosedError)) for one in results)


# -- losses ----------------------------------------------------------------------------------------


def together(key, mine, theirs, seen, written):
    """Put together what both know, as a lane's counts would be."""
    of_theirs = json.loads(theirs) if theirs else []
    of_mine = json.loads(mine)
    return json.dumps(of_mine + [one for one in of_theirs if one not in of_mine]).encode()


def mending(restarted, lose):
    async def main():
        server = Fake()
        one, two, new = (client(server, mend=together) for _ in range(3))
        for _ in range(3):
            await one.step(Append("ab"))
            await two.step(Append("b"))
        known = server.ids("a"), server.ids("b")
        lose(server)
        server.identity = restarted
        await new.step(Append("b"))
        await two.step(Append("b"))
        await one.step(Append("ab"))
        await two.step(Append("b"))
        assert server.ids("a")[:3] == known[0]
        assert set(known[1]) <= set(server.ids("b"))
        assert len(server.ids("b")) == len(set(server.ids("b"))) == len(known[1]) + 4
        for images in (one, two, new):
            await images.aclose()

    run(main)


def test_what_a_restart_loses_is_put_together_again():
    mending("second", lambda server: server.values.clear())


def test_what_was_kept_over_a_restart_is_not_counted_twice():
    mending("second", lambda server: None)


def test_what_a_failover_loses_is_put_together_again():
    async def main():
        server = Fake()
        one = client(server, mend=together)
        await one.step(Append("a"))
        old = dict(server.values)
        await one.step(Append("a"))
        server.values, server.identity = old, "replica"
        await one.step(Append("a"))
        assert len(server.ids("a")) == 3
        await one.aclose()

    run(main)


def test_what_is_lost_twice_before_it_was_put_back_is_put_together_again():
    async def main():
        server = Fake()
        one, two = (client(server, mend=together) for _ in range(2))
        await two.step(Append("b"))
        for _ in range(3):
            await one.step(Append("a"))
        known = server.ids("a")
        server.values.clear()
        server.identity = "second"
        new = client(server)
        await new.step(Append("a"))
        begun = server.ids("a")
        await one.step(Append("b"))  # it learns that all was lost, and asks nothing of `a`
        one._decider._keep("a", Seen.read(server.values["a"]))  # but sees what others began anew
        server.values.clear()
        server.identity = "third"
        await one.step(Append("a"))
        assert set(server.ids("a")) >= {*known, *begun}
        for images in (one, two, new):
            await images.aclose()

    run(main)


def test_one_key_that_is_lost_is_put_back_and_named(caplog):
    async def main():
        server = Fake()
        one = client(server, mend=together)
        for _ in range(3):
            await one.step(Append("abc"))
        del server.values["b"]
        await one.step(Append("abc"))
        assert len(server.ids("b")) == 4
        await one.aclose()

    run(main)
    assert [one for one in caplog.messages if "has lost the counts of b" in one]


@pytest.mark.parametrize("fault", ["none", "lost before", "lost after"])
def test_an_older_value_is_known_for_one_by_its_time(fault, caplog):
    async def main():
        server = Fake()
        one, two = client(server, mend=together), client(server, mend=together)
        await one.step(Append("ab"))
        copy = server.values["a"]
        for _ in range(2):
            await one.step(Append("ab"))
        await two.step(Append("ab", only=""))
        known = server.ids("a")
        server.values["a"] = copy  # and nothing else: it is the same server, and the same run
        server.faults = [fault]
        await one.step(Append("ab", only="b"))
        work = Append("a")
        await one.step(work)
        assert server.ids("a") == [*known, work.name]
        server.values["a"] = copy
        await two.step(Append("a"))
        assert set(server.ids("a")) > set(known)
        await one.aclose()
        await two.aclose()

    run(main)
    assert len([one for one in caplog.messages if "has lost the counts of a" in one]) == 2


def test_what_is_of_the_same_instant_is_no_older_one():
    async def main():
        server = Fake()
        told = [EPOCH]
        images = [client(server, mend=alarmed, clock=lambda: told[0]) for _ in range(3)]
        for n in range(30):
            await asyncio.gather(*(one.step(Append("ab")) for one in images))
            told[0] += (n % 3 - 1) * 100.0  # a clock that is handed in may be set back
        assert len(server.ids("a")) == 90
        for one in images:
            await one.aclose()

    run(main)


def test_what_could_not_be_read_is_put_back_nowhere():
    class Reads(Append):
        def run(self, seen, now):
            if seen["a"] == b"damaged":
                raise LookupError
            return super().run(seen, now)

    async def main():
        server = Fake()
        one = client(server, mend=together)
        await one.step(Reads("a"))
        copy = server.values["a"]
        await one.step(Reads("a"))
        server.values["a"] = b"another:" + struct.pack(">d", server.time() + 1) + b"damaged"
        with pytest.raises(LookupError):
            await one.step(Reads("a"))
        server.values["a"] = copy
        await one.step(Reads("a"))
        assert len(server.ids("a")) == 2
        await one.aclose()

    run(main)


def test_what_another_program_wrote_over_is_put_back_once_that_is_gone():
    async def main():
        server = Fake()
        one = client(server, mend=together)
        for _ in range(2):
            await one.step(Append("a"))
        for text in (b"short", b"8 bytes, then " + struct.pack(">d", float("nan"))):
            server.values["a"] = text
            with pytest.raises(ConfigurationError):
                await one.step(Append("a"))
        del server.values["a"]
        await one.step(Append("a"))
        assert len(server.ids("a")) == 3
        await one.aclose()

    run(main)


def test_what_is_lost_together_with_an_answer_is_put_back():
    async def main():
        server = Fake()
        one = client(server, mend=together)
        for _ in range(3):
            await one.step(Append("a"))
        server.faults = ["lost after"]
        asked = asyncio.ensure_future(one.step(Append("a")))
        await asyncio.sleep(0.005)
        server.values.clear()
        server.identity = "second"
        await asked
        assert len(server.ids("a")) == 4
        await one.aclose()

    run(main)


def test_what_was_deleted_is_not_taken_for_lost(caplog):
    class Delete(Append):
        def run(self, images, now):
            return dict.fromkeys(images), None

    async def main():
        server = Fake()
        one, two = client(server, mend=together), client(server, mend=together)
        await one.step(Append("a"))
        await two.step(Append("a"))
        await one.step(Delete("a"))
        assert await two.step(Append("a")) == {"a": []}
        assert len(server.ids("a")) == 1
        await one.aclose()
        await two.aclose()

    run(main)
    assert not caplog.messages


def test_the_time_is_the_latest_that_fits_all_answers():
    now = [0.0]
    times = ServerTime(lambda: now[0])
    for sent, there, back in [(0.0, 0.3, 0.1), (1.0, 0.1, 0.3), (2.0, 0.5, 0.1)]:
        now[0] = sent + there + back
        times.learn(1000.0 + sent + there, sent=sent, anew=False)
    assert times.now() == pytest.approx(1000.0 + now[0] + 0.1, abs=0.01)
    now[0] = 10.0
    times.learn(1020.0, sent=9.9, anew=False)  # it was set forward by ten seconds
    assert 1020.0 <= times.now() <= 1020.11
    times.learn(1000.0, sent=9.9, anew=True)
    assert times.now() == pytest.approx(1000.1)


def test_more_keys_than_are_kept_in_mind_do_no_harm(monkeypatch):
    monkeypatch.setattr("postpress_async.storage.remote.deciding._KNOWN_MOST", 20)

    async def main():
        server = Fake()
        images = client(server)
        for n in range(60):
            await images.step(Append(["*", f"k{n}"]))
            await asyncio.gather(*(images.step(Append([f"k{m}", "*"])) for m in range(30)))
            assert len(images._decider._known) <= 60
        assert len(server.ids("k5")) == 61
        await images.aclose()

    run(main)


def test_values_that_are_none_of_ours_stop_only_who_needs_them():
    async def main():
        server = Fake()
        server.values["bad"] = b""
        images = client(server)
        good, bad = await asyncio.gather(
            images.step(Append(["good"])), images.step(Append(["bad"])), return_exceptions=True
        )
        assert good == {"good": []}
        assert isinstance(bad, ConfigurationError)
        del server.values["bad"]
        assert await images.step(Append(["bad"])) == {"bad": []}
        await images.aclose()

    run(main)


@pytest.mark.parametrize(
    ("fate", "whose"), [("changed", "a"), ("turn", "a"), ("time", None)], ids=str
)
def test_what_only_others_who_write_hold_up_names_the_key_it_is_about(fate, whose):
    """Whoever goes on alone where a server is lost must not do so for them."""

    async def main():
        server = Fake()
        images = client(server)
        await images.step(Append(["a", "b"]))
        real = server.do

        def do(swaps):
            answer = real([])
            return structs.replace(answer, fates=(fate,) * len(swaps))

        server.do = do
        with pytest.raises(StateUnavailableError) as caught:
            await images.step(Append(["a", "b"]))
        assert caught.value.account_id == whose
        server.do = real
        await images.aclose()

    run(main)


@pytest.mark.parametrize(
    ("ahead", "error"), [(3, StateUnavailableError), (400, ConfigurationError)], ids=str
)
def test_what_only_a_wrong_clock_has_written_names_its_key(ahead, error):
    async def main():
        server = Fake()
        server.values["a"] = b"another:" + struct.pack(">d", EPOCH + ahead * 86_400) + b"[]"
        images = client(server)
        with pytest.raises(error, match=r"\ba\b") as caught:
            await images.step(Append("a"))
        if error is StateUnavailableError:
            assert caught.value.account_id == "a"
        await images.aclose()

    run(main)


def test_what_could_not_be_read_is_looked_at_anew_when_it_is_asked_for():
    class Reads(Append):
        def run(self, seen, now):
            if seen["a"] == b"damaged":
                raise LookupError
            return super().run(seen, now)

    async def main():
        server = Fake()
        server.values["a"] = b"another:" + struct.pack(">d", EPOCH) + b"damaged"
        images = client(server)
        for _ in range(2):
            with pytest.raises(LookupError):
                await images.step(Reads("a"))
        del server.values["a"]  # somebody put it right
        assert await images.step(Reads("a")) == {"a": []}
        await images.aclose()

    run(main)


def test_it_looks_first_where_others_mostly_write_between():
    async def main():
        server, mine = Fake(), "abcdefgh"
        images = RemoteImages(server, mend=kept, monotonic=asyncio.get_running_loop().time)
        works = []
        for _ in range(40):
            for key in mine:
                server.write_as_another(key)
            works += [Append([key, "*"], only=[key]) for key in mine]
            await asyncio.gather(*map(images.step, works[-8:]))
        assert {work.runs for work in works[:8]} == {1}  # looked at, since they were not known
        assert {work.runs for work in works[8:16]} == {2}
        assert {work.runs for work in works[-8:]} == {1}
        for _ in range(10):  # left alone again, it asks for no look
            calls = server.calls
            await asyncio.gather(*(images.step(Append([key, "*"], only=[key])) for key in mine))
        assert server.calls == calls + 1

    run(main)


def test_those_that_were_refused_go_with_a_look_that_others_need():
    async def main():
        server, trips = Fake(), []
        do = server.do
        server.do = lambda swaps: trips.append([len(one.writes) for one in swaps]) or do(swaps)
        images = RemoteImages(server, mend=kept, monotonic=asyncio.get_running_loop().time)
        await images.step(Append("a"))
        server.write_as_another("a")
        refused = asyncio.ensure_future(images.step(Append("a")))
        await asyncio.sleep(0.0005)  # it is on its way
        await asyncio.gather(refused, images.step(Append("b")))
        assert trips == [[0], [1], [1], [1, 0], [1]]

    run(main)


def test_what_is_not_ours_is_told_to_all_who_ask_at_once():
    async def main():
        server = Fake()
        server.values["*"] = b"not ours"
        images = RemoteImages(server, mend=kept, monotonic=asyncio.get_running_loop().time)
        works = [Append([key, "*"]) for key in "abc"]
        told = await asyncio.gather(*map(images.step, works), return_exceptions=True)
        assert [type(one) for one in told] == [ConfigurationError] * 3
        del server.values["*"]  # as the message asks for
        await images.step(Append(["a", "*"]))

    run(main)


@scenario("none", *["not done"] * 60)
async def test_what_a_server_fails_with_is_known_before_it_is_given_up_and_has_one_class(
    server, images, caplog
):
    await images.step(Append("a"))
    assert not images.trouble
    asked = asyncio.ensure_future(images.step(Append("a")))
    await asyncio.sleep(0.5)
    assert images.trouble == "refused"
    with pytest.raises(StateUnavailableError) as caught:
        await asked
    assert type(caught.value) is StateUnavailableError  # not what servers tell us by
    server.faults.clear()
    await images.step(Append("a"))
    assert not images.trouble
