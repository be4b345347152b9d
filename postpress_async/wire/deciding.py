"""What a call counts as where its path alone does not say: pure questions about what it asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from postpress_async.options import Discreet

if TYPE_CHECKING:
    from collections.abc import Iterator

SEARCH_ROWS: Final = 10
"""The documented page of a search that names no `limit`."""

_DIGITS: Final = re.compile(r"[0-9]{1,9}\Z")
_NO: Final = frozenset({"", "0", "false", "no", "off"})
_NOTHING: Final[Mapping[str, object]] = {}


class Asked(Discreet, frozen=True, kw_only=True):
    """Be what a call asks, by the names that go on the wire.

    Attributes:
        query: the fields of its query.
        body: those of its JSON or form.
    """

    query: Mapping[str, object] = _NOTHING
    body: Mapping[str, object] = _NOTHING

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield the names alone."""
        yield "query", sorted(self.query)
        yield "body", sorted(self.body)


Decider: TypeAlias = Callable[[Asked, str | None], str]
"""Names the action of a call, given its account's provider, None where that is not known."""

Counter: TypeAlias = Callable[[Asked], int]
"""Says how much of its action a call takes."""


def action_of_start(asked: Asked, _provider: str | None) -> str:
    """Tell an InMail from a first message."""
    linkedin = asked.body.get("linkedin")
    inmail = asked.body.get("linkedin[inmail]")
    if inmail is None and isinstance(linkedin, Mapping):
        inmail = cast("Mapping[str, object]", linkedin).get("inmail")
    return "inmail" if _is_on(inmail) else "first_message"


def action_of_invite(asked: Asked, provider: str | None) -> str:
    """Tell a follow, an invitation, and one with a note, of which there are fewest."""
    if provider is not None and provider.upper() == "INSTAGRAM":
        return "follow"
    return "invite_note" if asked.body.get("message") else "invite"


def rows_of_search(asked: Asked) -> int:
    """Return the rows that a search asks for."""
    rows = _whole(asked.query.get("limit"))
    if rows is None:
        rows = _whole(asked.body.get("limit"))
    return SEARCH_ROWS if rows is None else max(rows, 1)


def subject_of(asked: Asked) -> str | None:
    """Return the person whom a call is about, as far as it names one."""
    named = asked.body.get("provider_id")
    if named is None:
        named = asked.body.get("attendees_ids")
    if isinstance(named, (list, tuple)):
        several = cast("list[object] | tuple[object, ...]", named)
        named = several[0] if len(several) == 1 else None
    return named if isinstance(named, str) and named else None


def _is_on(value: object) -> bool:
    return value.strip().lower() not in _NO if isinstance(value, str) else bool(value)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if _DIGITS.match(value) else None
    return value if isinstance(value, int) else None
