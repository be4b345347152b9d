"""TLS: the files that a URL names, and what is to be done where somebody is not trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["checked", "guess", "mistrust"]

_FILES: Final[Mapping[str, str]] = {
    "ssl_ca_certs": "the certificates of its authority",
    "ssl_certfile": "our own certificate",
    "ssl_keyfile": "the key of our certificate",
}

# The first that fits holds. OpenSSL has put them so for many versions, and Python hands them on.
_WORDS: Final = (
    (
        r"alert (\w+ )*(certificate|ca\b|handshake)",
        (
            "it does not take us without a certificate that its authority has signed: name it, "
            "and its key, with ?ssl_certfile= and ssl_keyfile="
        ),
    ),
    ("is not valid for", "its certificate is for another name: let the URL name it so"),
    ("has expired", "its certificate has expired: renew it, or set this machine's clock right"),
    ("not yet valid", "its certificate is not valid yet: look at this machine's clock"),
    (
        "certificate verify failed",
        "its certificate is not trusted: name its authority with ?ssl_ca_certs=",
    ),
    ("key values mismatch", "ssl_keyfile= is not the key of ssl_certfile=: name the two together"),
    (
        "pem lib|certificate or crl found|bad decrypt|bad password",
        (
            "a file of certificates cannot be read: look at ssl_ca_certs=, ssl_certfile= and "
            "ssl_keyfile=, whose key may have no password"
        ),
    ),
    (
        "wrong version number|record layer failure",
        "it speaks no TLS on that port: name another port, or write redis:",
    ),
)
_CLOSED: Final = re.compile(r"closed by server|reset by peer")


def checked(options: Mapping[str, str], *, where: str, tls: bool) -> None:
    """Refuse files that are not there, or that nobody would look at.

    Raises:
        ConfigurationError: it names the option.
    """
    for name, what in _FILES.items():
        if (file := options.get(name)) is None:
            continue
        if not tls:
            raise ConfigurationError(f"{where}: {name}= is for TLS: write rediss:, or leave it out")
        if not Path(file).is_file():
            raise ConfigurationError(
                f"{where}: {name}= names no file, {file!r}: name one with {what}"
            )
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ConfigurationError(f"{where}: ssl_keyfile= needs ssl_certfile= beside it")


def mistrust(reason: str) -> str | None:
    """Return what to do about an error of TLS, of which no waiting would help; else None."""
    low = reason.lower()
    return next((said for words, said in _WORDS if re.search(words, low)), None)


def guess(reason: str, *, tls: bool) -> str:
    """Return what to look at where a server says nothing at all, and goes."""
    if not _CLOSED.search(reason):
        return "whether it runs there"
    if tls:
        return "whether it runs there, and whether it asks for a certificate (?ssl_certfile=)"
    return "whether it runs there, and whether it speaks TLS (rediss:)"
