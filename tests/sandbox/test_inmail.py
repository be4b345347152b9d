"""The paid ways to write on LinkedIn."""

from __future__ import annotations

import pytest

from postpress_async.sandbox.routes.starting import is_open

ACW, AEM = "ACw", "AEM"


def body(account, *recipients, **linkedin):
    return {
        "account_id": account["id"],
        "attendees_ids": list(recipients),
        "text": "Hi",
        "linkedin": linkedin,
    }


def person(sandbox, wanted):
    """Find a stranger by what they are."""
    world = sandbox._engine.world
    known = world.rows[0].relations
    people = world.directories["LINKEDIN"].people
    return next(one for one in people if one.seen_as not in known and wanted(one))


@pytest.mark.parametrize("api_name", ["recruiter", "sales_navigator"])
async def test_the_paid_products_write_to_strangers_under_their_own_ids(api, sandbox, api_name):
    account = api.account()
    stranger = person(sandbox, lambda one: one.number and not is_open(one))
    wrong = await api.post("/chats", json=body(account, stranger.internal_id, api=api_name))
    assert (wrong.status, wrong.type) == (422, "invalid_recipient")
    right = await api.post("/chats", json=body(account, stranger.other_ids[api_name], api=api_name))
    assert right.status == 201, right.raw
    chat = (await api.get(f"/chats/{right.json['chat_id']}")).json
    assert chat["folder"] == ["INBOX", f"INBOX_LINKEDIN_{api_name.upper()}"]
    assert chat["content_type"] == "inmail"
    assert chat["lastMessage"]["message_type"] == "INMAIL"
    assert chat["attendee_provider_id"] == stranger.seen_as


async def test_a_product_must_be_subscribed_to(api, sandbox):
    stranger = person(sandbox, lambda one: one.number > 0)
    for index, product in ((1, "recruiter"), (2, "sales_navigator")):
        account = api.account(index=index)
        answer = await api.post("/chats", json=body(account, stranger.internal_id, api=product))
        assert (answer.status, answer.type) == (403, "feature_not_subscribed")


async def test_an_open_profile_costs_no_credit(api, sandbox):
    account, world = api.account(), sandbox._engine.world
    owner = world.account(account["id"])
    free = person(sandbox, is_open)
    paid = person(sandbox, lambda one: one.number and not is_open(one))
    for stranger, cost in ((free, 0), (paid, 1)):
        before = owner.inmails
        answer = await api.post("/chats", json=body(account, stranger.internal_id, inmail=True))
        assert answer.status == 201
        assert before - owner.inmails == cost
    profile = await api.get(f"/users/{free.internal_id}?account_id={account['id']}")
    assert profile.json["is_open_profile"] is True


@pytest.mark.parametrize(
    ("linkedin", "status", "type"),
    [
        ({"api": "premium"}, 400, "invalid_parameters"),
        ({"topic": "gossip"}, 400, "invalid_parameters"),
        ({"visibility": "SECRET"}, 400, "invalid_parameters"),
        ({"sourcing_channel": "TV"}, 400, "invalid_parameters"),
        ({"follow_up": {"text": "x"}}, 400, "missing_parameters"),
        ("classic", 400, "invalid_parameters"),
    ],
)
async def test_options_that_make_no_sense_are_refused(api, linkedin, status, type):
    account = api.account()
    asked = body(account, account["recipients"][0]) | {"linkedin": linkedin}
    answer = await api.post("/chats", json=asked)
    assert (answer.status, answer.type) == (status, type)


async def test_an_inmail_goes_to_one_person(api, sandbox):
    account = api.account()
    two = [account["strangers"][0], account["strangers"][1]]
    answer = await api.post("/chats", json=body(account, *two, inmail=True))
    assert (answer.status, answer.type) == (422, "not_allowed_inmail")


@pytest.mark.parametrize(
    ("provider", "most"),
    [("LINKEDIN", 8_000), ("INSTAGRAM", 1_000), ("TELEGRAM", 4_096), ("WHATSAPP", 65_536)],
)
async def test_texts_and_subjects_have_a_length(api, provider, most):
    account = api.account(provider)
    chat, start = account["chats"][0], {"account_id": account["id"], "attendees_ids":
                                        account["recipients"][:1]}  # fmt: skip
    assert (await api.send(chat, "é" * most)).status == 201
    for answer in (
        await api.send(chat, "é" * (most + 1)),
        await api.post("/chats", json=start | {"text": "é" * (most + 1)}),
        await api.post("/chats", json=start | {"text": "x", "subject": "s" * 201}),
    ):
        assert (answer.status, answer.type) == (400, "too_many_characters")
