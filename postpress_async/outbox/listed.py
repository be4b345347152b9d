"""Lists of names not to be contacted: looked at as they are when somebody may be written to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Container, Iterator
from functools import partial
from itertools import chain
from typing import TypeAlias, cast

from postpress_async import spellings
from postpress_async.errors import ConfigurationError

from .awaited import check_async

__all__ = ["Listed", "question_of"]

Listed: TypeAlias = Container[str] | Callable[[str], Awaitable[bool]]
"""Names, or a question about one."""


def question_of(listed: Listed) -> Callable[[Collection[str]], Awaitable[bool]]:
    """Return who tells whether one of several names is listed, as the list is then.

    Raises:
        ConfigurationError: it can be looked at once only, or not at all, or holds no names.
    """
    if callable(listed):
        check_async("listed", listed)
        return partial(_any_said, listed)
    _check_kind(listed)
    if isinstance(listed, Collection):
        return partial(_any_folded, _Folded(cast("Collection[object]", listed)))
    return partial(_any_in, listed)


def _check_kind(listed: object) -> None:
    if isinstance(listed, str | bytes | bytearray | memoryview):
        msg = "listed must hold names, such as {'jordan-walke'}, not be one"
        raise ConfigurationError(msg)
    kind = type(listed).__name__
    if isinstance(listed, Iterator):  # a file, a generator: used up by the first look
        msg = f"listed must be names that can be looked at again, not {kind}: give set(…) of it"
        raise ConfigurationError(msg)
    if not isinstance(listed, Container):
        msg = f"listed must be names, such as a set, or an async question about one, not {kind}"
        raise ConfigurationError(msg)


async def _any_said(known: Callable[[str], Awaitable[bool]], names: Collection[str]) -> bool:
    for form in _forms(names):
        if await known(form):
            return True
    return False


async def _any_in(listed: Container[str], names: Collection[str]) -> bool:
    asked = {*_forms(names), *chain.from_iterable(map(spellings.folded, names))}
    return any(name in listed for name in asked)


async def _any_folded(listed: _Folded, names: Collection[str]) -> bool:
    known = listed.look()
    return any(not known.isdisjoint(spellings.folded(name)) for name in names)


def _forms(names: Collection[str]) -> list[str]:
    return list(dict.fromkeys([*names, *chain.from_iterable(map(spellings.forms, names))]))


class _Folded:
    """Know names by what they are however they are written, also those that are added."""

    def __init__(self, names: Collection[object]) -> None:
        self._names = names
        self._seen: frozenset[object] = frozenset()
        self._folded: dict[object, frozenset[str]] = {}
        self._known: frozenset[str] = frozenset()
        self.look()

    def look(self) -> frozenset[str]:
        """Return what is known now: somebody may have opted out since."""
        now = _as_set(self._names)
        if now is not self._seen and now != self._seen:
            # Only what is new is read anew: there may be a hundred thousand.
            self._folded = {one: self._folded.get(one) or _read(one) for one in now}
            self._known = frozenset(chain.from_iterable(self._folded.values()))
            self._seen = now
        return self._known


def _as_set(names: Collection[object]) -> frozenset[object]:
    try:
        return names if isinstance(names, frozenset) else frozenset(names)
    except TypeError:  # it holds lists or the like
        raise ConfigurationError("listed must hold names, each of them a str") from None


def _read(name: object) -> frozenset[str]:
    if not isinstance(name, str):
        msg = f"listed holds {name!r:.40}, which is no text: leave it out, or make it a str"
        raise ConfigurationError(msg)
    return spellings.folded(name)
