"""A cluster: any node's address will do, and the node that has the keys is judged."""

import asyncio
import re

from postpress_async.storage.redis.health import health


async def until(answer):
    async with asyncio.timeout(30):
        while not answer():  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.02)


def is_up(node):
    return bool(re.search(r"cluster_state\W+(b')?ok\b", str(node.ask("CLUSTER", "INFO"))))


async def found(url):
    return {one.name: one for one in await health(url)}


# One test, since nodes take seconds until they know each other.
async def test_a_clusters_node_is_found_and_judged_that_has_the_keys(
    valkeys, open_url, works, caplog
):
    lasts, forgets, replica = nodes = [
        valkeys(port=True, cluster_enabled="yes", aof=aof).start() for aof in (True, False, True)
    ]
    lasts.ask("CLUSTER", "ADDSLOTS", *range(8001))  # which 6.2 knows as well
    forgets.ask("CLUSTER", "ADDSLOTS", *range(8001, 16384))
    for node in (lasts, replica):
        forgets.ask("CLUSTER", "MEET", "127.0.0.1", node.port)
    await until(lambda: all(map(is_up, nodes)))
    replica.ask("CLUSTER", "REPLICATE", forgets.ask("CLUSTER", "MYID").decode())
    replica.catch_up(forgets)

    for prefix, has in [("a", forgets), ("b", lasts), ("c", lasts)]:
        for n, node in enumerate(nodes):
            caplog.clear()
            url = f"{node.tcp}?prefix={prefix}"
            assert await open_url(url).step(works.add()) == n + 1
            other = f"127.0.0.1:{has.port}"
            where = node.tcp if has is node else f"{node.tcp}, node {other}"
            warned = [f"{where}: appendonly is off: a restart forgets counts: set appendonly yes"]
            assert caplog.messages == (warned if has is forgets else [])
            looked = await found(url)
            assert looked["appendonly"].level == ("warning" if has is forgets else "ok")
            assert ("appendfsync" in looked) == (has is lasts)
            assert ("replicas" in looked) == (has is forgets)
            assert {looked[name].level for name in ("role", "scripting", "epoch")} == {"ok"}
            assert ("cluster" in looked) == (has is not node)
            assert has is node or f"{other} has the keys" in looked["cluster"].said
