"""Every SQL statement of the counts: what is made in a database, and what is asked of it.

Names of a schema are put in as they are: they were checked to be plain words before.
"""

from __future__ import annotations

from typing import Final

from postpress_async.storage.remote.swaps import EARLY, LATE, LEAP, STAMP, TURN

__all__ = [
    "CALL",
    "CLOCK",
    "FUNCTION",
    "LEAD",
    "LOOK",
    "LOOK_AROUND",
    "MAY",
    "META",
    "NOTE",
    "ONE_AT_A_TIME",
    "STANDBYS",
    "UNATTENDED",
    "UPGRADED",
    "WHAT",
    "grants",
    "migrations",
    "owned",
]

WHAT: Final = "postpress-async counts"  # what the meta row says, so that it is ours
CLOCK: Final = "clock_timestamp()"
FUNCTION: Final = "counts_swap_1"  # what `CALL` calls
_LOCK_WAIT: Final = "3s"  # for another session's lock; shorter than whoever asks waits

CALL: Final = (
    "SELECT told_now, told_lead, identity, fates, told, told_values FROM {schema}.counts_swap_1("
    "$1, $2, $3, $4, $5, $6, $7, $8, $9)"
)

LOOK: Final = """\
SELECT current_setting('server_version_num')::int4, current_user::text, current_database()::text,
    exists (SELECT FROM pg_namespace WHERE nspname = %(schema)s),
    coalesce((SELECT array_agg(relname::text) FROM pg_class
        WHERE relnamespace = to_regnamespace(%(schema)s)
            AND relname IN ('counts', 'counts_meta')), '{}')"""
META: Final = "SELECT what, version FROM {schema}.counts_meta"
LEAD: Final = """\
SELECT greatest(last - raw, CASE WHEN raw >= last THEN least(skew, 0) ELSE skew END)
FROM {schema}.counts_meta, date_part('epoch', clock_timestamp()) AS raw"""
# A process that is stopped between two statements, or was lost, holds what it has locked: so a
# transaction of ours is undone, with its session, when nothing is said in it for so long.
_UNATTENDED: Final = "10s"
UNATTENDED: Final = f"SET LOCAL idle_in_transaction_session_timeout = '{_UNATTENDED}'".encode()
ONE_AT_A_TIME: Final = f"""\
SELECT set_config('lock_timeout', '3s', true),
    set_config('idle_in_transaction_session_timeout', '{_UNATTENDED}', true),
    pg_advisory_xact_lock(hashtextextended(%s, 0))"""
NOTE: Final = """\
INSERT INTO {schema}.counts_meta (what, epoch, version, last, skew)
VALUES (%s, %s, %s, 0, 0)"""
UPGRADED: Final = "UPDATE {schema}.counts_meta SET version = %s"
LOOK_AROUND: Final = b"""\
SELECT current_setting('server_version_num')::int4, current_user::text,
    current_setting('synchronous_commit'), current_setting('fsync'),
    current_setting('full_page_writes'), pg_is_in_recovery(),
    current_setting('default_transaction_read_only'), current_setting('transaction_isolation'),
    date_part('epoch', clock_timestamp()),
    (SELECT coalesce(sum(numbackends), 0)::int4 FROM pg_stat_database),
    current_setting('max_connections')::int4
        - current_setting('superuser_reserved_connections')::int4"""
# Who may not see the states of others is told of none: NULL.
STANDBYS: Final = b"""\
SELECT current_setting('synchronous_standby_names'), count(r.pid)::int4,
    count(r.pid) FILTER (WHERE coalesce(r.sync_state, 'sync') IN ('sync', 'quorum'))::int4
FROM pg_stat_replication r
WHERE coalesce(r.state, 'streaming') <> 'backup' AND NOT EXISTS (
    SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')"""
# Whether they may be made; whether those that are there may be used; whether the function is there.
MAY: Final = b"""\
SELECT CASE WHEN there IS NULL THEN has_database_privilege(current_database(), 'CREATE')
    ELSE has_schema_privilege(there::oid, 'CREATE, USAGE') END,
    (SELECT bool_and(has_schema_privilege(relnamespace, 'USAGE')
            AND has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
            AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
            AND coalesce(may_call, true))
        FROM pg_class WHERE relnamespace = there AND relname IN ('counts', 'counts_meta')),
    may_call IS NOT NULL
FROM to_regnamespace(%s) AS there, LATERAL (
    SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) AS may_call
    FROM pg_proc WHERE pronamespace = there AND proname = %s) AS functions"""


def grants(schema: str, user: str) -> str:
    """Return what the owner may run to let somebody else in."""
    name = '"' + user.replace('"', '""') + '"'
    return (
        f"GRANT USAGE ON SCHEMA {schema} TO {name}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.counts, {schema}.counts_meta TO {name}; "
        f"GRANT EXECUTE ON FUNCTION {schema}.{FUNCTION} TO {name}"
    )


