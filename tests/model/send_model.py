"""Every order of events of the send protocol, walked breadth first: pauses, a kill, late requests.

Two workers, two items with the same text in one thread, one kill; workers may stop anywhere for any
time, requests and answers may be lost or late, reads may be stale. The store and the network are
abstract here. What becomes of an item is decided by the product's own functions, so that a change
of theirs is seen. Bounded: a few fences an item; safety, order and dead ends, not liveness.
"""

from . import walking, worlds
from .worlds import DEAD, IDLE, START, Worker, after, joined, looked, read


def put(values, index, value):
    return (*values[:index], value, *values[index + 1 :])


def steps(world, v):
    """Yield all that may happen next, as (words, world)."""
    for w, worker in enumerate(world.workers):
        if worker.at != "dead":
            yield from MOVES[worker.at](world, v, w, worker)
            if world.kills and worker.at != "idle":
                yield (
                    f"w{w} is killed",
                    world._replace(workers=put(world.workers, w, DEAD), kills=world.kills - 1),
                )
    yield from orphans(world, v)
    yield from people(world, v)
    yield from network(world, v)
    if v.wait or v.deadline:
        yield from time(world)


# -- the store ------------------------------------------------------------------------------


def orphans(world, v):
    for i, item in enumerate(world.items):
        if item.state not in {"claimed", "sending"}:
            continue
        dead = v.mistaken or world.workers[item.owner].at == "dead"
        if item.state == "claimed" and (dead or not v.certain):
            yield (
                f"item {i} is queued again, not marked",
                with_item(world, i, item._replace(state="queued", owner=-1)),
            )
        quiet = world.phases[i] and world.phases[i][item.attempt] >= (2 if v.own else 1)
        if item.state == "sending" and (dead if v.certain else quiet or not v.wait):
            yield (
                f"item {i} is unknown",
                with_item(world, i, item._replace(state="unknown", owner=-1)),
            )


def with_item(world, i, item, w=None, worker=None):
    workers = world.workers if w is None else put(world.workers, w, worker)
    return world._replace(items=put(world.items, i, item), workers=workers)


def finish(world, v, w, worker, came):
    """Write what became of an item, if the fence is still its own."""
    state, message, happened = came
    item = world.items[worker.item]
    stale = item.fence != worker.fence and v.fence
    taken = message >= 0 and any(
        other.bound == message for n, other in enumerate(world.items) if n != worker.item
    )
    if stale or (taken and v.binding) or (not v.fence and item.state == "sent"):
        return world._replace(workers=put(world.workers, w, IDLE))
    item = item._replace(
        state=state, owner=-1, bound=message, happened=happened and state == "unknown"
    )
    return with_item(world, worker.item, item, w, IDLE)


# -- a worker -------------------------------------------------------------------------------


def idle(world, v, w, worker):
    closing = {"claimed", "sending"}
    if v.closes:
        closing |= {"unknown", "a person's"}
    if not any(item.state in closing for item in world.items):
        for i, item in enumerate(world.items):
            if item.state == "queued":
                if item.fence < v.fences:
                    taken = item._replace(state="claimed", fence=item.fence + 1, owner=w)
                    yield (
                        f"w{w} claims item {i}",
                        with_item(world, i, taken, w, Worker("claimed", i, taken.fence)),
                    )
                break  # only the head
    for i, item in enumerate(world.items):
        if item.state == "unknown" and item.fence < v.fences and item.owner != w:
            taken = item._replace(fence=item.fence + 1, owner=w)
            yield (
                f"w{w} takes item {i} to look for it",
                with_item(world, i, taken, w, Worker("looking", i, taken.fence)),
            )


