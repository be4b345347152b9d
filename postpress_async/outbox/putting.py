"""From a content to the row that is put in: names, digests, lane, thread and times."""

from __future__ import annotations

import os
import time
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async import spellings
from postpress_async.errors import ConfigurationError
from postpress_async.options import of_kind
from postpress_async.resources._base import checked_text
from postpress_async.resources._checks import optional_text, within
from postpress_async.resources._people import recognised
from postpress_async.storage.outbox.rows import New

from . import contents
from .contents import Follow, Invite, MessageContent, ProfileRead, React, StartChat
from .decisions import instant_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from postpress_async.storage.outbox.rows import Row

    from .contents import Content

__all__ = [
    "Names",
    "Wishes",
    "in_lane",
    "kept_priority",
    "kept_text",
    "name_of",
    "new_of",
    "pool_of",
    "rewritten",
    "tombstone_of",
]

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_RANDOM_BITS: Final = 80
_LONGEST_KEY: Final = 512
_LONGEST_ACCOUNT: Final = 512  # bytes: what an index holds of both is at most 2,704 in PostgreSQL
_LONGEST_ID: Final = 1_024
_INVITATIONS: Final = frozenset({"invite", "invite_note"})
"""The lanes that an item may change between: without a note, and with one."""
_PERSON: Final = {"start_chat": "to", "profile": "identifier"}
"""How calls name the person; `provider_id` where it is not here."""


