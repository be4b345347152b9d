"""Which processes are certainly dead: only those whose calls nobody will give back."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from postpress_async.storage import processes
from postpress_async.storage.processes import Processes

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/ns/pid").exists(), reason="nothing is certain without /proc"
)


@contextmanager
def living(*where):
    """Return a process that lives, and its name, as it would say it itself."""
    said = "from postpress_async.storage.processes import Processes; import sys; "
    said += "print(Processes().own, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [*where, sys.executable, "-c", said],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def child():
    with living() as told:
        yield told


def gone(name):
    """Ask anew: an answer holds for a moment."""
    return Processes().gone(name)


def test_a_process_is_gone_once_it_was_killed(child):
    process, name = child
    assert gone(name) is False
    assert gone(Processes().own) is False
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and there: a zombie
    assert gone(name) is True
    process.wait()
    assert gone(name) is True


def test_a_number_that_somebody_else_has_by_now_is_of_the_dead(child):
    where, pid, start = child[1].split("-")
    assert gone(f"{where}-{pid}-{int(start, 16) - 1:x}") is True


@pytest.mark.parametrize(
    "other",
    ["{0}1-{1}-{2}", "x{0}-{1}-{2}", "-{1}-{2}", "{0}-{1}-0", "{0}-{1}", "{0}", "", "{0}-x-{2}"],
)
def test_nothing_is_certain_of_other_machines_containers_and_names(child, other):
    process, name = child
    process.kill()
    process.wait()
    assert gone(name) is True
    assert gone(other.format(*name.split("-"))) is False


@pytest.mark.parametrize("hidden", [FileNotFoundError, ProcessLookupError, PermissionError])
def test_a_process_of_somebody_else_that_proc_hides_is_not_dead(child, monkeypatch, hidden):
    """With `hidepid=2`, others' processes are not in /proc; that they live can be told yet."""
    process, name = child

    def nothing(pid):
        raise hidden(pid)

    monkeypatch.setattr(processes, "_start_of", nothing)
    assert gone(name) is False
    process.kill()
    process.wait()
    assert gone(name) is (hidden is not PermissionError)  # who cannot look knows nothing


@pytest.mark.parametrize("ahead", [1000, -1])
def test_a_process_that_lives_by_another_clock_is_not_dead(ahead):
    """In a time namespace, the same process has another start, by what /proc says to whom."""
    where = ("unshare", "--user", "--map-current-user", "--time", "--boottime", str(ahead))
    try:
        subprocess.run([*where, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no time namespace can be made here: {error}")
    with living(*where) as (process, name):
        assert int(name.split("-")[1], 16) == process.pid  # whose number is the same to both
        assert gone(name) is False
        process.kill()
        process.wait()
        assert gone(name) is False  # it is not certain; its lease will end


def test_where_no_clock_has_a_name_nothing_is_certain(child, monkeypatch):
    process, name = child
    process.kill()
    process.wait()
    assert gone(name) is True
    monkeypatch.setattr(processes, "boot_clock", str)
    monkeypatch.setattr(processes, "_where", processes._where.__wrapped__)  # which remembers
    assert gone(name) is False
    assert gone(f"-{name.partition('-')[2]}") is False  # as it would have been named there


def test_it_is_looked_again_after_a_moment(child, monkeypatch):
    process, name = child
    at = 100.0
    monkeypatch.setattr(processes.time, "monotonic", lambda: at)
    known = Processes()
    assert known.gone(name) is False
    process.kill()
    process.wait()
    assert known.gone(name) is False
    at += 0.3
    assert known.gone(name) is True
