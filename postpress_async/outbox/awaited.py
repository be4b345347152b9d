"""Whether a function that will be awaited can be: said when it is given, not when an item goes."""

from __future__ import annotations

from functools import partial
from inspect import isclass, iscoroutinefunction, isfunction, ismethod, unwrap
from typing import TYPE_CHECKING, cast

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_async"]


def check_async(field: str, value: object) -> None:
    """Refuse what cannot be called, or whose answer certainly cannot be awaited.

    Raises:
        ConfigurationError: it is no async function, nor an object whose `__call__` is one.
    """
    if not callable(value) or isclass(value):
        what = f"the class {value.__name__}" if isclass(value) else type(value).__name__
        msg = f"{field} must be an async function, or an object whose __call__ is one, not {what}"
        raise ConfigurationError(msg)
    if _plain(value):
        msg = f"{field} must be an async function, for its answer is awaited: write `async def`"
        raise ConfigurationError(msg)


def _plain(value: Callable[..., object]) -> bool:
    """Tell whether it is written in Python, and without `async`; what is not tells nothing.

    Neither does a lambda: it cannot be async, and is often there to call what is.
    """
    inner = _inside(value)
    if iscoroutinefunction(inner):
        return False
    if isfunction(inner):
        return inner.__name__ != "<lambda>"
    called: object = type(inner).__call__
    return isfunction(called) and not iscoroutinefunction(unwrap(called))


def _inside(value: Callable[..., object]) -> Callable[..., object]:
    """Return what is called in the end: without what was bound to it or wrapped around it."""
    while True:
        inner: Callable[..., object] = unwrap(value)
        if isinstance(inner, partial):
            inner = cast("partial[object]", inner).func
        elif ismethod(inner):
            inner = cast("Callable[..., object]", inner.__func__)
        if inner is value:
            return value
        value = inner
