"""What tests of your own code need: pytest fixtures over the sandbox, and a fake transport.

Installed with the package, and loaded by every pytest run on the machine; so it loads nothing
itself. Its fixtures are made when a test first asks for one:

`postpress_sandbox`
    An offline postpress (`postpress_async.sandbox.Sandbox`), new for each test, in a thread of its
    own: it works in every mode of pytest-asyncio, with anyio's plugin, and in plain tests.
    `@pytest.mark.postpress_sandbox(seed=2, accounts={"LINKEDIN": 1})` makes another world.
`postpress_client`
    A `Postpress` bound to it, on its clock; closed after the test. Needs pytest-asyncio (auto or
    strict) or anyio's plugin. `@pytest.mark.postpress_client(max_wait=5.0)` gives it options.
`postpress_virtual_time`
    A `VirtualTime` that moves sandbox and client together: `await time.advance(3600)`, or
    `await time.run(work())`, which skips every wait of the client: a day of pacing in moments.

```python
async def test_a_day_of_messages(postpress_sandbox, postpress_client, postpress_virtual_time):
    account = next(a for a in postpress_sandbox.world()["accounts"] if a["provider"] == "INSTAGRAM")
    lane = postpress_client.account(account["id"])
    sends = [lane.messages.send(chat_id=account["chats"][0], text=f"no {n}") for n in range(20)]
    await postpress_virtual_time.run(asyncio.gather(*sends))      # ten an hour, in milliseconds
```

Units need no network at all: see `FakeTransport`. It and looptime go together, since a client
without a clock of its own lives by its event loop's time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import pytest

try:
    from pytest_asyncio import fixture as _asyncio_fixture
except ImportError:  # the other fixtures do without
    _asyncio_fixture = pytest.fixture  # type: ignore[assignment]  # other words, the same use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from postpress_async.client import Postpress
    from postpress_async.sandbox import Sandbox
    from postpress_async.testing.fake import (
        Answer,
        FakeRequest,
        FakeTransport,
        failure,
        problem,
        reply,
        silence,
    )
    from postpress_async.testing.virtual_time import VirtualTime

__all__ = [
    "Answer",
    "FakeRequest",
    "FakeTransport",
    "VirtualTime",
    "failure",
    "problem",
    "reply",
    "silence",
]

_MARKS: Final = {
    "postpress_sandbox(**options): arguments of the sandbox of `postpress_sandbox`",
    "postpress_client(**options): arguments of the client of `postpress_client`",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = "virtual_time" if name == "VirtualTime" else "fake"
    return getattr(import_module(f"{__name__}.{module}"), name)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known, for those who are strict about them."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)


@pytest.fixture
def postpress_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Serve an offline postpress for one test, from a thread of its own."""
    from postpress_async.sandbox import Sandbox  # noqa: PLC0415 - only for who asks for it

    with Sandbox(**_options(request, "postpress_sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def postpress_client(request: pytest.FixtureRequest) -> Postpress:
    """Make a client of `postpress_sandbox`, closed after the test in the test's own event loop."""
    plugins = request.config.pluginmanager
    if "anyio_backend" in request.fixturenames:
        name = "_postpress_client_of_anyio"
    elif plugins.hasplugin("asyncio"):
        name = "_postpress_client_of_asyncio"
    else:
        pytest.fail("postpress_client needs pytest-asyncio, or anyio's plugin and its mark")
    client: Postpress = request.getfixturevalue(name)
    return client


@pytest.fixture
def postpress_virtual_time(postpress_sandbox: Sandbox, postpress_client: Postpress) -> VirtualTime:
    """Move the time of sandbox and client."""
    from postpress_async.testing.virtual_time import VirtualTime  # noqa: PLC0415 - as above

    return VirtualTime(postpress_sandbox, postpress_client)


# Two of the same: each plugin takes only fixtures that are marked its own way, and closing needs
# the test's event loop, which is the plugin's.


@_asyncio_fixture
async def _postpress_client_of_asyncio(
    request: pytest.FixtureRequest, postpress_sandbox: Sandbox
) -> AsyncIterator[Postpress]:
    async with _client(request, postpress_sandbox) as client:
        yield client


@pytest.fixture
async def _postpress_client_of_anyio(
    request: pytest.FixtureRequest, postpress_sandbox: Sandbox
) -> AsyncIterator[Postpress]:
    async with _client(request, postpress_sandbox) as client:
        yield client


def _client(request: pytest.FixtureRequest, sandbox: Sandbox) -> Postpress:
    from postpress_async.client import Postpress  # noqa: PLC0415 - as above

    # The key's own rate is real time, and the sandbox has none.
    options: dict[str, Any] = {"base_url": sandbox.url, "clock": sandbox.clock, "key_rate": None}
    return Postpress(sandbox.api_key, **options | _options(request, "postpress_client"))


def _options(request: pytest.FixtureRequest, mark: str) -> dict[str, Any]:
    found = request.node.get_closest_marker(mark)
    return {} if found is None else dict(found.kwargs)
