"""Stores that fall back and say that they are the same as before: who knows better puts it back.

Of one image time never goes back. So one that was written before that which a process knows is an
older copy, whatever the server says of itself. What is told of others than real stores,
test_remote_images.py has; that honest use is never taken for it, test_conformance.py.
"""

import shutil
import sqlite3
from contextlib import closing, contextmanager

import pytest
from mends import alarmed, greatest

# -- each store, and what clients count there ------------------------------------------------------


class InSqlite:
    def __init__(self, request):
        self.path = request.getfixturevalue("tmp_path") / "counts.db"
        self.url = f"sqlite:///{self.path}"

    @contextmanager
    def _both(self):
        copy = self.path.with_name("copy.db")
        with closing(sqlite3.connect(self.path)) as live, closing(sqlite3.connect(copy)) as other:
            yield live, other

    def copy(self):
        with self._both() as (live, copy):
            live.backup(copy)

    def put_back(self):
        """Do what `.restore` does, amid all who use the file."""
        with self._both() as (live, copy):
            copy.backup(live)


class InPostgres:
    def __init__(self, request):
        server, self._schema = map(request.getfixturevalue, ("postgres_url", "schema"))
        self._server = server
        self.url = f"{server}{'&' if '?' in server else '?'}prefix={self._schema}"

    def _execute(self, statement):
        import psycopg  # noqa: PLC0415 - where there is a server, there is the client

        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.replace("{schema}", self._schema))

    def copy(self):
        self._execute("CREATE TABLE {schema}.kept AS SELECT * FROM {schema}.counts")

    def put_back(self):
        self._execute(
            "UPDATE {schema}.counts AS c SET stamp = k.stamp, value = k.value, "
            "written = k.written FROM {schema}.kept AS k WHERE k.key = c.key"
        )


class InRedis:
    def __init__(self, request):
        self._server = request.getfixturevalue("valkey")
        self.url = self._server.url

    def copy(self):
        names = [name for name in self._server.ask("KEYS", "*") if b"*time" not in name]
        self._copy = {name: self._server.ask("GET", name) for name in names}

    def put_back(self):
        for name, value in self._copy.items():
            self._server.ask("SET", name, value)


@pytest.mark.parametrize("kind", [InSqlite, InPostgres, InRedis])
async def test_a_copy_that_is_put_back_amid_calls_grants_nothing_anew(
    kind, request, processes, caplog
):
    store = kind(request)
    one, other = processes(store.url), processes(store.url, on_state_lost="local")
    assert (await one(2), await other(1)) == (2, 1)
    store.copy()
    assert (await one(2), await other(2)) == (2, 2)
    store.put_back()
    assert await other() == 3
    assert await one() == 0
    assert await processes(store.url)() == 0
    assert "kept alone" not in caplog.text
    assert [line for line in caplog.messages if "lost the counts of" in line or "put back" in line]


# -- in a file -------------------------------------------------------------------------------------


