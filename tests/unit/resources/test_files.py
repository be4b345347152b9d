"""Methods that send files, and those that open them."""

from __future__ import annotations

from io import BytesIO

import pytest

from postpress_async import (
    BadRequestError,
    Corner,
    FollowUp,
    LinkedInOptions,
    NotFoundError,
    OutcomeUnknownError,
    PictureLayout,
    PictureSettings,
    ProfileDate,
    ProfileEdited,
    ProfileEducation,
    ProfileExperience,
    ProfileLink,
    ProfileLocation,
    ProfileMedia,
)
from postpress_async.errors import AttachmentError
from postpress_async.resources._files import File
from postpress_async.testing import failure, reply

from .conftest import form_of

PNG = b"\x89PNG\r\n\x1a\n"


def files_of(request):
    return [(one.field, one.name, one.content_type, one.content) for one in request.files]


async def test_a_message_may_be_files_alone(talk, tmp_path):
    path = tmp_path / "été.pdf"
    path.write_bytes(b"%PDF")
    talking = talk("message_sent_full")
    sent = await talking.client.account("acc_1").messages.send(
        chat_id="chat_1",
        attachments=[path, File(PNG, name="dog.png"), BytesIO(b"z")],
        voice_message=File(b"m4a", name="hello.m4a"),
    )
    assert sent.message_id == "msg_1"
    assert form_of(talking.request) == [("account_id", "acc_1")]
    assert files_of(talking.request) == [
        ("attachments", "été.pdf", "application/pdf", b"%PDF"),
        ("attachments", "dog.png", "image/png", PNG),
        ("attachments", "attachment", "application/octet-stream", b"z"),
        ("voice_message", "hello.m4a", "audio/mp4", b"m4a"),
    ]


async def test_a_chat_starts_with_a_file_and_a_follow_up_has_its_own(talk):
    talking = talk("chat_started_full")
    late = FollowUp(
        subject="S", text="T", days=3, timezone="UTC", attachments=[File(b"2", name="b.pdf")]
    )
    await talking.client.account("acc_1").chats.start(
        to="AEMAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ",
        attachments=[File(b"1", name="a.pdf")],
        linkedin=LinkedInOptions(api="recruiter", follow_up=late),
    )
    assert [(file.field, file.content) for file in talking.request.files] == [
        ("attachments", b"1"),
        ("linkedin[follow_up][attachments]", b"2"),
    ]
    assert ("linkedin[follow_up][scheduled_time][days]", "3") in form_of(talking.request)


async def test_a_group_starts_with_a_video(talk):
    talking = talk("chat_started_full")
    await talking.client.account("acc_1").chats.start_group(
        to=["a", "b"], video_message=File(b"mp4", name="v.mp4")
    )
    assert [file.field for file in talking.request.files] == ["video_message"]


VOICES = {
    "send": lambda c, voice: c.messages.send(chat_id="c", voice_message=voice),
    "start": lambda c, voice: c.chats.start(to="a", voice_message=voice),
}


@pytest.mark.parametrize("method", VOICES)
async def test_what_is_no_voice_is_refused_before_anything_is_sent(talk, method):
    talking = talk()
    with pytest.raises(AttachmentError) as caught:
        await VOICES[method](talking.client.account("acc_1"), File(PNG, name="dog.png"))
    assert caught.value.field == "voice_message"
    assert talking.fake.requests == []


async def test_an_own_profile_is_edited_field_by_field(talk):
    corner = Corner(1.25, 2)
    talking = talk("profile_edited")
    edited = await talking.client.account("acc_1").users.edit_me(
        headline="Engineer",
        summary="Line\nbreak",
        location=ProfileLocation(id="105015875", postal_code="75001"),
        picture=File(PNG, name="me.png"),
        picture_settings=PictureSettings(
            filter="STUDIO", layout=PictureLayout(bottom_left=corner), contrast=0.5
        ),
        skills=["x", "y"],
        skills_follow=True,
    )
    assert isinstance(edited, ProfileEdited)
    assert talking.action == "edit"
    assert (talking.request.method, talking.request.path) == ("PATCH", "/v1/users/me/edit")
    assert form_of(talking.request) == [
        ("type", "LINKEDIN"),
        ("account_id", "acc_1"),
        ("headline", "Engineer"),
        ("summary", "Line\nbreak"),
        ("location[id]", "105015875"),
        ("location[postal_code]", "75001"),
        ("picture_settings[filter]", "STUDIO"),
        ("picture_settings[layout][bottomLeft][x]", "1.25"),
        ("picture_settings[layout][bottomLeft][y]", "2"),
        ("picture_settings[contrast]", "0.5"),
        ("skills", "x"),
        ("skills", "y"),
        ("skills_follow", "true"),
    ]
    assert files_of(talking.request) == [("picture", "me.png", "image/png", PNG)]


