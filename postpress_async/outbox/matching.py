"""Whether something sent is among what was read: pure questions about messages and invitations.

A match is one's own message, with the same text and attachments, of the right time, and bound to no
other item. Whatever comes near without being that is *perhaps*: then nobody but a person decides,
because taking it for absent would send it twice.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from . import digests
from .digests import File
from .protocol import Absent, Found, Perhaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postpress_async.models import (
        InstagramProfile,
        InvitationSent,
        LinkedInProfile,
        Message,
        Relation,
    )

    from .protocol import Seen

__all__ = [
    "SKEW",
    "WIDE",
    "Wanted",
    "followed",
    "ids_of",
    "in_messages",
    "in_profile",
    "invited",
    "reacted",
    "related",
]

SKEW: Final = 120.0
"""Seconds by which the service's clock, or a provider's, may differ from ours."""
WIDE: Final = 26 * 3600.0
"""Seconds before the attempt in which all that is alike is at least *perhaps* it: hardly a clock,
and no clock's zone, is wrong by more. What is older must have the same attachments, too."""
_VARIANT: Final = "\ufe0f"  # says that a sign is shown as a picture; not all providers keep it
_FILES: Final[dict[str, digests.FileKind]] = {
    "img": "img",
    "video": "video",
    "audio": "audio",
    "file": "file",
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Be what is looked for.

    Attributes:
        text_digest, loose_digest: of the text, as the item keeps them.
        started_at: when its attempt began, in seconds since the epoch.
        files: its attachments.
        inmail: whether it is an InMail: then messages said to be something else are passed over.
        baseline: how many equal messages were there before and are bound to nothing: items settled
            without an id.
    """

    text_digest: bytes
    loose_digest: bytes
    started_at: float
    files: tuple[File, ...] = ()
    inmail: bool = False
    baseline: int = 0


def in_messages(
    messages: Iterable[Message],
    wanted: Wanted,
    *,
    bound: frozenset[str],
    now: float,
    skew: float = SKEW,
) -> Seen:
    """Look for a message among those of its chat.

    An equal text of another time is *perhaps* it, however old: a wrong clock would send twice.

    Args:
        messages: all since before the attempt, in any order.
        wanted: what to look for.
        bound: ids of messages that belong to other items.
        now: seconds since the epoch.
        skew: how far the clocks may differ.
    """
    since, until = wanted.started_at - skew, now + skew
    same: list[Message] = []
    near: Message | None = None
    for one in messages:
        if not _may_be_ours(one, bound):
            continue
        if not _in_time(one, since, until):
            # Nothing comes from the future: what seems to shows that our clock is behind.
            if _alike(one, wanted) and (
                _in_time(one, since - WIDE, inf) or _same_files(one, wanted)
            ):
                near = one
            continue
        likeness = _likeness(one, wanted)
        if likeness == "same":
            same.append(one)
        elif likeness == "near":
            near = one
    if len(same) > wanted.baseline:
        first = min(same, key=_place)
        return Found(result_id=first.id)
    near = same[0] if same else near
    if near is not None:
        return Perhaps(reason=f"message {near.id} may be it, and may not: compare them")
    return Absent()


def ids_of(message: Message) -> list[str]:
    """Return all names of a message: an answer to a send may name another than a list."""
    names = (message.id, message.message_id, message.provider_id)
    return [name for name in names if name is not None]


def _may_be_ours(message: Message, bound: frozenset[str]) -> bool:
    if not bound.isdisjoint(ids_of(message)) or message.is_event or message.hidden:
        return False
    return message.is_sender is None or bool(message.is_sender)


def _in_time(message: Message, since: float, until: float) -> bool:
    at = message.sent_at
    return at is None or since <= at.timestamp() <= until


def _place(message: Message) -> tuple[float, str]:
    at = message.sent_at
    return (0.0 if at is None else at.timestamp(), message.id or "")


def _likeness(message: Message, wanted: Wanted) -> str | None:
    equal = _says_it(message, wanted)
    certain = message.is_sender is not None and message.id is not None and message.sent_at
    if wanted.inmail and (message.message_type or "INMAIL").upper() != "INMAIL":
        certain = None
    if equal and certain and not message.deleted and _same_files(message, wanted):
        return "same"
    # What was changed or taken back since then shows nothing of what it said.
    hidden = bool(message.deleted or message.edited)
    return (
        "near"
        if _alike(message, wanted) or hidden or (wanted.files and message.attachments)
        else None
    )


def _says_it(message: Message, wanted: Wanted) -> bool:
    return wanted.text_digest in digests.digests(message.text or "")


def _alike(message: Message, wanted: Wanted) -> bool:
    return wanted.loose_digest == digests.loose(message.text or "") or _says_it(message, wanted)


def _same_files(message: Message, wanted: Wanted) -> bool:
    files = [
        File(kind=_FILES[one.type], size=_size(one))
        for one in message.attachments
        if one.type in _FILES
    ]
    return _files_fit(files, wanted.files)


def _size(attachment: object) -> int | None:
    size = getattr(attachment, "file_size", None)
    return int(size) if isinstance(size, int | float) and size > 0 else None


def _files_fit(found: Sequence[File], wanted: Sequence[File]) -> bool:
    """Tell whether attachments are the same, as far as their sizes are told."""
    if len(found) != len(wanted):
        return False
    left = list(found)
    # Those of known size choose first, so that one of unknown size does not take their partner.
    for one in sorted(wanted, key=lambda file: file.size is None):
        fits = [
            other
            for other in left
            if other.kind == one.kind and (None in (other.size, one.size) or other.size == one.size)
        ]
        if not fits:
            return False
        left.remove(min(fits, key=lambda file: file.size is None))
    return True


def invited(
    invitations: Iterable[InvitationSent], person: str, *, bound: frozenset[str]
) -> Found | Absent:
    """Look for an invitation by whom it asks: there is one at a time for each person."""
    for one in invitations:
        if _same(person, one.invited_user_id, one.invited_user_public_id):
            return Found(result_id=None if one.id in bound else one.id, by="invitation")
    return Absent()


def related(relations: Iterable[Relation], person: str) -> Found | Absent:
    """Look for somebody among the relations: who accepted at once is in no list of invitations."""
    for one in relations:
        if _same(person, one.provider_id, one.public_id):
            return Found(result_id=None, by="relation")
    return Absent()


def _same(person: str, *names: str | None) -> bool:
    return any(name is not None and name.casefold() == person.casefold() for name in names)


def in_profile(profile: LinkedInProfile) -> Found | Absent:
    """Look at a member for an invitation that waits, or that was accepted."""
    asked = profile.invitation
    waits = (
        asked is not None
        and (asked.type or "").upper() == "SENT"
        and (asked.status or "").upper() in {"PENDING", "IGNORED"}
    )
    if waits or profile.is_relationship or profile.degree == 1:
        return Found(result_id=None, by="profile")
    return Absent()


def followed(profile: InstagramProfile) -> Found | Absent:
    """Look at somebody for whether we follow them, or have asked to."""
    status = profile.relationship_status
    if status is not None and (status.following or status.has_sent_invitation):
        return Found(result_id=None, by="profile")
    return Absent()


def reacted(message: Message, reaction: str) -> Found | Absent:
    """Look at a message for our own reaction: there is one at a time for each person."""
    wanted = reaction.replace(_VARIANT, "")
    for one in message.reactions:
        if one.is_sender and (one.value or "").replace(_VARIANT, "") == wanted:
            return Found(result_id=None, by="reaction")
    return Absent()