def by_hand(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


async def test_a_row_that_is_older_or_gone_is_put_back(path, open_at, works, caplog):
    images, other = open_at(), open_at()
    for _ in range(3):
        await images.step(works.add())
    assert await other.step(works.add("other")) == 1
    by_hand(path, "UPDATE images SET image = x'31', changed_at = 1.0 WHERE key = 'k'")
    assert await other.step(works.read()) == 1  # it never knew
    assert await images.step(works.add()) == 4
    by_hand(path, "DELETE FROM images")
    assert await images.step(works.add()) == 5
    assert await other.step(works.add()) == 6
    assert await other.step(works.read("other")) == 1
    assert len([line for line in caplog.messages if "had forgotten" in line]) == 3


async def test_what_was_seen_again_unchanged_is_as_old_as_it_is(open_at, works):
    wall = [1000.0]
    images, other = (open_at(clock=lambda: wall[0], mend=alarmed) for _ in range(2))
    await images.step(works.add())
    for _ in range(3):
        wall[0] += 100.0
        assert await images.step(works.read()) == 1  # as of now
        await other.step(works.add("other"))  # so that it is read anew
    assert await other.step(works.add()) == 2
    assert await images.step(works.add()) == 3


async def test_what_a_work_deleted_in_a_file_stays_deleted_for_others(open_at, works, caplog):
    one, two = open_at(), open_at()
    assert await one.step(works.add()) == 1
    assert await two.step(works.add()) == 2
    await one.step(works.work(["k"], lambda images, now: ({"k": None}, None)))
    assert await two.step(works.work(["k"], lambda images, now: ({}, images["k"]))) is None
    assert await two.step(works.add()) == 1
    assert await one.step(works.add()) == 2
    assert not caplog.messages


async def test_what_no_work_could_read_is_not_put_back(path, open_at, works):
    def read(images, now):
        return {}, int((images["k"] or b"0").split()[0])

    images = open_at()
    for _ in range(2):
        await images.step(works.add())
    by_hand(path, "UPDATE images SET image = x'ff', changed_at = changed_at + 1")
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            await images.step(works.work(["k"], read))
    by_hand(path, "DELETE FROM images")  # as the error says that one may
    assert await images.step(works.add()) == 3  # by what could be read


# -- in Redis and Valkey ---------------------------------------------------------------------------


@pytest.mark.parametrize("info", ["+info", "-info"])
async def test_a_restart_on_an_older_file_is_known_also_to_whom_the_server_tells_nothing(
    valkeys, open_url, works, tmp_path, info
):
    server = valkeys(appendfsync="always")
    kept = tmp_path / "kept"

    def add():
        work = works.add()
        work.repeatable = True  # that the server went is perhaps noticed only when it is asked
        return images.step(work)

    def start():
        server.start()
        server.ask("ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", info)

    start()
    images = open_url(server.url.replace("unix://", "unix://u:p@"))
    assert await add() == 1
    server.kill9()
    shutil.copytree(server.directory, kept, ignore=shutil.ignore_patterns("s"))
    start()
    assert await add() == 2
    server.kill9()
    shutil.rmtree(server.directory)
    shutil.copytree(kept, server.directory)
    start()
    assert await add() == 3


async def test_a_primary_that_was_a_replica_meanwhile_is_compared_with_what_is_known(
    valkeys, open_url, works
):
    first, second = (valkeys(port=True).start() for _ in range(2))
    images = open_url(first.url, mend=greatest)
    assert await images.step(works.add()) == 1
    second.follow(first)
    second.ask("REPLICAOF", "NO", "ONE")  # while the first is still asked
    assert await images.step(works.add()) == 2
    first.follow(second)
    first.ask("REPLICAOF", "NO", "ONE")  # the same process, and the same run of it
    assert await images.step(works.add()) == 3


async def test_a_history_that_others_went_on_with_is_known_by_its_name(
    valkeys, open_url, works, caplog
):
    first, second = (valkeys(port=True).start() for _ in range(2))
    images, stranger = open_url(first.url, mend=greatest), open_url(second.url)
    assert await images.step(works.add()) == 1
    second.follow(first)
    second.ask("REPLICAOF", "NO", "ONE")
    for n in range(4):
        assert await images.step(works.add()) == n + 2
    assert await stranger.step(works.add()) == 2  # later than all that, and knowing less
    first.follow(second)
    images._server._link = await images._server._link.drop()  # as any network would
    first.ask("REPLICAOF", "NO", "ONE")
    assert await images.step(works.add()) == 6
    assert "may have been restarted or replaced" in caplog.text


@pytest.mark.parametrize("wish", ["stop", "local"])
async def test_an_account_that_is_evicted_is_put_back_by_who_knows_it(
    valkey, processes, caplog, wish
):
    """The store answers, so nothing stops and nobody goes alone: it is only mended."""
    one, other = (processes(valkey.url, on_state_lost=wish) for _ in range(2))
    assert (await one(3), await other(3)) == (3, 3)
    await one.client.scheduler.snapshot(one.account)  # it knows of all six
    (key,) = [name for name in valkey.ask("KEYS", "*") if one.account.encode() in name]
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    valkey.ask("CONFIG", "SET", "maxmemory", valkey.ask("INFO", "memory")["used_memory"] + 500_000)
    for n in range(20_000):
        valkey.ask("SET", f"of-a-cache:{n}", bytes(5_000))
        if not valkey.ask("EXISTS", key):
            break
    assert not valkey.ask("EXISTS", key)
    valkey.ask("CONFIG", "SET", "maxmemory", "0")
    assert (await one(), await other()) == (4, 0)
    assert await processes(valkey.url)() == 0
    assert "has lost the counts of" in caplog.text or "may have been restarted" in caplog.text
    assert "kept alone" not in caplog.text
