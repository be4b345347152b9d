"""Sends that survive: kept before they go, never sent twice, and looked for when in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postpress_async.errors import (
        OutboxConflictError,
        OutboxError,
        OutboxNotFoundError,
        OutboxStateError,
    )

    from .batch import Batch
    from .changing import ItemChanges
    from .decisions import Decision, Defer, Replace, Send, Skip
    from .explaining import Reason
    from .exporting import ExportFormat, export_items
    from .guards import (
        Guard,
        all_of,
        debounce,
        do_not_contact,
        human_takeover,
        stop_on_reply,
    )
    from .items import Item, ItemKind, ItemState
    from .loading import import_items, preview_import
    from .metering import OutboxMetrics, OutboxProgress
    from .outbox import Outbox
    from .recipes import ImportKind, ImportProblem, ImportRefusedError, Recipe
    from .reports import Imported, ImportForecast

__all__ = [
    "Batch",
    "Decision",
    "Defer",
    "ExportFormat",
    "Guard",
    "ImportForecast",
    "ImportKind",
    "ImportProblem",
    "ImportRefusedError",
    "Imported",
    "Item",
    "ItemChanges",
    "ItemKind",
    "ItemState",
    "Outbox",
    "OutboxConflictError",
    "OutboxError",
    "OutboxMetrics",
    "OutboxNotFoundError",
    "OutboxProgress",
    "OutboxStateError",
    "Reason",
    "Recipe",
    "Replace",
    "Send",
    "Skip",
    "all_of",
    "debounce",
    "do_not_contact",
    "export_items",
    "human_takeover",
    "import_items",
    "preview_import",
    "stop_on_reply",
]

_HOMES = {
    "Batch": "postpress_async.outbox.batch",
    "Decision": "postpress_async.outbox.decisions",
    "Defer": "postpress_async.outbox.decisions",
    "ExportFormat": "postpress_async.outbox.exporting",
    "Guard": "postpress_async.outbox.guards",
    "ImportForecast": "postpress_async.outbox.reports",
    "ImportKind": "postpress_async.outbox.recipes",
    "ImportProblem": "postpress_async.outbox.recipes",
    "ImportRefusedError": "postpress_async.outbox.recipes",
    "Imported": "postpress_async.outbox.reports",
    "Item": "postpress_async.outbox.items",
    "ItemChanges": "postpress_async.outbox.changing",
    "ItemKind": "postpress_async.outbox.items",
    "ItemState": "postpress_async.outbox.items",
    "Outbox": "postpress_async.outbox.outbox",
    "OutboxConflictError": "postpress_async.errors",
    "OutboxError": "postpress_async.errors",
    "OutboxMetrics": "postpress_async.outbox.metering",
    "OutboxNotFoundError": "postpress_async.errors",
    "OutboxProgress": "postpress_async.outbox.metering",
    "OutboxStateError": "postpress_async.errors",
    "Reason": "postpress_async.outbox.explaining",
    "Recipe": "postpress_async.outbox.recipes",
    "Replace": "postpress_async.outbox.decisions",
    "Send": "postpress_async.outbox.decisions",
    "Skip": "postpress_async.outbox.decisions",
    "all_of": "postpress_async.outbox.guards",
    "debounce": "postpress_async.outbox.guards",
    "do_not_contact": "postpress_async.outbox.guards",
    "export_items": "postpress_async.outbox.exporting",
    "human_takeover": "postpress_async.outbox.guards",
    "import_items": "postpress_async.outbox.loading",
    "preview_import": "postpress_async.outbox.loading",
    "stop_on_reply": "postpress_async.outbox.guards",
}


def __getattr__(name: str) -> object:
    """Load a public name at its first use: a program that only sends never loads the store."""
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module  # noqa: PLC0415 - with the first name

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
