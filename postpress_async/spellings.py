"""The ways in which one name of somebody is written: what is asked before they are written to.

A phone number, the id that WhatsApp makes of it and a link to it are one name, and so are an id and
the urn or link that holds it. What a text proves of itself `identify` knows. These questions may
only ever forbid more: bare digits, which may be another provider's id, count as a number, too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from .errors import ConfigurationError
from .identifiers import identify

__all__ = ["digits_of", "folded", "forms", "meant"]

_PLAIN: Final = re.compile(r"[^\W\d_][\w-]*")
"""Most names: `lead-42`, an id of LinkedIn. Nothing is to be found out about them."""
_WHATSAPP: Final = "@s.whatsapp.net"
_NUMBER: Final = re.compile(
    rf"([1-9][0-9]{{6,14}})(?::[0-9]{{1,4}}(?=@))?(?:{re.escape(_WHATSAPP)})?", re.IGNORECASE
)
_TELLING: Final = frozenset({"provider_id", "public_id", "handle", "phone"})


def meant(name: str) -> str:
    """Return a name as it goes on the wire: the id in a link or urn, WhatsApp's id of a number."""
    name = name.strip()
    if _PLAIN.fullmatch(name):
        return name
    number = _NUMBER.fullmatch(name)
    try:
        known = identify(name if number is None else f"+{number[1]}")
    except ConfigurationError:
        return name
    if known.kind == "phone":
        # Telegram's numbers are plain digits.
        return f"{known.value.removesuffix(_WHATSAPP)}{_WHATSAPP}"
    telling = number is None and known.kind in _TELLING
    return (known.value.strip() if telling else "") or name


def digits_of(name: str) -> str | None:
    """Return the digits of a phone number, with its country; None for what is none."""
    value = meant(name)
    return value.removesuffix(_WHATSAPP) if value.endswith(_WHATSAPP) else None


def forms(name: str) -> tuple[str, ...]:
    """Return the ways in which a name may be written, each once, itself first.

    Capitals stay as they are. A number's blanks and hyphens, which anybody sets otherwise, do not
    come back: ask for what is `meant`.
    """
    name = name.strip()
    value = meant(name)
    digits = value.removesuffix(_WHATSAPP)
    if digits == value:
        return (name,) if name == value else (name, value)
    ways = (name, value, f"+{digits}", digits, f"00{digits}", f"tel:+{digits}")
    return tuple(dict.fromkeys(ways))


def folded(name: str) -> frozenset[str]:
    """Return what two names have in common that are the same in all but their writing.

    Without capitals, without blanks around them, and with accents in one way.
    """
    name = name.strip()
    value = meant(name)
    return frozenset(map(_plainly, {name, value.removesuffix(_WHATSAPP)}))


def _plainly(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
