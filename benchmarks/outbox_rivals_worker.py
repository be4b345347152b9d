"""Workers of `outbox_rivals.py`: a loop with retries, and a task queue with retries.

Both are written as one would write them: a time-out, five tries, `Retry-After` heeded, an item
marked as done when the service has said yes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from typing import Any

import aiohttp
import procrastinate

TRIES = 5


class TryAgainError(Exception):
    """It did not go, or nobody knows."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.seconds = seconds


async def send(session: aiohttp.ClientSession, told: dict[str, Any], chat: str, text: str) -> None:
    """Send one message, or raise."""
    url, key = f"{told['url']}/v1/chats/{chat}/messages", told["key"]
    try:
        async with session.post(url, data={"text": text}, headers={"X-API-KEY": key}) as answer:
            if answer.status == 429:
                raise TryAgainError(float(answer.headers.get("Retry-After", "1")))
            if answer.status >= 500:
                raise TryAgainError
            answer.raise_for_status()
            await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise TryAgainError from error


def session_of(told: dict[str, Any]) -> aiohttp.ClientSession:
    """Return a session whose time-out is the outbox's."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=told["total"]))


async def loop(told: dict[str, Any], mine: int) -> None:
    """Send what is not done, chat by chat, and mark it."""
    done = sqlite3.connect(told["file"], isolation_level=None, timeout=30)

    async def chat_of(chat: str, session: aiohttp.ClientSession) -> None:
        rows = done.execute("SELECT text FROM items WHERE chat = ? AND NOT done ORDER BY 1", [chat])
        for (text,) in rows.fetchall():
            for number in range(TRIES):
                try:
                    await send(session, told, chat, text)
                    break
                except TryAgainError as again:
                    seconds = 2.0**number if again.seconds is None else again.seconds
                    await asyncio.sleep(seconds / told["speed"])
            else:
                done.execute("UPDATE items SET failed = 1 WHERE text = ?", [text])
            done.execute("UPDATE items SET done = 1 WHERE text = ?", [text])

    async with session_of(told) as session, asyncio.TaskGroup() as group:
        for chat in told["chats"][mine :: told["workers"]]:
            group.create_task(chat_of(chat, session))
        group.create_task(asyncio.sleep(3_600))  # killed at the end


def queue_of(url: str) -> procrastinate.App:
    """Return a task queue with one task: send a message; retried, one at a time for each chat."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="send", retry=procrastinate.RetryStrategy(max_attempts=TRIES, wait=1))
    async def send_it(chat: str, text: str) -> None:
        told, session = send_it.told, send_it.session
        try:
            await send(session, told, chat, text)
        except TryAgainError as again:
            if again.seconds is not None:
                await asyncio.sleep(again.seconds / told["speed"])
            raise

    return app


async def tasks(told: dict[str, Any], mine: int) -> None:
    """Work on the queue, and retry what dead workers left, as its guide says."""
    app = queue_of(told["queue"])
    app.tasks["send"].told = told

    async def rescue() -> None:
        while True:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=1.0):
                await app.job_manager.retry_job(job)
            await asyncio.sleep(0.5)

    async with app.open_async(), session_of(told) as session:
        app.tasks["send"].session = session
        rescuing = asyncio.create_task(rescue())
        await app.run_worker_async(
            name=f"{mine}-{os.getpid()}", concurrency=100, install_signal_handlers=False,
            update_heartbeat_interval=0.25, stalled_worker_timeout=1.0,
            fetch_job_polling_interval=0.25,
        )  # fmt: skip
        rescuing.cancel()


def main() -> None:
    told = json.loads(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            sys.stdin.close()
            with contextlib.suppress(BaseException):
                asyncio.run({"loop": loop, "tasks": tasks}[told["way"]](told, int(line)))
            os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
