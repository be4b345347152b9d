"""Walks through lists while the world changes: what was there at the start is met once."""

from __future__ import annotations

from itertools import islice
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async.sandbox.control import sizes_of
from postpress_async.sandbox.paging import below, merged
from postpress_async.sandbox.world.store import World

NOW = 1_900_000_000_000
happens = st.lists(
    st.tuples(st.sampled_from(["mine", "theirs", "start"]), st.integers(0, 30)), max_size=4
)


def small_world():
    return World(1, sizes_of({"LINKEDIN": 1, "WHATSAPP": 2, "TELEGRAM": 1}, 4, 3))


def change(world, kind, number, now):
    """Have something happen to somebody."""
    account = world.rows[number % len(world.rows)]
    room = world.room(account)
    if kind == "start":
        people = world.directories[account.provider].people
        world.begin_chat(account, [people[number % len(people)]], now)
        return
    chat = room.chats[number % len(room.chats)]
    sender = room.me if kind == "mine" else chat.attendees[0]
    world.say(chat, sender, "x", now)


def walks(world):
    """List every kind of walk: how it goes on from a key, as of a moment."""
    account = world.rows[1]
    room = world.room(account)
    return {
        "all messages": lambda key, since: world.messages_below(key),
        "messages": lambda key, since: room.messages_below(key),
        "a chat's messages": lambda key, since: below(room.chats[0].messages, key),
        "all chats": lambda key, since: world.chats_below(world.rows, key, since),
        "chats": room.chats_below,
        "attendees": lambda key, since: world.attendees_below(world.rows, key),
    }


def named(row):
    return (row.chat if type(row).__name__ == "Ranked" else row).id


@pytest.mark.parametrize("name", list(walks(small_world())))
@settings(deadline=None, max_examples=settings().max_examples * 40 // 100)
@given(
    before=happens,
    between=st.lists(happens, max_size=8),
    size=st.integers(1, 7),
    cold=st.booleans(),
)
def test_a_walk_meets_what_was_there_once_and_in_order(name, before, between, size, cold):
    world = small_world()
    walk, now = walks(world)[name], NOW
    for kind, number in before:
        now += number
        change(world, kind, number, now)
    since = world.number()
    # what was there: from a twin, so that the walk meets rooms that nobody has opened
    twin = small_world()
    twin_now = NOW
    for kind, number in before:
        twin_now += number
        change(twin, kind, number, twin_now)
    there = [named(row) for row in walks(twin)[name](None, twin.number())]
    if not cold:
        assert there == [named(row) for row in walk(None, since)]
    key, met, changes = None, [], iter(between)
    while page := list(islice(walk(key, since), size)):
        met += [named(row) for row in page]
        key = page[-1].key
        for kind, number in next(changes, []):
            now += number
            change(world, kind, number, now)
    assert len(met) == len(set(met))
    old = set(there)
    assert [one for one in met if one in old] == there
    if name != "attendees":  # its newest stand behind what is left of other accounts
        assert met == there


class Row:
    def __init__(self, key):
        self.key = key


@given(st.lists(st.lists(st.integers(0, 50), max_size=9), max_size=6), st.integers(0, 3))
def test_lazy_merging_is_sorting(columns, slack):
    numbers = iter(range(1000))
    lists = [sorted(((at, next(numbers)) for at in rows), reverse=True) for rows in columns]
    begun = []

    def walk(rows):
        begun.append(rows)
        return iter([Row(key) for key in rows])

    sources = [
        ((rows[0][0] + slack, rows[0][1]), lambda rows=rows: walk(rows)) for rows in lists if rows
    ]
    merge = merged(sources)
    first = next(merge, None)
    everything = sorted((key for rows in lists for key in rows), reverse=True)
    if first is not None:
        # only what could have been first was begun
        assert all(rows[0][0] + slack >= first.key[0] for rows in begun)
        assert [first.key, *(row.key for row in merge)] == everything


@pytest.mark.parametrize("path", ["/chats?", "/messages?", "/messages?account_id={account}&"])
async def test_a_walk_over_the_wire_while_people_talk(api, sandbox, path):
    account = api.account("WHATSAPP")
    path = path.format(account=account["id"])
    there = [row["id"] for row in (await api.get(f"{path}limit=250")).items]
    met, cursor, step = [], None, 0
    while True:
        more = "" if cursor is None else "&cursor=" + quote(cursor, safe="")
        page = (await api.get(f"{path}limit=20{more}")).json
        met += [row["id"] for row in page["items"]]
        cursor = page["cursor"]
        if cursor is None or len(met) >= len(there):
            break
        step += 1
        chat = account["chats"][-step % len(account["chats"])]  # the last ones rise to the top
        sandbox.receive(account_id=account["id"], chat_id=chat, text="Up")
    assert met[: len(there)] == there


@pytest.mark.parametrize("path", ["/chats", "/messages", "/chat_attendees"])
async def test_cursors_of_one_walk_are_good_after_others_walked(api, path):
    first = (await api.get(f"{path}?limit=5")).json
    follow = f"{path}?limit=5&cursor={quote(first['cursor'], safe='')}"
    once = (await api.get(follow)).json
    await api.get(path)
    assert (await api.get(follow)).json["items"] == once["items"]
    longer = (await api.get(follow.replace("limit=5", "limit=9"))).items
    assert longer[:5] == once["items"]


async def test_a_chat_deleted_in_the_middle_of_a_walk_is_not_met_again(api):
    first = (await api.get("/messages?limit=5")).json
    seen = [row["chat_id"] for row in first["items"]]
    whole = (await api.get("/messages?limit=250")).items
    gone = next(row["chat_id"] for row in whole[5:] if row["chat_id"] in seen)
    await api("DELETE", f"/chats/{gone}")
    follow = f"/messages?limit=250&cursor={quote(first['cursor'], safe='')}"
    rows = (await api.get(follow)).items
    assert rows
    assert gone not in {row["chat_id"] for row in rows}
