"""What happened, by the sandbox's journal, beside what the client reported.

The journal is the service's own record; nothing here asks the client what it believes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from .campaign import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postpress_async.sandbox import JournalEntry

    from .campaign import Tally, Told

TROUBLES: Final = ("429", "503", "reset", "stall", "half_body", "gateway")
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_SERVER: Final = range(500, 600)


class Messages(msgspec.Struct, kw_only=True):
    """Hold what became of some messages.

    Attributes:
        planned: how many were to be sent.
        sent: reported as sent, and in the journal.
        lost: reported as sent and not in the journal, or never reported at all.
        doubled: in the journal more than once.
        unknown: reported as unknown.
        unknown_done: of those, how many had happened.
        refused: reported as not sent.
        misreported: of those, how many had been sent all the same.
    """

    planned: int = 0
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    unknown_done: int = 0
    refused: int = 0
    misreported: int = 0

    def weigh(self, told: Told | None, times: int) -> None:
        """Add one message, by what was told of it and how often it happened."""
        self.planned += 1
        self.doubled += times > 1
        if told is None or (told == "sent" and not times):
            self.lost += 1
        elif told == "sent":
            self.sent += 1
        elif told == "unknown":
            self.unknown += 1
            self.unknown_done += times > 0
        else:
            self.refused += 1
            self.misreported += times > 0


class Trouble(msgspec.Struct, kw_only=True):
    """Count one kind of trouble, and what came of it.

    Attributes:
        met: how many requests met it.
        read_again: reads that were asked for again.
        sent_again: writes that were sent again.
        unknown: writes that were reported as unknown instead.
        unknown_done: how many of those had happened.
        done: writes that were reported as done, although no id could be read.
    """

    met: int = 0
    read_again: int = 0
    sent_again: int = 0
    unknown: int = 0
    unknown_done: int = 0
    done: int = 0


class Verdict(msgspec.Struct, kw_only=True):
    """Hold what the journal says.

    Attributes:
        messages: all of them.
        by_provider: the same by wire word.
        over_limit: requests that came over a hidden limit.
        requests: all that the service saw.
        status_429, status_503: how many of them it answered so.
        troubles: what went wrong, by kind.
    """

    messages: Messages = msgspec.field(default_factory=Messages)
    by_provider: dict[str, Messages] = msgspec.field(default_factory=dict[str, Messages])
    over_limit: int = 0
    requests: int = 0
    status_429: int = 0
    status_503: int = 0
    troubles: dict[str, Trouble] = msgspec.field(
        default_factory=lambda: {kind: Trouble() for kind in TROUBLES}
    )

    @property
    def kept(self) -> bool:
        """Whether every promise held."""
        all_ = self.messages
        return not (all_.lost or all_.doubled or all_.misreported or self.over_limit)


def judge(journal: Sequence[JournalEntry], tallies: Iterable[Tally]) -> Verdict:
    """Compare the journal with the reports."""
    verdict = Verdict(requests=len(journal))
    told: dict[str, Told] = {}
    committed = _committed(journal)
    for tally in tallies:
        told.update(tally.told)
        of_provider = verdict.by_provider.setdefault(tally.provider, Messages())
        for marker in tally.wanted:
            times = committed.get(text_of(marker), 0)
            verdict.messages.weigh(tally.told.get(marker), times)
            of_provider.weigh(tally.told.get(marker), times)
    _survey(verdict, journal, told)
    return verdict


def _committed(journal: Sequence[JournalEntry]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in journal:
        if entry.committed and entry.text is not None:
            counts[entry.text] = counts.get(entry.text, 0) + 1
    return counts


def _survey(verdict: Verdict, journal: Sequence[JournalEntry], told: dict[str, Told]) -> None:
    """Count each trouble, and what the next request for the same thing tells of the client."""
    asked_later: set[str] = set()
    for entry in reversed(journal):
        verdict.over_limit += entry.over_limit
        verdict.status_429 += entry.status == _TOO_MANY
        verdict.status_503 += entry.status == _UNAVAILABLE
        thing = entry.idempotency_key or entry.raw_path
        kind = trouble_of(entry)
        if kind is not None:
            _blame(verdict.troubles[kind], entry, told, again=thing in asked_later)
        asked_later.add(thing)


def _blame(trouble: Trouble, entry: JournalEntry, told: dict[str, Told], *, again: bool) -> None:
    trouble.met += 1
    if entry.method == "GET":
        trouble.read_again += again
        return
    if again:
        trouble.sent_again += 1
        return
    report = told.get(entry.idempotency_key or "")
    trouble.done += report == "sent"
    trouble.unknown += report == "unknown"
    trouble.unknown_done += report == "unknown" and entry.committed


def trouble_of(entry: JournalEntry) -> str | None:
    """Name what went wrong with a request, None where nothing did."""
    if entry.status in {_TOO_MANY, _UNAVAILABLE}:
        return str(entry.status)
    if entry.fault in {"reset", "stall", "half_body"}:
        return entry.fault
    return "gateway" if entry.status is not None and entry.status in _SERVER else None
