"""Doubts: swaps that were sent, and whose answer was lost.

Such a swap was carried out, or never will be, or will be a moment later: what a frozen server has
in its socket it still reads when it wakes. Stamps tell which, as long as nobody else wrote since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postpress_async.storage.remote.swaps import Swap
    from postpress_async.storage.remote.values import Seen

__all__ = ["Doubts", "Found", "Sent"]

T = TypeVar("T")
Found: TypeAlias = Literal["done", "open", "unknown"]


class Sent(Generic[T]):
    """Remember what was sent for whom.

    Attributes:
        job: for whom.
        swap: what was sent.
        result: what the job is told if it was carried out.
        news: what is there then, by key.
    """

    __slots__ = ("job", "news", "result", "swap")

    def __init__(self, job: T, swap: Swap, result: object, news: dict[str, Seen]) -> None:
        self.job: T = job
        self.swap: Swap = swap
        self.result: object = result
        self.news: dict[str, Seen] = news


class Doubts(Generic[T]):
    """Find out what became of swaps whose answer was lost."""

    def __init__(self) -> None:
        self._sent: list[Sent[T]] = []

    def __bool__(self) -> bool:
        return bool(self._sent)

    def add(self, sent: Iterable[Sent[T]]) -> set[str]:
        """Doubt some swaps, in the order of sending; return the keys to look at.

        One that writes nothing is done again without harm.
        """
        writing = [one for one in sent if one.news]
        self._sent += writing
        return {key for one in writing for key in one.news}

    def of(self, job: T) -> Sent[T] | None:
        """Return the last swap in doubt that was sent for a job."""
        return next((one for one in reversed(self._sent) if one.job is job), None)

    def settle(self, current: Callable[[str], bytes]) -> list[tuple[Sent[T], Found]]:
        """Tell what became of each job, with the swap that tells it.

        `done`: a stamp of its swap stands, or was seen by one that is done. `open`: what the swap
        was to replace still stands or was lost, or it follows one that is open; it may yet be
        carried out, unless somebody writes one of its keys before. `unknown`: somebody else wrote.
        """
        done = self._done(current)
        waiting: set[bytes] = set()  # stamps of those that are open
        found: dict[int, tuple[Sent[T], Found]] = {}
        for one in self._sent:
            if one in done:
                fate: Found = "done"
            elif _is_open(one, current, waiting):
                fate = "open"
                waiting.update(new.stamp for new in one.news.values())
            else:
                fate = "unknown"
            before = found.get(id(one.job))
            if before is None or before[1] != "done":
                found[id(one.job)] = (one, fate)  # the last tells, unless an earlier one was done
        return list(found.values())

    def _done(self, current: Callable[[str], bytes]) -> set[Sent[T]]:
        seen: set[bytes] = set()
        done: set[Sent[T]] = set()
        for one in reversed(self._sent):
            if any(current(key) == new.stamp or new.stamp in seen for key, new in one.news.items()):
                seen.update(stamp for _, stamp in one.swap.seen)
                done.add(one)
        return done

    def forget(self, *, unless: Callable[[T], bool]) -> None:
        """Let go of all, unless somebody still waits: one tells about the others."""
        if not any(unless(one.job) for one in self._sent):
            self._sent.clear()


def _is_open(one: Sent[T], current: Callable[[str], bytes], waiting: set[bytes]) -> bool:
    """Tell whether a swap certainly has no effect so far."""
    if all(not current(key) for key in one.news):
        return True  # nothing there: whatever it did is lost
    return any(
        stamp in waiting or (key in one.news and current(key) == stamp)
        for key, stamp in one.swap.seen
    )
