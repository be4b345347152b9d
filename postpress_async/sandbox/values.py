"""What the control plane takes and gives: faults, hidden limits, journal entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from .problems import STATUS_OF, TYPE_OF
from .wire import Json, JsonObject, as_list

if TYPE_CHECKING:
    from collections.abc import Mapping

Effect: TypeAlias = Literal["status", "reset", "stall", "half_body", "html", "redirect"]
Stage: TypeAlias = Literal["before", "after"]

SECONDS: Final[dict[str, float]] = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3_600.0,
    "day": 86_400.0,
    "week": 604_800.0,
    "month": 31 * 86_400.0,
}
ACTIONS: Final = frozenset(
    {
        "*", "profile", "search", "browse", "invite", "invite_note", "first_message", "message",
        "inmail", "follow", "react", "comment", "post", "edit", "login", "read", "other",
    }
)  # fmt: skip
_ANSWERS: Final = range(200, 600)
_REDIRECTS: Final = range(300, 400)


class ControlError(ValueError):
    """A control-plane call that makes no sense; the text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, on purpose.

    `after` means that the write is done and only the answer fails; `before`, that nothing happened.
    A half body is `after` unless said otherwise, since its head claims success.
    """

    route: str
    effect: Effect = "status"
    status: int | None = None
    type: str | None = None
    retry_after: float | str | None = None
    stage: Stage | None = None
    times: int | None = None
    probability: float = 1.0
    account_id: str | None = None
    location: str | None = None

    def __post_init__(self) -> None:
        if self.effect not in get_args(Effect):
            raise ControlError(f"effect is one of {', '.join(get_args(Effect))}")
        if self.stage not in (None, *get_args(Stage)):
            raise ControlError("stage is before or after")
        if not 0 <= self.probability <= 1:
            raise ControlError("probability lies between 0 and 1")
        if self.times is not None and self.times < 0:
            raise ControlError("times is a count")
        for header in (self.retry_after, self.location):
            if isinstance(header, str) and not (header.isascii() and header.isprintable()):
                raise ControlError("retry_after and location are headers: printable ASCII")
        self._check_status()

    def _check_status(self) -> None:
        if self.effect == "redirect":
            if self.status is not None and self.status not in _REDIRECTS:
                raise ControlError("a redirect has a status between 300 and 399")
        elif self.status is not None and self.status not in _ANSWERS:
            raise ControlError("status lies between 200 and 599")
        if self.type is not None and self.slug not in STATUS_OF and self.status is None:
            raise ControlError(f"{self.type} is not documented: name its status too")
        if self.effect == "status" and self.status is None and self.type is None:
            raise ControlError("a status fault names a status or a type")

    @property
    def slug(self) -> str | None:
        """The error type without `errors/`."""
        return self.type.removeprefix("errors/") if self.type is not None else None

    @property
    def when(self) -> Stage:
        """The stage, with its default filled in."""
        return self.stage or ("after" if self.effect == "half_body" else "before")

    def answer(self) -> tuple[int, str]:
        """Tell the status and type that a `status` fault answers with."""
        status = self.status if self.status is not None else STATUS_OF[self.slug or ""]
        return status, self.slug or TYPE_OF.get(status, "unexpected_error")

    def to_json(self) -> JsonObject:
        """Write it as the control plane takes it."""
        return {
            "route": self.route,
            "account_id": self.account_id,
            "effect": self.effect,
            "status": self.status,
            "type": self.type,
            "retry_after": self.retry_after,
            "stage": self.when,
            "times": self.times,
            "probability": self.probability,
            "location": self.location,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenLimit:
    """What a provider tolerates, which the client cannot see.

    At most `amount` counted arrivals in any `per` seconds, for each connected account on its own.
    A tuple of actions shares one budget; `"*"` is every action but `read`.
    """

    action: str | tuple[str, ...]
    amount: int
    per: float | str
    provider: str | None = None
    account_id: str | None = None
    retry_after: bool = True

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ControlError("amount is a count")
        unknown = set(self.actions) - ACTIONS
        if unknown:
            raise ControlError(
                f"{min(unknown)} is no action; there are {', '.join(sorted(ACTIONS))}"
            )
        if isinstance(self.per, str) and self.per not in SECONDS:
            raise ControlError(f"per is a number of seconds or one of {', '.join(SECONDS)}")
        if not (0 < self.seconds < math.inf):
            raise ControlError("per is a positive number of seconds")

    @property
    def seconds(self) -> float:
        """How long the window is."""
        return SECONDS[self.per] if isinstance(self.per, str) else float(self.per)

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that share the budget."""
        return (self.action,) if isinstance(self.action, str) else self.action

    def covers(self, account_id: str, provider: str, action: str) -> bool:
        """Tell whether an arrival uses this budget."""
        return (
            (action in self.actions or ("*" in self.actions and action != "read"))
            and self.account_id in (None, account_id)
            and self.provider in (None, provider)
        )

    def to_json(self) -> JsonObject:
        """Write it as the control plane takes it."""
        return {
            "provider": self.provider,
            "account_id": self.account_id,
            "action": self.action if isinstance(self.action, str) else list(self.action),
            "amount": self.amount,
            "per": self.per,
            "retry_after": self.retry_after,
        }


