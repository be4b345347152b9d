"""Attendees, relations, followers and invitations as the service writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import JsonObject, iso, turn

from .phrases import JOBS

if TYPE_CHECKING:
    from .room import Room
    from .things import Attendee, Invitation, Person, Relation

_DAY: Final = 86_400_000


def attendee_json(attendee: Attendee, room: Room) -> JsonObject:
    """Write an attendee."""
    person = attendee.person
    linkedin = person.provider == "LINKEDIN"
    fields: JsonObject = {
        "object": "ChatAttendee",
        "id": attendee.id,
        "account_id": attendee.account.id,
        "provider_id": person.seen_as,
        "name": person.full_name,
        "is_self": 1 if attendee.is_self else 0,
        "hidden": 0,
        "picture_url": f"wapp://{person.number}" if person.provider == "WHATSAPP" else None,
        "profile_url": f"https://www.linkedin.com/in/{person.public_id}" if linkedin else None,
    }
    specifics = _specifics(attendee, room)
    return fields if specifics is None else fields | {"specifics": specifics}


def _specifics(attendee: Attendee, room: Room) -> JsonObject | None:
    person, account = attendee.person, attendee.account
    match person.provider:
        case "LINKEDIN":
            waiting = room.pending(person)
            return {
                "provider": "LINKEDIN",
                "member_urn": f"urn:li:member:{person.number}",
                "occupation": None,
                "network_distance": _distance(attendee),
                "pending_invitation": waiting is not None and waiting.sent,
                "is_company": False,
            }
        case "INSTAGRAM":
            return {
                "provider": "INSTAGRAM",
                "public_identifier": person.public_id,
                "relationship_status": {"following": person.seen_as in account.relations},
            }
        case "WHATSAPP":
            hidden = turn(person.number, 3, 0)
            phone = "hidden" if hidden else person.public_id.partition("@")[0]
            return {"provider": "WHATSAPP", "phone_number": phone, "lid": person.internal_id}
        case _:
            return None


def _distance(attendee: Attendee) -> str:
    if attendee.is_self:
        return "SELF"
    related = attendee.person.seen_as in attendee.account.relations
    return "DISTANCE_1" if related else "DISTANCE_2"


def relation_json(relation: Relation) -> JsonObject:
    """Write a relation: `member_id` plays the role of `provider_id`."""
    person = relation.person
    linkedin = person.provider == "LINKEDIN"
    url = f"https://www.linkedin.com/in/{person.public_id}"
    fields: JsonObject = {
        "object": "UserRelation",
        "first_name": person.first,
        "last_name": person.last,
        "headline": JOBS[person.number % len(JOBS)],
        "public_identifier": person.public_id,
        "public_profile_url": url if linkedin else f"https://instagram.com/{person.public_id}",
        "created_at": relation.key[0],
        "member_id": person.internal_id,
        "member_urn": f"urn:li:fsd_profile:{person.internal_id}",
        "connection_urn": f"urn:li:fsd_connection:{person.internal_id}",
        "profile_picture_url": f"https://media.licdn.com/dms/image/{person.number}/100.jpg",
    }
    if turn(person.number, 6, 5):
        fields["profile_picture_url"] = None
    if turn(person.number, 8, 7):  # seen in the wild
        del fields["member_urn"]
    return fields


def follower_json(person: Person) -> JsonObject:
    """Write a follower. Nothing but its keys tells one provider's from the other's."""
    if person.provider == "INSTAGRAM":
        return {
            "object": "UserFollower",
            "id": person.internal_id,
            "messaging_id": person.messaging_id,
            "username": person.public_id,
            "name": person.full_name,
            "profile_picture_url": f"https://scontent.cdninstagram.com/{person.number}.jpg",
            "is_private": is_private(person),
            "is_verified": turn(person.number, 7, 0),
        }
    return {
        "object": "UserFollower",
        "id": person.internal_id,
        "urn": f"urn:li:fsd_profile:{person.internal_id}",
        "name": person.full_name,
        "headline": JOBS[person.number % len(JOBS)],
        "profile_url": f"https://www.linkedin.com/in/{person.public_id}",
        "profile_picture_url": None,
        "profile_picture_url_large": None,
    }


def is_private(person: Person) -> bool:
    """Tell whether an Instagram user lets people in one by one."""
    return turn(person.number, 5, 0)


def invitation_json(invitation: Invitation, now: int) -> JsonObject:
    """Write an invitation. `date` is prose; `parsed_datetime` drifts where it was read from it."""
    person, account = invitation.person, invitation.account
    about = account.owner if invitation.sent else person
    invited = person if invitation.sent else account.owner
    at = invitation.key[0]
    days = max(0, (now - at) // _DAY)
    prose = turn(invitation.key[1], 2, 1)
    fields: JsonObject = {
        "object": "InvitationSent" if invitation.sent else "InvitationReceived",
        "id": invitation.id,
        "invited_user": invited.full_name,
        "invited_user_id": invited.internal_id,
        "invited_user_public_id": invited.public_id,
        "invited_user_description": JOBS[invited.number % len(JOBS)],
        "date": _ago(days) if prose else _written(at),
        "parsed_datetime": iso(now - days * _DAY if prose else at),
        "invitation_text": invitation.message,
        "inviter": {
            "inviter_name": about.full_name,
            "inviter_id": about.internal_id,
            "inviter_public_identifier": about.public_id,
            "inviter_description": None,
        },
    }
    if account.provider == "LINKEDIN":
        fields["specifics"] = {"provider": "LINKEDIN", "shared_secret": invitation.shared_secret}
    return fields


def _ago(days: int) -> str:
    if days < 1:
        return "Sent today"
    months = days // 30
    count, unit = (months, "month") if months else (days, "day")
    return f"Sent {count} {unit}{'s' if count > 1 else ''} ago"


def _written(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return f"{moment:%B} {moment.day}, {moment.year}"