class Names:
    """Make ids as ULIDs: unique, and each greater than the one before, within a process.

    Args:
        now: seconds since the epoch.
        random: random bytes.
    """

    def __init__(
        self, *, now: Callable[[], float] = time.time, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._now = now
        self._random = random
        self._last = 0
        self._lock = Lock()

    def __call__(self) -> str:
        """Return the next id."""
        chance = int.from_bytes(self._random(_RANDOM_BITS // 8), "big")
        with self._lock:
            made = (int(self._now() * 1000.0) << _RANDOM_BITS) | chance
            # Within a millisecond, or after a step back, count on from the last one.
            self._last = made = made if made > self._last else self._last + 1
        return "".join(_DIGITS[(made >> shift) & 31] for shift in range(125, -1, -5))


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Be what somebody wishes of an item besides what it says; checked.

    Attributes:
        key, group, recipient: as in `Outbox.message`.
        not_before, expires_at: with a time zone.
        hold: whether it waits to be released.
        priority: lower goes first.
    """

    key: str | None = None
    group: str | None = None
    recipient: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    hold: bool = False
    priority: int = 0

    def __post_init__(self) -> None:
        for name in ("key", "group", "recipient"):
            text = optional_text(name, getattr(self, name))
            if text is not None and len(text) > _LONGEST_KEY:
                msg = f"{name} has {len(text)} characters: at most {_LONGEST_KEY} are kept"
                raise ConfigurationError(msg)
            if text is not None:
                kept_text(name, text)
        if self.recipient is not None:
            msgspec.structs.force_setattr(self, "recipient", name_of(self.recipient))
        of_kind("hold", self.hold, bool, "True")
        kept_priority(self.priority)
        start = 0.0 if self.not_before is None else instant_of("not_before", self.not_before)
        if self.expires_at is not None and instant_of("expires_at", self.expires_at) <= start:
            msg = "expires_at must be later than not_before, or it never goes"
            raise ConfigurationError(msg)


def new_of(
    content: Content, account_id: str, wishes: Wishes, *, provider: str | None, id_: str
) -> New:
    """Return the row to put in for a content.

    Args:
        content: what is to go.
        account_id: from which account.
        wishes: when and how.
        provider: the account's, where it is known: what an invitation counts as depends on it.
        id_: a new id.

    Raises:
        ConfigurationError: a name in it cannot be kept.
    """
    _kept_id("account_id", account_id, most=_LONGEST_ACCOUNT)
    if (person := _person(content)) is not None:
        _kept_id(_PERSON.get(content.kind, "provider_id"), person)
    elif isinstance(content, MessageContent):
        _kept_id("chat_id", content.chat_id)
    elif isinstance(content, React):
        _kept_id("message_id", content.message_id)
    thread = content.thread(account_id) or id_
    # Nothing is sent to whom somebody looks at: they can be forgotten, and are nobody's recipient.
    recipient = wishes.recipient or (None if isinstance(content, ProfileRead) else person)
    reached = _reached(person, recipient)
    names = {form for one in (person, recipient) if one for form in spellings.forms(one)}
    start, end = wishes.not_before, wishes.expires_at
    return New(
        id=id_,
        key=wishes.key or id_,
        digest=contents.digest_of(content, account_id),
        kind=content.kind,
        account_id=account_id,
        action=content.action(provider),
        thread=thread,
        body=contents.encode(content),
        group=wishes.group,
        recipient=recipient,
        tombstone=b"" if recipient is None else tombstone_of(recipient),
        person=b"" if reached is None else tombstone_of(reached),
        also=frozenset(map(tombstone_of, names - {recipient, reached})),
        text_digest=contents.text_digest_of(content),
        loose_digest=contents.loose_of(content),
        priority=wishes.priority,
        due_at=0.0 if start is None else instant_of("not_before", start),
        expires_at=None if end is None else instant_of("expires_at", end),
        hold=wishes.hold,
    )


def rewritten(row: Row, content: Content) -> New:
    """Return a row with another content; its key goes on standing for what was put in."""
    return New(
        id=row.id,
        key=row.key,
        digest=row.digest,
        kind=row.kind,
        account_id=row.account_id,
        action=_action_of(row, content),
        thread=row.thread,
        body=contents.encode(content),
        group=row.group,
        recipient=row.recipient,
        text_digest=contents.text_digest_of(content),
        loose_digest=contents.loose_of(content),
        priority=row.priority,
        due_at=row.due_at,
        expires_at=row.expires_at,
    )


def in_lane(row: Row, action: str | None) -> New | None:
    """Return a row as it is, in the lane of another action; None where it stays in its own."""
    if action is None or action == row.action or not {action, row.action} <= _INVITATIONS:
        return None
    same = rewritten(row, contents.decode(row.body))
    return msgspec.structs.replace(same, action=action, body=row.body)


def _action_of(row: Row, content: Content) -> str:
    """Return the lane of a row with another content: a note makes another of an invitation."""
    if row.action not in _INVITATIONS:
        return row.action
    action = content.action("LINKEDIN")  # where alone a note is counted by itself
    return action if action in _INVITATIONS else row.action


def kept_text(name: str, value: object) -> str:
    """Refuse what no store could keep, or look for: it is not to be told as a lost server.

    Raises:
        ConfigurationError: it is no whole text with something in it, or has a NUL character.
    """
    text = checked_text(name, value)
    if "\0" in text:
        msg = f"{name} has a NUL character, which no PostgreSQL keeps: leave it out"
        raise ConfigurationError(msg)
    return text


def _kept_id(name: str, value: str, *, most: int = _LONGEST_ID) -> None:
    """Refuse what no index could hold: all items would wait for the one that cannot be sorted in.

    Raises:
        ConfigurationError: it is longer than any id, or no text that can be kept.
    """
    size = len(kept_text(name, value).encode())
    if size > most:
        msg = f"{name} has {size} bytes, and ids at most {most}: look whether it is another text"
        raise ConfigurationError(msg)


def kept_priority(value: object) -> None:
    """Refuse what no store could keep as a priority.

    Raises:
        ConfigurationError: it is no whole number of 32 bits.
    """
    of_kind("priority", value, int, "-1")
    if isinstance(value, int):
        within("priority", int(value), -(2**31), 2**31 - 1)


def _reached(person: str | None, recipient: str | None) -> str | None:
    """Return the id that it is to, where that is not the recipient's name.

    Kept with an item, so that it is found when they are forgotten: also the id that a number or a
    link stands for, where no other one is known.
    """
    names = [name for name in (person, recipient) if name is not None]
    ids = (*names[:1], *map(spellings.meant, names))
    return next((one for one in ids if one != recipient), None)


def name_of(recipient: str) -> str:
    """Return a name of somebody as it is kept and looked for: blanks around it say nothing."""
    return recipient.strip()


def tombstone_of(recipient: str) -> bytes:
    """Return what is kept of somebody who is not to be written to: no name, only its digest."""
    name = name_of(recipient).encode()
    return blake2b(name, digest_size=16, person=b"pp-forget").digest()


def pool_of(content: ProfileRead) -> str:
    """Return the name of the lane of those who may look: the account's own where there is one."""
    if len(content.accounts) == 1:
        return content.accounts[0]
    names = "\x1f".join(sorted(content.accounts)).encode()
    return f"pool:{blake2b(names, digest_size=8).hexdigest()}"


def _person(content: Content) -> str | None:
    """Return who can be forgotten although nobody named them: whom it is to, or looks at."""
    match content:
        case StartChat(to=person):
            return name_of(person)
        case Invite(provider_id=person) | Follow(provider_id=person):
            return name_of(person)
        case ProfileRead(identifier=person):
            known = recognised("identifier", person)
            return name_of(person if known is None else known.value)  # as it is asked for
        case _:
            return None
