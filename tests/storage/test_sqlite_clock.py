"""The time of a file goes on as the machine's boot does, whatever its wall clock is set to."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async import machine as real_machine
from postpress_async.errors import StateUnavailableError
from postpress_async.storage.instants import BootTime
from postpress_async.storage.sqlite import images as sqlite_images
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.handle import Handle
from postpress_async.storage.sqlite.images import COUNTS, SqliteImages
from postpress_async.storage.sqlite.schema import Schema
from postpress_async.storage.sqlite.sheet import Sheet

START = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
named = pytest.mark.skipif(not real_machine.boot_clock(), reason="boots have no names here")


class Machine:
    """Have clocks that are moved by hand."""

    def __init__(self):
        self.wall, self.steady, self.boot = START, 5_000.0, "one"

    def passes(self, seconds, *, unseen=0.0):
        """Let time go by; the machine itself is paused for `unseen` of it, and its clock is not."""
        self.wall += seconds
        self.steady += seconds - unseen

    def starts_again(self, *, after=60.0, wrong_by=0.0):
        """Be started again; its clock may be wrong then."""
        self.wall += after + wrong_by
        self.steady, self.boot = 10.0, f"{self.boot}, and again"

    def time(self, clock=None):
        """Stand in for `time_of_counts`."""
        if clock is not None:
            return BootTime(clock, lambda: 0.0, lambda: "")
        return BootTime(lambda: self.wall, lambda: self.steady, lambda: self.boot)


class Writes:
    """Change an image, and tell the time."""

    keys = ("k",)

    def run(self, images, now):
        return {"k": b"%f" % now}, now


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(sqlite_images, "time_of_counts", machine.time)
    return machine


@pytest.fixture
def process(open_at):
    """Return what starts one more process: called, it tells the file's time."""

    class Process:
        def __init__(self, **options):
            self.images = open_at(**options)

        async def __call__(self):
            """Write, so that others see when."""
            return await self.images.step(Writes())

    return Process


@pytest.fixture
def a_step_fails(monkeypatch):
    """Return what lets a process's next step fail after the time was taken up."""

    def fails(*_):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL  # the connection stays
        raise error

    async def a_step_fails(process):
        with monkeypatch.context() as patched:
            patched.setattr(Sheet, "write", fails)
            with pytest.raises(StateUnavailableError):
                await process()

    return a_step_fails


