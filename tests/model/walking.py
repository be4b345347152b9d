"""Visit every world that can be reached, the nearest first."""

from collections import deque
from typing import NamedTuple

MOST = 1_000_000


class Walk(NamedTuple):
    """Be what a walk saw: how many worlds, and the shortest way to a broken promise, if any."""

    states: int
    wrong: str | None
    trace: tuple = ()


def walk(start, nexts, *, wrong, over):
    """Visit all worlds, until one breaks a promise or none is left.

    Args:
        start: the first world.
        nexts: yields what may happen in a world, as (words, world).
        wrong: says what promise a world breaks, if any.
        over: tells whether a world is an end; each of them must lead to one.
    """
    before = {start: None}
    came_from = {}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        for words, reached in nexts(world):
            came_from.setdefault(reached, []).append(world)
            if reached in before:
                continue
            before[reached] = (world, words)
            assert len(before) <= MOST, "more worlds than the model was made for"
            broken = wrong(reached)
            if broken:
                return Walk(len(before), broken, trace(before, reached))
            queue.append(reached)
    stuck = dead_end(before, came_from, over)
    if stuck is not None:
        return Walk(len(before), "dead end", trace(before, stuck))
    return Walk(len(before), None)


def dead_end(worlds, came_from, over):
    """Return a world from which nothing leads to an end."""
    good = {world for world in worlds if over(world)}
    queue = deque(good)
    while queue:
        for world in came_from.get(queue.popleft(), ()):
            if world not in good:
                good.add(world)
                queue.append(world)
    return next((world for world in worlds if world not in good), None)


def trace(before, world):
    """Return what happened on the shortest way to a world."""
    words = []
    while before[world] is not None:
        world, said = before[world]
        words.append(said)
    return tuple(reversed(words))
