"""What is new since a mark: told by ids over a window of time, since no order is promised.

A mark holds a *floor*, a *high* and who was handed on between them. The list is asked for all that
is not below the floor; what is not known from before is new. The high is the newest timestamp that
came, the floor stands `overlap` below it. So a message is handed on once if it is in the list by
the time the newest one that was handed on is `overlap` younger; one that comes later is never seen.
Only the service's own timestamps are compared. A timestamp of tomorrow does not lift the floor.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Self

from postpress_async.errors import ConfigurationError
from postpress_async.pagination import Changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.models import Message
    from postpress_async.pagination import Paginator

OVERLAP: Final = 6 * 3600.0
"""Seconds by which a message may be late: an account that reconnects brings hours at once."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TOLERANCE: Final = 300_000  # ms by which the service's clock may be ahead of ours
_PREFIX: Final = "m1."
_HEAD: Final = struct.Struct(">4sqq")  # whose list, floor, high
_SUM: Final = 4
_KNOWN: Final = struct.Struct(">8sq")  # an id's digest, its timestamp


class Mark:
    """Be what is known of a list.

    Attributes:
        floor: milliseconds since the epoch below which nothing is asked for; None for nothing.
        high: the newest timestamp that counts.
        known: digests of what was handed on and may come again, with its timestamp.
    """

    __slots__ = ("_timeless", "floor", "high", "known", "scope")

    def __init__(self, scope: bytes, floor: int | None, high: int) -> None:
        self.scope: bytes = scope
        self.floor: int | None = floor
        self.high: int = high
        self.known: dict[bytes, int] = {}
        self._timeless: list[bytes] = []

    @classmethod
    def read(cls, given: object, scope: str) -> Self:
        """Return what a user gives as a mark: a text from before, an instant, or None.

        Raises:
            ConfigurationError: it is no mark, or that of another list.
        """
        own = _digest(scope, 4)
        if given is None:
            return cls(own, None, 0)
        if isinstance(given, datetime):
            if given.tzinfo is None:
                msg = "mark must have a time zone: datetime.now(UTC), not datetime.now()"
                raise ConfigurationError(msg)
            return cls(own, _milliseconds(given), _milliseconds(given))
        data = _bytes_of(given)
        try:
            found, floor, high = _HEAD.unpack_from(data)
            mark = cls(found, None if floor < 0 else floor, high)
            mark.known = dict(_KNOWN.iter_unpack(data[_HEAD.size :]))
        except struct.error:
            raise _no_mark(given) from None
        if found != own:
            msg = (
                "mark belongs to another list: ask with the chat_id and account_id that it came "
                "from, or begin with None"
            )
            raise ConfigurationError(msg)
        return mark

    def text(self) -> str:
        """Return it as a text to keep."""
        head = _HEAD.pack(self.scope, -1 if self.floor is None else self.floor, self.high)
        known = b"".join(_KNOWN.pack(*entry) for entry in self.known.items())
        data = head + known
        return _PREFIX + base64.urlsafe_b64encode(data + _sum(data)).decode()

    def is_new(self, message: Message, now: int) -> bool:
        """Tell whether a message was not handed on before, and remember that it is now."""
        at = sent(message)
        if at is not None and self.floor is not None and at < self.floor:
            return False
        name = message.id or message.message_id or message.provider_id
        if name is None:
            return True
        digest = _digest(name, 8)
        new = digest not in self.known
        if at is None:
            self._timeless.append(digest)
            at = self.high
        self.known[digest] = max(at, self.known.get(digest, at))
        self.high = newest_of(self.high, at, now)
        return new

    def lift(self, overlap: float) -> None:
        """Set the floor below the newest, and forget who is beneath it."""
        if not self.high:
            return
        floor = int(max(self.high - overlap * 1000, self.floor or 0))
        self.floor = floor
        # What has no place in time is known for as long as it keeps coming.
        self.known.update(dict.fromkeys(self._timeless, self.high))
        self.known = {digest: at for digest, at in self.known.items() if at >= floor}


async def changes(
    mark: Mark,
    walk: Callable[[datetime | None], Paginator[Message]],
    *,
    now: float,
    overlap: float,
) -> Changes[Message]:
    """Return what is new in a list, and the mark behind it.

    Args:
        mark: where it stood.
        walk: lists all that is after an instant.
        now: seconds since the epoch; only keeps a wrong timestamp from lifting the floor.
        overlap: seconds by which a message may be late.
    """
    # Whether «after» means the instant too, no page says.
    after = None if mark.floor is None else _EPOCH + (max(mark.floor, 1) - 1) * _MILLISECOND
    today = int(now * 1000)
    items = [message async for message in walk(after) if mark.is_new(message, today)]
    mark.lift(overlap)
    if items and _order(items[0]) >= _order(items[-1]):
        items.reverse()  # newest first, as has been seen: those of one instant are, too
    items.sort(key=_order)
    return Changes(items=items, mark=mark.text())


def newest_of(high: int, at: int, now: int) -> int:
    """Return the later of two timestamps; one of tomorrow does not count."""
    return max(high, at) if at <= now + _TOLERANCE else high


def sent(message: Message) -> int | None:
    """Return when a message was sent, in milliseconds; None where nobody can tell."""
    at = _moment(message)
    return None if at is None else _milliseconds(at)


def _order(message: Message) -> tuple[bool, datetime]:
    at = _moment(message)
    return at is None, at or _EPOCH


def _moment(message: Message) -> datetime | None:
    at = message.sent_at
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _bytes_of(given: object) -> bytes:
    if not isinstance(given, str) or not given.startswith(_PREFIX):
        raise _no_mark(given)
    try:
        data = base64.b64decode(given[len(_PREFIX) :], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _no_mark(given) from None
    if data[-_SUM:] != _sum(data[:-_SUM]):  # a column that was too short would forget somebody
        raise _no_mark(given)
    return data[:-_SUM]


def _sum(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SUM).digest()


def _no_mark(given: object) -> ConfigurationError:
    what = "this text, which is none or was cut" if isinstance(given, str) else type(given).__name__
    return ConfigurationError(
        f"mark must be the mark of earlier Changes, a datetime, or None to begin, not {what}"
    )
