"""How one item goes: what a sender does between a claim and the first byte, and what it hears."""

import asyncio

import msgspec
import pytest

from postpress_async import Limit, Limits, LinkedInOptions, Timeout
from postpress_async.errors import OutboxStateError, StateUnavailableError
from postpress_async.exchange.guarding import guarding
from postpress_async.outbox import Outbox, Replace, Send, contents, protocol, putting
from postpress_async.outbox.digests import digest
from postpress_async.outbox.items import item_of
from postpress_async.outbox.lookback import ClientLooker
from postpress_async.outbox.protocol import Terms
from postpress_async.outbox.putting import Wishes
from postpress_async.outbox.results import Later, Refused, Sent
from postpress_async.outbox.sending import ClientSender
from postpress_async.outbox.worker import Worker
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Attempt

MESSAGES = "POST /chats/{chat_id}/messages"


class Granted:
    """Be a worker's leave to send, and remember what was asked of it."""

    def __init__(self, *, mark=None, last_act=None):
        self.marking = False
        self.edits = []
        self.asked = []
        self._mark = mark
        self._last_act = last_act

    async def mark(self, *, edit=None, longer=0.0):
        del longer
        self.marking = True
        self.asked.append("mark")
        self.edits.append(edit)
        if self._mark is not None:
            raise self._mark
        return Attempt(item="i", number=1, fence=1, started_at=1.0, deadline=2.0)

    def last_act(self):
        self.asked.append("last act")
        if self._last_act is not None:
            raise self._last_act


@pytest.fixture
async def rows(tmp_path):
    """Make rows as a worker claims them."""
    store = open_outbox(f"sqlite:///{tmp_path / 'rows.db'}")
    await store.enter("w")
    names = putting.Names()

    async def row(content, account_id, **changes):
        new = putting.new_of(content, account_id, Wishes(), provider=None, id_=names())
        await store.add([new])
        return msgspec.structs.replace((await store.claim("w", lease=60.0)).row, **changes)

    yield row
    await store.aclose()


@pytest.fixture
def account(accounts):
    return accounts["LINKEDIN"]


@pytest.fixture
def message(account):
    return contents.MessageContent(chat_id=account["chats"][0], text="Hi")


async def used(client, account):
    (lane,) = await client.scheduler.snapshot(account["id"])
    return [use.used for use in lane.limits]


async def _ho(_item):
    return Replace(text="Ho")


COUNTED = Limits.none().add(Limit("message", 5, per="day"))


async def test_it_is_marked_with_the_slot_and_asked_again_before_the_first_byte(
    connect, rows, account, message, sandbox
):
    granted, told = Granted(), []
    async with connect() as client:
        row = await rows(message, account["id"])
        result = await ClientSender(client, told=told.append).send(row, granted=granted)
    assert isinstance(result, Sent)
    assert granted.asked == ["mark", *["last act"] * 3]  # its body asks once more, when it begins
    assert [one.state for one in told] == ["sending"]
    (entry,) = sandbox.journal(route=MESSAGES)
    assert entry.idempotency_key == row.idempotency_key


async def test_who_types_first_may_send_so_much_later(connect, account, sandbox, tmp_path):
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    said = {"account_id": account["id"], "chat_id": account["chats"][0], "text": "Hi"}
    timeout = Timeout(total=50.0)
    async with (
        connect(timeout=timeout) as client,
        Outbox(client, url, before_send=_ho) as outbox,  # what is said instead is typed, too
    ):
        items = [await outbox.message(**said, typing_duration=n) for n in (None, 0.25)]
        await outbox.run(until_empty=True)
        attempts = [one for item in items for one in await outbox._store.attempts(item.id)]
    assert [one.reach.total for one in attempts] == [50.0, 50.25]
    assert [protocol.quiet_at(one) - one.deadline for one in attempts] == [110.0, 110.25]
    assert [one.text for one in sandbox.journal(route=MESSAGES)] == ["Ho", "Ho"]


@pytest.mark.parametrize("moment", ["mark", "last_act"])
async def test_a_no_writes_nothing_and_gives_the_slot_back(connect, rows, account, sandbox, moment):
    message = _other(account)
    error = OutboxStateError("not any more", item="i")
    async with connect(limits=COUNTED) as client:
        row = await rows(message, account["id"])
        with pytest.raises(OutboxStateError):
            await ClientSender(client).send(row, granted=Granted(**{moment: error}))
        assert await used(client, account) == [0]
    assert sandbox.journal(route=MESSAGES) == []


