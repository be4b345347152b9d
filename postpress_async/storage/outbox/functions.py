"""Functions on a PostgreSQL server: a claim, a mark and an end take one way there and back each.

They do what `steps` does, by the same statements: each of these sees what was committed before it.
A function is named by what it says, so that two versions of the package may share a database.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.calls import Call, call_of
from postpress_async.storage.outbox.erasing import FORGOTTEN, SCRUB
from postpress_async.storage.outbox.reading import row_of
from postpress_async.storage.outbox.rows import OPEN, Attempt, Claimed
from postpress_async.storage.outbox.steps import FEW, LANES, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.dialect import Dialect, Steps
    from postpress_async.storage.outbox.rows import Finish, Reach, Row

__all__ = ["Functions", "functions"]

_TYPES: Final = {
    "serial": "bigint", "digest": "bytea", "body": "bytea", "text_digest": "bytea",
    "loose_digest": "bytea", "priority": "integer", "due_at": "float8", "expires_at": "float8",
    "fence": "integer", "attempts": "integer", "retry_at": "float8", "look_at": "float8",
    "looks": "integer", "needs_decision": "boolean", "lease": "float8", "created_at": "float8",
    "changed_at": "float8",
}  # fmt: skip
_ROW: Final = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in sql.COLUMNS.split(", "))
# A plan is made once, when a table may be empty, and kept: it must not walk along tables. So there
# are no joins either: those would be planned to walk. Left to itself, the server finds plans for a
# list of one so much better that it makes them each time.
_MADE: Final = """\
CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS SETOF record LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan
SET lock_timeout = '5s'
AS $function$
DECLARE
    _no boolean := false; _row record; _any record; _mine boolean; _now_too float8;
    _fresh boolean; _ripe boolean; _room boolean; _over boolean;
    _lane bigint; _account_id text; _action text; _hint integer; _priority integer; _turn float8;
    _thread text; _threads text[]; _found text; _place text; _item bigint; _serial bigint;
BEGIN
{body}
END $function$"""

_REFRESH: Final = f"""\
{sql.REFRESH_ONE} INTO _found, _place;
IF NOT FOUND THEN
    {sql.DROP_ONE};
ELSIF _place = 'runnable' THEN
    {sql.BUMP_ONE} INTO _any;
END IF;"""

# Neither a claim nor a mark may be forgotten, whatever is set for this user: without it, a fence is
# given twice, or a message goes twice.
_DURABLE: Final = sql.DURABLE.replace("SELECT", "PERFORM", 1) + ";"
_CLAIM: Final = f"""\
IF _probe THEN
    {sql.PROBE} INTO _now_too, _fresh, _ripe, _room, _over;
    IF _fresh OR _ripe OR _room OR _over THEN
        RETURN QUERY SELECT {sql.COLUMNS}, _now FROM (SELECT (CAST(NULL AS {{items}})).*) AS none;
        RETURN;
    END IF;
END IF;
FOR _try IN 1..{LANES} LOOP
    IF _accounts IS NULL THEN
        {sql.LANE} INTO _lane, _account_id, _action, _hint;
    ELSIF cardinality(_accounts) <= {FEW} THEN
        {sql.LANE_OF_FEW} INTO _lane, _account_id, _action, _hint;
    ELSE
        {sql.LANE_OF} INTO _lane, _account_id, _action, _hint;
    END IF;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    _mine := false;
    {sql.TAKE} INTO _thread, _priority;
    IF FOUND THEN
        IF _priority <= _hint THEN
            {sql.CLAIM} INTO _row;
            _mine := FOUND AND _row.state = 'claimed';
        END IF;
        IF NOT _mine THEN
            {_REFRESH}
        END IF;
    END IF;
    {sql.LAST_TURN} INTO _turn;
    _turn := greatest(_now, _turn + 1e-6);
    {sql.TURN} INTO _priority;
    IF _mine THEN
        {_DURABLE}
        RETURN NEXT _row;
        RETURN;
    END IF;
END LOOP;"""
_MARK: Final = f"""\
{_DURABLE}
RETURN QUERY {sql.MARK_AT_ONCE};"""
_FINISH: Final = f"""\
{sql.LOCK_OF} INTO _thread;
IF NOT FOUND THEN
    {sql.THREAD_OF} INTO _thread;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    _threads := ARRAY[_thread];
    LOOP
        {sql.LOCK} INTO _found;
        EXIT WHEN FOUND;
        {sql.MAKE_THREADS};
    END LOOP;
