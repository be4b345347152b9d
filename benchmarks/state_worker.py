"""One of many processes that share a store: reserve and give back, and say how it went.

`python state_worker.py <url> <first account> <accounts> <at once>`; prints `ready`, waits for a
line with the number of seconds, and prints JSON: reservations, seconds, CPU, latencies in ms.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from contestants.ours import three_windows

from postpress_async.limits import DONE
from postpress_async.scheduler.mending import mend
from postpress_async.scheduler.rulebook import Rulebook
from postpress_async.scheduler.shelf import Shelf
from postpress_async.scheduler.steps import Ask, Outcome, Step
from postpress_async.storage.opening import open_images


class Reserver:
    """Ask for one slot at a time in each account, giving back the one before."""

    def __init__(self, url: str, accounts: list[str]) -> None:
        self.images = open_images(url, mend=mend)
        self.accounts = accounts
        self.latencies: list[float] = []
        self._shelf = Shelf(Rulebook(three_windows()), random.random)
        self._own = f"{random.getrandbits(32):08x}"
        self._before: dict[str, str] = {}
        self._serial = 0

    def ask(self, account: str) -> tuple[str, Step]:
        """Return the step that gives back and asks, and the name of what it asks for."""
        self._serial += 1
        reservation = f"{self._own}:{self._serial}"
        before = self._before.pop(account, None)
        ask = Ask(
            reservation=reservation, action="profile", cost=1, reply=False, head=True, fresh=True,
            patience=60.0, ahead=0,
        )  # fmt: skip
        reports = [(before, DONE)] if before is not None else []
        step = Step(
            self._shelf, account, asks=[ask], reports=reports, lease=180.0, room=1, own=self._own
        )
        return reservation, step

    def see(self, account: str, reservation: str, outcome: Outcome) -> None:
        """See that it was granted, and keep it."""
        if reservation not in outcome.granted:
            raise RuntimeError(f"not granted: {outcome}")
        self._before[account] = reservation

    async def reserve(self, account: str) -> None:
        """Give back, ask, and see that it was granted."""
        reservation, step = self.ask(account)
        start = time.perf_counter()
        outcome = await self.images.step(step)
        self.latencies.append(time.perf_counter() - start)
        self.see(account, reservation, outcome)

    async def run(self, seconds: float, at_once: int) -> None:
        """Reserve for so long, in so many tasks with accounts of their own."""
        until = time.monotonic() + seconds

        async def some(accounts: list[str]) -> None:
            while time.monotonic() < until:
                await self.reserve(random.choice(accounts))

        shares = [self.accounts[n::at_once] or self.accounts for n in range(at_once)]
        await asyncio.gather(*map(some, shares))


async def main(url: str, first: int, number: int, at_once: int) -> None:
    reserver = Reserver(url, [f"acc_{first + n}" for n in range(number)])
    await reserver.run(0.3, at_once)
    reserver.latencies.clear()
    print("ready", flush=True)
    seconds = float(await asyncio.to_thread(sys.stdin.readline))
    start, cpu = time.perf_counter(), time.process_time()
    await reserver.run(seconds, at_once)
    said = {
        "reservations": len(reserver.latencies),
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "latencies": [round(one * 1e3, 3) for one in reserver.latencies],
    }
    await reserver.images.aclose()
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
