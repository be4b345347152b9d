"""The tables of an outbox: what every version made, in the order of making."""

from __future__ import annotations

from typing import Final

__all__ = ["LATER", "META", "MIGRATIONS"]

# Steps that were released stay as they are.
#
# `fresh` items were put in by INSERT alone, and no thread knows of them yet: whoever puts an item
# in, in a transaction of his own that may last, holds no lock that a worker waits for. `threads`
# and `lanes` are what a claim looks at, so that it never walks along a backlog: a thread's head and
# whether it may go, a lane's best priority among those. The priority of a lane is never worse than
# that of its best thread; NULL says that it has none.
#
# `busy` items are claimed, sending or unknown: nothing else of their thread may go. It is a column
# of its own so that a mark changes no index. Conditions of indexes name states one by one, as a
# list of three would have SQLite make a table of them at every change of a row.
#
# No name is longer than an index of PostgreSQL can hold: a `fresh` item is in none of threads yet,
# and one that cannot be sorted in would be in the way of all that come after it.
MIGRATIONS: Final[tuple[str, ...]] = (
    """CREATE TABLE {items} (
    serial {serial},
    id text NOT NULL,
    key text NOT NULL,
    digest {blob} NOT NULL,
    kind text NOT NULL,
    account_id text NOT NULL,
    action text NOT NULL,
    thread text NOT NULL,
    body {blob} NOT NULL,
    team text,
    recipient text,
    tombstone text,
    person text,
    text_digest {blob} NOT NULL,
    loose_digest {blob} NOT NULL,
    priority integer NOT NULL,
    due_at {real} NOT NULL,
    expires_at {real},
    state text NOT NULL,
    fresh {flag} NOT NULL,
    busy {flag} NOT NULL DEFAULT false,
    fence integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    retry_at {real},
    deadline {real},
    quiet_at {real},
    look_at {real},
    looks integer NOT NULL DEFAULT 0,
    needs_decision {flag} NOT NULL,
    owner text,
    lease {real},
    result_id text,
    error text,
    created_at {real} NOT NULL,
    changed_at {real} NOT NULL,
    CHECK (busy = (state = 'claimed' OR state = 'sending' OR state = 'unknown')),
    CHECK ({octets}(account_id) <= 512 AND {octets}(thread) <= 1600)
)""",
    "CREATE UNIQUE INDEX outbox_items_id ON {items} (id)",
    "CREATE UNIQUE INDEX outbox_items_key ON {items} (key)",
    "CREATE INDEX outbox_items_fresh ON {items} (serial) WHERE fresh",
    (
        "CREATE INDEX outbox_items_queue ON {items} (thread, due_at, serial) "
        "WHERE state = 'queued' AND NOT fresh"
    ),
    # Those of a thread, and, as they are few at any moment, those of an owner.
    "CREATE INDEX outbox_items_busy ON {items} (thread, owner) WHERE busy",
    (
        "CREATE INDEX outbox_items_look ON {items} (look_at) "
        "WHERE state = 'unknown' AND NOT needs_decision"
    ),
    (
        "CREATE INDEX outbox_items_expiry ON {items} (expires_at) "
        "WHERE state IN ('held', 'queued') AND expires_at IS NOT NULL"
    ),
    (
        "CREATE INDEX outbox_items_full ON {items} (changed_at) "
        "WHERE (state = 'sent' OR state = 'failed' OR state = 'cancelled' OR state = 'expired') "
        "AND length(body) > 0"
    ),
    "CREATE INDEX outbox_items_account ON {items} (account_id, serial)",
    "CREATE INDEX outbox_items_team ON {items} (team, serial) WHERE team IS NOT NULL",
    (
        "CREATE INDEX outbox_items_recipient ON {items} (recipient, serial) "
        "WHERE recipient IS NOT NULL"
    ),
    # Of few: of what is to somebody by an id, and was put in with another name for them.
    "CREATE INDEX outbox_items_person ON {items} (person, serial) WHERE person IS NOT NULL",
    (
        # A message is one, whether it went into a chat or began it.
        "CREATE UNIQUE INDEX outbox_items_result ON {items} (account_id, "
        "(CASE kind WHEN 'start_chat' THEN 'message' ELSE kind END), result_id) "
        "WHERE result_id IS NOT NULL"
    ),
    (
        # An invitation's thread is the person that it is to, whatever name they were given.
        "CREATE UNIQUE INDEX outbox_items_invite ON {items} (account_id, thread) "
        "WHERE kind = 'invite' AND (busy OR state = 'held' OR state = 'queued')"
    ),
    """CREATE TABLE {attempts} (
    item bigint NOT NULL,
    fence integer NOT NULL,
    number integer NOT NULL,
    started_at {real} NOT NULL,
    deadline {real} NOT NULL,
    total {real} NOT NULL,
    held {real} NOT NULL,
    hold {flag} NOT NULL,
    outcome text,
    PRIMARY KEY (item, fence)
){rowless}""",
    """CREATE TABLE {threads} (
    thread text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    action text NOT NULL,
    priority integer NOT NULL,
    due_at {real} NOT NULL,
    serial bigint NOT NULL,
    ready_at {real} NOT NULL,
    place text NOT NULL
){rowless}""",
    (
        "CREATE INDEX outbox_threads_runnable ON {threads} "
        "(account_id, action, priority, due_at, serial) WHERE place = 'runnable'"
    ),
    "CREATE INDEX outbox_threads_waiting ON {threads} (ready_at) WHERE place = 'waiting'",
    """CREATE TABLE {lanes} (
    lane {serial},
    account_id text NOT NULL,
    action text NOT NULL,
    ready_at {real} NOT NULL,
    shut {flag} NOT NULL,
    priority integer,
    turn {real} NOT NULL,
    UNIQUE (account_id, action)
)""",
    (
        "CREATE INDEX outbox_lanes_open ON {lanes} (priority, turn) "
        "WHERE NOT shut AND priority IS NOT NULL"
    ),
    "CREATE INDEX outbox_lanes_shut ON {lanes} (ready_at) WHERE shut",
    (
        "CREATE TABLE {tombstones} "
        "(tombstone text NOT NULL PRIMARY KEY, made_at {real} NOT NULL){rowless}"
    ),
)

LATER: Final[tuple[str, ...]] = (
    # What went back into its queue or was emptied, for those who listen: no claim, mark or end of
    # an item that is sent at once writes into it.
    (
        "CREATE INDEX outbox_items_back ON {items} (changed_at) "
        "WHERE (fence > 0 AND state IN ('held', 'queued')) OR length(body) = 0"
    ),
)
"""Steps that came after; in a file they stand behind `META`."""

META: Final = """CREATE TABLE {meta} (
    what text NOT NULL, epoch text NOT NULL, version integer NOT NULL, seen {real} NOT NULL
)"""
