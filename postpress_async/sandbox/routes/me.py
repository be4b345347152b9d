"""One's own profile, and changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.world import linkedin, social

if TYPE_CHECKING:
    from postpress_async.sandbox.bodies import Fields
    from postpress_async.sandbox.multipart import Upload
    from postpress_async.sandbox.wire import Json, JsonObject

_LONGEST: Final = {"headline": 220, "summary": 2_600}
_FILTERS: Final = frozenset(
    {"ORIGINAL", "STUDIO", "SPOTLIGHT", "PRIME", "CLASSIC", "EDGE", "LUMINATE"}
)
_CORNERS: Final = ("bottomLeft", "bottomRight", "topLeft", "topRight")
_PLACES: Final = {"105015875": "France", "102299470": "England", "103644278": "United States"}
_POSTAL_CODE: Final = 5
_PICTURES: Final = {"picture": "profile_picture_url", "cover_picture": "background_picture_url"}
_PRESENCE: Final = frozenset({"ON_SITE", "HYBRID", "REMOTE"})


def get_me(call: Call) -> Answer:
    """Give the account's own profile."""
    account = call.account()
    match account.provider:
        case "LINKEDIN":
            return Answer(body=linkedin.owner_profile(account))
        case "TELEGRAM" | "TWITTER":
            return Answer(
                body=social.profile(account.owner, account) | {"object": "AccountOwnerProfile"}
            )
        case _:  # no variant is documented
            raise Problem("feature_not_implemented")


def edit_me(call: Call) -> Answer:
    """Change the account's own profile: all of what was asked, or nothing."""
    account, body = call.account(), call.body
    if body.required("type") != "LINKEDIN":
        raise Problem("invalid_parameters", "type is LINKEDIN")
    if account.provider != "LINKEDIN":
        raise Problem("feature_not_implemented", "Only a LinkedIn profile can be edited.")
    edits = _texts(body) | _location(body) | _pictures(body, account.id)
    edits |= _entries(
        account.owner.edits, body, "experience", "work_experience", ("role", "company")
    )
    edits |= _entries(account.owner.edits, body, "education", "education", ("school",))
    edits |= _skills(account.owner.edits, body)
    if not edits:
        raise Problem("missing_parameters", "Nothing is to be changed.")
    account.owner.edits = account.owner.edits | edits
    return Answer(body={"object": "ProfileEdited"}, committed=True)


def _texts(body: Fields) -> JsonObject:
    found: JsonObject = {}
    for name, most in _LONGEST.items():
        text = body.text(name)
        if text is not None and len(text) > most:
            raise Problem("too_many_characters", f"{name} may have {most} characters.")
        if text is not None:
            found[name] = text
    return found


def _location(body: Fields) -> JsonObject:
    if "location" not in body:
        return {}
    location = body.child("location")
    identifier, code = location.required("id"), location.text("postal_code")
    if code is not None and len(code) != _POSTAL_CODE:
        raise Problem("invalid_parameters", "location[postal_code] has five characters")
    return {"location": _PLACES.get(identifier, f"Place {identifier}")}


def _pictures(body: Fields, account_id: str) -> JsonObject:
    found: JsonObject = {}
    for name, field in _PICTURES.items():
        _check_settings(body, f"{name}_settings")
        files = body.files(name)
        if name in body and not files:
            raise Problem("invalid_parameters", f"{name} must be a file")
        if files:
            found[field] = _address(files[0], account_id)
    return found


def _address(upload: Upload, account_id: str) -> str:
    if not upload.content_type.startswith("image/"):
        raise Problem("unsupported_media_type", "A picture is an image.")
    return f"https://media.licdn.com/dms/image/{account_id}/{upload.sha256[:16]}.jpg"


def _check_settings(body: Fields, name: str) -> None:
    if name not in body:
        return
    settings = body.child(name)
    chosen = settings.text("filter")
    if chosen is not None and chosen not in _FILTERS:
        raise Problem("invalid_parameters", f"{name}[filter] is none of the documented ones")
    for effect in ("contrast", "vignette", "saturation", "brightness"):
        settings.number(effect)
    if "layout" not in settings:
        return
    for corner in _CORNERS:
        if corner in settings.child("layout"):
            point = settings.child("layout").child(corner)
            if point.number("x") is None or point.number("y") is None:
                raise Problem("missing_parameters", f"{name}[layout][{corner}] has x and y")


def _entries(
    edits: JsonObject, body: Fields, field: str, section: str, needed: tuple[str, ...]
) -> JsonObject:
    """Add an entry to a section, or change one that was added; it then comes first."""
    if field not in body:
        return {}
    if not body.has_children(field):
        raise Problem("invalid_parameters", f"{field} is an object: {field}[{needed[0]}]=…")
    given = body.child(field)
    before = edits.get(section)
    rows: list[Json] = list(before) if isinstance(before, list) else []
    identifier = given.text("id")
    if identifier is None:
        for name in needed:
            given.required(name)
        identifier = f"{section}-{len(rows) + 1}"
    row = _job(given) if field == "experience" else _school(given)
    old = next((one for one in rows if _id_of(one) == identifier), None)
    if old is not None:
        rows.remove(old)
        row = {**(_object(old)), **{key: value for key, value in row.items() if value}}
    return {section: [row | {"id": identifier}, *rows]}


def _id_of(row: Json) -> Json:
    return _object(row).get("id")


def _object(row: Json) -> JsonObject:

    return row if isinstance(row, dict) else {}


def _job(given: Fields) -> JsonObject:
    presence = given.text("presence")
    if presence is not None and presence not in _PRESENCE:
        raise Problem("invalid_parameters", "experience[presence] is none of the documented ones")
    seniority = given.child("seniority")
    return {
        "position": given.text("role"),
        "company": given.text("company"),
        "location": given.text("location"),
        "description": given.text("description"),
        "skills": [*given.texts("skills")],
        "start": _month(seniority, "start_date"),
        "end": _month(seniority, "end_date"),
    }


def _school(given: Fields) -> JsonObject:
    return {
        "school": given.text("school"),
        "degree": given.text("degree"),
        "field_of_study": given.text("field_of_study"),
        "description": given.text("description"),
        "skills": [*given.texts("skills")],
        "start": _month(given, "start_date"),
        "end": _month(given, "end_date"),
    }


def _month(given: Fields, name: str) -> str | None:
    """Write `{month, year}` as profiles do."""
    if name not in given:
        return None
    date = given.child(name)
    year, month = date.number("year"), date.number("month")
    if year is None or month is None:
        raise Problem("missing_parameters", f"{name} has month and year")
    return f"{int(month)}/1/{int(year)}"


def _skills(edits: JsonObject, body: Fields) -> JsonObject:
    names = body.texts("skills")
    if not names:
        return {}
    before = edits.get("skills")
    rows: list[Json] = list(before) if isinstance(before, list) else []
    return {"skills": [*rows, *map(_skill, names)]}


def _skill(name: str) -> JsonObject:
    return {
        "name": name,
        "endorsement_count": 0,
        "endorsement_id": None,
        "insights": [],
        "endorsed": False,
    }
