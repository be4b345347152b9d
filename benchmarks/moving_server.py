"""A server for what is long: 400 pages of a list, and 15 MB up or down. Prints its port."""

from __future__ import annotations

import asyncio
import sys

from harness import on_cpu, settled_allocator
from moving import BYTES, PAGES
from payloads import messages_page

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
_SENT = b'{"object":"MessageSent","message_id":"m1"}'
_FILE = bytes(BYTES)


def page(cursor: int) -> bytes:
    """Return a page that names the next one; its rows are the same on each."""
    rows = messages_page().rpartition(b'"cursor":')[0]
    return rows + (b'"cursor":"%d"}' % (cursor + 1) if cursor + 1 < PAGES else b'"cursor":null}')


class Canned(asyncio.Protocol):
    """Answer when a request is whole; throw away what it carries."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""
        self.missing = 0

    def data_received(self, data: bytes) -> None:
        if not self.missing:
            self.head += data
            if (end := self.head.find(b"\r\n\r\n")) < 0:
                return
            head, data = self.head[:end].lower(), self.head[end + 4 :]
            self.target, self.head = self.head.split(b" ", 2)[1], b""
            length = head.partition(b"content-length:")[2].partition(b"\r")[0]
            self.missing = int(length or 0)
        self.missing -= len(data)
        if not self.missing:
            self.answer()

    def answer(self) -> None:
        path, _, query = self.target.partition(b"?")
        kind, body = b"application/json", _SENT
        if b"/attachments/" in path:
            kind, body = b"application/octet-stream", _FILE
        elif b"cursor=" in query:
            body = page(int(query.partition(b"cursor=")[2]))
        elif b"limit=" in query:
            body = page(0)
        self.transport.write(_HEAD % (kind, len(body)))
        self.transport.write(body)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the parent goes


if __name__ == "__main__":
    on_cpu(-1)
    settled_allocator()
    asyncio.run(serve())