async def test_a_store_that_is_away_at_the_mark_stops_it(connect, rows, account, sandbox):
    pool = contents.ProfileRead(identifier="jordan-walke", accounts=(account["id"],))
    away = StateUnavailableError("disk full")
    async with connect() as client:
        row = await rows(pool, account["id"])
        with pytest.raises(StateUnavailableError):
            await ClientSender(client).send(row, granted=Granted(mark=away))
    assert sandbox.journal(route="GET /users/{identifier}") == []


async def test_what_cannot_be_read_is_not_sent(connect, rows, account, message):
    async with connect() as client:
        sender = ClientSender(client)
        row = await rows(message, account["id"])
        emptied = msgspec.structs.replace(row, body=b"")
        assert isinstance(await sender.send(emptied, granted=Granted()), Refused)
        newer = msgspec.structs.replace(row, body=b"\xff" + row.body[1:])
        result = await sender.send(newer, granted=Granted())
        assert isinstance(result, Later)
        assert "version" in result.reason


@pytest.fixture
def share(connect, tmp_path):
    """Make a client whose counts others share, so that slots go stale."""
    limits = COUNTED.add(Limit("profile", 5, per="day"))
    return lambda: connect(limits=limits, state=f"sqlite:///{tmp_path / 'counts.db'}")


@pytest.mark.parametrize("kind", ["message", "profile"])
async def test_an_answer_that_outlasts_its_slot_holds_for_a_fresh_one(
    share, rows, account, sandbox, kind
):
    asked, granted = [], Granted()
    content = _other(account)
    if kind == "profile":
        content = contents.ProfileRead(identifier="jordan-walke", accounts=(account["id"],))

    async def before_send(item):
        asked.append(item.id)
        await sandbox.advance(40.0)  # an approval, a language model
        return Send()

    async with share() as client:
        row = await rows(content, account["id"])
        result = await ClientSender(client, before_send=before_send).send(row, granted=granted)
        assert isinstance(result, Sent)
        assert (asked, granted.asked.count("mark")) == ([row.id], 1)
        assert sorted(await used(client, account)) == [0, 1]


async def test_a_text_is_replaced_with_the_mark(connect, rows, account, message, sandbox):
    asked = []

    async def before_send(item):
        asked.append(item.text)
        assert guarding.get() is None
        return Replace(text="fresh")

    granted = Granted()
    async with connect(limits=COUNTED) as client:
        row = await rows(message, account["id"])
        result = await ClientSender(client, before_send=before_send).send(row, granted=granted)
        assert (await client.messages.get(result.result_id)).text == "fresh"
        assert await used(client, account) == [1]
    (edit,) = granted.edits
    assert contents.decode(edit.body).text == "fresh"
    assert (edit.digest, edit.text_digest) == (
        row.digest,
        contents.text_digest_of(contents.decode(edit.body)),
    )
    assert asked == ["Hi"]
    assert len(sandbox.journal(route=MESSAGES)) == 1


async def test_what_a_text_was_replaced_by_is_for_one_time(connect, rows, account, message):
    asked = []

    async def before_send(item):
        asked.append((item.state, item.text))
        return Send() if len(asked) == 3 else Replace(text=f"{item.text} (P.S.)")

    async with connect() as client:
        row = await rows(message, account["id"])
        for said in ("Hi (P.S.)", "Hi (P.S.)", "Hi"):
            granted = Granted()
            result = await ClientSender(client, before_send=before_send).send(row, granted=granted)
            assert (await client.messages.get(result.result_id)).text == said
            (edit,) = granted.edits
            assert edit.text_digest == digest(said)
            assert edit.digest == row.digest
            row = msgspec.structs.replace(row, body=edit.body, idempotency_key=f"k{len(asked)}")
            assert item_of(row).text == "Hi"
            assert item_of(msgspec.structs.replace(row, state="unknown")).text == said
        granted = Granted()
        await ClientSender(client).send(row, granted=granted)
        assert granted.edits == [None]  # what is there already is not written again
    assert asked == [("queued", "Hi")] * 3


