"""Limits from a file: what it may be, before anybody reads a word of it."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError
from postpress_async.options import of_kind

from .reading import Reader

if TYPE_CHECKING:
    from .reading import Format
    from .table import Limits

_LARGEST: Final = 64 * 1024


def load(path: str | os.PathLike[str]) -> Limits:
    """Read a file of limits, whose ending says whether it is TOML or JSON."""
    try:
        name = os.fsdecode(path)
    except TypeError as error:
        msg = f"path must be a file's name, not {path!r}"
        raise ConfigurationError(msg) from error
    ending = Path(name).suffix.lower()
    _check(ending in {".toml", ".json"}, f"{name}: a file of limits ends in .toml or .json")
    return loads(_text(name), format="toml" if ending == ".toml" else "json", name=name)


def loads(text: str, *, format: Format, name: str) -> Limits:
    """Read limits from a text; `name` is what errors call it."""
    of_kind("text", text, str, "'base = \"none\"'")
    _check(format in ("toml", "json"), f"format must be 'toml' or 'json', not {format!r}")
    _check(len(text) <= _LARGEST, f"{name}: {_TOO_LARGE}")
    return Reader(text.removeprefix("\ufeff"), format, name).limits()


_TOO_LARGE: Final = f"is too large; a file of limits has at most {_LARGEST // 1024} KiB"


def _text(name: str) -> str:
    try:
        mode = Path(name).stat().st_mode
        _check(not S_ISDIR(mode), f"{name}: is a directory; name the file of limits in it")
        _check(S_ISREG(mode), f"{name}: is no ordinary file")
        with Path(name).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        msg = f"{name}: there is no such file"
        raise ConfigurationError(msg) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{name!r}: the file of limits cannot be read: {reason}"
        raise ConfigurationError(msg) from error
    _check(len(data) <= _LARGEST, f"{name}: {_TOO_LARGE}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: is not UTF-8; save the file in that encoding"
        raise ConfigurationError(msg) from error


def _check(right: bool, message: str) -> None:
    if not right:
        raise ConfigurationError(message)
