"""The rows of the sandbox can be measured. No times here."""

import asyncio
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def there(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def test_every_request_is_answered_and_a_walk_meets_every_message():
    import sandbox_rows as rows  # noqa: PLC0415 - the path is set by then

    with rows.served() as server:
        measured = list(rows._throughput(server, rounds=2, number=rows.CLIENTS))
        assert len({row.name for row in measured}) == len(rows.READS) + 1
        assert all(row.ours > 0 for row in measured)
        size = {"accounts": {"TELEGRAM": 3}, "chats": 4, "messages": 30}
        rows._json(server, "POST", "/_sandbox/reset", size)
        assert asyncio.run(rows._walk(server)) == 3 * 4 * 30
