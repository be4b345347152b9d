"""The words that rows are written in: actions, providers, tiers and windows."""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias, cast

from postpress_async.errors import ConfigurationError
from postpress_async.options import positive

ACTIONS: Final = frozenset(
    {"profile", "search", "browse", "invite", "invite_note", "first_message", "message", "inmail"}
    | {"follow", "react", "comment", "post", "edit", "login", "read", "other"}
)
"""All that a call can count as. `read` touches the service alone and has no limit."""

PROVIDERS: Final = frozenset(
    {"LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER", "MESSENGER", "SLACK", "MOBILE"}
    | {"MAIL", "IMAP", "ICLOUD", "EXCHANGE", "GOOGLE", "GOOGLE_OAUTH", "GMAIL", "GOOGLE_CALENDAR"}
    | {"OUTLOOK", "MICROSOFT"}
)
"""The wire's words for providers; X is `TWITTER`."""

Tier: TypeAlias = Literal["free", "premium", "sales_navigator", "recruiter"]
TIERS: Final = ("free", "premium", "sales_navigator", "recruiter")

DAY: Final = 86400.0
_HUGE: Final = 10**15
_SECONDS: Final = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": DAY,
    "week": 7 * DAY,
    "month": 31 * DAY,
}


def seconds_of(per: float | str) -> float:
    """Return the seconds of a window; a month has 31 days, so that it is never too short."""
    if isinstance(per, str):
        if per not in _SECONDS:
            msg = f"Limit.per must be seconds or one of {', '.join(_SECONDS)}, not {per!r}"
            raise ConfigurationError(msg)
        return _SECONDS[per]
    finite("Limit.per", per)
    return float(per)


def finite(field: str, value: object, *, zero: bool = False) -> None:
    """Refuse what is no finite number above zero (or zero, where that is told), or None."""
    if isinstance(value, int) and abs(value) > _HUGE:
        msg = f"{field} must be a number of seconds or days, and not so large"
        raise ConfigurationError(msg)
    positive(field, value, zero=zero)
    if not isinstance(value, (int, float)) or math.isinf(value):
        msg = f"{field} must be a finite number, not {value!r}"
        raise ConfigurationError(msg)


def check_provider(field: str, word: object) -> None:
    """Refuse what is no wire word: a word in other letters would match no limit at all."""
    if not isinstance(word, str) or word not in PROVIDERS:
        msg = f"{field} must be a wire word such as LINKEDIN or TWITTER (for X), not {word!r}"
        raise ConfigurationError(msg)


def check_action(action: object) -> None:
    """Refuse what is no action."""
    if not isinstance(action, str) or action not in ACTIONS:
        msg = f"action {action!r} is not one of {', '.join(sorted(ACTIONS))}"
        raise ConfigurationError(msg)


def check_actions(field: str, actions: object) -> None:
    """Refuse what is neither an action nor a tuple of several, and `read`, which has no limit."""
    if not isinstance(actions, (str, tuple)):
        msg = f"{field} must be an action or a tuple of actions, not {actions!r}"
        raise ConfigurationError(msg)
    if not actions:
        msg = f"{field} must name at least one action"
        raise ConfigurationError(msg)
    for action in (actions,) if isinstance(actions, str) else cast("tuple[object, ...]", actions):
        check_action(action)
        if action == "read":
            msg = f"{field}: `read` never reaches the provider and has no limit"
            raise ConfigurationError(msg)


def names_of(actions: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return actions always as a tuple."""
    return (actions,) if isinstance(actions, str) else actions


def concerns(told: str | None, provider: str | None) -> bool:
    """Tell whether what is told of a provider (None: of all) holds for one (None: not known)."""
    return provider is None or told is None or told == provider
