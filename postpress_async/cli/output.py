"""What commands print: JSON lines for programs, tables for people, one line for an error.

Results go to stdout; errors and progress go to stderr, an error with `--json` as one JSON object.
JSON is pure ASCII: nothing is lost in it, and no escape of a stranger's text reaches a terminal.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from postpress_async.errors import PostpressError

from .exits import exit_of, notes_of
from .plain import plain
from .wording import as_commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

_WIDTH_OF_FILES: Final = 160  # where no terminal says how wide it is
_LONGEST: Final = 300
_EMPTY: Final[tuple[object, ...]] = (None, "", [], {})
_NARROW: Final = 72  # columns of a terminal below which a table is shown row by row


def console(*, stderr: bool = False) -> Console:
    """Return what to print to; without a terminal, plain text of a fixed width."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_FILES
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def is_narrow() -> bool:
    """Tell whether a table of several columns would be torn apart."""
    return console().width < _NARROW


def print_out(what: RenderableType) -> None:
    """Print to stdout; into a file without the blanks that fill lines up."""
    out = console()
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as captured:
        out.print(what)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def print_json(value: object, *, stderr: bool = False) -> None:
    """Print one line of JSON."""
    stream = sys.stderr if stderr else sys.stdout
    stream.write(line_of(value))
    stream.flush()


def print_rows(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; every cell is made harmless."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 3, 0, 0))
    for number, name in enumerate(head):
        table.add_column(name, overflow="fold", no_wrap=number == 0)  # ids are copied whole
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    print_out(table)


def print_either(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table without the columns that say nothing; on a narrow terminal row by row."""
    kept = [tuple(row) for row in rows]
    told = [n for n in range(len(head)) if any(row[n] not in _EMPTY for row in kept)]
    if not is_narrow():
        print_rows([head[n] for n in told], ([row[n] for n in told] for row in kept))
        return
    for number, row in enumerate(kept):
        if number:
            print_out("")
        print_facts((head[n].lower(), row[n]) for n in told)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other; what is empty is left out."""
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value not in _EMPTY:
            grid.add_row(name.replace("_", " "), cell(value))
    print_out(grid)


def cell(value: object) -> Text:
    """Return a value as harmless words; a text that was dressed up here stays as it is."""
    if isinstance(value, Text):
        return value
    if value in _EMPTY:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = plain(str(value))
    return Text(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")


def complain(error: BaseException, *, as_json: bool) -> None:
    """Print one line that says what went wrong, to stderr."""
    sys.stderr.write(line_of(_told(error)) if as_json else f"postpress: {_sentence(error)}\n")


def note(text: str) -> None:
    """Print one line that somebody should know, to stderr, where no program reads results."""
    sys.stderr.write(f"postpress: note: {plain(text)}\n")


def line_of(value: object) -> str:
    """Return a value as one line of JSON, in ASCII."""
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":")) + "\n"


def _told(error: BaseException) -> Mapping[str, object]:
    told: dict[str, object] = {"error": type(error).__name__, "message": _sentence(error)}
    if isinstance(error, PostpressError):
        told |= {"outcome": error.outcome, "retryable": error.retryable}
        if notes_of(error) and error.idempotency_key is not None:
            told["idempotency_key"] = error.idempotency_key  # to repeat a write with
        for name in ("status", "type", "request_id", "retry_after", "account_id", "limit"):
            if hasattr(error, name):
                told[name] = getattr(error, name)
    return told | {"exit": int(exit_of(error))}


def _sentence(error: BaseException) -> str:
    said = "interrupted" if isinstance(error, KeyboardInterrupt) else plain(as_commands(str(error)))
    return "; ".join((said or type(error).__name__, *(plain(note) for note in notes_of(error))))
