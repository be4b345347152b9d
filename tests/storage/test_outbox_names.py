"""Names as long as they may be, in characters of three and four bytes that no index packs."""

import random

import pytest
from outbox_worker import item

from postpress_async.outbox.contents import Follow, Invite, MessageContent, React, StartChat
from postpress_async.outbox.putting import Names, Wishes, new_of
from postpress_async.storage.outbox.rows import Claimed, Filter, Finish

rng = random.Random(7)


@pytest.fixture
async def store(open_outboxes):
    store = open_outboxes()
    await store.enter("w")
    return store


def long(size):
    """Return a text of so many bytes."""
    han = "".join(chr(rng.randrange(0x4E00, 0x9F00)) for _ in range(size // 3))
    return han + "x" * (size % 3)


def emoji(count):
    return "".join(chr(rng.randrange(0x1F300, 0x1F6FF)) for _ in range(count))


def the_longest():
    names = Names()
    name, account = long(1_024), long(512)
    for content in (
        MessageContent(chat_id=name, text="Hi"), StartChat(to=name, text="Hi"),
        Invite(provider_id=long(1_024)), Follow(provider_id=long(1_024)),
        React(message_id=name, reaction="👍"),
    ):  # fmt: skip
        wishes = Wishes(key=emoji(512), group=emoji(512), recipient=emoji(512))
        yield new_of(content, account, wishes, provider=None, id_=names())
    yield new_of(
        StartChat(to=long(1_024), text="Hi"), account, Wishes(), provider=None, id_=names()
    )


async def test_whatever_may_be_put_in_goes_its_whole_way(store):
    items = list(the_longest())
    for added in [*await store.add(items[:3]), *await store.add(items[3:])]:
        assert added.kind == "new"
    for _ in items:
        row = (await store.claim("w", lease=60.0)).row
        assert await store.mark(row.id, row.fence, seconds=30.0) is not None
        doubt = Finish(state="unknown", look_at=0.0, error=long(3_000))
        assert (await store.finish(row.id, row.fence, doubt)).state == "unknown"
        row = await store.doubtful("w", lease=60.0)
        assert (await store.finish(row.id, row.fence, Finish(state="queued"))).state == "queued"
        row = (await store.claim("w", lease=60.0)).row
        await store.mark(row.id, row.fence, seconds=30.0)
        told = Finish(state="sent", result_id=long(1_024))
        assert (await store.finish(row.id, row.fence, told)).result_id == told.result_id
        assert await store.bound(row.account_id, [told.result_id]) == {told.result_id}
    assert await store.counts(Filter()) == {"sent": len(items)}


async def test_an_id_of_any_length_that_a_service_tells_is_kept_as_one(store):
    told = long(6_000)
    near = told[:-1] + "y"
    await store.add([item(n, account_id="a", thread=f"t{n}") for n in range(3)])
    ends = []
    for result in (told, near, told):
        row = (await store.claim("w", lease=60.0)).row
        await store.mark(row.id, row.fence, seconds=30.0)
        ends.append(await store.finish(row.id, row.fence, Finish(state="sent", result_id=result)))
    assert [row.state for row in ends] == ["sent", "sent", "unknown"]
    assert ends[0].result_id.startswith(told[:20])
    assert len(ends[0].result_id.encode()) < 120
    assert ends[2].needs_decision
    assert await store.bound("a", [told, near, long(6_000)]) == {told, near}


async def test_what_cannot_be_sorted_in_does_not_get_in_by_any_door(store):
    """Else all that come after it would wait for it, of whatever account."""
    for name in ("account_id", "thread"):
        with pytest.raises(Exception, match=r"(?i)check"):
            await store.add([item(0, **{name: long(6_000)})])
    await store.add([item(1)])
    assert isinstance(await store.claim("w", lease=60.0), Claimed)
