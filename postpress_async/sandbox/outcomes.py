"""What becomes of a request: an answer, or something worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .bodies import BodyReader

JSON: str = "application/json; charset=utf-8"
HTML: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request, as bytes and headers."""

    method: str
    target: str
    api_key: str | None
    content_type: str | None
    idempotency_key: str | None
    body: BodyReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; `cut` sends its head and half of its body."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str]
    cut: bool = False
    pieces: Iterator[bytes] | None = None
    """A file, instead of a body; `size` tells how many bytes that is."""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection is reset, without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Nothing more is heard. `key` stays in flight until the client leaves."""

    key: str | None


Outcome: TypeAlias = Reply | Reset | Stall
