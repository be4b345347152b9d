"""Images: a lane as bytes, so that processes and restarts may share what it has counted.

Events are kept by action, not by budget: whoever reads an image judges the same events by limits of
its own. Instants are the store's, in seconds since the epoch; those of windows up to a minute to
the microsecond, older ones rounded up to whole seconds, which errs to the safe side.
"""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.limits import Limits  # noqa: TC001 - read by msgspec

from .adaptive import Adaptive
from .answers import Learned  # noqa: TC001 - read by msgspec
from .book import Book, Held, Log
from .everyone import EVERYONE, Everyone
from .lane import Lane
from .line import Line, Place
from .tally import Slot
from .trouble import Closure, Misses, Trouble
from .windows import Gap

if TYPE_CHECKING:
    from collections.abc import Generator

    from .lane import Setting
    from .rulebook import Rulebook

VERSION: Final = 2
_PRECISE: Final = 60.0
_NOTHING: Final = array("d")
_RATE: Final = Adaptive.__slots__
# What reading raises where no step can have written it so.
_NONE_OF_OURS: Final = (msgspec.MsgspecError, ArithmeticError, LookupError, TypeError, ValueError)


class Events(msgspec.Struct, array_like=True):
    """Hold packed instants: whole seconds, then those of the last minute; and their costs."""

    old: bytes = b""
    new: bytes = b""
    costs: bytes = b""  # empty while each is 1


class _Misses(msgspec.Struct, array_like=True):
    errors: int
    subjects: list[str]
    closings: int


class TroubleImage(msgspec.Struct, array_like=True):
    """Be what is known of an account's refusals and closures."""

    cooling_until: float
    strikes: int
    probing: int
    refused: str | None
    refused_at: float
    rate: list[float] | None
    closures: list[Closure]
    misses: dict[str, _Misses]


class _Account(msgspec.Struct, array_like=True):
    """Be what was known of one account in the first format."""

    version: int
    provider: str | None
    tier: str | None
    connected_at: float | None
    born: float
    nothing: bool  # no lane's own: that a provider cannot be learned is each process's to find out
    events: dict[str, Events]
    held: dict[str, Held]
    gaps: dict[str, float]
    bursts: dict[str, float]
    since: float
    last: float
    successes: int
    trouble: TroubleImage | None
    learned: dict[str, Learned]
    refused: list[tuple[float, str, int]]
    refused_at: float
    warnings: list[str]
    longest: float  # the longest window that anybody ever declared
    limits: Limits | None  # of its own


class AccountImage(_Account, array_like=True):
    """Be all that is known of one account."""

    line: list[Place] = []


class _Everyone(msgspec.Struct, array_like=True):
    version: int
    events: dict[str, Events]
    held: dict[str, tuple[list[str], Held]]
    paused: list[Closure]
    longest: float
    born: float = 0.0
    lines: dict[str, list[Place]] = {}  # by budget
    bursts: dict[str, float] = {}


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(AccountImage).decode
_decode_first: Final = msgspec.msgpack.Decoder(_Account).decode
_decode_everyone: Final = msgspec.msgpack.Decoder(_Everyone).decode


def parse(data: bytes, account_id: str) -> AccountImage:
    """Read what is known of an account, as it is.

    Raises:
        ConfigurationError: it was written by a newer version, or is none of ours.
    """
    with reading(account_id):
        if _version(data, account_id) == VERSION:
            return _decode(data)
        first = _decode_first(data)
        first.version = VERSION
        return AccountImage(*msgspec.structs.astuple(first))


def write(known: AccountImage) -> bytes:
    """Write what is known of an account."""
    return _encode(known)


def load(
    data: bytes | None, account_id: str, rulebook: Rulebook, setting: Setting, now: float
) -> Book:
    """Read an account's image; None makes a new account.

    Raises:
        ConfigurationError: it was written by a newer version, or is none of ours; or the function
            that chooses limits failed.
    """
    if data is None:
        return Book(Lane(account_id, rulebook.of(account_id), setting, now))
    image = parse(data, account_id)
    rules = rulebook.of(
        account_id, image.provider, image.tier, image.connected_at, own=image.limits
    )
    with reading(account_id):
        return _book(image, Lane(account_id, rules, setting, image.born), now)