@pytest.mark.parametrize("doubted", [False, True])
async def test_another_text_goes_under_another_key(connect, rows, sandbox, account, doubted):
    """A service that honours keys refuses another text under the same; a doubt keeps its key."""
    sandbox.idempotency(honoured=False)
    texts, bodies = ["one", "one", "two", None], []

    async def before_send(item):
        text = texts[len(bodies)]
        return Send() if text is None else Replace(text=text)

    async def told():
        return doubted

    async with connect() as client:
        first = row = await rows(_other(account), account["id"])
        for attempts in range(4):
            granted = Granted()
            granted.doubted = told
            sender = ClientSender(client, before_send=before_send)
            assert isinstance(await sender.send(row, granted=granted), Sent)
            bodies.append(granted.edits[0].body)
            row = msgspec.structs.replace(first, body=bodies[-1], attempts=attempts + 1)
    keys = [entry.idempotency_key for entry in sandbox.journal(route=MESSAGES)]
    one = contents.key_of(contents.decode(bodies[0]), first)
    two = contents.key_of(contents.decode(bodies[2]), first)
    assert len({first.id, one, two}) == 3
    assert keys == ([one] * 4 if doubted else [one, one, two, first.id])


async def test_what_was_edited_by_hand_goes_under_another_key(connect, rows, account, message):
    async with connect() as client:
        row = await rows(message, account["id"])
        edited = contents.with_text(message, "Ho")
        assert contents.key_of(message, row) == row.id
        assert contents.key_of(edited, row) != row.id
        assert contents.key_of(contents.replaced(edited, "Hi"), row) == row.id
        change = {"body": contents.encode(edited)}
        again = msgspec.structs.replace(row, **change)
        assert isinstance(await ClientSender(client).send(again, granted=Granted()), Sent)


@pytest.mark.parametrize("swallows", [False, True])
async def test_a_question_that_hangs_keeps_neither_slot_nor_item(
    connect, rows, account, caplog, swallows
):
    async def before_send(item):
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if not swallows:
                raise
            raise KeyError("mine") from None

    async with connect(limits=COUNTED) as client:
        row = await rows(_other(account), account["id"])
        sender = ClientSender(client, before_send=before_send, before_send_timeout=0.01)
        granted = Granted()
        result = await sender.send(row, granted=granted)
        assert isinstance(result, Later)
        assert (result.fault, result.attempted, granted.asked) == (True, False, [])
        assert await used(client, account) == [0]
    said = "raised KeyError" if swallows else "did not answer within 0.01 s"
    assert said in result.reason
    assert row.id in caplog.text


async def test_who_is_asked_about_an_item_answers_and_does_not_edit_it(
    connect, account, tmp_path, caplog
):
    asked = []

    async def before_send(item):
        asked.append(item.id)
        if item.key == "first":
            await outbox.edit("second", text="another")
        await outbox.edit(item.key, priority=3)
        return Send()

    async with (
        connect() as client,
        Outbox(client, f"sqlite:///{tmp_path / 'o.db'}", before_send=before_send) as outbox,
    ):
        given = {"account_id": account["id"], "chat_id": account["chats"][0], "text": "Hi"}
        first = await outbox.message(**given, key="first")
        await outbox.message(**given, key="second")
        running = asyncio.create_task(outbox.run())
        async with asyncio.timeout(20):
            while (error := (await outbox.get("first")).error) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert error == "before_send raised OutboxStateError: see the log"
        assert "answer Replace, or Defer" in caplog.text
        assert (asked[0], asked.count(first.id)) == (first.id, 1)
        assert (await outbox.get("second")).text == "another"
        assert (await outbox.edit("first", priority=3)).priority == 3


async def test_a_timeout_of_the_hooks_own_is_its_own(connect, rows, account, message):
    async def before_send(item):
        raise TimeoutError

    async with connect() as client:
        row = await rows(message, account["id"])
        result = await ClientSender(client, before_send=before_send).send(row, granted=Granted())
    assert result.reason == "before_send raised TimeoutError: see the log"


async def test_a_cancellation_of_the_hooks_own_is_its_own(connect, rows, account, message):
    async def before_send(item):
        shared = asyncio.get_running_loop().create_future()
        shared.cancel()
        await shared

    async with connect() as client:
        row = await rows(message, account["id"])
        result = await ClientSender(client, before_send=before_send).send(row, granted=Granted())
    assert result.reason == "before_send raised CancelledError: see the log"
    assert result.fault


async def test_what_has_no_text_cannot_be_replaced(connect, rows, account):
    async def before_send(item):
        return Replace(text="fresh")

    react = contents.React(message_id="m", reaction="x")
    granted = Granted()
    async with connect() as client:
        row = await rows(react, account["id"])
        result = await ClientSender(client, before_send=before_send).send(row, granted=granted)
    assert isinstance(result, Refused)
    assert granted.asked == []


