"""One round trip: decide works on what is known, have them carried out, learn from the answer."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.images import changes
from postpress_async.storage.remote.doubts import Doubts, Sent
from postpress_async.storage.remote.swaps import NotDoneError, Swap
from postpress_async.storage.remote.values import NO_STAMP, Seen, Stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from postpress_async.storage.images import Mend
    from postpress_async.storage.remote.jobs import Job
    from postpress_async.storage.remote.swaps import Answer, Fate, Server
    from postpress_async.storage.remote.timing import ServerTime

__all__ = ["Decider"]

_log = logging.getLogger("postpress_async.storage")
_KNOWN_MOST: Final = 10_000  # images kept in mind
_LOSSES_MOST: Final = 4  # of one key, before it is looked at again
_DAY: Final = 86_400.0
_AHEAD: Final = 160 * _DAY  # seconds; what stands for an instant beyond it is none
_LONG_AGO: Final = 1e9  # when nothing like this was written yet, in seconds since the epoch
_SAY_EVERY: Final = 60.0  # seconds between two warnings of the same
_MOSTLY: Final = 0.7  # share of works that others came before, from which it is looked first
_LAST: Final = 1 / 16  # what the last work weighs in that share


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
        self._doubts: Doubts[Job] = Doubts()
        self._stale: set[str] = set()  # keys to look at before the next decision
        self._odd: set[str] = set()  # keys that were refused, to look at when they are asked for
        self._others = 0.0  # share of works of late whose images others had written since
        self._identity = ""
        self._said = -math.inf

    async def attempt(self, jobs: Sequence[Job]) -> None:
        """Carry jobs out as far as nobody comes between; `refused` says why others were not.

        Where an image has to be looked at first, those that were refused before go with the look:
        they have waited for longer, and know what they were refused for.

        Raises:
            StateUnavailableError, ConfigurationError: as from the server.
        """
        for job in jobs:
            job.refused = None
        looks, guessed = self._to_look_at(jobs)
        before: list[Job] = []
        if looks or not self._times.known:
            if self._times.known and not self._doubts:
                before = [job for job in jobs if job.tries and self._knows(job)]
            values = await self._carry_out(before, looks)
            for job in guessed:
                self._weigh(others=any(key in values for key in job.work.keys))
            self._stale.clear()
        if self._doubts:
            self._settle()
        await self._carry_out([job for job in jobs if job not in before])
        if len(self._known) > _KNOWN_MOST:
            for key in list(self._known)[: _KNOWN_MOST // 10]:
                del self._known[key]

    def _to_look_at(self, jobs: Sequence[Job]) -> tuple[dict[str, bytes], list[Job]]:
        """Return keys to look at, each with its stamp, and jobs for which that is a guess.

        What is decided on an image that others have written since is refused, and was for nothing:
        where that is how it mostly ends, it is looked first.
        """
        looks = dict.fromkeys(self._stale, NO_STAMP)
        guessed: list[Job] = []
        for job in jobs:
            if not self._knows(job):
                job.looked = True
                looks.update((key, NO_STAMP) for key in job.work.keys if not self._is_known(key))
            elif not (job.looked or job.tries or self._others < _MOSTLY or self._doubts):
                job.looked = True
                guessed.append(job)
        looks.update((key, self._known[key].stamp) for job in guessed for key in job.work.keys)
        return looks, guessed

    def _knows(self, job: Job) -> bool:
        return all(map(self._is_known, job.work.keys))

    def _is_known(self, key: str) -> bool:
        return key in self._known and key not in self._odd

    def _weigh(self, *, others: bool) -> None:
        self._others += _LAST * (others - self._others)

    async def _carry_out(
        self, jobs: Sequence[Job], looks: Mapping[str, bytes] | None = None
    ) -> Mapping[str, bytes | None]:
        """Decide, go to the server once for all of it, and return what it told of images.

        Args:
            jobs: what is done, as far as it can be.
            looks: keys that are only looked at; with none of them too, the time is asked for.
        """
        view: dict[str, Seen] = {}
        sent: list[Sent[Job]] = []
        for job in jobs:
            if job.future.done():
                continue
            try:
                sent.append(self._decide(job, view))
            except Exception as error:  # noqa: BLE001 - whoever asked is told; others go on
                self._odd.update(job.work.keys)  # somebody may have put it right when it is next
                job.fail(error)
        swaps = [one.swap for one in sent]
        if looks:
            swaps.append(Swap(seen=tuple(looks.items()), writes=(), now=0.0))
        if not swaps and looks is None:
            return {}
        try:
            answer = await self._ask(swaps, decided=len(sent))
        except (NotDoneError, ConfigurationError):
            raise
        except BaseException:
            self._stale |= self._doubts.add(sent)
            raise
        self._learn(sent, answer.fates)
        self._note(answer.values)
        if self._doubts and sent:
            self._doubts.forget(unless=lambda job: not job.future.done())
        return answer.values

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
                said = f"{said}: whether it was done is not known"
                one.job.fail(StateUnavailableError(said, account_id=one.job.work.keys[0]))
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
            if _DAY < one.at - now < _AHEAD:
                self._odd.add(key)
                days = (one.at - now) / _DAY
                raise StateUnavailableError(
                    f"{self._server.where} is {days:.1f} days behind what is written of {key}: "
                    "set its clock right, or delete that",
                    account_id=key,
                )
            ours = abs(now - one.at) < _AHEAD or _LONG_AGO < one.at < now
        if not ours:
            self._odd.add(key)
            raise ConfigurationError(
                f"{self._server.where} holds something else under the name of the counts of "
                f"{key}: keep programs apart with ?prefix=, or delete it",
                scope="account",
            )

    # -- after ---------------------------------------------------------------------------------

    async def _ask(self, swaps: Sequence[Swap], *, decided: int) -> Answer:
        sent = self._monotonic()
        expected = self._times.expected
        answer = await self._server.swap(swaps, who=self._stamps.who, expected=expected)
        anew = "time" in answer.fates[:decided]
        self._times.learn(answer.now, sent=sent, anew=anew, lead=answer.lead)
        if answer.identity != self._identity:
            if self._identity:
                self._warn(
                    "may have been restarted or replaced: what this process knows is compared "
                    "with it"
                )
                for key in self._known.keys() - self._odd:
                    self._doubt(key, self._known[key])
            self._identity = answer.identity
        return answer

    def _learn(self, sent: Sequence[Sent[Job]], fates: Sequence[Fate]) -> None:
        """Tell those whose swap is done, and remember what the server has."""
        for one, fate in zip(sent, fates, strict=False):  # that of a look stands behind them
            if not (one.job.looked or one.job.tries):
                self._weigh(others=fate == "changed")
            if fate != "done":
                one.job.refused = fate
                continue
            for key, new in one.news.items():
                self._keep(key, new)
            if self._lost:
                for key, _ in one.swap.seen:
                    self._lost.pop(key, None)
            one.job.tell(one.result)

    def _note(self, values: Mapping[str, bytes | None]) -> None:
        """Remember what the server has, and what it has not any more.

        Of one image time never goes back, whoever writes it: what was written before that which is
        known here is no news, but a server that has fallen back, be it by a copy of that one value.
        """
        for key, value in values.items():
            told = Seen.read(value)
            known = None if key in self._odd else self._known.get(key)
            if known is not None and known.image is not None and told.at < known.at:
                if key not in self._lost:
                    self._warn(f"has lost the counts of {key}, and perhaps of others")
                self._doubt(key, known)  # flushed, evicted, deleted or put back by hand
            self._keep(key, told)

    def _doubt(self, key: str, one: Seen) -> None:
        """Take it that the server may not know any more what it told."""
        before = self._lost.get(key, ())
        if one.image is not None and all(other.stamp != one.stamp for other in before):
            self._lost[key] = (*before[1 - _LOSSES_MOST :], one)

    def _keep(self, key: str, one: Seen) -> None:
        self._odd.discard(key)
        self._known.pop(key, None)  # to the end: those that nobody writes are forgotten first
        self._known[key] = one

    def _warn(self, said: str) -> None:
        now = self._monotonic()
        if now - self._said >= _SAY_EVERY:
            self._said = now
            _log.warning("%s %s", self._server.where, said)