def claimed(world, v, w, worker):
    i = worker.item
    item = world.items[i]
    if not v.mark:
        n = len(world.phases[i])
        phases = put(world.phases, i, (*world.phases[i], 0))
        yield (
            f"w{w} begins",
            world._replace(
                phases=phases,
                workers=put(world.workers, w, worker._replace(at="marked", attempt=n)),
            ),
        )
        return
    yield f"w{w} gives it back", finish(world, v, w, worker, after("given back"))
    if item.state != "claimed" or item.fence != worker.fence:
        yield f"w{w} may not mark", world._replace(workers=put(world.workers, w, IDLE))
        return
    n = len(world.phases[i])
    marked = worker._replace(at="marked", attempt=n)
    item = item._replace(state="sending", attempt=n, happened=False)
    if v.people:
        item = item._replace(marked=item.fence)
    if v.holder:
        item = item._replace(held=w == 0)
    yield (
        f"w{w} marks item {i}, attempt {n}",
        with_item(world, i, item, w, marked)._replace(
            phases=put(world.phases, i, (*world.phases[i], 0))
        ),
    )


def marked(world, v, w, worker):
    in_time = world.phases[worker.item][worker.attempt] == 0 or not v.deadline
    known = "refused" if in_time else "late"
    yield f"w{w}: {known}", told(world, w, worker, known)
    if in_time and v.at_once:
        yield from checked(world, v, w, worker)
    elif in_time:
        yield (
            f"w{w} sees that it is in time",
            world._replace(workers=put(world.workers, w, worker._replace(at="checked"))),
        )


def checked(world, v, w, worker):
    wire = tuple(sorted((*world.wire, (worker.item, worker.attempt))))
    yield (
        f"w{w} writes item {worker.item}, attempt {worker.attempt}",
        world._replace(wire=wire, workers=put(world.workers, w, worker._replace(at="waiting"))),
    )


def waiting(world, v, w, worker):
    yield f"w{w} gets no answer", told(world, w, worker, "doubt")


def told(world, w, worker, known):
    return world._replace(workers=put(world.workers, w, worker._replace(at="result", known=known)))


def result(world, v, w, worker):
    came = after(worker.known)
    yield f"w{w} writes: {came[0]}", finish(world, v, w, worker, came)


def bound_by(world, v, i):
    if not v.binding:
        return ()
    return tuple(one.bound for n, one in enumerate(world.items) if n != i and one.bound >= 0)


def looking(world, v, w, worker):
    i = worker.item
    phase = world.phases[i][world.items[i].attempt]
    seen = read(len(world.chat), bound_by(world, v, i), v.wrong, v.long_ago)
    at = "seen" if isinstance(seen, int) or v.reads == 1 else "looked_once"
    yield (
        f"w{w} reads: {seen}",
        world._replace(workers=put(world.workers, w, worker._replace(at=at, known=(seen, phase)))),
    )
    if seen != "absent":  # a read may be stale: it does not show what has come lately
        at = "seen" if v.reads == 1 else "looked_once"
        stale = worker._replace(at=at, known=("absent", phase))
        yield f"w{w} reads what is stale", world._replace(workers=put(world.workers, w, stale))


def looked_once(world, v, w, worker):
    first, phase = worker.known
    seen = read(len(world.chat), bound_by(world, v, worker.item), v.wrong, v.long_ago)
    known = (joined(first, seen), phase)
    yield (
        f"w{w} reads again: {known[0]}",
        world._replace(workers=put(world.workers, w, worker._replace(at="seen", known=known))),
    )


def seen(world, v, w, worker):
    what, phase = worker.known
    item = world.items[worker.item]
    came = looked(
        what, phase, item.happened, wait=v.wait, own=v.own, held=item.held and v.bound,
        hold=v.people or (v.holder and w == 0),
    )  # fmt: skip
    ended = finish(world, v, w, worker, came)
    if came[0] == "queued" and item.held and ended.items[worker.item].state == "queued":
        unasked = ended.items[worker.item]._replace(unasked=True)
        ended = with_item(ended, worker.item, unasked)
    yield f"w{w} writes: {came[0]}", ended


MOVES = {
    "idle": idle, "claimed": claimed, "marked": marked, "checked": checked, "waiting": waiting,
    "result": result, "looking": looking, "looked_once": looked_once, "seen": seen,
}  # fmt: skip


# -- people ---------------------------------------------------------------------------------


