"""Profiles of every provider."""

from __future__ import annotations

from urllib.parse import quote

import pytest

# What the reference page marks as required.
REQUIRED = {
    "LINKEDIN": """object provider provider_id public_identifier first_name last_name headline
        websites""",
    "WHATSAPP": "object provider id",
    "INSTAGRAM": """object provider provider_id public_identifier full_name followers_count
        mutual_followers_count following_count posts_count profile_type is_verified is_private
        external_links relationship_status""",
    "TELEGRAM": "object provider provider_id profile_picture_url",
    "TWITTER": """object provider id name screen_name location description url entities protected
        verified followers_count friends_count listed_count favourites_count statuses_count
        created_at profile_image_url_https default_profile default_profile_image
        withheld_in_countries""",
}
LISTS = (
    "work_experience", "volunteering_experience", "education", "skills", "languages",
    "certifications", "projects",
)  # fmt: skip
# The documented example, but for what depends on who looks.
JORDAN = {
    "object": "UserProfile",
    "provider": "LINKEDIN",
    "public_identifier": "jordan-walke",
    "public_profile_url": "https://www.linkedin.com/in/jordan-walke",
    "first_name": "Jordan",
    "last_name": "Walke",
    "headline": "Engineer at Acme",
    "summary": "Building things for the web.",
    "location": "San Francisco, California, United States",
    "websites": ["https://jordan.dev"],
    "follower_count": 12450,
    "connections_count": 980,
    "shared_connections_count": 23,
    "network_distance": "SECOND_DEGREE",
    "is_premium": True,
    "is_open_to_work": False,
    "is_self": False,
    "work_experience": [
        {
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
    ],
    "work_experience_total_count": 5,
    "education": [
        {
            "school": "MIT",
            "degree": "B.S.",
            "field_of_study": "Computer Science",
            "start": "2010",
            "end": "2014",
        }
    ],
    "education_total_count": 1,
    "skills_total_count": 32,
    "languages": [{"name": "English", "proficiency": "NATIVE_OR_BILINGUAL"}],
    "languages_total_count": 1,
    "throttled_sections": [],
}


async def profile(api, identifier, account=None, query="", **more):
    account = account or api.account()
    path = f"/users/{quote(identifier, safe='')}?account_id={account['id']}{query}"
    return await api.get(path, **more)


async def everybody(api, provider, query=""):
    account = api.account(provider)
    step = 4 if provider == "LINKEDIN" else 2
    names = account["people"][::step]
    answers = [await profile(api, name, account, query) for name in names]
    return [answer.json for answer in answers]


async def test_the_documented_example_is_answered_word_for_word(api):
    found = (await profile(api, "jordan-walke", query="&linkedin_sections=*_preview")).json
    assert {key: found.get(key) for key in JORDAN} == JORDAN
    assert "skills" not in found  # counted, and not listed


async def test_without_sections_there_are_none(api):
    found = (await profile(api, "jordan-walke")).json
    assert not [key for key in found if key in LISTS or key.endswith("_total_count")]
    assert "recommendations" not in found
    assert found["headline"] == "Engineer at Acme"


async def test_everything_is_listed_for_a_star(api):
    found = (await profile(api, "jordan-walke", query="&linkedin_sections=*")).json
    assert all(found[name] for name in LISTS)
    assert len(found["work_experience"]) == found["work_experience_total_count"] == 5
    assert len(found["skills"]) == found["skills_total_count"] == 32
    assert set(found["recommendations"]) == {
        "received", "received_total_count", "given", "given_total_count",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "linkedin_sections=*_preview,experience,skills",
        "linkedin_sections=*_preview&linkedin_sections=experience&linkedin_sections=skills",
        "linkedin_sections[]=*_preview&linkedin_sections[]=experience&linkedin_sections[]=skills",
        "linkedin_sections[0]=*_preview&linkedin_sections[1]=experience,skills",
        "linkedin_sections=" + quote('["*_preview", "experience", "skills"]'),
        "linkedin_sections=%2A_preview%2Cexperience%2Cskills",
    ],
)
async def test_sections_combine_in_every_encoding(api, query):
    found = (await profile(api, "jordan-walke", query="&" + query)).json
    assert len(found["work_experience"]) == 5
    assert len(found["skills"]) == 32
    assert len(found["certifications"]) == 1


