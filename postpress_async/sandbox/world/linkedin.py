"""LinkedIn profiles: everything the page documents, and what real ones do besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import Json, JsonObject, digits, turn

from .linkedin_sections import section_lists
from .phrases import COMPANIES, JOBS, PLACES
from .recruiter import recruiter_fields

if TYPE_CHECKING:
    from .things import Account, Person

_MEDIA: Final = "https://media.licdn.com/dms/image"
_EDITED: Final = (
    "headline", "summary", "location", "profile_picture_url", "background_picture_url",
)  # fmt: skip
_LETTER: Final = {"url": "https://example.com/letter", "description": "My letter"}

# the selector of a section -> where its list and its total live in the profile
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "experience": ("work_experience",),
    "education": ("education",),
    "languages": ("languages",),
    "skills": ("skills",),
    "certifications": ("certifications",),
    "about": (),
    "volunteering_experience": ("volunteering_experience",),
    "projects": ("projects",),
    "recommendations_received": ("received",),
    "recommendations_given": ("given",),
}


def base_profile(person: Person) -> JsonObject:
    """Write what does not depend on who looks, without any section."""
    if person.number == 0:
        return _jordan(person)
    fields = _invented(person)
    return fields | {key: person.edits[key] for key in _EDITED if key in person.edits}


def _invented(person: Person) -> JsonObject:
    n = person.number
    job, company = JOBS[n % len(JOBS)], COMPANIES[n % len(COMPANIES)]
    url = f"https://www.linkedin.com/in/{person.public_id}"
    return {
        "public_identifier": None if turn(n, 9, 5) else person.public_id,
        "public_profile_url": None if turn(n, 9, 5) else url,
        "first_name": person.first,
        # a member who shows only the first name
        "last_name": None if turn(n, 7, 3) else person.last,
        "member_urn": int(digits(person.internal_id, length=9)),
        "pronoun": "she/her" if turn(n, 4, 1) else None,
        "headline": None if turn(n, 8, 6) else f"{job} at {company}",
        "summary": f"{job}. I build things, and write about it." if n % 3 else "",
        "location": PLACES[n % len(PLACES)] or None,
        "websites": [f"https://{person.public_id}.example.com"] if n % 2 else [],
        **_pictures(n),
        "hashtags": ["#python", "#café"] if turn(n, 3, 0) else [],
        "contact_info": _contact_info(person) if n % 2 else None,
        "birthdate": {"month": 1 + n % 12, "day": 1 + n % 28} if turn(n, 3, 1) else None,
        "primary_locale": {"country": "US", "language": "en"},
        "creator_website": dict(_LETTER) if turn(n, 5, 2) else None,
        "can_send_inmail": turn(n, 2, 0),
        "is_open_profile": turn(n, 6, 0),
        "is_premium": turn(n, 3, 0),
        "is_influencer": turn(n, 11, 0),
        "is_creator": turn(n, 4, 0),
        "is_hiring": turn(n, 5, 0),
        "is_open_to_work": turn(n, 5, 1),
        "is_saved_lead": turn(n, 6, 1),
        "is_crm_imported": False,
        "follower_count": 37 * n,
        "connections_count": min(500, 41 * n),
        "shared_connections_count": n % 24,
    }  # fmt: skip


def _pictures(n: int) -> JsonObject:
    if turn(n, 6, 5):
        return {"profile_picture_url": None}
    return {
        "profile_picture_url": f"{_MEDIA}/{n}/100.jpg?e=1&v=beta&t=a%2Fb",
        "profile_picture_url_large": f"{_MEDIA}/{n}/800.jpg?e=1&v=beta&t=a%2Fb",
        "background_picture_url": f"{_MEDIA}/{n}/background.jpg",
    }


def _contact_info(person: Person) -> JsonObject:
    return {
        "emails": [f"{person.public_id}@example.com"],
        "phones": ["+33 6 00 00 00 00"] if turn(person.number, 4, 1) else [],
        "adresses": ["1 rue de la Paix, 75002 Paris"],
        "socials": [{"type": "TWITTER", "name": "@" + person.public_id[:12]}],
    }


def _jordan(person: Person) -> JsonObject:
    """Write the documented example (the profile page's own answer), word for word."""
    return {
        "public_identifier": person.public_id,
        "public_profile_url": "https://www.linkedin.com/in/jordan-walke",
        "first_name": "Jordan",
        "last_name": "Walke",
        "headline": "Engineer at Acme",
        "summary": "Building things for the web.",
        "location": "San Francisco, California, United States",
        "websites": ["https://jordan.dev"],
        "profile_picture_url": "https://media.licdn.com/.../profile.jpg",
        "profile_picture_url_large": "https://media.licdn.com/.../profile-large.jpg",
        "background_picture_url": "https://media.licdn.com/.../background.jpg",
        "follower_count": 12450,
        "connections_count": 980,
        "shared_connections_count": 23,
        "is_premium": True,
        "is_open_to_work": False,
    }


def seen_by(person: Person, account: Account, invited: str | None) -> JsonObject:
    """Write what depends on who looks."""
    related = person.seen_as in account.relations
    itself = person is account.owner
    distance = "FIRST_DEGREE" if related else "SECOND_DEGREE"
    if not related and turn(person.number, 5, 4):
        distance = "OUT_OF_NETWORK" if person.number % 2 else "THIRD_DEGREE"
    fields: JsonObject = {
        "is_relationship": related,
        "is_self": itself,
        "network_distance": None if itself else distance,
        "throttled_sections": [],
    }
    if related:
        fields["connected_at"] = account.relations[person.seen_as].key[0]
    if invited is not None:
        fields["invitation"] = {"type": invited, "status": "PENDING"}
    return fields


def profile(
    person: Person,
    account: Account,
    *,
    selectors: list[str],
    product: str | None,
    invited: str | None,
) -> JsonObject:
    """Write a profile as one account sees it, with the sections asked for.

    Without selectors there are no sections and no totals. With some, every total is given, also
    those of sections that were not asked for: a total says nothing about the list beside it.
    """
    identity: JsonObject = {
        "object": "UserProfile",
        "provider": "LINKEDIN",
        "provider_id": person.other_ids[product] if product else person.internal_id,
    }
    fields = identity | base_profile(person) | seen_by(person, account, invited)
    if selectors:
        fields |= _sections(person, selectors)
    if product == "recruiter":
        fields |= recruiter_fields(person)
    return fields


def _sections(person: Person, selectors: list[str]) -> JsonObject:
    full, preview = _chosen(selectors)
    throttled, short = _throttled(person, full)
    fields: JsonObject = {}
    recommendations: JsonObject = {}
    for section, keys in SECTIONS.items():
        for key in keys:
            rows, total = _rows(person, key)
            home = recommendations if key in ("received", "given") else fields
            home[f"{key}_total_count"] = total
            if section in throttled:
                home[key] = []
            elif section in full:
                home[key] = rows[:1] if section in short else rows
            elif section in preview and key != "skills":  # its preview is a number
                home[key] = rows[:1]
    if recommendations:
        fields["recommendations"] = recommendations
    named: list[Json] = [section for section in throttled if section != "about"]
    return fields | {"throttled_sections": named}


def _rows(person: Person, key: str) -> tuple[list[Json], int]:
    """Give a section's list and total; what the owner put in comes first."""
    rows, total = section_lists(person)[key]
    mine = person.edits.get(key)
    if not isinstance(mine, list):
        return rows, total
    return [*mine, *rows], total + len(mine)


def _chosen(selectors: list[str]) -> tuple[list[str], list[str]]:
    full = list(SECTIONS) if "*" in selectors else [one for one in SECTIONS if one in selectors]
    preview = [one for one in SECTIONS if "*_preview" in selectors or f"{one}_preview" in selectors]
    return full, preview


def _throttled(person: Person, full: list[str]) -> tuple[list[str], list[str]]:
    """Choose what LinkedIn holds back: named for some people, silent for others."""
    if turn(person.number, 10, 7):
        return [one for one in full if one in ("skills", "recommendations_given")], []
    if turn(person.number, 10, 8):
        return [], [one for one in full if one == "experience"]
    return [], []


def owner_profile(account: Account) -> JsonObject:
    """Write one's own profile."""
    me = account.owner
    recruiter: Json = None
    if "recruiter" in account.features:
        recruiter = {"owner_seat_id": digits(me.internal_id, "seat"), "contract_id": "c_1"}
    elif "premium" in account.features:
        recruiter = {"error": "MULTIPLE_SESSIONS"}
    navigator: Json = None
    if "sales_navigator" in account.features:
        navigator = {"owner_seat_id": digits(me.internal_id, "navigator"), "contract_id": "c_2"}
    organizations: list[Json] = (
        [{"id": "1234567", "mailbox_id": "urn:li:fsd_company:1234567", "name": "Acme"}]
        if account.features
        else []
    )
    return {
        "object": "AccountOwnerProfile",
        "provider": "LINKEDIN",
        "provider_id": me.internal_id,
        "entity_urn": f"urn:li:fsd_profile:{me.internal_id}",
        "object_urn": f"urn:li:member:{digits(me.internal_id, length=9)}",
        "first_name": me.first,
        "last_name": me.last,
        "profile_picture_url": me.edits.get("profile_picture_url"),
        "public_profile_url": f"https://www.linkedin.com/in/{me.public_id}",
        "public_identifier": me.public_id,
        "headline": me.edits.get("headline", JOBS[me.number % len(JOBS)]),
        "location": me.edits.get("location"),
        "email": f"{me.public_id}@example.com",
        "premium": bool(account.features),
        "open_profile": False,
        "occupation": None,
        "organizations": organizations,
        "recruiter": recruiter,
        "sales_navigator": navigator,
    }
