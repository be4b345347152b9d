"""The client's routes against the documented ones, and against the sandbox's own table."""

import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from postpress_async.limits import ACTIONS, PROVIDERS
from postpress_async.sandbox.bodies import Fields
from postpress_async.sandbox.queries import Query
from postpress_async.sandbox.routes.table import ROUTES as SANDBOX_ROUTES
from postpress_async.wire import deciding, known, routes
from postpress_async.wire.routes import Route

DATA = Path(__file__).parents[2] / "data" / "routes.txt"
DOCUMENTED = set(
    re.findall(r"(?:GET|POST|PUT|PATCH|DELETE) /[\w/{}]*", DATA.read_text(encoding="utf-8"))
)
OURS = {
    f"{route.method} {route.template}": route
    for route in vars(routes).values()
    if isinstance(route, Route)
}
ALL = {f"{route.method} {route.template}": route for route in known.all_routes()}
THEIRS = {route.name: route for route in SANDBOX_ROUTES}


def test_every_route_of_ours_is_documented():
    assert set(OURS) <= DOCUMENTED
    assert len(OURS) >= 33


def test_every_documented_route_is_known_once():
    assert set(ALL) == DOCUMENTED
    assert len(known.all_routes()) == len(DOCUMENTED) == 90


@pytest.mark.parametrize("name", sorted(ALL))
def test_client_and_sandbox_agree_on_what_a_route_counts_as(name):
    ours, theirs = ALL[name], THEIRS[name]
    if callable(ours.action):
        assert ours.action.__name__ == theirs.action.__name__  # asked alike below
    else:
        assert ours.action in ACTIONS
        assert ours.action == theirs.action
    assert callable(ours.cost) is (theirs.cost is not None)


def sandbox_call(query, body, provider):
    accounts = {} if provider is None else {"acc_1": SimpleNamespace(provider=provider)}
    world = SimpleNamespace(accounts=accounts)
    fields = Fields({"account_id": "acc_1", **body})
    return SimpleNamespace(query=Query(urlencode(query)), body=fields, world=world)


@pytest.mark.parametrize("provider", ["LINKEDIN", "INSTAGRAM", "WHATSAPP", None])
@pytest.mark.parametrize("query", [{}, {"limit": 1}, {"limit": 100}])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "Hello"},
        {"message": ""},
        {"linkedin": {"inmail": True}},
        {"linkedin": {"inmail": "true"}},
        {"linkedin": {"inmail": False}},
        {"linkedin": {"inmail": "false"}},
        {"linkedin": {"api": "recruiter"}},
    ],
)
def test_client_and_sandbox_decide_alike(provider, query, body):
    asked, call = deciding.Asked(query=query, body=body), sandbox_call(query, body, provider)
    for name, ours in ALL.items():
        if callable(ours.action):
            assert ours.action(asked, provider) == THEIRS[name].action(call)
        if callable(ours.cost):
            assert ours.cost(asked) == THEIRS[name].cost(call)


def test_only_what_asks_for_the_provider_says_that_it_does():
    deciders = [route for route in ALL.values() if callable(route.action)]
    asked = deciding.Asked(body={"message": "Hello"})
    for route in deciders:
        found = {route.action(asked, provider) for provider in (*PROVIDERS, None)}
        assert (len(found) > 1) is route.by_provider


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_path_finds_its_route(name):
    method, template = name.split(" ")
    path = re.sub(r"\{\w+\}", "a%2Fb-1", template)
    for written in (path, path + "/", path.upper().replace("%2F", "%2f")):
        assert known.route_of(method, written) is ALL[name]


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/users/me", "/users/me"),
        ("GET", "/users/melanie", "/users/{identifier}"),
        ("GET", "/users/relations", "/users/relations"),
        ("GET", "/linkedin/jobs/applicants/1", "/linkedin/jobs/applicants/{applicant_id}"),
        ("GET", "/linkedin/jobs/1/applicants", "/linkedin/jobs/{id}/applicants"),
        ("POST", "/users/me", None),
        ("PUT", "/chats", None),
        ("GET", "/chats//messages", None),
        ("GET", "/v1/chats", None),
        ("GET", "/chats/1/messages/2", None),
        ("GET", "/", None),
    ],
)
def test_a_literal_goes_before_an_id_and_what_is_no_route_is_none(method, path, template):
    found = known.route_of(method, path)
    assert (found and found.template) == template


def test_a_get_that_starts_work_and_an_edit_that_adds_are_never_repeated_by_themselves():
    unsafe = {name for name, route in ALL.items() if not route.safe}
    syncs = {"GET /accounts/{account_id}/sync", "GET /chats/{chat_id}/sync"}
    assert unsafe == {*syncs, "PATCH /users/me/edit"}
    assert all(ALL[name].repeatable == "write" for name in unsafe)


@pytest.mark.parametrize(
    ("method", "safe", "repeatable", "keyed"),
    [
        ("GET", True, "safe", False),
        ("GET", False, "write", False),
        ("PUT", True, "idempotent", False),
        ("DELETE", True, "idempotent", False),
        ("PATCH", True, "idempotent", True),
        ("PATCH", False, "write", True),
        ("POST", True, "write", True),
    ],
)
def test_what_a_repeat_would_do(method, safe, repeatable, keyed):
    route = Route(method, "/x", safe=safe)
    assert route.repeatable == repeatable
    assert route.keyed is keyed