def people(world, v):
    """Two people look at the first item, and say later that it did not arrive.

    Each is right at the moment of looking: the chat does not show it, and no request is under way.
    """
    item = world.items[0]
    for p, seen in enumerate(world.people):
        if seen is None:
            quiet = item.attempt >= 0 and world.phases[0][item.attempt] == 2
            if item.state == "a person's" and quiet and 0 not in world.chat:
                looked_at = put(world.people, p, item.fence)
                yield f"person {p} looks", world._replace(people=looked_at)
            continue
        phase = world.phases[0][item.attempt]
        state = {"a person's": "unknown"}.get(item.state, item.state)
        to = worlds.resolved(state, item.fence, seen if v.names else None, item.marked, phase)
        said = world._replace(people=put(world.people, p, -1))
        if seen < 0 or to is None or (v.names and item.fence != seen):
            if seen >= 0:
                yield f"person {p} is told to look again", said
            continue
        again = item._replace(state=to, fence=item.fence + 1, owner=-1)
        yield f"person {p} says that it did not arrive", with_item(said, 0, again)


# -- what lies between, and time ------------------------------------------------------------


def network(world, v):
    for n, request in enumerate(world.wire):
        if n and world.wire[n - 1] == request:
            continue
        i, attempt = request
        left = world._replace(wire=world.wire[:n] + world.wire[n + 1 :])
        waits = [
            w for w, one in enumerate(world.workers)
            if one.at == "waiting" and (one.item, one.attempt) == request
        ]  # fmt: skip
        yield f"item {i}, attempt {attempt} is lost", left
        arrived = left
        if not (v.honoured and i in world.chat):
            arrived = left._replace(chat=(*world.chat, i))
        yield f"item {i}, attempt {attempt} arrives; its answer is lost", arrived
        message = arrived.chat.index(i) if v.honoured else len(arrived.chat) - 1
        for w in waits:
            worker = world.workers[w]
            yield f"item {i} arrives; w{w} hears it", told(arrived, w, worker, message)
            yield (
                f"item {i} arrives; w{w} hears no id",
                told(arrived, w, worker, "yes without an id"),
            )
            yield f"item {i} is refused", told(left, w, worker, "limited")


def time(world):
    for i, phases in enumerate(world.phases):
        for attempt, phase in enumerate(phases):
            # What is written before the deadline does not arrive after the grace.
            if phase == 0 or (phase == 1 and (i, attempt) not in world.wire):
                passed = put(phases, attempt, phase + 1)
                words = ("is over", "is quiet")[phase]
                yield (
                    f"attempt {attempt} of item {i} {words}",
                    world._replace(phases=put(world.phases, i, passed)),
                )


# -- what is asked of all worlds ------------------------------------------------------------


def canonical(world):
    """Forget what no longer matters: whether an old attempt is over that nobody goes on with."""
    live = {(one.item, one.attempt) for one in world.workers if one.at in {"marked", "checked"}}
    live |= {(i, one.attempt) for i, one in enumerate(world.items) if one.state != "sent"}
    live |= set(world.wire)
    phases = tuple(
        tuple(phase if (i, n) in live else 2 for n, phase in enumerate(those))
        for i, those in enumerate(world.phases)
    )
    return world._replace(phases=phases)


def wrong(world):
    """Say what promise is broken, if one is."""
    for i, item in enumerate(world.items):
        if world.chat.count(i) > 1:
            return "sent twice"
        if item.state == "sent" and i not in world.chat:
            return "lost"
        if item.unasked:
            return "nobody was asked"
    return "out of order" if world.chat[:1] == (1,) else None


def walk(v):
    """Visit all worlds of a variant."""

    def over(world):  # or at the model's bound, behind which nothing is known
        sent = all(item.state == "sent" for item in world.items)
        asked = any(item.state == "a person's" for item in world.items) and not v.people
        asked |= v.people and -1 in world.people and None not in world.people
        return sent or asked or any(item.fence >= v.fences for item in world.items)

    def nexts(world):
        return ((words, canonical(reached)) for words, reached in steps(world, v))

    return walking.walk(worlds.ASKED if v.people else START, nexts, wrong=wrong, over=over)
