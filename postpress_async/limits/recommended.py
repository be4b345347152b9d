"""The figures that `Limits.recommended()` keeps, each with its source.

Sources: P1 the provider-limits page of Unipile v1 (2026-08), P2 that of v2, P5 its invitations
page, X the provider's help page as reported in May 2026, J our judgement. Where pages disagree the
lower figure holds. All are per connected account; a rolling window is as strict as any calendar.
"""

from __future__ import annotations

from typing import Final

from .hours import WorkingHours
from .rows import Limit, Spacing
from .table import Limits, Part
from .warm_up import WarmUp

_INVITES = ("invite", "invite_note")
_NEW_CHATS = ("message", "first_message")
_WRITES = (
    "message",
    "first_message",
    "follow",
    "invite",
    "invite_note",
    "react",
    "comment",
    "post",
    "edit",
)
# Routes that the limits pages call «other»: they count apart, each about 100 a day.
_LINKEDIN_OTHERS = (
    "first_message",
    "message",
    "follow",
    "react",
    "comment",
    "post",
    "edit",
    "browse",
)

_LINKEDIN: Final = (
    Limit(_INVITES, 80, per="day", provider="LINKEDIN", source="P1 P2: 80-100 a day"),
    Limit(_INVITES, 200, per="week", provider="LINKEDIN", source="P1 P2: about 200 a week"),
    Limit(_INVITES, 150, per="week", provider="LINKEDIN", tier="free", source="P1: free accounts"),
    Limit("invite_note", 5, per="month", provider="LINKEDIN", tier="free", source="P5, the lower"),
    Limit("profile", 80, per="day", provider="LINKEDIN", source="P2: 80-100, P1: about 100"),
    Limit("profile", 150, per="day", provider="LINKEDIN", tier="sales_navigator", source="P2"),
    Limit("search", 1_000, per="day", provider="LINKEDIN", source="P1: rows, classic"),
    Limit("search", 2_500, per="day", provider="LINKEDIN", tier="sales_navigator", source="P1"),
    Limit("search", 2_500, per="day", provider="LINKEDIN", tier="recruiter", source="P1"),
    Limit("inmail", 30, per="day", provider="LINKEDIN", source="P1: 30-50 a day"),
    Limit("inmail", 800, per="month", provider="LINKEDIN", source="P1: open profiles, free"),
    *(
        Limit(action, 100, per="day", provider="LINKEDIN", source="P1: about 100 a day")
        for action in _LINKEDIN_OTHERS
    ),
)

_INSTAGRAM: Final = (
    Limit(_WRITES, 100, per="day", provider="INSTAGRAM", source="P1"),
    Limit(_WRITES, 10, per="hour", provider="INSTAGRAM", source="P1"),
)

# New numbers are blocked after two or three new chats, and need up to a day of quiet after the
# login [P1]. The growth to an old number's 30 a day is our judgement.
_WHATSAPP: Final = (Limit("first_message", 30, per="day", provider="WHATSAPP", source="P1 J"),)

_TELEGRAM: Final = (
    Limit(
        "message", 30, per="minute", provider="TELEGRAM", source="J: it names its own FLOOD_WAIT"
    ),
    Limit("first_message", 20, per="day", provider="TELEGRAM", source="J"),
)

_X: Final = (
    Limit(_NEW_CHATS, 500, per="day", provider="TWITTER", source="X"),
    Limit("follow", 400, per="day", provider="TWITTER", source="X"),
    Limit("post", 50, per="day", provider="TWITTER", source="X: unverified accounts"),
    Limit("react", 200, per="day", provider="TWITTER", source="X"),
    Limit("comment", 200, per="day", provider="TWITTER", source="X"),
)

_ANY: Final = (Limit("other", 100, per="day", source="J"),)

RECOMMENDED: Final = Limits(
    rows=(*_LINKEDIN, *_INSTAGRAM, *_WHATSAPP, *_TELEGRAM, *_X, *_ANY),
    spacings=(
        Spacing(
            15.0, 20.0, action="message", provider="WHATSAPP", source="P1: never under 10-20 s"
        ),
    ),
    warm_ups=(
        WarmUp(
            0.1,
            days=21,
            steady=7,
            quiet=1,
            actions="first_message",
            provider="WHATSAPP",
            source="P1: a day of quiet, then 2-3 new chats; J: the growth",
        ),
    ),
)

# Between actions about a minute, between invitations a few: a spacing with an action is that
# queue's own, so each of the two needs one.
_HUMAN: Final[tuple[Part, ...]] = (
    Spacing(30.0, 90.0, provider="LINKEDIN", source="J: about a minute"),
    *(
        Spacing(120.0, 300.0, action=action, provider="LINKEDIN", source="J: 2-5 minutes")
        for action in _INVITES
    ),
    WarmUp(source="J: a fifth at first, all after three weeks"),
)


def human(tz: str, hours: str, days: str) -> Limits:
    """Return the recommended figures with the pace and the hours of a person."""
    return RECOMMENDED.add(*_HUMAN, WorkingHours(hours, tz=tz, days=days))
