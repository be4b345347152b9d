"""What `postpress doctor` is told of a real file, which it leaves as it is."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import closing

import pytest

from postpress_async import machine
from postpress_async.errors import ConfigurationError
from postpress_async.storage.sqlite import content
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.health import health
from postpress_async.storage.sqlite.images import COUNTS
from postpress_async.storage.sqlite.schema import Schema

DAY = 86_400
AROUND = ["sqlite", "file_system", "directory", "disk", "file", "synchronous"]
INSIDE = ["reachable", "schema", "journal", "clock", "integrity", "lock"]


async def look(path, query="", **options):
    """Return the findings by name, having made sure that nothing was changed."""
    before = everything(path.parent)
    found = {one.name: one for one in await health(f"sqlite:///{path}{query}", **options)}
    assert everything(path.parent) == before
    return found


def everything(directory):
    """Return all that a look must leave alone: names, modes and bytes.

    Not the bytes of -shm: those are the marks of who reads.
    """
    if not directory.is_dir():
        return None
    return {
        one.name: (one.lstat().st_mode, b"" if one.name.endswith("-shm") else one.read_bytes())
        for one in directory.iterdir()
        if one.is_file()
    }


def bad(found):
    return {name: one.level for name, one in found.items() if one.level != "ok"}


def follow(words):
    """Do what a next step says."""
    [command] = re.findall(r"chmod [^,]+", words)
    subprocess.run(command.split(), check=True)


def killed_at_work(path):
    """Let a process count once, and end without closing anything."""
    program = """if True:
        import asyncio, os, sys
        from postpress_async.storage.sqlite.images import SqliteImages
        class Work:
            keys = ("k",)
            def run(self, images, now): return {"k": b"1 "}, None
        async def main():
            await SqliteImages(sys.argv[1]).step(Work())
            os._exit(9)
        asyncio.run(main())
    """
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == 9


@pytest.fixture
async def made(path, open_at, works):
    """A file with something in it, which nobody has open."""
    images = open_at()
    await images.step(works.add(size=10_000))
    await images.aclose()
    return path


def change(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_of_a_file_that_is_not_there_only_its_place_is_looked_at(path):
    found = await look(path)
    assert (list(found), bad(found)) == (AROUND, {})
    assert "made at first use" in found["file"].said
    assert "made with mode 0700" in found["directory"].said
    assert not path.parent.exists()


async def test_an_empty_file_is_as_good_as_none(path):
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    found = await look(path)
    assert (list(found), bad(found)) == ([*AROUND, "schema"], {})
    assert "made at first use" in found["schema"].said


async def test_a_file_that_nobody_has_open_is_fine_and_stays_as_it_is(made):
    found = await look(made)
    assert (list(found), bad(found)) == ([*AROUND, *INSIDE], {})
    assert found["schema"].said == "format 4; ours is 4"
    assert found["lock"].said == "nobody has it open"
    assert "mode 0600" in found["file"].said
    assert sorted(one.name for one in made.parent.iterdir()) == ["counts.db"]


async def test_a_file_at_work_is_fine_too(path, open_at, works):
    images = open_at()
    await images.step(works.add())
    found = await look(path)
    assert (list(found), bad(found)) == ([*AROUND, *INSIDE], {})
    assert found["lock"].said == "nobody holds it locked"
    assert await images.step(works.add()) == 2


async def test_what_a_killed_process_left_behind_is_read_and_left(path, open_at, works):
    killed_at_work(path)
    assert path.with_name("counts.db-wal").stat().st_size
    found = await look(path)
    assert (list(found), bad(found)) == ([*AROUND, *INSIDE], {})
    assert await open_at().step(works.add()) == 2


async def test_what_is_opened_meanwhile_is_read_again(made, monkeypatch):
    others = []
    waled = content._is_waled

    def meanwhile(path):
        others.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        others[-1].execute("UPDATE meta SET seen = seen")
        return waled(path)

    monkeypatch.setattr(content, "_is_waled", meanwhile)
    found = {one.name: one for one in await health(f"sqlite:///{made}")}
    assert (len(others), bad(found)) == (1, {})
    assert found["lock"].said == "nobody holds it locked"
    others[0].close()


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "PRAGMA locking_mode=EXCLUSIVE"])
async def test_a_lock_that_stays_is_said_soon(made, how):
    with closing(sqlite3.connect(made, isolation_level=None)) as other:
        other.execute(how)
        other.execute("UPDATE meta SET seen = seen")
        began = time.monotonic()
        found = await look(made)
        assert time.monotonic() - began < 20  # and not the 30 s that counting waits
    assert bad(found) == {"lock": "error"}
    assert "a database browser" in found["lock"].next_step
    assert bad(await look(made)) == {}


async def test_a_network_file_system_is_an_error_before_anything_is_opened(made):
    found = await look(made, file_system=lambda directory: "nfs4")
    assert bad(found) == {"file_system": "error"}
    assert "file" not in found
    found = await look(made, file_system=lambda directory: "")
    assert bad(found) == {"file_system": "note"}


@pytest.mark.parametrize("end", ["", "-wal"])
async def test_what_others_may_read_is_warned_of(path, open_at, works, end):
    images = open_at()
    await images.step(works.add())
    path.with_name(f"counts.db{end}").chmod(0o644)
    found = await look(path)
    assert bad(found) == {"file": "warning"}
    follow(found["file"].next_step)
    assert bad(await look(path)) == {}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_directory_that_others_may_write_is_an_error(made):
    made.parent.chmod(0o777)
    found = await look(made)
    assert bad(found) == {"directory": "error"}
    follow(found["directory"].said)
    assert bad(await look(made)) == {}


async def test_what_is_in_the_way_is_an_error(tmp_path, made):
    assert bad(await look(made.parent)) == {"file": "error"}  # a directory
    assert bad(await look(made / "counts.db")) == {"directory": "error"}
    link = tmp_path / "link.db"
    link.symlink_to(made)
    assert "symbolic link" in (await look(link))["file"].said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_what_may_not_be_written_is_an_error(made):
    made.chmod(0o400)
    assert bad(await look(made)) == {"file": "error"}
    made.unlink()
    made.parent.chmod(0o500)
    assert bad(await look(made)) == {"file": "error"}
    assert bad(await look(made.parent / "deeper" / "counts.db")) == {"directory": "error"}


async def test_a_strangers_file_is_an_error(path):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"Dear diary, " * 500)
    path.chmod(0o600)
    found = await look(path)
    assert bad(found) == {"schema": "error"}
    assert "no SQLite database" in found["schema"].said
    path.unlink()
    change(path, "CREATE TABLE mine (x)")
    path.chmod(0o600)
    assert "something else" in (await look(path))["schema"].said


async def test_a_newer_format_is_an_error(made):
    change(made, "PRAGMA user_version=99")
    found = await look(made)
    assert bad(found) == {"schema": "error"}
    assert "upgrade the package" in found["schema"].said


async def test_damage_is_an_error(made):
    with made.open("r+b") as file:
        file.seek(4096)  # the second page and the next
        file.write(b"\x0d\x00\xff" * 2000)
    found = await look(made)
    assert "error" in bad(found).values()
    [name] = [name for name, level in bad(found).items() if level == "error"]
    assert name == "integrity"
    assert "put back a copy" in found[name].next_step


async def test_a_file_that_was_cut_short_is_an_error(made):
    os.truncate(made, 4096 * 2)
    assert "error" in bad(await look(made)).values()


async def test_a_look_through_all_of_it_takes_its_time_at_most(made, monkeypatch):
    monkeypatch.setattr(content, "_STEPS", 1)
    monkeypatch.setattr(content, "_CHECK_WITHIN", -1.0)
    assert bad(await look(made)) == {"integrity": "note"}


@pytest.mark.parametrize(("ahead", "level"), [(1, None), (30, "note"), (7200, "warning")])
async def test_a_time_ahead_of_the_clock_is_said(made, ahead, level):
    change(made, f"UPDATE meta SET seen = {time.time() + ahead}")
    assert bad(await look(made)).get("clock") == level


@pytest.mark.parametrize(
    ("behind", "boot", "level"),
    [
        (7200, "this one", "note"),
        (7200, "another", "note"),  # it stays so behind
        (30, "this one", "note"),
        (1, "this one", None),
        (0, "another", None),
    ],
)
async def test_a_time_behind_the_clock_is_said(made, monkeypatch, behind, boot, level):
    monkeypatch.setattr(machine, "boot_clock", lambda: "this one")
    seen = time.time() - behind - DAY  # nobody has used it since yesterday
    ahead = time.time() - behind - machine.boot_time() if boot == "this one" else 0.0
    change(made, f"UPDATE meta SET seen={seen}, boot='{boot}', ahead={ahead}, lag={-behind}")
    found = (await look(made))["clock"]
    assert found.level == (level or "ok")
    if level:
        assert re.search(rf"its time is {behind} s behind this machine's clock", found.said)
        assert "make sure that the clock is right" in found.next_step


async def test_a_time_that_is_ahead_of_its_boots_is_said(made, monkeypatch):
    monkeypatch.setattr(machine, "boot_clock", lambda: "this one")
    seen = time.time() - 100.0
    ahead = time.time() + DAY - machine.boot_time()
    change(made, f"UPDATE meta SET seen={seen}, boot='this one', ahead={ahead}")
    found = (await look(made))["clock"]
    assert found.level == "warning"
    assert re.search(r"its time is 86\d\d\d s ahead", found.said)


@pytest.mark.parametrize(("ahead", "level"), [(-DAY, None), (7200, "warning")])
async def test_a_format_before_ours_is_read_too(path, ahead, level):
    before = Schema(
        what="counts", application_id=COUNTS.application_id, migrations=COUNTS.migrations[:3]
    )
    file = SqliteFile(str(path), before)
    await file.run(lambda c: c.execute("UPDATE meta SET seen = ?", (time.time() + ahead,)))
    await file.aclose()
    found = await look(path)
    assert found["schema"].said == "format 3; ours is 4"
    assert bad(found).get("clock") == level


async def test_another_journal_mode_is_noted(made, open_at, works):
    change(made, "PRAGMA journal_mode=delete")
    assert bad(await look(made)) == {"journal": "note"}
    await open_at().step(works.add())
    assert bad(await look(made)) == {}


@pytest.mark.parametrize(("free", "level"), [(50 * 2**20, "warning"), (4096, "error")])
async def test_a_disk_that_fills_up_is_said(made, monkeypatch, free, level):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil has it
    monkeypatch.setattr(shutil, "disk_usage", lambda directory: usage(2**40, 2**40 - free, free))
    assert bad(await look(made)) == {"disk": level}


async def test_an_sqlite_that_is_too_old_is_an_error(made, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert bad(await look(made)) == {"sqlite": "error"}


async def test_what_a_power_cut_forgets_is_said(path):
    assert "the last moments" in (await look(path))["synchronous"].said
    assert "forgets nothing" in (await look(path, "?synchronous=full"))["synchronous"].said


async def test_only_a_file_is_looked_at():
    with pytest.raises(ConfigurationError, match="is no file"):
        await health("redis://host")
