"""The client and the sandbox, over real sockets and on one clock."""

import pytest

from postpress_async import KeyRate, Limits, Postpress, Sandbox


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=1) as running:
        yield running


@pytest.fixture
def connect(sandbox):
    """Make clients of this sandbox; whoever asks closes them."""

    def made(**options):
        options.setdefault("limits", Limits.none())
        options.setdefault("key_rate", KeyRate(1000))
        options.setdefault("clock", sandbox.clock)
        return Postpress(sandbox.api_key, base_url=sandbox.url, **options)

    return made


@pytest.fixture
def accounts(sandbox):
    """The sandbox's accounts by provider, the first of each."""
    found = {}
    for account in sandbox.world()["accounts"]:
        found.setdefault(account["provider"], account)
    return found


@pytest.fixture
def journal(sandbox):
    """What the sandbox saw: `METHOD /template` and status of each request."""

    def seen(**filters):
        return [(entry.route, entry.status) for entry in sandbox.journal(**filters)]

    return seen
