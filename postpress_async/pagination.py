"""Lists: walk them item by item or page by page, from the start or from a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NoReturn, Protocol, Self, TypeVar

import msgspec

from postpress_async.errors import PaginationError
from postpress_async.options import whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from postpress_async.models.decoding import PageBody

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_KNOWN_CURSORS: Final = 4096


class Page(Generic[T_co]):
    """Be one page of a list.

    Attributes:
        items: what is on it.
        cursor: where the next page begins, None on the last one.
    """

    __slots__ = ("_body", "cursor", "items")

    def __init__(self, body: PageBody[T_co]) -> None:
        self._body = body
        self.items: list[T_co] = body.items
        self.cursor: str | None = body.cursor

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.cursor is not None

    @property
    def raw(self) -> dict[str, object]:
        """The page as the service sent it, totals and all."""
        return self._body.raw

    @property
    def issues(self) -> tuple[str, ...]:
        """JSON paths of what did not fit and was converted or left out, a whole row at worst."""
        return self._body.issues

    def __repr__(self) -> str:
        """Show how much is on it."""
        return f"Page({len(self.items)} items, cursor={self.cursor!r})"


class Walk(Protocol[T_co]):
    """Be a walk under way, over items or over pages.

    One that is left, by `break` or by an error, holds nothing: no connection, no task, no slot.
    `aclose` ends it for good, as `contextlib.aclosing` does.
    """

    def __aiter__(self) -> Self:
        """Go on."""
        ...

    def __anext__(self) -> Awaitable[T_co]:
        """Step."""
        ...

    def aclose(self) -> Awaitable[None]:
        """End it: a further step finds nothing."""
        ...


class Changes(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Be what has come since a mark.

    Attributes:
        items: what is new, oldest first.
        mark: a text to keep, and to ask with the next time; its content is nobody's business.
    """

    items: list[T]
    mark: str


class Paginator(Generic[T]):
    """Walk a list; nothing is asked for before the first step.

    ```python
    async for chat in client.chats.list(account_id="acc_1").limit(500): ...
    async for page in client.chats.list(account_id="acc_1").pages(): ...
    first = await client.chats.list(account_id="acc_1").page()
    ```

    A walk that was broken off, by an error, a `break` or a `limit` within a page, goes on with
    `start=paginator.cursor`; the page that was being read comes again, so drop what you have by
    its id. A walk that has ended begins anew at the first page. Order and completeness are the
    service's: what changes while you walk may come twice or not at all.

    Attributes:
        cursor: where the next page begins; None before the first and after the last one.
    """

    __slots__ = ("_fetch", "_limit", "_steps", "cursor")

    def __init__(
        self, fetch: Callable[[str | None], Awaitable[PageBody[T]]], start: str | None
    ) -> None:
        self._fetch = fetch
        self._limit: int | None = None
        self._steps = _Guard()
        self.cursor = start

    def limit(self, n: int) -> Paginator[T]:
        """Return a walk over the same list, from here, that ends after `n` items in all.

        It bounds `async for` and `pages()`. `page()` gives the service's page whole, since what it
        cut off would be skipped by whoever steps on: there, `page_size` is what bounds.
        """
        whole("limit", n, least=0)
        walk = Paginator(self._fetch, self.cursor)
        walk._limit = n
        return walk

    async def page(self) -> Page[T]:
        """Return the page at the cursor, and step behind it.

        After the last page the cursor is None, and the walk begins anew.

        Raises:
            PaginationError: the page before named a cursor that had been named before.
        """
        cursor = self.cursor
        if cursor is None or cursor != self._steps.next:
            self._steps = _Guard()  # a walk of its own begins here
        page = await self._turn(self._steps, cursor)
        self.cursor = self._steps.next = page.cursor
        return page

    def pages(self) -> Walk[Page[T]]:
        """Walk page by page.

        Raises:
            PaginationError: the service named a cursor that it had named before.
        """
        return _Pages(self, self._limit)

    def __aiter__(self) -> Walk[T]:
        """Walk item by item."""
        return _Items(_Pages(self, self._limit))

    async def _turn(self, guard: _Guard, cursor: str | None) -> Page[T]:
        guard.check(cursor)
        page = Page(await self._fetch(cursor))
        guard.passed(cursor)
        return page

    def __repr__(self) -> str:
        """Show where the walk stands."""
        return f"Paginator(cursor={self.cursor!r}, limit={self._limit!r})"


