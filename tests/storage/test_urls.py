import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.errors import ConfigurationError
from postpress_async.storage.memory import MemoryImages
from postpress_async.storage.opening import open_images
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.sqlite.images import SqliteImages
from postpress_async.storage.urls import StoreUrl, parse


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("memory:", {"kind": "memory"}),
        ("memory://", {"kind": "memory"}),
        ("sqlite:///counts.db", {"kind": "sqlite", "path": "counts.db"}),
        ("sqlite:///a\udcff%20b.db", {"kind": "sqlite", "path": "a\udcff b.db"}),
        ("SQLite:////var/my%20counts%3F.db", {"kind": "sqlite", "path": "/var/my counts?.db"}),
        ("sqlite:///~/counts.db", {"kind": "sqlite", "path": "~/counts.db"}),
        ("sqlite:///C:/counts.db", {"kind": "sqlite", "path": "C:/counts.db"}),
        (
            "sqlite:///a.db?timeout=2.5&synchronous=FULL",
            {
                "kind": "sqlite",
                "path": "a.db",
                "options": {"timeout": "2.5", "synchronous": "FULL"},
            },
        ),
        ("postgres://", {"kind": "postgresql"}),
        (
            "postgresql://me:p%40ss%3A@[::1]:5432/mine?sslmode=verify-full",
            {
                "kind": "postgresql",
                "host": "::1",
                "port": 5432,
                "user": "me",
                "password": "p@ss:",
                "database": "mine",
                "options": {"sslmode": "verify-full"},
            },
        ),
        (
            "postgresql://me@one,[::1]:5433,two/mine?target_session_attrs=primary",
            {
                "kind": "postgresql",
                "host": "one",
                "others": (("::1", 5433), ("two", None)),
                "user": "me",
                "database": "mine",
                "options": {"target_session_attrs": "primary"},
            },
        ),
        (
            "postgresql://host/mine?sslrootcert=/etc/c++/ca%2B.pem",
            {
                "kind": "postgresql",
                "host": "host",
                "database": "mine",
                "options": {"sslrootcert": "/etc/c++/ca+.pem"},
            },
        ),
        ("redis://host", {"kind": "redis", "host": "host"}),
        (
            "rediss://:word@host:6380/2?prefix=a",
            {
                "kind": "redis",
                "host": "host",
                "port": 6380,
                "password": "word",
                "database": "2",
                "tls": True,
                "options": {"prefix": "a"},
            },
        ),
        (
            "unix://me:word@/run/redis.sock?db=3",
            {
                "kind": "redis",
                "path": "/run/redis.sock",
                "user": "me",
                "password": "word",
                "database": "3",
            },
        ),
    ],
)
def test_a_url_is_read(url, meant):
    assert parse(url) == StoreUrl(**meant)


