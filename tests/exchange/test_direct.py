"""The short road over aiohttp's connector, and when it is left for the session's."""

import aiohttp
import pytest

from postpress_async import KeyRate, Limits, Postpress, Sandbox
from postpress_async.exchange import direct, transport


@pytest.fixture
async def client():
    async with Sandbox(seed=1) as sandbox:
        made = Postpress(
            sandbox.api_key, base_url=sandbox.url, limits=Limits.none(), key_rate=KeyRate(1000)
        )
        async with made:
            yield made


@pytest.fixture
def roads(monkeypatch):
    """Which road each GET took."""
    taken = []
    send, request = direct.DirectGet.send, aiohttp.ClientSession.request

    async def short(self, *args):
        taken.append("direct")
        return await send(self, *args)

    def long(self, *args, **kwargs):
        taken.append("session")
        return request(self, *args, **kwargs)

    monkeypatch.setattr(direct.DirectGet, "send", short)
    monkeypatch.setattr(aiohttp.ClientSession, "request", long)
    return taken


async def read(client):
    return [account.id async for account in client.accounts.list()]


async def test_every_supported_aiohttp_has_the_short_road():
    assert direct.supported()


async def test_reads_take_the_short_road(client, roads):
    assert await read(client)
    assert roads == ["direct"]


async def test_an_aiohttp_without_its_steps_is_taken_by_the_long_one(client, roads, monkeypatch):
    monkeypatch.setattr(direct, "_NEEDED", ((aiohttp.ClientRequest.send, {"another"}),))
    assert await read(client)
    assert roads == ["session"]


async def test_both_roads_bring_the_same(client, monkeypatch):
    short = await read(client)
    monkeypatch.setattr(direct.DirectGet, "clear", lambda self: False)
    assert await read(client) == short


async def test_whoever_patches_the_session_sees_every_request(client, roads, monkeypatch):
    await read(client)
    seen, real = [], aiohttp.ClientSession._request

    async def patched(self, method, url, **kwargs):
        seen.append((method, str(url)))
        return await real(self, method, url, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(aiohttp.ClientSession, "_request", patched)
        await read(client)
    await read(client)
    assert roads == ["direct", "session", "direct"]
    assert len(seen) == 1


async def test_whoever_traces_sessions_sees_every_request(client, monkeypatch):
    seen = []

    async def started(_session, _context, params):
        seen.append(params.method)

    init = aiohttp.ClientSession.__init__

    def traced(self, *args, trace_configs=(), **kwargs):
        config = aiohttp.TraceConfig()
        config.on_request_start.append(started)
        init(self, *args, trace_configs=[*trace_configs, config], **kwargs)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", traced)
    await read(client)
    assert seen == ["GET"]


async def test_proxies_take_the_long_road():
    from postpress_async.options import Http, Timeout  # noqa: PLC0415 - beside its use

    for http in (Http(proxy="http://127.0.0.1:9"), Http(trust_env=True)):
        network = transport.AiohttpTransport(http, {"X-API-KEY": "k"}, Timeout())
        network._open(safe=True)
        assert network._direct is None
        await network.aclose()
