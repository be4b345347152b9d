"""The API on a page: what is asked where, and what it counts as.

A path's `{names}` are the only holes; `wire.target` fills them. Source: the reference pages, by
their headings (`/v1/…`).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from .deciding import Counter, Decider, action_of_invite, action_of_start, rows_of_search

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Body: TypeAlias = Literal["none", "json", "multipart"]
READ: Final = "read"


class Route(msgspec.Struct, frozen=True):
    """Name one endpoint.

    Attributes:
        method: the HTTP method.
        template: the path below the base URL, with `{names}`.
        action: what a call of it counts as, or who decides that by what is asked; `read` touches
            the service alone.
        body: how its body travels.
        safe: False for what must not be repeated by itself, though its method says that it may: a
            GET that starts work, an edit that adds.
        cost: how much of its action it takes, or who counts that.
        by_provider: whether the action also depends on the account's provider.
    """

    method: Method
    template: str
    action: str | Decider = READ
    body: Body = "none"
    safe: bool = True
    cost: int | Counter = 1
    by_provider: bool = False

    @property
    def repeatable(self) -> Literal["safe", "idempotent", "write"]:
        """How a repeat after an unknown outcome would be taken."""
        if not self.safe or self.method == "POST":
            return "write"
        return "safe" if self.method == "GET" else "idempotent"

    @property
    def keyed(self) -> bool:
        """Whether it carries an `Idempotency-Key`: every POST and PATCH does."""
        return self.method in {"POST", "PATCH"}


LIST_ACCOUNTS: Final = Route("GET", "/accounts")
GET_ACCOUNT: Final = Route("GET", "/accounts/{id}")

GET_USER: Final = Route("GET", "/users/{identifier}", action="profile")
GET_ME: Final = Route("GET", "/users/me", action="profile")
EDIT_ME: Final = Route("PATCH", "/users/me/edit", action="edit", body="multipart", safe=False)
LIST_RELATIONS: Final = Route("GET", "/users/relations", action="browse")
LIST_FOLLOWING: Final = Route("GET", "/users/following", action="browse")
LIST_FOLLOWERS: Final = Route("GET", "/users/followers", action="browse")

INVITE: Final = Route(
    "POST", "/users/invite", action=action_of_invite, body="json", by_provider=True
)
LIST_SENT: Final = Route("GET", "/users/invite/sent", action="browse")
CANCEL_SENT: Final = Route("DELETE", "/users/invite/sent/{invitation_id}", action="other")
LIST_RECEIVED: Final = Route("GET", "/users/invite/received", action="browse")
ANSWER_RECEIVED: Final = Route(
    "POST", "/users/invite/received/{invitation_id}", action="other", body="json"
)

LIST_CHATS: Final = Route("GET", "/chats")
START_CHAT: Final = Route("POST", "/chats", action=action_of_start, body="multipart")
GET_CHAT: Final = Route("GET", "/chats/{chat_id}")
UPDATE_CHAT: Final = Route("PATCH", "/chats/{chat_id}", action="other", body="json")
DELETE_CHAT: Final = Route("DELETE", "/chats/{chat_id}", action="other")
SYNC_CHAT: Final = Route("GET", "/chats/{chat_id}/sync", action="other", safe=False)
LIST_CHAT_ATTENDEES: Final = Route("GET", "/chats/{chat_id}/attendees")
LIST_CHAT_MESSAGES: Final = Route("GET", "/chats/{chat_id}/messages")
SEND_MESSAGE: Final = Route("POST", "/chats/{chat_id}/messages", action="message", body="multipart")

LIST_MESSAGES: Final = Route("GET", "/messages")
GET_MESSAGE: Final = Route("GET", "/messages/{message_id}")
EDIT_MESSAGE: Final = Route("PATCH", "/messages/{message_id}", action="other", body="json")
DELETE_MESSAGE: Final = Route("DELETE", "/messages/{message_id}", action="other")
FORWARD_MESSAGE: Final = Route(
    "POST", "/messages/{message_id}/forward", action="message", body="json"
)
REACT: Final = Route("POST", "/messages/{message_id}/reaction", action="react", body="json")
GET_ATTACHMENT: Final = Route("GET", "/messages/{message_id}/attachments/{attachment_id}")

LIST_ATTENDEES: Final = Route("GET", "/chat_attendees")
GET_ATTENDEE: Final = Route("GET", "/chat_attendees/{id}")
GET_PICTURE: Final = Route("GET", "/chat_attendees/{id}/picture")
LIST_ATTENDEE_CHATS: Final = Route("GET", "/chat_attendees/{attendee_id}/chats")
LIST_ATTENDEE_MESSAGES: Final = Route("GET", "/chat_attendees/{sender_id}/messages")

SEARCH: Final = Route("POST", "/linkedin/search", action="search", body="json", cost=rows_of_search)