def meta(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT seen, boot, ahead, lag FROM meta").fetchone()


async def test_who_begins_where_many_wait_brings_no_time_along(machine, process, monkeypatch):
    one = process()
    await one()
    monkeypatch.setattr(Handle, "is_contended", lambda self: True)  # so works are run before
    machine.wall += DAY
    assert await process()() == START
    assert await one() == START


# -- in one boot -----------------------------------------------------------------------------------


async def test_a_clock_that_is_ahead_for_a_moment_moves_nobodys_time(machine, process):
    one = process()
    assert await one() == START
    machine.wall += DAY
    machine.passes(5.0)
    assert await one() == START + 5
    assert one.images.lead == -DAY
    another = process()  # it starts at that moment
    assert await another() == START + 5
    machine.wall -= DAY
    machine.passes(HOUR)
    assert [await one(), await another(), await process()()] == [START + HOUR + 5] * 3
    assert one.images.lead == 0.0


async def test_a_clock_that_is_set_back_moves_nobodys_time_either(machine, process):
    one = process()
    await one()
    machine.wall -= DAY
    machine.passes(HOUR)
    assert [await one(), await process()()] == [START + HOUR] * 2
    await one.images.aclose()
    machine.passes(HOUR)  # in which nobody notes the time
    assert await process()() == START + 2 * HOUR


async def test_time_goes_on_while_the_machine_is_suspended(process, monkeypatch):
    suspended = [0.0]
    real = real_machine.boot_time
    monkeypatch.setattr(real_machine, "boot_time", lambda: real() + suspended[0])
    one = process()
    before = await one()
    suspended[0] = 100 * DAY  # and `time.monotonic` stands still
    assert before + 100 * DAY <= await one() < before + 101 * DAY


@pytest.mark.parametrize("fails", [False, True])
async def test_a_file_that_is_made_anew_is_told_the_time_that_was_known(
    machine, path, process, a_step_fails, fails
):
    one = process(look_every=0)
    await one()
    machine.wall += DAY
    path.unlink()
    with pytest.raises(StateUnavailableError, match="was deleted"):
        await one()
    if fails:
        await a_step_fails(one)
    machine.passes(0.5)  # sooner than it would be noted anew
    assert await one() == START + 0.5
    assert await process()() == START + 0.5


async def test_an_older_copy_is_told_the_time_that_was_known(machine, path, process, tmp_path):
    one = process(look_every=0)
    await one()
    await one.images.aclose()
    shutil.copy(path, tmp_path / "copy.db")
    machine.starts_again()
    later = process(look_every=0)
    assert await later() == START + 60
    machine.wall += DAY
    machine.passes(10.0)
    path.unlink()
    with pytest.raises(StateUnavailableError, match="was deleted"):
        await later()
    shutil.copy(tmp_path / "copy.db", path)
    path.chmod(0o600)
    assert await later() == START + 70
    assert await process()() == START + 70


async def test_a_later_time_of_another_process_is_followed_and_kept(machine, process):
    one = process()
    await one()
    assert await process(clock=lambda: START + DAY)() == START + DAY
    assert await one() == START + DAY
    machine.passes(HOUR)
    assert await one() == START + DAY + HOUR
    await one.images.aclose()
    machine.passes(HOUR)
    assert await process()() == START + DAY + 2 * HOUR


async def test_a_step_that_is_lost_tells_its_file_the_time_once_more(
    machine, path, process, a_step_fails
):
    one = process()
    await a_step_fails(one)
    assert meta(path)[1] == ""
    machine.wall += DAY
    assert await one() == START
    assert meta(path)[1:3] == ("one", START - 5_000.0)
    assert await process()() == START


actions = st.one_of(
    st.tuples(st.just("passes"), st.floats(0.0, 30 * DAY)),
    st.tuples(st.just("is set"), st.floats(-20 * 365 * DAY, 20 * 365 * DAY)),
    st.tuples(st.just("starts"), st.none()),
    st.tuples(st.just("asks"), st.integers(0, 5)),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(actions, max_size=12))
def test_in_one_boot_time_is_what_has_passed(story):
    machine = Machine()
    passed = 0.0

    async def tell():
        nonlocal passed
        with tempfile.TemporaryDirectory() as directory:
            made = []

            async def asks(which):
                now = await made[which % len(made)].step(Writes())
                assert now == pytest.approx(START + passed, abs=1e-5)

            def start():
                images = SqliteImages(f"{directory}/counts.db")
                images._time = images._together._time = machine.time()
                made.append(images)

            start()
            await asks(0)
            for what, value in [*story, ("starts", None), ("asks", -1)]:
                if what == "passes":
                    machine.passes(value)
                    passed += value
                elif what == "is set":
                    machine.wall += value
                elif what == "starts":
                    start()
                else:
                    await asks(value)
            for images in made:
                await images.aclose()

    asyncio.run(tell())


async def test_processes_that_followed_a_later_time_agree(machine, path, process):
    one, other = process(), process()
    await one()
    await other()
    await process(clock=lambda: START + DAY)()
    machine.passes(5.0)
    now = await one()  # and only an image told it
    machine.passes(0.75)
    assert now + 0.75 == await other() == await process()()


@named
async def test_a_limit_a_day_is_not_granted_twice_by_a_clock_that_is_a_day_ahead(
    path, processes, monkeypatch
):
    state = f"sqlite:///{path}"
    one, other = processes(state), processes(state)
    assert await one() == 10
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + DAY + HOUR)
    assert await one() == 0
    assert await other() == 0
    assert await processes(state)() == 0
    monkeypatch.setattr(time, "time", real)
    assert await processes(state)() == 0


