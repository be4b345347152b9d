"""What goes wrong with a PostgreSQL while it is in use, what is said of it, and that it passes."""

import asyncio
import logging
import os
import signal
import socket
import time

import pytest

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError
from postpress_async.storage.postgres import link
from postpress_async.storage.postgres.health import health
from postpress_async.storage.remote.images import PATIENCE
from postpress_async.storage.remote.swaps import LATE, NotDoneError, Swap

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals stop and kill the server")

SOON = 20.0  # seconds; how soon whoever asks is told, told time has exactly (test_remote_images)


@pytest.fixture
def cluster(postgres_cluster):
    """Return a server that may be stopped, frozen and killed; it runs again afterwards."""
    yield postgres_cluster
    postgres_cluster.thaw()
    if not postgres_cluster.running:
        postgres_cluster.start()


@pytest.fixture
def postgres_url(postgres_cluster):
    return postgres_cluster.url  # not that of POSTGRES_URL: it is not ours to break


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, "postpress_async")
    return lambda: [record.getMessage() for record in caplog.records]


async def refused(images, work, error, words):
    began = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        await images.step(work)
    assert time.monotonic() - began < SOON
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def until(answer):
    """Wait until an answer is yes: a loaded machine is slow, not wrong."""
    async with asyncio.timeout(30.0):
        while not await answer():  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.02)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def unavailable(images, work, words):
    return await refused(images, work, StateUnavailableError, words)


async def misconfigured(images, work, words):
    return await refused(images, work, ConfigurationError, words)


# -- it is not there -------------------------------------------------------------------------------


async def test_a_server_that_refuses_is_waited_for_and_then_gone_on_with(
    cluster, open_postgres_images, works, warnings
):
    images = open_postgres_images()
    assert await images.step(works.add()) == 1
    cluster.stop()
    for _ in range(2):
        await unavailable(images, works.add(), "cannot be reached|shut down|was lost")
    cluster.start()
    assert await images.step(works.add()) == 2
    said = warnings()
    assert len([line for line in said if "out of reach" in line]) == 1
    assert len([line for line in said if "within reach again" in line]) == 1


async def test_a_short_absence_is_waited_out(cluster, open_postgres_images, works):
    images = open_postgres_images()
    assert await images.step(works.add()) == 1
    cluster.stop()
    asked = asyncio.create_task(images.step(works.add()))
    await asyncio.sleep(0.3)  # tried, and again: it would give up after several seconds
    cluster.start()
    assert await asked == 2


async def test_a_name_that_nobody_knows(open_postgres_images, works):
    images = open_postgres_images("postgresql://me:hidden@nowhere.invalid/name")
    assert "hidden" not in await unavailable(images, works.add(), "cannot be reached")


