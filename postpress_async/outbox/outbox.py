"""`Outbox`: put in what is to go, and have workers send it when it may."""
# ruff: noqa: D417 - what several methods take is told once, where it is said

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from msgspec import UNSET, UnsetType

from postpress_async import spellings
from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.options import Timeout, positive, whole
from postpress_async.scheduler.clock import LoopClock
from postpress_async.storage.outbox.opening import open_outbox

from . import by_hand, explaining, metering, putting
from .awaited import check_async
from .batch import Batch
from .changing import ItemChanges, Listeners
from .desk import Desk
from .intake import Intake
from .items import item_of
from .last_word import HOOK_SECONDS
from .listing import filter_of, items_of, states_of
from .metering import Meter
from .protocol import Terms
from .putting import Names
from .running import Crew, Upkeep, accounts_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from postpress_async.client import Postpress
    from postpress_async.pagination import Paginator
    from postpress_async.storage.outbox.rows import Filter
    from postpress_async.storage.outbox.store import Store

    from .contents import Content
    from .decisions import Decision
    from .explaining import Reason
    from .items import Item, ItemState
    from .metering import OutboxMetrics, OutboxProgress
    from .putting import Wishes

    BeforeSend: TypeAlias = Callable[[Item], Awaitable[Decision]]
    Reasons: TypeAlias = list[Reason]  # a method below is called `list`, too

__all__ = ["Outbox"]

DAY: Final = 86_400.0
LEAST_KEPT: Final = 7 * DAY
"""Seconds for which what is over stays at least: looks for what was cut go back a day or two."""
_LONGEST: Final = 300.0
"""Seconds that a request may take where the client sets no bound: doubts must end some time."""


