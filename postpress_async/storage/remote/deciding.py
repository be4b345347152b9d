"""One round trip: decide works on what is known, have them carried out, learn from the answer."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.images import changes
from postpress_async.storage.remote.doubts import Doubts, Sent
from postpress_async.storage.remote.swaps import KEPT, NotDoneError, Swap
from postpress_async.storage.remote.values import NO_STAMP, Seen, Stamps

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from postpress_async.storage.images import Mend, Work
    from postpress_async.storage.remote.swaps import Answer, Fate, Server
    from postpress_async.storage.remote.timing import ServerTime

__all__ = ["Decider", "Job"]

_log = logging.getLogger("postpress_async.storage")
_KNOWN_MOST: Final = 10_000  # images kept in mind
_LOSSES_MOST: Final = 4  # of one key, before it is looked at again
_DAY: Final = 86_400.0
_SAY_EVERY: Final = 60.0  # seconds between two warnings of the same


class Job:
    """One work, and whom to tell.

    Attributes:
        work: what to do.
        future: who waits.
        until: when to give up, by the monotonic clock.
        tries: how often its swap was refused.
        stays: how often of them because a key was kept for somebody else.
        failures: how often the server failed it.
        urgent: whether its keys shall be kept for it if it is refused again.
        refused: why it was refused last.
        said: what the server failed it with last.
    """

    __slots__ = (
        "failures", "future", "refused", "said", "stays", "tries", "until", "urgent", "work",
    )  # fmt: skip

    def __init__(self, work: Work[object], future: asyncio.Future[object]) -> None:
        self.work: Work[object] = work
        self.future: asyncio.Future[object] = future
        self.until: float = math.inf
        self.tries: int = 0
        self.stays: int = 0
        self.failures: int = 0
        self.urgent: bool = False
        self.refused: Fate | None = None
        self.said: StateUnavailableError | None = None

    def tell(self, result: object) -> None:
        """Tell whoever waits what came of it."""
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits that nothing came of it."""
        if self.future.done():
            return
        if isinstance(error, StopIteration):  # which no future may hold
            error = RuntimeError(f"a work raised {error!r}")
        self.future.set_exception(error)


