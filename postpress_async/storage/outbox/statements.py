"""Every SQL statement on the way of an item, as templates of both dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = (
    "id, serial, key, digest, kind, account_id, action, thread, body, team, recipient, "
    "text_digest, loose_digest, priority, due_at, expires_at, state, fence, attempts, retry_at, "
    "look_at, looks, needs_decision, owner, lease, result_id, error, created_at, changed_at"
)
"""In the order of `Row`, but for the idempotency key, which is the id."""

OVER: Final = "(state = 'sent' OR state = 'failed' OR state = 'cancelled' OR state = 'expired')"
"""As the index of them says it, for no other words are known to mean the same."""

_HEAD: Final = (
    "(SELECT q.serial FROM {items} q WHERE q.thread = %s AND q.state = 'queued' "
    "AND NOT q.fresh ORDER BY q.due_at, q.serial LIMIT 1)"
)

# -- to put in ---------------------------------------------------------------------------------

_PUT: Final = (
    "id, key, digest, kind, account_id, action, thread, body, team, recipient, tombstone, "
    "person, text_digest, loose_digest, priority, due_at, expires_at, state, fresh, "
    "needs_decision, created_at, changed_at"
)
_DUE: Final = "coalesce(nullif(CAST(:due_at% AS float8), 0), {now})"
VALUES: Final = _PUT.split(", ")[:-4]
"""What is given for each new item."""


def insert(rows: int) -> str:
    """Return the statement that puts in some new items, and passes by what is there already."""
    # What is due at once is due when it was put in: what was due before it goes before it.
    places = [_DUE if name == "due_at" else f":{name}%" for name in VALUES]
    line = f"({', '.join(places)}, :fresh, :no, {{now}}, {{now}})"
    lines = (line.replace("%", str(n)) for n in range(rows))
    return f"INSERT INTO {{items}} ({_PUT}) VALUES {', '.join(lines)} {_PASSING_BY}"


_PASSING_BY: Final = "ON CONFLICT DO NOTHING RETURNING id, serial, created_at"
_KINDS: Final = {
    **dict.fromkeys(("digest", "body", "text_digest", "loose_digest"), "{blob}"),
    **dict.fromkeys(("due_at", "expires_at"), "float8"),
    "priority": "integer",
}


def insert_lists() -> str:
    """Return the statement that does so from a list for each column, where there are lists."""
    lists = (f"CAST(:{name} AS {_KINDS.get(name, 'text')}[])" for name in VALUES)
    places = (_DUE.replace(":due_at%", "e.due_at") if n == "due_at" else f"e.{n}" for n in VALUES)
    return (
        f"INSERT INTO {{items}} ({_PUT}) "
        f"SELECT {', '.join(places)}, :fresh, :no, {{now}}, {{now}} "
        f"FROM unnest({', '.join(lists)}) WITH ORDINALITY AS e({', '.join(VALUES)}, place) "
        f"ORDER BY e.place {_PASSING_BY}"
    )


BY_KEYS: Final = f"SELECT {COLUMNS} FROM {{items}} WHERE key IN :keys[]"
BY_IDS: Final = f"SELECT {COLUMNS} FROM {{items}} WHERE id IN :ids[]"
_OPEN_INVITATION: Final = "kind = 'invite' AND (busy OR state = 'held' OR state = 'queued')"
INVITED: Final = (
    f"SELECT {COLUMNS} FROM {{items}} WHERE account_id = :account_id AND thread = :thread "
    f"AND {_OPEN_INVITATION}"
)
INVITING: Final = (
    "SELECT thread, id FROM {items} WHERE account_id = :account_id AND thread IN :threads[] "
    f"AND {_OPEN_INVITATION}"
)
NOW: Final = "SELECT {now}"
TELL: Final = "SELECT {tell}"
# On a server: this transaction waits for the disk where its user's do not.
DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
ENTOMBED: Final = "SELECT tombstone FROM {tombstones} WHERE tombstone IN :tombstones[]"

# -- threads and lanes -------------------------------------------------------------------------

LOCK: Final = "SELECT {locked}"
LOCK_OF: Final = (
    "SELECT thread FROM {threads} "
    "WHERE thread = (SELECT i.thread FROM {items} i WHERE i.id = :id) {lock}"
)
MAKE_THREADS: Final = (
    "INSERT INTO {threads} (thread, account_id, action, priority, due_at, serial, ready_at, place) "
    "SELECT e.value, '', '', 0, 0, 0, 0, 'idle' FROM EACH :threads[] WHERE true "
    "ORDER BY e.value ON CONFLICT DO NOTHING"
)
# What is due at once is due when it was put in, whatever the clock was then. What was wished for is
# meant by the clock: where the store's time is ahead of it, that is thought over every ten minutes.
_DUE_AT: Final = (
    "CASE WHEN i.due_at = i.created_at THEN {least}(i.due_at, {now}) "
    "WHEN {lead} = 0 THEN i.due_at "
    "ELSE {least}(i.due_at + {lead}, {now} + 600) END"
)
_READY: Final = f"{{greatest}}({_DUE_AT}, coalesce(i.retry_at, 0))"
_REFRESH: Final = (
    "INSERT INTO {threads} "
    "(thread, account_id, action, priority, due_at, serial, ready_at, place) "
    f"SELECT i.thread, i.account_id, i.action, i.priority, i.due_at, i.serial, {_READY}, "
    f"CASE WHEN EXISTS (SELECT 1 FROM {{items}} a WHERE a.thread = i.thread AND a.busy) "
    f"THEN 'busy' WHEN {_READY} <= {{now}} THEN 'runnable' ELSE 'waiting' END "
    "FROM % "
    "ON CONFLICT (thread) DO UPDATE SET account_id = excluded.account_id, "
    "action = excluded.action, priority = excluded.priority, due_at = excluded.due_at, "
    "serial = excluded.serial, ready_at = excluded.ready_at, place = excluded.place "
    "RETURNING thread, place"
)
_HEADS: Final = f"EACH :threads[] JOIN {{items}} i ON i.serial = {_HEAD % 'e.value'} WHERE true"
REFRESH: Final = _REFRESH.replace("%", _HEADS)
# Of one thread, without a list and its join, for which a server may walk along all items.
REFRESH_ONE: Final = _REFRESH.replace("%", f"{{items}} i WHERE i.serial = {_HEAD % ':thread'}")
# Of threads that have nothing left to claim: forgotten, unless one of theirs is still out.
DROP: Final = (
    "DELETE FROM {threads} WHERE thread IN :threads[] "
    "AND NOT EXISTS (SELECT 1 FROM {items} a "
    "WHERE a.thread = {threads}.thread AND a.busy)"
)
DROP_ONE: Final = (
    "DELETE FROM {threads} WHERE thread = :thread "
    "AND NOT EXISTS (SELECT 1 FROM {items} a WHERE a.thread = :thread AND a.busy)"
)
REST: Final = "UPDATE {threads} SET place = 'busy' WHERE thread IN :threads[] AND place <> 'busy'"
_BUMP: Final = (
    "INSERT INTO {lanes} AS l (account_id, action, ready_at, shut, priority, turn) "
    "SELECT account_id, action, 0, :no, % "
    "ON CONFLICT (account_id, action) DO UPDATE SET priority = excluded.priority "
    "WHERE l.priority IS NULL OR l.priority > excluded.priority "
    "RETURNING {tell}"
)
BUMP: Final = _BUMP.replace(
    "%",
    "min(priority), 0 FROM {threads} WHERE thread IN :threads[] AND place = 'runnable' "
    "GROUP BY account_id, action ORDER BY account_id, action",
)
BUMP_ONE: Final = _BUMP.replace(
    "%", "priority, 0 FROM {threads} WHERE thread = :thread AND place = 'runnable'"
)
# Of two instants the later one counts: what ends late, or has no need to wait, says nothing of what
# the service has told another item. Who knows better reopens the lane.
SHUT: Final = (
    "INSERT INTO {lanes} AS l (account_id, action, ready_at, shut, priority, turn) "
    "VALUES (:account_id, :action, :ready_at, CAST(:ready_at AS float8) > {now}, NULL, 0) "
    "ON CONFLICT (account_id, action) DO UPDATE SET "
    "shut = excluded.shut OR (l.shut AND l.ready_at > {now}), "
    "ready_at = {greatest}(l.ready_at, excluded.ready_at) "
    "RETURNING {tell}"
)

# -- to claim ----------------------------------------------------------------------------------

PROBE: Final = (
    "SELECT {now}, EXISTS (SELECT 1 FROM {items} WHERE fresh), "
    "EXISTS (SELECT 1 FROM {threads} WHERE place = 'waiting' AND ready_at <= {now}), "
    "EXISTS (SELECT 1 FROM {lanes} WHERE shut AND ready_at <= {now}), "
    "EXISTS (SELECT 1 FROM {items} WHERE state IN ('held', 'queued') "
    "AND expires_at IS NOT NULL AND expires_at <= {now} - {lead})"
)
ALONE: Final = "SELECT {try_alone}"
ANY_FRESH: Final = "SELECT EXISTS (SELECT 1 FROM {items} WHERE fresh)"
FRESH: Final = (
    "SELECT serial, thread, tombstone, person FROM {items} WHERE fresh ORDER BY serial LIMIT :n"
)
OVERDUE: Final = (
    "SELECT serial, thread FROM {items} WHERE state IN ('held', 'queued') "
    "AND expires_at IS NOT NULL AND expires_at <= {now} - {lead} ORDER BY expires_at LIMIT :n"
)
RIPE: Final = (
    "SELECT thread FROM {threads} WHERE place = 'waiting' AND ready_at <= {now} "
    "ORDER BY ready_at LIMIT :n"
)
SORTED: Final = "UPDATE {items} SET fresh = :no WHERE serial IN :serials[] AND fresh"
EXPIRE: Final = (
    "UPDATE {items} SET state = 'expired', changed_at = {now} WHERE serial IN :serials[] "
    "AND state IN ('held', 'queued') AND expires_at <= {now} - {lead}"
)
OPEN_LANES: Final = (
    "UPDATE {lanes} SET shut = :no WHERE lane IN (SELECT lane FROM {lanes} "
    "WHERE shut AND ready_at <= {now} ORDER BY ready_at LIMIT :n {skip})"
)
LANE: Final = (
    "SELECT lane, account_id, action, priority FROM {lanes} "
    "WHERE NOT shut AND priority IS NOT NULL ORDER BY priority, turn LIMIT 1 {skip}"
)
LANE_OF: Final = (
    "SELECT lane, account_id, action, priority FROM {lanes} WHERE account_id IN :accounts[] "
    "AND NOT shut AND priority IS NOT NULL ORDER BY priority, turn LIMIT 1 {skip}"
)
# Said so that no index of open lanes fits: a few accounts are looked up one by one, where walking
# along the open lanes of all others in the order of their turns could take as long as they are.
LANE_OF_FEW: Final = LANE_OF.replace(
    "NOT shut AND priority IS NOT NULL", "CASE WHEN shut THEN NULL ELSE priority END IS NOT NULL"
)
_BEST: Final = (
    "SELECT %s FROM {threads} WHERE account_id = :account_id AND action = :action "
    "AND place = 'runnable' ORDER BY priority, due_at, serial LIMIT 1"
)
TAKE: Final = (
    "UPDATE {threads} SET place = 'busy' "
    f"WHERE thread = ({_BEST % 'thread'} {{skip}}) RETURNING thread, priority"
)
CLAIM: Final = (
    "UPDATE {items} SET fence = fence + 1, changed_at = {now}, retry_at = NULL, deadline = NULL, "
    "state = CASE WHEN expires_at <= {now} - {lead} THEN 'expired' ELSE 'claimed' END, "
    "busy = coalesce(expires_at > {now} - {lead}, true), "
    "owner = CASE WHEN expires_at <= {now} - {lead} THEN NULL ELSE CAST(:owner AS text) END, "
    "lease = CASE WHEN expires_at <= {now} - {lead} THEN NULL ELSE {now} + :lease END "
    f"WHERE serial = {_HEAD % ':thread'} RETURNING {COLUMNS}, {{now}}"
)
# Whoever's turn it was goes behind all of its priority, whatever the clock has done since.
LAST_TURN: Final = (
    "SELECT turn FROM {lanes} WHERE NOT shut AND priority = :hint "
    "ORDER BY priority DESC, turn DESC LIMIT 1"
)
TURN: Final = (
    f"UPDATE {{lanes}} SET turn = :turn, priority = ({_BEST % 'priority'}) WHERE lane = :lane "
    "RETURNING priority"
)
NEXT: Final = (
    "SELECT {now}, "
    "(SELECT {now} + :soon FROM {items} WHERE fresh LIMIT 1), "
    "(SELECT min(ready_at) FROM {threads} WHERE place = 'waiting'), "
    "(SELECT min(ready_at) FROM {lanes} WHERE shut), "
    "(SELECT min(expires_at) + {lead} FROM {items} WHERE state IN ('held', 'queued') "
    "AND expires_at IS NOT NULL)"
)

# -- to go on with what was claimed ------------------------------------------------------------

# A fence is given once. Should a server forget that it was (it fails over to one that lags), whom
# an item belongs to tells the two apart. Of what belongs to
# nobody, who had it may say that it was sent, or may have been: never that it is free.
_ITS: Final = "(CAST(:owner AS text) IS NULL OR owner = :owner%)"
_LATELY: Final = " OR (owner IS NULL AND CAST(:state AS text) IN ('sent', 'unknown'))"
MARK: Final = (
    "UPDATE {items} SET state = 'sending', attempts = attempts + 1, deadline = {now} + :seconds, "
    "quiet_at = {now} + :seconds + :total + :held, changed_at = {now} "
    f"WHERE id = :id AND fence = :fence AND state = 'claimed' AND {_ITS.replace('%', '')} "
    "RETURNING serial, attempts, changed_at, deadline"
)
REWRITE: Final = (
    "UPDATE {items} SET body = :body, text_digest = :text_digest, loose_digest = :loose_digest "
    "WHERE serial = :serial"
)
ATTEMPT: Final = (
    "INSERT INTO {attempts} (item, fence, number, started_at, deadline, total, held, hold) "
    "VALUES (:item, :fence, :number, :started_at, :deadline, :total, :held, :hold)"
)
# Both in one statement, which PostgreSQL can: one way there and back, instead of four.
MARK_AT_ONCE: Final = (
    f"WITH marked AS ({MARK}), begun AS (INSERT INTO {{attempts}} "
    "(item, fence, number, started_at, deadline, total, held, hold) "
    "SELECT serial, :fence, attempts, changed_at, deadline, :total, :held, :hold FROM marked) "
    "SELECT attempts, changed_at, deadline FROM marked"
)
# Who was forgotten meanwhile is not written to again.
_STATE: Final = (
    "CASE WHEN CAST(:state AS text) IN ('queued', 'held') AND EXISTS "
    "(SELECT 1 FROM {tombstones} d WHERE d.tombstone IN ({items}.tombstone, {items}.person)) "
    "THEN 'cancelled' ELSE CAST(:state AS text) END"
)
_FINISH: Final = (
    f"SET state = {_STATE}, busy = (CAST(:state AS text) = 'unknown'), "
    "owner = NULL, lease = NULL, changed_at = {now}, "
    "retry_at = CAST(:retry_at AS float8), due_at = coalesce(CAST(:due_at AS float8), due_at), "
    "look_at = CASE WHEN CAST(:state AS text) = 'unknown' "
    "THEN coalesce(CAST(:look_at AS float8), {now}) ELSE NULL END, "
    "looks = coalesce(CAST(:looks AS integer), looks), needs_decision = :needs_decision, "
    "result_id = coalesce(CAST(:result_id AS text), result_id), "
    "error = coalesce(CAST(:error AS text), error), "
    "body = CASE WHEN length(body) > 0 THEN coalesce(CAST(:body AS {blob}), body) ELSE body END"
)
FINISH: Final = (
    f"UPDATE {{items}} {_FINISH}, "
    "attempts = attempts - CASE WHEN deadline IS NULL THEN 0 ELSE :uncount END "
    f"WHERE id = :id AND fence = :fence AND busy AND {_ITS.replace('%', _LATELY)} "
    f"RETURNING {COLUMNS}, deadline"
)
OUTCOME: Final = (
    "UPDATE {attempts} SET outcome = coalesce(CAST(:outcome AS text), CASE WHEN outcome IS NULL "
    "OR CAST(:state AS text) <> 'unknown' THEN CAST(:state AS text) ELSE outcome END) "
    "WHERE item = :item AND fence = "
    "(SELECT max(a.fence) FROM {attempts} a WHERE a.item = :item)"
)
UNDER: Final = "SELECT state, kind, account_id, thread FROM {items} WHERE id = :id"
ALTER: Final = (
    f"UPDATE {{items}} {_FINISH}, fence = fence + 1 WHERE id = :id AND fence = :fence "
    "AND state IN :states[] AND state <> 'sending' "
    "AND (CAST(:state AS text) NOT IN ('queued', 'held') OR length(body) > 0) "
    f"RETURNING {COLUMNS}, deadline"
)
EDIT: Final = (
    "UPDATE {items} SET body = :body, digest = :digest, action = :action, "
    "text_digest = :text_digest, loose_digest = :loose_digest, priority = :priority, "
    "due_at = :due_at, expires_at = :expires_at, fence = fence + 1, changed_at = {now}, "
    "state = CASE WHEN state = 'claimed' THEN 'queued' ELSE state END, "
    "busy = (state = 'unknown'), owner = NULL, lease = NULL "
    "WHERE id = :id AND fence = :fence AND state IN :states[] AND state <> 'sending' "
    f"RETURNING {COLUMNS}, deadline"
)
THREAD_OF: Final = "SELECT thread FROM {items} WHERE id = :id"

# -- the dead, and what they left --------------------------------------------------------------

OWNERS: Final = "SELECT DISTINCT owner FROM {items} WHERE busy AND owner IS NOT NULL"
BEAT: Final = (
    "UPDATE {items} SET lease = {now} + :lease WHERE id IN :ids[] AND owner = :owner RETURNING id"
)
LEFT: Final = "SELECT serial, thread, state FROM {items} WHERE busy AND owner IN :owners[]"
_LATE: Final = (
    "((state = 'claimed' AND lease <= {now}) OR (state = 'sending' AND quiet_at <= {now}))"
)
# Whose death would be certain is late with what was claimed only: no mark of it succeeds later.
_LATE_OF: Final = (
    "((state = 'claimed' AND lease <= {now}) "
    "OR (state = 'sending' AND owner IN :owners[] AND quiet_at <= {now}))"
)
_LATE_ONES: Final = (
    "SELECT serial, thread, state FROM {items} WHERE busy AND owner IS NOT NULL AND "
)
LEFT_LEASED: Final = _LATE_ONES + _LATE
LEFT_LEASED_OF: Final = _LATE_ONES + _LATE_OF
LEFT_UNMARKED: Final = (
    "SELECT serial, thread, state FROM {items} WHERE busy AND owner = :owner AND state = 'claimed'"
)
_TAKEN_IN: Final = (
    "state = CASE state WHEN 'claimed' THEN 'queued' WHEN 'sending' THEN 'unknown' ELSE state END, "
    "busy = (busy AND state <> 'claimed'), "
    "look_at = CASE WHEN state = 'sending' THEN {now} ELSE look_at END, "
    "looks = CASE WHEN state = 'sending' THEN 0 ELSE looks END, "
    "owner = NULL, lease = NULL, changed_at = {now}"
)
TAKE_IN: Final = (
    f"UPDATE {{items}} SET {_TAKEN_IN} WHERE serial IN :serials[] AND owner IN :owners[] "
    f"RETURNING {COLUMNS}"
)
_TAKE_IN: Final = f"UPDATE {{items}} SET {_TAKEN_IN} WHERE serial IN :serials[] AND "
TAKE_IN_LEASED: Final = f"{_TAKE_IN}{_LATE} RETURNING {COLUMNS}"
TAKE_IN_LEASED_OF: Final = f"{_TAKE_IN}{_LATE_OF} RETURNING {COLUMNS}"
TAKE_IN_UNMARKED: Final = (
    f"UPDATE {{items}} SET {_TAKEN_IN} WHERE serial IN :serials[] AND owner = :owner "
    f"AND state = 'claimed' RETURNING {COLUMNS}"
)
LET_GO: Final = (
    "UPDATE {items} SET owner = NULL, lease = NULL WHERE busy AND owner = :owner "
    "AND state = 'unknown'"
)
_DOUBTFUL: Final = (
    "UPDATE {items} SET fence = fence + 1, owner = :owner, lease = {now} + :lease, "
    "changed_at = {now} WHERE serial = (SELECT serial FROM {items} WHERE state = 'unknown' "
    "AND NOT needs_decision AND look_at <= {now} AND (lease IS NULL OR lease <= {now}) % "
    f"ORDER BY look_at LIMIT 1 {{skip}}) RETURNING {COLUMNS}"
)
DOUBTFUL: Final = _DOUBTFUL.replace("% ", "")
# For a read that several accounts may do nobody looks anywhere, so anybody may settle it.
_OF: Final = "AND (account_id IN :accounts[] OR kind = 'profile')"
_BUT: Final = "AND NOT (account_id IN :but[])"
DOUBTFUL_OF: Final = _DOUBTFUL.replace("%", _OF)
DOUBTFUL_BUT: Final = _DOUBTFUL.replace("%", _BUT)
DOUBTFUL_OF_BUT: Final = _DOUBTFUL.replace("%", f"{_OF} {_BUT}")

# -- to look -----------------------------------------------------------------------------------

GET: Final = (
    f"SELECT {COLUMNS} FROM {{items}} WHERE id = :item OR key = :item ORDER BY id <> :item LIMIT 1"
)
ENDS: Final = (
    "SELECT (SELECT min(serial) FROM {items} WHERE serial > :after), "
    "(SELECT max(serial) FROM {items})"
)
ATTEMPTS: Final = (
    "SELECT i.id, a.number, a.fence, a.started_at, a.deadline, a.outcome, a.total, a.held, a.hold "
    "FROM {attempts} a "
    "JOIN {items} i ON i.serial = a.item WHERE i.id = :item ORDER BY a.fence"
)
BOUND: Final = (
    "SELECT DISTINCT result_id FROM {items} WHERE account_id = :account_id "
    "AND result_id IS NOT NULL AND result_id IN :results[]"
)

# -- to clear away -----------------------------------------------------------------------------

CANCEL: Final = (
    "UPDATE {items} SET state = 'cancelled', busy = false, error = :error, "
    "fence = fence + 1, owner = NULL, "
    "lease = NULL, changed_at = {now} WHERE serial IN :serials[] "
    "AND state IN ('held', 'queued', 'claimed') RETURNING serial"
)
THINK_OVER: Final = "UPDATE {threads} SET place = 'waiting', ready_at = 0 WHERE place <> 'busy'"
SEEN: Final = "SELECT seen FROM {meta}"
NOTE_SEEN: Final = "UPDATE {meta} SET seen = :now WHERE seen < :now"


_OF_PAGE: Final = ", ".join(f"i.{name}" for name in COLUMNS.split(", "))
_BARE: Final = COLUMNS.replace(
    "body",
    "CASE WHEN length(body) > 0 THEN CAST(:unread AS {blob}) ELSE CAST(:empty AS {blob}) END",
)


def of_filter(conditions: str, *, place: str) -> str:
    """Return the statement that lists what a filter chooses, in any order, as far as it has room.

    Sizes come first, without what they are of, and only those of a page are summed up. `place` is
    the serial, as an index fits or not.
    """
    return (
        f"SELECT {_OF_PAGE} FROM ("
        "SELECT place, sum(size) OVER (ORDER BY place) - size AS before FROM ("
        "SELECT serial AS place, length(body) AS size FROM {items} "
        f"WHERE {conditions} AND {place} > :after ORDER BY {place} LIMIT :n"
        ") AS sizes) AS page JOIN {items} i ON i.serial = page.place WHERE page.before < :most"
    )


def bare_of(conditions: str, *, place: str) -> str:
    """Return the statement that lists what a filter chooses, without what it holds."""
    return (
        f"SELECT {_BARE} FROM {{items}} WHERE {conditions} AND {place} > :after "
        f"ORDER BY {place} LIMIT :n"
    )


def part_of(
    conditions: str, *, place: str, by: Sequence[str], of: str, best: Literal["min", "max"]
) -> str:
    """Return the statement that counts some of what a filter chooses, by what tells them apart."""
    names = ", ".join(f"by_{n}" for n in range(len(by)))
    columns = ", ".join(f"{one} AS by_{n}" for n, one in enumerate(by))
    return (
        f"SELECT {names}, {best}(its), count(*), max(serial) FROM ("
        f"SELECT serial, {columns}, {of} AS its FROM {{items}} WHERE {conditions} "
        f"AND {place} > :after ORDER BY {place} LIMIT :n) AS part GROUP BY {names}"
    )


def cancellable(conditions: str) -> str:
    """Return the statement that lists what of a filter can be cancelled."""
    return (
        f"SELECT serial, thread FROM {{items}} WHERE {conditions} "
        "AND state IN ('held', 'queued', 'claimed') ORDER BY serial LIMIT :n"
    )
