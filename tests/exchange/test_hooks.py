"""What hooks, logs and `capture` are told, and what they cannot change."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import Any

import pytest

from postpress_async import (
    Attempted,
    CallStarted,
    ConfigurationError,
    Finished,
    Limit,
    Limits,
    NotFoundError,
    Postpress,
    PostpressError,
    RequestOptions,
    Retried,
    Retries,
    ServerError,
    Waited,
    capture,
)


async def test_a_success(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    await talker("GET")
    started, attempted, finished = talker.told.events
    assert isinstance(started, CallStarted)
    assert (started.call_id, started.method, started.route) == (1, "GET", "/users/{identifier}")
    assert (started.account_id, started.action) == ("acc_1", "profile")
    assert isinstance(attempted, Attempted)
    assert (attempted.number, attempted.status, attempted.error) == (1, 200, None)
    assert (attempted.sent, attempted.request_id) == (True, "r1")
    assert attempted.seconds >= 0
    assert isinstance(finished, Finished)
    assert (finished.outcome, finished.attempts, finished.error) == ("done", 1, None)
    assert not finished.maybe_sent
    assert finished.waited == 0
    assert finished.seconds >= attempted.seconds
    await talker("POST")
    assert {event.call_id for event in talker.told.events} == {1, 2}


async def test_a_retry(serve, talk):
    raw = await serve("503 no_channel", "good")
    talker = talk(raw)
    await talker("POST")
    assert talker.told.names == ["CallStarted", "Attempted", "Retried", "Attempted", "Finished"]
    _, first, retried, second, finished = talker.told.events
    assert (first.number, first.status, first.error) == (1, 503, "ServiceUnavailableError")
    assert isinstance(retried, Retried)
    assert (retried.number, retried.seconds, retried.reason) == (1, 0.0, "back_off")
    assert (second.number, second.status, second.error) == (2, 200, None)
    assert (finished.outcome, finished.attempts) == ("done", 2)
    assert len({event.call_id for event in talker.told.events}) == 1


async def test_a_refusal(serve, talk):
    raw = await serve("404 resource_not_found")
    talker = talk(raw)
    await talker.fails("GET")
    assert talker.told.names == ["CallStarted", "Attempted", "Finished"]
    assert talker.told.attempts[0].error == "NotFoundError"
    finished = talker.told.finished
    assert (finished.outcome, finished.error, finished.maybe_sent) == (
        "refused",
        "NotFoundError",
        False,
    )


async def test_a_call_in_doubt(serve, talk):
    raw = await serve("fin_after_reading")
    talker = talk(raw)
    await talker.fails("POST")
    assert talker.told.attempts[0].sent
    assert talker.told.attempts[0].status is None
    finished = talker.told.finished
    assert (finished.outcome, finished.maybe_sent) == ("unknown", True)


async def test_a_wait(serve, talk, clock, until):
    raw = await serve("good")
    limits = Limits().add(Limit("profile", 1, per=60.0))
    talker = talk(raw, limits=limits, clock=clock, max_wait=90.0)
    await talker("GET")
    task = asyncio.create_task(talker("GET"))
    await until(lambda: talker.waiting)
    clock.advance(61.0)
    await task
    (waited,) = (event for event in talker.told.events if isinstance(event, Waited))
    assert waited.reason == "slot"
    assert waited.seconds == 61.0
    assert talker.told.names[3:] == ["CallStarted", "Waited", "Attempted", "Finished"]
    assert talker.told.events[-1].waited == waited.seconds


async def test_a_call_that_is_refused_before_io_is_told_nothing_or_all(serve, talk):
    raw = await serve("good")
    talker = talk(raw, limits=Limits().add(Limit("profile", 0, per="day")))
    error = await talker.fails("GET")
    assert talker.told.names == ["CallStarted", "Finished"]
    assert talker.told.finished.error == type(error).__name__
    assert (talker.told.finished.outcome, talker.told.finished.attempts) == ("not_sent", 0)
    talker.told.events.clear()
    with pytest.raises(ConfigurationError):
        await talker.client.users.get("", account_id="acc_1")
    assert talker.told.events == []


@pytest.mark.parametrize("script", ["good", "404 resource_not_found"])
async def test_a_hook_that_fails_changes_nothing(serve, talk, caplog, script):
    told: list[object] = []

    def broken(event: object) -> None:
        raise RuntimeError("hook")

    raw = await serve(script)
    talker = talk(raw, hooks=[broken, told.append])
    if script == "good":
        await talker("GET")
    else:
        assert isinstance(await talker.fails("GET"), NotFoundError)
    assert [type(event).__name__ for event in told] == ["CallStarted", "Attempted", "Finished"]
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failures) == 3
    assert {record.name for record in failures} == {"postpress_async"}
    talker.nothing_is_held()


@pytest.mark.parametrize("hook", [None, "x", 5])
def test_a_hook_must_be_a_function(hook):
    with pytest.raises(ConfigurationError, match="hooks must be functions"):
        Postpress("k", hooks=[hook])
    with pytest.raises(ConfigurationError, match="hooks must be functions"):
        Postpress("k").with_options(hooks=[hook])


# -- logging -----------------------------------------------------------------------------------


async def test_the_log_tells_the_same_story_when_asked(serve, talk, caplog):
    caplog.set_level(logging.DEBUG, logger="postpress_async")
    raw = await serve("good")
    await talk(raw)("GET")
    lines = [record.getMessage() for record in caplog.records if record.name == "postpress_async"]
    assert [line.partition("(")[0] for line in lines] == ["CallStarted", "Attempted", "Finished"]


QUIET = """
import asyncio
from postpress_async import Postpress, PostpressError
from postpress_async.sandbox import Sandbox

