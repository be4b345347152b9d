"""A process that looks up profiles as fast as the shared counts let it; killed by its campaign."""

import asyncio
import contextlib
import json
import sys

from postpress_async import Limit, Limits, Postpress, PostpressError


async def main(url, key, state, caps, *accounts):
    limits = Limits.none().add(
        *(Limit("profile", amount, per=per) for amount, per in json.loads(caps))
    )
    made = Postpress(
        key, base_url=url, state=state, limits=limits, max_wait=3600, key_rate=None,
        providers=dict.fromkeys(accounts, "LINKEDIN"),
    )  # fmt: skip

    async def work(account):
        while True:
            try:
                await made.users.get("jordan-walke", account_id=account)
            except PostpressError as error:
                line = f"{type(error).__name__}: {error}\n"  # at once: others write there too
                print(line, end="", flush=True)  # noqa: T201 - what it is for
                await asyncio.sleep(0.1)

    async with made, asyncio.TaskGroup() as group:
        for account in accounts:
            group.create_task(work(account))
            group.create_task(work(account))


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(*sys.argv[1:]))
