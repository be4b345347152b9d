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
    from postpress_async.client import Postpress
    from postpress_async.sandbox import SandboxClock

    from .watch import Watch

_LOOK_EVERY: Final = 0.004
_SILENCE: Final = 0.012
_FURTHER: Final = 0.5  # what is due within this much more goes with it: fewer jumps
# No further than this while a request is under way: a stall of a second must not look like a day.
_STEP: Final = 120.0


async def skip_silences(client: Postpress, clock: SandboxClock, watch: Watch) -> None:
    """Run beside the client until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if loop.time() - watch.last < _SILENCE:
            continue
        due = clock.next_due()
        wait = 0.0 if due is None else due - clock.monotonic()
        if wait > 0 and (wait <= _STEP or not await _under_way(client)):
            clock.advance(wait + _FURTHER)


async def _under_way(client: Postpress) -> bool:
    return any(lane.in_flight for lane in await client.scheduler.snapshot())
