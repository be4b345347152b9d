"""Where in a text of TOML or JSON a table or a key stands, so that an error can point at it.

The parsers do not tell. This walks over a text that they have already read without complaint, and
notes a line for each path of up to three steps, such as `("limit", 2, "amount")`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_DEPTH: Final = 3
_TOKEN: Final = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<comment>\#[^\n]*)|(?P<line>\n)|(?P<mark>[\[\]{}=:,])|(?P<word>[^\s\[\]{}=:,\#"']+)""",
    re.DOTALL,
)


class Positions:
    """Know the lines of a text's tables and keys.

    Attributes:
        lines: from a path to the line on which it is told first, from 1.
        twice: the first path that is told a second time, which JSON allows, and its line.
    """

    def __init__(self, text: str, *, toml: bool) -> None:
        self.lines: dict[Path, int] = {}
        self.twice: tuple[Path, int] | None = None
        self._tokens = _tokens(text)
        self._mark = "=" if toml else ":"
        self._at = 0
        self._counts: dict[Path, int] = {}
        if toml:
            self._document()
        else:
            self._value(())

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest table around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _note(self, path: Path, line: int) -> None:
        if path in self.lines:
            self.twice = self.twice or (path, line)
        else:
            self.lines[path] = line

    # -- tokens -----------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, int]:
        sign = self._tokens[self._at] if self._at < len(self._tokens) else ("", 0)
        self._at += 1
        return sign

    def _skip_lines(self) -> None:
        while self._peek() == "\n":
            self._at += 1

    # -- TOML -------------------------------------------------------------------------------------

    def _document(self) -> None:
        table: Path = ()
        while sign := self._peek():
            if sign == "\n":
                self._skip_lines()
            elif sign == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._next()[1]
        several = self._peek() == "["
        self._at += several
        path: Path = ()
        for name in self._keys("]"):
            path = (*path, self._counts[path]) if path in self._counts else path
            path = (*path, name)
        self._at += several
        if several:
            self._counts[path] = self._counts.get(path, -1) + 1
            self.lines.setdefault(path, line)
            path = (*path, self._counts[path])
        self.lines.setdefault(path, line)
        return path

    def _keys(self, end: str) -> list[str]:
        """Read the parts of a key up to a mark, and the mark."""
        parts: list[str] = []
        while (sign := self._next()[0]) and sign != end:
            if sign[0] in "\"'":
                parts.append(_bare(sign))
            else:
                parts += [part for part in sign.split(".") if part]
        return parts

    def _pair(self, table: Path) -> None:
        line = self._tokens[self._at][1]
        path = table
        for name in self._keys("="):
            path = (*path, name)
            self.lines.setdefault(path, line)
        self._value(path)

    # -- values of both ---------------------------------------------------------------------------

    def _value(self, path: Path) -> None:
        self._skip_lines()
        sign = self._peek()
        if sign and sign in "[{" and len(path) < _DEPTH:
            self._next()
            self._members(path, table=sign == "{")
        elif sign and sign in "[{":
            self._skip_nested()
        else:
            while self._peek() not in {"", "\n", ",", "]", "}"}:
                self._at += 1

    def _members(self, path: Path, *, table: bool) -> None:
        index = 0
        while True:
            self._skip_lines()
            sign, line = self._next()
            if sign in {"", "]", "}"}:
                return
            if sign == ",":
                continue
            self._at -= 1
            name: str | int = index
            if table:
                name = ".".join(self._keys(self._mark))
            self._note((*path, name), line)
            self._value((*path, name))
            index += 1

    def _skip_nested(self) -> None:
        depth = 0
        while sign := self._next()[0]:
            depth += (sign in "[{") - (sign in "]}")
            if depth == 0:
                return


def _tokens(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "comment":
            found.append((match[0], line))
        line += match[0].count("\n")
    return found


def _bare(quoted: str) -> str:
    """Return a quoted key without its quotes; one with escapes is found by nobody, and need not."""
    return quoted[1:-1]
