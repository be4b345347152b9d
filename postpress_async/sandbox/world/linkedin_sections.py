"""The sections of a LinkedIn profile: lists with their totals, as uneven as real ones."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from postpress_async.sandbox.wire import Json, JsonObject, digits, turn

from .phrases import COMPANIES, FIRST, JOBS, LAST, PLACES, SCHOOLS, SKILLS

if TYPE_CHECKING:
    from .things import Person

Lists: TypeAlias = "dict[str, tuple[list[Json], int]]"


def section_lists(person: Person) -> Lists:
    """Give every list with its total. The lists are shared: do not change them."""
    if person.number == 0:
        return _jordan(person.internal_id)
    return _invented(person.internal_id, person.number)


@lru_cache(maxsize=4096)
def _jordan(internal_id: str) -> Lists:
    """Give the documented example's lists; what it only counts is invented."""
    lists: Lists = dict(_invented(internal_id, 0))
    now: JsonObject = {
        "position": "Staff Engineer",
        "company": "Acme",
        "company_id": "1234567",
        "company_url": "https://www.linkedin.com/company/acme",
        "industry": ["Software"],
        "location": "Remote",
        "description": "Leading platform team.",
        "skills": ["React", "Node.js"],
        "current": True,
        "start": "2022-04",
        "end": None,
    }
    school: JsonObject = {
        "school": "MIT",
        "degree": "B.S.",
        "field_of_study": "Computer Science",
        "start": "2010",
        "end": "2014",
    }
    lists["work_experience"] = ([now, *(_job(internal_id, 0, i) for i in range(1, 5))], 5)
    lists["education"] = ([school], 1)
    lists["languages"] = ([{"name": "English", "proficiency": "NATIVE_OR_BILINGUAL"}], 1)
    lists["skills"] = ([_skill(internal_id, 0, i) for i in range(32)], 32)
    return lists


@lru_cache(maxsize=4096)
def _invented(internal_id: str, n: int) -> Lists:
    jobs: list[Json] = [_job(internal_id, n, i) for i in range(1 + n % 4)]
    schools: list[Json] = [_school(n, i) for i in range(n % 3)]
    skills: list[Json] = [_skill(internal_id, n, i) for i in range(n % 12)]
    received: list[Json] = [_recommendation(internal_id, n, i) for i in range(n % 3)]
    given: list[Json] = [_recommendation(internal_id, n + 1, i) for i in range((n + 1) % 2)]
    return {
        "work_experience": (jobs, len(jobs)),
        "volunteering_experience": (_volunteering(n), 1),
        "education": (schools, len(schools)),
        "skills": (skills, len(skills)),
        "languages": (_languages(n), 2),
        "certifications": (_certifications(n), 1),
        "projects": (_projects(n), 1),
        "received": (received, len(received)),
        "given": (given, len(given)),
    }


def _job(internal_id: str, n: int, i: int) -> JsonObject:
    company = COMPANIES[(n + i) % len(COMPANIES)]
    fields: JsonObject = {
        "id": digits(internal_id, "job", i),
        "position": JOBS[(n + i) % len(JOBS)],
        "company": company,
        "company_id": digits("company", company, length=7),
        "company_url": f"https://www.linkedin.com/company/{digits('company', company, length=7)}",
        "company_picture_url": None,
        "location": PLACES[(n + i) % len(PLACES)] or None,
        "description": "Did • many · things\nand more." if i else None,
        "skills": [SKILLS[(n + i) % len(SKILLS)]] if i % 2 else [],
        "status": None,
        # the three ways in which dates come
        "start": ("5/1/2016", "2022-04", "2010")[(n + i) % 3],
        "end": None if i == 0 else ("6/1/2018", "2023-01", "2012")[(n + i) % 3],
    }
    if n % 2:  # `current` and `industry` are often absent: the current job is `end: null`
        fields |= {"current": i == 0, "industry": ["Software", "Conseil"]}
    return fields


def _school(n: int, i: int) -> JsonObject:
    fields: JsonObject = {
        "id": None,
        "school": SCHOOLS[(n + i) % len(SCHOOLS)],
        "school_id": digits("school", n + i, length=6),
        "school_url": None,
        "degree": ("B.S.", None, "Licence")[n % 3],
        "grade": "17/20" if n % 2 else None,
        "field_of_study": "Computer Science",
        "description": "",
        "activities": "Chess club" if i else None,
        "start": "9/1/2008",
        "end": None if i else "2012",
    }
    if i:  # the documented example has none
        fields["skills"] = ["C++"]
    return fields


def _skill(internal_id: str, n: int, i: int) -> JsonObject:
    return {
        "name": f"{SKILLS[i % len(SKILLS)]}{' ' + str(i) if i >= len(SKILLS) else ''}",
        "endorsement_count": (n * 3 + i) % 99,
        "endorsement_id": None if turn(i, 4, 3) else int(digits(internal_id, "skill", i, length=8)),
        "insights": ["Endorsed by 2 colleagues at Acme"] if i == 0 else [],
        "endorsed": i == 1,
    }


def _volunteering(n: int) -> list[Json]:
    return [
        {
            "company": "Red Cross",
            "description": None,
            "role": "First aider",
            "cause": ("HEALTH", "Disaster & Humanitarian Relief")[n % 2],
            "start": "2019-03",
            "end": None,
        }
    ]


def _languages(n: int) -> list[Json]:
    # an enum in the example, prose in the wild, and often nothing
    proficiency = ("NATIVE_OR_BILINGUAL", "Native or bilingual proficiency", None)[n % 3]
    return [{"name": "English", "proficiency": proficiency}, {"name": "Français"}]


def _certifications(n: int) -> list[Json]:
    url = "https://example.com/cert?id=a%20b" if n % 2 else None
    return [{"name": "Scrum Master", "organization": "Scrum.org", "url": url}]


def _projects(n: int) -> list[Json]:
    return [
        {
            "name": "A compiler",
            "description": "For a language nobody speaks" if n % 2 else None,
            "skills": ["C++"] if n % 2 else [],
            "start": "5/1/2016",
            "end": None,
        }
    ]


def _recommendation(internal_id: str, n: int, i: int) -> JsonObject:
    first, last = FIRST[(n + i) % len(FIRST)], LAST[(n * 3 + i) % len(LAST)]
    slug = f"colleague-{digits(internal_id, 'by', i, length=6)}"
    return {
        "text": "A pleasure to work with.\n\nTruly.",
        "caption": "May 14, 2024, worked with them on the same team",
        "actor": {
            "first_name": first,
            "last_name": last,
            "provider_id": "ACoAA" + digits(internal_id, "actor", i, length=20),
            "headline": JOBS[(n + i) % len(JOBS)],
            "public_identifier": slug,
            "public_profile_url": f"https://www.linkedin.com/in/{slug}",
            "profile_picture_url": None,
        },
    }
