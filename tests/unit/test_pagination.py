"""Walking lists: from anywhere, to any length, and never for ever."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from postpress_async import Chat, ConfigurationError, Limits, Page, PaginationError, Postpress
from postpress_async.models.decoding import PageReader
from postpress_async.pagination import Paginator
from postpress_async.wire.values import HttpRequest, Reply, Sending

READER: PageReader[Chat] = PageReader(Chat)


def body(ids: list[str], cursor: object = None, **more: object) -> bytes:
    items = [{"object": "Chat", "id": id_, "account_id": "acc_1"} for id_ in ids]
    return json.dumps({"object": "ChatList", "items": items, "cursor": cursor, **more}).encode()


class Service:
    """A list by cursor; asked for what it does not know, it fails."""

    def __init__(self, pages: dict[str | None, bytes]) -> None:
        self.pages = pages
        self.asked: list[str | None] = []
        self.fails_at: str | None = "never"

    async def fetch(self, cursor: str | None) -> Any:
        self.asked.append(cursor)
        if cursor == self.fails_at:
            raise ConnectionError(cursor)
        return READER.read(self.pages[cursor])

    def walk(self, start: str | None = None) -> Paginator[Chat]:
        return Paginator(self.fetch, start)


def three() -> Service:
    return Service(
        {None: body(["1", "2"], "a"), "a": body(["3", "4"], "b"), "b": body(["5"], None)}
    )


async def ids_of(walk: Paginator[Chat]) -> str:
    return "".join([chat.id async for chat in walk])


# -- to the end --------------------------------------------------------------------------------


async def test_items_of_all_pages_in_order():
    service = three()
    walk = service.walk()
    assert service.asked == []  # nothing is asked for before the first step
    assert await ids_of(walk) == "12345"
    assert service.asked == [None, "a", "b"]
    assert walk.cursor is None


async def test_page_by_page():
    pages = [page async for page in three().walk().pages()]
    assert [[chat.id for chat in page.items] for page in pages] == [["1", "2"], ["3", "4"], ["5"]]
    assert [page.cursor for page in pages] == ["a", "b", None]
    assert [page.has_more for page in pages] == [True, True, False]
    assert "2 items" in repr(pages[0])


@pytest.mark.parametrize(
    "end",
    [
        {"cursor": None},
        {"cursor": ""},
        {},
        {"cursor": None, "next_cursor": None, "paging": {"cursor": None}},
        {"next_cursor": ""},
        {"paging": {}},
        {"paging": None},
        {"cursor": False},
    ],
    ids=range(8),
)
async def test_every_way_to_say_that_it_is_the_end(end):
    page = {"object": "ChatList", "items": [], **end}
    service = Service({None: json.dumps(page).encode()})
    assert await ids_of(service.walk()) == ""
    assert service.asked == [None]


@pytest.mark.parametrize(
    "first",
    [
        {"items": [{"id": "1"}], "cursor": "a"},
        {"data": [{"id": "1"}], "next_cursor": "a"},
        {"items": [{"id": "1"}], "paging": {"cursor": "a", "start": 0, "total_count": 2}},
        {"items": [{"id": "1"}], "cursor": None, "next_cursor": "a"},
        {"items": [{"id": "1"}], "cursor": "", "paging": {"cursor": "a"}},
        {"data": [{"id": "1"}], "items": None, "next_cursor": "a"},
    ],
    ids=range(6),
)
async def test_every_shape_of_a_list(first):
    service = Service({None: json.dumps(first).encode(), "a": body(["2"])})
    assert await ids_of(service.walk()) == "12"


async def test_a_number_for_a_cursor_goes_on():
    service = Service({None: body(["1"], 7), "7": body(["2"])})
    assert await ids_of(service.walk()) == "12"


async def test_an_empty_page_with_a_cursor_goes_on():
    service = Service({None: body([], "a"), "a": body([], "b"), "b": body(["1"])})
    assert await ids_of(service.walk()) == "1"


# -- never for ever ----------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_a_cursor_that_comes_back_ends_the_walk(length):
    names = [f"c{n}" for n in range(length)]
    pages: dict[str | None, bytes] = {None: body(["0"], names[0])}
    for n, name in enumerate(names):
        pages[name] = body([str(n + 1)], names[(n + 1) % length])
    service = Service(pages)
    walk = service.walk()
    read: list[str] = []
    with pytest.raises(PaginationError) as caught:  # noqa: PT012 - what it read counts
        async for chat in walk:
            read.append(chat.id)  # noqa: PERF401 - what came before the error stays read
    assert read == [str(n) for n in range(length + 1)]
    assert len(service.asked) == length + 1
    error = caught.value
    assert error.cursor == names[0]
    assert error.outcome == "done"
    assert names[0] in str(error)


async def test_the_start_counts_as_seen():
    service = Service({"a": body(["1"], "b"), "b": body(["2"], "a")})
    with pytest.raises(PaginationError):
        await ids_of(service.walk(start="a"))
    assert service.asked == ["a", "b"]


async def test_a_limit_may_end_a_walk_before_the_cursor_comes_back():
    service = Service({None: body(["1", "2"], "a"), "a": body(["3"], "a")})
    assert await ids_of(service.walk().limit(2)) == "12"
    assert service.asked == [None]


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_page_by_hand_does_not_go_in_a_circle_either(length):
    names = [f"c{n}" for n in range(length)]
    pages: dict[str | None, bytes] = {None: body(["0"], names[0])}
    for n, name in enumerate(names):
        pages[name] = body([str(n + 1)], names[(n + 1) % length])
    service = Service(pages)
    walk = service.walk()
    read = 0
    with pytest.raises(PaginationError):  # noqa: PT012 - what it read counts
        while (await walk.page()).has_more:
            read += 1
    assert read == length + 1
    assert len(service.asked) == length + 1


async def test_a_page_that_failed_may_be_asked_for_again_by_hand():
    service = three()
    walk = service.walk()
    await walk.page()
    service.fails_at = "a"
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await walk.page()
    service.fails_at = "never"
    assert [chat.id for chat in (await walk.page()).items] == ["3", "4"]


async def test_who_winds_back_by_hand_may():
    walk = three().walk()
    for _ in range(3):
        walk.cursor = "a"
        assert [chat.id for chat in (await walk.page()).items] == ["3", "4"]


@pytest.mark.parametrize("length", [4095, 4096, 4097, 10_000])
async def test_a_circle_of_any_length_ends_in_bounded_memory(length, monkeypatch):
    asked = 0

    async def fetch(cursor: str | None) -> Any:
        nonlocal asked
        asked += 1
        following = (int(cursor or -1) + 1) % length
        return READER.read(b'{"items":[],"cursor":"%d"}' % following)

    walk = Paginator(fetch, None)
    steps = walk.pages()
    with pytest.raises(PaginationError):  # noqa: PT012 - a walk
        async for _ in steps:
            assert len(steps._guard._latest) <= 4096
    assert asked <= length + 1 if length <= 4096 else asked <= 4 * length


async def test_two_tasks_cannot_share_a_walk():
    going = asyncio.Event()

    async def fetch(cursor: str | None) -> Any:
        await going.wait()
        return READER.read(body(["1"]))

    walk = aiter(Paginator(fetch, None))
    first = asyncio.create_task(anext(walk))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task waits"):
        await anext(walk)
    going.set()
    assert (await first).id == "1"


async def test_a_step_that_was_cancelled_is_taken_again():
    service = three()
    walk = service.walk()
    steps = aiter(walk)
    assert [(await anext(steps)).id, (await anext(steps)).id] == ["1", "2"]
    real = service.fetch

    async def hangs(cursor: str | None) -> Any:
        await asyncio.get_running_loop().create_future()

    walk._fetch = hangs
    task = asyncio.create_task(anext(steps))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert walk.cursor == "a"
    walk._fetch = real
    assert [chat.id async for chat in steps] == ["3", "4", "5"]


async def test_a_walk_that_ended_stays_ended():
    walk = three().walk().pages()
    assert len([page async for page in walk]) == 3
    with pytest.raises(StopAsyncIteration):
        await anext(walk)
    async with contextlib.aclosing(three().walk().pages()) as walk:
        await anext(walk)
    with pytest.raises(StopAsyncIteration):
        await anext(walk)


# -- from anywhere -----------------------------------------------------------------------------


async def test_a_walk_begins_at_a_cursor():
    assert await ids_of(three().walk(start="a")) == "345"


async def test_a_walk_that_broke_goes_on_where_it_stood():
    service = three()
    service.fails_at = "b"
    walk = service.walk()
    read: list[str] = []
    with pytest.raises(ConnectionError):  # noqa: PT012 - as above
        async for chat in walk:
            read.append(chat.id)  # noqa: PERF401 - as above
    assert "".join(read) == "1234"
    assert walk.cursor == "b"
    service.fails_at = "never"
    assert await ids_of(service.walk(start=walk.cursor)) == "5"
    assert await ids_of(walk) == "5"  # the same walk, too


async def test_leaving_in_the_middle_of_a_page_keeps_that_page():
    walk = three().walk()
    async for chat in walk:
        if chat.id == "3":
            break
    assert walk.cursor == "a"
    assert await ids_of(three().walk(start=walk.cursor)) == "345"


async def test_an_error_of_the_reader_keeps_the_page():
    walk = three().walk()
    with pytest.raises(RuntimeError):  # noqa: PT012 - as above
        async for chat in walk:
            if chat.id == "4":
                raise RuntimeError
    assert walk.cursor == "a"


# -- to any length -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "ids", "asked"),
    [(0, "", 0), (1, "1", 1), (2, "12", 1), (3, "123", 2), (4, "1234", 2), (5, "12345", 3)],
)
async def test_a_limit(n, ids, asked):
    service = three()
    assert await ids_of(service.walk().limit(n)) == ids
    assert len(service.asked) == asked


async def test_a_limit_beyond_the_end():
    assert await ids_of(three().walk().limit(99)) == "12345"


async def test_a_limit_cuts_the_last_page():
    pages = [page async for page in three().walk().limit(3).pages()]
    assert [len(page.items) for page in pages] == [2, 1]


async def test_a_limit_leaves_the_walk_it_came_from_alone():
    service = three()
    walk = service.walk()
    assert await ids_of(walk.limit(1)) == "1"
    assert await ids_of(walk) == "12345"


async def test_a_limit_goes_from_where_the_walk_stands():
    walk = three().walk()
    await walk.page()
    assert await ids_of(walk.limit(2)) == "34"


@pytest.mark.parametrize("n", [-1, 1.5, "3", None, True])
def test_a_limit_that_is_none(n):
    with pytest.raises(ConfigurationError, match="limit"):
        three().walk().limit(n)


# -- one page ----------------------------------------------------------------------------------


async def test_page_steps():
    walk = three().walk()
    pages: list[Page[Chat]] = [await walk.page() for _ in range(3)]
    assert [page.cursor for page in pages] == ["a", "b", None]
    assert [chat.id for page in pages for chat in page.items] == list("12345")
    assert [chat.id for chat in (await walk.page()).items] == ["1", "2"]  # and begins anew


async def test_totals_are_in_raw():
    service = Service({None: body(["1"], None, total_items=77)})
    page = await service.walk().page()
    assert page.raw["total_items"] == 77


# -- through the client ------------------------------------------------------------------------


class Wire:
    """A transport that answers pages and keeps the URLs."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.urls: list[str] = []

    async def exchange(self, request: HttpRequest, sending: Sending, /) -> Reply:
        self.urls.append(request.url.removeprefix("http://localhost/v1"))
        return Reply(status=200, headers={}, body=self.bodies.pop(0))

    async def aclose(self) -> None:
        pass


