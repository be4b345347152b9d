"""`postpress outbox run --do-not-contact FILE` goes by the file as it is at each item."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postpress_async import ConfigurationError, Limits, Postpress
from postpress_async.cli.sends.working import guard_of
from postpress_async.outbox import Item, Outbox, Send

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "blocked.txt"
    path.write_text("lead-0\n")
    return path


async def goes(file, *names):
    """Tell of each name, after what is done to the file before it, whether an item to it may go."""
    told = []
    async with Postpress("a-key") as client:
        guard = guard_of(blocked=file, stop_replied=False)(client)
        for change, name in names:
            change()
            item = Item(
                id="i", key="i", kind="start_chat", account_id="acc_1", action="first_message",
                state="queued", recipient=name, created_at=LONG_AGO, changed_at=LONG_AGO,
            )  # fmt: skip
            try:
                told.append(isinstance(await guard(item), Send))
            except ConfigurationError as error:
                told.append(str(error))
    return told


def test_a_name_that_is_added_while_a_worker_runs_counts_at_once(served, account, tmp_path, file):
    linkedin, url = account("LINKEDIN"), f"sqlite:///{tmp_path / 'o.db'}"

    async def work():
        async with Postpress(limits=Limits.none()) as client:
            guard = guard_of(blocked=file, stop_replied=False)(client)
            async with Outbox(client, url, before_send=guard) as outbox:
                changes, stop = outbox.changes(here=True), asyncio.Event()
                running = asyncio.create_task(outbox.run(stop=stop))
                states = []
                for name in ("lead-1", "lead-2"):
                    with file.open("a") as opted_out:
                        opted_out.write(f"{name.upper()}\n" if name == "lead-2" else "")
                    await outbox.message(
                        account_id=linkedin["id"], chat_id=linkedin["chats"][0], text="Hi",
                        recipient=name,
                    )  # fmt: skip
                    async for item in changes:
                        if item.is_over:
                            states.append(item.state)
                            break
                stop.set()
                await running
                return states

    assert asyncio.run(work()) == ["sent", "cancelled"]


def test_each_change_of_the_file_counts(file):
    def same_size_and_time():
        before = file.stat()
        file.write_text("lead-1\n")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def replaced():
        (file.parent / "new").write_text("lead-2\nlead-3")
        (file.parent / "new").replace(file)

    steps = [(lambda: None, "lead-0"), (same_size_and_time, "lead-1"), (lambda: None, "lead-0")]
    steps += [(replaced, "lead-3"), (lambda: None, "lead-1")]
    told = asyncio.run(goes(file, *steps))
    assert told == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda file: file.unlink(), "cannot be read: No such file or directory"),
        (lambda file: file.write_text(" \n\n"), "has no names: it may be half written"),
        (lambda file: file.write_bytes(b"lead-1\n\xff\n"), "cannot be read: it is not UTF-8"),
    ],
)
def test_nothing_goes_while_it_cannot_be_read_or_names_nobody(file, change, why):
    steps = (lambda: None, lambda: change(file), lambda: None, lambda: file.write_text("lead-9"))
    first, second, third, last = asyncio.run(goes(file, *((step, "lead-5") for step in steps)))
    assert (first, last) == (True, True)
    assert second == third
    assert second.startswith(f"--do-not-contact {file}: {why}")


@pytest.mark.parametrize("said", [b"", b"\xef\xbb\xbf \n", b"\xff", None])
def test_a_worker_does_not_begin_with_such_a_file(run, served, tmp_path, said):
    path = tmp_path / "names.txt"
    if said is not None:
        path.write_bytes(said)
    ran = run(
        "outbox", "run", "--until-empty", "--do-not-contact", str(path),
        "--outbox", f"sqlite:///{tmp_path / 'o.db'}", "--state", f"sqlite:///{tmp_path / 'c.db'}",
    )  # fmt: skip
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"postpress: --do-not-contact {path}: ")


def test_what_can_be_read_only_once_is_read_once():
    read, write = os.pipe()
    os.write(write, b"lead-0\n")
    os.close(write)
    names = ((lambda: None, "lead-0"), (lambda: None, "lead-1"), (lambda: None, "lead-0"))
    try:
        assert asyncio.run(goes(Path(f"/dev/fd/{read}"), *names)) == [False, True, False]
    finally:
        os.close(read)
