"""Lists: walk them item by item or page by page, from the start or from a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from postpress_async.errors import PaginationError
from postpress_async.options import whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from postpress_async.models.decoding import PageBody

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


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

    __slots__ = ("_fetch", "_limit", "cursor")

    def __init__(
        self, fetch: Callable[[str | None], Awaitable[PageBody[T]]], start: str | None
    ) -> None:
        self._fetch = fetch
        self._limit: int | None = None
        self.cursor = start

    def limit(self, n: int) -> Paginator[T]:
        """Return a walk over the same list, from here, that ends after `n` items in all."""
        whole("limit", n, least=0)
        walk = Paginator(self._fetch, self.cursor)
        walk._limit = n
        return walk

    async def page(self) -> Page[T]:
        """Return the page at the cursor, and step behind it.

        After the last page the cursor is None, and the walk begins anew.
        """
        page = Page(await self._fetch(self.cursor))
        self.cursor = page.cursor
        return page

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Walk page by page.

        Raises:
            PaginationError: the service named a cursor that it had named before.
        """
        seen = {self.cursor} if self.cursor is not None else set[str]()
        left = self._limit
        while left is None or left > 0:
            page = Page(await self._fetch(self.cursor))
            cut = left is not None and len(page.items) > left
            if left is not None:
                del page.items[left:]
                left -= len(page.items)
            yield page
            if cut:
                return  # the cursor stays on this page, or its other items would be skipped
            self.cursor = page.cursor
            if page.cursor is None:
                return
            if page.cursor in seen:
                msg = (
                    f"the list named the cursor {page.cursor[:80]!r} a second time after "
                    f"{len(seen)} pages; begin anew, or report it to the service"
                )
                raise PaginationError(msg, cursor=page.cursor)
            seen.add(page.cursor)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Walk item by item."""
        async for page in self.pages():
            for item in page.items:
                yield item

    def __repr__(self) -> str:
        """Show where the walk stands."""
        return f"Paginator(cursor={self.cursor!r}, limit={self._limit!r})"
