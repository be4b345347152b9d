"""What may be done twice without harm: one look whether it is there already, and else again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.errors import PostpressError
from postpress_async.models import InstagramProfile
from postpress_async.options import RequestOptions

from . import matching
from .contents import React
from .protocol import Absent

if TYPE_CHECKING:
    from postpress_async.client import Postpress
    from postpress_async.storage.outbox.rows import Row

    from .contents import Follow, Invite
    from .protocol import Found

__all__ = ["look"]

_BRIEFLY: Final = RequestOptions(priority=-1_000_000, max_wait=5.0)
"""To look costs a call, as a second one of its kind does: nothing is worth much waiting."""


async def look(client: Postpress, row: Row, content: React | Follow | Invite) -> Found | Absent:
    """Tell whether a reaction or a follow is there; where nobody can tell, it is as good as absent.

    A wish to follow somebody who is asked first is there, too, while it waits.
    """
    try:
        if isinstance(content, React):
            message = await client.messages.get(content.message_id, options=_BRIEFLY)
            return matching.reacted(message, content.reaction)
        profile = await client.users.get(
            content.provider_id, account_id=row.account_id, options=_BRIEFLY
        )
    except PostpressError:
        return Absent()
    return matching.followed(profile) if isinstance(profile, InstagramProfile) else Absent()
