"""A world may be larger than what anybody asks for: it is made where somebody looks."""

from __future__ import annotations

import time
import tracemalloc

from postpress_async.sandbox import Sandbox
from postpress_async.sandbox.control import sizes_of
from postpress_async.sandbox.ids import Ids, Shuffle
from postpress_async.sandbox.rows import KEPT, Shelf
from postpress_async.sandbox.world.store import World
from postpress_async.sandbox.world.talk import message_json

SIZES = {"accounts": {"LINKEDIN": 300}, "chats": 20, "messages": 500}  # three million messages


async def test_a_reset_to_millions_answers_at_once(api):
    tracemalloc.start()
    start = time.process_time()
    answer = await api.steer("/reset", {"seed": 3, **SIZES})
    world = answer.json
    assert len(world["accounts"]) == 300
    account = world["accounts"][200]
    chat = account["chats"][7]
    rows = (await api.get(f"/chats/{chat}/messages?limit=250")).items
    assert len(rows) == 250
    assert (await api.get(f"/messages/{rows[9]['id']}")).json == rows[9]
    assert len((await api.get("/messages")).items) == 100
    assert len((await api.get("/chats")).items) == 100
    spent = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # generous: tracing itself makes it several times slower
    assert spent < 20
    assert peak < 250 * 2**20


def test_only_what_is_asked_for_is_made():
    world = World(3, sizes_of(SIZES["accounts"], SIZES["chats"], SIZES["messages"]))
    assert not world._rooms
    page = [message for message, _ in zip(world.messages_below(None), range(100), strict=False)]
    assert len(world._rooms) < 150
    made = [chat for room in world._rooms.values() for chat in room.chats if chat.history is None]
    assert len(made) < 150
    assert world.find_message(page[5].id) is page[5]


def test_an_id_leads_to_its_place_and_no_other():
    ids = Ids(1)
    seen = set()
    for account in (0, 1, 999):
        for chat in (0, 1, 100_000):
            assert ids.find_chat(ids.chat(account, chat)) == (account, chat)
            assert ids.find_attendee(ids.attendee(account, chat)) == (account, chat, 0)
            for index in (0, 1, 99_999):
                one = ids.message(account, chat, index)
                assert ids.find_message(one) == (account, chat, index)
                assert ids.find_attendee("att_" + one) is None
                seen.add(one)
    assert len(seen) == 27
    other = Ids(2)
    assert all(other.find_message(one) is None for one in seen)
    for strange in ("", "x", "chat_01", "chat_01" + "!" * 24, "é" * 22, "_" * 22, "1" * 19):
        for find in (ids.find_chat, ids.find_message, ids.find_attendee):
            assert find(strange) is None
        assert strange == "1" * 19 or ids.find_invitation(strange) is None


def test_a_shuffle_is_a_permutation():
    shuffle = Shuffle(10, "seed")
    assert sorted(map(shuffle.forth, range(1024))) == list(range(1024))
    assert [shuffle.back(shuffle.forth(one)) for one in range(1024)] == list(range(1024))


def test_ids_that_nobody_has_are_not_found():
    world = Sandbox(seed=1)._engine.world
    ids = world.ids
    for strange in (ids.message(99, 0, 0), ids.message(0, 99, 0), ids.message(0, 0, 99)):
        assert world.find_message(strange) is None
    for strange in (ids.chat(99, 0), ids.chat(0, 99), "chat_01" + "0" * 24):
        assert world.find_chat(strange) is None
    assert world.find_attendees(ids.attendee(0, 55_555)) == []


def test_the_shelf_of_written_rows_is_bounded():
    class Thing:
        full = short = None

    shelf = Shelf()
    things = [Thing() for _ in range(KEPT + 10)]
    for thing in things:
        shelf.write(thing, lambda _: {"a": None}, short=False)
    assert sum(thing.full is not None for thing in things) == KEPT
    assert things[0].full is None
    assert shelf.write(things[0], lambda _: {"a": None}, short=True) == b"{}"


def test_a_written_row_is_forgotten_when_its_message_changes():
    world = World(1, sizes_of({"WHATSAPP": 1}, 2, 3))
    chat = world.room(world.rows[0]).chats[0]
    said = world.say(chat, chat.attendees[-1], "mine", 1_900_000_000_000)
    world.shelf.write(said, message_json, short=False)
    world.say(chat, chat.attendees[0], "theirs", 1_900_000_000_001)
    assert said.full is None
    assert said.seen == 1