async def test_jobs_and_schools_are_nested_as_documented(talk):
    talking = talk("profile_edited")
    await talking.client.account("acc_1").users.edit_me(
        experience=ProfileExperience(
            role="Engineer",
            company="Acme",
            presence="REMOTE",
            seniority_start=ProfileDate(4, 2022),
            skills=["x", "y"],
            attachment=ProfileMedia(title="Talk", file=File(PNG, name="t.png")),
            notify_network=False,
        ),
        education=ProfileEducation(
            id="77",
            start_date=ProfileDate(9, 2010),
            end_date=ProfileDate(6, 2014),
            attachment=ProfileLink(title="Thesis", url="https://x.example"),
        ),
    )
    assert form_of(talking.request)[2:] == [
        ("experience[role]", "Engineer"),
        ("experience[company]", "Acme"),
        ("experience[presence]", "REMOTE"),
        ("experience[skills]", "x"),
        ("experience[skills]", "y"),
        ("experience[attachment][type]", "media"),
        ("experience[attachment][title]", "Talk"),
        ("experience[notify_network]", "false"),
        ("experience[seniority][start_date][month]", "4"),
        ("experience[seniority][start_date][year]", "2022"),
        ("education[id]", "77"),
        ("education[start_date][month]", "9"),
        ("education[start_date][year]", "2010"),
        ("education[end_date][month]", "6"),
        ("education[end_date][year]", "2014"),
        ("education[attachment][type]", "link"),
        ("education[attachment][title]", "Thesis"),
        ("education[attachment][url]", "https://x.example"),
    ]
    assert [file.field for file in talking.request.files] == ["experience[attachment][file]"]


async def test_an_edit_that_may_have_been_done_is_never_repeated(talk):
    talking = talk(failure("closed"))
    with pytest.raises(OutcomeUnknownError):
        await talking.client.users.edit_me(headline="x", account_id="acc_1")
    assert len(talking.fake.requests) == 1


PATHS = {
    "attachment": (
        lambda c: c.messages.attachment("msg_1", "att/é"),
        "/v1/messages/msg_1/attachments/att/é",
    ),
    "picture": (
        lambda c: c.attendees.picture("att_1", account_id="acc_1"),
        "/v1/chat_attendees/att_1/picture",
    ),
}


@pytest.mark.parametrize("name", PATHS)
async def test_a_file_is_asked_for_by_its_block_and_saved_whole(talk, tmp_path, name):
    method, path = PATHS[name]
    talking = talk(reply(body=PNG, headers={"Content-Type": "image/png"}))
    download = method(talking.client)
    assert talking.fake.requests == []
    async with download:
        assert download.content_type == "image/png"
        assert await download.save(tmp_path / "file") == len(PNG)
    assert (tmp_path / "file").read_bytes() == PNG
    assert talking.request.path == path
    assert talking.action == "read"


@pytest.mark.parametrize("name", PATHS)
async def test_a_file_that_is_not_there_is_not_found(talk, problem_of, name):
    method, _ = PATHS[name]
    talking = talk(problem_of("resource_not_found", 404))
    with pytest.raises(NotFoundError):
        async with method(talking.client):
            pytest.fail("there is nothing to walk")


SECRETS = ["a word in confidence", "an address: a@x.example"]


@pytest.mark.parametrize("method", ["invite", "accept", "edit", "start", "me", "job", "file"])
async def test_no_error_repeats_what_was_said(talk, method):
    text, mail = SECRETS
    talking = talk(
        reply(
            {"type": "errors/invalid_parameters", "status": 400, "detail": f"{text!r} {mail!r}"},
            status=400,
        )
    )
    account = talking.client.account("acc_1")
    calls = {
        "invite": lambda: account.invitations.send("a", message=text, user_email=mail),
        "accept": lambda: account.invitations.accept("1", shared_secret=text),
        "edit": lambda: account.messages.edit("1", text=text),
        "start": lambda: account.chats.start(
            to="a",
            text=text,
            linkedin=LinkedInOptions(api="recruiter", email_address=mail, signature="-" * 9),
        ),
        "me": lambda: account.users.edit_me(headline=text, summary=mail),
        "job": lambda: account.users.edit_me(
            experience=ProfileExperience(role="r", company="c", description=text),
            education=ProfileEducation(school="s", description=mail),
        ),
        "file": lambda: account.messages.send(
            chat_id="c", attachments=[File(b"x", name=text), File(b"x", name=mail), b"x"]
        ),
    }
    with pytest.raises(BadRequestError) as caught:
        await calls[method]()
    error = caught.value
    said = f"{error} {error!r} {error.detail} {error.body!r}"
    assert text not in said
    assert method in {"accept", "edit"} or mail not in said