async def test_a_server_without_room_for_one_more_process_is_asked_again(
    open_postgres_images, works
):
    async def spent(reader, writer):
        await reader.read(8)  # the question for TLS, which such a server has nobody to read
        writer.write(b"Ecould not fork new process for connection: Cannot allocate memory\n\0")
        writer.close()

    async with await asyncio.start_server(spent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        images = open_postgres_images(f"postgresql://me:hidden@127.0.0.1:{port}/name")
        await unavailable(images, works.add(), "cannot be reached; the next call tries again")


async def test_who_accepts_and_never_answers(open_postgres_images, works):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        images = open_postgres_images(f"postgresql://me:hidden@127.0.0.1:{port}/name")
        said = await unavailable(images, works.add(), "did not let us in|does not answer")
        assert "hidden" not in said


async def test_connecting_outlives_those_who_waited_in_vain(open_postgres, postgres_cluster):
    """A server that is further away than anybody waits is reached nevertheless."""

    served = []

    async def slowly(reader, writer):
        served.append(asyncio.current_task())
        await asyncio.sleep(0.4)
        there, back = await asyncio.open_connection("127.0.0.1", postgres_cluster.port)
        await asyncio.gather(forward(reader, back), forward(there, writer))

    async def forward(reader, writer):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(slowly, "127.0.0.1", 0) as far:
        port = far.sockets[0].getsockname()[1]
        patient = "connect_timeout=20"  # a connection of the test is slow where many run
        server = open_postgres(f"postgresql://postgres@127.0.0.1:{port}/postgres?{patient}")
        for _ in range(100):
            try:
                async with asyncio.timeout(0.2):
                    answer = await server.swap([], who="a")
                    break
            except TimeoutError:
                continue
        assert answer.now > 0
        await server.aclose()
        await asyncio.gather(*served)


async def test_an_old_connection_is_kept_where_no_other_is_to_be_had(
    open_postgres, role, monkeypatch
):
    await role("CONNECTION LIMIT 1")
    server = open_postgres(role.url)
    await server.swap([], who="a")
    first = server._link
    monkeypatch.setattr(link, "LIVES", 0.0)
    await server.swap([], who="a")
    await asyncio.wait({server._connecting})
    assert isinstance(server._connecting.exception(), StateUnavailableError)
    await server.swap([], who="a")
    assert server._link is first


# -- it stops in the middle ------------------------------------------------------------------------


async def test_what_a_frozen_server_was_asked_is_not_done_when_it_wakes(
    cluster, open_postgres_images, works, warnings
):
    images, other = open_postgres_images(), open_postgres_images()
    assert await images.step(works.add()) == 1
    cluster.freeze()
    began = time.monotonic()
    await unavailable(images, works.add(), "does not answer")
    assert time.monotonic() - began > PATIENCE - 0.5
    await asyncio.sleep(LATE - PATIENCE + 0.2)
    cluster.thaw()
    assert await other.step(works.read()) == 1
    await asyncio.sleep(0.2)
    assert await images.step(works.add()) == 2
    assert len([line for line in warnings() if "out of reach" in line]) == 1


@pytest.mark.parametrize("end", ["stop", "kill9"])
async def test_nothing_falls_back_when_it_is_restarted(
    cluster, open_postgres_images, works, execute, end
):
    images = open_postgres_images()
    await images.step(works.add())
    # Even where somebody has turned durability down for all.
    await execute("ALTER ROLE postgres SET synchronous_commit = off")
    images = open_postgres_images()
    try:
        for _ in range(100):
            last = await images.step(works.add())
        asked = [asyncio.ensure_future(images.step(works.add())) for _ in range(5)]
        await asyncio.sleep(0.002)
        getattr(cluster, end)()
        cluster.start()
        done = await asyncio.gather(*asked, return_exceptions=True)
        stranger = open_postgres_images()  # who knows nothing to mend with
        told = [one for one in done if isinstance(one, int)]
        assert await stranger.step(works.read()) >= max([last, *told])
        assert await images.step(works.add()) > last
    finally:
        await execute("ALTER ROLE postgres RESET synchronous_commit")


async def test_a_session_that_is_ended_by_an_administrator(
    open_postgres_images, works, execute, warnings
):
    images = open_postgres_images()
    ours = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = "
    await images.step(works.add())
    for n in range(2, 5):
        assert await execute(f"{ours}'postpress-async'") >= 1
        assert await images.step(works.add()) == n
    assert warnings() == []


async def test_ended_in_the_middle(open_postgres_images, works, execute, holding):
    images = open_postgres_images()
    await images.step(works.add())
    async with holding("LOCK TABLE {schema}.counts IN ACCESS EXCLUSIVE MODE"):
        asked = asyncio.create_task(images.step(works.add()))
        await until(lambda: execute(WAITING))
        ended = await execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'postpress-async' AND wait_event_type = 'Lock'"
        )
        assert ended == 1
    assert await asked == 2


