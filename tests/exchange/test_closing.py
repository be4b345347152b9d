"""How a client ends: nobody hangs, nothing is lost without a word, the network is let go."""

import asyncio

import pytest

from postpress_async import (
    ClientClosedError,
    KeyRate,
    Limit,
    Limits,
    OutcomeUnknownError,
    Postpress,
    Retries,
)
from postpress_async.wire.values import Failed, Reply


class Script:
    """Answers each request with the next thing of its list; a future is awaited first."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.closed = False
        self.seen = 0

    async def exchange(self, request, sending):
        self.seen += 1
        answer = self.answers.pop(0)
        return await answer if asyncio.isfuture(answer) else answer

    async def aclose(self):
        self.closed = True


OK = Reply(status=201, headers={}, body=b'{"object":"MessageSent","message_id":"m1"}')
BUSY = Reply(status=503, headers={}, body=b'{"type":"errors/no_channel","title":"t","status":503}')
CUT = Failed(kind="closed", sent=True, detail="cut")


def client(script, **options):
    options.setdefault("limits", Limits.none())
    return Postpress("key", transport=script, key_rate=KeyRate(1000), **options)


def send(made, **options):
    return asyncio.ensure_future(
        made.messages.send(chat_id="c", text="Hi", account_id="acc_1", **options)
    )


async def ticks(n=20):
    for _ in range(n):
        await asyncio.sleep(0)


async def test_a_call_under_way_may_end():
    answer = asyncio.get_running_loop().create_future()
    script = Script(answer)
    made = client(script)
    sending = send(made)
    await ticks()
    closing = asyncio.ensure_future(made.aclose())
    await ticks()
    assert not closing.done()
    answer.set_result(OK)
    await closing
    assert (await sending).message_id == "m1"
    assert script.closed


async def test_whoever_waits_for_a_slot_is_turned_away():
    answer = asyncio.get_running_loop().create_future()
    limits = Limits.none().add(Limit("message", 1, per=60))
    made = client(Script(answer), limits=limits, max_wait=120.0)
    first, second = send(made), send(made)
    await ticks()
    closing = asyncio.ensure_future(made.aclose())
    with pytest.raises(ClientClosedError) as caught:
        await second
    assert caught.value.outcome == "not_sent"
    answer.set_result(OK)
    await closing
    await first


async def test_whoever_backs_off_is_woken_and_told(clock):
    script = Script(BUSY)
    made = client(script, retries=Retries(attempts=2), clock=clock)
    made._pipeline._random = lambda: 0.999
    waiting = send(made)
    await ticks()
    assert script.seen == 1
    await made.aclose()
    with pytest.raises(ClientClosedError):
        await waiting


async def test_a_write_that_may_have_happened_stays_unknown_when_the_client_closes(clock):
    script = Script(CUT)
    made = client(script, retries=Retries(attempts=2, trust_idempotency_key=True), clock=clock)
    made._pipeline._random = lambda: 0.999
    waiting = send(made)
    await ticks()
    await made.aclose()
    with pytest.raises(OutcomeUnknownError) as caught:
        await waiting
    assert caught.value.outcome == "unknown"
    assert caught.value.idempotency_key


async def test_nothing_begins_on_a_closed_client_or_its_copies():
    script = Script()
    made = client(script)
    copy = made.account("acc_1").with_options(max_wait=1.0)
    await made.aclose()
    await made.aclose()
    with pytest.raises(ClientClosedError):
        await copy.users.get("x")
    with pytest.raises(ClientClosedError):
        await copy.chats.list().page()
    assert script.seen == 0


async def test_closing_a_client_that_was_never_used_makes_no_connection():
    async with Postpress("key") as made:
        pass
    assert made._pipeline.home._transport is None


async def test_a_look_up_of_the_provider_ends_with_the_client():
    never = asyncio.get_running_loop().create_future()
    made = client(Script(never), limits=Limits.recommended())
    waiting = send(made)
    await ticks()
    closing = asyncio.ensure_future(made.aclose())
    with pytest.raises(ClientClosedError):
        await waiting
    await closing
