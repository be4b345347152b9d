"""Small disks that tests fill up and free, and servers that keep their data on them."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
from mounts import NotAllowedError, mounted
from postgres_server import Postgres

PAGE = 4096


class Disk:
    """A small disk of its own, empty at first."""

    def __init__(self, megabytes=1):
        self.path = Path(tempfile.mkdtemp(prefix="pp-", dir="/tmp"))
        self._mounted = mounted("tmpfs", self.path, data=f"size={megabytes}m,mode=755")
        try:
            self._mounted.__enter__()
        except NotAllowedError:
            self.path.rmdir()
            raise
        self._ballast = self.path / "ballast"

    def fill(self):
        """Leave no room for a single page."""
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(PAGE))

    def free(self, pages=None):
        """Give room again: all that `fill` took, or so many pages of it."""
        if pages is None:
            self._ballast.unlink(missing_ok=True)
        else:
            os.truncate(self._ballast, self._ballast.stat().st_size - pages * PAGE)

    def remove(self):
        """Unmount it, with all that is on it."""
        self._mounted.__exit__(None, None, None)
        shutil.rmtree(self.path, ignore_errors=True)


class SmallPostgres(Postgres):
    """One that keeps its log on a small disk, and what `url`'s user makes on another."""

    def __init__(self, log, tables):
        self._disks = {"log": log, "tables": tables}
        self._held = None
        super().__init__([("min_wal_size", "2MB"), ("max_wal_size", "4MB")])
        self.start()
        with psycopg.connect(super().url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{tables.path}'")
            connection.execute("CREATE ROLE small LOGIN SUPERUSER")
            connection.execute("ALTER ROLE small SET default_tablespace = small")

    @property
    def url(self):
        """The database, as a user whose tables are all on the small disk."""
        return self.url_of("postgres", user="small")

    def fill_tables(self, schema):
        """Leave no room for tables, nor in them.

        Old rows make no room, since somebody still sees them: as while a backup runs for long.
        """
        self._held = psycopg.connect(self.url)
        self._held.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._held.execute("SELECT count(*) FROM pg_class")
        self._disks["tables"].fill()
        with psycopg.connect(self.url, autocommit=True) as connection:
            listed = connection.execute(
                "SELECT relname, min(attname) FROM pg_class JOIN pg_attribute ON attrelid = oid "
                "WHERE relkind = 'r' AND relnamespace = %s::regnamespace "
                "AND attnum > 0 AND attidentity = '' GROUP BY relname", [schema],
            ).fetchall()  # fmt: skip
            for table, column in listed:
                name = f"{schema}.{table}"
                small = f"SELECT ctid FROM {name} AS t ORDER BY pg_column_size(t.*) LIMIT 1"
                with suppress(psycopg.errors.DiskFull):
                    while connection.execute(
                        f"UPDATE {name} SET {column} = {column} WHERE ctid = ({small})"
                    ).rowcount:
                        pass

    def fill_log(self):
        """Leave no room for the log, and wait until the server finds that out, and ends."""
        self._disks["log"].fill()
        while self.running:
            with (
                suppress(psycopg.Error),
                psycopg.connect(super().url, autocommit=True) as connection,
            ):
                for _ in range(50):
                    connection.execute(
                        "SELECT pg_logical_emit_message(false, '', %s)", ["x" * 90_000]
                    )

    def free(self):
        """Give room again, and start it as an administrator would, where it has ended."""
        if self._held is not None:
            self._held.close()
            self._held = None
        for disk in self._disks.values():
            disk.free()
        if not self.running:
            self.start()

    def drop(self, schema):
        """Delete a schema, which makes room for the next."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def _call(self, name, *arguments):
        if name == "initdb":
            for disk in self._disks.values():
                if self._user is not None:
                    shutil.chown(disk.path, self._user)
            # Segments of 1 MB: it soon wants another.
            arguments += ("-X", self._disks["log"].path / "log", "--wal-segsize=1")
        super()._call(name, *arguments)
