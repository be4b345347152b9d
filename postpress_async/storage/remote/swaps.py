"""What a server of images is asked: change these, if they still are what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

import msgspec

from postpress_async.errors import StateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "EARLY",
    "LATE",
    "LEAP",
    "STAMP",
    "TURN",
    "Answer",
    "Fate",
    "NotDoneError",
    "Server",
    "Swap",
]

STAMP: Final = 8  # the first bytes of a value: another one with every write
EARLY: Final = 0.001  # seconds by which a swap may be ahead of the server's time
LATE: Final = 5.0  # seconds behind it, after which whoever asked has given up
LEAP: Final = (
    60.0  # seconds ahead of what a process expects: its clock was set, not the answer late
)
TURN: Final = 0.1  # seconds for which a key is kept for whoever was refused too often

Fate: TypeAlias = Literal["done", "changed", "time", "turn"]


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """Compare the stamps of some keys, and write if all are as they were seen; else do nothing.

    Attributes:
        seen: keys, each with the stamp of its value; empty where there was no value.
        writes: keys, each with its new value, which begins with a new stamp; None deletes it.
        now: the time that it was decided at; out of `EARLY` and `LATE` it is refused.
        urgent: whether, if it is refused, its keys shall be kept for who asked, for `TURN` seconds.
    """

    seen: tuple[tuple[str, bytes], ...]
    writes: tuple[tuple[str, bytes | None], ...]
    now: float
    urgent: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what became of some swaps.

    Attributes:
        identity: which server it is, and which run of it: another one may have lost something.
        now: the server's time in seconds since the epoch, which never goes back, and is not set
            forward while anybody asks who knows it.
        lead: by how much that is ahead of the server's clock; negative where it is behind.
        fates: of each swap. `changed`: a stamp was another one; `time`: it was decided too early
            or too late; `turn`: a key is kept for somebody else.
        values: the keys that a refused swap named and that have another stamp than it named last,
            as they are once all swaps are through; empty for what is no value of ours.
    """

    identity: str
    now: float
    lead: float = 0.0
    fates: tuple[Fate, ...]
    values: Mapping[str, bytes | None]


class NotDoneError(StateUnavailableError):
    """Report that swaps could not be carried out, and that they never will be."""


class Server(Protocol):
    """Carry swaps out in order, each as a whole, in one round trip for all of them.

    No value goes by itself, however old it is: a pause without an end, and limits of an account's
    own, are written once and hold for good.

    Which server it is (`where`) is shown to people and so holds no password.
    """

    @property
    def where(self) -> str:
        """The server, in a few words for messages."""
        ...

    @property
    def space(self) -> str:
        """What of the server is ours alone, and has a time of its own: a prefix, a schema."""
        ...

    async def swap(
        self, swaps: Sequence[Swap], /, *, who: str, expected: float | None = None
    ) -> Answer:
        """Carry swaps out; none is a way to ask for the time. Connects where it has to.

        Whoever is cancelled, or fails, leaves no connection behind that could answer for another.

        Args:
            swaps: what to do; a later one may build upon an earlier one of the same call.
            who: this process, for whom keys may be kept.
            expected: what the server's time should be by the clock of who asks; None for who does
                not know. If it is later by more than `LEAP`, the server's clock was set forward,
                and its time goes on from here instead.

        Raises:
            NotDoneError: it cannot be reached or cannot write for now; nothing was done.
            StateUnavailableError: the same, where what was asked for may have been done.
            ConfigurationError: it cannot be used at all.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connection. Safe to repeat."""
        ...