def owned(schema: str, user: str) -> str:
    """Return what an administrator may run so that somebody can make the tables himself."""
    name = '"' + user.replace('"', '""') + '"'
    return f"CREATE SCHEMA IF NOT EXISTS {schema}; ALTER SCHEMA {schema} OWNER TO {name}"


def migrations(schema: str, clock: str = CLOCK) -> tuple[str, ...]:
    """Return every step from nothing on; those that were released stay as they are.

    Args:
        schema: the name of the schema, which exists.
        clock: an expression for the time; another one in tests.
    """
    swap = _SWAP.format(
        schema=schema,
        function=FUNCTION,
        clock=clock,
        wait=_LOCK_WAIT,
        early=EARLY,
        late=LATE,
        leap=LEAP,
        turn=TURN,
        stamp=STAMP,
    )
    return (_FIRST.format(schema=schema) + swap,)


# Values are written as a whole and often: a page keeps room for the next version of its rows, so
# that no index is touched, and nothing is compressed.
_FIRST: Final = """\
CREATE TABLE {schema}.counts_meta (
    what text NOT NULL,
    version int4 NOT NULL,
    epoch text NOT NULL,
    last float8 NOT NULL,
    skew float8 NOT NULL
);
CREATE TABLE {schema}.counts (
    key text COLLATE "C" PRIMARY KEY,
    stamp bytea NOT NULL,
    value bytea NOT NULL,
    written float8 NOT NULL,
    turn text,
    turn_until float8
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.1,
    autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE {schema}.counts ALTER COLUMN value SET STORAGE EXTERNAL;
"""

