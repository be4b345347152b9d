"""Accounts of which a shared state knows nothing, as of one whose name is misspelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.cli.output import note
from postpress_async.scheduler.looking import Knows
from postpress_async.storage.begun import is_begun
from postpress_async.storage.opening import open_images
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from postpress_async.client import Postpress

__all__ = ["is_strange", "note_strange"]


async def is_strange(client: Postpress, account_id: str, state: str) -> bool:
    """Tell whether a shared state knows nothing of an account; nothing is written there.

    Raises:
        ConfigurationError: it is no account's id.
        StateUnavailableError: the store cannot be reached.
    """
    client.account(account_id)  # refuses what is no id
    store = parse(state)
    if store.kind == "memory":
        return False  # of this process alone, so that everybody is strange to it
    if not await is_begun(store):
        return True
    images = open_images(state)
    try:
        return not await images.step(Knows(account_id))
    finally:
        await images.aclose()


def note_strange(account_id: str) -> None:
    """Say so, where no program reads results."""
    note(
        f"this state knew nothing of account {account_id} before: look whether it is "
        "spelled as where it sends"
    )