class JournalEntry(NamedTuple):
    """One request as the service saw it."""

    n: int
    at: float
    method: str
    route: str | None
    path: str
    account_id: str | None
    action: str | None
    status: int | None
    idempotency_key: str | None
    committed: bool
    over_limit: bool
    provider: str | None
    raw_path: str
    params: Mapping[str, str]
    request_id: str
    type: str | None
    fault: Effect | None
    replayed: bool
    text: str | None

    def to_json(self) -> JsonObject:
        """Write it as the control plane gives it."""
        return cast("JsonObject", self._asdict())


FaultLike: TypeAlias = "Fault | Mapping[str, Json]"
LimitLike: TypeAlias = "HiddenLimit | Mapping[str, Json]"


def fault_of(value: FaultLike) -> Fault:
    """Read a fault, given as a value or as JSON.

    Raises:
        ControlError: A key is unknown or has the wrong type.
    """
    if isinstance(value, Fault):
        return value
    _only(value, Fault.__slots__)
    return Fault(
        route=_text(value, "route") or "*",
        effect=cast("Effect", _text(value, "effect") or "status"),
        status=_whole(value, "status"),
        type=_text(value, "type"),
        retry_after=_number_or_text(value, "retry_after"),
        stage=cast("Stage | None", _text(value, "stage")),
        times=_whole(value, "times"),
        probability=_number(value, "probability", 1.0),
        account_id=_text(value, "account_id"),
        location=_text(value, "location"),
    )


def limit_of(value: LimitLike) -> HiddenLimit:
    """Read a hidden limit, given as a value or as JSON.

    Raises:
        ControlError: A key is unknown, missing or has the wrong type.
    """
    if isinstance(value, HiddenLimit):
        return value
    _only(value, HiddenLimit.__slots__)
    amount, per = _whole(value, "amount"), _number_or_text(value, "per")
    if amount is None or per is None:
        raise ControlError("a limit has an amount and a per")
    several = as_list(value.get("action"))
    action = _text(value, "action") if several is None else tuple(str(item) for item in several)
    if not action:
        raise ControlError("a limit names its action")
    return HiddenLimit(
        action=action,
        amount=amount,
        per=per,
        provider=_text(value, "provider"),
        account_id=_text(value, "account_id"),
        retry_after=_flag(value, "retry_after", default=True),
    )


def _only(value: Mapping[str, Json], known: object) -> None:
    strangers = set(value) - set(cast("tuple[str, ...]", known))
    if strangers:
        raise ControlError(f"unknown key {min(strangers)!r}")


def _text(value: Mapping[str, Json], key: str) -> str | None:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise ControlError(f"{key} is a string")
    return found


def _flag(value: Mapping[str, Json], key: str, *, default: bool) -> bool:
    found = value.get(key, default)
    if not isinstance(found, bool):
        raise ControlError(f"{key} is true or false")
    return found


def _whole(value: Mapping[str, Json], key: str) -> int | None:
    found = value.get(key)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int)):
        raise ControlError(f"{key} is a whole number")
    return found


def _number(value: Mapping[str, Json], key: str, default: float) -> float:
    found = value.get(key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ControlError(f"{key} is a number")
    return found


def _number_or_text(value: Mapping[str, Json], key: str) -> float | str | None:
    found = value.get(key)
    return found if isinstance(found, str) or found is None else _number(value, key, 0.0)