async def main():
    async with Sandbox() as sandbox:
        account = sandbox.world()["accounts"][0]["id"]
        sandbox.set_status(account, "CREDENTIALS")
        def broken(event): raise RuntimeError
        async with Postpress(sandbox.api_key, base_url=sandbox.url, hooks=[broken]) as client:
            for name in ("nobody", "nobody"):
                try:
                    await client.users.get(name, account_id=account)
                except PostpressError:
                    pass

asyncio.run(main())
"""


def test_a_program_that_sets_up_no_logging_hears_nothing():
    """Without a handler Python prints warnings on stderr by itself; a library must not."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert done.stderr == ""


# -- copies ------------------------------------------------------------------------------------


async def test_copies_share_lanes_and_connections(serve, talk):
    raw = await serve("good")
    talker = talk(raw, limits=Limits().add(Limit("profile", 3, per="day")))
    client = talker.client
    other = client.with_options(retries=Retries.none(), headers={"X-Tenant": "7"})
    bound = client.account("acc_1")
    await client.users.get("a", account_id="acc_1")
    await other.users.get("b", account_id="acc_1")
    await bound.users.get("c")
    assert len(raw.connections) == 1
    assert [request.headers.get("x-tenant") for request in raw.seen] == [None, "7", None]
    for one in (client, other, bound):
        (lane,) = await one.scheduler.snapshot("acc_1")
        assert lane.limits[0].used == 3
    with pytest.raises(PostpressError):
        await bound.with_options(max_wait=0.0).users.get("d")


async def test_copies_differ_in_what_was_asked_only(serve, talk):
    raw = await serve("502")
    talker = talk(raw)
    heard: list[object] = []
    once = talker.client.with_options(retries=Retries.none(), hooks=[heard.append])
    with pytest.raises(ServerError) as caught:
        await once.account("acc_1").users.get("a")
    assert caught.value.attempts == 1
    assert talker.told.events == []
    assert len(heard) == 3
    error = await talker.fails("GET")
    assert error.attempts == 3


async def test_headers_add_up(serve, talk):
    raw = await serve("good")
    client = talk(raw).client.with_options(headers={"X-A": "1"}).with_options(headers={"X-B": "2"})
    await client.users.get(
        "a", account_id="acc_1", options=RequestOptions(headers={"X-A": "3", "X-C": "4"})
    )
    headers = raw.seen[0].headers
    assert (headers["x-a"], headers["x-b"], headers["x-c"]) == ("3", "2", "4")


async def test_closing_a_copy_closes_all(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    await talker.client.account("acc_1").aclose()
    error = await talker.fails("GET")
    assert type(error).__name__ == "ClientClosedError"


# -- capture -----------------------------------------------------------------------------------


async def test_capture_sees_what_the_calls_inside_saw(serve, talk):
    async def answers(c: Any) -> None:
        while True:
            await c.request()
            headers = {"X-Request-Id": f"r{len(c.server.seen)}", "X-Any": "1", "Set-Cookie": "a=b"}
            if len(c.server.seen) == 2:
                c.answer(503, b"", headers)
            else:
                c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}', headers)

    raw = await serve(answers)
    talker = talk(raw)
    await talker("GET")
    with capture() as seen:
        await talker("GET")
        await asyncio.gather(talker("GET"), talker("GET"))
    await talker("GET")
    assert [(one.status, one.attempts) for one in seen] == [(200, 2), (200, 1), (200, 1)]
    assert seen[0].request_id == "r3"
    assert seen[0].headers["x-any"] == "1"
    assert "set-cookie" not in seen[0].headers


async def test_capture_sees_failures(serve, talk):
    raw = await serve("404 resource_not_found")
    talker = talk(raw)
    with capture() as outer, capture() as inner:
        await talker.fails("GET")
    assert [one.status for one in inner] == [404]
    assert outer == []


async def test_capture_of_a_call_without_an_answer(talk, closed_port):
    with capture() as seen:
        await talk(closed_port).fails("GET")
    assert [(one.status, one.headers, one.attempts) for one in seen] == [(None, {}, 3)]


async def test_calls_that_interleave_are_not_mixed_up(serve, talk):
    """A retry replaces its own call's entry, not its neighbour's."""
    failed_once: set[str] = set()

    async def answers(c: Any) -> None:
        while True:
            request = await c.request()
            name = request.target.split("/")[-1].partition("?")[0]
            if name not in failed_once:
                failed_once.add(name)
                c.answer(503, b"", {"X-Name": name})
            else:
                c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}', {"X-Name": name})

    raw = await serve(answers)
    client = talk(raw).client
    with capture() as seen:
        await asyncio.gather(
            *(client.users.get(name, account_id="acc_1") for name in ("a", "b", "c"))
        )
    assert sorted(one.headers["x-name"] for one in seen) == ["a", "b", "c"]
    assert {one.status for one in seen} == {200}