def _book(image: AccountImage, lane: Lane, now: float) -> Book:
    """Return a lane's book as its image has it."""
    lane.connected_at = image.connected_at
    lane.since, lane.last, lane.successes = image.since, image.last, image.successes
    lane.refused, lane.refused_at = tuple(image.refused), image.refused_at
    lane.warnings = tuple(image.warnings)
    lane.trouble = None if image.trouble is None else _trouble(image.trouble)
    lane.learned = image.learned or None
    book = Book(lane)
    book.longest, book.limits, book.line = image.longest, image.limits, Line(image.line)
    book.gaps, book.bursts = dict(image.gaps), dict(image.bursts)
    lane.own = image.limits is not None
    book.logs = {action: unpacked(events) for action, events in image.events.items()}
    for action in {*book.logs, *(held.action for held in image.held.values())}:
        book.tally(action, now)
    _hold_gaps(lane, image)
    for reservation, held in image.held.items():
        tally = book.tally(held.action, now)
        slot = Slot(lane, tally, held.cost, held.at, held.probe, tally.rings, tally.paces)
        for ring in tally.rings:
            ring.held += held.cost
        book.slots[reservation], book.held[reservation] = slot, held
    lane.in_flight = len(book.held)
    return book


def dump(book: Book, now: float) -> bytes:
    """Write an account's image; what no window can need any more is left out."""
    lane = book.lane
    book.longest = max(book.longest, lane.rules.longest)
    book.line.tidy(now)
    precise = lane.rules.shortest <= _PRECISE
    events = {
        action: _packed(log, now, now - book.longest, precise=precise)
        for action, log in book.logs.items()
    }
    gaps, bursts = book.paces(now)
    return _encode(
        AccountImage(
            VERSION,
            lane.provider,
            lane.tier,
            lane.connected_at,
            lane.born,
            False,  # nothing
            {action: one for action, one in events.items() if one.old or one.new},
            book.held,
            gaps,
            bursts,
            lane.since,
            lane.last,
            lane.successes,
            None if lane.trouble is None else _of_trouble(lane.trouble),
            lane.learned or {},
            list(lane.refused),
            lane.refused_at,
            list(lane.warnings),
            book.longest,
            book.limits,
            book.line.places,
        )
    )


def _packed(log: Log, now: float, since: float, *, precise: bool) -> Events:
    """Pack a log: what has left every window is dropped, what is old is rounded up to seconds."""
    log.drop(since)
    whole = log.whole(now - _PRECISE if precise else inf)
    new = log.at[len(whole) :] if len(whole) < len(log.at) else _NOTHING
    costs = b"" if log.costs is None else log.costs.tobytes()
    return Events(whole.tobytes(), new.tobytes(), costs)


def packed(log: Log) -> Events:
    """Pack a log as it is."""
    return Events(b"", log.at.tobytes(), b"" if log.costs is None else log.costs.tobytes())


def unpacked(events: Events) -> Log:
    """Return a log as it was packed."""
    old, new, costs = array("I"), array("d"), array("I")
    old.frombytes(events.old)
    new.frombytes(events.new)
    costs.frombytes(events.costs)
    log = Log(old, costs or None)
    if new and log.at and new[0] < log.at[-1]:
        new = array("d", [max(at, log.at[-1]) for at in new])  # rounded up past its successor
    log.at.extend(new)
    return log


def _hold_gaps(lane: Lane, image: AccountImage) -> None:
    """Let calls that are under way keep their distances."""
    for held in image.held.values():
        found = lane.find(held.action)
        for pace in found.paces if found is not None else ():
            if isinstance(pace, Gap):
                pace.held += 1