class _Guard:
    """Know a cursor that comes back, in a memory that does not grow.

    The latest cursors are known each; a longer circle is found by one cursor that is kept, for
    twice as many pages each time (Brent, «An improved Monte Carlo factorization algorithm», §2).

    Attributes:
        next: the cursor that the last page named.
    """

    __slots__ = ("_kept", "_latest", "_power", "_steps", "next")

    def __init__(self) -> None:
        self.next: str | None = None
        self._latest: dict[int, None] = {}  # hashes: a cursor may be a thousand letters
        self._kept: int | None = None
        self._power = 1
        self._steps = 0

    def check(self, cursor: str | None) -> None:
        """Refuse what was asked for before.

        Raises:
            PaginationError: it would go in a circle.
        """
        if cursor is None or not self._steps:
            return
        known = hash(cursor)
        if known in self._latest or known == self._kept:
            msg = (
                f"the list named the cursor {cursor[:80]!r} a second time after {self._steps} "
                "pages; begin anew, or report it to the service"
            )
            raise PaginationError(msg, cursor=cursor)

    def passed(self, cursor: str | None) -> None:
        """Remember what was asked for."""
        self._steps += 1
        if cursor is None:
            return
        known = hash(cursor)
        self._latest[known] = None
        if len(self._latest) > _KNOWN_CURSORS:
            del self._latest[next(iter(self._latest))]
        if self._steps >= self._power:
            self._kept, self._power = known, 2 * self._steps


class _Pages(Generic[T]):
    """Step through a paginator's pages; a class, since a generator that is left needs a task."""

    __slots__ = ("_at_it", "_guard", "_left", "_page", "_walk")

    def __init__(self, walk: Paginator[T], limit: int | None) -> None:
        self._walk: Paginator[T] | None = walk
        self._left = limit
        self._guard = _Guard()
        self._page: Page[T] | None = None
        self._at_it = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Page[T]:
        walk = self._walk
        if walk is None:
            raise StopAsyncIteration
        if self._at_it:
            msg = "another task waits for this walk's next page: give each a walk of its own"
            raise RuntimeError(msg)
        if self._page is not None:  # it was in the caller's hands until now
            walk.cursor = self._page.cursor
        if self._left == 0 or (self._page is not None and self._page.cursor is None):
            return self._end()
        self._at_it = True
        try:
            # The page before is let go of first: two pages are never in memory.
            self._page = None
            page = await walk._turn(self._guard, walk.cursor)  # noqa: SLF001 - its own walk
        finally:
            self._at_it = False
        return self._taken(page)

    def _taken(self, page: Page[T]) -> Page[T]:
        """Count a page against the limit; what is cut keeps the cursor on it."""
        self._page = page
        if self._left is not None:
            if len(page.items) > self._left:
                del page.items[self._left :]
                self._walk = None  # or its other items would be skipped
            self._left -= len(page.items)
        return page

    def _end(self) -> NoReturn:
        self._walk = self._page = None
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._walk = self._page = None


class _Items(Generic[T]):
    """Step through the items of pages."""

    __slots__ = ("_pages", "_rest")

    def __init__(self, pages: _Pages[T]) -> None:
        self._pages = pages
        self._rest: Iterator[T] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        for item in self._rest:
            return item
        while True:
            page = await self._pages.__anext__()
            self._rest = iter(page.items)
            for item in self._rest:
                return item

    async def aclose(self) -> None:
        self._rest = iter(())
        await self._pages.aclose()
