"""What cannot work is refused by a typed error that names the field, before any byte leaves."""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from postpress_async import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    Http,
    KeyRate,
    Limit,
    Limits,
    Postpress,
    RequestOptions,
    Retries,
    Timeout,
)
from postpress_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

KEY = "key-1"
URL = "http://127.0.0.1:9/v1"


def refusal(make: Callable[[], object], *words: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        make()
    error = caught.value
    for word in words:
        assert word in str(error)
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", False, 0)
    assert "\n" not in str(error)
    return error


# -- making a client ---------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", " ", "a b", "key\n", "key\r\nX-Evil: 1", "clé", "a\0b"])
def test_a_key_that_cannot_work(key, monkeypatch):
    monkeypatch.delenv("POSTPRESS_API_KEY", raising=False)
    error = refusal(lambda: Postpress(key), "api_key")
    assert not key or key.strip() in {"", "a b"} or key not in str(error)


def test_the_key_of_the_environment_is_looked_at_as_closely(monkeypatch):
    monkeypatch.setenv("POSTPRESS_API_KEY", "key\n")
    refusal(Postpress, "api_key")


def test_an_empty_key_does_not_fall_back_to_the_environment(monkeypatch):
    monkeypatch.setenv("POSTPRESS_API_KEY", "other")
    refusal(lambda: Postpress(""), "api_key")


@pytest.mark.parametrize(
    "url",
    [
        *["ftp://host/v1", "host", "host/v1", "//host/v1", "https://", "https:///v1", "/v1"],
        *["https://user:secret@host/v1", "https://user@host", "https://host/v1?x=1"],
        *["https://host/v1#x", "https://ho st/v1", "https://host/\nv1", "https://host:99999/v1"],
        *["https://host:port/v1", "https://höst/v1", "https://[::1/v1", "javascript:alert(1)"],
        *["http://api.postpress.ai/v1", "http://10.0.0.1", "http://localhost.evil.com/v1"],
        *["http://127.0.0.1.evil.com", "file:///etc/passwd", "https://host/v1 "],
    ],
)
def test_a_base_url_that_cannot_work(url):
    error = refusal(lambda: Postpress(KEY, base_url=url), "base_url")
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://host", "https://host/v1"),
        ("https://host/", "https://host/v1"),
        ("https://host/v1", "https://host/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/api/v1/", "https://host/api/v1"),
        ("https://HOST:8443/api/v1", "https://host:8443/api/v1"),
        ("http://localhost:80", "http://localhost:80/v1"),
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
        ("http://[::1]:1/", "http://[::1]:1/v1"),
    ],
)
def test_a_base_url_that_works(url, root):
    assert Postpress(KEY, base_url=url)._pipeline.home.base == root


def test_plain_http_to_another_machine_must_be_wanted():
    refusal(lambda: Postpress(KEY, base_url="http://10.0.0.1"), "base_url", "https://")
    assert Postpress(KEY, base_url="http://10.0.0.1", http=Http(insecure=True))


