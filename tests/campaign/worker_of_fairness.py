"""A process that takes slots of one account all the time; says how many it got, and how late."""

import asyncio
import json
import sys
import time

from postpress_async import Limit, Limits, Postpress, WaitTooLongError


async def main(state, amount, per, begin, *, end, callers):
    limits = Limits.none().add(Limit("profile", int(amount), per=float(per)))
    waits = []

    async def call(made):
        while (since := time.time()) < end:
            try:
                async with made.scheduler.slot("acc_1", "profile", max_wait=end - since):
                    waits.append(time.time() - since)
            except WaitTooLongError:
                return

    async with Postpress(
        "key", state=state, limits=limits, providers={"acc_1": "LINKEDIN"}, max_wait=3600
    ) as made:
        await made.scheduler.explain("acc_1", "profile")  # connected, before it counts
        await asyncio.sleep(begin - time.time())
        await asyncio.gather(*(call(made) for _ in range(int(callers))))
    print(json.dumps({"went": len(waits), "longest": max(waits, default=0.0)}))  # noqa: T201 - what it is for


state, amount, per, begin, end, callers = sys.argv[1:]
asyncio.run(main(state, amount, per, float(begin), end=float(end), callers=callers))
