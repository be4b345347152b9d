"""The options that commands share."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import os
import time
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from postpress_async.client import Postpress
from postpress_async.errors import ConfigurationError

AsJson: TypeAlias = Annotated[
    bool, Parameter(name="--json", negative="", help="JSON lines instead of tables.")
]
BaseUrl: TypeAlias = Annotated[
    str | None,
    Parameter(name="--base-url", help="Where the service is; else POSTPRESS_BASE_URL."),
]
AccountId: TypeAlias = Annotated[
    str, Parameter(name="--account", help="The connected account to look through.")
]
State: TypeAlias = Annotated[
    str | None,
    Parameter(name="--state", help="Where counts live; else POSTPRESS_STATE, else memory:."),
]
STATE: Final = "POSTPRESS_STATE"
"""The environment variable for who gives no `--state`."""


Before: TypeAlias = Annotated[
    str | None,
    Parameter(name="--before", help="Only what was before: 2026-01-05T09:00, or 7d ago."),
]
After: TypeAlias = Annotated[
    str | None,
    Parameter(name="--after", help="Only what was after: 2026-01-05T09:00, or 7d ago."),
]
Most: TypeAlias = Annotated[
    int | None, Parameter(name="--limit", help="So many in all; else all that there is.")
]
Start: TypeAlias = Annotated[
    str | None, Parameter(name="--start", help="The cursor that a list before ended with.")
]
Product: TypeAlias = Annotated[
    Literal["classic", "recruiter", "sales_navigator"] | None,
    Parameter(name="--api", help="The LinkedIn product that it goes through."),
]


def client_at(base_url: str | None, *, state: str | None = None) -> Postpress:
    """Return a client with the key from POSTPRESS_API_KEY; a key is never an argument."""
    return Postpress(base_url=base_url, state=state or os.environ.get(STATE) or "memory:")


def moment(field: str, text: str | None) -> datetime | None:
    """Return the instant that an option means: a time, or how long ago.

    Raises:
        ConfigurationError: it is neither, or lies ahead.
    """
    if text is None:
        return None
    from .pacing.times import instant  # noqa: PLC0415 - only where an option is given

    return datetime.fromtimestamp(instant(field, text, now=time.time(), way="ago"), UTC)


def one_of(chosen: dict[str, str | None]) -> None:
    """Refuse what names none of several options, or two of them.

    Raises:
        ConfigurationError: give one of them.
    """
    given = [name for name, value in chosen.items() if value is not None]
    if len(given) != 1:
        names = " or ".join(chosen)
        msg = f"{names} is needed" if not given else f"{names}: give one of them, not both"
        raise ConfigurationError(msg)
