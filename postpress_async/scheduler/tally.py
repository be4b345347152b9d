"""What one action of a lane has counted, and the slot that a granted call holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .rules import READ

if TYPE_CHECKING:
    from .lane import Lane
    from .windows import Burst, Gap, Ring, Window

__all__ = ["Slot", "Tally"]


class Slot(msgspec.Struct, eq=False):
    """Stand for one granted call; give it back to its lane with a verdict.

    Attributes:
        lane: whose it is, None once it was given back.
        tally: its action's.
        cost: how much of each window it holds.
        at: when it was granted.
        probe: whether it goes alone to see if a cool-down was enough.
        rings: what it holds: the action's may change before the answer.
        paces: the distances it keeps.
        reservation: its name in a store; empty where counts are in memory.
        boot: when a store was asked for it, by a clock that goes on while the machine is suspended.
        place: whether it has a place on the wire, which a tool of somebody's own does not need.
    """

    lane: Lane | None
    tally: Tally
    cost: int
    at: float
    probe: bool
    rings: tuple[Ring, ...]
    paces: tuple[Gap | Burst, ...]
    reservation: str = ""
    place: bool = True
    boot: float = 0.0


class Tally:
    """Hold what one action of a lane counts.

    Attributes:
        action: which.
        gated: whether the lane's gate concerns it: all but `read`.
        plain: whether its windows are all that holds it back on a calm day.
        unsure: whether the provider makes a difference here and is not known.
        shared: whether it counts in a window of all accounts together.
        waiting: how many wait for it.
        next: the lane's next action.
    """

    __slots__ = (
        "action", "gated", "next", "paces", "plain", "rings", "shared", "unsure", "waiting",
        "windows",
    )  # fmt: skip

    def __init__(self, action: str) -> None:
        self.action: str = action
        self.gated: bool = action != READ
        self.plain: bool = True
        self.unsure: bool = False
        self.shared: bool = False
        self.waiting: int = 0
        self.next: Tally | None = None
        self.windows: tuple[Window, ...] = ()
        self.rings: tuple[Ring, ...] = ()
        self.paces: tuple[Gap | Burst, ...] = ()
