"""What a run says: rows with their goals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness import Measured


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        group: what `--only` chooses by.
        ours, baseline: microseconds of CPU.
        ratio, lower, upper: median and quartiles, in the words of `sense`.
        sense: `of` for ours / baseline, `less` for baseline / ours.
        goal: the bound of `ratio`, or of `ours` where there is no ratio.
        met: None where there is no goal, or nothing could be measured.
        unit: of `ours` and `baseline`; where it is not `us`, the figure stands in `ratio`.
    """

    name: str
    group: str
    ours: float | None = None
    baseline: float | None = None
    ratio: float | None = None
    lower: float | None = None
    upper: float | None = None
    sense: str = "of"
    goal: float | None = None
    met: bool | None = None
    note: str = ""
    unit: str = "us"

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def at_most(name: str, group: str, measured: Measured, goal: float | None, note: str = "") -> Row:
    """Ours as a share of the baseline's: the smaller the better."""
    return Row(
        name=name,
        group=group,
        ours=measured.ours * 1e6,
        baseline=measured.baseline * 1e6,
        ratio=measured.ratio,
        lower=measured.lower,
        upper=measured.upper,
        goal=goal,
        met=None if goal is None else measured.ratio <= goal,
        note=note,
    )


def times_less(
    name: str, group: str, measured: Measured, goal: float | None, note: str = ""
) -> Row:
    """How many times less than the baseline ours takes: the larger the better."""
    return Row(
        name=name,
        group=group,
        ours=measured.ours * 1e6,
        baseline=measured.baseline * 1e6,
        ratio=1 / measured.ratio,
        lower=1 / measured.upper,
        upper=1 / measured.lower,
        sense="less",
        goal=goal,
        met=None if goal is None else 1 / measured.ratio >= goal,
        note=note,
    )


def alone(name: str, group: str, seconds: float, goal: float | None = None) -> Row:
    """A time by itself, with a goal in microseconds."""
    micros = seconds * 1e6
    met = None if goal is None else micros <= goal
    return Row(name=name, group=group, ours=micros, goal=goal, met=met)


def figure(
    name: str,
    group: str,
    value: float,
    unit: str,
    goal: float | None = None,
    *,
    spread: tuple[float, float] | None = None,
    note: str = "",
) -> Row:
    """Something that is no time, in the unit that the name ends with: the smaller the better."""
    lower, upper = spread or (value, value)
    return Row(
        name=f"{name}, {unit}",
        group=group,
        ratio=float(value),
        lower=float(lower),
        upper=float(upper),
        goal=goal,
        met=None if goal is None else value <= goal,
        note=note,
        unit=unit,
    )


def table(rows: Iterable[Row]) -> str:
    """Return the rows as text."""
    cells = [("", "ours us", "baseline us", "ratio", "quartiles", "goal", "met")]
    cells += [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(7)]
    lines = []
    for line in cells:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append("  ".join((first, *others)).rstrip())
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, str, str, str, str, str, str]:
    less = row.sense == "less"
    unit = "x less" if less else "x" if row.unit == "us" else f" {row.unit}"
    if row.goal is None:
        goal = "-"
    elif row.ratio is None:
        goal = f"<= {row.goal:g} us"
    else:
        goal = f"{'>=' if less else '<='} {row.goal:g}{unit}"
    digits = 1 if less else 3
    spread = ""
    if row.lower is not None and row.upper is not None and row.lower < row.upper:
        spread = f"{_number(row.lower, row, digits)} .. {_number(row.upper, row, digits)}"
    met = {True: "yes", False: "NO", None: "-"}[row.met]
    return (
        row.name,
        "" if row.ours is None else f"{row.ours:.1f}",
        "" if row.baseline is None else f"{row.baseline:.1f}",
        "" if row.ratio is None else f"{_number(row.ratio, row, digits)}{unit}",
        spread,
        goal,
        f"{met}  {row.note}",
    )


def _number(value: float, row: Row, digits: int) -> str:
    return f"{value:.{digits}f}" if row.unit == "us" else f"{value:.4g}"