async def test_one_section_alone_comes_with_every_total(api):
    found = (await profile(api, "jordan-walke", query="&linkedin_sections=education")).json
    assert [name for name in LISTS if name in found] == ["education"]
    assert found["skills_total_count"] == 32


@pytest.mark.parametrize(
    ("query", "type"),
    [
        ("&linkedin_sections=hobbies", "invalid_parameters"),
        ("&linkedin_sections=skills,*_previews", "invalid_parameters"),
        ("&linkedin_api=classic", "invalid_parameters"),
        ("&notify=maybe", "invalid_parameters"),
    ],
)
async def test_a_selector_that_does_not_exist_is_refused(api, query, type):
    answer = await profile(api, "jordan-walke", query=query)
    assert (answer.status, answer.type) == (400, type)


async def test_some_sections_are_throttled_loudly_and_some_silently(api):
    people = await everybody(api, "LINKEDIN", "&linkedin_sections=*")
    loud = [one for one in people if one["throttled_sections"]]
    assert loud
    for one in loud:
        assert one["throttled_sections"] == ["skills", "recommendations_given"]
        assert one["skills"] == []
    assert [one for one in loud if one["skills_total_count"]]
    assert [
        one
        for one in people
        if not one["throttled_sections"]
        and len(one["work_experience"]) < one["work_experience_total_count"]
    ]


@pytest.mark.parametrize("provider", list(REQUIRED))
@pytest.mark.parametrize("mount", ["/v1", "/api/v1"])
async def test_required_fields_are_there(api, provider, mount):
    account = api.account(provider)
    for name in account["people"][:12]:
        found = (await profile(api, name, account, mount=mount)).json
        missing = set(REQUIRED[provider].split()) - set(found)
        if mount == "/v1":
            assert not missing
        else:
            assert None not in found.values()


async def test_linkedin_is_as_uneven_as_in_the_wild(api):
    people = await everybody(api, "LINKEDIN", "&linkedin_sections=*&linkedin_api=recruiter")
    assert {None} < {one["headline"] for one in people}
    assert [one for one in people if one["public_identifier"] is None]
    assert [one for one in people if one["last_name"] is None]
    assert all(isinstance(one["member_urn"], int) for one in people[1:])
    jobs = [job for one in people for job in one["work_experience"]]
    assert [job for job in jobs if job["start"] == "5/1/2016"]
    assert [job for job in jobs if job["end"] is None and "current" not in job]
    schools = [school for one in people for school in one["education"]]
    assert {"skills" in school for school in schools} == {True, False}
    skills = [skill for one in people for skill in one["skills"]]
    assert [skill for skill in skills if skill["endorsement_id"] is None]
    assert [one for one in people if (one.get("contact_info") or {}).get("adresses")]


async def test_recruiter_shows_every_kind_of_activity(api):
    found = (await profile(api, "jordan-walke", query="&linkedin_api=recruiter")).json
    assert found["provider_id"].startswith("AE")
    assert {one["event"] for one in found["recruiting_activity"]} == {
        "MESSAGE", "NOTE_ADDED", "NOTE_EDITED", "NOTE_DELETED", "LINK_ADDED", "LINK_DELETED",
        "CANDIDATE_ADDED", "CANDIDATE_MOVED", "PROFILE_VIEW", "UNHANDLED_EVENT",
    }  # fmt: skip
    assert found["notes"][0]["author"]["public_profile_url"] is True


async def test_each_linkedin_product_has_its_own_id_of_a_person(api):
    classic = (await profile(api, "jordan-walke")).json["provider_id"]
    navigator = await profile(api, "jordan-walke", query="&linkedin_api=sales_navigator")
    assert classic.startswith("ACo")
    assert navigator.json["provider_id"].startswith("ACw")
    again = await profile(api, navigator.json["provider_id"])
    assert again.json["provider_id"] == classic


