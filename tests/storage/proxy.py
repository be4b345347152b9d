"""A stretch of network before a server, which may be slow, narrow, cut or lead elsewhere."""

import asyncio
import random
from contextlib import suppress


class Proxy:
    """Pass bytes on to a port, until told to do worse.

    Args:
        port: where they go to.
        form: the URL of a store, with `{}` in place of the proxy's own port.
    """

    def __init__(self, port, form):
        self.target = port
        self.form = form
        self.cut_after = None  # so many bytes of answers, all connections are cut
        self.connections = 0
        self.late = 0.0  # seconds by which each answer comes late
        self.late_asks = 0.0  # the same for what is asked
        self.which = b""  # … of it, what holds this
        self.jitter = 0.0  # … and at most so many more, each way, by chance
        self.rate = None  # bytes a second, each way
        self.passed = asyncio.Event()  # set when something late has arrived
        self.writers = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self.server.close()
        self.cut()
        await self.server.wait_closed()
        await asyncio.sleep(0.01)

    @property
    def url(self):
        return self.form.format(self.port)

    def cut(self):
        """Cut all connections."""
        for writer in self.writers:
            writer.transport.abort()

    async def _accept(self, reader, writer):
        self.connections += 1
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, there}
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer, True))
        writer.transport.abort()
        there.transport.abort()
        self.writers -= {writer, there}

    async def _pass(self, reader, writer, answers=False):
        while data := await reader.read(1 << 16):
            late = self.late if answers else self.late_asks * (self.which in data)
            late += random.random() * self.jitter
            if self.rate is not None:
                late += len(data) / self.rate
            if late:
                await asyncio.sleep(late)
            if answers and self.cut_after is not None:
                data = data[: self.cut_after]
                self.cut_after -= len(data)
            writer.write(data)
            await writer.drain()
            if late:
                self.passed.set()
            if answers and self.cut_after == 0:
                self.cut_after = None
                self.cut()
                return
        writer.write_eof()  # what was written still gets there, and is answered
