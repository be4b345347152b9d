"""What `postpress doctor` is told of a real PostgreSQL."""

import re
import time

import pytest

from postpress_async.errors import ConfigurationError
from postpress_async.storage.postgres.health import _clock, health
from postpress_async.storage.urls import parse

FINE = [
    *("reachable", "version", "writable", "synchronous_commit", "fsync", "full_page_writes"),
    *("isolation", "clock", "connections", "schema", "permissions"),
]


@pytest.fixture
def url(postgres_cluster, schema):
    return f"{postgres_cluster.url}?prefix={schema}"


@pytest.fixture
def postgres_url(postgres_cluster):
    return postgres_cluster.url


async def found(url):
    return {one.name: one for one in await health(url)}


async def test_a_server_as_it_comes_is_fine_and_is_left_as_it_is(url, execute):
    looked = await found(url)
    assert list(looked) == FINE
    assert {one.level for one in looked.values()} == {"ok"}
    assert "made at first use" in looked["schema"].said
    assert "may make them" in looked["permissions"].said
    assert await execute("SELECT to_regnamespace('{schema}')") is None


async def test_tables_that_are_there_are_named(url, open_postgres):
    await open_postgres().swap([], who="a")
    looked = await found(url)
    assert {one.level for one in looked.values()} == {"ok"}
    assert "format 1; ours is 1" in looked["schema"].said
    assert "may use them" in looked["permissions"].said


async def test_what_was_turned_down_for_the_user_is_said(postgres_cluster, schema, execute):
    name = f"{schema}_role"
    url = f"{postgres_cluster.url_of('postgres', user=name)}?prefix={schema}"
    await execute(f"CREATE ROLE {name} LOGIN")
    try:
        for setting, value in [
            ("synchronous_commit", "off"),
            ("default_transaction_read_only", "on"),
            ("default_transaction_isolation", "serializable"),
        ]:
            await execute(f"ALTER ROLE {name} SET {setting} = '{value}'")
        looked = await found(url)
        assert looked["synchronous_commit"].level == "note"
        for finding in ("writable", "isolation", "permissions"):
            assert looked[finding].level == "error"
            step = looked[finding].next_step
            for statement in step[step.index(": ") + 2 :].split(";"):
                await execute(statement)
        looked = await found(url)
        assert {one.name for one in looked.values() if one.level == "error"} == set()
    finally:
        await execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
        await execute(f"DROP ROLE {name}")


async def test_who_may_not_use_the_tables_is_told_what_to_grant(
    postgres_cluster, schema, execute, open_postgres
):
    await open_postgres().swap([], who="a")
    name = f"{schema}_role"
    url = f"{postgres_cluster.url_of('postgres', user=name)}?prefix={schema}"
    await execute(f"CREATE ROLE {name} LOGIN")
    try:
        looked = await found(url)
        assert looked["permissions"].level == "error"
        step = looked["permissions"].next_step
        for grant in step[step.index("GRANT") :].split(";"):
            await execute(grant)
        assert (await found(url))["permissions"].level == "ok"
    finally:
        await execute(f"DROP OWNED BY {name}")
        await execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
async def test_settings_that_lose_counts_are_warned_of(postgres_cluster, url, execute, name):
    await execute(f"ALTER SYSTEM SET {name} = off")
    postgres_cluster.reload()
    try:
        assert await changed(url, name, "warning")
        step = (await found(url))[name].next_step
        await execute(step[step.index("ALTER") :])
        postgres_cluster.reload()
        assert await changed(url, name, "ok")
    finally:
        await execute(f"ALTER SYSTEM RESET {name}")
        postgres_cluster.reload()


async def changed(url, name, level):
    until = time.monotonic() + 5
    while (await found(url))[name].level != level:
        if time.monotonic() > until:
            return False
    return True


