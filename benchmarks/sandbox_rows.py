"""Rows of the sandbox: the CPU of an answer, a world of a million messages, large files.

The client is as raw as can be and in another process: what counts is the server's own CPU.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from harness import HERE
from rows import Row, alone, figure

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "sandbox"
CLIENTS = 10
RESETS = 3
PER_ANSWER = 1e6 / 3_000  # microseconds: 3,000 answers a second on one core
MILLION = {"accounts": {"LINKEDIN": 1_000}, "chats": 20, "messages": 50}
SMALLER = {"accounts": {"LINKEDIN": 100}, "chats": 20, "messages": 50}
MB = 2**20
READS = (
    ("users/{identifier}", "/users/{person}?account_id={account}"),
    (
        "users/{identifier}, all sections",
        "/users/{person}?account_id={account}&linkedin_sections=*",
    ),
    ("chats of an account", "/chats?account_id={account}"),
    ("chats, all 96", "/chats"),
    ("messages of a chat", "/chats/{chat}/messages"),
    ("messages of an account, 100", "/messages?account_id={account}"),
    ("messages of all accounts, 100", "/messages"),
    ("messages of all accounts, 250", "/messages?limit=250"),
    ("attendees, 100", "/chat_attendees"),
    ("relations", "/users/relations?account_id={account}"),
)


class Server:
    """A sandbox in its own process, and what it says of itself."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        self.key: str = ready["key"]
        address = urlsplit(ready["url"])
        assert address.port is not None
        self.port: int = address.port

    def tells(self, what: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nX-API-KEY: {self.key}\r\n"
        )
        if body:
            head += f"Content-Type: {kind or 'application/json'}\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body


@contextmanager
def served() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "sandbox_server.py")],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(process)
    finally:
        process.communicate()


async def _ask(server: Server, request: bytes, number: int = 1) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**24)
    body = b""
    for _ in range(number):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith((b"http/1.1 200", b"http/1.1 201")):
            raise RuntimeError(head.decode())
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length))
    writer.close()
    return body


def _json(server: Server, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    raw = b"" if body is None else json.dumps(body).encode()
    return json.loads(asyncio.run(_ask(server, server.request(method, path, raw))))


async def _round(server: Server, request: bytes, number: int) -> float:
    """Return the server's CPU seconds an answer."""
    before = server.tells("cpu")
    await asyncio.gather(*(_ask(server, request, number // CLIENTS) for _ in range(CLIENTS)))
    return (server.tells("cpu") - before) / (number // CLIENTS * CLIENTS)


def sandbox_rows(*, quick: bool) -> Iterator[Row]:
    with served() as server:
        yield from _throughput(server, rounds=3 if quick else 15, number=100 if quick else 1_000)
        yield from _files(server)
    with served() as server:
        yield from _million(server, quick=quick)


def _throughput(server: Server, *, rounds: int, number: int) -> Iterator[Row]:
    account = _json(server, "GET", "/_sandbox/world")["accounts"][0]
    names = {"account": account["id"], "chat": account["chats"][0], "person": account["people"][8]}
    requests = {
        f"GET {name}": server.request("GET", "/v1" + path.format(**names)) for name, path in READS
    }
    send = json.dumps({"text": "Hello"}).encode()
    path = "/v1/chats/{chat}/messages".format(**names)
    requests["POST a message"] = server.request("POST", path, send)
    times: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(rounds + 1):
        for name, request in requests.items():
            times[name].append(asyncio.run(_round(server, request, number)))
    for name, taken in times.items():
        lower, middle, upper = quantiles(taken[1:], n=4)
        row = alone(f"sandbox, {name}: CPU of the server", GROUP, middle, PER_ANSWER)
        spread = f"{1 / upper:,.0f} .. {1 / lower:,.0f} a second on one core"
        yield Row(**{**row.as_json(), "note": spread})


def _files(server: Server) -> Iterator[Row]:
    """Send 15 MB and fetch them again: neither is ever in memory as a whole."""
    account = _json(server, "GET", "/_sandbox/world")["accounts"][0]
    chat, before = account["chats"][0], server.tells("memory")
    start = b'--b\r\nContent-Disposition: form-data; name="attachments"; filename="a"\r\n\r\n'
    body = start + bytes(15 * MB) + b"\r\n--b--\r\n"
    request = server.request(
        "POST", f"/v1/chats/{chat}/messages", body, "multipart/form-data; boundary=b"
    )
    taken = [asyncio.run(_round(server, request, CLIENTS)) for _ in range(2)][-1]
    last = _json(server, "GET", f"/v1/chats/{chat}")["lastMessage"]
    file = last["attachments"][0]
    path = f"/v1/messages/{last['id']}/attachments/{quote(file['id'], safe='')}"
    if len(asyncio.run(_ask(server, server.request("GET", path)))) != 15 * MB:
        raise RuntimeError("the file did not come back")
    more = server.tells("memory") - before
    yield alone("sandbox, POST 15 MB: CPU of the server", GROUP, taken)
    note = f"{CLIENTS} uploads at once, then a download"
    yield figure("sandbox, memory for files of 15 MB", GROUP, more, "MB", 30, note=note)


def _million(server: Server, *, quick: bool) -> Iterator[Row]:
    size = SMALLER if quick else MILLION
    total = size["accounts"]["LINKEDIN"] * 1_000  # type: ignore[index]  # a dict of ours
    what = f"sandbox, {total:,} messages"
    request = server.request("POST", "/_sandbox/reset", json.dumps(size).encode())
    resets: list[float] = []
    answer, cpu = b"", server.tells("cpu")
    for _ in range(RESETS):
        start = time.perf_counter()
        answer = asyncio.run(_ask(server, request))
        resets.append(time.perf_counter() - start)
    spent = (server.tells("cpu") - cpu) / RESETS
    note = f"{spent:.2f} s of CPU; the answer names all chats and people, {len(answer) / MB:.0f} MB"
    yield figure(f"{what}: reset", GROUP, median(resets), "s", 1, note=note)
    account = json.loads(answer)["accounts"][-1]["id"]
    for name, path in (
        ("first page of an account", f"/v1/messages?account_id={account}"),
        ("first page of all", "/v1/messages"),
        ("first chats of all", "/v1/chats"),
    ):
        start = time.perf_counter()
        _json(server, "GET", path)
        yield figure(f"{what}: {name}", GROUP, time.perf_counter() - start, "s", 1)
    yield figure(f"{what}: memory before a walk", GROUP, server.tells("memory"), "MB", 1_500)
    cpu = server.tells("cpu")
    rows = asyncio.run(_walk(server))
    if rows != total:
        raise RuntimeError(f"{rows} messages of {total}")
    pages = (server.tells("cpu") - cpu) / (total / 250)
    yield alone(f"{what}: a page of 250 on a walk", GROUP, pages)
    yield figure(f"{what}: memory after it", GROUP, server.tells("memory"), "MB", 1_500)


async def _walk(server: Server) -> int:
    """Read all messages of all accounts; nothing but the cursor is decoded."""
    seen, more = 0, ""
    while True:
        body = await _ask(server, server.request("GET", f"/v1/messages?limit=250{more}"))
        seen += body.count(b'"object":"Message"')
        cursor = json.loads(b"{" + body[body.rindex(b'"cursor"') :])["cursor"]
        if cursor is None:
            return seen
        more = "&cursor=" + quote(cursor, safe="")
