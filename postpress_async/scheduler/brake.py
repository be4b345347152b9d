"""The brake: what holds every account back, because the key or the service asks for it.

After a while one call goes alone, to see whether it was enough; then everybody. When several
accounts are refused at once, that is taken for the key's own rate, and the accounts' cool-downs are
lifted; should the call that goes alone be refused as well, they were right, and come back.
"""

from __future__ import annotations

from copy import copy
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from .blockers import Blocked
from .trouble import PROBE_DUE, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.limits import Verdict

    from .blockers import BlockerKind
    from .lane import Lane
    from .tally import Slot

KEY: Final = "cool-down of the API key"
CIRCUIT: Final = "the service fails"
_KEY_BASE: Final = 1.0  # without a Retry-After the key's bucket refills within about a second
_CIRCUIT_BASE: Final = 1.0
_MOST: Final = 60.0
_TOGETHER: Final = 2.0  # seconds within which refusals of several accounts are one event
_ACCOUNTS: Final = 3
_FAILURES: Final = 5  # of several accounts, with no answer in between
_OWN: Final = 60.0  # a longer Retry-After is the account's, whoever else is refused
_DOUBT: Final = 60.0  # after a mistake, refusals are taken for the accounts' for a while; doubles
_DOUBT_MOST: Final = 6 * 3600.0
_SAYS_NOTHING: Final = frozenset({"no_answer", "unavailable", "key_refused"})


class _Suspect(msgspec.Struct):
    """Hold one account's refusal, and what its lane was like before."""

    at: float
    lane: Lane
    before: Trouble | None
    after: Trouble | None = None
    wait: float = 0.0


