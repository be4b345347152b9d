"""Which fault hits which request."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .routing import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Fault


class FaultBook:
    """The faults in force, in the order in which they are tried; the first that hits is the one.

    Chance comes from the seed: the same requests in the same order meet the same faults.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rows: list[_Row] = []

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forget the old list, with its counts and its luck, and take this one."""
        self._rows = [
            _Row(fault, random.Random(f"{self._seed}/fault/{index}"))  # noqa: S311 - it must repeat
            for index, fault in enumerate(faults)
        ]

    def hit(self, route: str, account_id: str | None) -> Fault | None:
        """Tell which fault this request meets, and use it up once."""
        for row in self._rows:
            if row.meets(route, account_id):
                row.used += 1
                return row.fault
        return None

    def listed(self) -> list[tuple[Fault, int]]:
        """List the faults, each with how often it struck."""
        return [(row.fault, row.used) for row in self._rows]


class _Row:
    __slots__ = ("fault", "luck", "shape", "used")

    def __init__(self, fault: Fault, luck: random.Random) -> None:
        self.fault = fault
        self.luck = luck
        self.shape = shape_of(fault.route)
        self.used = 0

    def meets(self, route: str, account_id: str | None) -> bool:
        fault = self.fault
        return (
            self.shape in ("*", shape_of(route))
            and fault.account_id in (None, account_id)
            and (fault.times is None or self.used < fault.times)
            and (fault.probability >= 1 or self.luck.random() < fault.probability)
        )
