"""Query strings, in every way that clients write them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from .problems import Problem
from .wire import as_list, load, parse_iso

_INDEX: Final = re.compile(r"\[\d*\]$")


class Query:
    """The query of a request."""

    __slots__ = ("_pairs",)

    def __init__(self, raw: str) -> None:
        self._pairs: dict[str, list[str]] = {}
        if raw:
            for key, value in parse_qsl(raw, keep_blank_values=True):
                self._pairs.setdefault(_INDEX.sub("", key), []).append(value)

    def text(self, name: str) -> str | None:
        """Give a value; None when absent or empty, the last one when repeated."""
        found = self._pairs.get(name)
        return (found[-1] or None) if found else None

    def required(self, name: str) -> str:
        """Give a value that must be there.

        Raises:
            Problem: It is not.
        """
        found = self.text(name)
        if found is None:
            raise Problem("missing_parameters", f"{name} is required")
        return found

    def texts(self, name: str) -> list[str]:
        """Give a list: comma joined, repeated, `key[]`, or a JSON array."""
        rows: list[str] = []
        for value in self._pairs.get(name, ()):
            rows.extend(_items(value))
        return rows

    def flag(self, name: str) -> bool | None:
        """Give a boolean.

        Raises:
            Problem: It is neither true nor false.
        """
        found = self.text(name)
        if found is None:
            return None
        if found not in ("true", "false"):
            raise Problem("invalid_parameters", f"{name} must be true or false")
        return found == "true"

    def instant(self, name: str) -> int | None:
        """Give an instant in milliseconds.

        Raises:
            Problem: It is not ISO 8601 in UTC with three digits of a second.
        """
        found = self.text(name)
        if found is None:
            return None
        ms = parse_iso(found)
        if ms is None:
            raise Problem("invalid_parameters", f"{name} must look like 2026-05-14T12:00:00.000Z")
        return ms

    def limit(self, most: int, default: int = 100) -> int:
        """Give the page size.

        Raises:
            Problem: It is no number from 1 to `most`.
        """
        found = self.text("limit")
        if found is None:
            return default
        if not (found.isascii() and found.isdigit()) or int(found[:9]) < 1:
            raise Problem("invalid_parameters", "limit must be a whole number from 1")
        if int(found[:9]) > most:
            raise Problem("limit_too_high", f"limit may be {most} at most")
        return int(found)


def _items(value: str) -> list[str]:
    if value.startswith("["):
        try:
            found = as_list(load(value.encode()))
        except ValueError:
            found = None
        if found is not None:
            return [str(item) for item in found]
    return [item.strip() for item in value.split(",") if item.strip()]
