"""What the model's worlds are made of, and the product's own decisions about them."""

from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import msgspec

from postpress_async.errors import OutboxStateError
from postpress_async.models import Message
from postpress_async.outbox import by_hand, protocol
from postpress_async.outbox.digests import digest, loose
from postpress_async.outbox.matching import WIDE, Wanted, in_messages
from postpress_async.outbox.protocol import Absent, Found, Perhaps, Terms
from postpress_async.outbox.results import Doubtful, Later, Sent
from postpress_async.storage.outbox.rows import Attempt, Reach

from .rows import item_row


class Variant(NamedTuple):
    """Be the protocol, or what is left of it.

    certain: an owner's death is certain (files); else it is told by leases.
    mistaken: the certainty is none: who only pauses is taken for dead.
    mark: an attempt is durable before its first byte.
    wait: nothing is absent before the attempt is quiet; an orphan is one only then.
    deadline: a deadline is looked at before the first byte; `at_once`: as the last act.
    reads: how many reads make a look.
    fence: only the newest fence may finish.
    binding: what is found is bound to one item.
    closes: an unknown item closes its thread.
    honoured: the service does what bears a known key once.
    wrong: by how many days our clock is ahead of the service's, and nothing tells us so.
    long_ago: what seems too old is read, too, before absent is believed.
    people: two of them may say of an item of theirs that it did not arrive, if it did not.
    names: a person's word names what they have seen: only then is it heeded.
    own: who looks goes by how long the sender's requests last, not by how long its own would.
    holder: the first worker leaves to a person what is not found, the second one does not.
    bound: what the first one sent is a person's for the second one, too.
    """

    certain: bool = False
    mistaken: bool = False
    mark: bool = True
    wait: bool = True
    deadline: bool = True
    at_once: bool = True
    reads: int = 2
    fence: bool = True
    binding: bool = True
    closes: bool = True
    honoured: bool = False
    wrong: int = 0
    long_ago: bool = True
    people: bool = False
    names: bool = True
    own: bool = True
    holder: bool = False
    bound: bool = True
    fences: int = 4


class Item(NamedTuple):
    state: str = "queued"
    fence: int = 0
    owner: int = -1
    attempt: int = -1  # the newest one
    marked: int = -1  # with which fence, where people ask
    bound: int = -1  # of which message
    happened: bool = False
    held: bool = False  # for a person, by who sent it
    unasked: bool = False  # and queued again without one


class Worker(NamedTuple):
    at: str = "idle"  # dead claimed marked checked waiting result looking looked_once seen
    item: int = -1
    fence: int = -1
    attempt: int = -1
    known: object = None


class World(NamedTuple):
    items: tuple
    workers: tuple
    phases: tuple  # of each item, of each attempt: 0 before its deadline, 1 after, 2 quiet
    wire: tuple  # requests under way: (item, attempt)
    chat: tuple  # whose message it is, in the order of arrival
    kills: int
    people: tuple = ()  # what each has seen of the first item: its fence


IDLE, DEAD = Worker(), Worker(at="dead")
START = World((Item(), Item()), (IDLE, IDLE), ((), ()), (), (), 1)
ASKED = World((Item(),), (IDLE,), ((),), (), (), 0, people=(None, None))
LIMITS = Terms()  # of who looks; the requests of who sent it last longer
SENDERS = Reach(total=5.0 * LIMITS.total, held=LIMITS.held)
DEADLINE = 100.0
NOW = (50.0, DEADLINE + LIMITS.reach.grace, DEADLINE + SENDERS.grace)
TEXT = "Hello"
ROW = item_row(text_digest=digest(TEXT), loose_digest=loose(TEXT))
SEEN = {"absent": Absent(), "perhaps": Perhaps(reason="alike")}
RESULTS = {
    "limited": Later(reason="429", seconds=60.0, lane=True, attempted=True),
    "refused": Later(reason="connection refused"),
    "late": Later(reason="too late to write"),
    "given back": Later(reason="no room", seconds=9.0, lane=True),
    "doubt": Doubtful(reason="no answer"),
    "yes without an id": Sent(),
}


@cache
def after(known):
    """Ask the product what becomes of an item after an attempt: state, message, happened."""
    result = Sent(result_id=str(known)) if isinstance(known, int) else RESULTS[known]
    finish = protocol.after(result, row=ROW, now=50.0, jitter=0.5)
    message = -1 if finish.result_id is None else int(finish.result_id)
    return finish.state, message, finish.outcome == "happened"


@cache
def looked(seen, phase, happened, *, wait=True, own=True, held=False, hold=False):
    """Ask the product what becomes of an item after a look.

    `held` is whether who sent it leaves it to a person, `hold` whether who looks does.
    """
    what = SEEN.get(seen) or Found(result_id=str(seen))
    reach = SENDERS if own else LIMITS.reach
    attempt = Attempt(
        item="item", number=1, fence=1, started_at=0.0, deadline=DEADLINE,
        outcome="happened" if happened else "unknown",
        reach=msgspec.structs.replace(reach, hold=held),
    )  # fmt: skip
    now = NOW[phase] if wait else NOW[2]
    finish = protocol.looked(what, row=ROW, attempt=attempt, now=now, hold=hold)
    message = -1 if finish.result_id is None else int(finish.result_id)
    state = "a person's" if finish.needs_decision else finish.state
    return state, message, finish.outcome == "happened"


@cache
def read(count, bound, wrong=0, long_ago=True):
    """Ask the product whether one of `count` equal messages may be the item's."""
    began = 1_767_225_600.0
    instants = [began + n - wrong * 86_400.0 for n in range(count)]
    messages = [
        Message(
            id=str(n), text=TEXT, is_sender=1, timestamp=datetime.fromtimestamp(at, UTC).isoformat()
        )
        for n, at in enumerate(instants)
        if long_ago or at > began - WIDE
    ]
    wanted = Wanted(text_digest=ROW.text_digest, loose_digest=ROW.loose_digest, started_at=began)
    seen = in_messages(messages, wanted, bound=frozenset(map(str, bound)), now=began + 100.0)
    return _named(seen)


@cache
def resolved(state, fence, seen, last, phase):
    """Ask the product what becomes of an item that a person says did not arrive; None for no."""
    row = msgspec.structs.replace(ROW, state=state, fence=fence, needs_decision=True)
    attempt = Attempt(
        item="item", number=1, fence=last, started_at=0.0, deadline=DEADLINE, reach=SENDERS
    )
    try:
        change = by_hand.resolve(row, sent=False, last=attempt, seen=seen, now=NOW[phase])
    except OutboxStateError:
        return None
    return change.finish.state


@cache
def joined(first, second):
    """Ask the product what two reads make."""
    saw = [SEEN.get(one) or Found(result_id=str(one)) for one in (first, second)]
    return _named(protocol.two_looks(*saw, apart=LIMITS.apart, terms=LIMITS))


def _named(seen):
    if isinstance(seen, Found):
        return int(seen.result_id)
    return "perhaps" if isinstance(seen, Perhaps) else "absent"
