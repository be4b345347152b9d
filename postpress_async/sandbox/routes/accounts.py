"""Accounts."""

from __future__ import annotations

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.world.accounts import account_json


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
