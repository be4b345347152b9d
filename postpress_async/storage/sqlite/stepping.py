"""Steps on a file's images: those that wait together are read, run and written in one go."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from postpress_async.storage.images import changes
from postpress_async.storage.instants import Noted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection

    from postpress_async.storage.images import Work
    from postpress_async.storage.instants import BootTime
    from postpress_async.storage.sqlite.jobs import Job
    from postpress_async.storage.sqlite.sheet import Found, Sheet

__all__ = ["Stepping"]

_NOTE_EVERY: Final = 1.0  # seconds of the store's time, for processes that start in another boot
_FRESH: Final = 0.05  # seconds for which holds what was decided while others had the lock

_NOTED: Final = "SELECT seen, boot, ahead, lag FROM meta"
_NOTE: Final = "UPDATE meta SET seen = ?, boot = ?, ahead = ?, lag = ?"


class _Foreseen(NamedTuple):
    """What a work makes of images that the file may have."""

    images: dict[str, bytes | None]
    after: Mapping[str, bytes | None]
    result: object


class Stepping:
    """Carry out works of images, which have only values in their hands.

    So one that fails leaves nothing to take back, and one that is sure to be alone with its images
    can be run before the lock is had: what it decided is kept if the file has those images indeed.
    """

    def __init__(self, time: BootTime, sheet: Sheet) -> None:
        self._time = time
        self._sheet = sheet
        self._noted = -math.inf
        self._settled: Connection | None = None  # whose file's time is known, and ours to it
        self._foreseen: dict[Job, _Foreseen] = {}
        self._foreseen_at = -math.inf

    def foresee(self, jobs: list[Job]) -> None:
        """Run works on images as they were left here, if nobody else seems to use them."""
        self._foreseen = {}
        if self._settled is None:
            return  # nothing was seen, nor is the time known
        images: dict[str, bytes | None] = {}
        now = self._foreseen_at = self._time.now()
        for job in jobs:
            work = cast("Work[object]", job.work)
            if not getattr(work, "repeatable", False) or not self._own(work.keys, images, now):
                continue
            its = {key: images[key] for key in work.keys}
            try:
                after, result = work.run(its, now)
                images.update(changes(its, after))
            except Exception:  # noqa: BLE001, S112 - it is run again, and whoever asked is told
                continue
            self._foreseen[job] = _Foreseen(its, after, result)

    def carry_out(self, connection: Connection, jobs: list[Job]) -> Callable[[], None]:
        """Run works one after another: all are read before the first, and written after the last.

        Return what to do once that is committed.
        """
        foreseen, self._foreseen = self._foreseen, {}
        works = [cast("Work[object]", job.work) for job in jobs]
        found = self._sheet.open(connection, {key: None for work in works for key in work.keys})
        latest = max([at for _, at in found.values()], default=-math.inf)
        now, noted = self._now(connection, latest)
        if now - self._foreseen_at > _FRESH or latest > self._foreseen_at:
            foreseen = {}
        images: dict[str, bytes | None] = {}
        sound: set[str] = set()
        for job, work in zip(jobs, works, strict=True):
            try:
                its = {key: self._image(key, images, found) for key in work.keys}
                known = foreseen.get(job)
                if known is not None and known.images == its:
                    after, job.result = known.after, known.result
                else:
                    after, job.result = work.run(its, now)
                images.update(changes(its, after))
                sound.update(work.keys)
            except BaseException as error:  # noqa: BLE001 - whoever asked is told
                job.error = error
        changed = [(key, one) for key, one in images.items() if one != found[key].image]
        self._sheet.write(connection, changed, now)
        if noted is not None:
            connection.execute(_NOTE, self._time.note(noted))

        def committed() -> None:
            self._sheet.seen(connection, found, images, now, sound)
            if noted is not None:
                self._noted, self._settled = now, connection

        return committed

    def _now(self, connection: Connection, latest: float) -> tuple[float, Noted | None]:
        """Return the time, and what the file has noted of it where it is to be noted anew."""
        if connection is self._settled:  # else it is perhaps of a file that was made anew
            now = self._time.now(latest)
            if now - self._noted < _NOTE_EVERY:
                return now, None
        noted = _noted(connection)
        self._time.settle(noted)
        return self._time.now(max(latest, noted.seen)), noted

    def _own(self, keys: tuple[str, ...], images: dict[str, bytes | None], now: float) -> bool:
        """Tell whether images are this process's own, as far as it can see, and take them up."""
        for key in keys:
            if key in images:
                continue
            found = self._sheet.own(key)
            if found is None or found.at > now:
                return False
            images[key] = found.image
        return True

    def _image(
        self, key: str, images: dict[str, bytes | None], found: Mapping[str, Found]
    ) -> bytes | None:
        """Return an image as the works before have left it."""
        if key not in images:
            images[key] = self._sheet.mended(key, found[key])
        return images[key]


def _noted(connection: Connection) -> Noted:
    seen, boot, ahead, lag = connection.execute(_NOTED).fetchone()
    return Noted(seen=seen, boot=boot, ahead=ahead, lag=lag)
