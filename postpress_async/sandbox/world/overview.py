"""The world as the control plane shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .people import readable_by

if TYPE_CHECKING:
    from postpress_async.sandbox.wire import Json, JsonObject

    from .store import World
    from .things import Account


def overview(world: World) -> list[Json]:
    """List every account with its chats, its relations, and whom it can read and write to."""
    people: dict[str, list[Json]] = {
        provider: [name for person in directory.people for name in readable_by(person)]
        for provider, directory in world.directories.items()
    }
    return [_account(world, one, people[one.provider]) for one in world.rows]


def _account(world: World, account: Account, people: list[Json]) -> JsonObject:
    room, relations = world.room(account), account.relations
    mine = room.invitations.values()
    newest = [one.person for one in relations.values()][::-1]
    return {
        "id": account.id,
        "provider": account.provider,
        "status": account.status,
        "chats": [chat.id for chat in room.chats if not chat.deleted],
        "relations": [person.internal_id for person in newest],
        "people": people,
        # people who can be written to first: known, and without a chat so far
        "recipients": [one.messaging_id for one in newest if room.chat_with(one) is None],
        "strangers": [
            person.internal_id
            for person in world.directories[account.provider].people
            if person.seen_as not in relations
        ],
        "invitations": {
            "sent": [one.id for one in mine if one.sent],
            "received": [one.id for one in mine if not one.sent],
        },
    }