# Keys are locked in their order, and by advisory locks, not by their rows: these live in memory
# alone, many may read `*` at a time, and keys without a row are locked as well. What is read after
# them is what their last holder has written, since each statement sees anew what is committed.
#
# Rows are read one by one: a loop over a join costs as much as nine of them before its first row.
#
# Where somebody holds a lock, it looks first, and stands in line only for what can still be done.
#
# `p_program` says for each swap: whether it is urgent; how many keys it has seen, and which; how
# many it writes, and which. Keys are named by their place in `p_keys`; stamps and values follow in
# the same order in arrays of their own.
#
# The time is the clock's. Where that was set back, it goes on from the last note of it, at the
# clock's pace, and `skew` is what is added since then. Where it was set forward, which those can
# tell who have asked before, it goes on as well, and `skew` is negative; but nobody takes back what
# was told since. What was no leap after all, but slept through by who told of it, stays: what was
# counted meanwhile would be older at once. Of two who note, the later time holds, with its skew.
# It is replaced where somebody dropped the tables alone.
_SWAP: Final = """\
CREATE OR REPLACE FUNCTION {schema}.{function}(
    p_who text, p_strict bool, p_keys text[], p_alone bool[], p_program int4[], p_nows float8[],
    p_stamps bytea[], p_values bytea[], p_expected float8,
    OUT told_now float8, OUT told_lead float8, OUT identity text, OUT fates text, OUT told int4[],
    OUT told_values bytea[]
) LANGUAGE plpgsql VOLATILE
SET lock_timeout = '{wait}' SET enable_seqscan = off SET jit = off AS $swap$
DECLARE
    space int8 := '{schema}.counts'::regclass::int8;
    keys int4 := cardinality(p_keys);
    locked int4 := 0; lock int8; looks bool; waits bool := false; taken bool := false;
    stamps bytea[]; named bytea[]; wrote int4[]; turns bool[];
    its_stamp bytea; its_time float8; its_turn bool;
    raw float8; leapt bool; meta record; fate text; urgent bool; hopeless bool; which int4;
    at int4; seen int4; writes int4; at_stamp int4; at_value int4;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE 'transactions are not read committed' USING ERRCODE = 'PPA01';
    END IF;
    LOOP
        WHILE locked < keys LOOP
            lock := hashtextextended(p_keys[locked + 1], space);
            IF waits AND p_alone[locked + 1] THEN
                PERFORM pg_advisory_xact_lock(lock);
            ELSIF waits THEN
                PERFORM pg_advisory_xact_lock_shared(lock);
            ELSIF p_alone[locked + 1] THEN
                EXIT WHEN NOT pg_try_advisory_xact_lock(lock);
            ELSE
                EXIT WHEN NOT pg_try_advisory_xact_lock_shared(lock);
            END IF;
            locked := locked + 1;
        END LOOP;
        looks := locked < keys;

        SELECT * INTO STRICT meta FROM {schema}.counts_meta;
        raw := date_part('epoch', {clock});
        told_now := greatest(meta.last,
            raw + CASE WHEN raw >= meta.last THEN least(meta.skew, 0) ELSE meta.skew END);
        leapt := told_now > p_expected + {leap} AND meta.last <= p_expected + {leap};
        IF leapt THEN
            told_now := greatest(p_expected, meta.last);
        END IF;
        stamps := array_fill(''::bytea, ARRAY[keys]);
        named := array_fill(NULL::bytea, ARRAY[keys]);
        wrote := array_fill(0, ARRAY[keys]);
        turns := array_fill(false, ARRAY[keys]);
        FOR i IN 1 .. keys LOOP
            SELECT c.stamp, c.written, c.turn <> p_who AND c.turn_until > told_now
            INTO its_stamp, its_time, its_turn FROM {schema}.counts c WHERE c.key = p_keys[i];
            CONTINUE WHEN its_stamp IS NULL;
            stamps[i] := its_stamp;
            IF its_turn THEN
                turns[i] := true;
            END IF;
            IF p_strict AND its_time > told_now THEN
                told_now := its_time;
            END IF;
        END LOOP;

        fates := '';
        hopeless := true;
        at := 1;
        at_stamp := 1;
        at_value := 1;
        FOR swap IN 1 .. cardinality(p_nows) LOOP
            urgent := p_program[at] = 1;
            seen := p_program[at + 1];
            at := at + 2;
            writes := p_program[at + seen];
            fate := 'd';
            FOR i IN at .. at + seen - 1 LOOP
                IF stamps[p_program[i]] <> p_stamps[at_stamp + i - at] THEN
                    fate := 'c';
                    EXIT;
                END IF;
            END LOOP;
            FOR i IN at + seen + 1 .. at + seen + writes LOOP
                IF fate = 'd' AND turns[p_program[i]] THEN
                    fate := 'u';
                END IF;
            END LOOP;
            IF fate = 'd' AND p_strict
                AND p_nows[swap] NOT BETWEEN told_now - {late} AND told_now + {early}
            THEN
                fate := 't';
            END IF;
            IF fate = 'd' THEN
                hopeless := false;
                FOR i IN 1 .. writes LOOP
                    which := p_program[at + seen + i];
                    wrote[which] := at_value + i - 1;
                    stamps[which] := coalesce(substr(p_values[wrote[which]], 1, {stamp}), '');
                END LOOP;
            ELSE
                -- All of its keys or none: two who kept a half each would wait for each other.
                FOR i IN at .. at + seen - 1 LOOP
                    which := p_program[i];
                    named[which] := p_stamps[at_stamp + i - at];
                    urgent := urgent AND NOT turns[which];
                END LOOP;
                IF urgent THEN
                    hopeless := false;
                    taken := true;
                    UPDATE {schema}.counts AS c SET turn = p_who, turn_until = told_now + {turn}
                    WHERE NOT looks AND c.key IN (
                        SELECT p_keys[n] FROM unnest(p_program[at:at + seen - 1]) AS n);
                END IF;
            END IF;
            fates := fates || fate;
            at := at + seen + writes + 1;
            at_stamp := at_stamp + seen;
            at_value := at_value + writes;
        END LOOP;
        EXIT WHEN hopeless OR NOT looks;
        waits := true;
    END LOOP;

    -- A turn may be forgotten, a count must not, whatever is set for this user.
    IF taken AND fates !~ 'd' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    ELSIF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    FOR i IN 1 .. keys LOOP
        CONTINUE WHEN wrote[i] = 0;
        IF p_values[wrote[i]] IS NULL THEN
            DELETE FROM {schema}.counts AS c WHERE c.key = p_keys[i];
            CONTINUE;
        END IF;
        UPDATE {schema}.counts AS c SET stamp = stamps[i], value = p_values[wrote[i]],
            written = told_now, turn = NULL, turn_until = NULL WHERE c.key = p_keys[i];
        IF NOT FOUND THEN
            INSERT INTO {schema}.counts AS c (key, stamp, value, written)
            VALUES (p_keys[i], stamps[i], p_values[wrote[i]], told_now);
        END IF;
    END LOOP;
    IF leapt OR told_now - meta.last >= 1 OR raw + meta.skew < meta.last THEN
        UPDATE {schema}.counts_meta SET last = told_now, skew = told_now - raw
        WHERE last <= told_now
            AND ctid = (SELECT m.ctid FROM {schema}.counts_meta m FOR UPDATE SKIP LOCKED);
    END IF;
    FOR i IN 1 .. keys LOOP
        CONTINUE WHEN named[i] IS NULL OR named[i] = stamps[i];
        told := told || i;
        told_values := told_values || CASE
            WHEN stamps[i] = '' THEN NULL
            WHEN wrote[i] > 0 THEN p_values[wrote[i]]
            ELSE (SELECT c.value FROM {schema}.counts c WHERE c.key = p_keys[i]) END;
    END LOOP;
    told_lead := told_now - raw;
    identity := meta.epoch || '/' || (date_part('epoch', pg_postmaster_start_time()) * 1e6)::int8;
END
$swap$;
"""
