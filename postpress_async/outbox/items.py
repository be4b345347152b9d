"""An item as users see it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from postpress_async.models import Profile
from postpress_async.models.decoding import Reader
from postpress_async.options import Discreet

from . import contents
from .by_hand import shown
from .decisions import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.storage.outbox.rows import Row

    from .contents import Attached, Content

__all__ = ["DECIDE", "Item", "ItemKind", "ItemState", "item_of", "moment"]

ItemState: TypeAlias = Literal[
    "held", "queued", "sending", "sent", "unknown", "failed", "cancelled", "expired"
]
"""Where an item stands: see docs/outbox.md."""

_OUT: Final = frozenset({"sending", "unknown", "sent"})
"""States in which an item says what was sent, which `before_send` may have replaced."""

ItemKind: TypeAlias = Literal["message", "start_chat", "invite", "follow", "react", "profile"]
"""What an item is; an InMail is a `start_chat`."""

DECIDE: Final = "look whether it arrived, then resolve(id, sent=True) or resolve(id, sent=False)"
_ANEW: Final = "put it in again under another key"
_NEXT: Final = {
    "held": "release(id) lets it go",
    "failed": "mend what its error says, then retry(id) sends it after all",
    "cancelled": f"retry(id) sends it, unless before_send skips it again: then {_ANEW}",
    "expired": f"{_ANEW}, with a later expires_at",
}


class Item(Discreet, frozen=True, kw_only=True):
    """Be an item as it was when it was read: it does not change by itself; ask `get` again.

    What it says is never shown: not in a repr, not in a log.

    Attributes:
        id: its own id, in the order in which items were put in.
        key: your name for it; its id where you gave none.
        kind: `message`, `start_chat`, `invite`, `follow`, `react` or `profile`.
        account_id: the account that it goes out from; of a profile with several, a name for them.
        action: what it counts as, such as `message` or `inmail`.
        state: `held`, `queued`, `sending`, `sent`, `unknown`, `failed`, `cancelled`, `expired`.
        needs_decision: an `unknown` one that only a person can decide: see `Outbox.resolve`.
        group, recipient: the names that it was put in with.
        priority: lower goes first.
        not_before: the instant that it waits for, as it was wished or deferred; None for none.
        expires_at: it does not go after this instant.
        retry_at: when it is tried again after it could not go; None at once.
        attempts: how often a request was begun.
        result_id: the id of what was sent, where the service told one or it was found.
        error: why it did not go (yet), or is in doubt, in a line; None once it is sent.
        created_at, changed_at: by the store's time.
    """

    id: str
    key: str
    kind: ItemKind
    account_id: str
    action: str
    state: ItemState
    needs_decision: bool = False
    group: str | None = None
    recipient: str | None = None
    priority: int = 0
    not_before: datetime | None = None
    expires_at: datetime | None = None
    retry_at: datetime | None = None
    attempts: int = 0
    result_id: str | None = None
    error: str | None = None
    created_at: datetime
    changed_at: datetime
    body: bytes = b""

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it any more by itself: sent, failed, cancelled, expired."""
        return self.state in {"sent", "failed", "cancelled", "expired"}

    @property
    def next_step(self) -> str | None:
        """What somebody has to do about it; None where it goes on, or is over, by itself."""
        if self.state == "unknown":
            return DECIDE if self.needs_decision else None
        if self.state in {"failed", "cancelled"} and not self.body:
            return f"its text is no longer kept: {_ANEW}"
        return _NEXT.get(self.state)

    @property
    def text(self) -> str | None:
        """What it says; an invitation's note. None where it says nothing, or was emptied."""
        content = self._content
        return None if content is None else contents.text_of(content)

    @property
    def chat_id(self) -> str | None:
        """The chat that a message goes into."""
        return cast("str | None", getattr(self._content, "chat_id", None))

    @property
    def person(self) -> str | None:
        """The person's id, of a first message, an invitation, a follow or a profile."""
        content = self._content
        if isinstance(content, contents.StartChat):
            return content.to
        if isinstance(content, contents.Invite | contents.Follow):
            return content.provider_id
        return content.identifier if isinstance(content, contents.ProfileRead) else None

    @property
    def message_id(self) -> str | None:
        """The message that a reaction is to."""
        return cast("str | None", getattr(self._content, "message_id", None))

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the files that go with it."""
        files = cast("tuple[Attached, ...]", getattr(self._content, "files", ()))
        return tuple(one.name for one in files)

    @property
    def profile(self) -> Profile | None:
        """What a durable read brought; None before, and once it was emptied."""
        content = self._content
        if not isinstance(content, contents.ProfileRead) or not content.answer:
            return None
        return profiles().read(content.answer)

    @property
    def seen_by(self) -> str | None:
        """The account that a durable read went through."""
        return cast("str | None", getattr(self._content, "seen_by", None))

    @property
    def _content(self) -> Content | None:
        if not self.body:
            return None
        said = contents.decode(self.body)
        return said if self.state in _OUT else contents.original(said)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what says nothing of anybody."""
        yield "id", self.id
        yield "kind", self.kind
        yield "account_id", self.account_id
        yield "state", self.state
        if self.needs_decision:
            yield "needs_decision", True


def item_of(row: Row) -> Item:
    """Return a row as users see it."""
    return Item(
        id=row.id,
        key=row.key,
        kind=cast("ItemKind", row.kind),
        account_id=row.account_id,
        action=row.action,
        state=cast("ItemState", shown(row.state)),
        needs_decision=row.needs_decision,
        group=row.group,
        recipient=row.recipient,
        priority=row.priority,
        not_before=moment(row.due_at) if row.due_at != row.created_at else None,
        expires_at=None if row.expires_at is None else moment(row.expires_at),
        retry_at=moment(row.retry_at) if row.retry_at else None,
        attempts=row.attempts,
        result_id=row.result_id,
        error=None if row.state == "sent" else row.error,  # of earlier attempts, which is over
        created_at=moment(row.created_at),
        changed_at=moment(row.changed_at),
        body=contents.light(row.body),
    )


def moment(seconds: float) -> datetime:
    """Return an instant as users take it; one that no calendar has stands in no one's way."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LATEST), tz=UTC)


@cache
def profiles() -> Reader[Profile]:
    """Return the reader of profiles, made at its first use."""
    return Reader(Profile)
