"""Let one worker meet its fate at its first step, its second, and so on; another one goes on.

A step is any touch of the world: a statement to the store before and after it is carried out, a
request before its first byte, with its answer under way, when the answer is there, each end of a
wait. So every crash point of the protocol is among them, the named ones and those between.

Or one question to the store after the other fails, before or after it was carried out, and where
the disk is full, or a server starts again, all others fail for a while; or one write after the
other is late, and arrives when its sender has long given up: also where that was killed, and the
machine's clock set hours ahead; or who goes on gives its own requests a fifth of the time.

    python tests/campaign/crashes.py --fate kill
    python tests/campaign/crashes.py --fate stop --leases
"""

import argparse
import asyncio
import json
import sys

from judging import judged
from line import EVER, LONGEST
from simulation import broken
from story import Story, told
from weaker import WEAKER, weaken

HOURS_AHEAD = 3
FATES = {
    "kill": lambda step: {"fate": ("kill", step)},
    "stop": lambda step: {"fate": ("stop", step)},
    "before": lambda step: {"failing": ("before", step)},
    "after": lambda step: {"failing": ("after", step)},
    "full": lambda step: {"failing": ("full", step)},
    "restart": lambda step: {"failing": ("restart", step)},
    "late": lambda step: {"late": step},
    "ahead": lambda step: {"late": step},
    "longer": lambda step: {"late": step},
}


class Scripted(Story):
    """A story in which all goes well, but for one fate."""

    def __init__(self, directory, fate, step):
        super().__init__(7, directory, wide=False)
        self.trouble = self.away = self.minds.share = 0.0
        self.sandbox.faults([])
        self.sandbox.limits([])
        self.fate, self.step = FATES[fate](step), step
        self.until_empty = True
        self.totals, self.holding, self.parted = (60.0,), 0.0, False
        self.workers, self.slow = 1, 0.0
        self.steps_ahead, self.longer = fate == "ahead", fate == "longer"

    def late(self, process):
        """Kill who sent it; perhaps have hours pass by the clock alone."""
        if self.steps_ahead:
            self.ahead = HOURS_AHEAD * 3_600.0
        if self.steps_ahead or self.longer:
            process.kill()
            process.met.set()

    async def live(self):
        """Live through it; return what became of the items, and whether the fate came."""
        store = self.open()
        await store.add(self.items.more(5))
        self.totals = (LONGEST if self.longer else 60.0,)
        self.start(0, **self.fate)
        process, _, _, task = self.running[0]
        await asyncio.wait(
            {task, met := asyncio.ensure_future(process.met.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        met.cancel()
        line, seen = self.lines[0], self.flakies[0]
        counts = {"fate": process.steps, "failing": seen.calls, "late": line.writes}
        came = all(counts[what] >= self.step for what in self.fate)
        if process.dead:
            await self._kill(0)
        if process.met.is_set():
            self.totals = (60.0,)
            self.start(1)
        while self.running:
            for n in list(self.running):
                await self.running[n][3]
                await self._kill(n)
        await asyncio.sleep(EVER)  # until what is on its way has arrived
        ended = await judged(self.items, self.sandbox, store)
        return {**ended, "came": came, "quiet": True}


def main():
    """Try every step; end with 1 where one of them broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fate", choices=list(FATES), default="kill")
    parser.add_argument("--leases", action="store_true", help="tell who is dead, not locks")
    parser.add_argument("--weaken", choices=list(WEAKER), help="a part of the protocol to take out")
    options = parser.parse_args()
    if options.weaken is not None:
        weaken(options.weaken)
    wrong, step = {}, 0
    while True:
        step += 1
        ended = told(
            lambda directory, step=step: Scripted(directory, options.fate, step),
            certain=not options.leases,
        )
        if broken(ended):
            wrong[step] = ended
        if not ended.get("came", True) or len(wrong) > 20:
            break
    print(json.dumps({"fate": options.fate, "steps": step - 1, "wrong": wrong}))  # noqa: T201 - what it is for
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
