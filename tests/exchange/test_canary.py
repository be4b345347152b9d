"""What a caller entrusts to a client appears in nothing that the client shows.

Every secret holds the same word, so that one search finds them all; no name in this file holds it,
because tracebacks show source lines.
"""

from __future__ import annotations

import asyncio
import copy
import html
import json
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from postpress_async import (
    Http,
    KeyRate,
    Postpress,
    PostpressError,
    RequestOptions,
    Retries,
    Timeout,
    capture,
)
from postpress_async.wire.values import Failed, HttpRequest, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.exchange.pipeline import Terms

WORD = "C4N4RY"
KEY = f"key-{WORD}-2f1b7d"
COOKIE = f"cookie-{WORD}"
PROXY_PASSWORD = f"proxy-{WORD}"
HEADER = f"header-{WORD}-value"
TEXTS = {
    "plain": f"Hello there {WORD}, this is a text",
    "accents": f"Ça va, {WORD}? Un été à Genève",
    "quotes": f"She said \"{WORD}\" & 'left' <b>it</b> \\ there",
    "lines": f"First line\nsecond {WORD}\r\n\tthird",
    "emoji": f"👋🏽 {WORD} 日本語",
    "long": f"begin {WORD} " + "lorem ipsum " * 2000,
}
COLUMNS = ["GET", "PUT", "PATCH", "POST"]


