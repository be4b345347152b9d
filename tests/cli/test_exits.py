"""Exit codes: the table, and each one from a command."""

from __future__ import annotations

import pytest

from postpress_async import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    GatewayTimeoutError,
    LaneClosedError,
    OutcomeUnknownError,
    PaginationError,
    Postpress,
    ProviderLimitError,
    QueueFullError,
    RateLimitedError,
    RequestTimeoutError,
    Retries,
    ServiceUnavailableError,
    Timeout,
    WaitTooLongError,
)
from postpress_async.cli.commands import accounts, users
from postpress_async.cli.exits import Exit, exit_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthenticationError("no", status=401), 1),
        (ServiceUnavailableError("no", status=503), 1),
        (GatewayTimeoutError("a read", status=504), 1),
        (RequestTimeoutError("a read"), 1),
        (ConnectError("no"), 1),
        (LaneClosedError("no"), 1),
        (ClientClosedError("no"), 1),
        (PaginationError("no", cursor="c"), 1),
        (DecodeError("a read", status=200), 1),
        (RuntimeError("a bug"), 1),
        (ConfigurationError("no"), 2),
        (OutcomeUnknownError("a write"), 3),
        (GatewayTimeoutError("a write", status=504, outcome="unknown"), 3),
        (ProviderLimitError("a write", status=500, outcome="unknown"), 3),
        (DecodeError("a write", status=200, outcome="unknown"), 3),
        (RateLimitedError("no", status=429), 4),
        (ProviderLimitError("no", status=422), 4),
        (WaitTooLongError("no"), 4),
        (QueueFullError("no"), 4),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_the_table(error, code):
    assert exit_of(error) == code


def test_0_when_it_is_done(run):
    ran = run("identify", "jordan-walke")
    assert (ran.code, ran.err) == (Exit.DONE, "")


def test_1_when_the_service_says_no(run, account):
    ran = run("users", "get", "nobody-at-all", "--account", account("LINKEDIN")["id"])
    assert (ran.code, ran.out) == (Exit.REFUSED, "")
    assert ran.err.startswith("postpress: 404 errors/resource_not_found")
    assert ran.err.count("\n") == 1


def test_1_when_a_read_times_out(run, served, account, monkeypatch):
    served.faults([{"route": "GET /users/{id}", "effect": "stall"}])
    impatient = Timeout(total=0.3, read=0.3)
    monkeypatch.setattr(
        users, "client_at", lambda url: Postpress(timeout=impatient, retries=Retries.none())
    )
    ran = run("users", "get", "jordan-walke", "--account", account("LINKEDIN")["id"], "--json")
    assert (ran.code, ran.error["error"]) == (Exit.REFUSED, "RequestTimeoutError")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("users", "get", "x"),
        ("users", "get", "x", "--account", "a", "--api", "classic"),
        ("identify",),
        ("identify", "x", "--key", "secret"),
        ("sandbox", "--port", "many"),
        ("sandbox", "--port", "99999"),
        ("sandbox", "--host", "192.0.2.1"),
        ("demo", "--accounts", "0"),
        ("accounts", "list", "--base-url", "ftp://x"),
        ("accounts", "get", " "),
        ("identify", ""),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("as_json", [False, True])
def test_2_when_it_is_used_wrongly(run, served, arguments, as_json):
    ran = run(*arguments, *(["--json"] if as_json else []))
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    if as_json:
        assert (ran.error["exit"], ran.error["error"]) == (2, "ConfigurationError")
    else:
        assert ran.err.startswith("postpress: ")
        assert ran.err.count("\n") == 1


def test_2_without_a_key(run, monkeypatch):
    monkeypatch.delenv("POSTPRESS_API_KEY", raising=False)
    ran = run("accounts", "list")
    assert (ran.code, "POSTPRESS_API_KEY" in ran.err) == (Exit.USAGE, True)


def test_2_without_the_extra(run, monkeypatch):
    monkeypatch.setattr("postpress_async.cli.find_spec", lambda name: None)
    ran = run("demo")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert ran.err == "postpress: commands need an extra: pip install 'postpress-async[cli]'\n"


def test_3_when_nobody_knows(run, served, monkeypatch):
    def client(_: object) -> None:
        raise OutcomeUnknownError("POST /somewhere: cut; it may have happened")

    monkeypatch.setattr(accounts, "client_at", client)
    ran = run("accounts", "list", "--json")
    assert (ran.code, ran.error["outcome"], ran.error["exit"]) == (Exit.UNKNOWN, "unknown", 3)


def test_4_when_it_is_too_much(run, served, account):
    served.faults([{"route": "GET /users/{id}", "status": 429, "retry_after": 3600}])
    ran = run("users", "get", "jordan-walke", "--account", account("LINKEDIN")["id"], "--json")
    assert (ran.code, ran.error["retry_after"]) == (Exit.RATE_LIMITED, 3600)


def test_130_when_it_is_interrupted(run, served, monkeypatch):
    def client(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(accounts, "client_at", client)
    ran = run("accounts", "list")
    assert (ran.code, ran.err) == (Exit.INTERRUPTED, "postpress: interrupted\n")


@pytest.mark.parametrize("grouped", [False, True])
def test_a_bug_is_one_line_and_tells_no_secret(run, served, monkeypatch, grouped):
    def client(_: object) -> None:
        bug = ZeroDivisionError(served.api_key)
        raise ExceptionGroup("tasks", [bug]) if grouped else bug

    monkeypatch.setattr(accounts, "client_at", client)
    ran = run("accounts", "list")
    assert (ran.code, ran.out) == (Exit.REFUSED, "")
    assert "a bug of postpress-async (ZeroDivisionError)" in ran.err
    assert ran.err.count("\n") == 1
    assert served.api_key not in ran.err
