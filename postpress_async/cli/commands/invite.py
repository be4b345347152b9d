"""`postpress invite`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import asyncio
from typing import Annotated, Final

from cyclopts import Parameter

from postpress_async.cli.exits import note
from postpress_async.cli.options import AccountId, AsJson, BaseUrl, State, client_at
from postpress_async.cli.output import print_facts, print_json
from postpress_async.cli.people import find
from postpress_async.client import Postpress
from postpress_async.models import UserInvitationSent
from postpress_async.options import RequestOptions

from .send import Key

_LOOK: Final = "look into the invitations that the account sent (client.invitations.sent)"


def invite(
    person: str,
    /,
    *,
    account: AccountId,
    message: Annotated[
        str | None, Parameter(name="--message", help="A note of at most 300 characters.")
    ] = None,
    email: Annotated[
        str | None, Parameter(name="--email", help="Their address, where LinkedIn asks for it.")
    ] = None,
    idempotency_key: Key = None,
    state: State = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """Invite somebody to connect on LinkedIn, or follow them on Instagram.

    A public name or a link is looked up first, which counts as one look at a profile.

    Args:
        person: the provider's own id, a handle or a pasted link.
        account: who invites.
        message: a note.
        email: their address.
        idempotency_key: the same for a repeat.
        state: where counts live.
        as_json: the id as JSON.
        base_url: where the service is.
    """
    options = RequestOptions(idempotency_key=idempotency_key)
    client = client_at(base_url, state=state)
    try:
        invited = asyncio.run(_invite(client.account(account), person, message, email, options))
    except KeyboardInterrupt as interrupt:
        note(interrupt, f"it may have been sent: {_LOOK}")
        raise
    show(*invited, as_json=as_json)


async def _invite(
    account: Postpress, person: str, message: str | None, email: str | None, options: RequestOptions
) -> tuple[UserInvitationSent, bool]:
    async with account:
        found = await find(account, person)
        try:
            sent = await account.invitations.send(
                found.person, message=message, user_email=email, options=options
            )
        except Exception as error:
            note(error, _LOOK)
            raise
        return sent, found.looked_up


def show(sent: UserInvitationSent, looked_up: bool, *, as_json: bool) -> None:
    """Print what has become of it."""
    if as_json:
        print_json({**sent.raw, "looked_up": looked_up})
        return
    used = None if sent.usage is None else f"{sent.usage:g} % of what the provider allows"
    print_facts(
        (
            ("invitation", sent.invitation_id or "sent; the service does not name its id"),
            ("used", used),
            ("looked up", "1 profile" if looked_up else None),
        )
    )
