"""What each method sends, what it counts as, and what its answer becomes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest

from postpress_async import (
    AddParticipant,
    Attendee,
    Chat,
    ChatDeleted,
    ChatHistorySync,
    ChatPatched,
    ChatStarted,
    Follower,
    FollowUp,
    GetInviteLink,
    InvitationCanceled,
    InvitationReceived,
    InvitationSent,
    LinkedInOptions,
    Message,
    MessageDeleted,
    MessageEdited,
    MessageForwarded,
    MessageReactionAdded,
    MessageSent,
    Page,
    Relation,
    RemoveParticipant,
    RequestOptions,
    SetArchiveStatus,
    SetLabel,
    SetMuteStatus,
    SetPinnedStatus,
    SetReadStatus,
    Timeout,
    UserInvitationHandled,
    UserInvitationSent,
)

from .conftest import form_of

PARIS = timezone(timedelta(hours=2))
AT = datetime(2026, 5, 1, 12, 30, 15, 123_999, tzinfo=PARIS)
ON_WIRE = "2026-05-01T10:30:15.123Z"
ID = "ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"
LEAD = "ACwAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"
PHONE = "33600000000@s.whatsapp.net"


class Case(NamedTuple):
    """One call, and what must have come of it."""

    name: str
    call: Any
    wire: str
    counts: str
    sample: str
    gives: type
    query: dict[str, str] | None = None
    json: dict[str, Any] | None = None
    form: list[tuple[str, str]] | None = None


CASES = [
    # -- users
    Case(
        "relations",
        lambda c: c.users.relations(account_id="acc_1", filter="ada b", page_size=1000).page(),
        "GET /users/relations",
        "browse",
        "relations_page_wild",
        Relation,
        query={"account_id": "acc_1", "filter": "ada b", "limit": "1000"},
    ),
    Case(
        "following",
        lambda c: c.account("acc_1").users.following(start="n").page(),
        "GET /users/following",
        "browse",
        "relations_page_wild",
        Relation,
        query={"account_id": "acc_1", "cursor": "n"},
    ),
    Case(
        "followers of somebody",
        lambda c: c.users.followers(account_id="acc_ig", user_id="cy").page(),
        "GET /users/followers",
        "browse",
        "followers_page_full",
        Follower,
        query={"account_id": "acc_ig", "user_id": "cy"},
    ),
    # -- invitations
    Case(
        "invite",
        lambda c: c.invitations.send(ID, account_id="acc_1"),
        "POST /users/invite",
        "invite",
        "user_invitation_sent_plain",
        UserInvitationSent,
        json={"provider_id": ID, "account_id": "acc_1"},
    ),
    Case(
        "invite with a note",
        lambda c: c.account("acc_1").invitations.send(ID, message="é" * 300, user_email="a@x.fr"),
        "POST /users/invite",
        "invite_note",
        "user_invitation_sent_plain",
        UserInvitationSent,
        json={
            "provider_id": ID,
            "account_id": "acc_1",
            "user_email": "a@x.fr",
            "message": "é" * 300,
        },
    ),
    Case(
        "follow",
        lambda c: c.account("acc_ig").invitations.send("https://instagram.com/cy/"),
        "POST /users/invite",
        "follow",
        "user_invitation_sent_plain",
        UserInvitationSent,
        json={"provider_id": "cy", "account_id": "acc_ig"},
    ),
    Case(
        "invitations sent",
        lambda c: c.account("acc_1").invitations.sent(page_size=250).page(),
        "GET /users/invite/sent",
        "browse",
        "invitations_page_wild",
        InvitationSent,
        query={"account_id": "acc_1", "limit": "250"},
    ),
    Case(
        "invitations received",
        lambda c: c.invitations.received(account_id="acc_1").page(),
        "GET /users/invite/received",
        "browse",
        "invitations_page_wild",
        InvitationReceived,
        query={"account_id": "acc_1"},
    ),
    Case(
        "cancel an invitation",
        lambda c: c.account("acc_1").invitations.cancel("71/91"),
        "DELETE /users/invite/sent/71/91",
        "other",
        "invitation_canceled",
        InvitationCanceled,
        query={"account_id": "acc_1"},
    ),
    Case(
        "accept by secret",
        lambda c: c.account("acc_1").invitations.accept("7191", shared_secret="s3"),
        "POST /users/invite/received/7191",
        "other",
        "invitation_handled_accepted",
        UserInvitationHandled,
        json={
            "provider": "LINKEDIN",
            "account_id": "acc_1",
            "shared_secret": "s3",
            "action": "accept",
        },
    ),
    Case(
        "decline on Instagram",
        lambda c: c.account("acc_ig").invitations.decline("501"),
        "POST /users/invite/received/501",
        "other",
        "invitation_handled_declined",
        UserInvitationHandled,
        json={"provider": "INSTAGRAM", "account_id": "acc_ig", "action": "decline"},
    ),
    # -- chats
    Case(
        "chats between two instants",
        lambda c: c.chats.list(after=AT, before="2026-06-01T00:00:00.000Z", unread=True).page(),
        "GET /chats",
        "read",
        "chats_page_wild",
        Chat,
        query={"after": ON_WIRE, "before": "2026-06-01T00:00:00.000Z", "unread": "true"},
    ),
    Case(
        "chats of several accounts",
        lambda c: c.chats.list(account_id=["acc_1", "acc_wa"], account_type="LINKEDIN").page(),
        "GET /chats",
        "read",
        "chats_page_wild",
        Chat,
        query={"account_id": "acc_1,acc_wa", "account_type": "LINKEDIN"},
    ),
    Case(
        "start",
        lambda c: c.account("acc_1").chats.start(to=ID, text="Hi é"),
        "POST /chats",
        "first_message",
        "chat_started_full",
        ChatStarted,
        form=[("account_id", "acc_1"), ("attendees_ids", ID), ("text", "Hi é")],
    ),
    Case(
        "start with InMail",
        lambda c: c.chats.start(
            to=ID,
            text="Hi",
            subject="An offer",
            account_id="acc_1",
            linkedin=LinkedInOptions(api="classic", inmail=True, topic="careers"),
        ),
        "POST /chats",
        "inmail",
        "chat_started_full",
        ChatStarted,
        form=[
            ("account_id", "acc_1"),
            ("attendees_ids", ID),
            ("text", "Hi"),
            ("subject", "An offer"),
            ("linkedin[api]", "classic"),
            ("linkedin[inmail]", "true"),
            ("linkedin[topic]", "careers"),
        ],
    ),
    Case(
        "start as a recruiter",
        lambda c: c.account("acc_1").chats.start(
            to="AEMAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ",
            text="<em>Hi</em>",
            linkedin=LinkedInOptions(
                api="recruiter",
                inmail=False,
                signature="Bob",
                visibility="PROJECT",
                sourcing_channel="REFERRAL",
                follow_up=FollowUp(subject="S", text="T", weeks=2, timezone="Europe/Paris"),
            ),
        ),
        "POST /chats",
        "first_message",
        "chat_started_full",
        ChatStarted,
        form=[
            ("account_id", "acc_1"),
            ("attendees_ids", "AEMAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"),
            ("text", "<em>Hi</em>"),
            ("linkedin[api]", "recruiter"),
            ("linkedin[inmail]", "false"),
            ("linkedin[signature]", "Bob"),
            ("linkedin[sourcing_channel]", "REFERRAL"),
            ("linkedin[visibility]", "PROJECT"),
            ("linkedin[follow_up][subject]", "S"),
            ("linkedin[follow_up][text]", "T"),
            ("linkedin[follow_up][scheduled_time][weeks]", "2"),
            ("linkedin[follow_up][scheduled_time][timezone]", "Europe/Paris"),
        ],
    ),
    Case(
        "start through Sales Navigator",
        lambda c: c.account("acc_1").chats.start(
            to=LEAD, text="Hi", linkedin=LinkedInOptions(api="sales_navigator", inmail=True)
        ),
        "POST /chats",
        "inmail",
        "chat_started_full",
        ChatStarted,
        form=[
            ("account_id", "acc_1"),
            ("attendees_ids", LEAD),
            ("text", "Hi"),
            ("linkedin[api]", "sales_navigator"),
            ("linkedin[inmail]", "true"),
        ],
    ),
    Case(
        "start a group",
        lambda c: c.account("acc_wa").chats.start_group(
            to=["+33 6 00 00 00 00", "33600000001@s.whatsapp.net", PHONE],
            subject="Vacation",
            text="Hello world!",
        ),
        "POST /chats",
        "first_message",
        "chat_started_full",
        ChatStarted,
        form=[
            ("account_id", "acc_wa"),
            ("attendees_ids", PHONE),
            ("attendees_ids", "33600000001@s.whatsapp.net"),
            ("text", "Hello world!"),
            ("subject", "Vacation"),
        ],
    ),
    *(
        Case(
            f"chat action {said['action']} {said.get('value')}",
            lambda c, action=action: c.account("acc_wa").chats.update("chat_1", action=action),
            "PATCH /chats/chat_1",
            "other",
            "chat_patched",
            ChatPatched,
            json=said,
        )
        for action, said in (
            (SetReadStatus(), {"action": "setReadStatus", "value": True}),
            (SetReadStatus(False), {"action": "setReadStatus", "value": False}),
            (SetMuteStatus(), {"action": "setMuteStatus", "value": True}),
            (SetArchiveStatus(), {"action": "setArchiveStatus", "value": True}),
            (SetPinnedStatus(False), {"action": "setPinnedStatus", "value": False}),
            (AddParticipant(PHONE), {"action": "addParticipant", "value": PHONE}),
            (RemoveParticipant(PHONE), {"action": "removeParticipant", "value": PHONE}),
            (SetLabel("Leads é"), {"action": "setLabel", "value": "Leads é"}),
            (GetInviteLink(), {"action": "getInviteLink"}),
        )
    ),
    Case(
        "sync",
        lambda c: c.account("acc_1").chats.sync("chat_1"),
        "GET /chats/chat_1/sync",
        "other",
        "chat_history_sync_started",
        ChatHistorySync,
        query={},
    ),
    Case(
        "delete a chat",
        lambda c: c.chats.delete("chat_1", account_id="acc_1"),
        "DELETE /chats/chat_1",
        "other",
        "chat_deleted",
        ChatDeleted,
        query={},
    ),
    # -- messages
    Case(
        "send",
        lambda c: c.account("acc_wa").messages.send(
            chat_id="chat_1", text="Hi", quote_id="msg_9", thread_id="t", typing_duration=1.5
        ),
        "POST /chats/chat_1/messages",
        "message",
        "message_sent_full",
        MessageSent,
        form=[
            ("text", "Hi"),
            ("account_id", "acc_wa"),
            ("quote_id", "msg_9"),
            ("thread_id", "t"),
            ("typing_duration", "1500"),
        ],
    ),
    Case(
        "edit",
        lambda c: c.account("acc_wa").messages.edit("msg_1", text="Hello"),
        "PATCH /messages/msg_1",
        "other",
        "message_edited",
        MessageEdited,
        json={"text": "Hello"},
    ),
    Case(
        "delete a message",
        lambda c: c.account("acc_wa").messages.delete("msg_1"),
        "DELETE /messages/msg_1",
        "other",
        "message_deleted",
        MessageDeleted,
        query={},
    ),
    Case(
        "react",
        lambda c: c.account("acc_wa").messages.react("msg_1", reaction="👍"),
        "POST /messages/msg_1/reaction",
        "react",
        "message_reaction_added",
        MessageReactionAdded,
        json={"reaction": "👍"},
    ),
    Case(
        "forward",
        lambda c: c.account("acc_wa").messages.forward("msg_1", chat_id="chat_2"),
        "POST /messages/msg_1/forward",
        "message",
        "message_forwarded_full",
        MessageForwarded,
        json={"chat_id": "chat_2"},
    ),
    # -- attendees
    Case(
        "attendees",
        lambda c: c.account("acc_1").attendees.list(page_size=5).page(),
        "GET /chat_attendees",
        "read",
        "attendees_page_full",
        Attendee,
        query={"account_id": "acc_1", "limit": "5"},
    ),
    Case(
        "an attendee",
        lambda c: c.attendees.get("att_1"),
        "GET /chat_attendees/att_1",
        "read",
        "attendee_full",
        Attendee,
        query={},
    ),
    Case(
        "chats of an attendee",
        lambda c: c.attendees.chats(PHONE, account_id="acc_wa", after=AT).page(),
        f"GET /chat_attendees/{PHONE}/chats",
        "read",
        "chats_page_wild",
        Chat,
        query={"account_id": "acc_wa", "after": ON_WIRE},
    ),
    Case(
        "chats of several attendees",
        lambda c: c.account("acc_1").attendees.chats(["att_1", "att_2"]).page(),
        "GET /chat_attendees/att_1,att_2/chats",
        "read",
        "chats_page_wild",
        Chat,
        query={"account_id": "acc_1"},
    ),
    Case(
        "messages of an attendee",
        lambda c: c.attendees.messages("att_1", before=AT, start="c").page(),
        "GET /chat_attendees/att_1/messages",
        "read",
        "messages_page_wild",
        Message,
        query={"before": ON_WIRE, "cursor": "c"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_a_method_sends_and_returns(talk, case):
    talking = talk(case.sample)
    value = await case.call(talking.client)
    request = talking.request
    assert f"{request.method} {request.path.removeprefix('/v1')}" == case.wire
    assert talking.action == case.counts
    if case.query is not None:
        assert request.query == {name: [value] for name, value in case.query.items()}
    if case.json is not None:
        assert request.json == case.json
        assert request.headers["content-type"] == "application/json"
    if case.form is not None:
        assert form_of(request) == case.form
    assert (case.json is None and case.form is None) == (request.body == b"")
    assert ("idempotency-key" in request.headers) == (request.method in {"POST", "PATCH"})
    if isinstance(value, Page):
        assert value.items
        assert all(type(one) is case.gives for one in value.items)
    else:
        assert type(value) is case.gives
        assert value.issues == ()


async def test_an_invitation_that_was_received_answers_itself(talk):
    talking = talk("invitation_handled_accepted")
    invitation = InvitationReceived(id="7191", specifics=None)
    account = talking.client.account("acc_ig")
    assert (await account.invitations.accept(invitation)).is_accepted
    assert talking.request.json["provider"] == "INSTAGRAM"

    talking = talk("invitations_page_wild", "invitation_handled_declined")
    account = talking.client.account("acc_1")
    page = await account.invitations.received().page()
    handled = await account.invitations.decline(
        page.items[1].__class__(id="7191", specifics=page.items[1].specifics), shared_secret="given"
    )
    assert not handled.is_accepted
    assert talking.fake.requests[1].json["shared_secret"] == "given"


async def test_the_secret_of_a_listed_invitation_is_used(talk):
    full = {"object": "InvitationReceived", "id": "7"}
    full["specifics"] = {"provider": "LINKEDIN", "shared_secret": "xYz"}
    talking = talk({"items": [full]}, "invitation_handled_accepted", providers={})
    account = talking.client.account("acc_new")
    async for invitation in account.invitations.received():
        await account.invitations.accept(invitation)
    said = talking.fake.requests[1].json
    assert (said["provider"], said["shared_secret"]) == ("LINKEDIN", "xYz")


async def test_an_unknown_provider_is_learned_before_an_invitation_counts(talk):
    account = {"object": "Account", "id": "acc_n", "type": "INSTAGRAM", "name": "n"}
    account |= {"created_at": "2026-01-01T00:00:00.000Z", "connection_params": {}, "sources": []}
    talking = talk(account, "user_invitation_sent_plain", limits=None)
    await talking.client.invitations.send("cy", account_id="acc_n")
    assert [request.path for request in talking.fake.requests] == [
        "/v1/accounts/acc_n",
        "/v1/users/invite",
    ]
    (lane,) = await talking.client.scheduler.snapshot("acc_n")
    assert any("follow" in use.limit and use.used == 1 for use in lane.limits)


async def test_the_usage_that_an_invitation_names_is_shown(talk):
    talking = talk("user_invitation_sent_full")
    sent = await talking.client.invitations.send(ID, account_id="acc_1")
    assert sent.usage == 75
    (lane,) = await talking.client.scheduler.snapshot("acc_1")
    assert lane.warnings == ("invitations: 75 % of the provider's allowance are used",)


async def test_a_sync_is_followed_to_its_end_on_the_clients_clock(talk, virtual_clock):
    states = ["started", "running", "running", "done"]
    talking = talk(*(f"chat_history_sync_{one}" for one in states), clock=virtual_clock)
    talking.client._pipeline._random = lambda: 0.5
    seen = []
    sync = talking.client.chats.sync(
        "chat_1", account_id="acc_1", wait=600.0, progress=lambda one: seen.append(one.status)
    )
    assert (await sync).is_done
    assert seen == ["SYNC_STARTED", "SYNC_RUNNING", "SYNC_RUNNING", "SYNC_DONE"]
    assert virtual_clock.slept == [2.0, 3.0, 4.5]


async def test_a_sync_that_takes_too_long_is_told_as_it_stands(talk, virtual_clock):
    running = ["chat_history_sync_running"] * 9
    talking = talk(*running, clock=virtual_clock)
    talking.client._pipeline._random = lambda: 1.0
    sync = await talking.client.chats.sync("chat_1", account_id="acc_1", wait=10.0)
    assert not sync.is_over
    assert virtual_clock.slept == [2.5, 3.75]
    assert len(talking.fake.requests) == 3


@pytest.mark.parametrize(
    ("answer", "reachable"),
    [("resource_not_found", False), ("invalid_resource_identifier", False), (None, True)],
)
async def test_a_number_is_reachable_if_a_profile_comes(talk, problem_of, answer, reachable):
    found = {"object": "UserProfile", "provider": "WHATSAPP", "id": PHONE}
    talking = talk(problem_of(answer, 404) if answer else found)
    account = talking.client.account("acc_wa")
    assert await account.users.reachable("+33 6 00 00 00 00") is reachable
    assert talking.request.path == f"/v1/users/{PHONE}"
    assert talking.action == "profile"


async def test_a_number_is_written_as_the_accounts_provider_does(talk, problem_of):
    account = {"object": "Account", "id": "acc_n", "type": "TELEGRAM", "name": "n", "sources": []}
    talking = talk(account, problem_of("resource_not_found", 404))
    assert not await talking.client.users.reachable("+33600000000", account_id="acc_n")
    assert [request.path for request in talking.fake.requests] == [
        "/v1/accounts/acc_n",
        "/v1/users/33600000000",
    ]


async def test_a_number_on_telegram_goes_by_its_digits(talk):
    talking = talk({"object": "UserProfile", "provider": "TELEGRAM", "provider_id": "5"})
    assert await talking.client.users.reachable("+33600000000", account_id="acc_tg")
    assert talking.request.path == "/v1/users/33600000000"


@pytest.mark.parametrize("total", [60.0, None])
async def test_an_answer_is_awaited_for_longer_by_what_the_service_types(talk, total):
    talking, typed = talk("message_sent_full", "message_sent_full"), 40.0
    options = RequestOptions(timeout=Timeout(total=total, connect=5.0, read=30.0))
    account, seen, exchange = talking.client.account("acc_wa"), [], talking.fake.exchange

    async def noted(request, sending, /):
        seen.append(request.timeout)
        return await exchange(request, sending)

    talking.fake.exchange = noted
    for seconds in (None, typed):
        await account.messages.send(
            chat_id="c", text="Hi", typing_duration=seconds, options=options
        )
    plain, longer = seen
    assert plain == options.timeout
    total = None if total is None else total + typed
    assert longer == Timeout(total=total, connect=5.0, read=30.0 + typed)