class Outbox(Intake["Item"]):
    """Keep what is to be sent, and send it: once, in order, when limits allow, over restarts.

    What was put in is on the disk before a call returns. Nothing goes before somebody runs a
    worker, `run`, here or in any other process on the same store. What it promises and what it
    cannot is told in the guide «The outbox», whose sections the methods name as their source. All
    durations are in seconds. In the examples, `outbox` is one that is open.

    Args:
        client: what sends; it is not closed here. Bound to an account, methods need no
            `account_id`.
        url: `sqlite:///outbox.db` for one machine, or `postgresql://host/name` for several.
        before_send: an async function that is asked at the last moment, with the slot held, what is
            to become of an item: `Send()`, `Skip(reason)`, `Defer(until)` or `Replace(text=…)`.
            What it raises leaves the item queued.
        before_send_timeout: seconds for which its answer is waited for, since the slot is held;
            then it is cancelled, and the item stays queued, as where it raises. None for ever.
        on_unknown: what becomes of an item that a look-back does not find: `look` queues it again
            when it certainly did not arrive; `hold` leaves every such decision to a person.
        keep_texts: seconds after which the texts and files of what is over are emptied by a
            worker; None keeps them.
        keep_items: seconds after which what is over is deleted by a worker, at least seven days;
            with an item goes its key, which is then free again. None keeps them.

    Raises:
        ConfigurationError: the URL names no store that survives, or an option cannot work.

    ```python
    async with Postpress() as client, Outbox(client, "sqlite:///outbox.db") as outbox:
        await outbox.message(account_id="acc_1", chat_id="chat_1", text="Hi", key="lead-42/hello")
        await outbox.run(until_empty=True)
    ```
    """

    def __init__(
        self,
        client: Postpress,
        url: str,
        *,
        before_send: BeforeSend | None = None,
        before_send_timeout: float | None = HOOK_SECONDS,
        on_unknown: Literal["look", "hold"] = "look",
        keep_texts: float | None = 30 * DAY,
        keep_items: float | None = None,
    ) -> None:
        if on_unknown not in {"look", "hold"}:
            msg = f"on_unknown must be 'look' or 'hold', not {on_unknown!r}"
            raise ConfigurationError(msg)
        if before_send is not None:
            check_async("before_send", before_send)
        positive("before_send_timeout", before_send_timeout)
        positive("keep_texts", keep_texts, zero=True)
        _long_enough("keep_items", keep_items)
        timeout = client._terms.timeout  # noqa: SLF001 - of this package
        if timeout.total is None:
            timeout = Timeout(total=_LONGEST, connect=timeout.connect, read=timeout.read)
            client = client.with_options(timeout=timeout)
        super().__init__(client)
        self._clock = client._pipeline._clock  # noqa: SLF001 - of this package
        given = None if type(self._clock) is LoopClock else self._clock.time
        self._store: Store = open_outbox(url, clock=given)
        self._terms = Terms(total=timeout.total or _LONGEST, hold=on_unknown == "hold")
        self._new_id = Names(now=self._clock.time)
        self._meter = Meter(self._clock.monotonic)
        self._listeners = Listeners(
            self._meter.tell, store=self._store, monotonic=self._clock.monotonic
        )
        self._desk = Desk(
            self._store,
            provider=self._provider,
            new_id=self._new_id,
            tell=self._listeners.tell,
        )
        self._upkeep = Upkeep(
            self._store, now=self._desk.now, keep_texts=keep_texts, keep_items=keep_items
        )
        self._crew = Crew(
            client,
            self._store,
            clock=self._clock,
            upkeep=self._upkeep,
            new_id=self._new_id,
            told=self._listeners.tell,
            before_send=before_send,
            before_send_timeout=before_send_timeout,
        )

    # -- putting in: `message`, `start_chat`, `invite`, `follow`, `react`, `profile` of Intake -----

    def batch(self, *, connection: object | None = None) -> Batch:
        """Put several items in at once: in one transaction, at the end of an `async with`.

        A batch has the methods by which an outbox takes items in. It is some ten times faster than
        one by one. Where the block raises, nothing is put in.

        Args:
            connection: your own connection, as in `message`, for all of them.

        Raises:
            OutboxConflictError, OutboxError, StateUnavailableError: at the end of the block, as
                `Batch` tells.

        Source: The outbox, Keys, times, groups.

        Examples:
            >>> async with outbox.batch() as batch:
            ...     for n in range(3):
            ...         await batch.message(
            ...             account_id="acc_1", chat_id="chat_1", text="Hi", key=f"lead-{n}"
            ...         )
            >>> [item.key for item in batch.items]
            ['lead-0', 'lead-1', 'lead-2']
        """
        return Batch(self._client, self._desk, connection)

    # -- sending ------------------------------------------------------------------------------

    async def run(
        self,
        *,
        until_empty: bool = False,
        concurrency: int = 100,
        stop: asyncio.Event | None = None,
        accounts: Sequence[str] | None = None,
    ) -> None:
        """Send what may go, and look for what is in doubt, until told to stop.

        Any number of workers may run, in any number of processes. When it is stopped or cancelled,
        nothing more is begun, what was not begun goes back, and what is under way gets 30 seconds;
        what has no answer by then is looked for by the next worker.

        Args:
            until_empty: end when nothing is left that goes by itself; waits for items of the
                future, not for held ones or those that need a decision.
            concurrency: items under way at once.
            stop: an event that ends it.
            accounts: only what goes out from these accounts, one at least; None for all.

        Raises:
            ConfigurationError: an argument cannot work; or what sends or counts cannot, whatever
                the item is (`scope` is `"setup"`): everything that was not sent stays queued.
            ClientClosedError: the client was closed while it worked.
            StateUnavailableError: the store could not be used for five minutes.

        Source: The outbox, A worker.

        Examples:
            >>> await outbox.run(until_empty=True)
        """
        whole("concurrency", concurrency, least=1)
        await self._crew.run(
            until_empty=until_empty,
            concurrency=concurrency,
            stop=stop,
            accounts=accounts,
            terms=self._terms,
        )

    # -- looking ------------------------------------------------------------------------------

    def list(
        self,
        *,
        state: ItemState | Sequence[ItemState] | None = None,
        account_id: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        needs_decision: bool | None = None,
        start: str | None = None,
        page_size: int | None = None,
    ) -> Paginator[Item]:
        """Walk over items in the order in which they were put in.

        They say what they say, and how their files are called; the files stay in the store.

        Args:
            state: only those in this state, or in one of these.
            account_id, group, recipient: only those of it.
            needs_decision: only those that a person must decide, or only the others.
            start: the cursor to begin at.
            page_size: items on a page, at most 250; 100 if it is not given.

        Raises:
            ConfigurationError: there is no such state, or no such cursor.
            StateUnavailableError: the store cannot be used now; while it is walked.

        Source: The outbox, States.

        Examples:
            >>> async for item in outbox.list(state=["failed", "expired"]):
            ...     print(item.id, item.error, item.next_step)
        """
        wanted = filter_of(
            states=states_of(state),
            account_id=account_id,
            group=group,
            recipient=recipient,
            needs_decision=needs_decision,
        )
        return items_of(self._store, wanted, start=start, page_size=page_size)

    async def get(self, id: str) -> Item:
        """Return an item, by its id or its key.

        Args:
            id: either of them.

        Raises:
            OutboxNotFoundError: there is none.
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, States.

        Examples:
            >>> item = await outbox.message(
            ...     account_id="acc_1", chat_id="chat_1", text="Hi", key="lead-44"
            ... )
            >>> (await outbox.get("lead-44")).id == item.id
            True
        """
        return item_of(await self._desk.row(id))

    async def counts(
        self, *, account_id: str | None = None, group: str | None = None
    ) -> Mapping[ItemState, int]:
        """Count items by state; a state that none is in is left out.

        Args:
            account_id, group: only those of it.

        Raises:
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, Looking after it.

        Examples:
            >>> await outbox.counts(group="spring")
            {}
        """
        return metering.summed(await self._store.counts(_some(account_id, group)))

    async def progress(
        self, *, account_id: str | None = None, group: str | None = None
    ) -> OutboxProgress:
        """Tell how far a group is, and when its last item could go at the earliest.

        Args:
            account_id, group: only those of it; else all.

        Raises:
            StateUnavailableError: the store cannot be used now; where only that of counts cannot,
                `unplanned` says so.
            PostpressError: the provider of an account cannot be looked up.

        Source: The outbox, Looking after it.

        Examples:
            >>> item = await outbox.message(
            ...     account_id="acc_1", chat_id="chat_1", text="Hi", group="spring"
            ... )
            >>> progress = await outbox.progress(group="spring")
            >>> (progress.total, progress.left, progress.share)
            (1, 1, 0.0)
        """
        return await metering.progress_of(
            _some(account_id, group),
            store=self._store,
            scheduler=self._client.scheduler,
            now=self._clock.time(),
        )

    async def metrics(self) -> OutboxMetrics:
        """Tell how the outbox does, in numbers for a monitor; all of it is counted each time.

        Raises:
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, Looking after it.

        Examples:
            >>> metrics = await outbox.metrics()
            >>> (metrics.counts["unknown"], metrics.oldest_due_seconds, metrics.workers)
            (0, 0.0, 0)
        """
        return metering.metrics_of(
            await self._store.overview(),
            self._meter,
            workers=self._crew.workers,
            dropped=self._listeners.dropped,
        )

    async def explain(self, id: str) -> Reasons:
        """Say why an item has not gone yet, and what to do about it, in words.

        Args:
            id: its id or key.

        Raises:
            OutboxNotFoundError: there is none.
            StateUnavailableError: the store cannot be used now; where only that of counts cannot,
                a reason says so.

        Source: The outbox, Looking after it.

        Examples:
            >>> item = await outbox.message(
            ...     account_id="acc_1", chat_id="chat_1", text="Hi", hold=True
            ... )
            >>> [reason.next_step for reason in await outbox.explain(item.id)]
            ['release(id) lets it go']
        """
        row = await self._desk.row(id)
        return await explaining.explain(
            row,
            store=self._store,
            scheduler=self._client.scheduler,
            pool=accounts_of(row),
            now=self._clock.time(),
        )

    def changes(self, *, here: bool = False) -> ItemChanges:
        """Listen to items as they change, from now on, whichever process changes them.

        What this process does is heard at once. For what others do the store is asked twice a
        second as long as somebody listens: of two changes of an item in that time only the later
        one is heard, and an item that is deleted is not. Each is heard once, an item's in their
        order. While the store is away nothing is lost; a ConfigurationError comes out of the loop.

        Args:
            here: hear this process alone, and all that it does.

        Source: The outbox, Looking after it.

        Examples:
            >>> changes = outbox.changes()
            >>> item = await outbox.message(account_id="acc_1", chat_id="chat_1", text="Hi")
            >>> (await anext(changes)).state
            'queued'
        """
        return ItemChanges(self._listeners, here=here)

    # -- by hand ------------------------------------------------------------------------------

    async def cancel(
        self,
        *,
        id: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        account_id: str | None = None,
    ) -> int:
        """Take back what has not begun to go; return how many.

        Args:
            id: this one, by id or key.
            group, recipient, account_id: all of it.

        Raises:
            ConfigurationError: neither an item nor anything else was named.
            OutboxNotFoundError: there is no such item.
            OutboxStateError: it goes right now, may have gone, or is over.
            StateUnavailableError: the store cannot be used now; of several, some may be cancelled.

        Source: The outbox, Keys, times, groups.

        Examples:
            >>> await outbox.cancel(group="spring")
            0
        """
        several = (group, recipient, account_id)
        if (id is None) == (several == (None, None, None)):
            msg = "cancel needs id=… or group=… (recipient, account_id), and not both"
            raise ConfigurationError(msg)
        if id is not None:
            await self._desk.change(id, by_hand.cancel)
            return 1
        wanted = filter_of(group=group, recipient=recipient, account_id=account_id)
        return await self._store.cancel(wanted, reason="cancelled by hand")

    async def release(self, id: str) -> Item:
        """Let an item go that was held by wish.

        Args:
            id: its id or key.

        Raises:
            OutboxNotFoundError: there is none.
            OutboxStateError: it is not held.
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, States.

        Examples:
            >>> item = await outbox.message(
            ...     account_id="acc_1", chat_id="chat_1", text="Hi", hold=True
            ... )
            >>> (await outbox.release(item.id)).state
            'queued'
        """
        return await self._desk.change(id, by_hand.release)

    async def retry(self, id: str) -> Item:
        """Queue an item again that failed or was cancelled, and certainly did not go.

        Args:
            id: its id or key.

        Raises:
            OutboxNotFoundError: there is none.
            OutboxStateError: it went, may have gone, waits anyhow, or its text is gone.
            OutboxConflictError: another invitation to the same person is open.
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, States.

        Examples:
            >>> item = await outbox.message(
            ...     account_id="acc_1", chat_id="chat_1", text="Hi", key="lead-44"
            ... )
            >>> await outbox.cancel(id="lead-44")
            1
            >>> (await outbox.retry("lead-44")).state
            'queued'
        """
        return await self._desk.change(id, by_hand.retry)

    async def resolve(self, id: str, *, sent: bool) -> Item:
        """Settle an `unknown` item by what you have seen.

        Args:
            id: its id or key.
            sent: True where it arrived; False queues it again.

        Raises:
            OutboxNotFoundError: there is none.
            OutboxStateError: it is not unknown; or its request may still arrive.
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, States.

        Examples:
            >>> async for item in outbox.list(needs_decision=True):
            ...     await outbox.resolve(item.id, sent=True)  # you have seen it in the chat
        """
        return await self._desk.resolve(id, sent=sent)

    async def edit(
        self,
        id: str,
        *,
        text: str | None = None,
        not_before: datetime | UnsetType | None = UNSET,
        expires_at: datetime | UnsetType | None = UNSET,
        priority: int | None = None,
    ) -> Item:
        """Change an item that has not begun to go; its key goes on standing for what was put in.

        Args:
            id: its id or key.
            text: what it says instead; an invitation's is its note.
            not_before: another instant, None for at once.
            expires_at: another instant, None for never.
            priority: another one.

        Raises:
            ConfigurationError: it cannot be sent so.
            OutboxNotFoundError: there is none.
            OutboxStateError: it goes right now, may have gone, or is over.
            StateUnavailableError: the store cannot be used now.

        Source: The outbox, Keys, times, groups.

        Examples:
            >>> item = await outbox.message(account_id="acc_1", chat_id="chat_1", text="Hi")
            >>> (await outbox.edit(item.id, text="Hi, Jordan")).text
            'Hi, Jordan'
        """
        return await self._desk.edit(
            id, text=text, not_before=not_before, expires_at=expires_at, priority=priority
        )

    async def forget(self, recipient: str | Sequence[str]) -> int:
        """Forget people: cancel and empty all that is to them, and refuse what comes later.

        Theirs is what was put in with the name, and what is to the id: a first message, an
        invitation or a follow, whatever name it was put in with, and a look at a profile by its
        identifier, with all that it saw. A message into a chat says nothing of who is in it: only
        the name that it was put in with counts. What is kept is a digest of each name, capitals as
        they were given, and what was sent when. A phone number is one name however it is written,
        with its country, and so are a link and the id in it. Keys and groups that hold a name are
        replaced. What is under way is emptied when it ends. An SQLite file is then written anew, so
        that no byte of it says more: workers wait meanwhile, half a minute or so for a gigabyte;
        give many names at once.

        Args:
            recipient: the names that items were put in with, or people's ids; one or several.

        Returns:
            How many items were cancelled.

        Raises:
            ConfigurationError: a name is empty.
            StateUnavailableError: the store cannot be used now; forget them again when it can.

        Source: The outbox, Data.

        Examples:
            >>> await outbox.forget("lead-42")
            0
        """
        several = [recipient] if isinstance(recipient, str) else list(recipient)
        names = [putting.name_of(putting.kept_text("recipient", one)) for one in several]
        count = 0
        for form in dict.fromkeys(form for name in names for form in spellings.forms(name)):
            count += await self._store.forget(form, putting.tombstone_of(form))
        await self._store.scrub()
        return count

    async def purge(self, *, older_than: float) -> int:
        """Empty the texts and files of what was over some seconds ago; return how many.

        Digests, ids and states stay, so that keys go on standing for what they stood for. Profiles
        that durable reads brought are emptied, too.

        Args:
            older_than: seconds.

        Raises:
            ConfigurationError: they are negative.
            StateUnavailableError: the store cannot be used now; some may be emptied.

        Source: The outbox, Data.

        Examples:
            >>> await outbox.purge(older_than=30 * 86_400)
            0
        """
        positive("older_than", older_than, zero=True)
        return await self._upkeep.purge(older_than)

    async def vacuum(self, *, older_than: float | None = None) -> int:
        """Delete what was over some seconds ago, and give the space back; return how many.

        With an item goes its key, which is then free again: put in once more, it is sent once more.
        Everybody waits while an SQLite file is written anew, half a minute or so for a gigabyte.

        Args:
            older_than: seconds, at least seven days; None deletes nothing.

        Raises:
            ConfigurationError: they are less than seven days.
            StateUnavailableError: the store cannot be used now; some may be deleted.

        Source: The outbox, Data.

        Examples:
            >>> await outbox.vacuum(older_than=365 * 86_400)
            0
        """
        _long_enough("older_than", older_than)
        return await self._upkeep.vacuum(older_than)

    # -- life ---------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """End workers that run here, as `stop` does, and close the store; the client stays open.

        A second time does nothing.

        Source: The outbox, A worker.

        Examples:
            >>> await outbox.aclose()
        """
        await self._crew.aclose()
        await self._listeners.aclose()
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        with suppress(StateUnavailableError):  # it may come back before it is needed
            # Makes the tables: for a `connection=` in a transaction they could not be made.
            await self._store.get("")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        """Show whose it is; never where it is kept, which may hold a password."""
        return f"Outbox({self._client!r})"

    # -- inside -------------------------------------------------------------------------------

    async def _take(
        self, content: Content, account_id: str, wishes: Wishes, connection: object | None
    ) -> Item:
        return await self._desk.put(content, account_id, wishes, connection)


def _some(account_id: str | None, group: str | None) -> Filter:
    return filter_of(account_id=account_id, group=group)


def _long_enough(name: str, seconds: float | None) -> None:
    positive(name, seconds)
    if seconds is not None and seconds < LEAST_KEPT:
        msg = f"{name} must be at least {LEAST_KEPT:.0f} s (seven days), not {seconds!r}: looks "
        raise ConfigurationError(msg + "for what was cut need what was sent before it")
