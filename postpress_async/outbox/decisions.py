"""What `before_send` may answer, at the last moment before an item goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet, of_kind
from postpress_async.resources._base import checked_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LATEST", "Decision", "Defer", "Replace", "Send", "Skip", "instant_of"]

LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC).timestamp()
"""The last day that is one in all time zones, and that no rounding carries into year 10000."""


class Send(Discreet, frozen=True, kw_only=True):
    """Let it go as it is."""


class Skip(Discreet, frozen=True):
    """Do not send it any more: it is cancelled, and its slot counts for nothing.

    Attributes:
        reason: why, kept with the item: no secrets, and no text of the message.
    """

    reason: str

    def __post_init__(self) -> None:
        checked_text("Skip.reason", self.reason)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield all of it."""
        yield "reason", self.reason


class Defer(Discreet, frozen=True):
    """Send it later: it goes to that instant's place in its chat; its slot counts for nothing.

    Attributes:
        until: not before this instant; one of the past means at once, and asks again.
        reason: why, kept with the item.
        keeps_place: whether it goes before all that is behind it now, which waits with it. Then
            `until` is meant by the clock of who answers, else by that of the outbox's store.
    """

    until: datetime
    reason: str = "deferred"
    keeps_place: bool = False

    def __post_init__(self) -> None:
        instant_of("Defer.until", self.until)
        checked_text("Defer.reason", self.reason)
        of_kind("Defer.keeps_place", self.keeps_place, bool, "True")

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield all of it."""
        yield "until", self.until
        yield "reason", self.reason
        yield "keeps_place", self.keeps_place


class Replace(Discreet, frozen=True, kw_only=True):
    """Send it with another text, which is kept together with the mark that it goes now.

    It is for this time alone: where it is refused, `before_send` is asked about the first text.

    Attributes:
        text: what it says instead; an invitation's is its note.
    """

    text: str

    def __post_init__(self) -> None:
        checked_text("Replace.text", self.text)


Decision: TypeAlias = Send | Skip | Defer | Replace
"""What becomes of an item that could go now."""


def instant_of(field: str, value: object) -> float:
    """Return an instant in seconds since the epoch.

    What lies beyond what can be told again in every time zone, such as `datetime.max` for «never»,
    is drawn to the nearest that can.

    Raises:
        ConfigurationError: it is none, or has no time zone: whose noon would it be?
    """
    if not isinstance(value, datetime):
        msg = f"{field} must be a datetime with a time zone, not {type(value).__name__}"
        raise ConfigurationError(msg)
    if value.utcoffset() is None:
        msg = f"{field} {value.isoformat()} has no time zone: give datetime(…, tzinfo=UTC) or so"
        raise ConfigurationError(msg)
    return min(max(value.timestamp(), 0.0), LATEST)
