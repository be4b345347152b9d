"""`postpress chats`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from postpress_async.cli.listing import page_size, show
from postpress_async.cli.options import (
    After,
    AsJson,
    BaseUrl,
    Before,
    Most,
    Start,
    client_at,
    moment,
)
from postpress_async.models import Chat


async def list_(
    *,
    account: Annotated[
        str | None, Parameter(name="--account", help="Only this account's; else those of all.")
    ] = None,
    unread: Annotated[
        bool, Parameter(name="--unread", negative="", help="Only unread ones.")
    ] = False,
    before: Before = None,
    after: After = None,
    limit: Most = None,
    start: Start = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """List chats, as far as the service has synced them. Counts as reading, which is not limited.

    Args:
        account: only this account's.
        unread: only unread ones.
        before: only those whose last activity was before.
        after: only those whose last activity was after.
        limit: so many in all.
        start: the cursor to begin at.
        as_json: each chat as the service sent it.
        base_url: where the service is.
    """
    async with client_at(base_url) as client:
        walk = client.chats.list(
            account_id=account,
            unread=True if unread else None,
            before=moment("--before", before),
            after=moment("--after", after),
            start=start,
            page_size=page_size(limit),
        )
        await show(
            walk,
            limit=limit,
            head=("CHAT", "PROVIDER", "WITH", "UNREAD", "LAST ACTIVITY"),
            row=_row,
            as_json=as_json,
        )


def _row(chat: Chat) -> Sequence[object]:
    who = chat.name or chat.subject or chat.attendee_provider_id
    if chat.is_group:
        who = f"{who or ''} (group)".strip()
    unread = chat.unread_count or ("yes" if chat.is_unread else None)
    return chat.id, chat.provider, who, unread, (chat.timestamp or "")[:16].replace("T", " ")