async def test_whoever_is_cancelled_leaves_no_answer_for_another(open_postgres, holding, execute):
    server = open_postgres()
    await server.swap([], who="a")
    async with holding("LOCK TABLE {schema}.counts_meta IN ACCESS EXCLUSIVE MODE"):
        asked = asyncio.create_task(server.swap([], who="a"))
        await until(lambda: execute(WAITING))
        began = time.monotonic()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert time.monotonic() - began < 2.0  # the lock is waited for longer
    assert (await server.swap([], who="a")).fates == ()


# -- others are in the way -------------------------------------------------------------------------


@pytest.fixture
def holding(postgres_url, schema):
    """Return what holds a lock in a session of its own."""
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    class Holding:
        def __init__(self, statement):
            self.statement = statement.replace("{schema}", schema)

        async def __aenter__(self):
            self.connection = psycopg.connect(postgres_url)
            self.connection.execute(self.statement)

        async def __aexit__(self, *_):
            self.connection.rollback()
            self.connection.close()

    return Holding


@pytest.mark.parametrize(
    "lock",
    [
        "LOCK TABLE {schema}.counts IN ACCESS EXCLUSIVE MODE",
        "SELECT FROM {schema}.counts FOR UPDATE",
        "SELECT pg_advisory_xact_lock(hashtextextended('k', '{schema}.counts'::regclass::int8))",
    ],
)
async def test_a_lock_of_another_session_is_named(
    open_postgres_images, works, execute, holding, lock
):
    images = open_postgres_images()
    await images.step(works.add())
    async with holding(lock):
        await unavailable(images, works.add(), "another session holds a lock.* SyncRep")

        async def nobody():
            return await execute(WAITING) == 0

        await until(nobody)  # is left in the queue for it
    assert await images.step(works.add()) == 2


async def test_a_session_that_is_frozen_with_a_lock_stops_what_it_holds_and_nothing_else(
    open_postgres, open_postgres_images, works, execute, holding
):
    images, frozen = open_postgres_images(), open_postgres()
    assert await images.step(works.add()) == 1
    await frozen.swap([], who="a")
    pid = frozen._link._connection.info.backend_pid
    async with holding("LOCK TABLE {schema}.counts_meta IN ACCESS EXCLUSIVE MODE"):
        swap = Swap(seen=(("k", b"12345678"),), writes=(("k", bytes(17)),), now=0.0)
        asked = asyncio.create_task(frozen.swap([swap], who="a"))  # it gets the lock of `k` first
        locks = f"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory'"
        while not await execute(f"{locks} AND granted"):
            pass
        os.kill(pid, signal.SIGSTOP)
    try:
        assert await images.step(works.add("other")) == 1
        await unavailable(images, works.add(), "another session holds a lock")
    finally:
        os.kill(pid, signal.SIGCONT)
    with pytest.raises(NotDoneError, match="another session holds a lock"):
        await asked  # it had waited for too long when it woke
    # What was given up may have been in line behind it: it counts, though nobody was told so.
    assert await images.step(works.add()) in {2, 3}


async def test_it_is_known_what_was_certainly_not_done(open_postgres, holding, execute):
    server = open_postgres()
    await server.swap([], who="a")
    async with holding("LOCK TABLE {schema}.counts_meta IN ACCESS EXCLUSIVE MODE"):
        with pytest.raises(NotDoneError, match="another session holds a lock"):
            await server.swap([], who="a")
    await server.swap([], who="a")
    sessions = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND application_name = 'postpress-async'"
    )
    link = server._link
    assert await execute(sessions)

    async def ended():
        return not link.usable

    await until(ended)
    await server.swap([], who="a")  # that it was ended is seen before anything is sent
    async with holding("LOCK TABLE {schema}.counts_meta IN ACCESS EXCLUSIVE MODE"):
        asked = asyncio.create_task(server.swap([], who="a"))
        await until(lambda: execute(WAITING))
        assert await execute(sessions)
        with pytest.raises(StateUnavailableError) as caught:
            await asked
    assert not isinstance(caught.value, NotDoneError), "it may have been ended after its commit"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = open_postgres(f"postgresql://postgres@127.0.0.1:{taken.getsockname()[1]}/postgres")
        with pytest.raises(NotDoneError, match="cannot be reached"):
            await nobody.swap([], who="a")


