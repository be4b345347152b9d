"""What a server's errors mean for whoever has to do something about them."""

from __future__ import annotations

import re
from typing import Final

from postpress_async.errors import ConfigurationError
from postpress_async.storage.remote.swaps import NotDoneError

__all__ = ["code_of", "meaning"]

_LATER: Final = "the next call tries again"
_STOPS: Final[dict[str, str]] = {  # by the code that an error begins with: what to do, for good
    "NOAUTH": "it asks for a password: put user and password into the URL",
    "WRONGPASS": "it refuses the user or password: put the right ones into the URL",
    "NOPERM": "its user lacks a permission: allow the keys of its prefix with EVAL, EVALSHA, "
    "TIME, GET, GETRANGE, SET and DEL, and SELECT for a database other than 0",
    "CROSSSLOT": "it cannot take the keys of a namespace in one step: connect to a server, or to "
    "a proxy that knows hash tags",
    "NOTIME": "it tells no time, neither to scripts nor to clients: allow TIME",
    "NOTOURS": "a newer postpress-async, or another program, keeps something else under this name: "
    "upgrade the package here too, or name another ?prefix=",
    "NOPROTO": "it is too old: version 6.2 or later is needed",
}
_PASSES: Final[dict[str, str]] = {
    "LOADING": f"it is reading its data after a start; {_LATER}",
    "BUSY": f"it is busy with a long script: look at SCRIPT KILL; {_LATER}",
    "READONLY": f"it is a replica, perhaps since a failover: name the primary; {_LATER}",
    "OOM": f"its memory is full: raise maxmemory or remove other keys; {_LATER}",
    "MISCONF": f"it cannot save to its disk, so it takes no writes: free space there; {_LATER}",
    "NOREPLICAS": f"too few of its replicas are there, and it takes no writes; {_LATER}",
    "MASTERDOWN": f"it is a replica whose primary is gone: wait for the failover; {_LATER}",
    "CLUSTERDOWN": f"its cluster is down: look at CLUSTER INFO; {_LATER}",
    "TRYAGAIN": f"its cluster is moving the keys; {_LATER}",
    "ASK": f"its cluster is moving the keys; {_LATER}",
    "MOVED": f"its cluster keeps the keys on another node; {_LATER}",
}
_WORDS: Final[tuple[tuple[str, str, bool], ...]] = (  # of errors without a code of their own
    ("max number of clients", f"it has too many clients: raise maxclients; {_LATER}", True),
    ("unknown command", "it lacks a command, by rename-command or as a proxy", False),
    ("without any password", "it has no password: leave it out of the URL", False),
    ("no password is set", "it has no password: leave it out of the URL", False),
    ("db index", "it has no database of that number: look at the end of the URL", False),
    ("protected mode", "it takes connections of its own machine only: give it a password", False),
)
_FORBIDDEN: Final = re.compile("has no permissions|user executing the script can't")


def code_of(text: str) -> str:
    """Return the code of an error: its first word, or of one without a code what it would be."""
    return "NOPERM" if _FORBIDDEN.search(text) else text.partition(" ")[0]


def meaning(where: str, text: str) -> NotDoneError | ConfigurationError:
    """Return the error that an error's text means, in one line: what to do next.

    What a server refuses in words it has not done.

    Args:
        where: the server, without its password.
        text: as the server wrote it, its code first.
    """
    code = code_of(text)
    plain = " ".join(text.split())[:200]
    if code in _STOPS:
        return ConfigurationError(f"{where}: {_STOPS[code]} ({plain})")
    if code in _PASSES:
        return NotDoneError(f"{where}: {_PASSES[code]} ({plain})")
    for words, said, passes in _WORDS:
        if words in text.lower():
            make = NotDoneError if passes else ConfigurationError
            return make(f"{where}: {said} ({plain})")
    return NotDoneError(f"{where} refused what was asked: {plain}; {_LATER}")