def shown(error: BaseException) -> Iterator[str]:
    """Yield all that an error can show, and all that hangs on it."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield repr(one)
        yield str(one)
        yield repr(one.args)
        yield repr(vars(one))
        chain += [one.__cause__, one.__context__]
    yield "".join(traceback.format_exception(error))
    if isinstance(error, PostpressError):
        pickled = pickle.dumps(error)
        yield pickled.decode("latin-1")
        yield pickled.decode("utf-8", "replace")
        yield repr(vars(copy.copy(error)))
        body = getattr(error, "body", b"")
        yield body.decode("utf-8", "replace")
        yield json.dumps(body.decode("utf-8", "replace"))


def locals_of_ours(error: BaseException) -> Iterator[str]:
    """Yield what an error tracker shows of the frames inside; the caller's arguments are theirs.

    A cancelled call carries the frames of aiohttp as well, which hold the whole request.
    """
    tb = error.__traceback__ if isinstance(error, PostpressError) else None
    while tb is not None:
        code = tb.tb_frame.f_code
        if "postpress_async/" in code.co_filename and "/messages.py" not in code.co_filename:
            for name, value in tb.tb_frame.f_locals.items():
                yield f"{code.co_qualname}: {name}={value!r}"
        tb = tb.tb_next


def logged(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    formatter = logging.Formatter("%(name)s %(message)s")
    for record in caplog.records:
        yield formatter.format(record)
        yield repr(record.args)


def assert_unseen(texts: Iterator[str]) -> None:
    for text in texts:
        assert WORD not in text


def everywhere(error: BaseException, talker: Any, caplog: Any) -> Iterator[str]:
    yield from shown(error)
    yield from locals_of_ours(error)
    yield from logged(caplog)
    for event in talker.told.events:
        yield repr(event)
        yield msgspec.json.encode(event).decode()
    yield repr(talker.client)
    yield repr(talker.client.account("acc_1"))
    yield repr(vars(talker.client._pipeline))


@pytest.fixture(autouse=True)
def all_logs(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("postpress_async", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)


def options_of(**more: Any) -> RequestOptions:
    return RequestOptions(headers={"X-Tenant": HEADER}, **more)


# -- whatever goes wrong -----------------------------------------------------------------------

SCRIPTS = [
    "rst_at_once fin_at_once rst_after_reading fin_after_reading half_status_line half_headers",
    "not_http silence cut_by_length cut_chunked cut_by_rst stalled_body page cut_json bad_gzip",
]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("script", " ".join(SCRIPTS).split())
async def test_of_a_broken_answer_nothing_leaks(serve, talk, caplog, script, column):
    raw = await serve(script)
    talker = talk(
        raw,
        api_key=KEY,
        timeout=Timeout(total=5.0, connect=1.0, read=0.03),
        retries=Retries(attempts=2),
    )
    more = {"text": TEXTS["plain"]} if column == "POST" else {}
    error = await talker.fails(column, options=options_of(), **more)
    assert_unseen(everywhere(error, talker, caplog))
    assert not raw.seen or KEY in raw.seen[0].headers["x-api-key"]  # it did travel


async def test_of_a_bad_certificate_nothing_leaks(serve, talk, caplog, certificate):
    raw = await serve("good", tls=certificate("IP:127.0.0.1").context)
    for column in COLUMNS:
        talker = talk(raw, api_key=KEY)
        error = await talker.fails(column, options=options_of())
        assert_unseen(everywhere(error, talker, caplog))


async def test_of_a_refused_connection_nothing_leaks(talk, caplog, closed_port):
    for column in COLUMNS:
        talker = talk(closed_port, api_key=KEY)
        error = await talker.fails(column, options=options_of())
        assert_unseen(everywhere(error, talker, caplog))


# -- answers that quote the request ------------------------------------------------------------


def ways_of_quoting(text: str) -> dict[str, tuple[bytes, str]]:
    """Return error bodies with a text in them, and their kind."""

    def said(detail: str, *, ascii_: bool) -> bytes:
        body = {"title": "No", "detail": detail, "type": "errors/unprocessable_entity"}
        return json.dumps(body, ensure_ascii=ascii_).encode()

    kind = "application/json"
    return {
        "json": (said(f"bad text: {text}", ascii_=True), kind),
        "json utf-8": (said(f"bad text: {text}", ascii_=False), kind),
        "json in json": (said(f"got {json.dumps({'text': text})}", ascii_=True), kind),
        "beginning": (said(f"bad text: {text[:30]}...", ascii_=True), kind),
        "one line": (said(" ".join(text.split()), ascii_=False), kind),
        "quickstart": (
            json.dumps({"error": {"code": "x", "message": text, "request_id": text}}).encode(),
            kind,
        ),
        "other fields": (
            json.dumps({"type": text, "title": text, "instance": text}).encode(),
            kind,
        ),
        "page": (f"<html><p>{html.escape(text)}</p></html>".encode(), "text/html"),
        "raw page": (f"<html><p>{text}</p></html>".encode(), "text/html"),
        "old page": (f"<html>{text}".encode("latin-1", "replace"), "text/html"),
        "form": (f"text={quote(text)}&again={quote_plus(text)}".encode(), "text/plain"),
        "raw": (text.encode(), "text/plain"),
        "cut": (("x" * (4096 * 4 - 40) + text).encode(), "text/plain"),
        "late": (("x" * 4080 + text).encode(), "text/plain"),
    }


@pytest.mark.parametrize("way", list(ways_of_quoting("x")))
@pytest.mark.parametrize("name", list(TEXTS))
async def test_a_text_that_is_quoted_is_struck_out(serve, talk, caplog, name, way):
    text, status = TEXTS[name], 422 if "json" in way else 500
    body, kind = ways_of_quoting(text)[way]

    async def parrot(c: Any) -> None:
        request = await c.request()
        assert WORD in request.body.decode()
        headers = {
            "X-Echo": quote(text)[:300],
            "X-Plain": " ".join(text.split())[:200],
            "X-Request-Id": " ".join(text.split())[:60],
            "Set-Cookie": f"s={COOKIE}",
            "X-Key": KEY,
            "X-Tenant": HEADER,
        }
        c.answer(status, body, headers, kind=kind)

    raw = await serve(parrot)
    talker = talk(raw, api_key=KEY)
    error = await talker.fails("POST", text=text, options=options_of())
    assert error.status == status
    assert_unseen(everywhere(error, talker, caplog))


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_key_that_is_quoted_is_struck_out(serve, talk, caplog, column, status):
    async def parrot(c: Any) -> None:
        await c.request()
        body = {"type": f"errors/{KEY}", "title": KEY, "detail": f"bad key {KEY}", "instance": KEY}
        headers = {"X-Request-Id": KEY, "X-Key": KEY, "Set-Cookie": COOKIE, "X-Tenant": HEADER}
        c.answer(status, json.dumps(body).encode()[: -1 if status == 200 else None], headers)

    raw = await serve(parrot)
    talker = talk(raw, api_key=KEY, retries=Retries.none())
    with capture() as seen:
        error = await talker.fails(column, options=options_of())
    assert_unseen(everywhere(error, talker, caplog))
    assert WORD not in repr(seen)


@pytest.mark.parametrize("text", ["a", "ok", "errors", "type", "not"])
async def test_a_short_text_does_not_garble_the_answer(serve, talk, text):
    raw = await serve("404 resource_not_found")
    error = await talk(raw).fails("POST", text=text)
    assert error.type == "errors/resource_not_found"
    assert error.title == "No"
    assert error.detail == "said so"
    assert json.loads(error.body)["status"] == 404


async def test_a_short_text_that_is_quoted_is_struck_out(serve, talk):
    raw = await serve("422 unprocessable_entity")
    error = await talk(raw).fails("POST", text="so")
    assert error.detail == "said […]"


# -- cancelled, refused by us, proxied ---------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("script", ["silence", "stalled_body", "rst_at_once"])
async def test_of_a_cancelled_call_nothing_leaks(  # noqa: PLR0917 - fixtures
    serve, talk, caplog, until, script, column
):
    raw = await serve(script)
    talker = talk(raw, api_key=KEY, retries=Retries(attempts=99))
    more = {"text": TEXTS["plain"]} if column == "POST" else {}
    task = asyncio.create_task(talker(column, options=options_of(), **more))
    await until(lambda: raw.stalled or len(raw.connections) > 1 or task.done())
    task.cancel()
    await asyncio.wait({task})
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    try:
        await task
    except (asyncio.CancelledError, PostpressError) as raised:
        error = raised
    assert_unseen(everywhere(error, talker, caplog))


async def test_of_a_call_that_may_not_wait_nothing_leaks(serve, talk, caplog):
    raw = await serve("good")
    talker = talk(raw, api_key=KEY, key_rate=KeyRate(1, per=60.0), max_wait=0.01)
    await talker("POST", text=TEXTS["plain"])
    error = await talker.fails("POST", text=TEXTS["plain"], options=options_of())
    assert_unseen(everywhere(error, talker, caplog))


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("script", ["407", "rst_after_reading", "not_http", "nobody"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_of_a_proxy_nothing_leaks(  # noqa: PLR0917 - fixtures
    serve, talk, caplog, scheme, script, column
):
    target = f"{scheme}://127.0.0.1:9/v1"
    proxy = target if script == "nobody" else (await serve(script)).url
    proxy = proxy.replace("https:", "http:")
    proxy = proxy.removesuffix("/v1").replace("://", f"://user:{PROXY_PASSWORD}@")
    http = Http(proxy=proxy)
    talker = talk(target, api_key=KEY, http=http, retries=Retries(attempts=2))
    error = await talker.fails(column, options=options_of())
    assert_unseen(everywhere(error, talker, caplog))
    assert WORD not in repr(http)


# -- values ------------------------------------------------------------------------------------


def rich(value: Any) -> str:
    """Return what rich shows of a struct: not its repr, but its fields."""
    return repr(list(value.__rich_repr__()))


def test_values_show_no_secrets():
    http = Http(proxy=f"http://user:{PROXY_PASSWORD}@host:1")
    options = options_of(idempotency_key="k")
    client = Postpress(KEY, base_url="http://127.0.0.1", http=http)
    copy_ = client.with_options(headers={"X-Tenant": HEADER})
    terms: Terms = copy_._terms
    request = HttpRequest(
        method="POST",
        url="http://127.0.0.1/v1/x",
        headers={"X-Tenant": HEADER},
        body=TEXTS["plain"].encode(),
        timeout=Timeout(),
        safe=False,
    )
    reply = Reply(status=200, headers={"Set-Cookie": COOKIE}, body=WORD.encode())
    failed = Failed(kind="body", sent=True, detail="", status=200, headers={"Set-Cookie": COOKIE})
    assert "POST" in repr(request)
    for value in (http, options, client, copy_, client.users, terms, request, reply, failed):
        assert WORD not in repr(value)
        assert WORD not in str(value)
        if isinstance(value, msgspec.Struct):
            assert WORD not in rich(value)
