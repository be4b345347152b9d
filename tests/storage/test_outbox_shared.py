"""Two workers on one store: what is the one's is not the other's, on both stores."""

import asyncio
import secrets

import pytest
from msgspec import UNSET
from outbox_worker import item

from postpress_async.errors import OutboxConflictError
from postpress_async.outbox import by_hand
from postpress_async.outbox.contents import Invite
from postpress_async.outbox.desk import Desk
from postpress_async.outbox.putting import Names, Wishes
from postpress_async.storage.outbox.rows import Filter, Finish, Nothing


class Told:
    """A store's time."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def clock():
    return Told()


@pytest.fixture
async def store(open_outboxes, clock):
    store = open_outboxes(clock=clock)
    for owner in ("w1", "w2"):
        await store.enter(owner)
    return store


async def claimed(store, owner):
    return (await store.claim(owner, lease=60.0)).row


async def test_each_keeps_what_it_claimed_and_what_it_looks_for(store, clock):
    await store.add([item(n, thread=f"t{n}") for n in range(3)])
    doubt = await claimed(store, "w1")
    await store.mark(doubt.id, doubt.fence, seconds=30.0)
    await store.finish(doubt.id, doubt.fence, Finish(state="unknown", look_at=clock.now))
    looked_for = await store.doubtful("w2", lease=60.0)
    mine = {owner: await claimed(store, owner) for owner in ("w1", "w2")}
    for _ in range(20):
        clock.now += 15.0
        for owner in ("-", "w1", "w2", "-"):  # who is nobody asks for the time
            assert await store.beat(owner, lease=60.0) == clock.now
    assert await store.orphans() == []
    assert await store.doubtful("w1", lease=60.0) is None
    assert (await store.get(doubt.id)).fence == looked_for.fence
    for row in mine.values():
        assert await store.mark(row.id, row.fence, seconds=30.0) is not None


async def test_a_fence_that_is_anothers_too_says_nothing_by_itself(store, clock):
    """A server that lost its last moments gives a fence again: then the owner tells."""
    await store.add([item(0)])
    row = await claimed(store, "w2")  # as w1 had claimed it before the server forgot
    given_back = Finish(state="queued")
    assert await store.mark(row.id, row.fence, seconds=30.0, owner="w1") is None
    assert await store.finish(row.id, row.fence, given_back, owner="w1") is None
    assert await store.mark(row.id, row.fence, seconds=30.0, owner="w2") is not None
    assert await store.finish(row.id, row.fence, given_back, owner="w1") is None
    doubt = Finish(state="unknown", look_at=clock.now)
    assert (await store.finish(row.id, row.fence, doubt, owner="w2")).state == "unknown"
    # It belongs to nobody now: it may have been sent, and only who sent it may say so.
    assert await store.finish(row.id, row.fence, given_back, owner="w1") is None
    cancelled = Finish(state="cancelled", keep_attempt=False)
    assert await store.finish(row.id, row.fence, cancelled, owner="w1") is None
    looked_for = await store.doubtful("w2", lease=60.0)
    assert await store.finish(row.id, looked_for.fence, given_back, owner="w1") is None
    assert (await store.finish(row.id, looked_for.fence, given_back, owner="w2")).state == "queued"


async def test_who_is_late_takes_nothing_from_whoever_has_it_now(store, clock):
    await store.add([item(0)])
    before = await claimed(store, "w1")
    clock.now += 61.0
    await store.orphans()  # w1 said nothing for too long
    now = await claimed(store, "w2")
    assert await store.finish(before.id, before.fence, Finish(state="queued")) is None
    for _ in range(5):
        clock.now += 15.0
        for owner in ("w1", "w2"):
            await store.beat(owner, lease=60.0)
    await store.orphans()
    assert await store.mark(now.id, now.fence, seconds=30.0) is not None


async def test_what_is_given_anew_while_a_beat_is_under_way_is_kept(store, clock, monkeypatch):
    await store.add([item(0)])
    before = await claimed(store, "w1")
    run, again = store._run, []

    async def slow(asked, **options):
        """Answer a beat when the item that it asked to keep was lost, and claimed anew."""
        told = await run(asked, **options)
        monkeypatch.undo()
        again.append(await claimed(store, "w1"))
        return told

    await store.cancel(Filter(keys=("nothing",)), reason="")  # it has made all it needs
    clock.now += 61.0
    await store.orphans()
    monkeypatch.setattr(store, "_run", slow)
    await store.beat("w1", lease=60.0)
    assert [row.id for row in again] == [before.id]
    clock.now += 30.0
    await store.beat("w1", lease=60.0)
    clock.now += 40.0
    await store.orphans()
    assert await store.mark(before.id, again[0].fence, seconds=30.0) is not None


async def test_nothing_is_kept_in_mind_for_those_who_have_left(store):
    await store.add([item(n, thread=f"t{n}") for n in range(4)])
    left, done = await claimed(store, "w1"), await claimed(store, "w2")
    await store.finish(done.id, done.fence, Finish(state="sent"))
    await claimed(store, "w2")
    await store.leave("w1")
    assert len(store._given) == 1
    assert (await store.get(left.id)).state == "queued"
    assert not isinstance(await store.claim("w2", lease=60.0), Nothing)


async def test_whom_one_wakes_another_has_not_heard(open_outboxes, outbox_url):
    """Each waits since its own claim in vain, whatever others claimed and heard meanwhile."""
    store, elsewhere = open_outboxes(), open_outboxes()
    for owner in ("w1", "w2"):
        await store.enter(owner)
    before = await store.claim("w2", lease=60.0)
    await store.wait(0.0, since=before)  # it begins to listen
    if not outbox_url.startswith("sqlite"):
        await store.wait(40.0, since=before)  # whoever listens says so first: he may have missed it
    first = await store.claim("w1", lease=60.0, accounts=["b"])
    assert isinstance(first, Nothing)
    await elsewhere.add([item(0, account_id="b", key=secrets.token_hex(4))])
    heard = await store.claim("w2", lease=60.0, accounts=["a"])
    assert isinstance(heard, Nothing)
    async with asyncio.timeout(40.0):  # or it would never end
        await store.wait(1e6, since=first)
    assert not isinstance(await store.claim("w1", lease=60.0, accounts=["b"]), Nothing)


async def test_a_doubt_is_for_who_works_for_its_account_and_a_read_for_anybody(store, clock):
    kinds = {"acc_a": "message", "acc_b": "invite", "acc_a,acc_b": "profile"}
    new = [
        item(n, account_id=account, kind=kind, thread=account)
        for n, (account, kind) in enumerate(kinds.items())
    ]
    await store.add(new)
    for _ in new:
        row = await claimed(store, "w1")
        await store.mark(row.id, row.fence, seconds=30.0)
        await store.finish(row.id, row.fence, Finish(state="unknown", look_at=clock.now))
    asked = [("acc_c",), ("acc_c",), ("acc_b", "acc_c"), ("acc_b", "acc_c"), None, None]
    # What there are enough looks for is passed by, whoever asks.
    for accounts in (None, ("acc_a", "acc_b")):
        assert await store.doubtful("w2", lease=60.0, accounts=accounts, but=list(kinds)) is None
    found = [await store.doubtful("w2", lease=60.0, accounts=accounts) for accounts in asked[:2]]
    others = ["acc_a", "acc_b"]
    assert await store.doubtful("w2", lease=60.0, accounts=["acc_b"], but=others) is None
    found += [
        await store.doubtful("w2", lease=60.0, accounts=accounts, but=("acc_a",))
        for accounts in asked[2:4]
    ]
    found += [await store.doubtful("w2", lease=60.0, accounts=accounts) for accounts in asked[4:]]
    ids = [None if row is None else row.kind for row in found]
    assert ids == ["profile", None, "invite", None, "message", None]


@pytest.fixture
def desk(store, clock):
    return Desk(store, provider=lambda _: "LINKEDIN", new_id=Names(now=clock), tell=lambda _: None)


async def test_an_invitation_is_not_retried_beside_another_that_is_open(store, desk):
    invite = Invite(provider_id="ACoAA1")
    await desk.put_all([(invite, "acc_1", Wishes(key="first"))], None)
    await store.cancel(Filter(keys=("first",)), reason="by hand")
    (other,) = await desk.put_all([(invite, "acc_1", Wishes(key="other"))], None)
    with pytest.raises(OutboxConflictError, match="another invitation") as told:
        await desk.change("first", by_hand.retry)
    assert (told.value.item, told.value.state) == (other.id, "queued")
    await store.cancel(Filter(keys=("other",)), reason="by hand")
    assert (await desk.change("first", by_hand.retry)).state == "queued"


async def test_an_invitation_that_is_given_a_note_waits_for_the_room_of_those_with_one(
    store, clock, desk
):
    several = [(Invite(provider_id=f"ACoAA{n}"), "acc_1", Wishes(key=f"k{n}")) for n in range(3)]
    await desk.put_all(several, None)
    kept = {"not_before": UNSET, "expires_at": UNSET, "priority": None}
    await desk.edit("k0", text="Hello", **kept)
    full, plain = [await claimed(store, "w1") for _ in range(2)]
    if plain.action == "invite_note":
        full, plain = plain, full
    assert (full.key, full.action, plain.action) == ("k0", "invite_note", "invite")
    later = clock.now + 86_400.0
    await store.finish(full.id, full.fence, Finish(state="queued", lane_ready_at=later))
    assert (await claimed(store, "w1")).action == "invite"
