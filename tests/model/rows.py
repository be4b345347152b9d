"""An item as a store would return it."""

import msgspec

from postpress_async.storage.outbox.rows import Row

_ROW = Row(
    id="item_1",
    serial=1,
    key="item_1",
    digest=b"",
    kind="message",
    account_id="acc_1",
    action="message",
    thread="chat_1",
    body=b"{}",
    group=None,
    recipient=None,
    text_digest=b"",
    loose_digest=b"",
    priority=0,
    due_at=0.0,
    expires_at=None,
    state="sending",
    fence=1,
    attempts=1,
    retry_at=None,
    look_at=None,
    looks=0,
    needs_decision=False,
    owner="w",
    lease=None,
    result_id=None,
    error=None,
    idempotency_key="k",
    created_at=0.0,
    changed_at=0.0,
)


def item_row(**changes):
    """Return a message that is being sent, but for some changes."""
    return msgspec.structs.replace(_ROW, **changes)