END IF;
{sql.FINISH} INTO _row;
IF NOT FOUND THEN
    RETURN;
END IF;
_item := _row.serial;
_serial := _row.serial;
IF _row.deadline IS NOT NULL THEN
    {sql.OUTCOME};
END IF;
IF length(_row.body) = 0 AND _row.state NOT IN ({", ".join(f"'{state}'" for state in sorted(OPEN))})
THEN
    {SCRUB};
END IF;
{_REFRESH}
IF _ready_at IS NOT NULL THEN
    _account_id := _row.account_id;
    _action := _row.action;
    {sql.SHUT} INTO _any;
END IF;
RETURN NEXT _row;"""

_ARGUMENTS: Final = {
    "claim": "owner text, lease float8, accounts text[], probe boolean",
    "mark": (
        "id text, fence integer, owner text, seconds float8, total float8, held float8, "
        "hold boolean"
    ),
    "finish": (
        "id text, fence integer, owner text, state text, retry_at float8, due_at float8, "
        "look_at float8, looks integer, needs_decision boolean, result_id text, error text, "
        "body bytea, uncount integer, outcome text, ready_at float8, forgotten text"
    ),
}
_BODIES: Final = {"claim": _CLAIM, "mark": _MARK, "finish": _FINISH}
_RESULTS: Final = {
    "claim": f"{_ROW}, now float8",
    "mark": "attempts integer, changed_at float8, deadline float8",
    "finish": f"{_ROW}, deadline float8",
}


class Functions(msgspec.Struct, frozen=True, kw_only=True):
    """Know the functions of a schema, and how they are called.

    Attributes:
        made: what makes each, by its name.
        calls: how each is asked, by what it does.
    """

    made: dict[str, str]
    calls: dict[str, Call]

    def claim(
        self, owner: str, *, lease: float, accounts: Sequence[str] | None, probe: bool
    ) -> Steps[tuple[Claimed | None, bool]]:
        """Do what `steps.claim` does; with `probe` tell of upkeep instead, where there is any."""
        asked = {"owner": owner, "lease": lease, "probe": probe}
        chosen = None if accounts is None else list(accounts)
        rows = yield "claim", {**asked, "accounts": chosen}
        if not rows or rows[0][0] is None:
            return None, bool(rows)
        return Claimed(row=row_of(rows[0]), now=rows[0][-1]), False

    def mark(
        self, item: str, fence: int, *, seconds: float, reach: Reach, owner: str | None
    ) -> Steps[Attempt | None]:
        """Do what `steps.mark` does."""
        lasts = {"total": reach.total, "held": reach.held, "hold": reach.hold}
        its = {"id": item, "fence": fence, "owner": owner}
        rows = yield "mark", {**its, "seconds": seconds, **lasts}
        if not rows:
            return None
        number, began, deadline = rows[0]
        return Attempt(
            item=item, number=number, fence=fence, started_at=began, deadline=deadline, reach=reach
        )

    def finish(self, item: str, fence: int, to: Finish, *, owner: str | None) -> Steps[Row | None]:
        """Do what `steps.finish` does."""
        values = said(to) | {"id": item, "fence": fence, "uncount": 0 if to.keep_attempt else 1}
        values["owner"] = owner
        outcome = to.outcome or (None if to.keep_attempt else "not sent")
        more = {"outcome": outcome, "ready_at": to.lane_ready_at, "forgotten": FORGOTTEN}
        rows = yield "finish", values | more
        return row_of(rows[0]) if rows else None


@cache
def functions(dialect: Dialect) -> Functions:
    """Return the functions of a schema."""
    made: dict[str, str] = {}
    calls: dict[str, Call] = {}
    inner = msgspec.structs.replace(dialect, now="_now")
    for what, body in _BODIES.items():
        arguments = _ARGUMENTS[what].split(", ")
        text = _MADE.format(
            name="%",
            arguments=", ".join(["_now float8", *(f"_{one}" for one in arguments)]),
            body=inner.inside(body),
        )
        name = f"outbox_{what}_{sha256(text.encode()).hexdigest()[:8]}"
        made[name] = text.replace("%", f"{dialect.schema}.{name}", 1)
        calls[what] = call_of(
            f"{dialect.schema}.{name}",
            now=dialect.now,
            arguments=arguments,
            columns=_RESULTS[what].split(", "),
        )
    return Functions(made=made, calls=calls)
