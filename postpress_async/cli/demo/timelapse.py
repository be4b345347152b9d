"""Skipping the hours in which nothing happens.

All that is paced lives on the sandbox's clock: lanes, cool-downs, back-off and the hidden limits.
Whenever the client has been silent for a moment, the clock jumps to whatever it waits for next. A
jump while a request is under way is safe: its slot is held until its answer, and counts from then.
Stalls and time-outs stay real.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.sandbox import SandboxClock

_LOOK_EVERY: Final = 0.004
_SILENCE: Final = 0.012
_FURTHER: Final = 0.5  # what is due within this much more goes with it: fewer jumps


async def skip_silences(clock: SandboxClock, last_heard: Callable[[], float]) -> None:
    """Run beside the client until cancelled.

    Args:
        clock: what to push.
        last_heard: the loop's time at which the client last did something.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if loop.time() - last_heard() < _SILENCE:
            continue
        due = clock.next_due()
        now = clock.monotonic()
        if due is not None and due > now:
            clock.advance(due - now + _FURTHER)
