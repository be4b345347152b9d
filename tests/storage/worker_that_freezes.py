"""A process that counts once, and stops itself (SIGSTOP) in the middle: `url where`.

`where` is `deciding`, inside of a step's work; or `sent`, when a server has been asked and before
its answer is read. It says the sum that it came to.
"""

import asyncio
import signal
import sys
import threading

from postpress_async.storage.opening import open_images
from postpress_async.storage.redis import connection


class Add:
    """Add one, and stop in the midst of it the first time."""

    keys = ("k",)

    def __init__(self, *, stops):
        self._stops = stops

    def run(self, images, now):
        total = int((images["k"] or b"0").split()[0]) + 1
        if self._stops:
            self._stops = False
            freeze()
        return {"k": b"%d " % total}, total


def freeze():
    """Stop all of the process; this thread before it does anything more."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def freeze_before_answers():
    """Stop before the next answer of a server is read."""
    from psycopg import waiting  # noqa: PLC0415 - not before it is asked for

    told = []

    def once():
        if not told:
            told.append(True)
            freeze()

    read, wait = connection.Connection.read_response, waiting.wait_async

    def read_response(self, **options):
        once()
        return read(self, **options)

    def wait_async(*args, **options):
        once()
        return wait(*args, **options)

    connection.UnixDomainSocketConnection.read_response = read_response
    waiting.wait_async = wait_async


async def main(url, where):
    images = open_images(url)
    await images.step(Add(stops=False))  # it is connected, and knows what there is
    if where == "sent":
        freeze_before_answers()
    told = await images.step(Add(stops=where == "deciding"))
    print(told)  # noqa: T201 - the parent reads it
    await images.aclose()


asyncio.run(main(*sys.argv[1:]))
