"""What limits may depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from .words import Tier  # noqa: TC001 - at run time too, for `inspect.signature`

if TYPE_CHECKING:
    from .table import Limits


class AccountInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Tell a function that chooses limits whose they are; None where it is not known yet.

    Attributes:
        account_id: the connected account.
        provider: the wire word, such as `LINKEDIN`; X is `TWITTER`.
        tier: `free`, `premium`, `sales_navigator` or `recruiter`.
        connected_at: when the account was connected, in seconds since the epoch.

    Examples:
        >>> from postpress_async import Limits
        >>> def limits_of(account: AccountInfo) -> Limits:
        ...     careful = account.provider == "LINKEDIN"
        ...     return Limits.human(tz="Europe/Paris") if careful else Limits.recommended()
    """

    account_id: str
    provider: str | None = None
    tier: Tier | None = None
    connected_at: float | None = None


LimitsOf: TypeAlias = Callable[[AccountInfo], "Limits"]
"""A function that chooses an account's limits."""
