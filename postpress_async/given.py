"""What the caller gave to `Postpress`: checked before anything is made of it.

Each check names the field and the next step. All are pure but for the two environment variables
that stand in for what was not given.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from postpress_async.errors import ConfigurationError
from postpress_async.limits import Limits, check_provider
from postpress_async.options import positive
from postpress_async.wire import target

if TYPE_CHECKING:
    from postpress_async.hooks import Hook
    from postpress_async.limits import LimitsOf

DEFAULT_BASE_URL: Final = "https://api.postpress.ai/v1"
_CLOCK: Final = ("time", "monotonic", "sleep", "call_at")


def api_key(given: object) -> str:
    """Return the key that was given, else POSTPRESS_API_KEY."""
    key = os.environ.get("POSTPRESS_API_KEY") if given is None else given
    if not isinstance(key, str) or not key:
        msg = "api_key is missing: give it as text, or set POSTPRESS_API_KEY"
        raise ConfigurationError(msg)
    if not key.isascii() or not key.isprintable() or " " in key:
        msg = "api_key must be printable ASCII without spaces: was a line break copied with it?"
        raise ConfigurationError(msg)
    return key


def base_url(given: object, *, insecure: bool) -> str:
    """Return the URL that was given, else POSTPRESS_BASE_URL, else the documented one."""
    text = given
    if text is None:
        text = os.environ.get("POSTPRESS_BASE_URL") or DEFAULT_BASE_URL
    if not isinstance(text, str) or not text:
        msg = f"base_url must be a URL such as {DEFAULT_BASE_URL}, not {text!r}"
        raise ConfigurationError(msg)
    return _base(text, insecure)


@lru_cache(maxsize=64)
def _base(text: str, insecure: bool) -> str:
    if text == DEFAULT_BASE_URL:
        return text  # known to be right; reading any other loads urllib
    return target.base_url(text, insecure=insecure)


def limits(given: object) -> Limits | LimitsOf:
    """Return the limits that were given, or what chooses them; else the recommended ones."""
    if given is None:
        return Limits.recommended()
    if isinstance(given, Limits):
        return given
    if callable(given) and not isinstance(given, type):
        return cast("LimitsOf", given)
    msg = (
        "limits must be a Limits, such as Limits.recommended(), or a function that takes an "
        f"AccountInfo and returns one, not {given!r}"
    )
    raise ConfigurationError(msg)


def max_wait(given: object) -> float:
    """Return the patience of a call in seconds."""
    if not isinstance(given, (int, float)):
        msg = f"max_wait must be a number of seconds, not {given!r}; math.inf waits for ever"
        raise ConfigurationError(msg)
    positive("max_wait", given, zero=True)
    return float(given)


def hooks(given: object) -> tuple[Hook, ...]:
    """Return the hooks as a tuple."""
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
        msg = f"hooks must be a list of functions that take an event, not {given!r}"
        raise ConfigurationError(msg)
    kept = tuple(cast("Iterable[Hook]", given))
    for hook in kept:
        _callable(hook)
    return kept


def _callable(hook: object) -> None:
    if not callable(hook):
        msg = f"hooks must be functions that take an event, not {hook!r}"
        raise ConfigurationError(msg)


def providers(given: object) -> dict[str, str]:
    """Return what is known of accounts: ids and wire words."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        msg = f"providers must map account ids to wire words, not {given!r}"
        raise ConfigurationError(msg)
    known: dict[str, str] = {}
    pairs = cast("Mapping[object, object]", given).items()
    for account_id, word in pairs:
        check_provider(f"providers[{account_id!r}]", word)
        if not isinstance(account_id, str) or not account_id:
            msg = f"providers must name accounts by their ids, not {account_id!r}"
            raise ConfigurationError(msg)
        known[account_id] = str(word)
    return known


def network(session: object, transport: object) -> None:
    """Refuse a session or a transport that cannot be one, and both together."""
    if session is not None and transport is not None:
        msg = "session and transport exclude each other: the transport is the whole network"
        raise ConfigurationError(msg)
    if session is not None and not callable(getattr(session, "request", None)):
        msg = f"session must be an aiohttp.ClientSession, not {session!r}"
        raise ConfigurationError(msg)
    if transport is not None and not callable(getattr(transport, "exchange", None)):
        msg = f"transport must have `exchange` and `aclose`, see Transport, not {transport!r}"
        raise ConfigurationError(msg)


def clock(given: object) -> None:
    """Refuse what tells no time."""
    if given is not None and not all(callable(getattr(given, name, None)) for name in _CLOCK):
        msg = f"clock must have {', '.join(_CLOCK)}, such as a sandbox's, not {given!r}"
        raise ConfigurationError(msg)


def state(given: object, on_state_lost: object) -> str | None:
    """Return the URL of the store of counts; None where they are kept in this process."""
    if not isinstance(given, str):
        msg = f"state must be a URL such as memory: or sqlite:///counts.db, not {given!r}"
        raise ConfigurationError(msg)
    if on_state_lost not in {"stop", "local"}:
        msg = f"on_state_lost must be 'stop' or 'local', not {on_state_lost!r}"
        raise ConfigurationError(msg)
    if given == "memory:":
        return None
    return given
