"""What an item holds may change with its mark, and with its end; what was emptied stays empty."""

import time

import pytest

from postpress_async.storage.outbox.rows import Claimed, Finish, New, Reach


@pytest.fixture
async def store(open_outboxes):
    store = open_outboxes()
    await store.enter("w")
    yield store
    await store.leave("w")


def item(**changes):
    given = {
        "id": "i1",
        "key": "k1",
        "digest": b"first",
        "kind": "message",
        "account_id": "acc_1",
        "action": "message",
        "thread": "chat_1",
        "body": b"first",
        "recipient": "r",
        "tombstone": b"t",
        "text_digest": b"a",
        "loose_digest": b"b",
        **changes,
    }
    return New(**given)


async def claimed(store):
    await store.add([item()])
    return (await store.claim("w", lease=60.0)).row


async def test_a_mark_may_bring_another_text(store):
    row = await claimed(store)
    new = item(body=b"second", digest=b"second", text_digest=b"c", loose_digest=b"d", priority=9)
    assert await store.mark(row.id, row.fence - 1, seconds=30.0, edit=new) is None
    assert (await store.get("i1")).body == b"first"
    assert (await store.mark(row.id, row.fence, seconds=30.0, edit=new)).number == 1
    row = await store.get("i1")
    assert (row.body, row.text_digest, row.loose_digest) == (b"second", b"c", b"d")
    assert (row.state, row.digest, row.priority) == ("sending", b"first", 0)
    assert (await store.add([item(id="i2")]))[0].kind == "same"


async def test_an_end_may_bring_an_answer(store):
    row = await claimed(store)
    await store.mark(row.id, row.fence, seconds=30.0)
    ended = await store.finish(row.id, row.fence, Finish(state="sent", body=b"answer"))
    assert (ended.state, ended.body) == ("sent", b"answer")
    assert (await store.get("i1")).body == b"answer"


async def test_an_answer_for_who_was_forgotten_is_not_kept(store):
    row = await claimed(store)
    await store.mark(row.id, row.fence, seconds=30.0)
    await store.forget("r", b"t")
    ended = await store.finish(row.id, row.fence, Finish(state="sent", body=b"answer"))
    assert (ended.state, ended.body) == ("sent", b"")


async def test_an_end_without_one_leaves_it(store):
    row = await claimed(store)
    await store.mark(row.id, row.fence, seconds=30.0)
    assert (await store.finish(row.id, row.fence, Finish(state="sent"))).body == b"first"


async def test_what_is_due_at_once_is_due_when_it_was_put_in(store):
    (first,) = await store.add([item(id="i1", key="k1")])
    assert first.row.due_at == first.row.created_at > 0.0
    assert (await store.get("i1")).due_at == first.row.due_at
    many = [item(id=f"j{n:03}", key=f"j{n}", due_at=5.0 * (n % 2)) for n in range(120)]
    rows = [added.row.due_at for added in await store.add(many)]
    assert rows == [5.0 if n % 2 else pytest.approx(rows[0]) for n in range(120)]
    assert rows[0] >= first.row.due_at


async def test_many_that_may_not_go_yet_hold_up_none_that_may(store):
    later = time.time() + 1e6
    news = [
        item(id=f"f{n}", key=f"f{n}", account_id="future", thread=f"chat {n}", due_at=later)
        for n in range(300)
    ]
    await store.add([*news, item(id="now", key="now", account_id="open")])
    for _ in range(20):
        got = await store.claim("w", lease=60.0)
        if isinstance(got, Claimed):
            break
        assert got.at is not None, "more is to be taken in"
        assert got.at - got.now < 1.0
    assert got.row.id == "now"
    assert (await store.claim("w", lease=60.0)).at == pytest.approx(later)


async def test_a_message_belongs_to_one_item_though_another_began_the_chat(store):
    await store.add([
        item(), item(id="i2", key="k2", kind="start_chat", thread="t2"),
        item(id="i3", key="k3", kind="invite", thread="t3"),
    ])  # fmt: skip
    ended = {}
    for _ in range(3):
        row = (await store.claim("w", lease=60.0)).row
        await store.mark(row.id, row.fence, seconds=30.0)
        ended[row.id] = await store.finish(row.id, row.fence, Finish(state="sent", result_id="m1"))
    assert {name: row.state for name, row in ended.items()} == {
        "i1": "sent", "i2": "unknown", "i3": "sent",
    }  # fmt: skip
    assert ended["i2"].needs_decision


@pytest.mark.parametrize("found", [True, False])
async def test_of_two_that_found_the_same_message_one_looks_again(store, found):
    await store.add([item(), item(id="i2", key="k2", thread="person")])
    for result in ("m1", "m1"):
        row = (await store.claim("w", lease=60.0)).row
        await store.mark(row.id, row.fence, seconds=30.0)
        outcome = "found by text" if found else None
        ended = await store.finish(
            row.id, row.fence, Finish(state="sent", result_id=result, outcome=outcome)
        )
    assert (ended.state, ended.needs_decision) == ("unknown", not found)
    assert ended.result_id is None
    again = await store.doubtful("w", lease=60.0)
    assert (again is not None) == found
    attempts = await store.attempts(ended.id)
    assert attempts[-1].outcome == "unknown"


async def test_what_was_gone_at_in_vain_is_not_held_against_the_look_for_it(store):
    row = await claimed(store)
    back = await store.finish(
        row.id, row.fence, Finish(state="queued", looks=7, keep_attempt=False)
    )
    assert back.looks == 7
    row = (await store.claim("w", lease=60.0)).row
    assert row.looks == 7
    await store.mark(row.id, row.fence, seconds=0.0, reach=Reach(total=0.0, held=0.0))
    await store.leave("w")
    (orphan,) = await store.orphans()
    assert (orphan.state, orphan.looks) == ("unknown", 0)


@pytest.mark.parametrize(
    ("finish", "outcome", "count"),
    [
        (Finish(state="queued", keep_attempt=False), "not sent", 0),
        (Finish(state="queued"), "queued", 1),
        (Finish(state="unknown", outcome="happened"), "happened", 1),
    ],
)
async def test_an_attempt_remembers_what_it_came_to(store, finish, outcome, count):
    row = await claimed(store)
    await store.mark(row.id, row.fence, seconds=30.0)
    row = await store.finish(row.id, row.fence, finish)
    assert (row.state, row.attempts) == (finish.state, count)
    assert [attempt.outcome for attempt in await store.attempts(row.id)] == [outcome]
