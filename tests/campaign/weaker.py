"""Parts of the protocol that can be taken out, to show that each of them is needed."""

from line import Line

from postpress_async.outbox import protocol
from postpress_async.outbox.lookback import ClientLooker
from postpress_async.outbox.protocol import Absent
from postpress_async.outbox.turn import Turn


async def _nothing(*_, **__):
    return Absent()


WEAKER = {
    # nobody waits until a request can no more arrive
    "grace": (protocol, "quiet_at", lambda *_: 0.0),
    # nothing is asked in the last step before the first byte
    "deadline": (Turn, "last_act", lambda turn: setattr(turn, "asked", True)),
    # what is in doubt is sent again without a look
    "look": (ClientLooker, "look", _nothing),
}


def weaken(name):
    """Take a part of the protocol out, for good: then stories must break."""
    setattr(*WEAKER[name])
    if name == "grace":
        protocol.still = lambda *_, **__: 0.0  # neither by the store's clock nor by our own
        Line.lateness = 0.4  # it is needed for late requests only
