"""The rate a lane learns after its first 429, where no known limit explains the refusal.

Only for windows of a minute or less: a longer wait is a daily or weekly cap, of which the rate
knows nothing. No clock, no chance, no network: `now` comes in, instants go out.

A refusal after successes is a *mark*: at that instant the limit was used up, and it has room again
at an instant that a true Retry-After names, or that lies between the last refused and the first
accepted probe. The successes between two such instants, over the time between them, are the rate.

Without a Retry-After, a probe that is refused late, or just as many successes again, tell a window
from a bucket. Of a bucket the mean between two marks is the rate, and what it ran over by. Of a
window the amount and the length are learned, because people give it one of a few lengths.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Final

from .marks import STEEPEST, Climb, Passed, bucket_rate, until_length, window_of

LONG: Final = 60.0  # a wait above it is a window that no rate describes
_SLOWEST: Final = 1 / 600
_FASTEST: Final = 1000.0
_LEAST_WAIT: Final = 0.5
_PATIENCE: Final = 200.0  # over the calls that passed at first: seconds until a probe
_FEW: Final = 3  # successes that may be as many again by chance
_SOME: Final = 20  # successes after which growth can be told from noise
_MANY: Final = 30  # successes after which a mean is worth more than a guess


class Adaptive:
    """Space a lane's calls by a rate that refusals lower and successes raise.

    After each mark the rate starts a little below the level it believes in, comes near it slowly,
    and leaves it ever faster upwards: all of it counted in calls, so that it suits any speed.

    Attributes:
        rate: calls a second at present.
        level: the rate believed to be the limit's own.
    """

    __slots__ = (
        "_ahead", "_amount", "_apart", "_blocked_at", "_burst", "_calm", "_closed", "_count",
        "_doubt", "_free_at", "_hint", "_known_at", "_misses", "_next", "_open_at", "_passed",
        "_peak", "_per", "_proved", "_reach", "_second", "_shut", "_slope", "_span", "_told",
        "_tried", "_tries", "_trip", "_truth", "_width", "_windowed", "level", "rate",
    )  # fmt: skip

    def __init__(self, now: float, successes: int, since: float) -> None:
        self.level: float = _FASTEST
        self.rate: float = _FASTEST
        self._doubt = 0.0  # how far from the level the rate starts, as a share of it
        self._slope = 0.0  # the same in calls a second
        self._reach = 10.0  # calls until it is there
        self._tried = 0  # calls since the mark that went as fast as the rate allows
        self._passed = successes  # successes since the mark
        self._next = now
        self._closed = False  # whether the lane has not opened again since a refusal
        self._open_at = since  # when it did
        self._blocked_at = -inf  # the mark
        self._known_at = -inf  # the last refusal: what was granted before it teaches nothing
        self._told = 0.0  # its Retry-After
        self._hint = 0.0  # when there is room again, if a Retry-After says so
        self._free_at = since  # when there was room again after the mark before
        self._width = 0.0  # how uncertain that is
        self._misses = 0  # refused probes since the mark
        self._truth = 1.0  # how much of the true wait a Retry-After names; 0: no use
        self._proved = False  # whether a told level was ever borne for some time
        self._windowed = False  # whether a wait was ever longer than a bucket's
        self._burst = max(successes, 1)  # what passed before the first mark
        self._amount: float = self._burst  # successes that a window lets pass
        self._per = 0.0  # how long it lasts; 0: unknown
        self._shut = 0.0  # from the mark before to its last refused probe
        self._calm = 6  # the reach of a told level, at a doubt of one
        self._second = False  # whether the mark is the second one
        self._count = 0  # what the mark had seen: successes, the rate, its pace and a call's time
        self._tries = 0
        self._peak = self._span = self._trip = self._ahead = 0.0
        self._apart = 0.0  # from the mark before it; 0: there was none

    def __getstate__(self) -> tuple[float, ...]:
        """Return all it knows, as numbers."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[float, ...]) -> None:
        """Know what was known."""
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)

    # -- pacing -------------------------------------------------------------------------------

    def ready_at(self, now: float) -> float:
        """Tell when the next call may go: now, or a later instant."""
        at = self._next
        return at if at > now else now  # noqa: FURB136 - max() costs twice, on every call

    def hold(self, now: float) -> None:
        """Count a grant: the next call keeps its distance."""
        rate, at = self.rate, self._next
        if self._closed:
            self._closed, self._open_at = False, now
            at = now
        if (now - at) * rate < 0.25:  # noqa: PLR2004 - a lane without demand proves nothing
            self._tried = k = self._tried + 1
            x = k / self._reach - 1
            fast = self.level + self._slope * x * x * x
            rate *= STEEPEST
            if fast < rate:  # noqa: PLR1730 - min() costs twice, on every call
                rate = fast
            self.rate = rate
            now = at
        else:
            self._open_at += now - at  # nor does the time it was idle
            self._free_at += now - at
            self._blocked_at += now - at
        self._next = now + 1 / rate

    def refund(self, now: float) -> None:
        """Take back a grant that nobody saw."""
        self._next = min(self._next, now)

    def done(self, now: float) -> None:  # noqa: ARG002 - the contract's
        """Count a success."""
        if self._closed:
            if not self._apart and self._told <= 1.0:
                self._burst = self._amount = self._burst + 1
            return  # it went before the refusal
        if not self._passed:
            self._learn()
            self._next = max(self._next, self._open_at + 1 / self.rate)
        self._passed += 1

    # -- refusals -----------------------------------------------------------------------------

    def cool_down(self, now: float, retry_after: float | None = None) -> float | None:
        """Propose how long to wait, asked before `refused`; None for the lane's own rule.

        Never instead of a Retry-After, only beyond one.
        """
        first = self._blocked_at == -inf
        miss = not first and not self._passed
        since = self._blocked_at if miss else now
        if now - since >= LONG or (retry_after or 0.0) > LONG:
            return None
        if retry_after is not None:
            truth = self._truth_of(now, retry_after) if miss else self._truth
            if truth:
                return None if truth == 1.0 else retry_after / truth * 1.02 + 0.05
        base = self._probe_after(now - since) if miss else self._rest(now, first=first)
        return min(base, since + LONG + 1 - now)

    def _rest(self, now: float, *, first: bool) -> float:
        """Choose how long to wait after a mark."""
        if first:
            return min(max(_PATIENCE / self._burst, 2.0), 10.0)
        slots = max((2 if self._doubt < 0.1 else 4) / self.rate, _LEAST_WAIT)  # noqa: PLR2004 - tuned by simulation
        if self._per:
            if self._open_at + self._per > now > self._blocked_at + 0.8 * self._per:
                return self._open_at + self._per + 0.2 - now  # the window that the lane filled
            return max(slots, min(self._per - self._amount / self.rate, 0.5 * self._per))
        if self._passed == self._burst > _FEW:
            elapsed = now - self._open_at
            return max(until_length(elapsed, 0.95 * elapsed), _LEAST_WAIT)
        return slots

    def _probe_after(self, waited: float) -> float:
        """Choose how long to wait after a refused probe."""
        if self._per:
            share = 1.05 if self._misses else 0.7  # a limit that fell to a third frees 2/3 on
            return max(share * self._per - waited, 0.5 * waited, _LEAST_WAIT)
        if not self._apart:
            elapsed = waited + min(self._span, 3.0)
            least = min(max(_PATIENCE / self._burst, 2.0), 10.0)
            return until_length(elapsed, max(1.3 * elapsed, least))
        if self._count == self._burst > _FEW:
            elapsed = waited + self._span
            return max(until_length(elapsed, 1.03 * elapsed), _LEAST_WAIT)
        base = max(4 / self.rate, 40 / self._burst) * 1.5 ** (self._misses + 1)
        return max(base, 0.3 * self._shut, waited) if self._shut * self.rate > 2 else base  # noqa: PLR2004 - tuned by simulation

    def refused(
        self, now: float, granted_at: float, retry_after: float | None, cooling_until: float
    ) -> None:
        """Learn from a 429; calls granted before the last one was known teach nothing."""
        if granted_at < self._known_at:
            return
        if retry_after is not None and retry_after > LONG:
            self._hint, self._count, self._passed = cooling_until, 0, 0  # begin again after it
        elif self._blocked_at > -inf and not self._passed:
            self._miss(now, retry_after)
        else:
            self._mark(now, granted_at, retry_after)
        self._known_at, self._told = now, retry_after or 0.0
        self._next, self._closed = cooling_until, True
        self._tried = 0

    def _miss(self, now: float, retry_after: float | None) -> None:
        """Note a refused probe: a Retry-After before it was too short."""
        self._hint = 0.0
        if retry_after is not None:
            self._truth = self._truth_of(now, retry_after)
            self._hint = now + retry_after / self._truth if self._truth else 0.0
        self._misses += 1

    def _truth_of(self, now: float, told: float) -> float:
        """Return the share of the true wait that is told, from two that were."""
        if now - self._known_at < _LEAST_WAIT:
            return self._truth
        share = (self._told - told) / max(now - self._known_at, 1e-3)
        return min(share, 1.0) if share > 0.05 and self._misses < 3 else 0.0  # noqa: PLR2004 - tuned by simulation

    def _mark(self, now: float, granted_at: float, retry_after: float | None) -> None:
        sure = retry_after is not None and self._truth > 0
        self._ahead = (retry_after or 0.0) / self._truth if sure else 0.0
        self._hint = now + self._ahead if sure else 0.0
        if self._blocked_at > -inf:
            self._count, self._tries, self._peak = self._passed, self._tried, self.rate
            self._second = not self._apart
            self._span, self._apart = now - self._open_at, max(now - self._blocked_at, 1e-3)
            self._trip = now - granted_at
            if retry_after is not None and retry_after == int(retry_after):
                self._trip += 0.5  # whole seconds were rounded
        else:
            self._span = now - self._open_at
            self._first(now)
        self._blocked_at, self._passed, self._misses = now, 0, 0

    def _first(self, now: float) -> None:
        """Guess from the lane's first successes; with a Retry-After, a window would be known."""
        if self._hint:
            elapsed = max(self._hint - self._open_at, 0.05)
            self._set(self._burst / elapsed, max(1 / self._burst, 0.05))
        else:
            elapsed = max(now - self._open_at, 3.0 + self._burst / 10)
            self._set(self._burst / elapsed, 0.3)

    # -- learning -----------------------------------------------------------------------------

    def _borne(self) -> float:
        """Return the rate that was borne until the mark, while the rate was growing; 0: unknown."""
        k, amount = self._tries, self._amount
        if self._windowed:
            if self._count < 2 * amount or self._span < LONG:
                return 0.0
            # The last full window is what it did not bear.
            back = min((0.5 if self._hint else 1.0) * amount, 0.5 * k)
        elif self._count < _SOME:
            return 0.0
        else:
            back = 0.2 * k
        return self._climb().before(back)

    def _climb(self) -> Climb:
        """Return how the rate grew until the mark."""
        return Climb(
            level=self.level, slope=self._slope, reach=self._reach, tries=self._tries,
            peak=self._peak,
        )  # fmt: skip

    def _learn(self) -> None:
        """Set the level, now that it is known when there was room again."""
        before, width, count = self._free_at, self._width, self._count
        if self._hint:
            self._free_at, self._width = self._hint, 0.0
        else:
            self._free_at = (self._known_at + self._open_at) / 2
            self._width = self._open_at - self._known_at
        if self._known_at - self._blocked_at >= LONG:
            return
        if not count:
            if not self._hint and not self._apart:
                self._set(self._burst / max(self._free_at - before, 1e-3), 0.3, self._burst)
            self._shut = self._known_at - self._blocked_at
            return
        total = max(self._free_at - before, 1e-3)
        mean = min(count / total, self._peak)
        self._see_window(mean, count)
        self._shut = self._known_at - self._blocked_at
        if self._hint:
            self._settle_sure(mean, total)
        elif self._windowed:
            self._settle_window(mean, total, (width + self._width) / 2)
        else:
            self._settle_bucket()

    def _see_window(self, mean: float, count: int) -> None:
        """Tell a window: no bucket refuses so late a probe, or lets just as many pass again."""
        if self._misses and (self._free_at - self._blocked_at) * mean > 3.5:  # noqa: PLR2004 - tuned by simulation
            self._windowed = True
            if self._hint:
                self._amount = min(self._amount, count)
        elif self._shut * mean > 2 or (self._second and count == self._burst > _FEW):  # noqa: PLR2004 - tuned by simulation
            self._windowed = True
        if self._second and self._hint and not self._misses and count < self._burst:
            self._calm = min(10, max(6, self._burst + 3))  # a bucket saves up

    def _settle_sure(self, mean: float, total: float) -> None:
        """Believe a mean between two instants that were told."""
        rate, count = self._peak, self._count
        self._proved = self._proved or count >= _SOME
        near, far = 0.5, 10.0  # slots that a bucket run dry lets a call wait
        if count >= _MANY and mean > 0.85 * rate:
            self._set((mean + rate) / 2, 0.01 + (rate - mean) / (rate + mean))
        elif self._proved and count < self._burst / 4 and not near < self._ahead * rate < far:
            self._proved = False
            self._set(max(mean, 0.95 * rate), 0.05)  # a lump in a window, no bucket run dry
        else:
            level = max(self._borne(), mean) if count > 2 * self._burst else mean
            if count < _SOME * self._burst:  # the burst may have carried it
                level = sqrt(mean * level)
            self._set(level, self._trip / total + 0.02 + 0.25 * (level - mean) / (level + mean))

    def _settle_bucket(self) -> None:
        """Believe the mean, and what a bucket so small must have run over by meanwhile."""
        mean = min((self._count + 0.5 * self._second) / self._apart, self._peak)
        still = self._apart - self._span
        level = bucket_rate(self._climb(), mean, apart=self._apart, still=still, burst=self._burst)
        self._set(level, max(1 / self._count, 0.008) + 0.3 * (level - mean) / (level + mean))

    def _settle_window(self, mean: float, total: float, blur: float) -> None:
        """Believe a window of the amount and the length that explain what passed."""
        passed = Passed(
            count=self._count, rate=self._peak, mean=mean, borne=self._borne(), total=total,
            blur=blur, apart=self._apart, shut=self._free_at - self._blocked_at,
        )  # fmt: skip
        self._amount, self._per, doubt = window_of(passed, self._amount, self._per)
        self._set(0.995 * self._amount / self._per, doubt, self._amount)

    def _set(self, level: float, doubt: float, reach: float = 0.0) -> None:
        self.level = min(max(level, _SLOWEST), _FASTEST)
        self._doubt = min(doubt, 0.3)
        calm = self._calm if self._hint else 5
        self._reach = max(calm / self._doubt, min(reach, 300.0))
        self._slope = self.level * self._doubt
        self.rate = self.level - self._slope
