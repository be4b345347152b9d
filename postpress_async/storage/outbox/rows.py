"""What an outbox keeps of an item.

An item belongs to a lane, which is an account and an action, and to a thread, which is whatever
must stay in order: a chat, or an account and a recipient. Of each thread only the head may be
claimed: the least (`due_at`, `serial`) among its queued items that are due, and only while none of
the thread is claimed, sending or unknown. An item of the future is no head before its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from postpress_async.options import Discreet

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "OPEN",
    "PAGE_BYTES",
    "USUAL",
    "Added",
    "Attempt",
    "Backlog",
    "Claimed",
    "Filter",
    "Finish",
    "Horizon",
    "New",
    "Nothing",
    "Overview",
    "Reach",
    "Resting",
    "Row",
    "Stamp",
    "State",
]

State: TypeAlias = Literal[
    "held", "queued", "claimed", "sending", "sent", "unknown", "failed", "cancelled", "expired"
]
"""As kept; `claimed` is shown to users as `queued`."""

OPEN: frozenset[State] = frozenset({"held", "queued", "claimed", "sending", "unknown"})

PAGE_BYTES: Final = 4 * 2**20
"""Of bodies on a page: one may hold files of 15 MB, and a page a thousand of them."""


class New(Discreet, frozen=True, kw_only=True):
    """Be an item that is to be kept.

    Attributes:
        id: made by the caller, unique, and in the order of making (a ULID or UUIDv7).
        key: the caller's own name for it, unique for good; its id where none was given.
        digest: of all that the key stands for: the same key with another digest is a conflict.
        kind: `message`, `start_chat`, `invite`, `follow`, `react`, `profile`.
        account_id, action: its lane.
        thread: what must stay in order; its own id where nothing must.
        group, recipient: names to find it by; the recipient is also who may be forgotten.
        tombstone: what `forget` would keep of the recipient: refused where it was forgotten.
        person: the same of the person whom it is to, or looks at, where that is not the recipient.
        also: the same of their other spellings: looked at when it is put in, and not kept.
        body: what to send, encoded, never empty; never logged.
        text_digest, loose_digest: of the text, to find it in a chat again.
        priority: lower goes first among threads.
        due_at: not before this instant, in seconds since the epoch; 0 for when it is put in.
        expires_at: not after it.
        hold: whether it waits to be released.
    """

    id: str
    key: str
    digest: bytes
    kind: str
    account_id: str
    action: str
    thread: str
    body: bytes
    group: str | None = None
    recipient: str | None = None
    tombstone: bytes = b""
    person: bytes = b""
    also: frozenset[bytes] = frozenset()
    text_digest: bytes = b""
    loose_digest: bytes = b""
    priority: int = 0
    due_at: float = 0.0
    expires_at: float | None = None
    hold: bool = False

    @property
    def tombstones(self) -> frozenset[bytes]:
        """Those of all who would be written to: any of them refuses it."""
        return self.also | {one for one in (self.tombstone, self.person) if one}

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what says nothing of anybody."""
        yield "id", self.id
        yield "kind", self.kind
        yield "account_id", self.account_id


class Row(Discreet, frozen=True, kw_only=True):
    """Be an item as it is kept.

    Attributes:
        serial: the order of keeping, for ties of `due_at`.
        state, fence, attempts: `fence` grows with every claim, and every write names it.
        retry_at: when it may be tried again, None at once; its order stays that of `due_at`.
        look_at: when an unknown one is to be looked for (again).
        looks: how often it was looked for in vain; of a queued one, how often one went at it in
            vain, since it was last marked.
        needs_decision: an unknown one that only a person can decide.
        result_id: of what was sent, unique among all items of its account and kind; messages and
            first messages are of one kind here.
        error: the last one, in a line without secrets.
        idempotency_key: the same for each attempt.
        created_at, changed_at: in seconds since the epoch.
    """

    id: str
    serial: int
    key: str
    digest: bytes
    kind: str
    account_id: str
    action: str
    thread: str
    body: bytes
    group: str | None
    recipient: str | None
    text_digest: bytes
    loose_digest: bytes
    priority: int
    due_at: float
    expires_at: float | None
    state: State
    fence: int
    attempts: int
    retry_at: float | None
    look_at: float | None
    looks: int
    needs_decision: bool
    owner: str | None
    lease: float | None
    result_id: str | None
    error: str | None
    idempotency_key: str
    created_at: float
    changed_at: float

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what says nothing of anybody: reprs come into logs and reports of errors."""
        for name in ("id", "kind", "account_id", "state", "fence", "attempts", "owner", "lease"):
            yield name, getattr(self, name)


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what became of a new item.

    Attributes:
        row: as it is kept; the older one for `same` and `conflict`; for `forgotten` what it would
            have been, with the serial 0.
        kind: `new`, `same` (this key with this digest is there), `conflict` (the key has another
            digest, or another invitation of this account is open in its thread), `forgotten`
            (whom it is to is not to be written to any more).
    """

    row: Row
    kind: Literal["new", "same", "conflict", "forgotten"]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Say for how long a request may still be done, and who decides then.

    It is kept with each attempt: who looks for it later may have other settings than who sent it.

    Attributes:
        total: seconds that its sender gives a request, from its first byte to its answer.
        held: seconds for which something between us and the service may hold it back.
        hold: whether a person decides about all that a look does not find.
    """

    total: float = 60.0
    held: float = 60.0
    hold: bool = False

    @property
    def grace(self) -> float:
        """After an attempt's deadline: when none of its requests can still arrive."""
        return self.total + self.held

    def longer(self, seconds: float) -> Reach:
        """Return what holds where the service was asked to wait some seconds before it sends."""
        return msgspec.structs.replace(self, total=self.total + seconds) if seconds else self


