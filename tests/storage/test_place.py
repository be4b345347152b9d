"""Where a file may lie, and what becomes of one that is not ours."""

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.images import COUNTS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX'")
not_root = pytest.mark.skipif(
    os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere"
)


@pytest.mark.parametrize("umask", [0o000, 0o022])
async def test_files_are_the_users_own_under_any_umask(path, open_at, works, umask):
    before = os.umask(umask)
    try:
        await open_at(path.parent / "deeper" / "counts.db").step(works.add())
    finally:
        os.umask(before)
    made = path.parent / "deeper"
    assert {entry.name for entry in made.iterdir()} == {
        "counts.db",
        "counts.db-wal",
        "counts.db-shm",
    }
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in made.iterdir()} == {0o600}
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_copy_that_others_may_read_is_closed_to_them(path, open_at, works):
    path.parent.mkdir(mode=0o700)
    path.touch()
    path.chmod(0o644)
    await open_at().step(works.add())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_copy_in_use_that_others_may_read_is_closed_to_them_with_its_log(
    path, open_at, works
):
    images = open_at()
    await images.step(works.add())
    beside = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    for one in beside:  # as they are where the file was put back, and only looked at since
        one.chmod(0o644)
    assert await open_at().step(works.add()) == 2
    assert {stat.S_IMODE(one.stat().st_mode) for one in beside} == {0o600}


async def refused(images, works, words):
    for _ in range(2):  # and again: a refusal is no state to get stuck in
        with pytest.raises(ConfigurationError, match=words):
            await images.step(works.add())


async def test_a_symbolic_link_is_refused(tmp_path, open_at, works):
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere.db")
    await refused(open_at(tmp_path / "link.db"), works, "symbolic link")
    assert not (tmp_path / "elsewhere.db").exists()


async def test_a_directory_that_others_may_write_is_refused_unless_sticky(path, open_at, works):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    images = open_at()
    await refused(images, works, "chmod go-w")
    path.parent.chmod(0o1777)
    assert await images.step(works.add()) == 1


def test_a_group_of_its_owner_alone_is_no_other_user(path, monkeypatch):
    path.parent.mkdir()
    path.parent.chmod(0o770)
    for alone in (True, False):
        monkeypatch.setattr(place, "_only_owner_in_group", lambda status, alone=alone: alone)
        if alone:
            place.prepare(str(path), lambda directory: "ext4")
        else:
            with pytest.raises(ConfigurationError, match="other users"):
                place.prepare(str(path), lambda directory: "ext4")


async def test_a_directory_or_a_file_in_the_way_is_refused(tmp_path, open_at, works):
    (tmp_path / "file").touch()
    await refused(open_at(tmp_path / "file" / "counts.db"), works, "cannot be made or written")
    await refused(open_at(tmp_path), works, "no regular file")


@not_root
async def test_what_may_not_be_written_is_refused(path, open_at, works):
    path.parent.mkdir()
    path.parent.chmod(0o500)
    await refused(open_at(), works, "may write")
    path.parent.chmod(0o700)
    path.touch(mode=0o400)
    await refused(open_at(), works, "may write")


def scribble(path, *statements):
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE mine (x)", "PRAGMA application_id=7", "PRAGMA user_version=3"]
)
async def test_another_programs_file_is_refused_and_left_alone(path, open_at, works, statement):
    scribble(path, statement)
    path.chmod(0o644)
    before = path.read_bytes()
    await refused(open_at(), works, "something else")
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


async def test_a_newer_format_is_refused(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    await images.aclose()
    scribble(path, "PRAGMA user_version=99")
    path.chmod(0o644)
    await refused(open_at(), works, "upgrade the package")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


async def test_an_upgrade_while_it_runs_is_noticed(path, open_at, works):
    images = open_at(look_every=0)
    await images.step(works.add())
    scribble(path, "PRAGMA user_version=99")
    with pytest.raises(StateUnavailableError, match="upgrade the package"):
        await images.step(works.add())
    with pytest.raises(StateUnavailableError, match="upgrade the package"):
        await images.step(works.add())
    scribble(path, f"PRAGMA user_version={len(COUNTS.migrations)}")
    assert await images.step(works.add()) == 2


async def test_what_is_no_database_is_refused(path, open_at, works):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"Dear diary, " * 500)
    path.chmod(0o644)
    await refused(open_at(), works, "no SQLite database")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


async def test_an_sqlite_that_is_too_old_is_refused(open_at, works, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    await refused(open_at(), works, "too old")


def test_importing_the_opening_loads_no_database():
    code = "import sys, postpress_async.storage.opening; print('sqlite3' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
