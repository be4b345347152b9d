"""People whom the accounts know."""

from __future__ import annotations

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.world.talk import attendee_json


def list_attendees(call: Call) -> Answer:
    """List attendees of one account, or of all."""
    account_id = call.query.text("account_id")
    page = newest_first(
        list(call.world.attendees.values()),
        name="attendees",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(250),
        wanted=None if account_id is None else (lambda one: one.account.id == account_id),
    )
    return Answer(
        body={
            "object": "ChatAttendeeList",
            "items": [attendee_json(one) for one in page.items],
            "cursor": page.cursor,
        }
    )
