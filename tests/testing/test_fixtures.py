"""The pytest plugin, as a project that installed the package sees it: in pytest runs of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from postpress_async import testing

pytest_plugins = ["pytester"]

ASYNCIO_INI = "asyncio_default_fixture_loop_scope = function\n"

ASYNC_TEST = """
import asyncio

import pytest

{mark}

@pytest.mark.postpress_sandbox(seed=3, accounts={{"INSTAGRAM": 1}}, chats=2, messages=2)
@pytest.mark.postpress_client(max_wait=86_400.0)
async def test_a_day(postpress_sandbox, postpress_client, postpress_virtual_time):
    [account] = postpress_sandbox.world()["accounts"]
    lane = postpress_client.account(account["id"])
    start = postpress_virtual_time.now()
    sends = [lane.messages.send(chat_id=account["chats"][0], text=f"no {{n}}") for n in range(11)]
    await postpress_virtual_time.run(asyncio.gather(*sends))
    assert 3600 <= postpress_virtual_time.now() - start < 7200
    assert sum(entry.committed for entry in postpress_sandbox.journal()) == 11
    remember.append(postpress_client)


remember = []


def test_closed_and_new(postpress_sandbox):
    from postpress_async import ClientClosedError
    [client] = remember
    with pytest.raises(ClientClosedError):
        asyncio.run(client.accounts.list().page())
    assert postpress_sandbox.journal() == []
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    def run(source: str, *arguments: str, ini: str = ASYNCIO_INI) -> pytest.RunResult:
        pytester.makepyfile(source)
        others = " ".join(
            f"-p no:{name}" for name in ("randomly", "cacheprovider", "looptime_plugin")
        )
        strictness = f"addopts = --strict-markers {others}\nfilterwarnings = error\n"
        pytester.makeini(f"[pytest]\n{strictness}{ini}")
        return pytester.runpytest_subprocess(*arguments, timeout=150)

    return run


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_with_pytest_asyncio(run, mode):
    mark = "pytestmark = pytest.mark.asyncio" if mode == "strict" else ""
    source = ASYNC_TEST.format(mark=mark).replace("def test_closed", "async def test_closed", 0)
    if mode == "strict":  # the mark must not meet the plain test
        source = source.replace(mark, "").replace("async def", "@pytest.mark.asyncio\nasync def")
    run(source, f"--asyncio-mode={mode}").assert_outcomes(passed=2)


def test_with_anyio(run):
    source = ASYNC_TEST.format(mark="").replace("async def", "@pytest.mark.anyio\nasync def")
    source += "\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    run(source, "-p", "no:asyncio", ini="").assert_outcomes(passed=2)


def test_a_loop_of_the_whole_session(run):
    ini = (
        "asyncio_default_test_loop_scope = session\nasyncio_default_fixture_loop_scope = session\n"
    )
    source = ASYNC_TEST.format(mark="").replace("def test_closed_and_new", "def not_a_test")
    run(source, "--asyncio-mode=auto", ini=ini).assert_outcomes(passed=1)


def test_the_sandbox_needs_no_event_loop(run):
    source = """
    from urllib.request import urlopen

    def test_it(postpress_sandbox):
        assert urlopen(postpress_sandbox.dashboard).status == 200
    """
    run(source, "-p", "no:asyncio", "-p", "no:anyio", ini="").assert_outcomes(passed=1)


def test_without_an_async_plugin_it_says_what_is_missing(run):
    source = """
    def test_it(postpress_client):
        pass
    """
    result = run(source, "-p", "no:asyncio", "-p", "no:anyio", ini="")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*postpress_client needs pytest-asyncio, or anyio's plugin*"])


def test_a_failing_test_closes_all_the_same(run):
    source = """
    async def test_it(postpress_client):
        await postpress_client.accounts.list().page()
        raise RuntimeError("as planned")
    """
    result = run(source, "--asyncio-mode=auto")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*ResourceWarning*")


def test_loading_the_plugin_loads_nothing_else():
    """Every pytest run of everybody who installed the package imports it."""
    code = "import sys, postpress_async.testing; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    names = set(loaded.stdout.split())
    assert not names & {"aiohttp", "msgspec", "looptime", "tenacity", "rich", "cyclopts"}
    ours = {name for name in names if name.startswith("postpress_async")}
    assert ours == {"postpress_async", "postpress_async.testing"}


def test_public_names_resolve():
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = testing.nothing_here
