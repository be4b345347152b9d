"""One of many processes: add one to a key, again and again, and print each sum once it is kept."""

import asyncio
import sys

from postpress_async.storage.sqlite.images import SqliteImages


class Add:
    def __init__(self, key):
        self.keys = (key,)

    def run(self, images, now):
        total = int(images[self.keys[0]] or b"0") + 1
        return {self.keys[0]: b"%d" % total}, total


async def main(path, key, count, at_once):
    images = SqliteImages(path)

    async def some(times):
        for _ in range(times):
            print(await images.step(Add(key)), flush=True)  # noqa: T201 - the parent reads it

    await asyncio.gather(*(some(count // at_once) for _ in range(at_once)))
    await images.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
