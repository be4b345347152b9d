"""Stores behind TLS: whom we trust, who trusts us, and what is said where one does not.

The servers of the wheels speak no TLS: a terminator before them does.
"""

import asyncio
import re
import time
from contextlib import asynccontextmanager

import pytest
from tls import Authority, Terminator

from postpress_async.errors import ConfigurationError
from postpress_async.storage.postgres.health import health as health_of_postgres
from postpress_async.storage.redis.health import health as health_of_redis

NOT_TRUSTED = "its certificate is not trusted: name its authority with ?"
OTHER_NAME = "its certificate is for another name"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def ours(directory):
    return Authority(directory)


@pytest.fixture(scope="module")
def theirs(directory):
    return Authority(directory, "theirs")


@asynccontextmanager
async def refused(error, words):
    began = time.monotonic()
    with pytest.raises(error, match=re.escape(words)) as caught:
        yield
    assert time.monotonic() - began < 5.0
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.fixture(params=["redis", "postgres"])
def store(request, ours):
    """Return what opens images on a server through a terminator, by whichever protocol."""
    return request.getfixturevalue(f"over_{request.param}")


class OverRedis:
    authority, files, health = "ssl_ca_certs", ("ssl_certfile", "ssl_keyfile"), health_of_redis

    def __init__(self, port, opened):
        self._port, self._opened = port, opened

    def behind(self, context):
        return Terminator(self._port, context)

    def url(self, port, **options):
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://127.0.0.1:{port}?{query}"

    def open(self, port, **options):
        return self._opened(self.url(port, **options))


class OverPostgres(OverRedis):
    authority, files, health = "sslrootcert", ("sslcert", "sslkey"), health_of_postgres

    def behind(self, context):
        return Terminator(self._port, context, postgres=True)

    def url(self, port, **options):
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=verify-full&{query}"


@pytest.fixture
def over_redis(valkey, open_url):
    return OverRedis(valkey.port, open_url)


@pytest.fixture
def postgres_url(postgres_cluster):
    return postgres_cluster.url  # not that of POSTGRES_URL: its port is asked for


@pytest.fixture
def over_postgres(postgres_cluster, open_postgres_images):
    return OverPostgres(postgres_cluster.port, open_postgres_images)


async def test_a_good_certificate_is_trusted(store, ours, works):
    async with store.behind(ours.server()) as tls:
        images = store.open(tls.port, **{store.authority: ours.file})
        assert await images.step(works.add()) == 1
        await tls.cut()
        assert await images.step(works.add()) == 2


async def test_an_answer_that_is_cut_off_is_no_mistake_of_ours(store, ours, works):
    async with store.behind(ours.server()) as tls:
        images = store.open(tls.port, **{store.authority: ours.file})
        assert await images.step(works.add()) == 1
        tls.swallow()
        asked = asyncio.create_task(images.step(works.add()))
        await tls.swallowed.wait()
        await tls.cut()
        assert await asked == 2


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (("theirs", {}), NOT_TRUSTED),
        (("ours", {"host": "example.com"}), OTHER_NAME),
        (("ours", {"host": "localhost"}), OTHER_NAME),
        (("ours", {"days": -1}), "expired"),
    ],
    ids=["wrong authority", "wrong name", "another name of it", "expired"],
)
async def test_whoever_is_not_who_was_asked_for_is_not_told_anything(
    store, request, works, made, words
):
    who, options = made
    ours, context = request.getfixturevalue("ours"), request.getfixturevalue(who).server(**options)
    async with store.behind(context) as tls:
        trusted = {store.authority: ours.file}
        async with refused(ConfigurationError, words):
            await store.open(tls.port, **trusted).step(works.add())
        [finding] = await type(store).health(store.url(tls.port, **trusted))
    assert (finding.name, finding.level) == ("login", "error")
    assert words in finding.said


async def test_an_authority_of_ones_own_is_named_and_has_a_file(store, ours, works):
    async with store.behind(ours.server()) as tls:
        async with refused(ConfigurationError, f"with ?{store.authority}="):
            await store.open(tls.port, **own_authorities(store)).step(works.add())
        with pytest.raises(ConfigurationError, match=r"names no file|no file of authorities"):
            await store.open(tls.port, **{store.authority: "/nowhere.pem"}).step(works.add())


def own_authorities(store):
    """Trust whom this machine trusts, which is what Redis does where nobody is named."""
    return {"sslrootcert": "system"} if isinstance(store, OverPostgres) else {}


async def test_a_server_may_ask_for_a_certificate_of_ours(store, ours, theirs, works):
    certificate, key = store.files
    async with store.behind(ours.server(asks=True)) as tls:

        def images(signed):
            files = {certificate: signed[0], key: signed[1], store.authority: ours.file}
            return store.open(tls.port, **files)

        assert await images(ours.signed).step(works.add()) == 1
        for others in ({certificate: theirs.signed[0], key: theirs.signed[1]}, {}):
            url = store.url(tls.port, **others, **{store.authority: ours.file})
            [finding] = await type(store).health(url)  # whose patience is short
            assert (finding.level, f"?{certificate}=" in finding.said) == ("error", True)
        async with refused(ConfigurationError, key):
            await images((ours.signed[0], theirs.signed[1])).step(works.add())


async def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(
    store, ours, directory, works
):
    certificate, key = store.files
    locked = ours.locked_key
    async with store.behind(ours.server(asks=True)) as tls:
        files = {certificate: ours.signed[0], key: locked, store.authority: ours.file}
        async with refused(ConfigurationError, "no password"):
            await store.open(tls.port, **files).step(works.add())


async def test_files_that_redis_would_not_look_at_are_refused(valkey, open_url, ours, works):
    for url, words in [
        (f"redis://127.0.0.1:{valkey.port}?ssl_ca_certs={ours.file}", "write rediss:"),
        (f"{valkey.url}?ssl_certfile={ours.signed[0]}", "write rediss:"),
        (f"rediss://127.0.0.1:{valkey.port}?ssl_keyfile={ours.signed[1]}", "needs ssl_certfile="),
        ("rediss://127.0.0.1:1?ssl_certfile=/nowhere.pem", "ssl_certfile= names no file"),
    ]:
        async with refused(ConfigurationError, words):
            await open_url(url).step(works.add())


async def test_tls_where_the_server_speaks_none_and_none_where_it_does(over_redis, valkey, ours):
    [finding] = await health_of_redis(over_redis.url(valkey.port, ssl_ca_certs=ours.file))
    assert (finding.name, "or speaks no TLS" in finding.said) == ("reachable", True)
    async with over_redis.behind(ours.server()) as tls:
        [finding] = await health_of_redis(f"redis://:hunter2@127.0.0.1:{tls.port}")
    assert (finding.name, "speaks TLS (rediss:)" in finding.said) == ("reachable", True)


async def test_a_postgresql_without_tls(over_postgres, postgres_cluster, ours, works):
    async with refused(ConfigurationError, "it speaks no TLS: turn ssl on there"):
        await over_postgres.open(postgres_cluster.port, sslrootcert=ours.file).step(works.add())