async def test_no_room_is_said_before_anybody_is_asked(connect, rows, account, message, sandbox):
    asked = []

    async def before_send(item):
        asked.append(item)
        return Send()

    limits = Limits.none().add(Limit("message", 1, per="day"))
    async with connect(limits=limits) as client:
        sender = ClientSender(client, before_send=before_send)
        first, second = [await rows(m, account["id"]) for m in (message, _other(account))]
        assert isinstance(await sender.send(first, granted=Granted()), Sent)
        with pytest.raises(Exception, match="day") as caught:
            await sender.send(second, granted=Granted())
        assert caught.value.retry_after > 80_000.0
    assert len(asked) == 1


def _other(account):
    return contents.MessageContent(chat_id=account["chats"][1], text="Hi")


async def test_an_inmail_goes_with_all_its_options(connect, rows, account, sandbox):
    options, late = contents.linked(LinkedInOptions(api="classic", inmail=True))
    async with connect() as client:
        person = await client.users.get("jordan-walke", account_id=account["id"])
        content = contents.StartChat(
            to=person.messaging_id, text="Hi", subject="An idea", linkedin=options, follow_up=late
        )
        row = await rows(content, account["id"])
        assert row.action == "inmail"
        await ClientSender(client).send(row, granted=Granted())
    (entry,) = sandbox.journal(route="POST /chats")
    assert (entry.action, entry.committed) == ("inmail", True)


async def test_a_pool_goes_round_an_account_that_is_out_of_order(connect, rows, sandbox):
    pool = tuple(one["id"] for one in sandbox.world()["accounts"] if one["provider"] == "LINKEDIN")[
        :2
    ]
    content = contents.ProfileRead(identifier="jordan-walke", accounts=pool)
    async with connect() as client:
        sender = ClientSender(client)
        row = await rows(content, putting.pool_of(content))
        sandbox.set_status(pool[0], "CREDENTIALS")
        seen = set()
        for _ in range(3):
            result = await sender.send(row, granted=Granted())
            if isinstance(result, Sent):
                seen.add(contents.decode(result.body).seen_by)
            else:
                assert isinstance(result, Later)
                assert not result.lane  # the other of the pool need not wait
        assert seen == {pool[1]}


async def test_a_pool_rests_shortly_where_others_may_have_room(connect, rows, sandbox):
    found = sandbox.world()["accounts"]
    pool = tuple(one["id"] for one in found if one["provider"] == "LINKEDIN")[:2]
    content = contents.ProfileRead(identifier="jordan-walke", accounts=pool)
    async with connect(limits=Limits.none().add(Limit("profile", 1, per="day"))) as client:
        row = await rows(content, putting.pool_of(content))
        some = ClientSender(client, accounts={pool[0]})
        first = await some.send(row, granted=Granted())
        assert contents.decode(first.body).seen_by == pool[0]
        again = await some.send(row, granted=Granted())
        assert (again.lane, again.seconds) == (True, 15.0)
        every = ClientSender(client)
        other = await every.send(row, granted=Granted())
        assert contents.decode(other.body).seen_by == pool[1]
        assert (await every.send(row, granted=Granted())).seconds > 80_000.0


async def test_a_deadline_that_is_over_by_the_machines_own_time_stops_the_first_byte(
    connect, account, sandbox, tmp_path
):
    """The machine slept between the mark and the first byte: seen by its boot time alone."""
    slept = []
    store = open_outbox(f"sqlite:///{tmp_path / 'outbox.db'}", clock=sandbox.clock.time)
    mark = store.mark

    async def sleepy(*given, **named):
        marked = await mark(*given, **named)
        slept.append(1000.0)
        return marked

    store.mark = sleepy
    async with connect(timeout=Timeout(total=10.0)) as client:
        new = putting.new_of(
            contents.MessageContent(chat_id=account["chats"][0], text="Hi"),
            account["id"],
            Wishes(key="k"),
            provider=None,
            id_=putting.Names()(),
        )
        await store.add([new])
        terms = Terms()
        worker = Worker(
            store,
            sender=ClientSender(client),
            looker=ClientLooker(client, store, clock=sandbox.clock, terms=terms),
            owner="w",
            clock=sandbox.clock,
            random=lambda: 0.5,
            terms=terms,
            boot=lambda: slept[0] if slept else 0.0,
        )
        async with asyncio.timeout(20):
            await worker.run(until_empty=True)
        row = await store.get("k")
        assert (row.state, row.attempts) == ("sent", 1)
        attempts = await store.attempts(row.id)
        assert len(attempts) == 2  # the first one came to nothing
    assert len(sandbox.journal(route=MESSAGES)) == 1
    await store.aclose()
