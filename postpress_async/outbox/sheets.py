"""Lines out of a file: CSV in its dialects, or a JSON object on each line.

Nothing is held but the line at hand. A line that cannot be read is handed on as such, with what to
do about it, so that one pass finds all of them.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from typing import IO, TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

__all__ = ["Format", "Line", "check_delimiter", "format_of", "lines_of"]

Format: TypeAlias = Literal["csv", "jsonl"]
_SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
_DELIMITERS: Final = (",", ";", "\t", "|")  # the first wins a tie
_BOMS: Final = (  # the longer ones first: one of them begins as a shorter one does
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_LONGEST: Final = 1_000_000
_OBJECT: Final = msgspec.json.Decoder(dict[str, object])
_AFTER_NAME: Final = re.compile(r'"\s*:')
_NAMELESS: Final = "says something under a column without a name: name the column, or take it out"


class Line(NamedTuple):
    """Be one line, a record of several where texts hold line breaks.

    Attributes:
        number: where it begins, as editors count.
        columns: by name, what it says.
        wrong: why it cannot be read, and what to do; None where it can.
    """

    number: int
    columns: dict[str, object]
    wrong: str | None = None


def format_of(name: str, start: bytes) -> Format:
    """Return what a file is, by its name, else by how it begins."""
    for suffix, known in _SUFFIXES.items():
        if name.lower().endswith(suffix):
            return known
    return "jsonl" if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else "csv"


def lines_of(
    stream: IO[bytes], *, format: Format, encoding: str | None, delimiter: str | None
) -> Generator[Line, None, None]:
    """Yield the lines of a file from its beginning; empty ones are left out.

    Args:
        stream: the file, which stays open.
        format: what it is.
        encoding: how; None for UTF-8, or what a byte order mark says.
        delimiter: of CSV; None for whichever of comma, semicolon, tab and bar the head has most of.

    Raises:
        ConfigurationError: the bytes are not of that encoding, or the head cannot be one.
    """
    stream.seek(0)
    start = stream.read(4)
    stream.seek(0)
    known = encoding or next((name for bom, name in _BOMS if start.startswith(bom)), "utf-8-sig")
    try:
        # Line breaks within texts stay what they are: the readers below tell them apart.
        text = io.TextIOWrapper(stream, encoding=known, newline="" if format == "csv" else "\n")
    except (LookupError, ValueError):
        raise ConfigurationError(f"encoding {known!r} is not known; try 'cp1252'") from None
    try:
        yield from _csv(text, delimiter) if format == "csv" else _json(text)
    except UnicodeError:
        name = known.removesuffix("-sig").upper()
        msg = f"it is not {name}: save it as UTF-8, or give its encoding, such as 'cp1252'"
        raise ConfigurationError(msg) from None
    finally:
        text.detach()


# -- JSON lines -------------------------------------------------------------------------------


def _json(text: Iterable[str]) -> Iterator[Line]:
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        if len(line) > _LONGEST:
            yield Line(number, {}, f"has {len(line)} characters: at most {_LONGEST} are read")
            continue
        try:
            columns = _OBJECT.decode(line)
            wrong = _lost(line, columns)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            # What the decoder says may quote the line.
            columns, wrong = {}, "is no JSON object: write one for each line, {…}"
        yield Line(number, {} if wrong else columns, wrong)


def _lost(line: str, columns: dict[str, object]) -> str | None:
    """Return what of an object nobody would see: of a name given twice the decoder takes one."""
    if any(
        not name.strip() and value is not None and value != "" for name, value in columns.items()
    ):
        return _NAMELESS
    if len(_AFTER_NAME.findall(line)) <= len(columns):
        return None  # a name stands before each of these, so none is there twice
    names: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        names[:] = [name for name, _ in pairs]  # the outermost object comes last

    json.loads(line, object_pairs_hook=note, parse_int=str, parse_float=str)
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    return None if twice is None else f"has {twice[:40]!r} twice: rename one of them"


# -- CSV --------------------------------------------------------------------------------------


def _csv(text: io.TextIOWrapper, delimiter: str | None) -> Iterator[Line]:
    lines = _Counted(text)
    head = _first_line(lines)
    if head.lower().startswith("sep=") and len(head.strip()) <= len("sep=;"):  # Excel's own word
        delimiter = delimiter or head.strip("\r\n")[4:] or None
        check_delimiter(delimiter)
        head = _first_line(lines)
    lines.put_back(head)
    reader = csv.reader(lines, delimiter=delimiter or _likely(head), strict=True)
    names: list[str] | None = None
    while True:
        number = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # From here on nobody knows where a record ends.
            yield Line(number, {}, f"cannot be read as CSV ({error}): see to its quotes")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = _head(cells, number)
            continue
        wrong = None
        if len(cells) != len(names):
            wrong = (
                f"has {len(cells)} cells, and the head has {len(names)}: put texts with delimiters "
                "or line breaks into quotes"
            )
        elif any(cell.strip() for name, cell in zip(names, cells, strict=True) if not name):
            wrong = _NAMELESS
        yield Line(number, {} if wrong else _named(names, cells), wrong)


def check_delimiter(delimiter: object) -> None:
    """Refuse what cannot part the cells of a line; None is to be found out.

    Raises:
        ConfigurationError: it is no single character, or one that has another meaning.
    """
    if delimiter is None:
        return
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0':
        msg = f"delimiter must be one character, such as ';', not {delimiter!r:.40}"
        raise ConfigurationError(msg)


def _named(names: list[str], cells: list[str]) -> dict[str, object]:
    return {name: cell for name, cell in zip(names, cells, strict=True) if name}


def _head(cells: list[str], number: int) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = [name for name, times in Counter(names).items() if name and times > 1]
    if twice:
        msg = f"line {number}: the column {twice[0]!r} is there twice: rename one of them"
        raise ConfigurationError(msg)
    return names


def _likely(head: str) -> str:
    outside = "".join(head.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _first_line(lines: _Counted) -> str:
    for line in lines:
        if line.strip():
            return line
    return ""


class _Counted:
    """Hand lines on, and know how many they were."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self._back: str | None = None
        self.number = 0

    def put_back(self, line: str) -> None:
        """Hand this line on once more."""
        if line:
            self._back = line
            self.number -= 1

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line, self._back = self._back, None
        if line is None:
            line = next(self._text)
        self.number += 1
        return line
