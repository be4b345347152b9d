"""Which rules hold for an account: by the client's limits, by a function, or by its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.limits import AccountInfo, Limits
from postpress_async.options import of_kind

from .rules import Rules

if TYPE_CHECKING:
    from postpress_async.limits import LimitsOf

_RULES_MOST: Final = 4096
_NONE: Final = Limits.none()


class Rulebook:
    """Choose rules, and share them among the accounts for which they are the same."""

    __slots__ = ("_limits", "_rules")

    def __init__(self, limits: Limits | LimitsOf) -> None:
        self._limits = limits
        self._rules: dict[tuple[int, str | None, str | None], Rules] = {}

    @property
    def asks(self) -> bool:
        """Whether a function chooses, which must be told the provider."""
        return not isinstance(self._limits, Limits)

    def of(
        self,
        account_id: str | None,
        provider: str | None = None,
        tier: str | None = None,
        connected_at: float | None = None,
        *,
        own: Limits | None = None,
    ) -> Rules:
        """Return the rules of an account, as far as it is known; `own` limits go first."""
        limits = own or self._limits_of(account_id, provider, tier, connected_at)
        key = (id(limits), provider, tier)  # rules keep their limits, so that no id comes twice
        rules = self._rules.get(key)
        if rules is None:
            if len(self._rules) >= _RULES_MOST:
                self._rules.clear()
            rules = self._rules[key] = Rules(limits, provider, tier)
        return rules

    def _limits_of(
        self,
        account_id: str | None,
        provider: str | None,
        tier: str | None,
        connected_at: float | None,
    ) -> Limits:
        if account_id is None:
            return _NONE
        if isinstance(self._limits, Limits):
            return self._limits
        info = AccountInfo(
            account_id=account_id,
            provider=provider,
            tier=tier,  # type: ignore[arg-type]
            connected_at=connected_at,
        )
        chosen = self._limits(info)
        of_kind("what the function given as limits returned", chosen, Limits, "Limits.human(…)")
        return chosen
