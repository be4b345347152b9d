"""All lanes of a client: made at a first call, let go when there is nothing left to remember."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from . import furnishing
from .lane import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postpress_async.limits import Limits

    from .lane import Setting
    from .rulebook import Rulebook
    from .trouble import Closure, ClosureKind

_log = logging.getLogger("postpress_async.scheduler")
_told = False
_SWEEP_FROM: Final = 1024  # so many lanes are kept without a look at them
_LONG: Final = 3600.0
_BY_SERVICE: Final[tuple[ClosureKind, ...]] = ("paused", "credentials", "restricted", "service")


class _Known(msgspec.Struct, frozen=True):
    """Keep who an account is, beyond its lane; `born` is None before its first lane."""

    provider: str | None
    tier: str | None = None
    connected_at: float | None = None
    born: float | None = None
    resigned: bool = False


class Lanes:
    """Hold the lanes by account.

    Attributes:
        introduce: is told of each lane that begins with something known of its account.
    """

    def __init__(self, rulebook: Rulebook, setting: Setting) -> None:
        self.introduce: Callable[[Lane], None] | None = None
        self._rulebook = rulebook
        self._setting = setting
        self._lanes: dict[str | None, Lane] = {}
        self._known: dict[str | None, _Known] = {}
        self._own: dict[str | None, Limits] = {}
        self._paused: tuple[Closure, ...] = ()
        self._sweep_at = _SWEEP_FROM

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def find(self, account_id: str | None) -> Lane | None:
        """Return an account's lane, None where it has none."""
        return self._lanes.get(account_id)

    def get(self, account_id: str | None, now: float) -> Lane:
        """Return an account's lane, made where it has none."""
        lane = self._lanes.get(account_id)
        if lane is None:
            if len(self._lanes) >= self._sweep_at:
                self._sweep(now)
            lane = self._lanes[account_id] = self._made(account_id, now)
        return lane

    def know(
        self,
        account_id: str | None,
        provider: str | None,
        tier: str | None = None,
        connected_at: float | None = None,
    ) -> None:
        """Keep what an account is for the lane that it will have; this needs no time."""
        if account_id not in self._lanes:
            provider = None if provider is None else provider.upper()
            self._known[account_id] = _Known(provider, tier, connected_at)

    def describe(
        self,
        lane: Lane,
        now: float,
        *,
        provider: str | None,
        tier: str | None,
        connected_at: float | None,
    ) -> None:
        """Learn what an account is; counts carry over to the limits that now hold."""
        provider = lane.provider if provider is None else provider.upper()
        tier = lane.tier if tier is None else tier
        same = (provider, tier) == (lane.provider, lane.tier)
        if same and connected_at in {None, lane.connected_at}:
            return
        if connected_at is not None:
            lane.connected_at = connected_at
        own = self._own.get(lane.account_id)
        furnishing.change(lane, self._rulebook.rechosen(lane, provider, tier, own=own), now)

    def resign(self, lane: Lane, *, resigned: bool) -> None:
        """Let a lane do without its provider, or want to know it again."""
        lane.resigned = resigned
        for tally in lane.tallies.values():
            rules = lane.rules.of(tally.action)
            depends = rules.gated and (rules.depends or self._setting.asks)
            tally.unsure = depends and lane.provider is None and not resigned

    def set_limits(self, lane: Lane, limits: Limits | None, now: float) -> None:
        """Let an account have limits of its own; None gives it the client's again."""
        if lane.account_id is None:
            return
        rules = self._rulebook.of(
            lane.account_id, lane.provider, lane.tier, lane.connected_at, own=limits
        )
        if limits is None:
            self._own.pop(lane.account_id, None)
        else:
            self._own[lane.account_id] = limits
        lane.own, lane.learned = limits is not None, None
        furnishing.change(lane, rules, now)

    def pause_all(self, closure: Closure) -> None:
        """Close every lane, also those to come."""
        kept = (one for one in self._paused if one.action != closure.action)
        self._paused = (*kept, closure)
        for lane in self:
            lane.troubled().close(closure)

    def resume_all(self, action: str | None) -> None:
        """Open what `pause_all` closed: one action, or with None everything."""
        gone = [one for one in self._paused if action in {None, one.action}]
        self._paused = tuple(one for one in self._paused if one not in gone)
        for lane in self:
            for closure in gone if lane.trouble is not None else ():
                lane.troubled().open("paused_all", closure.action)

    def tell_what_is_forgotten(self, now: float) -> None:
        """Say, once a process, that counts of long windows end with it."""
        global _told  # noqa: PLW0603 - what is forgotten is the process's
        counted = [lane for lane in self if _counts_long(lane, now)]
        if counted and not _told:
            _told = True
            _log.warning(
                "what %d accounts have used of limits of an hour or more is forgotten now: "
                "state='memory:' counts within one client; after a restart, lanes start at zero",
                len(counted),
            )

    # -- inside -------------------------------------------------------------------------------

    def _made(self, account_id: str | None, now: float) -> Lane:
        known = self._known.get(account_id)
        provider, tier = (None, None) if known is None else (known.provider, known.tier)
        connected_at = None if known is None else known.connected_at
        own = self._own.get(account_id)
        rules = self._rulebook.of(account_id, provider, tier, connected_at, own=own)
        lane = Lane(account_id, rules, self._setting, now)
        lane.own = own is not None
        for closure in self._paused:
            lane.troubled().close(closure)
        if known is not None:
            lane.connected_at, lane.resigned = connected_at, known.resigned
            lane.born = now if known.born is None else known.born
            del self._known[account_id]
            if known.born is None and self.introduce is not None:
                self.introduce(lane)
        return lane

    def _sweep(self, now: float) -> None:
        """Let go of lanes that would be made the same again; each is looked at rarely."""
        gone = [lane for lane in self._lanes.values() if lane.idle(now)]
        for lane in gone:
            del self._lanes[lane.account_id]
            self._known[lane.account_id] = _Known(
                lane.provider, lane.tier, lane.connected_at, lane.born, lane.resigned
            )
        self._sweep_at = max(2 * len(self._lanes), _SWEEP_FROM)


def _counts_long(lane: Lane, now: float) -> bool:
    windows = (window for tally in lane.tallies.values() for window in tally.windows)
    return any(window.cap.per >= _LONG and window.used(now) for window in windows)


def reopen(lane: Lane, action: str | None, now: float) -> None:
    """Open what a person or the service has closed, but for what was closed for all."""
    if lane.trouble is not None:
        for closure in list(lane.trouble.closures_of(*_BY_SERVICE)):
            if action is None or closure.action == action:
                lane.trouble.open(closure.kind, closure.action)
    if action is None and lane.learned:
        lane.learned = None
        furnishing.refresh(lane, now)
