"""What is moved into another lane, and what stays as it was."""

from types import SimpleNamespace

import msgspec
import pytest

from postpress_async.errors import ConfigurationError, StateUnavailableError, WaitTooLongError
from postpress_async.outbox import contents, putting
from postpress_async.outbox.lanes import Mover
from postpress_async.outbox.putting import Wishes
from postpress_async.outbox.results import Later, Sent
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import USUAL

FULL = WaitTooLongError("full", account_id="acc_1", action="invite_note", retry_after=60.0)


def sender(answer):
    async def send(row, /, *, granted):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(send=send)


def granted(*, marking=False):
    return SimpleNamespace(marking=marking)


@pytest.fixture
async def store(tmp_path):
    made = open_outbox(f"sqlite:///{tmp_path / 'o.db'}")
    await made.enter("w")
    yield made
    await made.aclose()


@pytest.fixture
async def row(store):
    content = contents.Invite(provider_id="ACoAA1")
    wishes = Wishes(key="k", group="g", priority=3)
    new = putting.new_of(content, "acc_1", wishes, provider="LINKEDIN", id_="i1")
    await store.add([new])
    return (await store.claim("w", lease=60.0)).row


async def test_it_waits_where_it_has_no_room_and_is_else_as_it_was(store, row):
    told = []
    mover = Mover(sender(FULL), store=store, told=told.append)
    result = await mover.send(row, granted=granted())
    assert isinstance(result, Later)
    assert not result.lane
    [moved] = told
    assert (row.action, moved.action, moved.state) == ("invite", "invite_note", "queued")
    own = ("action", "state", "fence", "owner", "lease", "changed_at", "busy")
    same = [name for name in row.__struct_fields__ if name not in own]
    assert [getattr(moved, name) for name in same] == [getattr(row, name) for name in same]
    again = (await store.claim("w", lease=60.0)).row
    assert (again.id, again.action) == ("i1", "invite_note")
    assert await store.mark(row.id, row.fence, seconds=1.0, reach=USUAL) is None  # not by the old


@pytest.mark.parametrize(
    ("answer", "marking"),
    [
        (FULL, True),
        (WaitTooLongError("full", account_id="acc_1", action="invite"), False),
        (WaitTooLongError("full", account_id="acc_1", action="follow"), False),
        (Sent(result_id="r"), False),
    ],
    ids=["marked", "its own", "no invitation", "sent"],
)
async def test_all_else_is_handed_on(store, row, answer, marking):
    mover = Mover(sender(answer), store=store, told=pytest.fail)
    if isinstance(answer, Exception):
        with pytest.raises(WaitTooLongError) as told:
            await mover.send(row, granted=granted(marking=marking))
        assert told.value is answer
    else:
        assert await mover.send(row, granted=granted(marking=marking)) is answer
    assert (await store.get("k")).action == "invite"


async def test_who_cancelled_it_meanwhile_was_first(store, row):
    mover = Mover(sender(FULL), store=store, told=pytest.fail)
    other = msgspec.structs.replace(row, fence=row.fence - 1)
    with pytest.raises(WaitTooLongError):
        await mover.send(other, granted=granted())
    assert (await store.get("k")).state == "claimed"


@pytest.mark.parametrize("error", [StateUnavailableError("away"), ConfigurationError("no outbox")])
async def test_what_the_store_says_is_no_fault_of_the_item(row, error):
    async def alter(*_, **__):
        raise error

    mover = Mover(sender(FULL), store=SimpleNamespace(alter=alter), told=pytest.fail)
    with pytest.raises(type(error)) as told:
        await mover.send(row, granted=granted())
    assert isinstance(error, StateUnavailableError) or told.value.scope == "setup"
