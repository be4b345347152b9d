"""Who of a list is over before it is their turn."""

import random

import pytest

from postpress_async.outbox.overtaken import Ends, overtaken

NEVER = float("inf")


@pytest.mark.parametrize(
    ("ends", "turns", "late"),
    [
        ([], [], 0),
        ([NEVER, NEVER], [1.0, 2.0], 0),
        ([5.0] * 10, [float(n) for n in range(10)], 5),
        ([2.0, 2.0, 2.0, 9.0], [1.0, 3.0, 4.0, 5.0], 2),  # the last goes at 3
        ([1.0], [1.0], 1),  # at its end it is over
        ([0.0, 9.0], [1.0, 10.0], 1),  # over before the import
        ([3.0, NEVER, 3.0], [1.0], 1),  # the others may never go, but one of them never ends
        ([3.0, NEVER], [], 1),
    ],
)
def test_what_is_over_before_its_turn_is_counted_and_takes_none(ends, turns, late):
    assert overtaken(ends, turns) == late


def test_turns_are_in_the_order_of_starts_and_of_the_file():
    ends = Ends()
    for start, end in ((7.0, 8.0), (0.0, 3.0), (0.0, None), (5.0, 6.0)):
        ends.add(start, end)
    assert len(ends) == 4
    assert ends.in_turn() == [3.0, NEVER, 6.0, 8.0]


def test_whatever_comes_in_between_makes_it_no_less():
    """Ahead of a file others may wait, of which a plan of it knows nothing."""
    chance = random.Random(7)
    for _ in range(300):
        turns = sorted(chance.uniform(0.0, 9.0) for _ in range(chance.randrange(12)))
        ends = [chance.choice([chance.uniform(0.0, 12.0), NEVER]) for _ in range(12)]
        later = sorted(at + chance.choice([0.0, 1.0, 4.0]) for at in turns)
        some = [at for at in turns if chance.random() < 0.7]
        assert overtaken(ends, turns) <= min(overtaken(ends, later), overtaken(ends, some))
