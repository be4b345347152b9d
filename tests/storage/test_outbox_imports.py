"""Files go into each store alike, and are known again there by their keys."""

import pytest

from postpress_async.outbox.importing import Importer
from postpress_async.outbox.putting import Names, tombstone_of
from postpress_async.outbox.recipes import ImportRefusedError, Recipe
from postpress_async.outbox.sources import How
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Filter


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'outbox.db'}"
    else:
        server, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("schema")
        url = f"{server}{'&' if '?' in server else '?'}prefix={schema}"
    store = open_outbox(url)
    yield store
    await store.aclose()


async def provider_of(account_id):
    return "LINKEDIN"


async def plan(account_id, actions):
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


async def test_items_are_found_by_their_keys(store):
    importer = Importer(store, new_id=Names(), provider_of=provider_of, plan=plan)
    await importer.load(lines(5), Recipe(text="Hi", key="k/{id}"), How())
    found = await store.find(Filter(keys=("k/3", "k/1", "none")), limit=10)
    assert [row.key for row in found] == ["k/1", "k/3"]
    assert await store.find(Filter(keys=())) == []
    assert await store.counts(Filter(keys=("k/0",))) == {"queued": 1}
    cancelled = await store.cancel(Filter(keys=("k/0", "k/1"), account_id="acc_0"), reason="r")
    assert cancelled == 1
