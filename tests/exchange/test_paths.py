"""Whatever text is given as an id, the service sees the route that was meant, or nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postpress_async import ConfigurationError, Limits, Postpress, PostpressError, Retries, identify
from postpress_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from postpress_async.sandbox.values import JournalEntry


class Service:
    """One sandbox, one loop and one client for all examples."""

    def __init__(self, sandbox: Sandbox, runner: asyncio.Runner) -> None:
        self.sandbox = sandbox
        self.runner = runner
        self.account: Any = sandbox.world()["accounts"][0]["id"]
        self.client = Postpress(
            sandbox.api_key,
            base_url=sandbox.url,
            limits=Limits.none(),
            key_rate=None,
            retries=Retries.none(),
        )
        self._last = 0

    def asked(self, call: Callable[[], Awaitable[object]]) -> list[JournalEntry] | None:
        """Return what the service saw of a call; None where it was refused before."""

        async def run() -> bool:
            try:
                await call()
            except ConfigurationError:
                return True
            except PostpressError:
                pass
            return False

        refused = self.runner.run(run())
        entries = self.sandbox.journal(since=self._last)
        self._last = max([self._last, *(entry.n for entry in entries)])
        assert not (refused and entries), "refused, but only after I/O"
        return None if refused else entries


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Sandbox(seed=1) as sandbox, asyncio.Runner() as runner:
        made = Service(sandbox, runner)
        yield made
        runner.run(made.client.aclose())


ids = st.one_of(
    st.text(max_size=60),
    st.text("./\\%?#&=+:;@ a\u00e9\u2028\n\0", max_size=12),
    st.lists(st.sampled_from(["..", ".", "%2e%2e", "%2F", "/", "a", "me", "?x=1", "#"])).map(
        "".join
    ),
    st.from_regex(r"\A[+@]?[A-Za-z0-9_.-]{1,40}(@lid|@s\.whatsapp\.net)?\Z"),
)
HOSTILE = [
    *["..", ".", "a/../../accounts", "%2e%2e", "..%2faccounts", "a?x=1", "a#b", "a;b", "a b", "+"],
    *[
        "a\\b",
        "\\",
        "//evil.example/x",
        "http://evil.example/",
        "%",
        "%zz",
        "%00",
        "é",
        "日本",
        "👋🏽",
    ],
    *["me", "relations", "following", "followers", "invite", "invite/sent", "a/posts", "Me", "me "],
    *["\u2025", "\uff0e\uff0e", "a" * 2048, "a\r\nX-Evil: 1", "@", "~", "a,b", "https://x.com/a/b"],
]


def hostile(test: Any) -> Any:
    for text in HOSTILE:
        test = example(text)(test)
    return test


@hostile
@settings(max_examples=2 * settings().max_examples)
@given(ids)
def test_an_identifier_reaches_its_own_route_whole(service, text):
    entries = service.asked(lambda: service.client.users.get(text, account_id=service.account))
    if entries is None:
        return
    (entry,) = entries
    assert (entry.method, entry.route) == ("GET", "GET /users/{identifier}")
    meant = {text, str(identify(text))} if "/" in text else {text}  # a link is sent as its id
    assert entry.params["identifier"] in meant
    assert entry.account_id == service.account


@hostile
@given(ids)
def test_a_chat_reaches_its_own_route_whole(service, text):
    entries = service.asked(lambda: service.client.chats.get(text))
    if entries is not None:
        (entry,) = entries
        assert (entry.route, entry.params["chat_id"]) == ("GET /chats/{chat_id}", text)


@hostile
@given(ids)
def test_a_message_is_sent_into_the_chat_that_was_meant(service, text):
    send = service.client.messages.send
    entries = service.asked(lambda: send(chat_id=text, text="Hi", account_id=service.account))
    if entries is not None:
        (entry,) = entries
        assert entry.route == "POST /chats/{chat_id}/messages"
        assert entry.params["chat_id"] == text


@given(st.text(min_size=1, max_size=200))
def test_a_text_arrives_as_it_was_written(service, text):
    world: Any = service.sandbox.world()["accounts"][0]
    call = service.client.messages.send
    entries = service.asked(
        lambda: call(chat_id=world["chats"][0], text=text, account_id=world["id"])
    )
    if entries is not None:
        (entry,) = entries
        assert entry.text == text


@pytest.mark.parametrize("text", ["jordan-walke", "jordan.walke", "a b", "+33 6 00", "é"])
def test_ordinary_ids_are_not_refused(service, text):
    assert service.asked(lambda: service.client.users.get(text, account_id=service.account))


@pytest.mark.parametrize("name", ["me", "relations", "following", "followers"])
def test_a_routes_own_name_is_no_user(service, name):
    call = service.client.users.get
    assert service.asked(lambda: call(name, account_id=service.account)) is None
    with pytest.raises(ConfigurationError, match=rf"users\.{name}"):
        service.runner.run(call(name, account_id=service.account))
