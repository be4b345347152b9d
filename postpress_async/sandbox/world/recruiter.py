"""What only LinkedIn Recruiter shows of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.sandbox.wire import Json, JsonObject, digits, iso, turn

if TYPE_CHECKING:
    from .things import Person

_EPOCH = 1_700_000_000_000
_EVENTS: tuple[tuple[str, JsonObject], ...] = (
    ("MESSAGE", {"content": "Would you be open to a talk?", "status": "AWAITING_REPLY"}),
    ("NOTE_ADDED", {"content": "Strong in C++"}),
    ("NOTE_EDITED", {"content": "Very strong in C++"}),
    ("NOTE_DELETED", {"content": None}),
    ("LINK_ADDED", {"content": "https://example.com/cv.pdf"}),
    ("LINK_DELETED", {"content": "https://example.com/cv.pdf"}),
    ("CANDIDATE_ADDED", {"project_id": "p_1", "project_name": "Zürich", "state": "UNCONTACTED"}),
    ("CANDIDATE_MOVED", {"project_id": "p_1", "project_name": "Zürich", "state": "REPLIED"}),
    ("PROFILE_VIEW", {}),
    ("UNHANDLED_EVENT", {}),
)


def recruiter_fields(person: Person) -> JsonObject:
    """Write tags, notes, the candidate's id, and one activity of every kind."""
    author = _author(person.number)
    activity: list[Json] = []
    for index, (event, extra) in enumerate(_EVENTS):
        entry: JsonObject = {"event": event, **extra, "created_at": iso(_EPOCH + index * 3_600_000)}
        entry["created_by"] = author
        if turn(index, 3, 0):
            entry |= {"updated_at": iso(_EPOCH + (index + 1) * 3_600_000), "updated_by": author}
        activity.append(entry)
    return {
        "candidate_id": digits(person.internal_id, "candidate"),
        "tags": [{"id": "t_1", "name": "Priorité"}],
        "notes": [
            {
                "project_id": "p_1",
                "content": "Call on Monday",
                "created_at": _EPOCH,
                "author": {
                    "id": "u_1",
                    "seat_id": "s_1",
                    "first_name": "Rita",
                    "last_name": "Recruiter",
                    "public_profile_url": True,  # documented as a boolean
                },
            }
        ],
        "recruiting_activity": activity,
    }


def _author(number: int) -> JsonObject:
    author: JsonObject = {"provider_id": f"ACoAAauthor{number % 5}", "full_name": "Rita Recruiter"}
    return author if number % 2 else author | {"picture_url": None}
