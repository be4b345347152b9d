"""A file on its way in: walked piece by piece, or saved to disk whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from os import PathLike
    from types import TracebackType

    from postpress_async.wire.values import Reply


class Download:
    """Be a file that the service sends; nothing is asked for before `async with`.

    Attributes:
        size: its bytes, None where the service does not say.
        content_type: its media type, None where the service names none.
        name: what the service calls it, without a path; None where it names none.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Reply]]) -> None:
        self._fetch = fetch
        self.size: int | None = None
        self.content_type: str | None = None
        self.name: str | None = None

    async def __aenter__(self) -> Self:
        raise NotImplementedError  # streaming follows

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise NotImplementedError

    async def save(
        self,
        path: str | PathLike[str],
        *,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> int:
        raise NotImplementedError
