"""A replica takes over: what it had not got is granted anew at the most, and to strangers alone."""

import secrets
from contextlib import suppress

import pytest

from postpress_async import Limit, Limits, Postpress, WaitTooLongError
from postpress_async.sandbox import Sandbox

LIMITS = Limits.none().add(Limit("profile", 10, per="day"))


@pytest.fixture
async def process(proxy):
    """Return what makes a client like one of another process, and sends until a limit holds."""
    async with Sandbox(seed=1) as sandbox:
        account = sandbox.world()["accounts"][0]["id"]
        state = f"{proxy.url}?prefix=t_{secrets.token_hex(6)}"
        clients = []

        def make():
            client = Postpress(
                sandbox.api_key, base_url=sandbox.url, state=state, limits=LIMITS, max_wait=5
            )
            clients.append(client)

            async def send(most=20):
                sent = 0
                with suppress(WaitTooLongError):
                    while sent < most:
                        await client.users.get("jordan-walke", account_id=account)
                        sent += 1
                await client.scheduler.snapshot(account)  # the store knows that all are over
                return sent

            return send

        yield make
        for client in clients:
            await client.aclose()


@pytest.mark.parametrize("first", ["who knows", "a stranger"])
async def test_a_replica_that_lags_takes_over(process, valkeys, valkey, proxy, first):
    replica = valkeys(port=True).start()
    replica.follow(valkey)
    knows = process()
    assert await knows(5) == 5
    replica.catch_up(valkey)  # it has got these
    replica.ask("REPLICAOF", "NO", "ONE")
    assert await knows(3) == 3  # and not these
    valkey.kill9()
    proxy.target = replica.port  # as a name, or a proxy, that follows the primary
    stranger = process()
    if first == "who knows":
        assert (await knows(), await stranger()) == (2, 0)
    else:
        assert (await stranger(), await knows()) == (5, 0)  # 10, and 3 that the replica had not got
    assert await process()() == 0