BAD_OPTIONS: list[tuple[Callable[[], object], str]] = [
    (lambda: Timeout(total=-1), "Timeout.total"),
    (lambda: Timeout(total=0), "Timeout.total"),
    (lambda: Timeout(connect=float("nan")), "Timeout.connect"),
    (lambda: Timeout(read="30"), "Timeout.read"),
    (lambda: Timeout(read=True), "Timeout.read"),
    (lambda: Retries(attempts=0), "Retries.attempts"),
    (lambda: Retries(attempts=-1), "Retries.attempts"),
    (lambda: Retries(attempts=1.5), "Retries.attempts"),
    (lambda: Retries(attempts=True), "Retries.attempts"),
    (lambda: KeyRate(0), "KeyRate.amount"),
    (lambda: KeyRate(-1), "KeyRate.amount"),
    (lambda: KeyRate(0.5), "KeyRate.amount"),
    (lambda: KeyRate(1, per=0), "KeyRate.per"),
    (lambda: KeyRate(1, per=-1), "KeyRate.per"),
    (lambda: Http(connections=0), "Http.connections"),
    (lambda: Http(max_body=-1), "Http.max_body"),
    (lambda: Http(proxy="host:3128"), "Http.proxy"),
    (lambda: Http(ca_file="/nowhere/ca.pem"), "Http.ca_file"),
    (lambda: Limit("profile", -1), "Limit.amount"),
    (lambda: Limit("profile", 1.5), "Limit.amount"),
    (lambda: Limit("profile", 1, per=-60.0), "Limit.per"),
    (lambda: Limit("profile", 1, per="fortnight"), "Limit.per"),
    (lambda: Limit("profiles", 1), "profiles"),
    (lambda: Postpress(KEY, max_wait=-1), "max_wait"),
    (lambda: Postpress(KEY, max_wait=float("nan")), "max_wait"),
    (lambda: Postpress(KEY, max_wait="30"), "max_wait"),
    (lambda: Postpress(KEY, max_queue=0), "max_queue"),
    (lambda: Postpress(KEY, timeout=30), "timeout must be a Timeout"),
    (lambda: Postpress(KEY, retries=3), "retries must be a Retries"),
    (lambda: Postpress(KEY, base_url=5), "base_url"),
    (lambda: Postpress(KEY).with_options(timeout=30), "timeout must be a Timeout"),
    (lambda: Postpress(KEY, limits=[]), "limits"),
    (lambda: Postpress(KEY, state="mysql://x"), "state"),
    (lambda: Postpress(KEY, on_state_lost="go"), "on_state_lost"),
    (lambda: Postpress(KEY).with_options(max_wait=-1), "max_wait"),
    (lambda: Postpress(KEY).with_options(headers={"X-API-KEY": "x"}), "X-API-KEY"),
    (lambda: Postpress(KEY).account(""), "account_id"),
    (lambda: Postpress(KEY).account(None), "account_id"),
    (lambda: RequestOptions(max_wait=-1), "RequestOptions.max_wait"),
    (lambda: RequestOptions(priority="high"), "RequestOptions.priority"),
    (lambda: RequestOptions(timeout=30), "RequestOptions.timeout"),
    (lambda: RequestOptions(retries=3), "RequestOptions.retries"),
    (lambda: RequestOptions(headers=[("a", "b")]), "headers must be"),
    (lambda: RequestOptions(idempotency_key=""), "idempotency_key"),
    (lambda: RequestOptions(idempotency_key="a\nb"), "idempotency_key"),
    (lambda: RequestOptions(idempotency_key=7), "idempotency_key"),
]


@pytest.mark.parametrize(("make", "field"), BAD_OPTIONS, ids=range(len(BAD_OPTIONS)))
def test_an_option_that_cannot_work(make, field):
    refusal(make, field)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nX-Evil: 1"},
        {"X-A": "1\n"},
        {"X-A": "\0"},
        {"X-A": "é"},
        {"X-A": 1},
        {"X-A": None},
        {"X-A": b"1"},
        {"X-A\r\nX-Evil": "1"},
        {"X A": "1"},
        {"": "1"},
        {"X-A:": "1"},
        {"É": "1"},
        {1: "1"},
        {"x-api-key": "other"},
        {"AUTHORIZATION": "Bearer x"},
        {"Idempotency-Key": "x"},
        {"Content-Length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"Host": "evil"},
        {"Accept-Encoding": "br"},
    ],
)
def test_headers_that_cannot_travel_or_are_ours(headers):
    error = refusal(lambda: RequestOptions(headers=headers))
    assert "headers" in str(error)
    with pytest.raises(ConfigurationError):
        Postpress(KEY).with_options(headers=headers)


def test_a_value_of_a_header_is_not_repeated():
    error = refusal(lambda: RequestOptions(headers={"X-Token": "geheim\n"}), "X-Token")
    assert "geheim" not in str(error)


# -- making a call -----------------------------------------------------------------------------

BAD_IDS = [
    *["", ".", "..", "a\nb", "a\r\nb", "\0", "a\x7f", "\x1b[31m", "a" * 3000, "\ud800"],
    *[None, 5, b"jordan", ["jordan"], object()],
]


