"""The client and the sandbox, over real sockets and on one clock."""

import importlib.util
import os
import secrets
from pathlib import Path

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


# -- the outbox --------------------------------------------------------------------------------

MESSAGES = "POST /chats/{chat_id}/messages"


@pytest.fixture(scope="session")
def server():
    """Return the URL of a PostgreSQL; skip where there is none."""
    if given := os.environ.get("POSTGRES_URL"):
        yield given
        return
    place = Path(__file__).parents[1] / "storage" / "postgres_server.py"
    spec = importlib.util.spec_from_file_location("postgres_for_outbox", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        cluster = module.Postgres()
    except module.MissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outbox.db'}"
    server = request.getfixturevalue("server")
    return f"{server}{'&' if '?' in server else '?'}prefix=o_{secrets.token_hex(6)}"


@pytest.fixture
def account(accounts):
    return accounts["LINKEDIN"]


@pytest.fixture
def texts(sandbox, account):
    """What the service has committed of our messages, in order."""

    def seen(**filters):
        entries = sandbox.journal(route=MESSAGES, **filters)
        return [entry for entry in entries if entry.committed]

    return seen
