"""Steps: what a process asks of a store about one account, decided at once and as a whole.

A step is pure: images and an instant in, images and an outcome out. The store runs it while nobody
else can read or write them, at its own time. Who decides is `Lane`, wherever the counts are kept.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import msgspec

from . import image
from .blockers import forecast, never
from .everyone import EVERYONE, fill, keep_tune, tune
from .line import number_of
from .news import NEWS, Changes, is_plain, noted
from .turns import Turn, stand, turn_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from postpress_async.limits import Verdict

    from .book import Book
    from .everyone import Everyone
    from .shelf import Shelf
    from .tally import Slot, Tally
    from .trouble import Closure

T_co = TypeVar("T_co", covariant=True)
Change: TypeAlias = "Callable[[Book, Everyone, float], None]"
Report: TypeAlias = "tuple[str, Verdict]"


class Work(Protocol[T_co]):
    """Be what a store carries out at once: `keys` name the images, `run` decides."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that it reads and may change."""
        ...

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], T_co]:
        """Return the images that changed, None to delete one, and what is to be told."""
        ...


class Processes(Protocol):
    """Name this process, and say of others whether they are certainly dead."""

    @property
    def own(self) -> str:
        """This process."""
        ...

    def gone(self, name: str, /) -> bool:
        """Tell whether a process is certainly dead; asked in the store's thread."""
        ...