@pytest.mark.parametrize(
    ("url", "next_step"),
    [
        ("", "use memory:"),
        ("memory", "write memory:"),
        ("memory:x", "write memory:"),
        ("counts.db", "sqlite:///"),
        ("/var/counts.db", "sqlite:///"),
        ("mysql://host/x", "use memory:"),
        ("sqlite:", "two slashes"),
        ("sqlite:counts.db", "two slashes"),
        ("sqlite://", "sqlite:///counts.db"),
        ("sqlite:///", "sqlite:///counts.db"),
        ("sqlite:///dir/", "sqlite:///counts.db"),
        ("sqlite://counts.db", "three slashes"),
        ("sqlite://:memory:", "use memory:"),
        ("sqlite:///:memory:", "use memory:"),
        ("sqlite:////C:/x.db", "sqlite:///C:/counts.db"),
        ("sqlite:///~bob/x.db", "in full"),
        ("sqlite:///a.db?mode=ro", "synchronous, timeout"),
        ("sqlite:///a.db?timeout=soon", "number of seconds"),
        ("sqlite:///a.db?synchronous=off", "normal or full"),
        ("sqlite:///a.db?timeout=1&timeout=2", "once"),
        ("sqlite:///a.db?", None),
        ("sqlite:///a.db?timeout", "with a value"),
        ("sqlite:///50%.db", "%25"),
        ("sqlite:///a%00.db", "control character"),
        ("postgresql://u%00:pw@host/name", "control character"),
        ("postgresql://u:p%00w@host/name", "control character"),
        ("postgresql://host/na%00me", "control character"),
        ("postgresql://host/name?sslcert=%00", "control character"),
        ("redis://:p%00w@host", "control character"),
        ("redis://:p%FFw@host", "no UTF-8"),
        ("postgresql://u:p%c3w@host/name", "no UTF-8"),
        ("sqlite:///a%ff.db", "no UTF-8"),
        ("sqlite:///a b.db ", "%20"),
        ("sqlite:///a#b.db", "%23"),
        ("redis://host:0", "1 to 65535"),
        ("redis://host:port", "1 to 65535"),
        ("redis://host/x", "no number"),
        ("redis://host/1?db=2", "not by both"),
        ("redis://::1", "[IPv6]"),
        ("unix://run.sock", "unix:///run"),
        ("redis://a,b", "no host"),
        ("postgresql://a,/x", "one of them empty"),
        ("postgresql://a,b:0/x", "1 to 65535"),
        ("postgresql://a,b/x?target_session_attrs=standby", "any, primary, read-write"),
        ("redis://a?target_session_attrs=primary", "does not know"),
        ("postgresql://a/x?sslmode=foo", "verify-full"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_next_step(url, next_step):
    if next_step is None:
        assert parse(url).options == {}
        return
    with pytest.raises(ConfigurationError) as caught:
        parse(url)
    assert next_step in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "next_step"),
    [
        ("outbox.db", "a file's path alone needs sqlite:/// before it"),
        ("/var/outbox.db", "a file's path alone needs sqlite:/// before it"),
        ("", "is empty: use sqlite:///outbox.db"),
        ("memory", "use sqlite:///outbox.db"),
        ("memory:", "cannot keep an outbox"),
        ("redis://host", "cannot keep an outbox"),
        ("mysql://host/x", "use sqlite:///outbox.db or postgresql://host/name"),
        ("sqlite:outbox.db", "as in sqlite:///outbox.db or postgresql"),
        ("sqlite:///", "as in sqlite:///outbox.db or sqlite:////"),
        ("sqlite:///:memory:", "use sqlite:///outbox.db"),
        (3, "must be a URL such as sqlite:///outbox.db"),
    ],
)
def test_who_names_no_outbox_is_told_what_can_keep_one(url, next_step):
    with pytest.raises(ConfigurationError) as told:
        open_outbox(url)
    said = str(told.value)
    assert next_step in said
    assert "use memory:" not in said
    assert "redis://" not in said
    assert "counts.db" not in said


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:hunter2@host",
        "redis://me:hunter2@host:x",
        "redis://me:hunt/er2hunter2@host",
        "redis://me:a@hunter2@host",
        "postgresql://me:hunter2@ho st/x",
        "postgresql://me:%hunter2@host/x",
        "postgresql://me:x#hunter2@host/x",
        "postgresql://host/x?password=hunter2",
        "postgresql://host/x?hunter2!",
        "mysql://me:hunter2@host",
        "hunter2:x",
        "hunter2",
        "sqlite://me:hunter2@host/x",
        "unix://me:hunter2@x",
    ],
)
def test_a_password_is_never_shown(url):
    try:
        shown = repr(parse(url))
    except ConfigurationError as error:
        shown = repr(error)
    assert "hunter2" not in shown


@given(st.text(max_size=60) | st.from_regex(r"(sqlite|redis|postgresql|unix)://.{0,40}"))
def test_any_text_is_read_or_refused(text):
    try:
        parse(text)
    except ConfigurationError:
        return


async def test_stores_are_opened_by_their_url(tmp_path):
    for url, kind in [("memory:", MemoryImages), (f"sqlite:///{tmp_path}/x.db", SqliteImages)]:
        images = open_images(url)
        assert isinstance(images, kind)
        await images.aclose()
    assert not (tmp_path / "x.db").exists()  # nothing is opened before it is needed


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@host/x", "host"),
        ("redis://me:hunter2@host", "redis://host:6379"),
        ("rediss://me:hunter2@[::1]:7000/2", "rediss://[::1]:7000/2"),
        ("unix://me:hunter2@/run/redis.sock?db=3", "unix:///run/redis.sock?db=3"),
    ],
)
async def test_a_server_is_named_without_who_asks_it(url, shown):
    images = open_images(url)
    assert shown in images._server.where
    for text in (images._server.where, repr(images), repr(images._server)):
        assert "hunter2" not in text
        assert "me" not in text.split("://")[-1].split("host")[0]
    await images.aclose()


@pytest.mark.parametrize(
    ("url", "next_step"),
    [
        ("redis://h?ssl_ca_certs=/nope", "write rediss:"),
        ("rediss://h?ssl_ca_certs=/nope", "names no file"),
    ],
)
def test_a_file_that_is_not_there_is_told_when_the_store_is_made(url, next_step):
    with pytest.raises(ConfigurationError, match=next_step):
        open_images(url)


@pytest.mark.parametrize("prefix", ["a{b", "a}b", "a%20b", "x" * 65])
def test_a_prefix_that_would_break_its_keys_is_refused(prefix):
    with pytest.raises(ConfigurationError, match="prefix"):
        open_images(f"redis://host?prefix={prefix}")


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("postpress_async.storage.redis")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if "site-packages" not in one])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(ConfigurationError, match=r"pip install 'postpress-async\[redis\]'"):
        open_images("redis://host")
