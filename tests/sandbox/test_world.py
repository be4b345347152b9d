"""The same seed makes the same world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from postpress_async.sandbox import ControlError, Sandbox
from postpress_async.sandbox.world.build import DEFAULT_ACCOUNTS, HISTORY_ENDS
from postpress_async.sandbox.world.people import build_directory, readable_by
from postpress_async.sandbox.world.things import PROVIDERS

DUMP = """
import hashlib, json, random, sys
from postpress_async.sandbox.control import sizes_of
from postpress_async.sandbox.world import linkedin, network, talk
from postpress_async.sandbox.world.overview import overview
from postpress_async.sandbox.world.store import World
world = World(5, sizes_of(None, None, None))
order = list(world.rows)
random.Random(int(sys.argv[1])).shuffle(order)
for account in order:  # whichever door is opened first, the rooms are the same
    room = world.room(account)
    for chat in random.Random(int(sys.argv[1])).sample(room.chats, 5):
        chat.messages
account = world.rows[0]
rows = [overview(world), [talk.message_json(m) for m in world.messages_below(None)],
        [talk.chat_with_last(r.chat) for r in world.chats_below(world.rows, None, None)],
        [network.attendee_json(a, world.room(a.account))
         for a in world.attendees_below(world.rows, None)],
        [network.invitation_json(i, 0)
         for a in world.rows for i in world.room(a).invitations.values()],
        [network.relation_json(r) for a in world.rows for r in a.relations.values()],
        [linkedin.profile(p, account, selectors=["*"], product="recruiter", invited=None)
         for p in world.directories["LINKEDIN"].people]]
print(hashlib.sha256(json.dumps(rows).encode()).hexdigest())
"""


def test_one_seed_makes_one_world_in_every_process_and_order_of_access():
    digests = {
        subprocess.run(
            [sys.executable, "-c", DUMP, seed],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1
    assert len(digests.pop()) > 60


def test_another_seed_makes_another_world():
    assert Sandbox(seed=1).world() == Sandbox(seed=1).world()
    one, other = Sandbox(seed=1).world(), Sandbox(seed=2).world()
    assert one["api_key"] != other["api_key"]
    ids = {row["id"] for world in (one, other) for row in world["accounts"]}
    assert len(ids) == 2 * sum(DEFAULT_ACCOUNTS.values())


def test_the_world_has_every_provider_and_the_promised_keys():
    world = Sandbox(seed=3).world()
    assert {row["provider"] for row in world["accounts"]} == set(PROVIDERS)
    for row in world["accounts"]:
        assert {"id", "provider", "status", "chats", "relations", "people"} <= set(row)
        assert row["status"] == "OK"
        assert row["chats"]
        assert row["relations"]
        assert row["recipients"]
    json.dumps(world)


def test_reset_makes_a_world_of_that_size():
    sandbox = Sandbox(seed=1)
    world = sandbox.reset(seed=9, accounts={"LINKEDIN": 4, "TELEGRAM": 1}, chats=7, messages=3)
    assert world == sandbox.world()
    assert [row["provider"] for row in world["accounts"]] == ["LINKEDIN"] * 4 + ["TELEGRAM"]
    assert all(len(row["chats"]) == 7 for row in world["accounts"])
    assert world == Sandbox(seed=9, accounts={"LINKEDIN": 4, "TELEGRAM": 1}, chats=7).world() | {
        "api_key": sandbox.api_key
    }
    assert sandbox.reset(accounts={}, chats=0, messages=0)["accounts"] == []


@pytest.mark.parametrize(
    "sizes",
    [{"accounts": {"FAX": 1}}, {"chats": -1}, {"messages": 10**9}, {"accounts": {"LINKEDIN": -1}}],
)
def test_a_size_that_makes_no_sense_is_refused(sizes):
    with pytest.raises(ControlError):
        Sandbox(**sizes)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nobody_shares_an_identifier(provider):
    people = build_directory(1, provider, 2_000).people
    names = [name for person in people for name in readable_by(person)]
    assert len(set(names)) == len(names)


async def test_everybody_can_be_read_under_every_name(api):
    for account in api.accounts.values():
        for name in account["people"][:: 7 if account["provider"] == "LINKEDIN" else 3]:
            answer = await api.get(f"/users/{name}?account_id={account['id']}")
            assert answer.status == 200, (account["provider"], name)
            assert answer.json["provider"] == account["provider"]


async def test_relations_can_be_read(api):
    for account in api.accounts.values():
        answer = await api.get(f"/users/{account['relations'][0]}?account_id={account['id']}")
        assert answer.status == 200


async def test_history_lies_in_the_past(api):
    newest = (await api.get("/messages?limit=1")).items[0]["timestamp"]
    assert newest <= "2026-01-15T12:00:00.000Z"
    assert api.sandbox.clock.time() * 1000 > HISTORY_ENDS