class SharedState(Protocol):
    """Be a store of images that several processes share; `storage` has those that exist."""

    @property
    def trouble(self) -> str:
        """What it knows to be the matter while it does not answer; empty for nothing."""
        ...

    @property
    def lead(self) -> float:
        """By how many seconds its time is ahead of the clock by which hours and dates are meant.

        Below 0 where it is behind.
        """
        ...

    async def step(self, work: Work[T_co], /) -> T_co:
        """Carry a work out, at the store's own time, which never goes back."""
        ...

    async def aclose(self) -> None:
        """Let go of it."""
        ...


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a slot.

    Attributes:
        reservation: names the grant, in all processes.
        action, cost, reply: as its waiter has them.
        head: whether it may go now; else only its forecast is wanted.
        fresh: whether it comes for the first time, and may be turned away by a forecast.
        patience: seconds that it may wait.
        ahead: cost of those who go before it in its process.
    """

    reservation: str
    action: str
    cost: int
    reply: bool
    head: bool
    fresh: bool
    patience: float
    ahead: int


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Say why an ask is turned away: a closure, or a limit and the seconds until it has room."""

    closure: Closure | None
    name: str
    wait: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what became of a step.

    Attributes:
        now: the store's time.
        granted: the reservations that may go.
        probes: those of them that go alone.
        refused: those that would wait in vain.
        again: when to ask again; inf where nobody is left.
        provider, tier: what the store knows of the account.
        stands: whether this process has a place in the account's line.
    """

    now: float
    granted: tuple[str, ...]
    probes: frozenset[str]
    refused: dict[str, Refusal]
    again: float
    provider: str | None
    tier: str | None
    stands: bool = False


class ForEveryone:
    """Change what holds for all accounts together."""

    def __init__(self, shelf: Shelf, change: Callable[[Everyone, float], None]) -> None:
        self.keys: tuple[str, ...] = (EVERYONE, NEWS)
        self._shelf = shelf
        self._change = change

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], None]:
        """Do it."""
        everyone = image.load_everyone(images[EVERYONE])
        self._change(everyone, self._shelf.setting.skew())
        news = noted(images[NEWS], [EVERYONE], now)
        return {EVERYONE: image.dump_everyone(everyone, now), NEWS: news}, None


class Step:
    """Give back slots, change what is known, and ask for slots of one account.

    Attributes:
        keys: the account's image, that of everyone, and the news if there may be any.
        repeatable: whether it may be done twice, where nobody knows whether it was done once.
    """

    def __init__(
        self,
        shelf: Shelf,
        account_id: str,
        *,
        asks: Sequence[Ask] = (),
        reports: Sequence[Report] = (),
        changes: Sequence[Change] = (),
        lease: float,
        room: int = 0,
        own: str = "",
        waits: bool = False,
        over: Callable[[str], float | None] | None = None,
    ) -> None:
        plain = not changes and all(map(is_plain, reports))
        self.keys: tuple[str, ...] = (
            (account_id, EVERYONE) if plain else (account_id, EVERYONE, NEWS)
        )
        self._room = room
        self._own = own
        self._who = number_of(own)
        self._waits = waits
        self._over = over
        self._shelf = shelf
        self._account_id = account_id
        self._asks = asks
        self._reports = reports
        self._changes = changes
        self._lease = lease
        # A grant is known by its name, and a report that comes twice is one.
        self.repeatable: bool = not changes

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], Outcome]:
        """Do it all, in this order: calls that are over, changes, calls that want to go."""
        book = self._shelf.open(self._account_id, images, now)
        everyone, setting, tuned = self._shelf.everyone, self._shelf.setting, set[str]()
        tune(setting, everyone, tuned)
        if self._over is not None:
            book.drop_over(self._over, now)
            everyone.drop_over(self._over)
        book.expire(now, self._shelf.gone)
        everyone.expire(now, self._shelf.gone)
        news = Changes(book, everyone, self._who) if NEWS in self.keys else None
        for reservation, verdict in self._reports:
            if news is not None and not verdict.counts:
                news.refund(reservation)
            book.report(reservation, verdict, now)
            everyone.report(reservation, verdict, now)
        fill(setting, everyone, now)
        for change in self._changes:
            change(book, everyone, now)
        for ask in self._asks:
            book.tally(ask.action, now)
        tune(setting, everyone, tuned)
        fill(setting, everyone, now)
        outcome = self._decide(book, everyone, now)
        keep_tune(setting, everyone, now)
        data, shared = image.dump(book, now), image.dump_everyone(everyone, now)
        self._shelf.close(self._account_id, book, data, shared)
        changed: dict[str, bytes | None] = {}
        if data != images[self._account_id]:
            changed[self._account_id] = data
        if shared != images[EVERYONE]:
            changed[EVERYONE] = shared
        if news is not None and (names := news.names(self._account_id)):
            changed[NEWS] = noted(images[NEWS], names, now)
        return changed, outcome

    def _decide(self, book: Book, everyone: Everyone, now: float) -> Outcome:
        granted: list[str] = []
        probes: set[str] = set()
        refused: dict[str, Refusal] = {}
        blocked: set[str] = set()
        stood: set[tuple[str, bool]] = set()
        went: dict[str, int] = {}  # what it cost, by action: nobody waits behind that any more
        again = inf
        for ask in self._asks:
            if ask.reservation in book.held:  # carried out before, and its answer lost
                granted.append(ask.reservation)
                probes |= {ask.reservation} if book.held[ask.reservation].probe else set()
                continue
            free = len(granted) < self._room
            turn = None
            if ask.head and free and (ask.reply or ask.action not in blocked):
                turn = self._turn(book, everyone, ask, now)
                if turn.at <= now:
                    slot = self._grant(book, everyone, ask, now)
                    granted.append(ask.reservation)
                    probes |= {ask.reservation} if slot.probe else set()
                    went[ask.action] = went.get(ask.action, 0) + ask.cost
                    continue
                blocked.add(ask.action)
            ahead = max(ask.ahead - went.get(ask.action, 0), 0)
            refusal = self._refusal(book, ask, now, ahead=ahead)
            if refusal is not None:
                refused[ask.reservation] = refusal
            if turn is not None:
                at = turn.again(now, self._busy_since(book, everyone))
                again = min(again, at)
                if self._waits and refusal is None and (ask.action, ask.reply) not in stood:
                    stood.add((ask.action, ask.reply))
                    alike = self._alike(ask, granted)
                    stand(book, everyone, alike, turn, self._who, now=now, again=at)
        return Outcome(
            now=now,
            granted=tuple(granted),
            probes=frozenset(probes),
            refused=refused,
            again=again,
            provider=book.lane.provider,
            tier=book.lane.tier,
            stands=self._stay(book),
        )

    def _turn(self, book: Book, everyone: Everyone, ask: Ask, now: float) -> Turn:
        if self._waits:
            return turn_of(book, everyone, ask, self._who, now)
        tally = book.tally(ask.action, now)
        return Turn(at=book.lane.ready_at(tally, ask.cost, now, reply=ask.reply))

    def _grant(self, book: Book, everyone: Everyone, ask: Ask, now: float) -> Slot:
        slot = book.lane.grant(book.tally(ask.action, now), ask.cost, now)
        book.hold(ask.reservation, slot, now + self._lease)
        everyone.hold(ask.reservation, slot, now + self._lease)
        book.line.served(self._who, ask.action, ask.cost, reply=ask.reply)
        everyone.served(self._who, slot, reply=ask.reply)
        return slot

    def _alike(self, ask: Ask, granted: Collection[str]) -> list[Ask]:
        """Return the asks that wait together with one: of its action, replies or not."""
        return [
            one
            for one in self._asks
            if one.head
            and (one.action, one.reply) == (ask.action, ask.reply)
            and one.reservation not in granted
        ]

    def _stay(self, book: Book) -> bool:
        """Leave the line for what is not asked for any more; return whether any place is left."""
        if self._waits:
            wanted = {(ask.action, ask.reply) for ask in self._asks if ask.head}
            book.line.leave(self._who, but=wanted)
        return book.line.has(self._who)

    def _busy_since(self, book: Book, everyone: Everyone) -> float:
        """Return when the first call of another client began that is under way; inf for none."""
        began = [held.at for name, held in book.held.items() if self._foreign(name)]
        began += [held.at for name, (_, held) in everyone.held.items() if self._foreign(name)]
        return min(began, default=inf)

    def _foreign(self, reservation: str) -> bool:
        """Tell whether a call is another client's; this one is told of the end of its own."""
        return not (self._own and reservation.startswith(self._own))

    def _refusal(self, book: Book, ask: Ask, now: float, *, ahead: int) -> Refusal | None:
        """Say why an ask would wait in vain, if it would."""
        tally = book.tally(ask.action, now)
        closure = book.lane.closed(tally, now)
        if closure is not None and closure.kind != "service":
            wait = closure.until - now
            if closure.until == inf or wait > ask.patience:
                return Refusal(closure=closure, name=closure.reason, wait=wait)
        if not ask.fresh:
            return self._in_vain(book, tally, ask, now)
        at, name = forecast(book.lane, tally, ask.cost, now, reply=ask.reply, ahead=ahead)
        wait = at - now
        in_vain = at == inf or wait > ask.patience
        return Refusal(closure=None, name=name, wait=wait) if in_vain else None

    def _in_vain(self, book: Book, tally: Tally, ask: Ask, now: float) -> Refusal | None:
        """Say which limit can never let one go that was let in; alone, it waits for the store."""
        name = never(book.lane, tally, ask.cost, now, reply=ask.reply) if self._waits else None
        return None if name is None else Refusal(closure=None, name=name, wait=inf)