class Decider:
    """Know what a server has, decide by it, and notice when the server has lost something."""

    def __init__(
        self, server: Server, *, mend: Mend, times: ServerTime, monotonic: Callable[[], float]
    ) -> None:
        self._server = server
        self._mend = mend
        self._times = times
        self._monotonic = monotonic
        self._stamps = Stamps()
        self._known: dict[str, Seen] = {}  # the oldest first
        # What a server told, and may not know any more; of each run of it, until it is put back.
        self._lost: dict[str, tuple[Seen, ...]] = {}
        self._doubts = Doubts[Job]()
        self._stale: set[str] = set()  # keys to look at before the next decision
        self._identity = ""
        self._said = -math.inf

    async def attempt(self, jobs: Sequence[Job]) -> None:
        """Carry jobs out as far as nobody comes between; `refused` says why others were not.

        Raises:
            StateUnavailableError, ConfigurationError: as from the server.
        """
        await self._look_up(jobs)
        if self._doubts:
            self._settle()
        view: dict[str, Seen] = {}
        sent: list[Sent[Job]] = []
        for job in jobs:
            job.refused = None
            if job.future.done():
                continue
            try:
                sent.append(self._decide(job, view))
            except Exception as error:  # noqa: BLE001 - whoever asked is told; others go on
                job.fail(error)
        if not sent:
            return
        try:
            answer = await self._ask([one.swap for one in sent])
        except (NotDoneError, ConfigurationError):
            raise
        except BaseException:
            self._stale |= self._doubts.add(sent)
            raise
        self._learn(sent, answer)

    async def _look_up(self, jobs: Sequence[Job]) -> None:
        """Learn what is not known, and the time."""
        known = self._known
        unknown = [key for job in jobs for key in job.work.keys if key not in known]
        if not unknown and not self._stale and self._times.known:
            return
        missing = sorted(self._stale.union(unknown))
        ask = tuple((key, NO_STAMP) for key in missing)
        swaps = [Swap(seen=ask, writes=(), now=0.0)] if ask else []
        self._note((await self._ask(swaps, looks=True)).values)
        self._stale.clear()

    def _settle(self) -> None:
        """Tell those whose answer was lost, if it can be known now what it was."""
        for one, found in self._doubts.settle(self._stamp_of):
            if found == "done":
                self._replace_lost(one)
                one.job.tell(one.result)
            elif found == "unknown" and not getattr(one.job.work, "repeatable", False):
                said = (
                    f"{self._server.where} was cut off before it answered, and others wrote since"
                )
                one.job.fail(StateUnavailableError(f"{said}: whether it was done is not known"))
        self._doubts.forget(unless=lambda job: not job.future.done())

    def _replace_lost(self, one: Sent[Job]) -> None:
        """Know what a swap wrote whose answer was lost, in place of what it was to replace."""
        replaced = {stamp for _, stamp in one.swap.seen}
        for key, new in one.news.items():
            if key in self._lost:
                left = [other for other in self._lost[key] if other.stamp not in replaced]
                self._lost[key] = (*left, new)

    def _stamp_of(self, key: str) -> bytes:
        known = self._known.get(key)
        return NO_STAMP if known is None else known.stamp

    # -- before --------------------------------------------------------------------------------

    def _decide(self, job: Job, view: dict[str, Seen]) -> Sent[Job]:
        """Run a work on what is known, and return what to write if that is still so."""
        known = self._known
        seen = {key: view.get(key) or known[key] for key in job.work.keys}
        now = self._times.now()
        for key, one in seen.items():
            if one.foreign or (one.stamp and abs(one.at - now) > _DAY):
                self._check(key, one, now)
            if one.at > now:
                now = self._times.now(one.at)
        before: Mapping[str, bytes | None] = {key: one.image for key, one in seen.items()}
        images = before
        if self._lost:
            images = {key: self._mended(key, one, view) for key, one in seen.items()}
        after, result = job.work.run(images, now)
        changed = changes(before, after if images is before else {**images, **after})
        if not changed and (doubt := self._doubts.of(job)) is not None:
            # What was sent before must not be carried out after this.
            key = next(iter(doubt.news))
            changed = [(key, images[key])]
        at = max(now, 0.0)
        news = {key: Seen(self._stamps.make(), at, image) for key, image in changed}
        view.update(news)
        swap = Swap(
            seen=tuple([(key, one.stamp) for key, one in seen.items()]),
            writes=tuple([(key, one.value()) for key, one in news.items()]),
            now=now,
            urgent=job.urgent,
        )
        return Sent(job, swap, result, news)

    def _mended(self, key: str, theirs: Seen, view: Mapping[str, Seen]) -> bytes | None:
        """Return an image with what this process knows of it, if the server may have lost that."""
        image = theirs.image
        for mine in () if key in view else self._lost.get(key, ()):
            if mine.image is not None and mine.stamp != theirs.stamp:
                image = self._mend(key, mine.image, image, mine.at, theirs.at)
        return image

    def _check(self, key: str, one: Seen, now: float) -> None:
        """Refuse what is not ours, and what only a wrong clock can have written."""
        ours = not one.foreign
        if ours and self._times.by_server:
            if _DAY < one.at - now < 2 * KEPT:
                self._known.pop(key, None)
                days = (one.at - now) / _DAY
                raise StateUnavailableError(
                    f"{self._server.where} is {days:.1f} days behind what is written of {key}: "
                    "set its clock right, or delete that"
                )
            ours = abs(now - one.at) < 2 * KEPT
        if not ours:
            self._known.pop(key, None)  # looked at anew by the next call
            raise ConfigurationError(
                f"{self._server.where} holds something else under the name of the counts of "
                f"{key}: keep programs apart with ?prefix=, or delete it",
                scope="account",
            )

    # -- after ---------------------------------------------------------------------------------

    async def _ask(self, swaps: Sequence[Swap], *, looks: bool = False) -> Answer:
        sent = self._monotonic()
        answer = await self._server.swap(swaps, who=self._stamps.who)
        anew = not looks and "time" in answer.fates
        self._times.learn(answer.now, sent=sent, anew=anew)
        if answer.identity != self._identity:
            if self._identity:
                self._warn("was restarted or replaced: what this process knows is compared with it")
                for key, one in self._known.items():
                    self._doubt(key, one)
            self._identity = answer.identity
        return answer

    def _learn(self, sent: Sequence[Sent[Job]], answer: Answer) -> None:
        """Tell those whose swap is done, and remember what the server has."""
        for one, fate in zip(sent, answer.fates, strict=True):
            if fate != "done":
                one.job.refused = fate
                continue
            for key, new in one.news.items():
                self._keep(key, new)
            if self._lost:
                for key, _ in one.swap.seen:
                    self._lost.pop(key, None)
            one.job.tell(one.result)
        self._note(answer.values)
        if self._doubts:
            self._doubts.forget(unless=lambda job: not job.future.done())
        if len(self._known) > _KNOWN_MOST:
            for key in list(self._known)[: _KNOWN_MOST // 10]:
                del self._known[key]

    def _note(self, values: Mapping[str, bytes | None]) -> None:
        """Remember what the server has, and what it has not any more."""
        for key, value in values.items():
            known = self._known.get(key)
            if value is None and known is not None and known.image is not None:
                young = self._times.now() - known.at < KEPT / 2
                if young and key not in self._lost:  # flushed, evicted or deleted by hand
                    self._doubt(key, known)
                    self._warn(f"has lost the counts of {key}, and perhaps of others")
            self._keep(key, Seen.read(value))

    def _doubt(self, key: str, one: Seen) -> None:
        """Take it that the server may not know any more what it told."""
        before = self._lost.get(key, ())
        if one.image is not None and all(other.stamp != one.stamp for other in before):
            self._lost[key] = (*before[1 - _LOSSES_MOST :], one)

    def _keep(self, key: str, one: Seen) -> None:
        self._known.pop(key, None)  # to the end: those that nobody writes are forgotten first
        self._known[key] = one

    def _warn(self, said: str) -> None:
        now = self._monotonic()
        if now - self._said >= _SAY_EVERY:
            self._said = now
            _log.warning("%s %s", self._server.where, said)