async def test_a_session_for_one_too_many(open_postgres_images, works, role):
    await role("CONNECTION LIMIT 1")
    first, second = open_postgres_images(role.url), open_postgres_images(role.url)
    assert await first.step(works.add()) == 1
    await unavailable(second, works.add(), "no connection left")
    await first.aclose()
    assert await second.step(works.add()) == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("53100", "disk is full"),
        ("53200", "short of memory or locks"),
        ("57P01", "shut down or started"),
        ("57014", "cancelled the statement"),
        ("25006", "takes no writes"),
        ("58030", "reading or writing failed"),
        ("XX001", "damaged"),
        ("40001", "at the same moment"),
        ("22012", "refused a statement"),
    ],
)
async def test_what_the_server_says_is_told_with_the_next_step(
    open_postgres_images, works, execute, state, words
):
    images = open_postgres_images()
    await images.step(works.add())
    await execute("ALTER FUNCTION {schema}.counts_swap_1 RENAME TO kept")
    await execute(
        "CREATE FUNCTION {schema}.counts_swap_1(text, bool, text[], bool[], int4[], float8[], "
        "bytea[], bytea[], float8, OUT told_now float8, OUT told_lead float8, OUT identity text, "
        "OUT fates text, OUT told int4[], OUT told_values bytea[]) LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE 'no way' USING ERRCODE = '{state}'; END $$"
    )
    await unavailable(images, works.add(), words)
    await execute("DROP FUNCTION {schema}.counts_swap_1")
    await execute("ALTER FUNCTION {schema}.kept RENAME TO counts_swap_1")
    assert await images.step(works.add()) == 2


async def test_a_passing_conflict_is_asked_again_at_once(open_postgres, execute):
    server = open_postgres()
    await server.swap([], who="a")
    await execute("CREATE SEQUENCE {schema}.tries")
    body = await execute(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p "
        "WHERE pronamespace = '{schema}'::regnamespace AND proname = 'counts_swap_1'"
    )
    failing = (
        "\nBEGIN\nIF nextval('{schema}.tries') < 3 THEN RAISE '' USING ERRCODE='40P01'; END IF;"
    )
    await execute(body.replace("\nBEGIN", failing, 1))
    assert (await server.swap([], who="a")).fates == ()
    assert await execute("SELECT last_value FROM {schema}.tries") == 3


# -- somebody changed something --------------------------------------------------------------------


async def test_a_row_deleted_by_hand_comes_back(open_postgres_images, works, execute, warnings):
    images = open_postgres_images()
    for _ in range(3):
        await images.step(works.add())
    await execute("DELETE FROM {schema}.counts WHERE key = 'k'")
    assert await images.step(works.add()) == 4
    assert any("has lost the counts of k" in line for line in warnings())


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE {schema}.counts",
        "TRUNCATE {schema}.counts, {schema}.counts_meta",
        "DROP SCHEMA {schema} CASCADE",
        "DROP TABLE {schema}.counts, {schema}.counts_meta; DROP FUNCTION {schema}.counts_swap_1",
        "DROP TABLE {schema}.counts, {schema}.counts_meta",
    ],
)
async def test_all_that_was_lost_is_given_back_by_those_who_know(
    open_postgres_images, works, execute, change
):
    images, other = open_postgres_images(), open_postgres_images()
    for _ in range(3):
        await images.step(works.add())
    await other.step(works.add("other"))
    for statement in change.split(";"):
        await execute(statement)
    assert await images.step(works.add()) == 4
    assert await other.step(works.add("other")) == 2
    assert await other.step(works.read()) == 4


