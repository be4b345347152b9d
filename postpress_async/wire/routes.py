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
        safe: False for a GET that starts work and must not be repeated by itself.
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
        if self.method == "GET" and self.safe:
            return "safe"
        return "idempotent" if self.method in {"PUT", "PATCH", "DELETE"} else "write"

    @property
    def keyed(self) -> bool:
        """Whether it carries an `Idempotency-Key`: every POST and PATCH does."""
        return self.method in {"POST", "PATCH"}


LIST_ACCOUNTS: Final = Route("GET", "/accounts")
GET_ACCOUNT: Final = Route("GET", "/accounts/{id}")

GET_USER: Final = Route("GET", "/users/{identifier}", action="profile")
GET_ME: Final = Route("GET", "/users/me", action="profile")

INVITE: Final = Route(
    "POST", "/users/invite", action=action_of_invite, body="json", by_provider=True
)

LIST_CHATS: Final = Route("GET", "/chats")
START_CHAT: Final = Route("POST", "/chats", action=action_of_start, body="multipart")
GET_CHAT: Final = Route("GET", "/chats/{chat_id}")
LIST_CHAT_ATTENDEES: Final = Route("GET", "/chats/{chat_id}/attendees")
LIST_CHAT_MESSAGES: Final = Route("GET", "/chats/{chat_id}/messages")
SEND_MESSAGE: Final = Route("POST", "/chats/{chat_id}/messages", action="message", body="multipart")

LIST_MESSAGES: Final = Route("GET", "/messages")
GET_MESSAGE: Final = Route("GET", "/messages/{message_id}")

SEARCH: Final = Route("POST", "/linkedin/search", action="search", body="json", cost=rows_of_search)
