"""Lists of names not to be contacted: looked at as they are when somebody may be written to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable
from functools import partial
from typing import TypeAlias, cast

from .awaited import check_async

__all__ = ["Listed", "question_of"]

Listed: TypeAlias = Container[str] | Callable[[str], Awaitable[bool]]
"""Names, or a question about one."""


def question_of(listed: Listed) -> Callable[[Iterable[str]], Awaitable[bool]]:
    """Return who tells whether one of several names is listed, as the list is then."""
    if callable(listed):
        check_async("listed", listed)
        return partial(_any_said, listed)
    if isinstance(listed, set | frozenset | list | tuple | dict):
        listed = _Folded(cast("Iterable[str]", listed))
    return partial(_any_in, listed)


async def _any_said(known: Callable[[str], Awaitable[bool]], names: Iterable[str]) -> bool:
    for name in names:
        if await known(name):
            return True
    return False


async def _any_in(listed: Container[str], names: Iterable[str]) -> bool:
    if isinstance(listed, _Folded):
        listed.look()
    return any(name in listed or _folded(name) in listed for name in names)


class _Folded:
    """Know names by what they are without letter case and blanks, also those that are added."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = names
        self._seen: frozenset[str] = frozenset()
        self._folded: frozenset[str] = frozenset()
        self.look()

    def __contains__(self, name: object) -> bool:
        return name in self._folded

    def look(self) -> None:
        """Look whether they have changed: somebody may have opted out since."""
        names = self._names
        now = names if isinstance(names, frozenset) else frozenset(names)
        if now is not self._seen and now != self._seen:
            self._seen, self._folded = now, frozenset(map(_folded, now))


def _folded(name: str) -> str:
    return name.strip().casefold()
