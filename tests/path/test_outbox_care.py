"""Looking after an outbox: how far it is, how it does, what is read out and cleared away."""

import asyncio
import csv
import gc
import json
import os
import sqlite3
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from postpress_async import ConfigurationError, File, Limit, Limits
from postpress_async.errors import OutboxConflictError, OutboxError, OutboxNotFoundError
from postpress_async.outbox import Outbox, contents, export_items
from postpress_async.storage.outbox.rows import Claimed, Finish

DAY = 86_400.0


@pytest.fixture
async def box(connect, url):
    async with connect() as client, Outbox(client, url) as outbox:
        yield outbox


async def work(outbox, **more):
    async with asyncio.timeout(30):
        await outbox.run(until_empty=True, **more)


async def until(ask, holds, *, sandbox=None, seconds=5.0):
    """Wait until what is asked for is as it should be, moving the clock where one is given."""
    async with asyncio.timeout(30):
        while not holds(found := await ask()):  # what is waited for knows no event
            if sandbox is not None:
                await sandbox.advance(seconds)
            await asyncio.sleep(0.01)
    return found


def put(outbox, account, n, **more):
    given = {"account_id": account["id"], "chat_id": account["chats"][n % 5], "text": f"Hi {n}"}
    return outbox.message(**given, key=f"k{n}", **more)


# -- how far, and how well ---------------------------------------------------------------------


