"""Files go into each store alike, and are known again there by their keys."""

import pytest

from postpress_async.outbox.importing import Importer
from postpress_async.outbox.putting import Names, tombstone_of
from postpress_async.outbox.recipes import ImportRefusedError, Recipe
from postpress_async.outbox.sources import How
from postpress_async.storage.outbox.rows import Filter, Finish


@pytest.fixture
def store(open_outboxes):
    return open_outboxes()


async def provider_of(account_id):
    return "LINKEDIN"


async def plan(account_id, actions, seen):
    return dict(actions)


def lines(count):
    return [
        {"id": n, "account_id": f"acc_{n % 5}", "chat_id": f"chat_{n}", "name": f"Ada {n}"}
        for n in range(count)
    ]


async def test_files_go_in_once(store):
    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)
    recipe = Recipe(text="Hi {name}", key="k/{id}", recipient="{name}", group="g")
    first = await importer.load(lines(230), recipe, How())
    assert (first.queued, first.already) == (230, 0)
    assert await store.forget("Ada 7", tombstone_of("Ada 7")) == 1
    await store.forget("Ada 240", tombstone_of("Ada 240"))
    found = await importer.preview(lines(250), recipe, How())
    assert (found.new, found.already, found.forgotten) == (19, 230, 1)
    assert found.plans == tuple({"message": n} for n in (3, 4, 4, 4, 4))
    again = await importer.load(lines(250), recipe, How())
    assert (again.queued, again.already + again.forgotten) == (19, 231)
    other = Recipe(text="Ho {name}", key="k/{id}")
    with pytest.raises(ImportRefusedError, match="249 lines cannot be queued") as caught:
        await importer.load(lines(250), other, How(most_problems=3))
    assert [one.line for one in caught.value.problems] == [1, 2, 3]


async def test_who_was_forgotten_by_an_id_is_counted_so_before_and_after(store):
    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)
    recipe = Recipe(kind="invite", account_id="acc_1", recipient="{name}")
    people = [{"provider_id": f"ACo{n}", "name": f"Ada {n}"} for n in range(3)]
    await store.forget("ACo1", tombstone_of("ACo1"))
    found = await importer.preview(people, recipe, How())
    assert (found.new, found.forgotten) == (2, 1)
    done = await importer.load(people, recipe, How())
    assert (done.queued, done.forgotten) == (2, 1)


async def test_a_second_invitation_to_somebody_is_told_before_the_first_line_is_queued(store):
    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)
    recipe = Recipe(kind="invite", account_id="acc_{a|1}", key="{id}")
    people = [{"id": n, "provider_id": f"ACo{n}"} for n in range(150)]
    for twice in ({"id": "x", "provider_id": "ACo3"}, {"id": "x", "provider_id": " ACo149 "}):
        at = int(twice["provider_id"].strip()[3:]) + 1
        for ask in (importer.preview, importer.load):
            with pytest.raises(ImportRefusedError, match=f"same person as line {at}") as caught:
                await ask([*people, twice], recipe, How())
            assert [one.line for one in caught.value.problems] == [151]
    assert await store.counts(Filter()) == {}
    # From another account it is another one.
    more = [{"id": f"o{n}", "provider_id": f"ACo{n}", "a": "2"} for n in range(2)]
    done = await importer.load([*people, *more], recipe, How())
    assert (done.queued, done.refusals) == (152, 0)
    assert (await importer.load([*people, *more], recipe, How())).already == 152


@pytest.mark.parametrize("state", ["queued", "held", "sent", "cancelled"])
async def test_a_preview_tells_of_whom_the_outbox_invites_already(store, state):
    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)
    first = Recipe(kind="invite", account_id="acc_1", hold=state == "held")
    people = [{"id": n, "provider_id": f"ACo{n}"} for n in range(3)]
    await importer.load(people[:2], first, How())
    if state == "sent":
        await store.enter("w")
        for _ in range(2):
            row = (await store.claim("w", lease=60.0)).row
            await store.mark(row.id, row.fence, seconds=30.0)
            await store.finish(row.id, row.fence, Finish(state="sent"))
    elif state == "cancelled":
        await store.cancel(Filter(), reason="so")
    closed = state in {"sent", "cancelled"}
    again = Recipe(kind="invite", account_id="acc_1", key="again/{id}")
    found = await importer.preview(people, again, How(most_problems=1))
    done = await importer.load(people, again, How(most_problems=1))
    assert (
        (found.new, found.refusals) == (done.queued, done.refusals) == ((3, 0), (1, 2))[not closed]
    )
    assert found.plans == ({"invite": 3 if closed else 1},)
    for told in (found, done):
        assert [one.line for one in told.refused] == ([] if closed else [1])
    if not closed:
        assert (await store.find(Filter()))[0].id in found.refused[0].message


async def test_items_are_found_by_their_keys(store):
    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)
    await importer.load(lines(5), Recipe(text="Hi", key="k/{id}"), How())
    found = await store.find(Filter(keys=("k/3", "k/1", "none")), limit=10)
    assert [row.key for row in found] == ["k/1", "k/3"]
    assert await store.find(Filter(keys=())) == []
    assert await store.counts(Filter(keys=("k/0",))) == {"queued": 1}
    cancelled = await store.cancel(Filter(keys=("k/0", "k/1"), account_id="acc_0"), reason="r")
    assert cancelled == 1
