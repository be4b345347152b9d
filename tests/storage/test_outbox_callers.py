"""A caller's own sqlite3 connections, as programs have them: who begins, who commits, and how."""

import sqlite3
import sys

import pytest
from outbox_worker import item

from postpress_async.errors import ConfigurationError
from postpress_async.storage.outbox.opening import open_outbox

told_who_commits = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="sqlite3.connect(autocommit=…) came with Python 3.12"
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
async def store(file):
    store = open_outbox(f"sqlite:///{file}")
    await store.add([item(0)])
    yield store
    await store.aclose()


@told_who_commits
async def test_who_leaves_all_to_the_database_begins_himself(store, file):
    """His `commit()` does nothing: what we began would be his close's to throw away."""
    own = sqlite3.connect(file, autocommit=True)
    with pytest.raises(ConfigurationError, match="BEGIN IMMEDIATE first, and COMMIT after"):
        await store.add([item(1)], connection=own)
    assert not own.in_transaction
    (other,) = await store.add([item(2)])  # nobody is kept from writing
    assert other.kind == "new"
    for end, there in (("ROLLBACK", False), ("COMMIT", True)):
        own.execute("BEGIN IMMEDIATE")
        assert (await store.add([item(1)], connection=own))[0].kind == "new"
        own.execute(end)
        assert (await store.get("i00001") is not None) is there
    own.close()


@told_who_commits
async def test_who_is_always_in_a_transaction_commits_it(store, file):
    own = sqlite3.connect(file, autocommit=False)
    for end, there in ((own.rollback, False), (own.commit, True)):
        assert (await store.add([item(1)], connection=own))[0].kind == "new"
        end()
        assert (await store.get("i00001") is not None) is there
    own.close()


@pytest.mark.parametrize("level", ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
async def test_whatever_a_caller_begins_with_it_is_there_when_he_commits(store, file, level):
    with sqlite3.connect(file, isolation_level=level) as own:
        assert (await store.add([item(1)], connection=own))[0].kind == "new"
    own.close()
    assert await store.get("i00001")


async def test_a_connection_that_was_closed_is_told_as_such(store, file):
    own = sqlite3.connect(file)
    own.close()
    with pytest.raises(ConfigurationError, match="cannot be used here: Cannot operate on a closed"):
        await store.add([item(1)], connection=own)
    assert await store.get("i00001") is None


async def test_how_a_caller_reads_texts_and_rows_is_his_own(store, file):
    own = sqlite3.connect(file)
    own.text_factory, own.row_factory = bytes, sqlite3.Row
    (added,) = await store.add([item(1)], connection=own)
    assert (added.kind, added.row.id) == ("new", "i00001")
    (again,) = await store.add([item(0)], connection=own)
    assert (again.kind, again.row.id) == ("same", "i00000")
    own.commit()
    other = open_outbox(f"sqlite:///{file}-2")
    with pytest.raises(ConfigurationError, match="another file"):
        await other.add([item(1)], connection=own)
    await other.aclose()
    assert own.text_factory is bytes
    assert own.execute("SELECT id FROM outbox_items").fetchone()["id"] == b"i00000"
    own.close()