async def test_progress_says_how_far_a_group_is_and_when_it_may_end(connect, url, account, sandbox):
    limits = Limits.none().add(Limit("message", 2, per="day"))
    async with connect(limits=limits) as client, Outbox(client, url) as outbox:
        assert (await outbox.progress()).share == 1.0
        for n in range(6):
            await put(outbox, account, n, group="spring", hold=n == 5)
        await put(outbox, account, 9)
        await outbox.cancel(id="k4")
        start = datetime.fromtimestamp(sandbox.clock.time(), UTC)
        seen = await outbox.progress(group="spring")
        assert (seen.total, seen.left, seen.cancelled, seen.share) == (6, 5, 1, 1 / 6)
        assert "2" in seen.limit
        assert seen.done_at - start >= timedelta(days=1)  # two today, two tomorrow
        assert (await outbox.progress()).total == 7
        running = asyncio.create_task(outbox.run())
        await until(outbox.counts, lambda counts: counts.get("sent") == 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        seen = await outbox.progress()
        assert (seen.sent, seen.left, seen.share) == (2, 4, 3 / 7)
        late = start + timedelta(days=30)
        await put(outbox, account, 10, group="late", not_before=late)
        assert (await outbox.progress(group="late")).done_at == late
        await outbox.cancel(group="late")
        assert (await outbox.progress(group="late")).done_at is None
        assert (await outbox.progress(account_id="acc_of_others")).total == 0


async def test_metrics_tell_how_it_does(connect, url, account, sandbox):
    async with connect() as client, Outbox(client, url) as outbox:
        empty = await outbox.metrics()
        assert set(empty.counts.values()) == {0}
        assert len(empty.counts) == 8
        for n in range(3):
            await put(outbox, account, n)
        await sandbox.advance(100.0)
        waiting = await outbox.metrics()
        assert (waiting.counts["queued"], waiting.sent, waiting.workers) == (3, 0, 0)
        assert waiting.oldest_due_seconds == pytest.approx(100.0, abs=5.0)
        sandbox.faults([{
            "route": "POST /chats/{chat_id}/messages", "effect": "reset", "stage": "after",
            "times": 1,
        }])  # fmt: skip
        running = asyncio.create_task(outbox.run())
        await until(outbox.metrics, lambda seen: seen.counts["unknown"] == 1 and seen.sent == 2)
        seen = await outbox.metrics()
        assert (seen.doubts, seen.workers, seen.attempts, seen.failed) == (1, 1, 3, 0)
        assert seen.sent_per_second == pytest.approx(2 / 60)
        assert seen.oldest_due_seconds == 0.0
        await until(outbox.counts, lambda counts: counts.get("sent") == 3, sandbox=sandbox)
        settled = await outbox.metrics()
        assert (settled.doubts, settled.sent, settled.oldest_unknown_seconds) == (1, 3, 0.0)
        await sandbox.advance(120.0)
        assert (await outbox.metrics()).sent_per_second == 0.0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_dead_letters_say_what_to_do(box, account, sandbox):
    sandbox.faults([{
        "route": "POST /chats/{chat_id}/messages", "effect": "status", "status": 403,
        "type": "insufficient_permissions", "times": 1,
    }])  # fmt: skip
    await put(box, account, 1)
    await put(box, account, 2, hold=True)
    await work(box)
    [dead] = [one async for one in box.list(state="failed")]
    assert dead.error
    assert "retry(id)" in dead.next_step
    [reason] = await box.explain("k1")
    assert (reason.kind, reason.next_step) == ("over", dead.next_step)
    assert dead.error in reason.reason
    assert (await box.get("k2")).next_step == "release(id) lets it go"
    assert (await box.retry("k1")).next_step is None
    await work(box)
    assert ((await box.get("k1")).state, (await box.get("k1")).next_step) == ("sent", None)
    await box.cancel(id="k2")
    await box.purge(older_than=0.0)
    assert "another key" in (await box.get("k2")).next_step


async def test_explain_counts_all_that_go_before_however_many_wait_in_a_chat(box, account, sandbox):
    later = datetime.fromtimestamp(sandbox.clock.time(), UTC) + timedelta(days=1)
    given = {"account_id": account["id"], "chat_id": account["chats"][0]}
    async with box.batch() as batch:  # more than two pages of the store, all behind what is due
        for n in range(2_001):
            await batch.message(**given, text="Later", key=f"later-{n}", not_before=later)
        for key in ("x", "y"):
            await batch.message(**given, text="Now", key=key)
        for n in range(150):
            await batch.message(**given, text="Next", key=f"next-{n}")
        await batch.message(**given, text="Last", key="last")
        early = later - timedelta(days=2)
        await batch.message(**given, text="First", key="first", not_before=early)
    x, first = await box.get("x"), await box.get("first")
    [reason] = await box.explain("y")
    assert (reason.kind, reason.item) == ("ahead", first.id)
    assert reason.reason.startswith("2 items")
    [reason] = await box.explain("last")
    assert reason.reason.startswith("153 items")
    await box.cancel(id="first")
    [reason] = await box.explain("y")
    assert (reason.item, reason.until) == (x.id, None)
    assert (await box.explain("x"))[0].kind == "nothing"


# -- what no database keeps --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["key", "group", "recipient"])
async def test_a_name_that_no_database_keeps_is_refused(box, account, name):
    with pytest.raises(ConfigurationError, match=name):
        await box.message(
            account_id=account["id"], chat_id=account["chats"][0], text="Hi",
            **{name: "lead\x0042"},
        )  # fmt: skip


async def test_an_error_that_no_database_keeps_is_written_without_it(box, account):
    item = await put(box, account, 1)
    store = box._store
    await store.enter("w")
    claimed = await store.claim("w", lease=60.0)
    ended = await store.finish(
        item.id, claimed.row.fence, Finish(state="failed", error="it said \x00no")
    )
    await store.leave("w")
    assert (ended.state, ended.error) == ("failed", "it said no")


# -- out of it ---------------------------------------------------------------------------------


async def test_items_are_written_with_what_became_of_them(box, account, tmp_path):
    for n in range(3):
        await put(box, account, n, group="=cmd|calc!A1", hold=n == 2, recipient="Ada\r\nL\u009b1m")
    await work(box)
    target = tmp_path / "items.csv"
    target.write_text("old")
    assert await export_items(box, target=target, state=["sent", "held"]) == 3
    assert target.stat().st_mode & 0o077 == 0
    said = target.read_text("utf-8")
    assert "Hi" not in said
    rows = list(csv.DictReader(said.splitlines(keepends=True)))
    assert [(row["key"], row["state"]) for row in rows] == [
        ("k0", "sent"), ("k1", "sent"), ("k2", "held")
    ]  # fmt: skip
    assert {row["group"] for row in rows} == {"'=cmd|calc!A1"}
    assert "\u009b" not in said
    assert rows[0]["result_id"]
    assert rows[2]["next_step"] == "release(id) lets it go"
    assert datetime.fromisoformat(rows[0]["changed_at"]).tzinfo is not None
    lines = tmp_path / "items.jsonl"
    assert await export_items(box, target=str(lines), text=True, group="=cmd|calc!A1") == 3
    told = [json.loads(line) for line in lines.read_text("ascii").splitlines()]
    assert [one["text"] for one in told] == ["Hi 0", "Hi 1", "Hi 2"]
    assert told[0]["chat_id"] == account["chats"][0]
    assert told[0]["group"] == "=cmd|calc!A1"  # as it is: nothing runs JSON
    assert sorted(one.name for one in tmp_path.iterdir() if "items" in one.name) == [
        "items.csv", "items.jsonl"
    ]  # fmt: skip


async def all_fail(outbox, said):
    """Let all of an outbox fail, with an error that quotes the id of each."""
    store = outbox._store
    await store.enter("w")
    while isinstance(claimed := await store.claim("w", lease=60.0), Claimed):
        row, content = claimed.row, contents.decode(claimed.row.body)
        names = ("to", "provider_id", "chat_id", "identifier")
        [whom] = [getattr(content, name) for name in names if hasattr(content, name)]
        error = f"422 invalid_recipient: {said} and {whom.upper()}; see its answer"
        await store.finish(row.id, row.fence, Finish(state="failed", error=error))
    await store.leave("w")


async def test_an_export_without_texts_names_nobody(box, accounts, tmp_path):
    whatsapp, linkedin, instagram = (accounts[one] for one in ("WHATSAPP", "LINKEDIN", "INSTAGRAM"))
    person, chat = linkedin["strangers"][0], linkedin["chats"][0]
    sender = {"account_id": linkedin["id"]}
    await box.start_chat(account_id=whatsapp["id"], to="+33612345678", text="Hi", key="first")
    await box.invite(**sender, provider_id=person, key="invite")
    await box.follow(account_id=instagram["id"], provider_id="somebody.else", key="follow")
    await box.message(**sender, chat_id=chat, text="Hi", key="named", recipient="lead-7")
    await box.profile("jordan-walke", accounts=[linkedin["id"]], key="look")
    to = "33612345678@s.whatsapp.net"
    await all_fail(box, f"{to} cannot be written to, nor +33 6 12 34 56 78, ada@example.org")

    async def told(name="items.jsonl", **more):
        assert await export_items(box, target=tmp_path / name, **more) == 5
        return (tmp_path / name).read_text()

    hidden = ("33612", "6 12", "@", person, "somebody", "jordan", chat)
    for said in (await told("items.csv"), await told()):
        assert [one for one in hidden if one.lower() in said.lower()] == []
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["recipient"] for row in rows] == [None, None, None, "lead-7", None]
    quoted = "422 invalid_recipient: … cannot be written to, nor …, … and …; see its answer"
    assert {row["error"] for row in rows} == {quoted}
    full = [json.loads(line) for line in (await told(text=True)).splitlines()]
    assert (full[0]["recipient"], to in full[0]["error"]) == (to, True)
    await box.purge(older_than=0)
    emptied = [json.loads(line)["error"] for line in (await told()).splitlines()]
    # Of a look that was emptied nobody can tell any more whom its error names.
    assert emptied == [quoted] * 4 + ["422 invalid_recipient"]


