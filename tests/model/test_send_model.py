"""The protocol holds in every order of events, and without any part of it, it does not."""

import pytest

from postpress_async.outbox import protocol
from postpress_async.outbox.protocol import Absent, Found
from postpress_async.outbox.results import Doubtful, Sent
from postpress_async.storage.outbox.rows import Finish

from . import worlds
from .send_model import walk
from .worlds import Variant

pytestmark = pytest.mark.timeout(300)

FILES = Variant(certain=True, fences=4)
LEASES = Variant(fences=3)

HOLDS = {
    "an owner's death is certain": FILES,
    "lease, deadline as the last act, grace": LEASES,
    "a clock that nobody sets right": FILES._replace(wrong=3, fences=3),
    "one of the workers leaves it to a person": FILES._replace(holder=True, fences=3),
    "one of them does, and leases tell": LEASES._replace(holder=True),
    "two people decide": FILES._replace(people=True, fences=8),
    "the key is honoured, a mark and no waiting": LEASES._replace(
        honoured=True, wait=False, deadline=False, fences=2
    ),
    "the key is honoured, no mark at all": LEASES._replace(
        honoured=True, mark=False, wait=False, deadline=False, fences=2
    ),
}
BREAKS = {
    "no mark": (LEASES._replace(mark=False), "sent twice"),
    "no mark, certain death": (FILES._replace(mark=False), "sent twice"),
    "a look at once": (LEASES._replace(wait=False), "sent twice"),
    "a look at once, certain death": (FILES._replace(wait=False), "sent twice"),
    "a lease without a deadline": (LEASES._replace(deadline=False), "sent twice"),
    "a pause between the deadline and the write": (LEASES._replace(at_once=False), "sent twice"),
    "a death that is not certain": (FILES._replace(mistaken=True, deadline=False), "sent twice"),
    "one read": (LEASES._replace(reads=1), "sent twice"),
    "one read, certain death": (FILES._replace(reads=1), "sent twice"),
    "no fence": (LEASES._replace(fence=False), "sent twice"),
    "no binding": (LEASES._replace(binding=False), "lost"),
    "no binding, certain death": (FILES._replace(binding=False), "lost"),
    "what seems too old is not read": (FILES._replace(wrong=3, long_ago=False), "sent twice"),
    "what is the looker's own, certain death": (FILES._replace(own=False), "sent twice"),
    "what is the looker's own": (LEASES._replace(own=False), "sent twice"),
    "what binds its own process alone": (
        FILES._replace(holder=True, bound=False),
        "nobody was asked",
    ),
    "a word that names nothing": (FILES._replace(people=True, names=False, fences=8), "sent twice"),
    "a thread that stays open": (FILES._replace(closes=False), "out of order"),
}


@pytest.fixture(autouse=True)
def ask_anew():
    """Ask the product's functions again in each test: some are replaced."""
    for asked in (worlds.after, worlds.looked, worlds.read, worlds.joined, worlds.resolved):
        asked.cache_clear()


@pytest.mark.parametrize("name", HOLDS)
def test_the_protocol_holds(name):
    walked = walk(HOLDS[name])
    print(f"{name}: {walked.states} worlds")  # noqa: T201 - pytest -rP shows it
    assert walked.wrong is None, "\n".join(walked.trace)
    assert walked.states > 1_000  # it did walk


@pytest.mark.parametrize("name", BREAKS)
def test_each_part_of_the_protocol_is_needed(name):
    variant, promise = BREAKS[name]
    walked = walk(variant)
    words = (f"{name}: {walked.wrong} after {walked.states} worlds", *walked.trace)
    print(*words, sep="\n  ")  # noqa: T201 - pytest -rP shows it
    assert walked.wrong == promise
    assert walked.trace


def repeats_what_is_in_doubt(result, **_):
    if isinstance(result, Doubtful):
        return Finish(state="queued")
    return REAL_AFTER(result, row=worlds.ROW, now=50.0, jitter=0.5)


def repeats_a_yes_without_an_id(result, **_):
    if result == Sent():
        return Finish(state="queued")
    return REAL_AFTER(result, row=worlds.ROW, now=50.0, jitter=0.5)


def takes_a_doubt_for_done(result, **_):
    if isinstance(result, Doubtful):
        return Finish(state="sent")
    return REAL_AFTER(result, row=worlds.ROW, now=50.0, jitter=0.5)


def believes_the_first_read(first, second, **_):
    return first


def never_queues_again(seen, **told):
    return (
        Finish(state="sent", result_id="0") if isinstance(seen, Found) else Finish(state="unknown")
    )


REAL_AFTER, REAL_LOOKED = protocol.after, protocol.looked

CHANGES = {
    "a doubt is sent again": ("after", repeats_what_is_in_doubt, "sent twice"),
    "a yes without an id is sent again": ("after", repeats_a_yes_without_an_id, "sent twice"),
    "a doubt is taken for done": ("after", takes_a_doubt_for_done, "lost"),
    "the first read is enough": ("two_looks", believes_the_first_read, "sent twice"),
    "absent at any time": ("quiet_at", lambda *_: 0.0, "sent twice"),
    "quiet by what the looker's own would last": (
        "quiet_at",
        lambda attempt: attempt.deadline + worlds.LIMITS.reach.grace,
        "sent twice",
    ),
    "absent for ever": ("looked", never_queues_again, "dead end"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_model_sees_a_change_of_the_product(name, monkeypatch):
    where, instead, promise = CHANGES[name]
    monkeypatch.setattr(protocol, where, instead)
    assert walk(FILES._replace(fences=3)).wrong == promise


def test_the_model_sees_a_look_that_is_blind(monkeypatch):
    monkeypatch.setattr(worlds, "in_messages", lambda *_, **__: Absent())
    assert walk(FILES).wrong == "sent twice"