async def test_half_of_the_tables(open_postgres_images, works, execute):
    images = open_postgres_images()
    await images.step(works.add())
    await execute("DROP TABLE {schema}.counts")
    await misconfigured(images, works.add(), "was dropped")


async def test_a_newer_format(open_postgres_images, works, execute):
    images = open_postgres_images()
    await images.step(works.add())
    await execute("UPDATE {schema}.counts_meta SET version = 7")
    await execute("DROP FUNCTION {schema}.counts_swap_1")
    await misconfigured(images, works.add(), "newer postpress-async .format 7, this one knows 1")
    await misconfigured(open_postgres_images(), works.add(), "upgrade")


@pytest.mark.parametrize(
    "table", ["counts (id int)", "counts_meta (id int)", "counts_meta (what text, version int)"]
)
async def test_another_programs_table(open_postgres_images, works, execute, table):
    await execute("CREATE SCHEMA {schema}")
    await execute("CREATE TABLE {schema}." + table)
    await execute("CREATE TABLE {schema}.more (id int)")
    if "version" in table:
        await execute("INSERT INTO {schema}.counts_meta VALUES ('theirs', 1)")
    said = await misconfigured(open_postgres_images(), works.add(), "of another program")
    assert "?prefix=" in said


async def test_another_programs_tables_beside_ours_are_no_matter(
    open_postgres_images, works, execute
):
    await execute("CREATE SCHEMA {schema}")
    await execute("CREATE TABLE {schema}.users (id int)")
    assert await open_postgres_images().step(works.add()) == 1


# -- who may ---------------------------------------------------------------------------------------


@pytest.fixture
async def role(postgres_cluster, execute, schema):
    """Return a user with no permissions, made when it is called."""

    class Role:
        name = f"{schema}_role"
        url = postgres_cluster.url_of("postgres", user=f"{schema}_role")

        async def __call__(self, options=""):
            await execute(f"CREATE ROLE {self.name} LOGIN {options}")
            await execute(f"CREATE SCHEMA {{schema}} AUTHORIZATION {self.name}")

    made = Role()
    yield made
    await execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    await execute(f"DROP OWNED BY {made.name}")
    await execute(f"DROP ROLE {made.name}")


async def test_who_may_make_nothing_is_told_what_an_administrator_runs(
    open_postgres_images, works, execute, role
):
    await role()
    await execute("DROP SCHEMA {schema}")
    images = open_postgres_images(role.url)
    said = await misconfigured(images, works.add(), "does not let")
    for step in said[said.index("CREATE SCHEMA") :].split(";"):
        await execute(step)
    assert await images.step(works.add()) == 1


async def test_who_may_not_make_tables_in_a_schema_that_is_there(
    open_postgres_images, works, execute, role
):
    await role()
    await execute("ALTER SCHEMA {schema} OWNER TO postgres")
    images = open_postgres_images(role.url)
    said = await misconfigured(images, works.add(), "does not let")
    await execute(said[said.index("ALTER SCHEMA") :])
    assert await images.step(works.add()) == 1


async def test_who_may_not_use_somebody_elses_tables_is_told_what_to_grant(
    open_postgres_images, works, execute, role
):
    await role()
    await execute("DROP SCHEMA {schema}")
    assert await open_postgres_images().step(works.add()) == 1
    images = open_postgres_images(role.url)
    said = await misconfigured(images, works.add(), "may not use the tables")
    for grant in said[said.index("GRANT") :].split(";"):
        await execute(grant)
    assert await images.step(works.add()) == 2


