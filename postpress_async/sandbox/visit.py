"""One request on its way through the service, and what is written down about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .problems import Problem
from .values import Fault, JournalEntry

if TYPE_CHECKING:
    from .bodies import Fields
    from .calls import Answer, Call
    from .limits import Refusal
    from .outcomes import Incoming
    from .routing import Match, Target
    from .world.things import Account


_IDS: Final = frozenset({"chat_id", "message_id", "id", "attendee_id", "sender_id"})
_WRITES: Final = frozenset({"POST", "PATCH"})  # which methods know the key


@dataclass(slots=True)
class Visit:
    """One request on its way through the service."""

    request: Incoming
    n: int
    at: float
    request_id: str
    target: Target
    match: Match | None = None
    call: Call | None = None
    account: Account | None = None
    action: str | None = None
    cost: int = 1
    fault: Fault | None = None
    refusal: Refusal | None = None
    answer: Answer | None = None
    replayed: bool = False
    type: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> str | None:
        """The idempotency key, where the method knows one."""
        return self.request.idempotency_key if self.request.method in _WRITES else None


def entry_of(visit: Visit, status: int | None) -> JournalEntry:
    """Write a request down, as the service saw it."""
    answer, match, account = visit.answer, visit.match, visit.account
    return JournalEntry(
        n=visit.n,
        at=visit.at,
        method=visit.request.method,
        route=match.route.name if match else None,
        path=visit.target.decoded,
        account_id=account.id if account else None,
        action=visit.action,
        status=status,
        idempotency_key=visit.request.idempotency_key,
        committed=answer is not None and answer.committed,
        over_limit=visit.refusal is not None,
        provider=account.provider if account else None,
        raw_path=visit.request.target,
        params=match.params if match else {},
        request_id=visit.request_id,
        type=visit.type,
        fault=visit.fault.effect if visit.fault else None,
        replayed=visit.replayed,
        text=answer.text if answer else None,
    )


def account_of(call: Call, body: Fields) -> Account | None:
    """Find whose call it is: named in query or body, or owner of what the path names."""
    world = call.world
    named = call.query.text("account_id")
    if named is None:
        value = body.value("account_id")
        named = value if isinstance(value, str) else call.params.get("account_id")
    if named is not None:
        return world.accounts.get(named)
    for name, identifier in call.params.items():
        owner = world.owner_by_id(identifier) if name in _IDS else None
        if owner is not None:
            return owner
    return world.accounts.get(call.params.get("id", ""))


def check_status(visit: Visit) -> None:
    """Refuse what would have to reach a provider that no longer listens to this account."""
    account = visit.account
    if account is None or visit.action in ("read", "login") or account.status == "OK":
        return
    if account.status == "RESTRICTED":
        raise Problem("account_restricted")
    raise Problem("no_client_session" if account.status == "CONNECTING" else "disconnected_account")
