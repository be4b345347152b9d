"""A call, as a handler sees it: values in, an answer out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .bodies import Fields
    from .happenings import Happening
    from .queries import Query
    from .rows import Shelf
    from .wire import JsonObject
    from .world.store import World
    from .world.things import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked, in which world, and when."""

    params: Mapping[str, str]
    query: Query
    body: Fields
    world: World
    now: int
    """Milliseconds since 1970 on the sandbox's clock."""

    def account(self) -> Account:
        """Give the account that the call names, in its query or its body.

        Raises:
            Problem: It names none, or one that does not exist.
        """
        named = self.query.text("account_id") or self.body.text("account_id")
        if named is None:
            raise Problem("missing_parameters", "account_id is required")
        return self.world.account(named)


class Written(Protocol):
    """An answer of rows that may be written already; see `rows`."""

    def dump(self, shelf: Shelf, *, short: bool) -> bytes:
        """Write it down."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """An answer that is a file: a picture, an attachment."""

    content_type: str
    size: int
    pieces: Iterator[bytes]
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler answers. `text` is what was sent to a person, for the journal."""

    body: JsonObject | Written | Bytes
    status: int = 200
    committed: bool = False
    text: str | None = None
    happened: Sequence[Happening] = ()
