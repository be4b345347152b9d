"""The leanest server that all contestants can share: canned answers over kept connections.

Run as a process of its own, so that its CPU is in nobody's figures; prints its port.
"""

from __future__ import annotations

import asyncio
import sys

from harness import on_cpu, settled_allocator
from payloads import IDENTIFIERS, body

_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Date: Fri, 01 May 2026 10:00:00 GMT\r\n"
    b"X-Request-Id: 0b9c2f6e8d1a4c3f9e7b\r\n"
    b"Cache-Control: no-store\r\n"
    b"Connection: keep-alive\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
ANSWERS = {
    name.encode(): _HEAD % (len(body(kind)), body(kind)) for kind, name in IDENTIFIERS.items()
}
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Canned(asyncio.Protocol):
    """Answer each request by the last segment of its path, whatever stands before it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            target = self.buffer[: self.buffer.index(b"\r\n")].split(b" ", 2)[1]
            self.buffer = self.buffer[end + 4 :]
            name = target.partition(b"?")[0].rstrip(b"/").rpartition(b"/")[2]
            self.transport.write(ANSWERS.get(name, _NOT_FOUND))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the parent goes


if __name__ == "__main__":
    on_cpu(-1)
    settled_allocator()
    asyncio.run(serve())
