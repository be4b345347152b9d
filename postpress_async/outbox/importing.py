"""From files to items: every line is checked before the first one is queued.

Two passes over a file, and nothing held between them but eight bytes and a number for each key, and
for each person to be invited. The second pass goes in batches and may be cut off at any line:
whoever imports the file again queues what is left, since each line's key stands for its item.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import aclosing
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox.rows import Filter

from .drafting import Cook, Draft
from .overtaken import Ends, overtaken
from .putting import new_of
from .recipes import ImportProblem, ImportRefusedError
from .reports import Imported, ImportForecast
from .sources import opened
from .templates import NO_COLUMN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from postpress_async.scheduler.planning import Plan, Seen
    from postpress_async.storage.outbox.rows import Added, New, Row
    from postpress_async.storage.outbox.store import Store

    from .recipes import Recipe
    from .sheets import Line
    from .sources import How, Sheet, Source

__all__ = ["Importer"]

BATCH: Final = 100
_BATCH_BYTES: Final = 4 * 2**20


class Importer:
    """Import files into a store.

    Args:
        store: where items go.
        new_id: makes ids, in their order.
        provider_of: tells an account's provider; None where nobody knows.
        plan: plans actions of an account, and tells of each when it would go.
        tell: told of each item that is new.
    """

    def __init__(
        self,
        store: Store,
        *,
        new_id: Callable[[], str],
        provider_of: Callable[[str], Awaitable[str | None]],
        plan: Callable[[str, Mapping[str, int], Seen], Awaitable[Plan]],
        tell: Callable[[Row], None] | None = None,
    ) -> None:
        self._store = store
        self._new_id = new_id
        self._provider_of = provider_of
        self._plan = plan
        self._tell = tell
        self._providers: dict[str, str | None] = {}

    async def preview(self, source: Source, recipe: Recipe, how: How) -> ImportForecast:
        """Check all lines, and tell what an import would do; nothing is queued.

        Raises:
            ImportRefusedError: some lines cannot be queued.
            ConfigurationError: the file cannot be read.
        """
        async with opened(source, how) as sheet:
            found = await self._check(sheet, self._cook(sheet, recipe), how)
        accounts = sorted({account_id for account_id, _ in found.actions})
        plans: list[Plan] = []
        ahead: dict[str, int] = {}
        expiring = 0
        for one in accounts:
            ends = {name: there for (whose, name), there in found.actions.items() if whose == one}
            plan, late = await self._planned(one, ends)
            plans.append(plan)
            expiring += late
            waiting = Filter(account_id=one, states=("queued", "claimed"))
            ahead[one] = sum((await self._store.counts(waiting)).values())
        return ImportForecast(
            lines=found.lines,
            new=found.lines - found.already - found.forgotten - found.refusals,
            already=found.already,
            forgotten=found.forgotten,
            refused=tuple(found.refused),
            refusals=found.refusals,
            ahead=ahead,
            plans=tuple(plans),
            last_not_before=found.last or None,
            expiring=expiring,
        )

    async def _planned(self, account_id: str, ends: Mapping[str, Ends]) -> tuple[Plan, int]:
        """Return a plan, and how many are over before their turn in it."""
        turns: dict[str, list[float]] = {name: [] for name in ends}
        actions = {name: len(there) for name, there in ends.items()}
        plan = await self._plan(account_id, actions, lambda name, at: turns[name].append(at))
        return plan, sum(overtaken(ends[name].in_turn(), turns[name]) for name in ends)

    async def load(self, source: Source, recipe: Recipe, how: How) -> Imported:
        """Check all lines, then queue them in batches, in the order of the file.

        Raises:
            ImportRefusedError: some lines cannot be queued; nothing was.
            ConfigurationError: the file cannot be read, or was changed meanwhile; the text says
                how many lines were queued by then.
            StateUnavailableError: the store cannot be used; import it again, with the same keys.
        """
        async with opened(source, how) as sheet:
            cook = self._cook(sheet, recipe)
            found = await self._check(sheet, cook, how)
            counts: Counter[str] = Counter()
            refused: list[ImportProblem] = []
            async with aclosing(self._batches(sheet, cook, counts)) as batches:
                async for batch in batches:
                    news = [self._new(draft) for _, draft in batch]
                    for (line, _), one in zip(batch, await self._add(news, counts), strict=True):
                        counts[one.kind] += 1
                        if one.kind == "new" and self._tell is not None:
                            self._tell(one.row)
                        if one.kind == "conflict" and len(refused) < how.most_problems:
                            refused.append(_conflict(line.number, one))
                    if how.progress is not None:
                        how.progress(counts.total(), found.lines)
        return Imported(
            lines=counts.total(),
            queued=counts["new"],
            already=counts["same"],
            forgotten=counts["forgotten"],
            refused=tuple(refused),
            refusals=counts["conflict"],
        )

    # -- the first pass -----------------------------------------------------------------------

    async def _check(self, sheet: Sheet, cook: Cook, how: How) -> _Found:
        found = _Found(most=how.most_problems)
        async with aclosing(sheet.chunks()) as chunks:
            async for lines in chunks:
                drafts: list[tuple[Line, Draft]] = []
                for line in lines:
                    found.lines += 1
                    draft = await _drafted(cook, line)
                    if isinstance(draft, Draft):
                        if not found.is_twice(line, draft):
                            drafts.append((line, draft))
                    else:
                        found.wrong(draft)
                for start in range(0, len(drafts), BATCH):
                    await self._compare(drafts[start : start + BATCH], found)
        if found.problems:
            raise _refusal(sheet.name, found)
        if not found.lines:
            raise ConfigurationError(f"{sheet.name}: has no lines to import")
        return found

    async def _compare(self, drafts: Sequence[tuple[Line, Draft]], found: _Found) -> None:
        """Look up what of it the store knows already."""
        news = [new_of(d.content, d.account_id, d.wishes, provider=d.provider, id_="-")
                for _, d in drafts]  # fmt: skip
        keys = tuple(one.key for one in news)
        rows = await self._store.find(Filter(keys=keys), limit=len(keys), bodies=False)
        known = {row.key: row.digest for row in rows}
        marks = {mark for one in news for mark in one.tombstones}
        gone = await self._store.forgotten(sorted(marks))
        invited = await self._invited(news)
        for (line, _), new in zip(drafts, news, strict=True):
            digest = known.get(new.key)
            if digest is None and gone.isdisjoint(new.tombstones):
                found.fresh(line, new, invited.get((new.account_id, new.thread)))
            elif digest is None:
                found.forgotten += 1
            elif digest == new.digest:
                found.already += 1
            else:
                found.wrong([ImportProblem(line=line.number, column="key", message=_OTHER)])

    async def _invited(self, news: Sequence[New]) -> dict[tuple[str, str], str]:
        """Return the open invitations to whom some lines invite, by account and thread."""
        threads: dict[str, list[str]] = {}
        for new in news:
            if new.kind == _INVITE:
                threads.setdefault(new.account_id, []).append(new.thread)
        invited: dict[tuple[str, str], str] = {}
        for one, some in threads.items():
            there = await self._store.inviting(one, some)
            invited |= {(one, thread): item for thread, item in there.items()}
        return invited

    # -- the second pass ----------------------------------------------------------------------

    async def _batches(
        self, sheet: Sheet, cook: Cook, counts: Counter[str]
    ) -> AsyncGenerator[list[tuple[Line, Draft]], None]:
        batch: list[tuple[Line, Draft]] = []
        size = 0
        async with aclosing(sheet.chunks()) as chunks:
            async for lines in chunks:
                for line in lines:
                    draft = await _drafted(cook, line)
                    if sheet.is_changed():
                        raise _cut_off(sheet.name, "was changed while it was imported", counts)
                    if not isinstance(draft, Draft):  # such as of a file that is there no more
                        raise _cut_off(sheet.name, f"{draft[0]}", counts)
                    files = getattr(draft.content, "files", ())
                    size += sum(len(one.data) for one in files)
                    batch.append((line, draft))
                    if len(batch) >= BATCH or size >= _BATCH_BYTES:
                        yield batch
                        batch, size = [], 0
        if batch:
            yield batch

    async def _add(self, news: list[New], counts: Counter[str]) -> list[Added]:
        try:
            return await self._store.add(news)
        except StateUnavailableError as error:
            told = (
                f"{error}; {counts.total()} lines of the file were taken by then: import it again"
            )
            error.args = (f"{told}, which queues none of them twice",)
            raise

    def _new(self, draft: Draft) -> New:
        content, account_id, wishes, provider = draft
        return new_of(content, account_id, wishes, provider=provider, id_=self._new_id())

    def _cook(self, sheet: Sheet, recipe: Recipe) -> Cook:
        return Cook(recipe, folder=sheet.folder, provider_of=self._provider)

    async def _provider(self, account_id: str) -> str | None:
        if account_id not in self._providers:
            self._providers[account_id] = await self._provider_of(account_id)
        return self._providers[account_id]


_OTHER: Final = (
    "this key stands for something else in the outbox: give a key that tells the two apart, or put "
    "back what the line said when it was imported"
)


_INVITE: Final = "invite"  # a store holds one open one to a person from an account


class _Found:
    """Gather what the first pass finds."""

    def __init__(self, *, most: int) -> None:
        self.lines = self.already = self.forgotten = self.wrongs = self.refusals = 0
        self.last = 0.0
        self.actions: defaultdict[tuple[str, str], Ends] = defaultdict(Ends)
        self.problems: list[ImportProblem] = []
        self.refused: list[ImportProblem] = []
        self._most = most
        self._keys: dict[int, int] = {}
        self._people: dict[int, int] = {}
        self.more = False  # whether there are problems besides those
        self._lacking: set[tuple[str | None, str]] = set()

    def wrong(self, problems: Sequence[ImportProblem]) -> None:
        """Note what is wrong; of many, the first ones, and a column that lacks but once."""
        self.wrongs += 1
        for one in problems:
            lacking = one.message.startswith(NO_COLUMN)
            if lacking and (one.column, one.message) in self._lacking:
                continue
            if len(self.problems) >= self._most:
                self.more = True
                return
            if lacking:
                self._lacking.add((one.column, one.message))
            self.problems.append(one)

    def is_twice(self, line: Line, draft: Draft) -> bool:
        """Tell whether a line before has this key, which is wrong then."""
        first = self._keys.setdefault(_short(draft.wishes.key or ""), line.number)
        if first == line.number:
            return False
        why = f"has the same key as line {first}: take one of them out, or tell them apart by key"
        self.wrong([ImportProblem(line=line.number, column="key", message=why)])
        return True

    def fresh(self, line: Line, new: New, invited: str | None) -> None:
        """Note what no store knows: of one invitation to somebody, a second one is wrong.

        Args:
            line: where it stands.
            new: what it would be.
            invited: the open invitation in the store that would keep it out for now.
        """
        if new.kind == _INVITE:
            first = self._people.setdefault(_short(f"{new.account_id}\0{new.thread}"), line.number)
            if first != line.number:
                why = f"invites the same person as line {first}: take one of them out"
                self.wrong([ImportProblem(line=line.number, column=None, message=why)])
                return
        if invited is not None:
            self.refusals += 1
            if len(self.refused) < self._most:
                why = f"item {invited} to the same person is open: wait for it, or cancel it"
                self.refused.append(ImportProblem(line=line.number, column=None, message=why))
            return
        self.actions[new.account_id, new.action].add(new.due_at, new.expires_at)
        self.last = max(self.last, new.due_at)


def _short(text: str) -> int:
    """Return a digest of eight bytes, which is all that is held of a line."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