async def test_where_functions_are_nobodys_by_themselves_the_grant_names_it(
    open_postgres_images, works, execute, role, schema
):
    await role()
    await execute("DROP SCHEMA {schema}")
    assert await open_postgres_images().step(works.add()) == 1
    await execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC")
    images = open_postgres_images(role.url)
    said = await misconfigured(images, works.add(), "may not use the tables")
    *tables, function = said[said.index("GRANT") :].split(";")
    for grant in tables:
        await execute(grant)
    await misconfigured(images, works.add(), "may not use the tables")
    looked = {one.name: one for one in await health(f"{role.url}?prefix={schema}")}
    assert looked["permissions"].level == "error"
    assert looked["permissions"].next_step.endswith(function)
    await execute(function)
    assert await images.step(works.add()) == 2
    looked = {one.name: one for one in await health(f"{role.url}?prefix={schema}")}
    assert looked["permissions"].level == "ok"


async def test_a_wrong_password(  # noqa: PLR0917 - fixtures
    postgres_cluster, open_postgres_images, works, role, execute, caplog
):
    caplog.set_level(logging.DEBUG)
    await role("PASSWORD 'right'")
    before = postgres_cluster.hba.read_text()
    postgres_cluster.hba.write_text(f"host all {role.name} 127.0.0.1/32 scram-sha-256\n{before}")
    loaded = await execute("SELECT pg_conf_load_time()")
    postgres_cluster.reload()

    async def reloaded():
        return await execute("SELECT pg_conf_load_time()") != loaded

    try:
        await until(reloaded)
        url = postgres_cluster.url_of("postgres", user=role.name, password="wr%25ng")
        said = await misconfigured(open_postgres_images(url), works.add(), "user or the password")
        [finding] = await health(url)
        assert (finding.name, "user or the password" in finding.said) == ("login", True)
        assert "wr%ng" not in said + caplog.text
        none = postgres_cluster.url_of("postgres", user=role.name)
        await misconfigured(open_postgres_images(none), works.add(), "user or the password")
        url = postgres_cluster.url_of("postgres", user=role.name, password="right")
        assert await open_postgres_images(url).step(works.add()) == 1
        assert "tls" not in {finding.name for finding in await health(url)}  # of this machine
        abroad = url.replace("127.0.0.1", "0.0.0.0")  # here as well, but who knows?
        [plain] = [finding for finding in await health(abroad) if finding.name == "tls"]
        assert (plain.level, "verify-full" in plain.next_step) == ("warning", True)
    finally:
        postgres_cluster.hba.write_text(before)
        postgres_cluster.reload()


async def test_an_unknown_database_or_user(postgres_cluster, open_postgres_images, works):
    images = open_postgres_images(postgres_cluster.url_of("nothing"))
    await misconfigured(images, works.add(), "no such database")
    images = open_postgres_images(postgres_cluster.url_of("postgres", user="nobody"))
    await misconfigured(images, works.add(), "user or the password")


async def test_a_server_without_tls_where_it_is_asked_for(
    postgres_cluster, open_postgres_images, works
):
    images = open_postgres_images(f"{postgres_cluster.url}?sslmode=require")
    await misconfigured(images, works.add(), "sslmode")
    with pytest.raises(ConfigurationError, match="sslmode"):  # before anything is asked
        open_postgres_images(f"{postgres_cluster.url}?sslmode=perhaps")


async def test_a_role_that_only_reads(open_postgres_images, works, execute, role):
    await role()
    assert await open_postgres_images(role.url).step(works.add()) == 1
    await execute(f"ALTER ROLE {role.name} SET default_transaction_read_only = on")
    images = open_postgres_images(role.url)
    await unavailable(images, works.add(), "default_transaction_read_only")
    await execute(f"ALTER ROLE {role.name} RESET default_transaction_read_only")
    assert await images.step(works.add()) == 2


async def test_transactions_that_see_nobody_else(open_postgres_images, works, execute, role):
    await role()
    await execute(f"ALTER ROLE {role.name} SET default_transaction_isolation = 'serializable'")
    await misconfigured(open_postgres_images(role.url), works.add(), "not read committed")


async def test_without_psycopg_it_is_said_what_to_install(monkeypatch, open_postgres):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(PostpressError, match=r"pip install 'postpress-async\[postgres\]'"):
        open_postgres()
