"""A process that looks up profiles as fast as the shared counts let it; killed by its test."""

import asyncio
import sys

from postpress_async import Limit, Limits, Postpress, PostpressError

LIMITS = Limits.none().add(Limit("profile", 6, per=2.0), Limit("profile", 30, per=60.0))


async def main(url, key, state, *accounts):
    made = Postpress(key, base_url=url, state=state, limits=LIMITS, max_wait=600, key_rate=None)

    async def work(account):
        while True:
            try:
                await made.users.get("jordan-walke", account_id=account)
                print("one more", flush=True)  # noqa: T201 - what its test waits for
            except PostpressError as error:
                print(error, file=sys.stderr)  # noqa: T201 - seen where the test fails
                await asyncio.sleep(0.05)

    async with made, asyncio.TaskGroup() as group:
        for account in accounts:
            group.create_task(work(account))
            group.create_task(work(account))


asyncio.run(main(*sys.argv[1:]))
