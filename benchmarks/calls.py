"""Rows of whole calls: `client.users.get` beside other ways to ask the same server the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from harness import ContestantError, Times, Worker, compared, interleaved, server
from payloads import IDENTIFIERS, body
from rows import Row, at_most, times_less
from strangers import STRANGERS, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SLOW = frozenset({"httpx_pydantic", *STRANGERS})


class Effort(NamedTuple):
    """How much is measured.

    Attributes:
        rounds: in which everybody has a turn.
        calls: of a turn; fewer for contestants that take five times longer anyway.
        generations: times that all processes start anew: where one lands in memory is luck, too.
        kinds: which answers are asked for.
    """

    rounds: int
    calls: int = 200
    few_calls: int = 40
    generations: int = 3
    kinds: Sequence[str] = tuple(IDENTIFIERS)


QUICK = Effort(rounds=2, calls=100, few_calls=20, generations=1, kinds=("example",))


class Versus(NamedTuple):
    """Who is compared with whom, and by what goal."""

    ours: str
    baseline: str
    name: str
    goals: dict[int, float]
    make: Callable[..., Row] = at_most
    only_goals: bool = False


AIOHTTP = (
    Versus("ours", "bare", "bare aiohttp + json", {1: 0.95, 10: 0.95, 100: 0.95}),
    Versus(
        "ours+uvloop", "bare", "bare aiohttp + json, ours on uvloop", {10: 0.7}, only_goals=True
    ),
    Versus("ours", "leanest", "leanest: tuned aiohttp + msgspec", {1: 1.08, 10: 1.08, 100: 1.08}),
    Versus("leanest+again", "leanest", "(noise: the leanest against itself)", {}),
)
OTHERS = (Versus("ours", "httpx_pydantic", "httpx + pydantic", {10: 5.0, 100: 20.0}, times_less),)
PACKAGES = tuple(
    Versus("ours", name, requirement, {1: 5.0, 10: 5.0}, times_less)
    for name, requirement in STRANGERS.items()
)


def aiohttp_rows(*, quick: bool) -> Iterator[Row]:
    return _rows("aiohttp", AIOHTTP, (1, 10, 100), QUICK if quick else Effort(rounds=60))


def httpx_rows(*, quick: bool) -> Iterator[Row]:
    return _rows("httpx", OTHERS, (1, 10, 100), QUICK if quick else Effort(rounds=15))


def package_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of packages by others, which are installed at the first run that is not a quick one."""
    install = partial(python_of, install=not quick)
    return _rows("packages", PACKAGES, (1, 10), QUICK if quick else Effort(rounds=24), install)


def _rows(
    group: str,
    duels: Sequence[Versus],
    levels: Sequence[int],
    effort: Effort,
    python_for: Callable[[str], str] = python_of,
) -> Iterator[Row]:
    names = dict.fromkeys(name for duel in duels for name in (duel.ours, duel.baseline))
    with server() as root:
        for kind in effort.kinds:
            measuring = Measuring(root, IDENTIFIERS[kind], effort, python_for)
            measuring.run(list(names), levels)
            for duel in duels:
                for level in levels:
                    if level in duel.goals or not duel.only_goals:
                        size = f"{len(body(kind)) / 1000:.1f} kB"
                        name = f"users.get, {kind} {size}, {level} at once: {duel.name}"
                        yield measuring.row(name, group, duel, level)


class Measuring:
    """The times of all contestants that ask for one person."""

    def __init__(
        self, root: str, identifier: str, effort: Effort, python_for: Callable[[str], str]
    ) -> None:
        self._root = root
        self._identifier = identifier
        self._effort = effort
        self._python_for = python_for
        self._times: dict[int, Times] = {}
        self._absent: dict[str, str] = {}

    def run(self, names: Sequence[str], levels: Sequence[int]) -> None:
        """Measure everybody at each concurrency; note who cannot take part, and why."""
        effort = self._effort
        for _ in range(effort.generations):
            workers = self._workers(names)
            for level in levels:
                parts = {n: self._part(worker, n, level) for n, worker in workers.items()}
                here = self._times.setdefault(level, {})
                for name, times in interleaved(parts, effort.rounds // effort.generations).items():
                    here.setdefault(name, []).extend(times)
            for worker in workers.values():
                worker.close()

    def row(self, name: str, group: str, duel: Versus, level: int) -> Row:
        """Return what a duel came to."""
        if why := self._absent.get(duel.ours) or self._absent.get(duel.baseline):
            return Row(name=name, group=group, note=f"skipped: {why}")
        here = self._times[level]
        measured = compared(here[duel.ours], here[duel.baseline])
        return duel.make(name, group, measured, duel.goals.get(level))

    def _workers(self, names: Sequence[str]) -> dict[str, Worker]:
        workers: dict[str, Worker] = {}
        for name in names:
            if name in self._absent:
                continue
            try:
                python = self._python_for(name)
                workers[name] = Worker(name, self._root, self._identifier, python=python)
            except ContestantError as error:
                self._absent[name] = str(error)
        return workers

    def _part(self, worker: Worker, name: str, level: int) -> Callable[[], float]:
        effort = self._effort
        calls = max(effort.few_calls if name in SLOW else effort.calls, level)
        return lambda: worker.round(level, calls)
