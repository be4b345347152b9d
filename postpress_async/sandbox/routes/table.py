"""The whole API on a page, as this service knows it.

A row without a handler is documented but not played yet: it answers 501, and its faults, limits and
journal work like those of any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.routing import Route

from . import (
    accounts,
    attendees,
    chat_actions,
    chats,
    invitations,
    me,
    messages,
    network,
    starting,
    users,
)

if TYPE_CHECKING:
    from postpress_async.sandbox.calls import Call


def action_of_start(call: Call) -> str:
    """Tell an InMail from a first message."""
    return "inmail" if call.body.child("linkedin").flag("inmail") else "first_message"


def action_of_invite(call: Call) -> str:
    """Tell a follow, an invitation, and one with a note."""
    account = call.world.accounts.get(call.body.text("account_id") or "")
    if account is not None and account.provider == "INSTAGRAM":
        return "follow"
    return "invite_note" if call.body.text("message") else "invite"


def rows_of_search(call: Call) -> int:
    """A search costs the rows that it asks for."""
    return call.query.limit(100, 10)


ROUTES: Final = (
    Route("GET", "/accounts", "read", accounts.list_accounts),
    Route("POST", "/accounts", "login"),
    Route("GET", "/accounts/{id}", "read", accounts.get_account),
    Route("POST", "/accounts/{id}", "login"),
    Route("DELETE", "/accounts/{id}", "read"),
    Route("POST", "/hosted/accounts/link", "read"),
    Route("POST", "/accounts/checkpoint", "login"),
    Route("POST", "/accounts/checkpoint/resend", "login"),
    Route("GET", "/accounts/{account_id}/sync", "other", accounts.sync_account),
    Route("POST", "/accounts/{id}/restart", "login"),
    Route("GET", "/users/{identifier}", "profile", users.get_user),
    Route("GET", "/users/me", "profile", me.get_me),
    Route("PATCH", "/users/me/edit", "edit", me.edit_me),
    Route("GET", "/users/relations", "browse", network.list_relations),
    Route("GET", "/users/following", "browse", network.list_following),
    Route("GET", "/users/followers", "browse", network.list_followers),
    Route("POST", "/users/invite", action_of_invite, invitations.send_invitation),
    Route("GET", "/users/invite/sent", "browse", invitations.list_sent),
    Route("DELETE", "/users/invite/sent/{invitation_id}", "other", invitations.cancel_invitation),
    Route("GET", "/users/invite/received", "browse", invitations.list_received),
    Route("POST", "/users/invite/received/{invitation_id}", "other", invitations.answer_invitation),
    Route("GET", "/users/{identifier}/posts", "browse"),
    Route("GET", "/users/{identifier}/reactions", "browse"),
    Route("GET", "/users/{identifier}/comments", "browse"),
    Route("GET", "/chats", "read", chats.list_chats),
    Route("POST", "/chats", action_of_start, starting.start_chat),
    Route("GET", "/chats/{chat_id}", "read", chats.get_chat),
    Route("PATCH", "/chats/{chat_id}", "other", chat_actions.act),
    Route("DELETE", "/chats/{chat_id}", "other", chats.delete_chat),
    Route("GET", "/chats/{chat_id}/attendees", "read", chats.list_chat_attendees),
    Route("GET", "/chats/{chat_id}/messages", "read", messages.list_chat_messages),
    Route(
        "POST",
        "/chats/{chat_id}/messages",
        "message",
        messages.send_message,
        pause=messages.typing_of,
    ),
    Route("GET", "/chats/{chat_id}/sync", "other", chats.sync_chat),
    Route("GET", "/messages", "read", messages.list_messages),
    Route("GET", "/messages/{message_id}", "read", messages.get_message),
    Route("PATCH", "/messages/{message_id}", "other", messages.edit_message),
    Route("DELETE", "/messages/{message_id}", "other", messages.delete_message),
    Route("POST", "/messages/{message_id}/forward", "message", messages.forward_message),
    Route("POST", "/messages/{message_id}/reaction", "react", messages.react),
    Route(
        "GET", "/messages/{message_id}/attachments/{attachment_id}", "read", messages.get_attachment
    ),
    Route("GET", "/chat_attendees", "read", attendees.list_attendees),
    Route("GET", "/chat_attendees/{id}", "read", attendees.get_attendee),
    Route("GET", "/chat_attendees/{id}/picture", "read", attendees.get_picture),
    Route("GET", "/chat_attendees/{attendee_id}/chats", "read", attendees.list_attendee_chats),
    Route("GET", "/chat_attendees/{sender_id}/messages", "read", attendees.list_attendee_messages),
    Route("POST", "/webhooks", "read"),
    Route("GET", "/webhooks", "read"),
    Route("DELETE", "/webhooks/{id}", "read"),
    Route("POST", "/posts", "post"),
    Route("GET", "/posts/{post_id}", "browse"),
    Route("GET", "/posts/{post_id}/reactions", "browse"),
    Route("POST", "/posts/reaction", "react"),
    Route("GET", "/posts/{post_id}/comments", "browse"),
    Route("POST", "/posts/{post_id}/comments", "comment"),
    Route("POST", "/linkedin/search", "search", cost=rows_of_search),
    Route("GET", "/linkedin/search/parameters", "browse"),
    Route("GET", "/linkedin/inmail_balance", "browse"),
    Route("POST", "/linkedin/profile/endorse", "other"),
    Route("POST", "/linkedin/user/{user_id}", "other"),
    Route("GET", "/linkedin/company/{identifier}", "browse"),
    Route("POST", "/linkedin", "other"),
    Route("GET", "/linkedin/projects", "browse"),
    Route("GET", "/linkedin/projects/{id}", "browse"),
    Route("GET", "/linkedin/jobs", "browse"),
    Route("POST", "/linkedin/jobs", "other"),
    Route("GET", "/linkedin/jobs/{job_id}", "browse"),
    Route("PATCH", "/linkedin/jobs/{job_id}", "other"),
    Route("POST", "/linkedin/jobs/{draft_id}/publish", "other"),
    Route("POST", "/linkedin/jobs/{draft_id}/checkpoint", "other"),
    Route("POST", "/linkedin/jobs/{id}/close", "other"),
    Route("GET", "/linkedin/jobs/{id}/applicants", "browse"),
    Route("GET", "/linkedin/jobs/applicants/{applicant_id}", "browse"),
    Route("GET", "/linkedin/jobs/applicants/{applicant_id}/resume", "browse"),
    Route("POST", "/emails/drafts", "other"),
    Route("POST", "/drafts", "other"),
    Route("GET", "/emails", "read"),
    Route("POST", "/emails", "message"),
    Route("GET", "/emails/{email_id}", "read"),
    Route("PUT", "/emails/{email_id}", "other"),
    Route("DELETE", "/emails/{email_id}", "other"),
    Route("GET", "/emails/{email_id}/attachments/{attachment_id}", "read"),
    Route("GET", "/folders", "read"),
    Route("GET", "/folders/{folder_id}", "read"),
    Route("GET", "/calendars", "read"),
    Route("GET", "/calendars/{calendar_id}", "read"),
    Route("GET", "/calendars/{calendar_id}/events", "read"),
    Route("POST", "/calendars/{calendar_id}/events", "other"),
    Route("GET", "/calendars/{calendar_id}/events/{event_id}", "read"),
    Route("PATCH", "/calendars/{calendar_id}/events/{event_id}", "other"),
    Route("DELETE", "/calendars/{calendar_id}/events/{event_id}", "other"),
)