@pytest.mark.parametrize(
    "start",
    ["=", "+", "-", "@", "\t=", " =", "\r\n=", "\x07=", "\u202e=", "\ufeff\u00a0@", "\uff1d"],
)
async def test_no_cell_of_an_export_is_a_formula(box, account, tmp_path, start):
    await put(box, account, 1, group=f"{start}cmd|calc!A1", hold=True)
    await export_items(box, target=tmp_path / "items.csv")
    with (tmp_path / "items.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["group"].startswith("'")


async def test_lists_exports_and_changes_hold_no_files(box, account, tmp_path):
    """They say what items say, and how files are called; what is read of files is let go of."""
    megabyte = 2**20
    file = File(b"x" * megabyte, name="plan.pdf")
    tracemalloc.start()
    try:
        changes = box.changes(here=True)
        async with box.batch() as batch:
            for n in range(24):
                await batch.message(
                    account_id=account["id"], chat_id=account["chats"][0], text=f"Hi {n}",
                    attachments=[file], recipient=f"lead-{n}",
                )  # fmt: skip
        listed = [item async for item in box.list(page_size=15)]
        assert listed == list(batch.items)
        assert [await anext(changes) for _ in listed] == listed
        assert await box.get(listed[7].id) == listed[7]
        del batch
        gc.collect()  # older releases of psycopg leave what they put in to the collector
        tracemalloc.reset_peak()
        kept, _ = tracemalloc.get_traced_memory()
        assert [item async for item in box.list()] == listed
        target = tmp_path / "items.jsonl"
        assert await export_items(box, target=target, text=True) == 24
        assert await export_items(box, target=tmp_path / "items.csv") == 24
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 * megabyte
    assert most < 16 * megabyte, most
    last = json.loads(target.read_text().splitlines()[-1])
    assert (last["text"], last["file_names"]) == ("Hi 23", ["plan.pdf"])
    assert [listed[0].text, *listed[0].file_names] == ["Hi 0", "plan.pdf"]


async def test_an_export_that_cannot_be_leaves_what_was_there(box, account, tmp_path):
    await put(box, account, 1)
    with pytest.raises(ConfigurationError, match=r"\.csv nor \.jsonl"):
        await export_items(box, target=tmp_path / "items.txt")
    with pytest.raises(ConfigurationError, match="format"):
        await export_items(box, target=tmp_path / "items.txt", format="xlsx")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await export_items(box, target=tmp_path / "nowhere" / "items.csv")
    target = tmp_path / "items.csv"
    target.write_text("old")
    with pytest.raises(ConfigurationError, match="state"):
        await export_items(box, target=target, state="gone")
    assert target.read_text() == "old"
    assert not list(tmp_path.glob(".items*"))


# -- cleared away ------------------------------------------------------------------------------


async def test_of_who_is_forgotten_no_byte_stays_in_the_file(connect, accounts, tmp_path, sandbox):
    person = "ACoAACANARY42"
    account, url = accounts["LINKEDIN"]["id"], f"sqlite:///{tmp_path / 'box' / 'outbox.db'}"

    def everything():
        files = [one for one in (tmp_path / "box").rglob("*") if one.is_file()]
        return b"".join(one.read_bytes() for one in files)

    async with connect() as client, Outbox(client, url) as outbox:
        for n in range(12):
            await outbox.start_chat(
                account_id=account, to=person, text=f"Hi {person}" * 300 * (n % 3 + 1),
                key=f"{n}/{person}", hold=n % 2 == 0, group=f"for {person}",
            )  # fmt: skip
        await outbox.invite(account_id=account, provider_id=person, message="CANARY", key="i")
        other = await outbox.start_chat(account_id=account, to="ACoAAOther", text="Hi", hold=True)
        await outbox.cancel(id=f"3/{person}")
        assert b"CANARY" in everything()
        assert await outbox.forget([person, "somebody unknown"]) == 12
        assert b"CANARY" not in everything()
        left = [one async for one in outbox.list()]
        assert {one.recipient for one in left} == {None, "ACoAAOther"}
        assert (await outbox.release(other.id)).state == "queued"
    assert b"CANARY" not in everything()


@pytest.mark.parametrize(("sent", "end"), [(True, "sent"), (False, "cancelled")])
async def test_a_doubt_about_somebody_who_is_forgotten_is_settled_by_a_person(
    box, account, sandbox, sent, end
):
    fault = {"route": "POST /chats/{chat_id}/messages", "effect": "reset", "times": 1}
    sandbox.faults([{**fault, "stage": "before"}])
    running = asyncio.create_task(box.run())
    await put(box, account, 1, recipient="lead-42")
    await until(box.counts, lambda counts: counts == {"unknown": 1})
    await box.forget("lead-42")
    item = await until(
        lambda: box.get("k1"), lambda item: item.needs_decision, sandbox=sandbox, seconds=15.0
    )
    assert (item.text, item.recipient) == (None, None)
    assert (await box.resolve("k1", sent=sent)).state == end
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_was_over_long_ago_is_deleted_by_hand_or_by_a_worker(
    connect, url, account, sandbox
):
    async with connect() as client:
        for wrong in ({"keep_items": 6 * DAY}, {"keep_items": 0.0}, {"keep_texts": -1.0}):
            with pytest.raises(ConfigurationError, match="keep"):
                Outbox(client, url, **wrong)
        async with Outbox(client, url) as outbox:
            await put(outbox, account, 1)
            await work(outbox)
            with pytest.raises(ConfigurationError, match="seven days"):
                await outbox.vacuum(older_than=DAY)
            assert await outbox.vacuum() == 0
            await sandbox.advance(8 * DAY)
            await put(outbox, account, 2)
            await work(outbox)
            assert await outbox.vacuum(older_than=7 * DAY) == 1
            with pytest.raises(OutboxNotFoundError):
                await outbox.get("k1")
            assert (await outbox.get("k2")).state == "sent"
        async with Outbox(client, url, keep_items=7 * DAY, keep_texts=None) as outbox:
            running = asyncio.create_task(outbox.run())
            await put(outbox, account, 3, hold=True)
            await sandbox.advance(8 * DAY)
            await until(
                outbox.counts, lambda counts: counts == {"held": 1}, sandbox=sandbox, seconds=3600.0
            )
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


# -- many at once ------------------------------------------------------------------------------


async def test_a_batch_is_put_in_as_a_whole_or_not_at_all(box, account):
    heard = box.changes()
    async with box.batch() as batch:
        for n in range(25):
            await put(batch, account, n, group="spring")
        await batch.react("msg_1", reaction="+", account_id=account["id"], key="like")
        assert (batch.items, await box.counts()) == ((), {})
    assert [one.key for one in batch.items] == [*(f"k{n}" for n in range(25)), "like"]
    assert await box.counts() == {"queued": 26}
    assert [(await anext(heard)).key for _ in range(26)] == [one.key for one in batch.items]
    batch = box.batch()

    async def cut():
        async with batch:
            await put(batch, account, 99)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cut()
    assert batch.items == ()
    async with box.batch():
        pass
    assert await box.counts() == {"queued": 26}
    with pytest.raises(ConfigurationError, match="within its block"):
        await put(batch, account, 99)
    async with box.batch() as batch:
        with pytest.raises(ConfigurationError, match="chat_id"):
            await batch.message(account_id=account["id"], chat_id="", text="Hi")
        with pytest.raises(ConfigurationError, match="connection="):
            await put(batch, account, 1, connection=object())
        await put(batch, account, 50)
    assert len(batch.items) == 1
    await work(box)
    assert (await box.get("k24")).state == "sent"


async def test_what_cannot_be_put_in_keeps_none_of_a_batch_out(box, account):
    await put(box, account, 0)
    await box.forget("gone")
    given = {"account_id": account["id"], "chat_id": account["chats"][0]}
    batch = box.batch()

    async def put_all():
        async with batch:
            await put(batch, account, 0)  # the same again is the same
            await put(batch, account, 1)
            await batch.message(**given, text="Other", key="k0")
            await batch.message(**given, text="Hi", key="k2", recipient="gone")
            await put(batch, account, 3)

    with pytest.raises(OutboxConflictError, match="'k0'"):
        await put_all()
    assert [one.key for one in batch.items] == ["k0", "k1", "k3"]
    assert [type(one) for one in batch.refused] == [OutboxConflictError, OutboxError]
    assert await box.counts() == {"queued": 3}


async def test_a_batch_is_part_of_a_callers_transaction(connect, account, tmp_path):
    file = tmp_path / "outbox.db"
    async with connect() as client, Outbox(client, f"sqlite:///{file}") as outbox:
        await outbox.counts()  # the file is there
        own = sqlite3.connect(file)
        for end in (own.rollback, own.commit):
            async with outbox.batch(connection=own) as batch:
                for n in range(12):
                    await put(batch, account, n)
            assert len(batch.items) == 12
            end()
            assert await outbox.counts() == ({} if end == own.rollback else {"queued": 12})
        own.close()


# -- in a caller's own transaction -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_item_is_part_of_a_callers_transaction_in_postgresql(
    connect, server, account, kind
):
    psycopg = pytest.importorskip("psycopg")
    url = f"{server}{'&' if '?' in server else '?'}prefix=o_{os.urandom(6).hex()}"

    async def lead(connection):
        done = connection.execute("INSERT INTO leads_of_a_test VALUES (1)")
        if kind == "async":
            await done

    async with connect() as client, Outbox(client, url) as outbox:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute("CREATE TABLE leads_of_a_test (id integer)")
        try:
            if kind == "sync":
                connection = psycopg.connect(server)
            else:
                connection = await psycopg.AsyncConnection.connect(server)
            for key, end in (("no", "rollback"), ("yes", "commit")):
                await lead(connection)
                given = {"account_id": account["id"], "chat_id": account["chats"][0], "text": key}
                item = await outbox.message(**given, key=key, connection=connection)
                assert item.state == "queued"
                with pytest.raises(OutboxNotFoundError):  # for others it is not there yet
                    await outbox.get(key)
                ended = getattr(connection, end)()
                if kind == "async":
                    await ended
            closed = connection.close()
            if kind == "async":
                await closed
            await work(outbox)
            with pytest.raises(OutboxNotFoundError):
                await outbox.get("no")
            assert (await outbox.get("yes")).state == "sent"
            with psycopg.connect(server, autocommit=True) as admin:
                leads = admin.execute("SELECT count(*) FROM leads_of_a_test").fetchone()
            assert leads == (1,)
        finally:
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute("DROP TABLE leads_of_a_test")


async def test_an_item_is_part_of_a_callers_transaction_in_a_file(connect, account, tmp_path):
    file = tmp_path / "outbox.db"
    async with connect() as client, Outbox(client, f"sqlite:///{file}") as outbox:
        await outbox.counts()  # the file is there
        own = sqlite3.connect(file)
        own.execute("CREATE TABLE leads (id integer)")
        for key in ("no", "yes"):
            own.execute("INSERT INTO leads VALUES (1)")
            await put(outbox, account, 1, connection=own, recipient=key)
            (own.commit if key == "yes" else own.rollback)()
        assert own.execute("SELECT count(*) FROM leads").fetchone() == (1,)
        own.close()
        assert [one.recipient async for one in outbox.list()] == ["yes"]
        await work(outbox)
        assert (await outbox.get("k1")).state == "sent"