async def test_each_page_asks_for_the_same():
    wire = Wire(body(["1"], "a b/c="), body(["2"], "d"), body(["3"]))
    client = Postpress("k", base_url="http://localhost", transport=wire, limits=Limits.none())
    walk = client.chats.list(account_id="acc_1", unread=True, after="2026-01-01", page_size=5)
    assert await ids_of(walk) == "123"
    first = "/chats?account_id=acc_1&unread=true&after=2026-01-01&limit=5"
    assert wire.urls == [first, f"{first}&cursor=a%20b%2Fc%3D", f"{first}&cursor=d"]


async def test_a_bound_client_names_its_account_on_each_page():
    wire = Wire(body(["1"], "a"), body(["2"]))
    client = Postpress("k", base_url="http://localhost", transport=wire, limits=Limits.none())
    assert await ids_of(client.account("acc_9").chats.list(start="z")) == "12"
    assert wire.urls == ["/chats?account_id=acc_9&cursor=z", "/chats?account_id=acc_9&cursor=a"]


async def test_messages_of_a_chat_are_walked_in_the_chat():
    wire = Wire(body([], "a"), body([]))
    client = Postpress("k", base_url="http://localhost", transport=wire, limits=Limits.none())
    _ = [message async for message in client.messages.list(chat_id="c/1", sender_id="s")]
    path = "/chats/c%2F1/messages?sender_id=s"
    assert wire.urls == [path, f"{path}&cursor=a"]
