"""Parts of the protocol that can be taken out, to show that each of them is needed."""

from line import Line

from postpress_async.outbox import protocol
from postpress_async.outbox.lookback import ClientLooker
from postpress_async.outbox.protocol import Absent, Terms
from postpress_async.outbox.turn import Turn
from postpress_async.storage.outbox.given import Given
from postpress_async.storage.outbox.rows import USUAL, Reach


async def _nothing(*_, **__):
    return Absent()


WEAKER = {
    # nobody waits until a request can no more arrive
    "grace": (protocol, "quiet_at", lambda *_: 0.0),
    # nothing is asked in the last step before the first byte
    "deadline": (Turn, "last_act", lambda turn: setattr(turn, "asked", True)),
    # who looks goes by how long its own requests last, and by its own wish to hold
    "reach": (Terms, "reach", property(lambda _: USUAL)),
    # nobody minds that the service shows somebody as typing, and sends after that
    "typing": (Reach, "longer", lambda reach, _: reach),
    # of two workers that share a store, each asks to keep what the other holds, and drops it
    "shared": (
        Given,
        "of",
        lambda given, _: {item: fence for item, (_, fence) in given._held.items()},
    ),
    # what is in doubt is sent again without a look
    "look": (ClientLooker, "look", _nothing),
}


def weaken(name):
    """Take a part of the protocol out, for good: then stories must break."""
    setattr(*WEAKER[name])
    if name == "grace":
        protocol.still = lambda *_, **__: 0.0  # neither by the store's clock nor by our own
    if name in {"grace", "reach"}:
        Line.lateness = 0.4  # they are needed for late requests only