# -- in the next boot ------------------------------------------------------------------------------


async def test_after_a_restart_the_clock_tells_how_long_the_machine_was_off(machine, path, process):
    await process()()
    machine.starts_again(after=HOUR)
    assert await process()() == START + HOUR
    assert meta(path) == (START + HOUR, machine.boot, START + HOUR - 10.0, 0.0)
    machine.wall += DAY
    assert await process()() == START + HOUR  # believed once


async def test_a_machine_that_starts_with_a_clock_behind_goes_on_where_it_was(machine, process):
    await process()()
    machine.starts_again(after=HOUR, wrong_by=-10 * DAY)
    one = process()
    assert await one() == START
    machine.wall += 10 * DAY  # it has found a time server
    machine.passes(60.0)
    assert await one() == START + 60
    assert one.images.lead == -HOUR
    await one.images.aclose()
    machine.starts_again(after=60.0)
    assert await process()() == START + 120  # no more than has passed


async def test_what_the_clock_was_ahead_or_behind_before_a_restart_ends_no_window(machine, process):
    """It is the time between two steps that counts, and that no less than was true."""
    one = process()
    await one()
    machine.passes(HOUR, unseen=HOUR - 60)  # a virtual machine that was paused
    paused = await one()
    assert paused == START + 60
    await one.images.aclose()
    machine.starts_again(after=60.0)
    at = await process()()
    assert at == paused + 60
    machine.wall -= 20 * DAY
    machine.passes(5.0)
    assert await process()() == at + 5
    machine.starts_again(after=60.0, wrong_by=20 * DAY)  # right again
    assert await process()() == at + 65


async def test_a_clock_that_was_ahead_at_the_last_note_costs_time_and_gives_none(machine, process):
    one = process()
    await one()
    machine.wall += DAY
    machine.passes(5.0)
    at = await one()
    await one.images.aclose()
    machine.starts_again(after=60.0, wrong_by=-DAY)
    assert await process()() == at


async def test_without_the_name_of_a_boot_the_clock_is_followed_forwards(machine, path, process):
    machine.boot = ""
    one = process()
    await one()
    machine.wall += HOUR
    assert await one() == START + HOUR
    machine.wall -= HOUR
    machine.passes(60.0)
    assert await one() == START + HOUR + 60
    assert meta(path)[1:] == ("", 0.0, 0.0)


async def test_a_clock_that_is_handed_in_leaves_the_machines_alone(machine, path, process):
    await process()()
    before = meta(path)
    told = [START + 5.0]
    one = process(clock=lambda: told[0])
    for at in (5.0, 50.0):
        told[0] = START + at
        assert await one() == START + at
    assert meta(path) == (START + 50.0, *before[1:])


# -- formats, statements, systems ------------------------------------------------------------------


async def test_a_file_of_the_format_before_is_taken_over(machine, path, process):
    before = Schema(what="counts", application_id=COUNTS.application_id,
                    migrations=COUNTS.migrations[:3])  # fmt: skip
    file = SqliteFile(str(path), before)
    await file.run(lambda c: c.execute("UPDATE meta SET seen = ?", (START + HOUR,)))
    await file.run(lambda c: c.execute("INSERT INTO images VALUES ('k', x'31', 0.0)"))
    await file.aclose()
    one = process()
    assert await one() == START + HOUR
    machine.wall += DAY
    machine.passes(1.0)
    assert await process()() == START + HOUR + 1


async def test_the_time_costs_two_statements_a_second_and_no_more(machine, process):
    one = process()
    seen = []
    await one.images._file.run(lambda c: c.set_trace_callback(seen.append))

    async def statements():
        seen.clear()
        await one()
        return len(seen), sum("meta" in statement for statement in seen)

    first = await statements()
    machine.passes(0.5)
    second = await statements()
    machine.passes(0.6)
    third = await statements()
    assert [first[1], second[1], third[1]] == [2, 0, 2]
    assert second[0] == 4  # BEGIN, PRAGMA data_version, INSERT, COMMIT


