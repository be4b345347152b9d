"""Invitations: sending, listing, taking back, answering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.world.inviting import accept, cancel, invite
from postpress_async.sandbox.world.network import invitation_json

if TYPE_CHECKING:
    from postpress_async.sandbox.wire import JsonObject
    from postpress_async.sandbox.world.things import Account, Invitation, Person

_MAX_NOTE: Final = 300
_PROVIDERS: Final = ("LINKEDIN", "INSTAGRAM")


def send_invitation(call: Call) -> Answer:
    """Invite somebody; on Instagram, follow them."""
    account = _account(call)
    identifier, note = call.body.required("provider_id"), call.body.text("message")
    if note is not None and len(note) > _MAX_NOTE:
        raise Problem("too_many_characters", f"message may have {_MAX_NOTE} characters.")
    person = _invited(call, account, identifier)
    invitation_id, usage = invite(call.world, account, person, note or None, call.now)
    body: JsonObject = {"object": "UserInvitationSent", "invitation_id": invitation_id}
    if usage is not None:
        body["usage"] = usage
    return Answer(body=body, committed=True, text=note)


def _account(call: Call) -> Account:
    account = call.account()
    if account.provider not in _PROVIDERS:
        raise Problem("feature_not_implemented", "Invitations are for LinkedIn and Instagram.")
    return account


def _invited(call: Call, account: Account, identifier: str) -> Person:
    person = call.world.directories[account.provider].find(identifier)
    internal = (person.internal_id, *person.other_ids.values())
    if account.provider == "LINKEDIN" and identifier not in internal:
        raise Problem("invalid_recipient", "provider_id is the internal id, not the public one.")
    return person


def list_sent(call: Call) -> Answer:
    """List the sent invitations that still wait, newest first."""
    return _listed(call, sent=True, most=250, default=100)


def list_received(call: Call) -> Answer:
    """List the received invitations that still wait, newest first."""
    return _listed(call, sent=False, most=100, default=10)


def _listed(call: Call, *, sent: bool, most: int, default: int) -> Answer:
    account = _account(call)
    rows = [one for one in call.world.room(account).invitations.values() if one.sent is sent]
    page = newest_first(
        sorted(rows, key=lambda one: one.key),
        name="sent" if sent else "received",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(most, default),
    )
    items = [invitation_json(one, call.now) for one in page.items]
    return Answer(body={"object": "InvitationList", "items": [*items], "cursor": page.cursor})


def _the_invitation(call: Call, account: Account, *, sent: bool) -> Invitation:
    found = call.world.room(account).invitations.get(call.params["invitation_id"])
    if found is None or found.sent is not sent:
        raise Problem("resource_not_found", "No such invitation is pending.")
    return found


def cancel_invitation(call: Call) -> Answer:
    """Take a sent invitation back; on Instagram, unfollow."""
    account = _account(call)
    body: JsonObject = {"object": "InvitationCanceled"}
    if account.provider == "INSTAGRAM":
        person = call.world.directories["INSTAGRAM"].find(call.params["invitation_id"])
        if account.relations.pop(person.seen_as, None) is not None:
            call.world.room(account).changed(person)
            return Answer(body=body, committed=True)
    cancel(call.world, _the_invitation(call, account, sent=True), call.now)
    return Answer(body=body, committed=True)


def answer_invitation(call: Call) -> Answer:
    """Accept or decline a received invitation."""
    account = _account(call)
    if call.body.required("provider") != account.provider:
        raise Problem("invalid_parameters", "provider is not that of the account")
    action = call.body.required("action")
    if action not in ("accept", "decline"):
        raise Problem("invalid_parameters", "action is accept or decline")
    invitation = _the_invitation(call, account, sent=False)
    if account.provider == "LINKEDIN":
        secret = call.body.required("shared_secret")
        if secret != invitation.shared_secret:
            raise Problem("invalid_parameters", "shared_secret is not that of the invitation")
    happened = []
    if action == "accept":
        happened = accept(call.world, invitation, call.now)
    else:
        call.world.room(account).settle(invitation.person)
    return Answer(
        body={
            "object": "UserInvitationHandled",
            "status": "ACCEPTED" if action == "accept" else "DECLINED",
        },
        committed=True,
        happened=happened,
    )
