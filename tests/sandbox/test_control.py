"""The control plane: what it does, whom it listens to, and the journal it gives."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from postpress_async.sandbox import ControlError, Fault, HiddenLimit, Sandbox
from postpress_async.sandbox.control_api import ControlRequest
from postpress_async.sandbox.dashboard import page as draw

PROMISED = {
    "n", "at", "method", "route", "path", "account_id", "action", "status", "idempotency_key",
    "committed", "over_limit",
}  # fmt: skip
CALLS = [
    "reset",
    "faults",
    "limits",
    "clock",
    "idempotency",
    "receive",
    "accept",
    "accounts/a/status",
]


def host(sandbox, name="127.0.0.1"):
    return f"{name}:{sandbox.url.rpartition(':')[2]}"


# -- what it does ------------------------------------------------------------------------------


async def test_the_world_is_told_over_http(api, sandbox):
    assert (await api.steer("/world")).json == sandbox.world()


async def test_reset_over_http(api, sandbox):
    sandbox.faults([Fault(route="*", effect="reset")])
    sandbox.limits([HiddenLimit(action="message", amount=0, per=1)])
    body = {"seed": 4, "accounts": {"LINKEDIN": 2}, "chats": 3, "messages": 2}
    answer = await api.steer("/reset", body)
    assert answer.json == sandbox.world()
    assert [len(row["chats"]) for row in answer.json["accounts"]] == [3, 3]
    chat = answer.json["accounts"][0]["chats"][0]
    assert len((await api.get(f"/chats/{chat}/messages")).items) == 2
    assert (await api.send(chat)).status == 201  # neither fault nor limit is left
    for wrong in ({"accounts": 3}, {"accounts": {"FAX": 1}}, {"chats": "2"}, {"seed": 1.5}):
        assert (await api.steer("/reset", wrong)).status == 400


async def test_faults_and_limits_over_http(api, sandbox):
    fault = {"route": "POST /chats/{chat_id}/messages", "effect": "status", "status": 503}
    assert (await api.steer("/faults", {"faults": [fault]})).json["faults"][0]["stage"] == "before"
    assert (await api.send(api.account()["chats"][0])).status == 503
    assert (await api.steer("/faults", {"faults": []})).json == {"faults": []}
    limit = {"action": "message", "amount": 1, "per": "day", "retry_after": True}
    [told] = (await api.steer("/limits", {"limits": [limit]})).json["limits"]
    assert told == limit | {"provider": None, "account_id": None}
    for path, wrong in (
        ("/faults", {}),
        ("/faults", {"faults": [1]}),
        ("/faults", {"faults": [{"route": "*", "effect": "x"}]}),
        ("/limits", {"limits": [{"action": "message"}]}),
        ("/limits", {"limits": {}}),
    ):
        answer = await api.steer(path, wrong)
        assert answer.status == 400
        assert answer.json["error"]


async def test_a_wrong_list_leaves_the_old_one_in_force(sandbox, api):
    sandbox.faults([Fault(route="*", status=503)])
    with pytest.raises(ControlError):
        sandbox.faults([Fault(route="*", status=500), {"route": "*", "effect": "x"}])
    assert (await api.get("/accounts")).status == 503


async def test_something_is_received(api, sandbox):
    account = api.account()
    body = {"account_id": account["id"], "chat_id": account["chats"][0], "text": "Yes please"}
    before = (await api.get(f"/chats/{account['chats'][0]}")).json
    message = (await api.steer("/receive", body)).json
    chat = (await api.get(f"/chats/{account['chats'][0]}")).json
    assert chat["lastMessage"] == message
    assert (message["text"], message["is_sender"]) == ("Yes please", 0)
    assert chat["unread_count"] == before["unread_count"] + 1
    assert (await api.get("/chats?limit=1")).items[0]["id"] == chat["id"]
    for wrong in ({"chat_id": "x"}, {"account_id": "x"}, {"text": 1}):
        assert (await api.steer("/receive", body | wrong)).status == 400


async def test_an_invitation_is_accepted(api, sandbox):
    account = api.account()
    [invitation, *_] = account["invitations"]["sent"]
    told = (await api.steer("/accept", {"invitation_id": invitation})).json
    now = sandbox.world()["accounts"][0]
    assert told["account_id"] == account["id"]
    assert told["provider_id"] in set(now["relations"]) - set(account["relations"])
    assert invitation not in now["invitations"]["sent"]
    path = f"/users/{told['provider_id']}?account_id={account['id']}"
    assert (await api.get(path)).json["network_distance"] == "FIRST_DEGREE"
    for wrong in (invitation, account["invitations"]["received"][0], "x"):
        assert (await api.steer("/accept", {"invitation_id": wrong})).status == 400


async def test_a_pending_invitation_shows_in_the_profile(api):
    account = api.account()
    found = (await api.get(f"/users/{account['strangers'][1]}?account_id={account['id']}")).json
    assert found["invitation"] == {"type": "SENT", "status": "PENDING"}


async def test_a_status_is_set(api, sandbox):
    account = api.account()["id"]
    path = f"/accounts/{account}/status"
    answer = await api.steer(path, {"status": "CREDENTIALS"})
    assert answer.json == {"id": account, "status": "CREDENTIALS"}
    assert (await api.steer(path, {"status": "TIRED"})).status == 400
    assert (await api.steer("/accounts/none/status", {"status": "OK"})).status == 400


async def test_what_happens_is_announced():
    sandbox, heard = Sandbox(), []
    sandbox._engine.listeners.append(heard.append)
    account = sandbox.world()["accounts"][0]
    sandbox.receive(account_id=account["id"], chat_id=account["chats"][0], text="Hi")
    sandbox.accept(invitation_id=account["invitations"]["sent"][0])
    sandbox.set_status(account["id"], "CREDENTIALS")
    assert [one.kind for one in heard] == ["message_received", "new_relation", "account_status"]


# -- the journal -------------------------------------------------------------------------------


async def test_every_request_is_written_down(api, sandbox):
    account = api.account()
    await api.get(f"/users/jordan-walke?account_id={account['id']}")
    await api.send(account["chats"][0], "marker", headers={"Idempotency-Key": "k"})
    await api.get("/nothing")
    await api.get("/accounts", key="wrong")
    rows = (await api.steer("/journal")).json["items"]
    assert all(set(row) >= PROMISED for row in rows)
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert [row["status"] for row in rows] == [200, 201, 404, 401]
    assert [row["committed"] for row in rows] == [False, True, False, False]
    assert [row["action"] for row in rows] == ["profile", "message", None, None]
    assert [row["account_id"] for row in rows] == [account["id"], account["id"], None, None]
    assert rows[0]["route"] == "GET /users/{identifier}"
    assert rows[0]["path"] == "/users/jordan-walke"
    assert (rows[1]["idempotency_key"], rows[1]["text"]) == ("k", "marker")
    assert rows == [json.loads(json.dumps(entry.to_json())) for entry in sandbox.journal()]


async def test_the_journal_is_filtered(api, sandbox):
    one, other = api.account(), api.account(index=1)
    await api.send(one["chats"][0])
    await sandbox.advance(100)
    await api.send(other["chats"][0])
    await api.get(f"/chats/{other['chats'][0]}")
    middle = sandbox.journal()[1].at - 50

    async def numbers(query):
        return [row["n"] for row in (await api.steer("/journal?" + query)).json["items"]]

    assert await numbers("route=POST%20/chats/{chat_id}/messages") == [1, 2]
    assert await numbers("route=POST+/chats/{id}/messages") == [1, 2]
    assert await numbers(f"account_id={other['id']}") == [2, 3]
    assert await numbers("since=1") == [2, 3]
    assert await numbers(f"since={middle}") == [2, 3]
    assert await numbers("since=2001-01-01T00:00:00.000Z") == [1, 2, 3]
    assert await numbers("since=3") == []
    assert await numbers(f"route=*&account_id={other['id']}") == []
    assert (await api.steer("/journal?since=yesterday")).status == 400


async def test_numbers_go_on_across_a_reset(api, sandbox):
    await api.get("/accounts")
    sandbox.reset()
    assert sandbox.journal() == []
    await api.get("/accounts")
    assert [entry.n for entry in sandbox.journal()] == [2]


# -- whom it listens to ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/world", "/journal"])
@pytest.mark.parametrize(
    "name",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "2130706433", "0.0.0.0", "[::]"],
)
async def test_a_foreign_host_is_refused(api, sandbox, path, name):
    answer = await api.steer(path, headers={"Host": host(sandbox, name)})
    assert answer.status == 403
    assert sandbox.api_key not in answer.raw.decode()


async def test_the_host_needs_our_port(api):
    for name in ("localhost", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:", ""):
        assert (await api.steer("/world", headers={"Host": name})).status == 403


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
async def test_a_local_host_is_taken(api, sandbox, name):
    assert (await api.steer("/world", headers={"Host": host(sandbox, name)})).status == 200


async def test_a_foreign_host_is_fine_on_api_routes(api):
    assert (await api.get("/accounts", headers={"Host": "api.postpress.ai"})).status == 200


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None, "json"]
)
async def test_a_form_of_a_foreign_site_is_refused(api, sandbox, call, kind):
    before = sandbox.world()
    headers = {"Origin": "https://evil.example"} | ({"Content-Type": kind} if kind else {})
    answer = await api(
        "POST", f"/{call}", mount="/_sandbox", key=None, data=b'{"seed": 2}', headers=headers,
        skip_auto_headers=["Content-Type"],
    )  # fmt: skip
    assert answer.status == 415
    assert sandbox.world() == before


async def test_no_preflight_is_granted(api, sandbox):
    for method in ("OPTIONS", "PUT", "DELETE"):
        answer = await api(
            method, "/reset", mount="/_sandbox", key=None,
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
        )  # fmt: skip
        assert answer.status == 405
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_what_is_no_call_is_not_found(api):
    assert (await api.steer("/nothing")).status == 404
    assert (await api.steer("/nothing", {})).status == 404
    for body in (b"[]", b"{", b"\xff"):
        answer = await api(
            "POST", "/clock", mount="/_sandbox", key=None, data=body,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status == 400


async def test_the_control_plane_is_not_written_down(api, sandbox):
    await api.steer("/world")
    await api.steer("/")
    assert sandbox.journal() == []


@pytest.mark.parametrize("outside", ["0.0.0.0", "::", "192.168.1.1", "example.com", "", "10.0.0.1"])
def test_it_listens_on_loopback_unless_told_otherwise(outside):
    with pytest.raises(ControlError, match="loopback"):
        Sandbox(host=outside)
    Sandbox(host=outside, allow_outside=True)


def test_a_peer_from_outside_is_refused_whatever_host_it_names():
    sandbox = Sandbox(host="0.0.0.0", allow_outside=True)
    for peer, status in (
        ("127.0.0.1", 200),
        ("::1", 200),
        ("192.168.1.7", 403),
        ("fe80::1%eth0", 403),
    ):
        request = ControlRequest(
            method="GET", target="/_sandbox/world", host="localhost:80", peer=peer, port=80,
            content_type=None, body=b"",
        )  # fmt: skip
        assert sandbox._api.handle(request).status == status


# -- the dashboard -----------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what the page would load, and what it says."""

    def __init__(self):
        super().__init__()
        self.loaded, self.tags, self.said = [], set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loaded += [value for name, value in attributes if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.said.append(data)


async def test_the_dashboard_shows_everything_escaped_and_loads_nothing(api, sandbox):
    account = api.account()["id"]
    evil = "<script>alert(1)</script>"
    sandbox.faults([Fault(route="GET /users/{identifier}", status=503, type=evil, times=1)])
    sandbox.limits([HiddenLimit(action="profile", amount=1, per="day", account_id=evil)])
    await api.get(f"/users/%3Cscript%3Ealert(1)%3C%2Fscript%3E?account_id={account}")
    answer = await api.steer("/")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = Page()
    page.feed(answer.raw.decode())
    assert page.loaded == []
    assert "script" not in page.tags
    said = " ".join(page.said)
    assert f"GET /users/{evil}" in said
    assert evil in said.replace(f"GET /users/{evil}", "")
    assert account in said
    assert "503" in said


async def test_the_dashboard_of_an_empty_world():
    sandbox = Sandbox(accounts={})
    assert "None." in draw(sandbox._engine)
