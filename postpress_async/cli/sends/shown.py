"""Items on the screen and as JSON; what they say only where that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from postpress_async.cli.output import print_either, print_facts, print_json
from postpress_async.cli.pacing.times import local
from postpress_async.cli.wording import as_commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from postpress_async.outbox import Item, ItemState, Reason

HEAD = ("ITEM", "KEY", "KIND", "ACCOUNT", "STATE", "WHEN", "ERROR", "TEXT")
_NAMES = (
    "id", "key", "kind", "account_id", "action", "state", "needs_decision", "group", "recipient",
    "priority", "not_before", "expires_at", "retry_at", "attempts", "result_id", "error",
    "next_step", "created_at", "changed_at",
)  # fmt: skip


def as_line(item: Item, *, text: bool, whom: bool = False) -> dict[str, object]:
    """Return an item for programs.

    Args:
        item: the item.
        text: what it says, and to whom.
        whom: where to look for it alone: its chat and its person.
    """
    told: dict[str, object] = {name: getattr(item, name) for name in _NAMES}
    told |= {"error": _said(item.error), "next_step": _said(item.next_step)}
    if text or whom:
        told |= {"chat_id": item.chat_id, "person": item.person}
    if text:
        told |= {"text": item.text, "files": item.file_names}
    return told


def row_of(item: Item, *, text: bool) -> Sequence[object]:
    """Return an item as a row for people."""
    key = None if item.key == item.id else item.key
    state = f"{item.state}, decide" if item.needs_decision else item.state
    at = item.retry_at or item.not_before if not item.is_over else item.changed_at
    said = item.text if text else None
    error = _said(item.error)
    return item.id, key, item.kind, item.account_id, state, _when(at), error, said


def print_items(items: Iterable[Item], *, text: bool, as_json: bool) -> None:
    """Print items, a line or a row each."""
    if as_json:
        for one in items:
            print_json(as_line(one, text=text))
        return
    rows = [row_of(one, text=text) for one in items]
    if rows:
        print_either(HEAD, rows)


def print_counts(counts: Mapping[ItemState, int], *, as_json: bool) -> None:
    """Print how many items are in which state."""
    if as_json:
        print_json(dict(counts))
    else:
        print_facts((state, f"{number:,}") for state, number in counts.items())


def print_item(item: Item, reasons: Sequence[Reason], *, text: bool, as_json: bool) -> None:
    """Print all of an item, and what keeps it."""
    reasons = [
        msgspec.structs.replace(
            one, reason=as_commands(one.reason), next_step=as_commands(one.next_step)
        )
        for one in reasons
    ]
    if as_json:
        print_json({**as_line(item, text=text, whom=True), "reasons": reasons})
        return
    facts = as_line(item, text=text, whom=True)
    files = facts.pop("files", ())
    facts.pop("next_step")  # the reasons below say it
    print_facts(
        (name, _when(value) if hasattr(value, "tzinfo") else value)
        for name, value in facts.items()
        if value is not False
    )
    if files:
        print_facts((("files", ", ".join(item.file_names)),))
    for one in reasons:
        print_facts(
            (
                ("why", one.reason),
                ("until", None if one.until is None else _when(one.until)),
                ("next", one.next_step),
            )
        )


def _said(text: str | None) -> str | None:
    return None if text is None else as_commands(text)


def _when(at: datetime | object | None) -> str | None:
    return None if at is None else local(at.timestamp())  # type: ignore[attr-defined]  # a datetime
