"""What PostgreSQL's errors mean for whoever has to do something about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError
from postpress_async.storage.remote.swaps import NotDoneError

from .schema import said_of_grants
from .statements import FUNCTION

if TYPE_CHECKING:
    import psycopg

__all__ = ["is_passing", "not_done", "translated", "was_refused", "was_undone"]

_AGAIN: Final = "; the next call tries again"

# By SQLSTATE, or by its class. Who reads this may not know what a backend is.
_REASONS: Final = {
    "08": "the connection was lost" + _AGAIN,
    "25006": "it takes no writes: it is a standby, or default_transaction_read_only is on: name "
    "the server that is written to" + _AGAIN,
    "25P03": "this process was stopped, or busy with other things, for seconds in the midst of a "
    "transaction, which the server has undone" + _AGAIN,
    "40": "others wrote at the same moment" + _AGAIN,
    "53100": "its disk is full: free some space" + _AGAIN,
    "53300": "it has no connection left: raise max_connections, or put a pooler before it",
    "53": "it is short of memory or locks: raise max_locks_per_transaction, or look at its log",
    "55P03": "another session holds a lock on the tables of {what}: look at pg_locks, and end it; "
    "where it waits for SyncRep, a synchronous standby is missing",
    "57014": "it cancelled the statement: look at statement_timeout of the role or the database",
    "57": "it is being shut down or started" + _AGAIN,
    "58": "reading or writing failed there: look at its disk and its log",
    "XX": "something in it is damaged: look at its log",
    # Somebody has dropped them; they are made anew with the next connection.
    "3F000": "the tables of {what} are gone" + _AGAIN,
    "42P01": "the tables of {what} are gone" + _AGAIN,
    "42883": f"its function {FUNCTION} is gone: put it back, or drop the tables to begin anew",
    "P0002": "the tables of {what} are empty" + _AGAIN,
}

_NEVER: Final = {
    "22003": "it cannot keep a number that it was given",
    "22021": "it cannot keep a text that it was given",
    "28": "it refuses the user or the password: look at the URL's login",
    "3D000": "there is no such database: create it, or name another one in the URL",
    "PPA01": "transactions of this user are not read committed: have an administrator run: "
    "ALTER ROLE … SET default_transaction_isolation = 'read committed'",
}

# While it connects, libpq hands on words alone. In another language than English a mistake is
# taken for a fault that may pass: it is told all the same, only later.
_WORDS: Final = (
    (re.compile(r"cannot contain NUL"), "22021"),  # psycopg's own: nothing was asked
    (re.compile(r"password|authentication|not permitted to log in|role .* does not"), "28"),
    (re.compile(r"database .* does not exist"), "3D000"),
    (re.compile(r"permission denied for database"), "28"),
    (re.compile(r"too many (connections|clients)|connection slots"), "53300"),
    (re.compile(r"session is read-only|server is in hot standby mode"), "25006"),
    (re.compile(r"starting up|shutting down|recovery mode|not yet accepting"), "57"),
)
# Of TLS, the first that fits holds. libpq does not tell an unknown authority from an expired
# certificate, nor a server that asks for a certificate of ours from one that just goes.
# An error in the place of TLS's first word comes from a server that cannot start a process for us.
_CUT: Final = re.compile(r"closed unexpectedly|unexpected eof|SYSCALL|error response during SSL")
_TLS: Final = (
    (r"does not match host name", "its certificate is for another name: let the URL name it so"),
    (
        r"certificate verify failed",
        (
            "its certificate is not trusted: name its authority with ?sslrootcert=, or renew the "
            "certificate if it has expired"
        ),
    ),
    (
        r"root certificate file|not read root certificate",
        (
            "there is no file of authorities: name one with ?sslrootcert=, or this machine's own "
            "with sslrootcert=system"
        ),
    ),
    (
        r"server does not support SSL",
        "it speaks no TLS: turn ssl on there, or leave sslmode out",
    ),
    (
        r"client certificate|alert (\w+ )*(certificate|ca\b|handshake)",
        (
            "it does not take us without a certificate that its authority has signed: name it, "
            "and its key, with ?sslcert= and sslkey="
        ),
    ),
    (
        r"(certificate|private key) file|could not load",
        (
            "sslcert or sslkey cannot be used: they belong together, only their owner may read "
            "the key, and it may have no password"
        ),
    ),
    (
        r"certificate|SSL|sslmode|pg_hba",
        (
            "it does not take this connection: look at sslmode and sslrootcert of the URL, and at "
            "the server's pg_hba.conf"
        ),
    ),
)
_FIRST: Final = re.compile(r"(?:connection failed: )?(?:connection to server .*? failed: )?(.*)")


def is_passing(error: Exception) -> bool:
    """Tell whether the same, asked again at once, may well succeed on the same connection."""
    return str(getattr(error, "sqlstate", None) or "").startswith("40")


def was_undone(error: Exception) -> bool:
    """Tell whether the server has undone a transaction in which nothing was said for too long."""
    state = getattr(error, "sqlstate", None)
    # An older psycopg finds the end of the session before it reads what the server said of it.
    return state == "25P03" or (state is None and "idle-in-transaction timeout" in str(error))


def was_refused(error: psycopg.Error) -> bool:
    """Tell whether the server said no, and so has certainly not done what it was asked for.

    A session that is ended says so too, but perhaps after the commit.
    """
    state = error.sqlstate or ""
    told = error.diag.severity_nonlocalized or error.diag.severity
    return bool(state) and state[:2] != "08" and state != "40003" and told == "ERROR"


def not_done(error: PostpressError) -> PostpressError:
    """Return an error that may pass as one that says that nothing was done."""
    passes = isinstance(error, StateUnavailableError) and not isinstance(error, NotDoneError)
    return NotDoneError(*error.args) if passes else error


def translated(
    error: psycopg.Error,
    *,
    where: str,
    schema: str,
    user: str,
    secret: str | None,
    what: str = "counts",
) -> PostpressError:
    """Say in one line what is wrong, and what to do next.

    Args:
        error: what psycopg raised.
        where: the server.
        schema: the schema of the counts.
        user: who asked.
        secret: the password, which is taken out of whatever the server said.
        what: what the tables hold.
    """
    words = " ".join(str(error).split())
    if secret:
        words = words.replace(secret, "…")
    told = _told(words)
    state = error.sqlstate or ""
    if not state:
        state = next((code for pattern, code in _WORDS if pattern.search(words)), "")
        if not state:
            return _while_connecting(where, words)
    if state == "42501":
        grants = f": {said_of_grants(schema, user)}" if what == "counts" else f" in {schema}"
        return ConfigurationError(f"{where}: {user} may not use the tables of {what}{grants}")
    for code in (state, state[:2]):
        if code in _NEVER:
            return ConfigurationError(f"{where}: {_NEVER[code]} ({told})")
    for code in (state, state[:2]):
        if code in _REASONS:
            return StateUnavailableError(f"{where}: {_REASONS[code].format(what=what)} ({told})")
    return StateUnavailableError(f"{where} refused a statement{_AGAIN} ({state}: {told})")


def _while_connecting(where: str, words: str) -> PostpressError:
    """Say what libpq's words mean, which are of the network or of TLS."""
    told = _told(words)
    if not _CUT.search(words):
        step = next((step for pattern, step in _TLS if re.search(pattern, words)), None)
        if step is not None:
            return ConfigurationError(f"{where}: {step} ({told})")
    look = ": look whether it asks for a certificate (?sslcert=)" if "eof" in words.lower() else ""
    return StateUnavailableError(f"{where} cannot be reached{look}{_AGAIN} ({told})")


def _told(words: str) -> str:
    """Return the server's own words, without what `where` says already."""
    found = _FIRST.match(words)
    return (found[1] if found else words)[:200]
