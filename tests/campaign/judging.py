"""What became of what a campaign has sent, in the end: by the service, and by the store."""

from collections import Counter, defaultdict

from items import HARMLESS, WORDS

from postpress_async.outbox.contents import decode, text_of
from postpress_async.storage.outbox.rows import Filter
from postpress_async.wire.meaning import SETTLE

LONGEST_WINDOW = 3_600.0  # of the campaigns' caps, but for the day's, which none comes near
PLAIN = frozenset({"sent", "failed", "refused", "not_sent"})  # outcomes that nobody doubted
GOING = frozenset({"held", "queued", "claimed", "sending", "unknown"})
OVER = frozenset({"failed", "cancelled", "expired"})  # and certainly not sent


async def at_rest(store):
    """Tell whether nothing moves by itself."""
    undecided = await store.find(Filter(states=("unknown",), needs_decision=True), limit=1_000)
    behind = 0
    for thread in {row.thread for row in undecided}:
        counts = await store.counts(Filter(states=("queued",), thread=thread))
        behind += sum(counts.values())
    # At one instant: what is claimed between two questions would be in neither answer.
    counts = Counter(await store.counts(Filter(states=tuple(GOING - {"held"}))))
    going = counts["claimed"] + counts["sending"]
    return not going and counts["unknown"] <= len(undecided) and counts["queued"] <= behind


def arrived(sandbox):
    """Return the items that did, by their ids."""
    return {_item(one) for one in sandbox.journal() if one.committed}


async def judged(items, sandbox, store):
    """Compare what was to be sent with what the service saw, and with what the store says.

    An item is known by the key that all its requests bear, or begin with; and by what it says: were
    there ever a request with another key, that would tell.
    """
    rows = await _rows(store)
    done = [one for one in sandbox.journal() if one.committed]
    times = Counter(_item(one) for one in done if one.method != "GET")
    undecided = {row.thread for row in rows.values() if row.needs_decision}
    wrong, outcomes, tried = defaultdict(list), Counter(), {}
    for item, new in items.made.items():
        row = rows.get(item)
        state = "gone" if row is None else row.state
        came = times[item]
        if new.kind == "react":  # one that says the same has done it, too
            came = came or sum(
                times[one] for one, it in items.made.items() if it.digest == new.digest
            )
        if row is not None and row.attempts:
            attempts = tried[item] = await store.attempts(row.id)
            outcomes.update(str(one.outcome) for one in attempts)
        reported = row is not None and (row.needs_decision or state == "failed")
        if came > 1 and new.kind not in HARMLESS:
            wrong["doubled"].append(item)
        elif not came and new.kind != "profile" and state not in (*GOING, *OVER) and not reported:
            wrong["lost"].append((item, _shown(row)))
        elif came and state in OVER and new.kind not in HARMLESS:
            wrong["failed and sent"].append((item, _shown(row)))
        if state in {"held", "claimed", "sending"} or (state == "unknown" and not reported):
            wrong["open"].append((item, _shown(row)))
        if state == "queued" and row.thread not in undecided:
            wrong["open"].append((item, _shown(row)))
    wrong["doubled"] += _said_too_often(items, done)
    wrong["amiss"] = list(_amiss(items, rows, done, tried))
    came_as = [_item(one) for one in done]
    wrong["out of order"] = _disorder(items, rows, [one for one in came_as if one in items.made])
    over = [one for one in sandbox.journal() if one.over_limit]
    # Of what was refused, the journal knows the key alone.
    late = [one for one in sandbox.journal() if _outlived(one, tried.get(_item(one), ()))]
    unforeseen = [one for one in over if any(_spoilt(one, by) for by in late)]
    states = Counter(row.state for row in rows.values())
    return {
        "items": len(items.made),
        "lost": len(wrong["lost"]),
        "doubled": len(wrong["doubled"]),
        "out_of_order": len(wrong["out of order"]),
        "open": len(wrong["open"]),
        "failed_and_sent": len(wrong["failed and sent"]),
        "amiss": len(wrong["amiss"]),
        "over": len(over) - len(unforeseen),
        "over_unforeseen": len(unforeseen),
        "needs_decision": sum(row.needs_decision for row in rows.values()),
        "doubts": sum(count for what, count in outcomes.items() if what not in PLAIN),
        "states": dict(states),
        "outcomes": dict(outcomes),
        "kinds": dict(Counter(new.kind for new in items.made.values())),
        "wrong": {name: some[:10] for name, some in wrong.items() if some},
        "errors": sorted({(row.error or "")[:120] for row in rows.values() if row.needs_decision}),
    }