async def _drafted(cook: Cook, line: Line) -> Draft | list[ImportProblem]:
    if line.wrong is not None:
        return [ImportProblem(line=line.number, column=None, message=line.wrong)]
    return await cook.draft(line.number, line.columns)


def _cut_off(name: str, why: str, counts: Counter[str]) -> ConfigurationError:
    return ConfigurationError(
        f"{name}: {why}, and {counts.total()} lines were taken by then: import it again, which "
        "queues none of them twice"
    )


def _conflict(line: int, one: Added) -> ImportProblem:
    why = _OTHER
    if one.row.kind in {"invite", "follow"} and one.row.state in {"held", "queued", "unknown"}:
        why = f"item {one.row.id} to the same person, or with this key, is open: wait for it"
    return ImportProblem(line=line, column=None, message=why)


_TOLD: Final = 3
"""Problems that stand in the error's own words."""


def _refusal(name: str, found: _Found) -> ImportRefusedError:
    told = "; ".join(str(one) for one in found.problems[:_TOLD])
    more = "; … (see .problems)" if found.more or len(found.problems) > _TOLD else ""
    wrong = "1 line cannot" if found.wrongs == 1 else f"{found.wrongs} lines cannot"
    summary = f"{name}: {wrong} be queued, so nothing was"
    return ImportRefusedError(
        f"{summary}: {told}{more}",
        problems=tuple(found.problems), lines=found.wrongs, summary=summary,
    )  # fmt: skip