def _of_trouble(trouble: Trouble) -> TroubleImage:
    rate = trouble.rate
    return TroubleImage(
        trouble.cooling_until,
        trouble.strikes,
        trouble.probing,
        trouble.refused,
        trouble.refused_at,
        None if rate is None else [float(getattr(rate, name)) for name in _RATE],
        list(trouble.closures),
        {
            action: _Misses(one.errors, [str(name) for name in one.subjects], one.closings)
            for action, one in trouble.misses.items()
        },
    )


def _as(like: object, value: float) -> float | int | bool:
    """Return a number as what it was: a count or a flag, which bytes keep as floats."""
    if isinstance(like, bool):
        return bool(value)
    return int(value) if isinstance(like, int) else value


def _trouble(image: TroubleImage) -> Trouble:
    trouble = Trouble()
    trouble.cooling_until, trouble.strikes = image.cooling_until, image.strikes
    trouble.probing, trouble.refused = image.probing, image.refused
    trouble.refused_at, trouble.closures = image.refused_at, tuple(image.closures)
    if image.rate is not None:
        trouble.rate = Adaptive(0.0, 0, 0.0)
        for name, value in zip(_RATE, image.rate, strict=False):
            setattr(trouble.rate, name, _as(getattr(trouble.rate, name), value))
    for action, one in image.misses.items():
        misses = trouble.misses[action] = Misses()
        misses.errors, misses.closings = one.errors, one.closings
        misses.subjects = set(one.subjects)
    return trouble


def load_everyone(data: bytes | None) -> Everyone:
    """Read what is kept of all accounts together.

    Raises:
        ConfigurationError: it was written by a newer version, or is none of ours.
    """
    everyone = Everyone()
    if data is None:
        return everyone
    with reading(EVERYONE):
        _version(data, EVERYONE)
        image = _decode_everyone(data)
        everyone.logs = {name: unpacked(events) for name, events in image.events.items()}
        everyone.held, everyone.paused = image.held, tuple(image.paused)
        everyone.longest, everyone.born = image.longest, image.born
        everyone.bursts = image.bursts
        everyone.lines = {name: Line(places) for name, places in image.lines.items()}
    return everyone


def dump_everyone(everyone: Everyone, now: float) -> bytes | None:
    """Write what is kept of all accounts together; None where there never was anything.

    What was once written stays, be it empty: else nobody could tell it from what was lost.
    """
    if not (everyone.logs or everyone.held or everyone.paused or everyone.born):
        return None
    events = {
        name: _packed(log, now, now - everyone.longest, precise=True)
        for name, log in everyone.logs.items()
    }
    kept = {name: one for name, one in events.items() if one.old or one.new}
    paused = [one for one in everyone.paused if one.until > now]
    everyone.born = everyone.born or now
    for line in everyone.lines.values():
        line.tidy(now)
    lines = {name: line.places for name, line in everyone.lines.items() if line.places}
    return _encode(
        _Everyone(
            VERSION,
            kept,
            everyone.held,
            paused,
            everyone.longest,
            everyone.born,
            lines,
            everyone.bursts,
        )
    )


def _version(data: bytes, key: str) -> int:
    """Return an image's version; refuse a newer one, whatever it looks like beyond its number."""
    first = msgspec.msgpack.decode(data, type=list[msgspec.Raw])[0]
    version: object = msgspec.msgpack.decode(first)
    if not isinstance(version, int) or version not in range(1, VERSION + 1):
        msg = "were written by a newer version of postpress-async: upgrade this one"
        raise _unreadable(key, msg)
    return version


@contextmanager
def reading(key: str) -> Generator[None]:
    """Say of whose counts it was that what was read is none of ours, or was damaged."""
    try:
        yield
    except _NONE_OF_OURS as error:
        msg = "cannot be read: put a copy of the store back, or delete what it has of that name"
        raise _unreadable(key, f"{msg} ({type(error).__name__})") from error


def _unreadable(key: str, words: str) -> ConfigurationError:
    """Return the error of an account whose counts cannot be read; others are counted on."""
    if key == EVERYONE:
        return ConfigurationError(f"the counts of all accounts together {words}", scope="setup")
    return ConfigurationError(f"the counts of {key} {words}", scope="account")
