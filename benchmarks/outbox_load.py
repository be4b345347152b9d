"""A huge outbox on a server, made there: a million items of 10,000 accounts in a minute or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.storage.outbox import heads
from postpress_async.storage.outbox.dialect import postgres

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postpress_async.storage.outbox.dialect import Steps

AT_ONCE = 10_000  # items in a transaction
# As items of `outbox_rows`: a tenth in one thread, a tenth in the future, a tenth behind a doubt.
LOAD = """\
INSERT INTO postpress.outbox_items (id, key, digest, kind, account_id, action, thread, body,
    recipient, text_digest, loose_digest, priority, due_at, state, fresh, needs_decision,
    created_at, changed_at)
SELECT '01L' || lpad(n::text, 23, '0'), 'campaign-8/lead-' || lpad(n::text, 7, '0'),
    sha256(n::text::bytea), 'message', account, 'message',
    CASE WHEN account IN ('hot', 'doubt') THEN account
        ELSE account || '/chat_' || lpad(n::text, 8, '0') END,
    decode(repeat(md5(n::text), 13), 'hex'), 'ACoAA' || lpad(n::text, 20, '0'),
    sha256(n::text::bytea), sha256(n::text::bytea), 100, now + later, 'queued', false, false,
    now, now
FROM (
    SELECT n, date_part('epoch', statement_timestamp()) AS now,
        CASE WHEN n % 1000 BETWEEN 100 AND 199 THEN 1e6 ELSE 0 END AS later,
        CASE n % 1000 / 100 WHEN 0 THEN 'hot' WHEN 1 THEN 'future' WHEN 2 THEN 'doubt'
            ELSE 'acc_' || lpad((n % %(accounts)s)::text, 5, '0') END AS account
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
) AS items
RETURNING thread"""


def load(url: str, first: int, size: int, *, accounts: int) -> None:
    """Put items in by one statement, and tell their threads, as an outbox itself would."""
    import psycopg  # noqa: PLC0415 - only where there is a server

    text = LOAD.replace("n % ", "n %% ").encode()
    with psycopg.connect(url) as connection:
        for start in range(first, size, AT_ONCE):
            part = {"first": start, "last": min(start + AT_ONCE, size) - 1, "accounts": accounts}
            threads = {row[0] for row in connection.execute(text, part).fetchall()}
            _carry_out(connection, heads.refreshed(sorted(threads)))
            connection.commit()


def _carry_out(connection: object, asked: Steps[None]) -> None:
    from psycopg import Connection  # noqa: PLC0415 - as above

    assert isinstance(connection, Connection)
    rows: Sequence[tuple[object, ...]] | None = None
    values: Mapping[str, object]
    while True:
        try:
            template, values = next(asked) if rows is None else asked.send(rows)
        except StopIteration:
            return
        statement = postgres("postpress", clock=False).statement(template)
        cursor = connection.execute(statement.encode(), values)
        rows = cursor.fetchall() if cursor.description else []
