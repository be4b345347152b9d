"""Which rules hold for an account: by the client's limits, by a function, or by its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from postpress_async.errors import ConfigurationError
from postpress_async.limits import AccountInfo, Limits

from .rules import Rules

if TYPE_CHECKING:
    from postpress_async.limits import LimitsOf

    from .lane import Lane

_log = logging.getLogger("postpress_async.scheduler")
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
        """Return the rules of an account, as far as it is known; `own` limits go first.

        Raises:
            ConfigurationError: the function that chooses limits failed.
        """
        limits = own or self._limits_of(account_id, provider, tier, connected_at)
        key = (id(limits), provider, tier)  # rules keep their limits, so that no id comes twice
        rules = self._rules.get(key)
        if rules is None:
            if len(self._rules) >= _RULES_MOST:
                self._rules.clear()
            rules = self._rules[key] = Rules(limits, provider, tier)
        return rules

    def rechosen(
        self,
        lane: Lane,
        provider: str | None,
        tier: str | None,
        *,
        own: Limits | None = None,
    ) -> Rules:
        """Return the rules of an account of which more is known now.

        An answer taught it, which must not be lost: where the function that chooses limits fails,
        the limits that the lane had go on, for the provider and tier that are known now.
        """
        try:
            return self.of(lane.account_id, provider, tier, lane.connected_at, own=own)
        except ConfigurationError:
            _log.exception("account %s keeps the limits that it had", lane.account_id)
            return self.of(lane.account_id, provider, tier, own=lane.rules.limits)

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
            tier=tier,  # type: ignore[arg-type]  # any word that an answer had
            connected_at=connected_at,
        )
        return _chosen(self._limits, info)


def _chosen(choose: LimitsOf, info: AccountInfo) -> Limits:
    """Return what a function chooses.

    Raises:
        ConfigurationError: it failed, or returned something else.
    """
    name = getattr(choose, "__qualname__", None) or repr(choose)
    whose = f"the function {name}, given as limits, for account {info.account_id}"
    try:
        chosen = cast("object", choose(info))
    except Exception as error:
        msg = (
            f"{whose} raised {type(error).__name__}: mend it; it must return a Limits for every "
            "account, also while provider, tier and connected_at are None"
        )
        raise ConfigurationError(msg, scope="account") from error
    if not isinstance(chosen, Limits):
        msg = f"{whose} must return a Limits, such as Limits.human(…), not {type(chosen).__name__}"
        raise ConfigurationError(msg, scope="account")
    return chosen
