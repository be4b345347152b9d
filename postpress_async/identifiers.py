"""What kind of id is this: provider ids, phone numbers, handles and pasted links.

A text proves its provider when it has a shape that only one provider uses (`…@lid`, a LinkedIn id
of full length) or is a link to the provider's host. Everything else stays open: a bare `@name` may
live on three providers, and bare digits on more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Identifier", "IdentifierKind", "LinkedInProduct", "identify"]

IdentifierKind = Literal[
    "provider_id", "public_id", "handle", "phone", "company", "group", "post", "unknown"
]
LinkedInProduct = Literal["classic", "sales_navigator", "recruiter"]

_MAX_BYTES = 2048
# Contact apps wrap copied numbers in marks of writing direction that nobody sees.
_INVISIBLE = " \t\r\n\u00a0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# All patterns are matched in full, and no two neighbouring parts can take the same character:
# nothing to backtrack over.
_LINKEDIN_ID = re.compile(r"(AC[ow]|ADo|AE[A-Za-z0-9_-])AA[A-Za-z0-9_-]{5,60}")
_LINKEDIN_LENGTH = 39  # the example of «Users overview», and every full id seen
_WHATSAPP_ID = re.compile(r"\d{1,32}(?::\d{1,4})?@(lid|s\.whatsapp\.net|g\.us)", re.IGNORECASE)
_URN = re.compile(r"urn:li:([A-Za-z_]{1,40}):\(?([^,()]{1,200})[^()]{0,400}\)?")
_HANDLE = re.compile(r"@?([A-Za-z0-9_.]{1,40})")
_WORD = re.compile(r"\w[\w.-]{1,119}")
_PHONE = re.compile(r"(?:tel:)?(?:\+|00)[0-9\s().\-/\u00a0\u2010-\u2015\u202f]{6,40}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://")
_E164 = re.compile(r"[1-9][0-9]{6,14}")

_PRODUCTS: dict[str, LinkedInProduct] = {
    "ACo": "classic",
    "ADo": "classic",
    "ACw": "sales_navigator",
}
_LINKEDIN_DETOURS = frozenset({"comm", "mwlite", "m"})
_POST_URNS = frozenset({"activity", "share", "ugcpost"})
_COMPANY_URNS = frozenset({"company", "fsd_company", "organization", "fs_salescompany"})


class Identifier(msgspec.Struct, frozen=True):
    """Somebody or something at a provider; `str()` gives what goes on the wire.

    Attributes:
        provider: The wire's word, `TWITTER` for X; None where the text does not tell.
        kind: `provider_id`, `public_id` (a slug or username), `handle` (a bare `@name`), `phone`,
            `company`, `group`, `post` or `unknown`.
        value: What the API takes, taken out of its link.
        linkedin_api: The LinkedIn product that the id belongs to, where it shows.
        certain: Whether the text proves the provider; see `conflicts_with`.
    """

    provider: str | None
    kind: IdentifierKind
    value: str
    linkedin_api: LinkedInProduct | None = None
    certain: bool = False

    def __str__(self) -> str:
        return self.value

    def conflicts_with(self, provider: str | None) -> bool:
        """Tell whether this certainly belongs to another provider than the given one.

        False wherever there is doubt, so a True may refuse a call before any I/O.
        """
        if not self.certain or not provider:
            return False
        word = provider.upper()
        return self.provider != ("TWITTER" if word == "X" else word)


def identify(text: str) -> Identifier:
    """Find out what kind of id a text is: a provider's id, a phone number, a link, a handle.

    Nobody is asked: it looks at the text alone, in linear time. A link is reduced to the id in it,
    and a phone number in international notation to its WhatsApp id; all other ids stay as they are.

    Args:
        text: What somebody typed or pasted; white space around it does not matter.

    Raises:
        ConfigurationError: Empty, longer than 2 KB, or with control characters.

    Example:
        >>> str(identify("https://www.linkedin.com/in/jordan-walke/?trk=x"))
        'jordan-walke'
        >>> str(identify("+33 6 00 00 00 00"))
        '33600000000@s.whatsapp.net'
    """
    clean = _checked(text)
    for recognise in (_whatsapp, _linkedin, _urn, _phone, _link):
        found = recognise(clean)
        if found is not None:
            return found
    if clean.startswith("@") and (handle := _HANDLE.fullmatch(clean)):
        return Identifier(None, "handle", handle[1])
    if _WORD.fullmatch(clean) and not clean.isdecimal():
        return Identifier(None, "public_id", clean)
    return Identifier(None, "unknown", clean)


def _checked(text: object) -> str:
    if not isinstance(text, str):
        msg = f"An identifier is text, not {type(text).__name__}; pass an id, a handle or a link"
        raise ConfigurationError(msg)
    if len(text) > _MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise ConfigurationError("An identifier is at most 2 KB long; pass one id, handle or link")
    clean = text.strip(_INVISIBLE)
    if clean[:1] == "<" and clean[-1:] == ">":
        clean = clean[1:-1].strip(_INVISIBLE)  # how mails write links
    if not clean:
        raise ConfigurationError("The identifier is empty; pass an id, a handle or a link")
    if _CONTROL.search(clean):
        raise ConfigurationError("The identifier holds control characters; pass it as one line")
    return clean


def _whatsapp(text: str) -> Identifier | None:
    found = _WHATSAPP_ID.fullmatch(text)
    if found is None:
        return None
    kind: IdentifierKind = "group" if found[1].lower() == "g.us" else "provider_id"
    return Identifier("WHATSAPP", kind, text, certain=True)


def _linkedin(text: str) -> Identifier | None:
    found = _LINKEDIN_ID.fullmatch(text)
    if found is None:
        return None
    product = _PRODUCTS.get(found[1], "recruiter")
    full = len(text) == _LINKEDIN_LENGTH
    return Identifier("LINKEDIN", "provider_id", text, product, certain=full)


def _urn(text: str) -> Identifier | None:
    found = _URN.fullmatch(text)
    if found is None:
        return None
    space, value = found[1].lower(), found[2]
    if space in _POST_URNS:
        return Identifier("LINKEDIN", "post", text, certain=True)
    if space in _COMPANY_URNS:
        return Identifier("LINKEDIN", "company", value, certain=True)
    return _certainly(_linkedin(value)) or _seen("LINKEDIN", text)


def _phone(text: str) -> Identifier | None:
    if not _PHONE.fullmatch(text):
        return None
    digits = _digits(text)
    if digits is None:
        return None
    # Telegram knows people by their number too: what WhatsApp gets here is likely, not certain.
    return Identifier("WHATSAPP", "phone", f"{digits}@s.whatsapp.net")


def _digits(number: str) -> str | None:
    """Return the digits of a phone number in international notation, if E.164 allows them."""
    # `+33 (0)6 …`: the zero is only dialled within the country.
    digits = re.sub(r"[^0-9]", "", number.replace("(0)", ""))
    if "+" not in number:
        digits = digits.removeprefix("00")
    return digits if _E164.fullmatch(digits) else None


def _link(text: str) -> Identifier | None:
    """Recognise a link to one of the providers, with or without its scheme."""
    scheme = _SCHEME.match(text)
    try:
        url = urlsplit(text if scheme else f"//{text.removeprefix('//')}")
        host = (url.hostname or "").rstrip(".")
    except ValueError:
        return None
    app = _APP_SCHEMES.get(url.scheme.lower()) if scheme else None
    if app is not None:
        return app(url, text)
    while host:
        read = _HOSTS.get(host)
        if read is not None:
            return read(url, text)
        host = host.partition(".")[2]
    return None


def _path(url: SplitResult) -> list[str]:
    return [_decoded(part) for part in url.path.split("/") if part not in ("", ".", "..")]


def _decoded(part: str) -> str:
    """Undo percent-encoding, unless what comes out could not be a part of a path."""
    try:
        plain = unquote(part, errors="strict")
    except UnicodeDecodeError:
        return part
    return part if "/" in plain or plain in (".", "..") or _CONTROL.search(plain) else plain


def _query(url: SplitResult, key: str) -> str:
    return parse_qs(url.query).get(key, [""])[0].strip()


def _seen(provider: str, text: str) -> Identifier:
    """Name the provider of a link that leads to no person: a post, an invitation, a search."""
    return Identifier(provider, "unknown", text, certain=True)


def _certainly(found: Identifier | None) -> Identifier | None:
    return msgspec.structs.replace(found, certain=True) if found else None


def _public(provider: str, name: str, text: str) -> Identifier:
    handle = _HANDLE.fullmatch(name)
    if handle is None:
        return _seen(provider, text)
    return Identifier(provider, "public_id", handle[1], certain=True)


def _linkedin_link(url: SplitResult, text: str) -> Identifier:
    parts = _path(url)
    if parts and parts[0].lower() in _LINKEDIN_DETOURS:
        parts = parts[1:]  # the same page, as mails and old phones link to it
    match [part.lower() if index == 0 else part for index, part in enumerate(parts)]:
        case ["in" | "pub", slug, *_]:
            return _certainly(_linkedin(slug)) or Identifier(
                "LINKEDIN", "public_id", slug, certain=True
            )
        case ["company" | "school" | "showcase", slug, *_] | ["sales", "company", slug, *_]:
            return Identifier("LINKEDIN", "company", slug, certain=True)
        case ["sales", "lead" | "people" | "profile", lead, *_]:
            return _product_id(lead, "sales_navigator")
        case ["feed", "update", urn, *_]:
            return _urn(urn) or _seen("LINKEDIN", text)
        case ["posts", post, *_]:
            return Identifier("LINKEDIN", "post", post, certain=True)
        case ["profile", "view", *_] if _query(url, "id"):
            return _product_id(_query(url, "id"), "classic")
        case ["talent" | "recruiter", *rest] if "profile" in rest[:-1]:
            return _product_id(rest[rest.index("profile") + 1], "recruiter")
        case _:
            return _seen("LINKEDIN", text)


def _product_id(part: str, product: LinkedInProduct) -> Identifier:
    # `ACwAA…,NAME_SEARCH,x1y2`: the id, then where the link was found.
    value = part.partition(",")[0]
    return _certainly(_linkedin(value)) or Identifier(
        "LINKEDIN", "provider_id", value, product, certain=True
    )


def _instagram_link(url: SplitResult, text: str) -> Identifier:
    match _path(url):
        case ["stories" | "_u", name, *_]:
            return _public("INSTAGRAM", name, text)
        case [name, *_] if name.lower() not in _INSTAGRAM_PAGES:
            return _public("INSTAGRAM", name, text)
        case _:
            return _seen("INSTAGRAM", text)


def _x_link(url: SplitResult, text: str) -> Identifier:
    match _path(url):
        case ["i", "user", digits, *_] if digits.isdecimal():
            return Identifier("TWITTER", "provider_id", digits, certain=True)
        case ["intent", *_]:
            return _public("TWITTER", _query(url, "screen_name"), text)
        case [name, *_] if name.lower() not in _X_PAGES:
            return _public("TWITTER", name, text)
        case _:
            return _seen("TWITTER", text)


def _telegram_link(url: SplitResult, text: str) -> Identifier:
    host = (url.hostname or "").split(".")
    if host[1:] == ["t", "me"] and host[0] not in ("www", "web"):
        return _public("TELEGRAM", host[0], text)  # name.t.me
    match _path(url):
        case ["s", name, *_]:
            return _public("TELEGRAM", name, text)
        case [number, *_] if number.startswith("+"):
            return _telegram_phone(number, text)
        case [name, *_] if name.lower() not in _TELEGRAM_PAGES:
            return _public("TELEGRAM", name, text)
        case _:
            return _seen("TELEGRAM", text)


def _telegram_phone(number: str, text: str) -> Identifier:
    digits = _digits(number)  # an invitation starts with a plus sign too
    if digits is None or not number.removeprefix("+").isdecimal():
        return _seen("TELEGRAM", text)
    return Identifier("TELEGRAM", "phone", digits, certain=True)


def _telegram_app(url: SplitResult, text: str) -> Identifier:
    if (url.hostname or "") == "user" and _query(url, "id").isdecimal():
        return Identifier("TELEGRAM", "provider_id", _query(url, "id"), certain=True)
    if phone := _query(url, "phone"):
        return _telegram_phone(f"+{phone.lstrip('+')}", text)
    return _public("TELEGRAM", _query(url, "domain"), text)


def _whatsapp_link(url: SplitResult, text: str) -> Identifier:
    parts = _path(url)
    digits = _digits(f"+{_query(url, 'phone') or (parts[0] if parts else '')}")
    if digits is None:
        return _seen("WHATSAPP", text)
    return Identifier("WHATSAPP", "phone", f"{digits}@s.whatsapp.net", certain=True)


_INSTAGRAM_PAGES = frozenset({"p", "reel", "reels", "tv", "explore", "accounts", "direct", "about"})
_X_PAGES = frozenset({"home", "search", "explore", "i", "hashtag", "settings", "share", "messages"})
_TELEGRAM_PAGES = frozenset({"joinchat", "c", "addstickers", "proxy", "socks", "share", "iv"})

_APP_SCHEMES: dict[str, Callable[[SplitResult, str], Identifier]] = {
    "tg": _telegram_app,
    "whatsapp": _whatsapp_link,
}
_HOSTS: dict[str, Callable[[SplitResult, str], Identifier]] = {
    "linkedin.com": _linkedin_link,
    "instagram.com": _instagram_link,
    "instagr.am": _instagram_link,
    "t.me": _telegram_link,
    "telegram.me": _telegram_link,
    "telegram.dog": _telegram_link,
    "x.com": _x_link,
    "twitter.com": _x_link,
    "wa.me": _whatsapp_link,
    "whatsapp.com": _whatsapp_link,
}
