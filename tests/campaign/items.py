"""What a campaign sends, what goes wrong meanwhile, and what became of it in the end."""

from collections import Counter, defaultdict

from postpress_async.outbox.contents import Invite, MessageContent, StartChat
from postpress_async.outbox.putting import Names, Wishes, new_of
from postpress_async.sandbox import Fault
from postpress_async.storage.outbox.rows import Filter
from postpress_async.wire.meaning import SETTLE

SEND = "POST /chats/{chat_id}/messages"
LONGEST_WINDOW = 3_600.0  # of the campaigns' caps, but for the day's, which none comes near
PLAIN = frozenset({"sent", "failed", "refused", "not_sent"})  # outcomes that nobody doubted
GOING = frozenset({"queued", "claimed", "sending", "unknown"})
WRITES = (SEND, "POST /chats", "POST /users/invite")
# (chance, fault): all that is done to a write; `after` means that it was done.
TROUBLES = (
    (0.03, {"effect": "reset", "stage": "after"}),
    (0.02, {"effect": "reset", "stage": "before"}),
    (0.02, {"status": 429, "retry_after": 20}),
    (0.02, {"status": 503, "type": "errors/no_client_session"}),
    (0.01, {"effect": "stall", "stage": "after"}),
    (0.01, {"effect": "stall", "stage": "before"}),
    (0.02, {"status": 502, "stage": "after"}),
    (0.01, {"status": 502, "stage": "before"}),
    (0.02, {"effect": "half_body"}),
    (0.01, {"effect": "html", "status": 200, "stage": "after"}),
)
READS = (
    "GET /chats/{chat_id}/messages",
    "GET /users/invite/sent",
    "GET /chats",
    "GET /chats/{chat_id}/sync",
)


def faults(share=1.0):
    """Return what goes wrong: writes in every way, the reads of look-backs sometimes."""
    made = [
        Fault(route=route, probability=chance * share, **fault)
        for route in WRITES
        for chance, fault in TROUBLES
    ]
    made += [Fault(route=route, probability=0.05 * share, status=503) for route in READS]
    return made


class Items:
    """Make items for a sandbox's accounts: each says its number, and no two the same.

    Mostly messages, into several chats of each account; sometimes a first message to a relation,
    or an invitation to a stranger, as long as there are any.
    """

    def __init__(self, sandbox, rng, *, now):
        self._rng = rng
        self._names = Names(now=now, random=rng.randbytes)
        self._accounts = [one["id"] for one in sandbox.world()["accounts"]]
        self._chats = {one["id"]: one["chats"] for one in sandbox.world()["accounts"]}
        self._persons = {one["id"]: _persons(one, sandbox) for one in sandbox.world()["accounts"]}
        self.made = {}  # by what it says

    def more(self, count):
        """Return new items, of which the last ones are the youngest."""
        return [self._one() for _ in range(count)]

    def _one(self):
        account = self._rng.choice(self._accounts)
        text = f"item {len(self.made):06}"
        persons = self._persons[account]
        if persons and self._rng.random() < 0.1:
            person, known = persons.pop(self._rng.randrange(len(persons)))
            content = StartChat(to=person, text=text) if known else None
            content = content or Invite(provider_id=person, message=text)
        else:
            content = MessageContent(chat_id=self._rng.choice(self._chats[account]), text=text)
        new = new_of(content, account, Wishes(), provider="LINKEDIN", id_=self._names())
        self.made[text] = new
        return new


def _persons(account, sandbox):
    """Return people of an account by the ids that can be written to, and who is a relation.

    Not those with whom an invitation waits already: a second one is the first one, to a look-back.
    """
    relations = set(account["relations"])
    world = sandbox._engine.world
    room = next(world.room(one) for one in world.accounts.values() if one.id == account["id"])
    waiting = {one.person.internal_id for one in room.invitations.values()}
    people = [one for one in account["people"] if one[:5] in {"ACoAA", "ADoAA"}]
    return [(one, one in relations) for one in people if one not in waiting]


async def judged(items, sandbox, store):
    """Compare what was to be sent with what the service saw, and with what the store says."""
    arrived = [one for one in sandbox.journal() if one.committed and one.text in items.made]
    times = Counter(one.text for one in arrived)
    rows, after = {}, 0
    while found := await store.find(Filter(), after=after, limit=1000):
        after = found[-1].serial
        rows.update((row.id, row) for row in found)
    undecided = {row.thread for row in rows.values() if row.needs_decision}
    wrong, outcomes, tried = defaultdict(list), Counter(), {}
    for text, new in items.made.items():
        row = rows.get(new.id)
        state = "gone" if row is None else row.state
        came = times[text]
        if row is not None and row.attempts:
            attempts = tried[row.idempotency_key] = await store.attempts(row.id)
            outcomes.update(str(one.outcome) for one in attempts)
        reported = row is not None and (row.needs_decision or state == "failed")
        if came > 1:
            wrong["doubled"].append(text)
        elif not came and not reported and state not in GOING:
            wrong["lost"].append((text, _shown(row)))
        elif came and state == "failed":
            wrong["failed and sent"].append(text)
        if state in {"claimed", "sending"} or (state == "unknown" and not reported):
            wrong["open"].append((text, _shown(row)))
        if state == "queued" and row.thread not in undecided:
            wrong["open"].append((text, _shown(row)))
    wrong["out of order"] = _disorder(items, arrived)
    over = [one for one in sandbox.journal() if one.over_limit]
    # Of what was refused, the journal knows the key alone.
    late = [one for one in sandbox.journal() if _outlived(one, tried.get(one.idempotency_key, ()))]
    unforeseen = [one for one in over if any(_spoilt(one, by) for by in late)]
    states = Counter(row.state for row in rows.values())
    return {
        "items": len(items.made),
        "lost": len(wrong["lost"]),
        "doubled": len(wrong["doubled"]),
        "out_of_order": len(wrong["out of order"]),
        "open": len(wrong["open"]),
        "failed_and_sent": len(wrong["failed and sent"]),
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


def _disorder(items, arrived):
    """Return what arrived in a thread behind something younger."""
    last, wrong = {}, []
    for one in arrived:
        thread = items.made[one.text].thread
        if one.text < last.get(thread, ""):
            wrong.append((last[thread], one.text))
        last[thread] = max(one.text, last.get(thread, ""))
    return wrong


def kept(told):
    """Tell whether every promise was kept."""
    names = ("lost", "doubled", "out_of_order", "open", "failed_and_sent", "over")
    return not any(told[name] for name in names)
