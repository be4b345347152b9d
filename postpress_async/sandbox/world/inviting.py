"""Invitations: sent, taken back, accepted and declined, by hand or by the clock."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.happenings import Happening
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import JsonObject, digits, token

from .network import is_private
from .talk import message_json
from .things import Invitation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .store import World
    from .things import Account, Message, Person

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_PERCENT: Final = 70
"""How many of a hundred invitations are accepted, sooner or later."""
_SLOWEST: Final = 72 * _HOUR
_COOLING: Final = 21 * _DAY  # who was invited and then not may be invited again after three weeks
_WEEK: Final = {True: 200, False: 150}  # a paid account's weekly budget, and a free one's
_MARKS: Final = (95, 90, 75, 50)


def accepts_after(seed: int, account: Account, person: Person) -> int | None:
    """Tell how long somebody takes to accept, in milliseconds; None when they never do."""
    luck = int(digits(seed, account.id, person.seen_as, "accepts", length=12))
    return None if luck % 100 >= _PERCENT else _HOUR + luck // 100 % (_SLOWEST - _HOUR)


def invite(
    world: World, account: Account, person: Person, message: str | None, now: int
) -> tuple[str, int | None]:
    """Invite somebody, or follow them on Instagram; give the invitation's id, and the usage.

    Raises:
        Problem: They cannot be invited, or not yet.
    """
    room = world.room(account)
    _check(world, account, person, now)
    room.sent += 1
    invitation = Invitation(
        id=_id(world, account, person, room.sent),
        account=account,
        person=person,
        sent=True,
        key=world.next_key(now),
        message=message,
        shared_secret=token(world.seed, account.id, "secret", "sent", room.sent),
    )
    room.invited.append(now)
    if account.provider == "INSTAGRAM" and not is_private(person):
        world.relate(account, person, now)
        return invitation.id, None
    room.invitations[invitation.id] = invitation
    room.changed(person)
    delay = accepts_after(world.seed, account, person)
    if delay is not None:
        heapq.heappush(world.due, (now + delay, invitation.key[1], invitation))
    return invitation.id, _usage(account, room.invited, now)


def _id(world: World, account: Account, person: Person, count: int) -> str:
    # on Instagram an invitation is called by the user whom it is for
    if account.provider == "INSTAGRAM":
        return person.internal_id
    return world.ids.invitation(account.number, 1_000 + count)


def _check(world: World, account: Account, person: Person, now: int) -> None:
    room = world.room(account)
    if person is account.owner:
        raise Problem("cannot_invite_attendee", "Nobody invites oneself.")
    if person.seen_as in account.relations:
        if account.provider == "INSTAGRAM":
            raise Problem("action_already_performed", "The account follows this user already.")
        raise Problem("already_connected", "The user is a relation already.")
    if room.pending(person) is not None:
        raise Problem("already_invited_recently", "An invitation is pending.")
    withdrawn = room.withdrawn.get(person.seen_as)
    if withdrawn is not None and now < withdrawn + _COOLING and account.provider == "LINKEDIN":
        raise Problem("cannot_resend_yet", "Three weeks after taking an invitation back.")


def _usage(account: Account, invited: list[int], now: int) -> int | None:
    """Tell how much of the week's budget is used, when this invitation crosses a mark."""
    if account.provider != "LINKEDIN":
        return None
    del invited[: sum(at <= now - 7 * _DAY for at in invited)]
    budget = _WEEK[bool(account.features)]
    used, before = (100 * count / budget for count in (len(invited), len(invited) - 1))
    return next((mark for mark in _MARKS if before < mark <= used), None)


def cancel(world: World, invitation: Invitation, now: int) -> None:
    """Take a sent invitation back."""
    room = world.room(invitation.account)
    room.settle(invitation.person)
    room.withdrawn[invitation.person.seen_as] = now


def accept(world: World, invitation: Invitation, now: int) -> list[Happening]:
    """Have an invitation accepted; tell what the service would make known.

    Its note arrives first, as a message of whoever invited; then they are a relation.
    """
    account, person = invitation.account, invitation.person
    happened: list[Happening] = []
    world.relate(account, person, now)
    if invitation.message:
        said = _note(world, invitation, now)
        happened.append(
            Happening(kind="message_received", account_id=account.id, about=message_json(said))
        )
    relation: JsonObject = {"account_id": account.id, "provider_id": person.seen_as}
    happened.append(Happening(kind="new_relation", account_id=account.id, about=relation))
    return happened


def _note(world: World, invitation: Invitation, now: int) -> Message:
    account, person = invitation.account, invitation.person
    room = world.room(account)
    chat = room.chat_with(person) or world.begin_chat(account, [person], now)
    chat.content_type = chat.content_type or "invitation"
    sender = room.me if invitation.sent else room.attendee(person)
    return world.say(chat, sender, invitation.message, now, kind="INVITATION")


def catch_up(world: World, now: int) -> Iterator[Happening]:
    """Accept the sent invitations whose time has come, each at its own."""
    while world.due and world.due[0][0] <= now:
        at, _, invitation = heapq.heappop(world.due)
        waiting = world.room(invitation.account).invitations.get(invitation.id)
        if waiting is invitation:  # nobody took it back, or accepted it by hand
            yield from accept(world, invitation, at)