def _item(entry):
    """Return the id of the item that a request was made for; its key tells."""
    return (entry.idempotency_key or "").partition("-")[0]


async def _rows(store):
    """Return all items of a store by id."""
    rows, after = {}, 0
    while found := await store.find(Filter(), after=after, limit=1000):
        after = found[-1].serial
        rows.update((row.id, row) for row in found)
    return rows


def _amiss(items, rows, arrived, tried):
    """Return what arrived before its time, was begun after it, or says what the store does not.

    And what was sent again though its sender left that to a person.
    """
    for one in arrived:
        row = rows.get(_item(one))
        if row is None or row.id in items.moved or not row.body:  # of somebody who was forgotten
            continue
        said = text_of(decode(row.body))
        if one.at < row.due_at:
            yield "early", one.text, one.at, _shown(row)
        elif row.state == "sent" and said is not None and one.text != said:
            yield "other words", one.text, said
    for item, row in rows.items():
        if item in items.made and item not in items.moved and row.due_at != _due(items, row):
            yield "moved", item, row.due_at, _shown(row)
    for item, attempts in tried.items():
        end = rows[item].expires_at
        if end is not None and any(one.started_at > end for one in attempts):
            yield "late", item
        if rows[item].kind not in HARMLESS and any(
            one.reach.hold and one.outcome == "absent" for one in attempts
        ):
            yield "nobody was asked", item


def _said_too_often(items, arrived):
    """Return what was said more often than there are items that say it."""
    wished = Counter(items.said(item) for item in items.made)
    said = Counter((one.text or "")[:WORDS] for one in arrived)
    return [text for text, count in said.items() if text in wished and count > wished[text]]


def _outlived(one, attempts):
    """Tell whether a request arrived when its worker had perhaps died, or given it up.

    No window can know of it: it counts what is under way, and what has just been given up.
    """
    before = [attempt for attempt in attempts if attempt.started_at <= one.at]
    return bool(before) and (
        before[-1].outcome not in PLAIN and one.at > before[-1].started_at + SETTLE
    )


def _spoilt(one, by):
    """Tell whether a request is in a window of one that was outlived."""
    return one.account_id == by.account_id and by.at <= one.at <= by.at + LONGEST_WINDOW


def _shown(row):
    names = ("kind", "state", "attempts", "looks", "look_at", "owner", "changed_at", "error")
    return None if row is None else {name: getattr(row, name) for name in names}


def _due(items, row):
    """Return when an item was to go, as it was put in; whoever moves one says so in `moved`."""
    return items.made[row.id].due_at or row.created_at


def _disorder(items, rows, arrived):
    """Return what arrived in a thread behind something that was to go later."""
    last, wrong = {}, []
    for item in arrived:
        if item in items.moved or items.made[item].kind in HARMLESS:
            continue
        row = rows[item]
        place = (_due(items, row), row.serial)
        if place < last.get(row.thread, (0.0, 0)):
            wrong.append((last[row.thread], item))
        last[row.thread] = max(place, last.get(row.thread, place))
    return wrong


def kept(told):
    """Tell whether every promise was kept."""
    names = ("lost", "doubled", "out_of_order", "open", "failed_and_sent", "amiss", "over")
    return not any(told[name] for name in names) and not told.get("astray")
