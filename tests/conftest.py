"""What every test shares."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is slow, not wrong: no example fails for its time alone.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", parent=settings.get_profile("calm"), max_examples=20)
settings.register_profile("long", parent=settings.get_profile("calm"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "calm"))


def pytest_configure():
    # looptime asks for the current loop before each test, also a synchronous one; without this the
    # policy would make one for it that nobody closes.
    asyncio.set_event_loop(None)


def pytest_itemcollected(item):
    # In told time only timers move anything: where no callback is ready, none will be. looptime
    # turns its loop 42 times before each jump nevertheless, and most of a test's time went there.
    if item.get_closest_marker("looptime"):
        item.add_marker(pytest.mark.looptime(noop_cycles=0))