async def test_a_product_needs_its_subscription(api):
    answer = await profile(
        api, "jordan-walke", api.account(index=2), query="&linkedin_api=recruiter"
    )
    assert (answer.status, answer.type) == (403, "feature_not_subscribed")


@pytest.mark.parametrize("provider", ["INSTAGRAM", "TELEGRAM", "TWITTER"])
async def test_handles_are_found_with_and_without_at_in_any_case(api, provider):
    account = api.account(provider)
    handle = next(name for name in account["people"] if "_" in name)
    for name in (handle, "@" + handle, handle.upper()):
        assert (await profile(api, name, account)).status == 200


async def test_every_provider_shows_its_own_awkwardness(api):
    telegram = await everybody(api, "TELEGRAM")
    assert {type(one["restriction_reason"]) for one in telegram} == {list, dict, type(None)}
    assert {(one["status"] or {}).get("name") for one in telegram} == {
        None, "UserStatusOnline", "UserStatusOffline", "UserStatusRecently",
    }  # fmt: skip
    twitter = await everybody(api, "TWITTER")
    assert [one for one in twitter if one["entities"]["description"]["urls"]]
    assert [one for one in twitter if one["description"] is None]
    instagram = await everybody(api, "INSTAGRAM")
    assert {one["profile_type"] for one in instagram} == {"PERSONNAL", "BUSINESS", "PROFESSIONNAL"}
    assert [one for one in instagram if one["business"] and one["business"]["phone_number"] is None]
    whatsapp = await everybody(api, "WHATSAPP")
    assert all(one["id"].endswith("@lid") and "provider_id" not in one for one in whatsapp)


@pytest.mark.parametrize(
    ("provider", "identifier", "type"),
    [
        ("LINKEDIN", "nobody-at-all", "resource_not_found"),
        ("LINKEDIN", "two words", "invalid_resource_identifier"),
        ("LINKEDIN", "in/jordan-walke", "invalid_resource_identifier"),
        ("WHATSAPP", "33600000000@s.whatsapp.net", "resource_not_found"),
        ("WHATSAPP", "+33600000000", "invalid_resource_identifier"),
        ("WHATSAPP", "33600000000", "invalid_resource_identifier"),
        ("TELEGRAM", "33600000000", "resource_not_found"),
        ("TWITTER", "@nobody", "resource_not_found"),
        ("TWITTER", "no body", "invalid_resource_identifier"),
        ("INSTAGRAM", "nobody", "resource_not_found"),
    ],
)
async def test_nobody_is_not_found(api, provider, identifier, type):
    answer = await profile(api, identifier, api.account(provider))
    assert (answer.status, answer.type) == (404, type)


async def test_a_profile_needs_an_account(api):
    assert (await api.get("/users/jordan-walke")).type == "missing_parameters"
    answer = await api.get("/users/jordan-walke?account_id=acc_none")
    assert (answer.status, answer.type) == (404, "resource_not_found")


@pytest.mark.parametrize("provider", ["LINKEDIN", "TELEGRAM", "TWITTER"])
async def test_ones_own_profile(api, provider):
    account = api.account(provider)
    found = (await api.get(f"/users/me?account_id={account['id']}")).json
    assert (found["object"], found["provider"]) == ("AccountOwnerProfile", provider)


async def test_who_has_no_documented_own_profile_answers_501(api):
    answer = await api.get(f"/users/me?account_id={api.account('WHATSAPP')['id']}")
    assert answer.status == 501


async def test_recruiter_seats_differ(api):
    seats = [
        (await api.get(f"/users/me?account_id={api.account(index=index)['id']}")).json["recruiter"]
        for index in range(3)
    ]
    assert set(seats[0]) == {"owner_seat_id", "contract_id"}
    assert seats[1:] == [{"error": "MULTIPLE_SESSIONS"}, None]


async def test_one_is_oneself(api):
    account = api.account()
    me = (await api.get(f"/users/me?account_id={account['id']}")).json
    found = (await profile(api, me["public_identifier"], account)).json
    assert found["is_self"] is True
    assert found["network_distance"] is None
