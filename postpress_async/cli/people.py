"""Who is meant by what somebody typed or pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postpress_async.identifiers import identify

if TYPE_CHECKING:
    from postpress_async.client import Postpress
    from postpress_async.identifiers import Identifier, LinkedInProduct
    from postpress_async.models import Profile


class Found(NamedTuple):
    """Say who it is.

    Attributes:
        person: their id, or their profile where it had to be read.
        looked_up: whether it was, which counts as one look at a profile.
    """

    person: Identifier | Profile
    looked_up: bool


async def find(account: Postpress, text: str, *, api: LinkedInProduct | None = None) -> Found:
    """Return a person that can be written to or invited; only a public name is looked up.

    Raises:
        ConfigurationError: empty, too long, or certainly of another provider.
        NotFoundError: nobody is called so.
    """
    known = identify(text)
    # Telegram takes no numbers for ids, and its links hold them.
    number = known.kind == "phone" and known.provider != "WHATSAPP"
    if known.kind not in {"public_id", "handle"} and not number:
        return Found(known, looked_up=False)
    through = None if api == "classic" else api
    profile = await account.users.get(known, linkedin_api=through)
    return Found(profile, looked_up=True)
