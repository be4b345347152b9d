"""Relations, followers, following; one's own profile and its editing."""

from __future__ import annotations

from urllib.parse import quote

import aiohttp
import pytest

RELATION = """object first_name last_name headline public_identifier public_profile_url created_at
    member_id connection_urn"""


def form(*fields, files=()):
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields:
        data.add_field(name, value)
    for name, filename, kind in files:
        data.add_field(name, b"\x89PNG", filename=filename, content_type=kind)
    return data


async def walk(api, path, limit):
    rows, cursor = [], None
    while True:
        more = "" if cursor is None else "&cursor=" + quote(cursor, safe="")
        page = (await api.get(f"{path}&limit={limit}{more}")).json
        rows += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            return page["object"], rows


async def test_relations_come_latest_first(api):
    account = api.account()
    name, rows = await walk(api, f"/users/relations?account_id={account['id']}", 7)
    assert name == "UserRelationsList"
    assert [row["member_id"] for row in rows] == account["relations"]
    assert all(set(RELATION.split()) <= set(row) for row in rows)
    assert all("provider_id" not in row for row in rows)
    stamps = [row["created_at"] for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    assert all(isinstance(stamp, int) for stamp in stamps)


async def test_relations_are_filtered_by_name(api):
    account = api.account()["id"]
    everybody = (await api.get(f"/users/relations?account_id={account}")).items
    wanted = everybody[3]["first_name"]
    rows = (await api.get(f"/users/relations?account_id={account}&filter={quote(wanted)}")).items
    assert everybody[3] in rows
    assert all(wanted.casefold() in f"{r['first_name']} {r['last_name']}".casefold() for r in rows)
    assert (await api.get(f"/users/relations?account_id={account}&filter=zzzz")).items == []


@pytest.mark.parametrize("path", ["following", "followers"])
@pytest.mark.parametrize("provider", ["LINKEDIN", "INSTAGRAM"])
async def test_who_follows_whom(api, path, provider):
    account = api.account(provider)
    name, rows = await walk(api, f"/users/{path}?account_id={account['id']}", 5)
    assert name == ("UserFollowersList" if path == "followers" else "UserRelationsList")
    assert len(rows) > 5
    keys = {"object", "id", "name"} if path == "followers" else set(RELATION.split())
    if path == "followers":
        keys |= {"is_private"} if provider == "INSTAGRAM" else {"urn", "headline"}
    assert all(keys <= set(row) for row in rows)
    ids = [row.get("id") or row["member_id"] for row in rows]
    assert len(set(ids)) == len(ids)


async def test_somebody_elses_followers_are_instagrams(api):
    account = api.account("INSTAGRAM")
    path = f"/users/followers?account_id={account['id']}&user_id="
    one = (await api.get(path + account["people"][0])).items
    other = (await api.get(path + account["people"][2])).items
    assert one
    assert one != other
    assert (await api.get(path + "99999999999")).status == 404
    linkedin = api.account()["id"]
    wrong = await api.get(f"/users/followers?account_id={linkedin}&user_id=x")
    assert (wrong.status, wrong.type) == (400, "invalid_parameters")


@pytest.mark.parametrize("path", ["relations", "following", "followers"])
async def test_network_lists_have_their_refusals(api, sandbox, path):
    account = api.account()["id"]
    for query, status, kind in (
        (f"account_id={account}&limit=1000", 200, ""),
        (f"account_id={account}&limit=1001", 400, "limit_too_high"),
        ("limit=10", 400, "missing_parameters"),
        ("account_id=none", 404, "resource_not_found"),
        (f"account_id={api.account('TELEGRAM')['id']}", 501, "feature_not_implemented"),
    ):
        answer = await api.get(f"/users/{path}?{query}")
        assert answer.status == status
        assert status == 200 or answer.type == kind
        assert sandbox.journal()[-1].action == "browse"


async def me(api):
    return (await api.get(f"/users/me?account_id={api.account()['id']}")).json


async def edit(api, *fields, files=(), account=None):
    first = (("type", "LINKEDIN"), ("account_id", (account or api.account())["id"]))
    return await api("PATCH", "/users/me/edit", data=form(*first, *fields, files=files))


async def test_an_edited_profile_shows_to_everybody(api, sandbox):
    answer = await edit(
        api,
        ("headline", "Né à Paris"),
        ("summary", "Hello"),
        ("location[id]", "105015875"),
        ("location[postal_code]", "75002"),
        ("picture_settings[layout][topLeft][x]", "1.25"),
        ("picture_settings[layout][topLeft][y]", "0"),
        ("experience[role]", "Engineer"),
        ("experience[company]", "Acme"),
        ("experience[skills]", "C++"),
        ("experience[skills]", "SQL"),
        ("experience[seniority][start_date][month]", "5"),
        ("experience[seniority][start_date][year]", "2016"),
        ("education[school]", "MIT"),
        ("skills", "Négociation"),
        files=[("picture", "me.png", "image/png")],
    )
    assert (answer.status, answer.json) == (200, {"object": "ProfileEdited"})
    mine = await me(api)
    assert (mine["headline"], mine["location"]) == ("Né à Paris", "France")
    assert mine["profile_picture_url"].startswith("https://")
    path = f"/users/{mine['provider_id']}?account_id={api.account(index=1)['id']}"
    seen = (await api.get(f"{path}&linkedin_sections=*")).json
    assert (seen["headline"], seen["summary"]) == ("Né à Paris", "Hello")
    job = seen["work_experience"][0]
    assert (job["position"], job["skills"], job["start"]) == (
        "Engineer",
        ["C++", "SQL"],
        "5/1/2016",
    )
    assert seen["work_experience_total_count"] == len(seen["work_experience"])
    assert seen["education"][0]["school"] == "MIT"
    assert seen["skills"][0]["name"] == "Négociation"
    entry = sandbox.journal(route="PATCH /users/me/edit")[-1]
    assert (entry.action, entry.committed) == ("edit", True)
    await edit(api, ("experience[id]", job["id"]), ("experience[role]", "CTO"))
    seen = (await api.get(f"{path}&linkedin_sections=experience")).json["work_experience"][0]
    assert (seen["position"], seen["company"]) == ("CTO", "Acme")


@pytest.mark.parametrize(
    ("fields", "files", "status", "type"),
    [
        ((), (), 400, "missing_parameters"),
        ((("headline", "x" * 221),), (), 400, "too_many_characters"),
        ((("location[postal_code]", "75002"),), (), 400, "missing_parameters"),
        ((("location[id]", "1"), ("location[postal_code]", "7")), (), 400, "invalid_parameters"),
        ((("picture", "text"),), (), 400, "invalid_parameters"),
        ((), (("picture", "a.txt", "text/plain"),), 415, "unsupported_media_type"),
        ((("picture_settings[filter]", "SEPIA"),), (), 400, "invalid_parameters"),
        ((("picture_settings[contrast]", "a"),), (), 400, "invalid_parameters"),
        ((("picture_settings[layout][topLeft][x]", "1"),), (), 400, "missing_parameters"),
        ((("experience", "x"),), (), 400, "invalid_parameters"),
        ((("experience[role]", "x"),), (), 400, "missing_parameters"),
        ((("education[degree]", "x"),), (), 400, "missing_parameters"),
    ],
)
async def test_an_edit_that_makes_no_sense_changes_nothing(api, fields, files, status, type):
    before = await me(api)
    headline = () if not fields and not files else (("headline", "changed"),)
    if any(name == "headline" for name, _ in fields):
        headline = ()
    answer = await edit(api, *headline, *fields, files=files)
    assert (answer.status, answer.type) == (status, type)
    assert await me(api) == before


async def test_other_providers_have_nothing_to_edit(api):
    answer = await edit(api, ("headline", "x"), account=api.account("WHATSAPP"))
    assert (answer.status, answer.type) == (501, "feature_not_implemented")
    wrong = form(("type", "TELEGRAM"), ("account_id", api.account()["id"]))
    assert (await api("PATCH", "/users/me/edit", data=wrong)).type == "invalid_parameters"


async def test_a_number_that_nobody_has_is_not_found(api):
    for provider, number in (("WHATSAPP", "33600000000@s.whatsapp.net"),
                             ("TELEGRAM", "33600000000")):  # fmt: skip
        account = api.account(provider)
        answer = await api.get(f"/users/{number}?account_id={account['id']}")
        assert (answer.status, answer.type) == (404, "resource_not_found")
        known = next(one for one in account["people"][1:] if one != account["people"][0])
        assert (await api.get(f"/users/{known}?account_id={account['id']}")).status == 200
    account = api.account("WHATSAPP")["id"]
    malformed = await api.get(f"/users/hello?account_id={account}")
    assert (malformed.status, malformed.type) == (404, "invalid_resource_identifier")