TELLS = """if True:
    import asyncio, json, sys, time
    real, ahead = time.time, float(sys.argv[2])
    time.time = lambda: real() + ahead
    from postpress_async import machine
    from postpress_async.storage.sqlite.images import SqliteImages
    class Work:
        keys = ("k",)
        def run(self, images, now): return {"k": b"1"}, now
    async def main():
        images = SqliteImages(sys.argv[1])
        print(json.dumps([await images.step(Work()), machine.boot_time(), images.lead]))
        await images.aclose()
    asyncio.run(main())
"""


async def told(path, ahead, *within):
    """Return the time that another process gives a file, the boot's, and the lead."""
    child = await asyncio.create_subprocess_exec(
        *within, sys.executable, "-c", TELLS, str(path), str(ahead), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    return json.loads(out)


@named
async def test_real_processes_agree_although_the_clock_of_one_is_a_day_ahead(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    before = await images.step(works.tell())
    now, _, lead = await told(path, DAY)
    assert lead == pytest.approx(-DAY, abs=HOUR)
    assert before <= now <= await images.step(works.tell()) < before + HOUR


BOOTED = 10_000_000  # seconds ago, as the namespace has it
NAMESPACE = ("unshare", "--user", "--map-root-user", "--time", "--boottime", str(BOOTED), "--fork")


@pytest.fixture
def elsewhere():
    """Return how to run something in a namespace whose boot's clock is another one."""
    try:
        subprocess.run([*NAMESPACE, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no time namespace can be made here: {error}")
    return NAMESPACE


async def test_a_clock_of_another_time_namespace_is_not_taken_for_ours(
    path, open_at, works, elsewhere
):
    images = open_at()
    await images.step(works.add())
    before = await images.step(works.tell())
    now, boot, _ = await told(path, 0.0, *elsewhere)
    assert boot > real_machine.boot_time() + BOOTED - HOUR
    assert before - 1.0 <= now <= await images.step(works.tell()) < before + HOUR


class TestTheNameOfABootsClock:
    """It is the same for two processes only if one clock is theirs."""

    @pytest.fixture
    def proc(self, tmp_path):
        for directory in ("sys/kernel/random", "self/ns"):
            (tmp_path / directory).mkdir(parents=True)
        boot = "1ebe7c55-2670-4d79-b208-eba6c599b496\n"
        (tmp_path / "sys/kernel/random/boot_id").write_text(boot)
        (tmp_path / "self/timens_offsets").write_text(
            "monotonic 0 0\nboottime           0         0\n"
        )
        (tmp_path / "self/ns/time").write_text("")
        (tmp_path / "self/ns/time_for_children").symlink_to(tmp_path / "self/ns/time")
        return tmp_path

    def test_is_the_boots(self, proc):
        assert real_machine.boot_clock(proc) == "1ebe7c5526704d79b208eba6c599b496"
        (proc / "self/timens_offsets").unlink()  # a kernel that knows no such namespaces
        assert real_machine.boot_clock(proc) == "1ebe7c5526704d79b208eba6c599b496"

    def test_is_another_one_in_another_namespace(self, proc):
        (proc / "self/timens_offsets").write_text("monotonic 0 0\nboottime 86400 5\n")
        assert real_machine.boot_clock(proc) == "1ebe7c5526704d79b208eba6c599b496+86400.5"

    def test_is_not_told_where_it_would_be_the_childrens(self, proc):
        (proc / "self/ns/time_for_children").unlink()
        (proc / "self/ns/time_for_children").write_text("")
        assert real_machine.boot_clock(proc) == ""

    def test_is_not_told_where_nobody_knows(self, proc):
        (proc / "self/timens_offsets").write_text("")
        assert real_machine.boot_clock(proc) == "1ebe7c5526704d79b208eba6c599b496+?"
        shutil.rmtree(proc / "sys")
        assert real_machine.boot_clock(proc) == ""
        assert real_machine.boot_clock(Path("/nowhere")) == ""