@pytest.mark.parametrize("bad", BAD_IDS, ids=range(len(BAD_IDS)))
async def test_ids_that_cannot_be_ids(serve, talk, bad):
    raw = await serve("good")
    client = talk(raw).client
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("identifier", lambda: client.users.get(bad, account_id="acc_1")),
        ("chat_id", lambda: client.chats.get(bad)),
        ("chat_id", lambda: client.messages.send(chat_id=bad, text="x", account_id="acc_1")),
        ("message_id", lambda: client.messages.get(bad)),
    ]
    for field, call in calls:
        with pytest.raises(ConfigurationError, match=field) as caught:
            await call()
        assert len(str(caught.value)) < 400
        assert "\n" not in str(caught.value)
    assert raw.received == 0


@pytest.mark.parametrize("bad", ["", "  ", 5, b"acc_1", ["acc_1"]])
async def test_accounts_that_cannot_be_accounts(serve, talk, bad):
    raw = await serve("good")
    client = talk(raw).client
    for call in (
        lambda: client.users.get("jordan", account_id=bad),
        lambda: client.users.me(account_id=bad),
        lambda: client.messages.send(chat_id="c", text="x", account_id=bad),
        lambda: client.accounts.get(bad),
    ):
        with pytest.raises(ConfigurationError, match="account_id"):
            await call()
    assert raw.received == 0


async def test_whatever_touches_a_provider_needs_an_account(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    client = talker.client
    for call in (
        lambda: client.users.get("jordan"),
        client.users.me,
        lambda: client.messages.send(chat_id="c", text="x"),
        lambda: client.request("GET", "/x", type=dict),
        lambda: client.request("POST", "/x", type=dict, action="message"),
    ):
        with pytest.raises(ConfigurationError, match=r"account_id is needed.*client\.account"):
            await call()
    assert raw.received == 0
    await client.request("GET", "/x", type=dict, action="read")  # reads go without one
    assert len(raw.seen) == 1


@pytest.mark.parametrize("text", ["", "   ", None, 5, b"hello", ["hello"]])
async def test_texts_that_cannot_be_sent(serve, talk, text):
    raw = await serve("good")
    with pytest.raises(ConfigurationError, match=r"text (must be|is needed)"):
        await talk(raw)("POST", text=text)
    assert raw.received == 0


BAD_PATHS: list[Any] = [
    *["", "users", "/users?x=1", "/users#x", "/a/../b", "/a/./b", "/%2e%2e/b", "/a/%2E/b"],
    *["/a b", "/é", "/a\n", "/a\r\nX: 1", "https://evil.com/", "/a\\b", "/a\0"],
    *[5, None, b"/users"],
]


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
async def test_paths_that_would_not_arrive_as_written(serve, talk, path):
    raw = await serve("good")
    with pytest.raises(ConfigurationError, match="path"):
        await talk(raw).client.request("GET", path, type=dict, action="read")
    assert raw.received == 0


@pytest.mark.parametrize(
    ("method", "action"), [("get", "read"), ("HEAD", "read"), ("GET", "reed"), ("GET", "")]
)
async def test_methods_and_actions_that_are_none(serve, talk, method, action):
    raw = await serve("good")
    with pytest.raises(ConfigurationError, match="method must be one of"):
        await talk(raw).client.request(method, "/x", type=dict, action=action)
    assert raw.received == 0


@pytest.mark.parametrize("size", [0, -1, 1.5, "10", True])
async def test_page_sizes_that_are_none(serve, talk, size):
    raw = await serve("good")
    client = talk(raw).client
    for make in (
        lambda: client.chats.list(page_size=size),
        lambda: client.messages.list(page_size=size),
        lambda: client.accounts.list(page_size=size),
    ):
        refusal(make, "page_size")
    assert raw.received == 0


@pytest.mark.parametrize(
    "value", ["a\nb", "a\0b", "\ud800", 1.5, b"x", object(), [1]], ids=range(7)
)
async def test_queries_that_cannot_travel(serve, talk, value):
    raw = await serve("good")
    client = talk(raw).client
    with pytest.raises(ConfigurationError, match="sender_id"):
        await client.messages.list(sender_id=value).page()
    with pytest.raises(ConfigurationError, match="cursor"):
        await client.chats.list(start=value).page()
    assert raw.received == 0


# -- the service's word on the key -------------------------------------------------------------


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=1) as opened:
        yield opened


