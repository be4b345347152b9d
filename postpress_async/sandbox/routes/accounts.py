"""Accounts."""

from __future__ import annotations

from typing import Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.world.accounts import account_json

_SYNCED: Final = frozenset({"LINKEDIN", "TELEGRAM"})
_SYNC_TAKES: Final = 20_000  # milliseconds, of a chunk or of all


def list_accounts(call: Call) -> Answer:
    """List the connected accounts."""
    page = newest_first(
        call.world.rows,
        name="accounts",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(250),
    )
    return Answer(
        body={
            "object": "AccountList",
            "items": [account_json(account) for account in page.items],
            "cursor": page.cursor,
        }
    )


def get_account(call: Call) -> Answer:
    """Give one account."""
    return Answer(body=account_json(call.world.account(call.params["id"])))


def sync_account(call: Call) -> Answer:
    """Start to fetch an account's chats anew, or tell how far it is; it takes 20 s of the clock.

    After the end was told, the next call starts afresh; after that of a chunk, the next chunk.
    """
    account = call.world.account(call.params["account_id"])
    if account.provider not in _SYNCED:
        raise Problem("feature_not_implemented", f"{account.provider} has no sync of an account.")
    asked = call.query.text("chunk_size")
    if asked is not None and not (asked.isascii() and asked.isdigit() and int(asked)):
        raise Problem("invalid_parameters", "chunk_size is a number of chats")
    if account.sync_ends is None:
        status, account.sync_ends = "SYNC_STARTED", call.now + _SYNC_TAKES
        if not account.sync_left:
            account.sync_left = len(call.world.room(account).chats)
    elif call.now < account.sync_ends:
        status = "SYNC_RUNNING"
    else:
        account.sync_ends = None
        account.sync_left -= min(int(asked or account.sync_left), account.sync_left)
        status = "CHUNK_DONE" if account.sync_left else "SYNC_DONE"
    return Answer(
        body={"object": "AccountResync", "status": status}, committed=status == "SYNC_STARTED"
    )
