"""The client's routes against the documented ones, and against the sandbox's own table."""

import re
from pathlib import Path

import pytest

from postpress_async.limits import ACTIONS
from postpress_async.sandbox.routes.table import ROUTES as SANDBOX_ROUTES
from postpress_async.wire import routes
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
THEIRS = {route.name: route for route in SANDBOX_ROUTES}


def test_every_route_of_ours_is_documented():
    assert set(OURS) <= DOCUMENTED
    assert len(OURS) >= 11


@pytest.mark.parametrize("name", sorted(OURS))
def test_client_and_sandbox_agree_on_what_a_route_counts_as(name):
    assert OURS[name].action in ACTIONS
    assert OURS[name].action == THEIRS[name].action


@pytest.mark.parametrize(
    ("method", "safe", "repeatable", "keyed"),
    [
        ("GET", True, "safe", False),
        ("GET", False, "write", False),
        ("PUT", True, "idempotent", False),
        ("DELETE", True, "idempotent", False),
        ("PATCH", True, "idempotent", True),
        ("POST", True, "write", True),
    ],
)
def test_what_a_repeat_would_do(method, safe, repeatable, keyed):
    route = Route(method, "/x", safe=safe)
    assert route.repeatable == repeatable
    assert route.keyed is keyed
