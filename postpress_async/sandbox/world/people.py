"""Who exists on a provider, and under which names they are found."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import digits, token, turn

from .phrases import FIRST, LAST
from .things import Person

JORDAN: Final = "jordan-walke"
_MALFORMED: Final[dict[str, re.Pattern[str]]] = {
    "LINKEDIN": re.compile(r"[^\s/?#]{1,200}"),
    "WHATSAPP": re.compile(r"\d{5,20}@(s\.whatsapp\.net|lid)"),
    "INSTAGRAM": re.compile(r"@?[\w.]{1,30}", re.ASCII),
    "TELEGRAM": re.compile(r"@?\w{3,32}", re.ASCII),
    "TWITTER": re.compile(r"@?\w{1,20}", re.ASCII),
}


class Directory:
    """The people of one provider."""

    def __init__(self, provider: str, people: list[Person]) -> None:
        self.provider = provider
        self.people = people
        self._by_name: dict[str, Person] = {}
        self._by_recipient: dict[str, Person] = {}
        for person in people:
            self.add(person)

    def add(self, person: Person) -> None:
        """Make somebody findable."""
        for name in readable_by(person):
            self._by_name[name] = person
        for recipient in (person.messaging_id, person.seen_as, *person.other_ids.values()):
            self._by_recipient[recipient] = person

    def find(self, identifier: str) -> Person:
        """Find somebody by an internal or a public id.

        Raises:
            Problem: Nobody has it, or it is no identifier of this provider at all.
        """
        if not _MALFORMED[self.provider].fullmatch(identifier):
            raise Problem("invalid_resource_identifier")
        found = self.named(identifier)
        if found is None:
            raise Problem("resource_not_found", "The requested user was not found.")
        return found

    def recipient(self, messaging_id: str) -> Person | None:
        """Find whom a chat would be started with."""
        return self._by_recipient.get(messaging_id)

    def named(self, identifier: str) -> Person | None:
        """Find somebody by an internal or a public id, if there is anybody."""
        return self._by_name.get(identifier) or self._by_name.get(self._folded(identifier))

    def _folded(self, identifier: str) -> str:
        name = identifier.casefold()
        return name if self.provider == "LINKEDIN" else name.removeprefix("@")


def readable_by(person: Person) -> list[str]:
    """List the identifiers under which a profile can be read."""
    others = list(person.other_ids.values())
    return [person.internal_id, person.public_id, *others]


def build_directory(seed: int, provider: str, size: int) -> Directory:
    """Invent people. The first one on LinkedIn is the documented example."""
    people = [make_person(seed, provider, number) for number in range(size)]
    return Directory(provider, people)


def make_person(seed: int, provider: str, number: int) -> Person:
    """Invent one person."""
    pick = int(digits(seed, provider, "name", number))
    first, last = FIRST[pick % len(FIRST)], LAST[pick // 100 % len(LAST)]
    return _MAKERS[provider](f"{seed}/{provider}/{number}", number, first, last)


def _linkedin(root: str, number: int, first: str, last: str) -> Person:
    if number == 0:
        first, last, slug = "Jordan", "Walke", JORDAN
        classic = "ACoAACr-1eYBl" + token(root, size=20)[:26]
    else:
        slug = f"{_handle(first, last)}-{token(root, 'slug')[:6].lower().replace('_', 'x')}"
        # a young account's id starts with ADo
        kind = "ADoAA" if turn(number, 9, 4) else "ACoAA"
        classic = kind + token(root, "classic", size=25)
    return Person(
        provider="LINKEDIN", number=number, first=first, last=last,
        internal_id=classic, public_id=slug, seen_as=classic, messaging_id=classic,
        other_ids={
            "sales_navigator": "ACwAA" + token(root, "sales", size=25),
            "recruiter": "AEMAA" + token(root, "recruiter", size=25),
        },
    )  # fmt: skip


def _whatsapp(root: str, number: int, first: str, last: str) -> Person:
    lid, phone = digits(root, "lid", length=15) + "@lid", digits(root, "phone", length=11)
    jid = f"{phone}@s.whatsapp.net"
    seen_as = lid if turn(number, 3, 0) else jid
    return Person(
        provider="WHATSAPP", number=number, first=first, last=last,
        internal_id=lid, public_id=jid, seen_as=seen_as, messaging_id=jid,
    )  # fmt: skip


def _instagram(root: str, number: int, first: str, last: str) -> Person:
    name = _unique(_handle(first, last).replace("-", "."), root, number)
    return Person(
        provider="INSTAGRAM", number=number, first=first, last=last,
        internal_id=digits(root, length=11), public_id=name,
        # three numbers for one person: profile, messaging, and the thread's own
        seen_as=(messaging := digits(root, "messaging", length=15)), messaging_id=messaging,
    )  # fmt: skip


def _telegram(root: str, number: int, first: str, last: str) -> Person:
    user = digits(root, length=10)
    username = _unique(_handle(first, last).replace("-", "_"), root, number)
    return Person(
        provider="TELEGRAM", number=number, first=first, last=last,
        internal_id=user, public_id=digits(root, "phone", length=11), seen_as=user,
        messaging_id=user,
        other_ids={"username": username},
    )  # fmt: skip


def _twitter(root: str, number: int, first: str, last: str) -> Person:
    user = digits(root, length=18)
    name = _unique(_handle(first, last).replace("-", "_")[:8], root, number)
    return Person(
        provider="TWITTER", number=number, first=first, last=last,
        internal_id=user, public_id=name, seen_as=user, messaging_id=user,
    )  # fmt: skip


_MAKERS: Final = {
    "LINKEDIN": _linkedin,
    "WHATSAPP": _whatsapp,
    "INSTAGRAM": _instagram,
    "TELEGRAM": _telegram,
    "TWITTER": _twitter,
}


def _handle(first: str, last: str) -> str:
    plain = unicodedata.normalize("NFKD", f"{first}-{last}").encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    return "-".join(words) or "member"


def _unique(name: str, root: str, number: int) -> str:
    """Make a user name that nobody else has: the person's number, and two digits of chance."""
    written = ""
    while number or not written:
        number, digit = divmod(number, 36)
        written = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + written
    return f"{name}_{written}{digits(root, 'handle', length=2)}"
