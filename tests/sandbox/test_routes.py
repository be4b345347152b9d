"""The route table against the documented one, and how a request finds its route."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.sandbox import ControlError
from postpress_async.sandbox.routes.table import ROUTES
from postpress_async.sandbox.routing import Router, parse_target, shape_of

# The index of the reference pages, but for its abbreviations, which are spelled out.
DOCUMENTED = (Path(__file__).parents[1] / "data" / "routes.txt").read_text(encoding="utf-8")
ACTIONS = {
    "profile", "search", "browse", "invite", "invite_note", "first_message", "message", "inmail",
    "follow", "react", "comment", "post", "edit", "login", "read", "other",
}  # fmt: skip
ROUTER = Router(ROUTES)


def documented() -> set[str]:
    return set(re.findall(r"(?:GET|POST|PUT|PATCH|DELETE) /[\w/{}]*", DOCUMENTED))


def test_every_documented_route_is_known_and_no_other():
    assert {route.name for route in ROUTES} == documented()
    assert len(ROUTES) == len(documented()) == 90  # 89 documented ones; drafts have two homes


def test_no_two_routes_have_one_shape():
    shapes = [shape_of(route.name) for route in ROUTES]
    assert len(set(shapes)) == len(shapes)


def test_every_action_is_one_of_the_known_words():
    named = {route.action for route in ROUTES if isinstance(route.action, str)}
    assert named <= ACTIONS


@given(
    route=st.sampled_from(ROUTES),
    value=st.text(min_size=1).filter(lambda text: text not in (".", "..")),
)
def test_an_encoded_value_reaches_the_route_that_was_meant(route, value):
    # `me` and its like are routes themselves: no encoding of an identifier can mean both
    steps = [quote(value, safe="") if "{" in step else step for step in route.template.split("/")]
    target = parse_target("/v1" + "/".join(steps))
    match = ROUTER.match(route.method, target.segments)
    assert match is not None
    literals = {step for other in ROUTES for step in other.template.split("/")}
    if value not in literals:
        assert match.route is route
        assert set(match.params.values()) <= {value}


@pytest.mark.parametrize("mount", ["/v1", "/api/v1"])
@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_both_mounts_and_trailing_slashes(mount, slash):
    target = parse_target(f"{mount}/users/me{slash}?account_id=a")
    assert (target.mount, target.query) == (mount, "account_id=a")
    assert ROUTER.match("GET", target.segments).route.template == "/users/me"


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/v1/users/a%2F..%2F..%2Faccounts", "/users/{identifier}"),
        ("/v1/users/../accounts", "/accounts"),
        ("/v1/users/%2e%2E/accounts", "/accounts"),
        ("/v1/users/./me", "/users/me"),
        ("/v1/users/a/../../accounts", "/accounts"),
        ("http://example.com/v1/users/me", "/users/me"),
        ("/v1/users/%6De", "/users/{identifier}"),
    ],
)
def test_a_path_is_read_as_a_gateway_reads_it(path, seen):
    assert ROUTER.match("GET", parse_target(path).segments).route.template == seen


@pytest.mark.parametrize("path", ["/v1", "/v2/users/me", "/users/me", "/v1/users//posts", "/", "*"])
def test_what_is_no_route(path):
    target = parse_target(path)
    assert target.mount is None or ROUTER.match("GET", target.segments) is None


async def test_the_journal_tells_route_parameters_and_raw_path(api, sandbox):
    account = api.account()["id"]
    await api.get(f"/users/a%2Fb%3Fc%20%C3%A9?account_id={account}")
    entry = sandbox.journal()[-1]
    assert entry.route == "GET /users/{identifier}"
    assert entry.params == {"identifier": "a/b?c é"}
    assert entry.path == "/users/a/b?c é"
    assert entry.raw_path == f"/v1/users/a%2Fb%3Fc%20%C3%A9?account_id={account}"


async def test_a_route_that_is_not_played_yet_answers_501(api, sandbox):
    account = api.account()["id"]
    answer = await api.get(f"/posts/1?account_id={account}")
    assert (answer.status, answer.type) == (501, "feature_not_implemented")
    assert sandbox.journal()[-1].action == "browse"


async def test_an_unknown_path_answers_as_the_framework_does(api):
    answer = await api.get("/nothing")
    assert answer.status == 404
    assert answer.json == {
        "message": "Cannot GET /v1/nothing",
        "error": "Not Found",
        "statusCode": 404,
    }
    assert (await api("PUT", "/chats")).status == 404


def test_a_fault_on_an_unknown_route_is_refused(sandbox):
    with pytest.raises(ControlError, match="no route"):
        sandbox.faults([{"route": "POST /chat/{chat_id}/messages", "effect": "reset"}])
