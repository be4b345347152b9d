"""How requests look to a mocked aiohttp: URL, headers, body and key, as users of mocks see them."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses

from postpress_async import (
    ConnectError,
    Limits,
    NotFoundError,
    Postpress,
    RequestOptions,
    Retries,
    __version__,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarl import URL

BASE = "https://api.postpress.ai/v1"
PROFILE = {"object": "UserProfile", "provider": "LINKEDIN", "first_name": "Jordan"}
SENT = {"object": "MessageSent", "message_id": "m1"}


class Response(aiohttp.ClientResponse):
    """Bridge aioresponses 0.7.9 to aiohttp 3.14, which asks a response for one thing more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


class Mocked:
    def __init__(self, mock: aioresponses) -> None:
        self.mock = mock

    def answers(self, method: str, url: str | re.Pattern[str], **more: Any) -> None:
        self.mock.add(url, method, response_class=Response, **more)

    @property
    def calls(self) -> list[tuple[str, URL, Any]]:
        return [
            (method, url, call.kwargs)
            for (method, url), calls in self.mock.requests.items()
            for call in calls
        ]


@pytest.fixture
def mocked() -> Iterator[Mocked]:
    with aioresponses() as mock:
        yield Mocked(mock)


@pytest.fixture
async def client() -> Any:
    made = Postpress("key-1", base_url="https://api.postpress.ai", limits=Limits.none())
    made._pipeline._random = lambda: 0.0
    async with made:
        yield made


async def test_a_profile(mocked, client):
    mocked.answers("GET", re.compile(r".*/users/.*"), payload=PROFILE)
    profile = await client.users.get(
        "jordan walke/é",
        account_id="acc 1",
        linkedin_sections=["experience", "*_preview"],
        linkedin_api="recruiter",
        notify=True,
    )
    assert profile.first_name == "Jordan"
    ((method, url, sent),) = mocked.calls
    assert method == "GET"
    assert url.path == "/v1/users/jordan walke/é"
    assert url.raw_path == "/v1/users/jordan%20walke%2F%C3%A9"
    assert dict(url.query) == {
        "account_id": "acc 1",
        "linkedin_sections": "experience,*_preview",
        "linkedin_api": "recruiter",
        "notify": "true",
    }
    assert sent["allow_redirects"] is False
    assert sent.get("data") is None


async def test_constant_headers(mocked, client):
    mocked.answers("GET", re.compile(r".*"), payload=PROFILE)
    await client.users.get("jordan", account_id="acc_1")
    headers = client._pipeline.home.network()._safe.headers
    assert headers["X-API-KEY"] == "key-1"
    assert headers["Accept"] == "application/json"
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["User-Agent"] == f"postpress-async/{__version__}"
    ((_, _, sent),) = mocked.calls
    assert "Idempotency-Key" not in (sent["headers"] or {})


def parts_of(sent: Any) -> list[tuple[str, str]]:
    """Read a multipart body as a server does."""
    kind = sent["headers"]["Content-Type"]
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {kind}\r\n\r\n".encode() + sent["data"]
    )
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_payload(decode=True).decode(),
        )
        for part in message.iter_parts()
    ]


@pytest.mark.parametrize(
    "text",
    [
        *[
            "Hello",
            "é 日本 👋🏽",
            "two\r\nlines\n",
            ' "quotes" ',
            "--boundary--",
            "\r\n--x\r\n\r\n",
        ],
        "x" * 100_000,
    ],
    ids=range(7),
)
async def test_a_message(mocked, client, text):
    mocked.answers("POST", f"{BASE}/chats/chat_1/messages", payload=SENT, status=201)
    sent_message = await client.messages.send(chat_id="chat_1", text=text, account_id="acc_1")
    assert sent_message.message_id == "m1"
    ((method, _, sent),) = mocked.calls
    assert method == "POST"
    assert parts_of(sent) == [("text", text), ("account_id", "acc_1")]
    assert re.fullmatch(r"[0-9a-f]{32}", sent["headers"]["Idempotency-Key"])
    assert sent["allow_redirects"] is False


async def test_each_call_has_a_key_of_its_own(mocked, client):
    mocked.answers("POST", re.compile(r".*"), payload=SENT, repeat=True)
    for _ in range(20):
        await client.messages.send(chat_id="c", text="Hi", account_id="acc_1")
    keys = {sent["headers"]["Idempotency-Key"] for _, _, sent in mocked.calls}
    assert len(keys) == 20


async def test_a_key_of_the_users(mocked, client):
    mocked.answers("POST", re.compile(r".*"), payload=SENT)
    options = RequestOptions(idempotency_key="lead-42")
    await client.messages.send(chat_id="c", text="Hi", account_id="acc_1", options=options)
    ((_, _, sent),) = mocked.calls
    assert sent["headers"]["Idempotency-Key"] == "lead-42"


async def test_attempts_are_the_same_request(mocked, client):
    busy = {"type": "errors/no_channel", "title": "No", "status": 503}
    mocked.answers("POST", re.compile(r".*"), payload=busy, status=503)
    mocked.answers("POST", re.compile(r".*"), payload=SENT)
    await client.messages.send(chat_id="c", text="Hi", account_id="acc_1")
    (_, _, first), (_, _, second) = mocked.calls
    assert first["headers"] == second["headers"]
    assert first["data"] == second["data"]


async def test_exceptions_of_a_mock_mean_what_they_mean_in_life(mocked, client):
    client = client.with_options(retries=Retries.none())
    mocked.answers("GET", re.compile(r".*"), status=404)
    with pytest.raises(NotFoundError):
        await client.users.get("jordan", account_id="acc_1")
    refused = aiohttp.ClientConnectorError(Mock(ssl=None, host="h", port=1), OSError(111, "no"))
    mocked.answers("POST", re.compile(r".*"), exception=refused)
    with pytest.raises(ConnectError) as caught:
        await client.messages.send(chat_id="c", text="Hi", account_id="acc_1")
    assert caught.value.outcome == "not_sent"


async def test_json_of_the_escape_hatch(mocked, client):
    mocked.answers("PUT", f"{BASE}/things/1", payload={"ok": True})
    answer = await client.request(
        "PUT", "/things/1", type=dict, account_id="acc_1", json={"a": [1, "é"]}
    )
    assert answer == {"ok": True}
    ((_, url, sent),) = mocked.calls
    assert sent["data"] == '{"a":[1,"é"]}'.encode()
    assert sent["headers"]["Content-Type"] == "application/json"
    assert "account_id" not in url.query


async def test_the_escape_hatch_names_the_account_in_a_get(mocked, client):
    mocked.answers("GET", re.compile(r".*"), payload={})
    await client.request("GET", "/x", type=dict, account_id="acc_1", query={"a": 1, "b": None})
    ((_, url, _),) = mocked.calls
    assert dict(url.query) == {"a": "1", "account_id": "acc_1"}
