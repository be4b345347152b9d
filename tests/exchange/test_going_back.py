"""A call that was rejected goes back to the head: before those who came after it."""

from __future__ import annotations

import asyncio

import pytest

from postpress_async import Http, Limits, Retries


@pytest.mark.parametrize("answer", [503, 429])
async def test_a_rejected_call_goes_before_those_who_came_after_it(serve, talk, until, answer):
    release = asyncio.Event()
    seen: list[str] = []

    async def script(c):
        while True:
            request = await c.request()
            seen.append(request.target.rpartition("/")[2].partition("?")[0])
            await release.wait()
            if len(seen) == 1:
                c.answer(answer, b'{"type":"errors/no_handler"}', {"Retry-After": "0"})
            else:
                c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}')

    raw = await serve(script)
    talker = talk(raw, limits=Limits.none(), http=Http(connections=1), retries=Retries(attempts=2))
    client = talker.client

    def look_up(name: str) -> asyncio.Task[object]:
        return asyncio.ensure_future(client.users.get(name, account_id="acc_1"))

    tasks = [look_up("first")]
    await until(lambda: seen)
    for name in ("second", "third", "fourth"):
        tasks.append(look_up(name))
        await until(lambda: client.scheduler.lane("acc_1").waiting == len(tasks) - 1)
    release.set()
    await asyncio.gather(*tasks)
    # `second` may have been granted the free place before the first could ask again
    assert seen.index("first", 1) <= 2
    assert [name for name in seen if name != "first"] == ["second", "third", "fourth"]
