"""15 MB pass through in 2 MB, and a list of any length in its pages."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from typing import Any

import pytest

from postpress_async import Chat
from postpress_async.models.decoding import PageReader
from postpress_async.pagination import Paginator

SIZE = 15 * 2**20
ABOVE_IDLE = 2 * 2**20

# In a process of its own, once small to load what there is to load, then large: the peak of what
# Python holds, and of what the system gave (whose pages and allocator add some slack).
CLIENT = """
import asyncio, gc, sys, tracemalloc
from pathlib import Path
from postpress_async import File, Limits, Postpress

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

async def main(url, what, path):
    async with Postpress("k", base_url=url, limits=Limits.none(), key_rate=None) as client:
        async def up(source):
            await client.messages.send(chat_id="c", text="x", account_id="a", attachments=[source])

        async def pieces(path):
            with open(path, "rb") as file:
                while block := file.read(2**16):
                    yield block

        async def go(path):
            if what == "path":
                await up(path)
            elif what == "object":
                with path.open("rb") as file:
                    await up(file)
            elif what == "iterator":
                await up(File(pieces(path), name="x"))
            else:
                async with client.messages.attachment("m", path.name) as download:
                    if what == "save":
                        await download.save(path.with_suffix(".saved"))
                    else:
                        async for _ in download:
                            pass

        await go(path.with_name("small"))
        gc.collect()
        idle = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        await go(path)
        rss = resident("VmHWM") - idle
        tracemalloc.start()
        await go(path)
        print(tracemalloc.get_traced_memory()[1], rss)

asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
"""


async def service(c: Any) -> None:
    """Swallow what is posted, and hand out files of the size of their names."""
    while True:
        await c.head()
        head, _, _ = bytes(c.buffer).partition(b"\r\n\r\n")
        target = head.split(b" ")[1].decode()
        if head.startswith(b"POST"):
            while not c.buffer.endswith(b"--\r\n") and not c.buffer.endswith(b"0\r\n\r\n"):
                del c.buffer[:-64]
                await c._more()
            c.buffer.clear()
            c.answer(200, b'{"object":"MessageSent","message_id":"m"}')
        else:
            del c.buffer[: len(head) + 4]
            c.answer(200, bytes(1000 if target.endswith("small") else SIZE), kind="video/mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("what", ["path", "object", "iterator", "walk", "save"])
async def test_fifteen_megabytes_pass_through_in_two(serve, tmp_path, what):
    raw = await serve(service)
    for name, size in (("small", 1000), ("big", SIZE - 1000)):
        (tmp_path / name).write_bytes(bytes(size))
    client = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", CLIENT, raw.url, what, str(tmp_path / "big")],
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await client.communicate()
    traced, resident = map(int, out.split())
    assert traced <= ABOVE_IDLE
    assert resident <= 2 * ABOVE_IDLE


async def test_a_hundred_thousand_items_in_flat_memory():
    reader: PageReader[Chat] = PageReader(Chat)
    rows = ",".join(f'{{"object":"Chat","id":"c{n}","name":"{n:050}"}}' for n in range(250))
    highest: list[int] = []

    async def fetch(cursor: str | None) -> Any:
        number = int(cursor or 0)
        if number % 50 == 0:
            highest.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
        following = f'"{number + 1}"' if number < 399 else "null"
        return reader.read(f'{{"items":[{rows}],"cursor":{following}}}'.encode())

    gc.collect()
    tracemalloc.start()
    count = 0
    async for _ in Paginator(fetch, None):
        count += 1
    tracemalloc.stop()
    assert count == 100_000
    assert max(highest[2:]) - highest[1] < 50_000


async def test_a_list_that_is_left_leaves_nothing(serve, talk):
    page = b'{"object":"ChatList","items":[{"id":"1"},{"id":"2"}],"cursor":"c%d"}'

    async def pages(c: Any) -> None:
        while True:
            await c.request()
            c.answer(200, page % len(c.server.seen))

    raw = await serve(pages)
    talker = talk(raw)
    tasks = len(asyncio.all_tasks())
    for leave in ("break", "aclose", "drop"):
        walk = aiter(talker.client.chats.list())
        async for _ in walk:
            break
        if leave == "aclose":
            await walk.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(walk)
        del walk
        gc.collect()
        assert len(asyncio.all_tasks()) <= tasks + 1  # the first one's connection
        talker.nothing_is_held()
