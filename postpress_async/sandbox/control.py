"""The control plane's verbs: what a test may do to the world that an API client may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .happenings import Happening
from .problems import Problem
from .routes.table import ROUTES
from .routing import shape_of
from .values import (
    ControlError,
    FaultLike,
    JournalEntry,
    LimitLike,
    fault_of,
    limit_of,
)
from .world.accounts import CONTROL_STATUSES
from .world.build import DEFAULT_ACCOUNTS, DEFAULT_CHATS, DEFAULT_MESSAGES
from .world.inviting import accept
from .world.overview import overview
from .world.store import Sizes
from .world.talk import message_json
from .world.things import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .engine import Engine
    from .wire import JsonObject

_ROUTES: Final = frozenset({"*", *(shape_of(route.name) for route in ROUTES)})
_MOST: Final = 100_000  # of anything: a slip of the finger must not eat the machine


def sizes_of(accounts: Mapping[str, int] | None, chats: int | None, messages: int | None) -> Sizes:
    """Fill in the default sizes.

    Raises:
        ControlError: A provider is unknown, or a number is out of bounds.
    """
    wanted = DEFAULT_ACCOUNTS if accounts is None else accounts
    unknown = set(wanted) - set(PROVIDERS)
    if unknown:
        raise ControlError(f"accounts knows {', '.join(PROVIDERS)}, not {min(unknown)}")
    sizes = Sizes(
        accounts=dict(wanted),
        chats=DEFAULT_CHATS if chats is None else chats,
        messages=DEFAULT_MESSAGES if messages is None else messages,
    )
    if any(not 0 <= size <= _MOST for size in (*wanted.values(), sizes.chats, sizes.messages)):
        raise ControlError(f"sizes lie between 0 and {_MOST}")
    return sizes


class Control:
    """Steers one engine, from whatever thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def world(self) -> JsonObject:
        """Tell the key, and every account with its chats, relations and people."""
        with self._engine.lock:
            engine = self._engine
            return {"api_key": engine.api_key, "accounts": overview(engine.world)}

    def reset(
        self,
        *,
        seed: int | None = None,
        accounts: Mapping[str, int] | None = None,
        chats: int | None = None,
        messages: int | None = None,
    ) -> JsonObject:
        """Make a new world, and forget faults, limits, replays and journal."""
        with self._engine.lock:
            engine = self._engine
            engine.reset(engine.seed if seed is None else seed, sizes_of(accounts, chats, messages))
            return self.world()

    def faults(self, faults: Iterable[FaultLike]) -> None:
        """Replace the list of faults."""
        read = [fault_of(fault) for fault in faults]
        for fault in read:
            if shape_of(fault.route) not in _ROUTES:
                raise ControlError(f"{fault.route} is no route; they look like GET /users/{{id}}")
        with self._engine.lock:
            self._engine.faults.replace(read)

    def limits(self, limits: Iterable[LimitLike]) -> None:
        """Replace the hidden limits; counting starts at zero."""
        read = [limit_of(limit) for limit in limits]
        with self._engine.lock:
            self._engine.limits.replace(read)

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        try:
            self._engine.clock.advance(seconds)
        except ValueError as error:
            raise ControlError(str(error)) from error
        with self._engine.lock:
            self._engine.catch_up()

    def idempotency(self, *, honoured: bool) -> None:
        """Honour Idempotency-Keys, or let them pass unseen."""
        with self._engine.lock:
            self._engine.replays.honoured = honoured

    def journal(
        self,
        *,
        route: str | None = None,
        account_id: str | None = None,
        since: float | None = None,
    ) -> list[JournalEntry]:
        """List what the service saw, oldest first."""
        with self._engine.lock:
            return self._engine.journal.entries(route=route, account_id=account_id, since=since)

    def receive(self, *, account_id: str, chat_id: str, text: str) -> JsonObject:
        """Have the other side of a chat write something."""
        with self._engine.lock:
            engine = self._engine
            try:
                chat = engine.world.chat(chat_id, engine.world.account(account_id).id)
            except Problem as problem:
                raise ControlError(problem.detail or problem.type) from problem
            sender = next(one for one in chat.attendees if not one.is_self)
            said = engine.world.say(chat, sender, text, round(engine.clock.time() * 1000))
            message = message_json(said)
            engine.announce(
                Happening(kind="message_received", account_id=account_id, about=message)
            )
            return message

    def accept(self, *, invitation_id: str) -> JsonObject:
        """Have somebody accept a pending invitation: they become a relation."""
        with self._engine.lock:
            engine = self._engine
            invitation = engine.world.find_invitation(invitation_id)
            if invitation is None or not invitation.sent:
                raise ControlError("no sent invitation of that id is pending")
            for happening in accept(engine.world, invitation, round(engine.clock.time() * 1000)):
                engine.announce(happening)
            return {
                "account_id": invitation.account.id,
                "provider_id": invitation.person.seen_as,
            }

    def set_status(self, account_id: str, status: str) -> JsonObject:
        """Put an account's sources into a status; see `CONTROL_STATUSES`."""
        if status not in CONTROL_STATUSES:
            raise ControlError(f"status is one of {', '.join(sorted(CONTROL_STATUSES))}")
        with self._engine.lock:
            account = self._engine.world.accounts.get(account_id)
            if account is None:
                raise ControlError("there is no such account")
            account.status = status
            now: JsonObject = {"id": account.id, "status": status}
            self._engine.announce(
                Happening(kind="account_status", account_id=account.id, about=now)
            )
            return now