class Brake:
    """Say how many calls of all accounts may go: none, one to see, or any number.

    Attributes:
        until: when it lets the next one go; -inf while it holds nobody.
        reason: why it holds.
        probe: the call that went alone.
        attentive: whether plain successes concern it.
    """

    def __init__(self, random: Callable[[], float], *, several: bool = True) -> None:
        self._random = random
        self._several = several
        self.until: float = -inf
        self.reason: str = ""
        self.probe: Slot | None = None
        self.attentive: bool = False
        self._strikes = 0
        self._suspects: list[_Suspect] = []
        self._trusted_from = -inf
        self._mistakes = 0
        self._believed_until = -inf
        self._failures = 0
        self._failing: set[Lane] = set()
        self._forgiven: list[Lane] = []

    def room(self, now: float) -> float:
        """Return how many may go now."""
        if self.until == -inf:
            return inf
        return 0 if self.probe is not None or now < self.until else 1

    def blocked(self, now: float) -> list[Blocked]:
        """Return what holds all accounts back here."""
        at = inf if self.probe is not None else self.until
        kind: BlockerKind = "circuit" if self.reason == CIRCUIT else "key"
        return [Blocked(kind, at, self.reason)] if at > now else []

    def went(self, slot: Slot) -> None:
        """Note that a call was let go."""
        if self.until > -inf:
            self.probe, self.attentive = slot, True

    def pass_on(self, slot: Slot) -> bool:
        """Let another call be the one that goes alone; return whether this was it."""
        was_it = slot is self.probe
        if was_it:
            self.probe = None
        return was_it

    def before(self, slot: Slot, verdict: Verdict, now: float) -> Trouble | None:
        """Keep what a lane is like, ahead of a refusal that may not be its own."""
        if not self._suspicious(verdict, now) or slot.lane is None or slot.lane.trouble is None:
            return None
        kept = copy(slot.lane.trouble)
        kept.rate = copy(kept.rate)
        return kept

    def report(
        self, slot: Slot, lane: Lane, verdict: Verdict, before: Trouble | None, now: float
    ) -> bool:
        """Learn from an answer; return whether others may go now who could not."""
        was_probe, opened = slot is self.probe, False
        if was_probe:
            self.probe = None
            opened = self._judge(lane, verdict, now)
        if verdict.effect == "cool_key":
            self._hold(KEY, max(_KEY_BASE, verdict.retry_after or 0.0), now)
        if verdict.effect == "unavailable":
            self._fails(lane, verdict, now)
        elif verdict.effect not in _SAYS_NOTHING and self._failures:
            self._failures, self._failing = 0, set()
        if verdict.effect == "cool_down" and not was_probe and self._suspicious(verdict, now):
            self._suspect(lane, verdict, before, now)
        self.attentive = self.probe is not None or self._failures > 0
        return opened or (was_probe and self.until <= now)

    # -- inside -------------------------------------------------------------------------------

    def _judge(self, lane: Lane, verdict: Verdict, now: float) -> bool:
        """Look at the answer of the call that went alone; return whether everybody may go."""
        effect = verdict.effect
        if effect == "no_answer" and not verdict.answered:
            return False  # it was called off, and proves nothing: the next one goes alone
        if effect == "cool_key" or (effect == "unavailable" and self.reason == CIRCUIT):
            return False
        if effect == "cool_down":
            self._mistaken(lane)
        if now < self.until:
            return False  # it went before another refusal, and proves nothing about that
        self.until, self._strikes, self._suspects = -inf, 0, []
        return True

    def _hold(self, reason: str, wait: float, now: float) -> None:
        if now >= self.until or reason != self.reason:  # calls under way are one strike
            wait = max(wait, min(2.0**self._strikes, _MOST))
            self._strikes += 1
        self.reason = reason
        self.until = max(self.until, now + wait * (1 + 0.05 * self._random()))

    def _fails(self, lane: Lane, verdict: Verdict, now: float) -> None:
        """Count a failure of the service; many accounts' failures in a row open the circuit."""
        self._failures += 1
        self._failing.add(lane)
        tripped = len(self._failing) >= _ACCOUNTS and self._failures >= _FAILURES
        if tripped or (self.reason == CIRCUIT and self.until > -inf):
            self._hold(CIRCUIT, max(_CIRCUIT_BASE, verdict.retry_after or 0.0), now)

    def _suspicious(self, verdict: Verdict, now: float) -> bool:
        return (
            self._several
            and verdict.effect == "cool_down"
            and (verdict.retry_after or 0.0) <= _OWN
            and now >= self._trusted_from
        )

    def _suspect(self, lane: Lane, verdict: Verdict, before: Trouble | None, now: float) -> None:
        recent = [one for one in self._suspects if one.at > now - _TOGETHER or one.after]
        if not any(one.lane is lane for one in recent):
            wait = verdict.retry_after or 0.0
            recent.append(_Suspect(at=now, lane=lane, before=before, wait=wait))
        self._suspects = recent
        if len(recent) < _ACCOUNTS:
            return
        if now < self._believed_until:  # forgiven a while ago and refused again: it was their own
            self._suspects = []
            self._trusted_from = now + min(_DOUBT * 2.0**self._mistakes, _DOUBT_MOST)
            self._mistakes += 1
            return
        for one in recent:
            if one.after is None:
                _forgive(one)
                self._forgiven.append(one.lane)
        self._hold(KEY, max(_KEY_BASE, *(one.wait for one in recent)), now)
        self._believed_until = self.until + _DOUBT

    def _mistaken(self, lane: Lane) -> None:
        """Give the accounts back the cool-downs that were theirs."""
        for one in self._suspects:
            if one.after is not None and one.lane is not lane:
                _blame(one.lane, one.after)
        self._trusted_from = self.until + min(_DOUBT * 2.0**self._mistakes, _DOUBT_MOST)
        self._mistakes += 1
        self._suspects = []

    def forgiven(self) -> list[Lane]:
        """Return the lanes whose cool-downs were lifted since it was asked last."""
        lanes, self._forgiven = self._forgiven, []
        return lanes

    def suspected(self, lane: Lane) -> bool:
        """Tell whether a lane's refusal was taken for the key's: it should go first, to see."""
        return any(one.lane is lane and one.after is not None for one in self._suspects)


def _forgive(one: _Suspect) -> None:
    """Put a lane's trouble back to what it was before its refusal; its next call goes alone."""
    one.after = one.lane.troubled()
    kept = one.before or Trouble()
    kept.closures, kept.misses = one.after.closures, one.after.misses
    kept.probing = PROBE_DUE
    one.lane.trouble = kept


def _blame(lane: Lane, after: Trouble) -> None:
    """Let a lane cool down after all."""
    trouble = lane.troubled()
    trouble.cooling_until = max(trouble.cooling_until, after.cooling_until)
    trouble.strikes = max(trouble.strikes, after.strikes)
    trouble.rate = trouble.rate or after.rate
    trouble.refused, trouble.refused_at = after.refused, after.refused_at
    if not trouble.probing:
        trouble.probing = PROBE_DUE