async def test_a_newer_format_and_another_programs_tables(url, execute, open_postgres):
    await open_postgres().swap([], who="a")
    await execute("UPDATE {schema}.counts_meta SET version = 9")
    looked = await found(url)
    assert looked["schema"].level == "error"
    assert "newer" in looked["schema"].said
    await execute("DROP TABLE {schema}.counts_meta")
    assert "of another program" in (await found(url))["schema"].said


async def test_a_function_that_was_dropped_is_missed(url, execute, open_postgres):
    await open_postgres().swap([], who="a")
    await execute("DROP FUNCTION {schema}.counts_swap_1")
    looked = await found(url)
    assert looked["schema"].level == "error"
    assert "counts_swap_1" in looked["schema"].said
    await execute("DROP TABLE {schema}.counts, {schema}.counts_meta")  # as it says
    await open_postgres().swap([], who="a")
    assert (await found(url))["schema"].level == "ok"


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ("last = 1.0, skew = 0", None),
        ("last = 1.0, skew = 50", None),  # it was set right
        ("last = 1.0, skew = -3600", "3600 s behind its clock"),
        # It was set right since the note: the time has stood since then, and goes on from there.
        ("last = date_part('epoch', clock_timestamp()), skew = -86400", None),
        ("last = date_part('epoch', clock_timestamp()) - 5000, skew = -86400", "50.. s behind"),
        ("last = 4e9, skew = 3e9", "3000000000 s ahead of its clock"),
        ("last = 4e9, skew = 0", "s ahead of its clock"),  # which was set back since the note
    ],
)
async def test_a_time_that_is_not_the_clocks_is_told(
    postgres_url, schema, open_postgres, execute, *, noted, said
):
    await open_postgres().swap([], who="a")
    await execute(f"UPDATE {{schema}}.counts_meta SET {noted}")
    looked = (await found(f"{postgres_url}?prefix={schema}")).get("time")
    assert (looked and looked.level) == (said and "note")
    assert said is None or re.search(said, looked.said)


async def test_a_server_that_is_not_there(postgres_cluster):
    said = await health("postgresql://me:hidden@127.0.0.1:1/name")
    assert [(one.name, one.level) for one in said] == [("reachable", "error")]
    assert "hidden" not in repr(said)
    said = await health(postgres_cluster.url_of("nothing"))
    assert "no such database" in said[0].said
    assert [(one.name, one.level) for one in said] == [("login", "error")]


async def test_only_a_postgresql_is_looked_at():
    with pytest.raises(ConfigurationError, match="is no PostgreSQL"):
        await health("redis://host")
    assert parse("postgres://host").kind == "postgresql"


@pytest.mark.parametrize(("ahead", "level"), [(1, "ok"), (-5, "note"), (3600, "warning")])
def test_clocks_that_differ(ahead, level):
    assert _clock(ahead).level == level


async def test_standbys_are_told_by_what_is_lost_when_one_takes_over(primary, standby):
    async def looked():
        return (await found(primary.url)).get("standbys")

    primary.wait_for("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
    told = await looked()
    assert (told.level, told.next_step[:4]) == ("warning", "name")
    assert "1 may lag" in told.said
    standby.make_sync(primary)
    assert (await looked()).level == "ok"
    primary.ask("ALTER ROLE postgres SET synchronous_commit = 'local'")
    told = await looked()
    assert (told.level, "no commit waits" in told.said) == ("warning", True)
    primary.ask(told.next_step.partition(": ")[2])
    assert (await looked()).level == "ok"
    # One who may not see what others do is told as much as can be.
    primary.ask("CREATE ROLE nobody LOGIN")
    try:
        assert (await found(primary.url_of("postgres", user="nobody")))["standbys"].level == "ok"
    finally:
        primary.ask("DROP ROLE nobody")
    of_standby = await found(standby.url)
    assert of_standby["writable"].level == "error"
    assert "standbys" not in of_standby
    standby.stop()
    primary.wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_replication)")
    told = await looked()
    assert (told.level, "none of these is there" in told.said) == ("error", True)
    primary.reset()
    primary.wait_for("SELECT current_setting('synchronous_standby_names') = ''")
    assert await looked() is None