USUAL: Final = Reach()


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Be one attempt.

    Attributes:
        deadline: the instant after which none of its bytes may leave.
        outcome: what it came to, as `Finish.outcome` says it; None while nothing is known.
        reach: for how long its request may still be done, by the settings of who sent it.
    """

    item: str
    number: int
    fence: int
    started_at: float
    deadline: float
    outcome: str | None = None
    reach: Reach = USUAL


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """Be an item that this owner alone may go on with, until its lease ends.

    Attributes:
        row: the item.
        now: the store's time.
        lead: by how much that is ahead of the clock by which the item's own instants are meant.
    """

    row: Row
    now: float
    lead: float = 0.0


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """Say that nothing can be claimed.

    Attributes:
        now: the store's time.
        at: when something may be claimed; None as long as nobody adds anything.
        heard, version: what had been told by then, here and by others: for `Store.wait`.
    """

    now: float
    at: float | None
    heard: int = 0
    version: int = 0


class Finish(Discreet, frozen=True, kw_only=True):
    """Say what becomes of a claimed or sending item.

    Attributes:
        state: what it is now: `queued` again, or `sent`, `failed`, `unknown`, `cancelled`,
            `expired`, `held`.
        retry_at: for `queued`: not before; its place in its thread stays.
        due_at: for `queued`: its new place in its thread (a wish to defer it), None to keep it.
        look_at: for `unknown`: when to look for it.
        looks, needs_decision, result_id, error: as in a row; None leaves what there is.
        lane_ready_at: when its lane has room again: nothing of it is claimed before.
        keep_attempt: whether an attempt counts that was begun: False where no byte left.
        outcome: what its last attempt came to, as that attempt keeps it; None: the state's name.
            `happened` is what was surely done though nobody knows its id.
        body: what it holds from now on, such as an answer; None leaves what there is, and what was
            emptied stays empty.
    """

    state: State
    retry_at: float | None = None
    due_at: float | None = None
    look_at: float | None = None
    looks: int | None = None
    needs_decision: bool = False
    result_id: str | None = None
    error: str | None = None
    lane_ready_at: float | None = None
    keep_attempt: bool = True
    outcome: str | None = None
    body: bytes | None = None

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield all but what it holds."""
        for name in self.__struct_fields__:
            if name != "body":
                yield name, getattr(self, name)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Choose items; what is None chooses all."""

    serials: tuple[int, ...] | None = None
    keys: tuple[str, ...] | None = None
    states: tuple[State, ...] | None = None
    account_id: str | None = None
    group: str | None = None
    recipient: str | None = None
    thread: str | None = None
    needs_decision: bool | None = None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Be an outbox as a whole, at a moment.

    Attributes:
        now: the store's time.
        counts: how many items are in which state.
        undecided: how many of the unknown need a decision.
        due_since: how long ago the first of those was due that could go, were there room; None
            where there is none.
        doubted_since: when the oldest unknown one's request was to be sent at the latest.
        resting: how many lanes wait for room.
    """

    now: float
    counts: dict[State, int]
    undecided: int
    due_since: float | None
    doubted_since: float | None
    resting: int


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Count what of a lane waits; `last_due` is the latest instant that one of it waits for."""

    account_id: str
    action: str
    count: int
    last_due: float


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """Be a lane of which nothing is claimed before an instant; `now` is when it was looked at."""

    account_id: str
    action: str
    until: float
    now: float


class Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """Be a moment, for who listens.

    Attributes:
        now: the store's time.
        serial: the last one that was to be seen.
        writers: who has begun to write and not committed: what he changes bears earlier times.
    """

    now: float
    serial: int
    writers: frozenset[str]


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Be what tells one change of an item from another; `taken` is whether a worker holds it."""

    serial: int
    fence: int
    state: State
    changed_at: float
    taken: bool
