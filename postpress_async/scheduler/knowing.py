"""Knowing: what accounts are, learned from users, from answers and from other processes."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Clock
    from .lane import Lane
    from .lanes import Lanes
    from .rulebook import Rulebook
    from .sharing import Sharer
    from .steps import Outcome

__all__ = ["Knowing"]

_log = logging.getLogger("postpress_async.scheduler")
_WARNINGS: Final = 20  # of an account, the newest


class Knowing:
    """Know providers, tiers and ages of accounts, and tell them to the store where there is one.

    Args:
        lanes: whose they are.
        rulebook: chooses limits by them.
        clock: of the lanes.
        sharer: tells the store; None where counts are in memory.
        wake: is called with a lane of which more is known.
    """

    def __init__(
        self,
        lanes: Lanes,
        rulebook: Rulebook,
        clock: Clock,
        *,
        sharer: Sharer | None,
        wake: Callable[[Lane], object],
    ) -> None:
        self._lanes = lanes
        self._rulebook = rulebook
        self._clock = clock
        self._sharer = sharer
        self._wake = wake
        self._resigned: dict[str, float] = {}  # until when, by account
        self._why: dict[str, str] = {}  # of those
        if sharer is not None:
            lanes.introduce = self._introduce

    def resign(self, account_id: str, seconds: float, why: str) -> None:
        """Do without an account's provider for a while."""
        now = self._clock.monotonic()
        lane = self._lanes.get(account_id, now)
        if lane.provider is None:
            self._resigned[account_id] = now + seconds
            self._why[account_id] = why
            self._lanes.resign(lane, resigned=True)

    def reconsider(self, lane: Lane, now: float) -> None:
        """Let an account's provider be asked for again, when it is known or the time has come."""
        account_id = lane.account_id
        if account_id is None or not lane.resigned:
            return
        if lane.provider is not None or now >= self._resigned.get(account_id, inf):
            self._resigned.pop(account_id, None)
            self._why.pop(account_id, None)
            self._lanes.resign(lane, resigned=False)

    def unlearned(self, lane: Lane) -> str:
        """Say why an account's provider is done without; empty where it is not."""
        return self._why.get(lane.account_id or "", "") if lane.resigned else ""

    def learn(self, account_id: str | None, provider: str | None) -> None:
        """Learn a provider from an answer that names it, if it is not known yet."""
        if account_id is None or provider is None:
            return
        lane = self._lanes.find(account_id)
        if lane is None or lane.provider is None:
            self.describe(account_id, provider, tier=None, connected_at=None, ok=None)

    def describe(
        self,
        account_id: str,
        provider: str | None,
        *,
        tier: str | None,
        connected_at: float | None,
        ok: bool | None,
    ) -> None:
        """Learn what an account is, and whether it is in order again."""
        now = self._clock.monotonic()
        try:
            lane = self._lanes.get(account_id, now)
        except ConfigurationError:
            _log.exception("account %s has no limits yet", account_id)
            self._lanes.know(account_id, provider, tier, connected_at)
            return
        self._lanes.describe(lane, now, provider=provider, tier=tier, connected_at=connected_at)
        self._share(lane, provider=provider, tier=tier, connected_at=connected_at, ok=ok)
        if ok and lane.trouble is not None and any(lane.trouble.closures_of("credentials")):
            _log.info("account %s is in order again: its lane opens", account_id)
            lane.trouble.open("credentials", None)
        self._wake(lane)

    def told(self, lane: Lane, outcome: Outcome) -> None:
        """Learn what other processes know of an account."""
        if outcome.provider is not None and lane.provider is None:
            self._lanes.describe(
                lane, self._clock.monotonic(),
                provider=outcome.provider, tier=outcome.tier, connected_at=None,
            )  # fmt: skip

    def warn(self, account_id: str, words: str) -> None:
        """Keep what the service said of an account; logged once."""
        lane = self._lanes.get(account_id, self._clock.monotonic())
        if words not in lane.warnings:
            _log.warning("account %s: %s", account_id, words)
            lane.warnings = (*lane.warnings, words)[-_WARNINGS:]

    def _introduce(self, lane: Lane) -> None:
        """Tell the store, with the lane's first step, what was known before it."""
        if self._sharer is not None and not self._sharer.closed:
            self._share(
                lane, provider=lane.provider, tier=lane.tier, connected_at=lane.connected_at,
                ok=None,
            )  # fmt: skip

    def _share(
        self,
        lane: Lane,
        *,
        provider: str | None,
        tier: str | None,
        connected_at: float | None,
        ok: bool | None,
    ) -> None:
        if self._sharer is not None:
            self._sharer.change(
                lane,
                lambda book, _, at: book.describe(
                    self._rulebook, at,
                    provider=provider, tier=tier, connected_at=connected_at, ok=ok,
                ),
            )  # fmt: skip