async def test_a_wrong_key(sandbox, talk):
    talker = talk(sandbox.url, api_key="wrong-key-1")
    account = sandbox.world()["accounts"][0]["id"]
    with pytest.raises(AuthenticationError) as caught:
        await talker.client.users.get("jordan", account_id=account)
    error = caught.value
    assert (error.status, error.outcome, error.retryable) == (401, "refused", False)
    assert error.attempts == 1
    assert "api_key" in str(error)
    assert "wrong-key-1" not in str(error)
    talker.nothing_is_held()
    (lane,) = await talker.client.scheduler.snapshot(account)
    assert lane.paused is None  # the key is wrong, not the account
    with pytest.raises(AuthenticationError):
        await talker.client.users.get("jordan", account_id=account)


async def test_a_wrong_key_in_the_look_up_of_the_provider(sandbox, talk):
    talker = talk(sandbox.url, api_key="wrong-key-1", limits=Limits.recommended())
    account = sandbox.world()["accounts"][0]["id"]
    with pytest.raises(AuthenticationError):
        await talker.client.users.get("jordan", account_id=account)
    assert len(sandbox.journal()) == 1
    talker.nothing_is_held()


# -- where a client lives ----------------------------------------------------------------------


async def test_a_closed_client(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    await talker("GET")
    await talker.client.aclose()
    await talker.client.aclose()
    for column in ("GET", "POST", "PUT"):
        error = await talker.fails(column)
        assert type(error) is ClientClosedError
        assert (error.outcome, error.attempts) == ("not_sent", 0)
        assert "make a new one" in str(error)
    assert len(raw.seen) == 1


async def test_closing_turns_waiters_away_and_lets_calls_end(serve, talk, until):
    go = asyncio.Event()

    async def held(c: Any) -> None:
        await c.request()
        await go.wait()
        c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}')
        await c.until_gone()

    raw = await serve(held)
    talker = talk(raw, limits=Limits().add(Limit("profile", 1, per="day")), max_wait=1e6)
    under_way = asyncio.create_task(talker("GET"))
    await until(lambda: raw.seen)
    waiting = asyncio.create_task(talker("GET"))
    await until(lambda: talker.waiting)
    closing = asyncio.create_task(talker.client.aclose())
    await asyncio.wait({waiting}, timeout=20.0)
    assert isinstance(waiting.exception(), ClientClosedError)
    assert not closing.done()
    go.set()
    assert (await under_way).provider == "LINKEDIN"
    await asyncio.wait_for(closing, 20.0)
    assert len(raw.seen) == 1


def in_another_loop(client: Postpress) -> ConfigurationError:
    async def call() -> None:
        await client.users.get("jordan", account_id="acc_1")

    with asyncio.Runner() as runner, pytest.raises(ConfigurationError) as caught:
        runner.run(call())
    return caught.value


async def test_another_event_loop(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    await talker("GET")
    error = await asyncio.to_thread(in_another_loop, talker.client)
    assert "another event loop" in str(error)
    assert len(raw.seen) == 1
    await talker("GET")  # at home it still works
    assert len(raw.seen) == 2


def test_the_loop_of_the_first_call_counts_not_that_of_the_making(closed_port):
    client = Postpress(KEY, base_url=closed_port, retries=Retries.none(), limits=Limits.none())

    async def call() -> str:
        try:
            await client.users.get("jordan", account_id="acc_1")
        except Exception as error:  # noqa: BLE001 - its name is asked for
            await client.aclose()
            return type(error).__name__
        return ""

    with asyncio.Runner() as runner:
        assert runner.run(call()) == "ConnectError"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_fork(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    await talker("GET")
    received = raw.received
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork: we exec nothing
        child = os.fork()
    if child == 0:  # nothing but _exit may end the child, or it would run the tests after this
        code = 99
        try:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(talker.client.users.get("jordan", account_id="acc_1"))
        except ConfigurationError as error:
            code = 0 if "fork" in str(error) else 1
        except BaseException:  # noqa: BLE001 - nothing may leave the child
            code = 2
        finally:
            os._exit(code)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    await talker("GET")
    assert len(raw.seen) == 2
    assert raw.received > received
