"""A client over a scripted transport, and what it sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from postpress_async import CallStarted, Limits, Postpress
from postpress_async.testing import FakeTransport, problem, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from postpress_async.testing import FakeRequest

SAMPLES = Path(__file__).parents[2] / "samples"
PROVIDERS = {
    "acc_1": "LINKEDIN",
    "acc_wa": "WHATSAPP",
    "acc_ig": "INSTAGRAM",
    "acc_tg": "TELEGRAM",
    "acc_x": "TWITTER",
}


def sample(case: str) -> bytes:
    """Read one sample's bytes by the name of its case."""
    return (SAMPLES / case / "body.json").read_bytes()


def form_of(request: FakeRequest) -> list[tuple[str, str]]:
    """Return the texts of a form in order, repeated names included."""
    return [(name, content.decode()) for name, file, _, content in request._parts() if file is None]


@dataclass
class Talk:
    """A client, what it was told, and what it sent."""

    client: Postpress
    fake: FakeTransport
    events: list[Any] = field(default_factory=list)

    @property
    def request(self) -> FakeRequest:
        """The one request that was made."""
        (request,) = self.fake.requests
        return request

    @property
    def action(self) -> str:
        """What the one call counted as."""
        (started,) = (event for event in self.events if isinstance(event, CallStarted))
        return started.action


@pytest.fixture
async def talk() -> AsyncIterator[Callable[..., Talk]]:
    """Make clients that get these answers: samples by name, or whatever a fake transport takes."""
    made: list[Postpress] = []

    def make(*answers: Any, **options: Any) -> Talk:
        script = [reply(body=sample(one)) if isinstance(one, str) else one for one in answers]
        fake = FakeTransport(script)
        events: list[Any] = []
        options.setdefault("providers", PROVIDERS)
        options.setdefault("limits", Limits.none())
        client = Postpress("key", transport=fake, hooks=[events.append], key_rate=None, **options)
        made.append(client)
        return Talk(client, fake, events)

    yield make
    for client in made:
        await client.aclose()


class JumpingClock:
    """A clock whose timers ring at once, and which then shows their time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return 1.7e9 + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def call_at(self, when: float, wake: Callable[[], None]) -> Any:
        self.slept.append(when - self.now)

        def ring() -> None:
            self.now = max(self.now, when)
            wake()

        return asyncio.get_running_loop().call_soon(ring)


@pytest.fixture
def virtual_clock() -> JumpingClock:
    """A clock that waits for nobody."""
    return JumpingClock()


@pytest.fixture
def problem_of() -> Callable[..., Any]:
    """Answers that say no."""
    return problem
