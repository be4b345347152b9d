"""What an item holds comes back as it went in, or is refused while somebody is there to hear it."""

import io

import msgspec
import pytest

from postpress_async import ConfigurationError, FollowUp, LinkedInOptions
from postpress_async.errors import AttachmentError
from postpress_async.outbox import composing, contents, digests
from postpress_async.outbox.contents import (
    Attached,
    Follow,
    Invite,
    MessageContent,
    ProfileRead,
    React,
    StartChat,
)
from postpress_async.resources._files import MOST_BYTES, File

SECRET = "text-CANARY-51"
FILE = Attached(field="attachments", name="é.pdf", content_type="application/pdf", data=b"%PDF")
FULL = [
    MessageContent(
        chat_id="c", text=SECRET, files=(FILE,), quote_id="q", thread_id="t", typing_duration=0.5
    ),
    StartChat(
        to="ACo1",
        text=SECRET,
        subject=SECRET,
        files=(FILE,),
        linkedin={"api": "recruiter", "inmail": True},
        follow_up={"subject": SECRET, "text": SECRET, "timezone": "Europe/Paris", "days": 3},
    ),
    Invite(provider_id="ACo1", message=SECRET, user_email="a@b.example"),
    Follow(provider_id="17"),
    React(message_id="m", reaction=SECRET),
    ProfileRead(identifier="jordan", accounts=("a", "b"), linkedin_sections=("skills",)),
]


def message(**given):
    asked = dict.fromkeys(
        ["text", "voice_message", "video_message", "quote_id", "thread_id", "typing_duration"]
    )
    return composing.message(**{**asked, "chat_id": "c", "attachments": (), **given})


def start(**given):
    asked = dict.fromkeys(
        ["text", "subject", "voice_message", "video_message", "linkedin", "provider"]
    )
    given = {"to": "ACoAAB", "account_id": "acc_1", "attachments": (), **given}
    return composing.start_chat(**{**asked, **given})


@pytest.mark.parametrize("content", FULL, ids=lambda one: one.kind)
def test_each_comes_back_as_it_went_and_shows_nothing(content):
    body = contents.encode(content)
    assert contents.decode(body) == content
    assert SECRET not in repr(content)
    assert SECRET not in str(content.__rich_repr__())


@pytest.mark.parametrize("content", FULL, ids=lambda one: one.kind)
def test_a_body_of_the_first_version_is_read_whatever_is_added_later(content):
    fields = {name: getattr(content, name) for name in content.__struct_fields__}
    fields = {name: value for name, value in fields.items() if value not in (None, (), b"")}
    old = b"\x01" + msgspec.msgpack.encode({"type": content.kind, **fields})
    assert contents.decode(old) == content
    # What a later field of the same version would be is passed over.
    later = b"\x01" + msgspec.msgpack.encode({"type": content.kind, **fields, "later": 7})
    assert contents.decode(later) == content


@pytest.mark.parametrize("body", [b"", b"\x02\x80", b"\x01", b"\x01\x81", b"\x01\x80"])
def test_what_cannot_be_read_is_said_without_it(body):
    with pytest.raises(ConfigurationError, match=r"version|no longer kept"):
        contents.decode(body)


def test_a_digest_stands_for_all_that_goes_and_for_the_account():
    seen = {contents.digest_of(one, "acc_1") for one in FULL}
    seen.add(contents.digest_of(FULL[0], "acc_2"))
    seen.add(contents.digest_of(msgspec.structs.replace(FULL[0], files=()), "acc_1"))
    assert len(seen) == len(FULL) + 2
    assert contents.digest_of(FULL[0], "acc_1") in seen


def test_a_small_message_takes_few_bytes():
    assert len(contents.encode(MessageContent(chat_id="chat_1", text="Hello"))) < 50


def test_lanes_and_threads():
    said = {one.kind: (one.action("LINKEDIN"), one.thread("acc_1")) for one in FULL}
    assert {kind: action for kind, (action, _) in said.items()} == {
        "message": "message",
        "start_chat": "inmail",
        "invite": "invite_note",
        "follow": "follow",
        "react": "react",
        "profile": "profile",
    }
    assert said["start_chat"][1] == said["invite"][1]  # the same person, the same account
    assert said["profile"][1] == ""
    assert Invite(provider_id="1").action(None) == "invite"
    assert Invite(provider_id="1", message="x").action("INSTAGRAM") == "follow"
    assert StartChat(to="1", text="x").action(None) == "first_message"


def test_what_is_known_again_is_what_is_shown():
    html = StartChat(to="1", text="<p>Hi&amp;</p>", linkedin={"api": "recruiter"})
    assert contents.text_digest_of(html) == digests.digest("Hi&")
    plain = MessageContent(chat_id="c", text=" Hi ", files=(FILE,))
    assert contents.text_digest_of(plain) == digests.digest("Hi")
    assert contents.loose_of(plain) == digests.loose("Hi")
    assert contents.known_files(plain) == (digests.File(kind="file", size=4),)
    late = msgspec.structs.replace(FILE, field="linkedin[follow_up][attachments]")
    assert contents.known_files(StartChat(to="1", files=(late,))) == ()


def test_another_text_is_checked_like_the_first():
    assert contents.with_text(FULL[0], "new") == msgspec.structs.replace(FULL[0], text="new")
    assert contents.with_text(FULL[2], "new").message == "new"
    for content, text in ((FULL[2], "x" * 301), (FULL[0], " "), (FULL[4], "x"), (FULL[3], "x")):
        with pytest.raises(ConfigurationError, match="text"):
            contents.with_text(content, text)


async def test_files_are_kept_as_they_are_now(tmp_path):
    path = tmp_path / "offre.pdf"
    path.write_bytes(b"%PDF-1")

    async def pieces():
        yield b"ab"
        yield b"c"

    made = await message(
        attachments=[path, b"x", io.BytesIO(b"yz"), File(pieces(), name="a.png")],
        voice_message=File(b"v", name="v.m4a"),
    )
    path.write_bytes(b"other")
    got = [(one.field, one.name, one.content_type, one.data) for one in made.files]
    assert got[0] == ("attachments", "offre.pdf", "application/pdf", b"%PDF-1")
    assert [data for *_, data in got] == [b"%PDF-1", b"x", b"yz", b"abc", b"v"]
    again = contents.decode(contents.encode(made))
    sent = contents.files_in(again.files, "attachments")
    assert [(one.name, one.content) for one in sent] == [
        ("offre.pdf", b"%PDF-1"),
        ("attachment", b"x"),
        ("attachment", b"yz"),
        ("a.png", b"abc"),
    ]
    assert contents.files_in(again.files, "voice_message")[0].content_type == got[4][2]


async def test_files_too_large_are_not_kept(tmp_path):
    async def endless():
        while True:
            yield b"x" * 2**20

    with pytest.raises(AttachmentError, match="15 MB"):
        await message(attachments=[endless()])
    with pytest.raises(AttachmentError, match="15 MB"):
        await message(attachments=[bytes(MOST_BYTES), b"x"])
    with pytest.raises(AttachmentError, match="cannot be read"):
        await message(attachments=[tmp_path / "none"])
    with pytest.raises(AttachmentError, match=r"told|bytes"):
        await message(attachments=[File(endless_once(), size=3)])


async def endless_once():
    yield b"ab"


async def test_linkedin_options_come_back_with_their_follow_up():
    late = FollowUp(
        subject="s", text=SECRET, timezone="Europe/Paris", weeks=1, attachments=[b"later"]
    )
    options = LinkedInOptions(api="recruiter", inmail=True, signature="J", follow_up=late)
    made = await start(text="Hi", linkedin=options, attachments=[b"now"])
    again = contents.decode(contents.encode(made))
    assert again == made
    back = again.options()
    assert msgspec.structs.replace(back, follow_up=None) == msgspec.structs.replace(
        options, follow_up=None
    )
    assert [one.content for one in back.follow_up.attachments] == [b"later"]
    assert (back.follow_up.text, back.follow_up.weeks) == (SECRET, 1)
    assert [one.content for one in contents.files_in(again.files, "attachments")] == [b"now"]
    assert (await start(text="Hi")).options() is None


WRONG = {
    "blank": lambda: message(text=" "),
    "nothing": message,
    "no id": lambda: message(text="x", chat_id=".."),
    "a link": lambda: message(text="x", chat_id="https://www.linkedin.com/messaging/thread/2-x"),
    "typing": lambda: message(text="x", typing_duration=-1),
    "typing for hours": lambda: message(text="x", typing_duration=301),
    "typing for ever": lambda: message(text="x", typing_duration=float("inf")),
    "half": lambda: message(text="half \ud800"),
    "a path as text": lambda: message(attachments=["dog.png"]),
    "public id": lambda: start(to="https://www.linkedin.com/in/jordan-walke", text="x"),
    "options": lambda: start(text="x", linkedin={"api": "classic"}),
    "no text": start,
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_cannot_be_sent_is_not_put_in(wrong):
    with pytest.raises(ConfigurationError):
        await WRONG[wrong]()


def invite(who, **given):
    asked = {"message": None, "user_email": None, "account_id": "a", "provider": None, **given}
    return composing.invite(who, **asked)


def profile(who, **given):
    asked = {"accounts": ["a"], "linkedin_sections": None, "linkedin_api": None, **given}
    return composing.profile(who, **asked)


WRONG_TOO = {
    "long note": lambda: invite("ACo1", message="x" * 301),
    "nobody": lambda: invite(" "),
    "another provider": lambda: composing.follow("17", account_id="a", provider="LINKEDIN"),
    "no message": lambda: composing.react(message_id="..", reaction="x"),
    "no reaction": lambda: composing.react(message_id="m", reaction=""),
    "no accounts": lambda: profile("jordan", accounts=[]),
    "one account": lambda: profile("jordan", accounts="acc_1"),
    "no product": lambda: profile("jordan", linkedin_api="classic"),
    "no identifier": lambda: profile(".."),
}


@pytest.mark.parametrize("wrong", WRONG_TOO)
def test_nor_what_cannot_be_done(wrong):
    with pytest.raises(ConfigurationError):
        WRONG_TOO[wrong]()


def test_a_pool_names_each_account_once():
    made = composing.profile(
        "jordan", accounts=["b", "a", "b"], linkedin_sections=["skills"], linkedin_api=None
    )
    assert (made.accounts, made.linkedin_sections) == (("a", "b"), ("skills",))


@pytest.mark.parametrize(
    "content",
    [
        MessageContent(chat_id="c", text="first"),
        StartChat(to="p", text="first"),
        Invite(provider_id="p", message="first"),
        Invite(provider_id="p"),
    ],
)
def test_what_is_said_instead_is_forgotten_by_the_next_time(content):
    once = contents.replaced(content, "second")
    assert contents.text_of(once) == "second"
    kept = contents.decode(contents.encode(once))
    assert contents.original(kept) == contents.original(content) == content
    assert contents.original(contents.replaced(kept, "third")) == content
    assert contents.encode(contents.original(kept)) == contents.encode(content)
    edited = contents.with_text(kept, "edited")  # by hand, for good
    assert contents.text_of(contents.original(edited)) == "edited"


@pytest.mark.parametrize("content", FULL[:2], ids=lambda one: one.kind)
def test_who_shows_a_body_needs_none_of_its_files(content):
    large = msgspec.structs.replace(FILE, data=b"x" * 9_000)
    content = msgspec.structs.replace(content, files=(large, FILE))
    body = contents.encode(content)
    light = contents.light(body)
    assert len(light) < 600
    kept = contents.decode(light)
    assert [one.name for one in kept.files] == ["é.pdf", "é.pdf"]
    assert msgspec.structs.replace(kept, files=content.files) == content
    assert contents.light(light) is light


@pytest.mark.parametrize(
    "body",
    [
        b"",
        contents.encode(MessageContent(chat_id="c", text="x" * 9_000)),
        contents.encode(ProfileRead(identifier="jordan", answer=b"x" * 9_000)),
        b"\xff" + b"x" * 9_000,  # of a later version
    ],
    ids=["emptied", "text", "answer", "later"],
)
def test_all_else_of_a_body_is_shown(body):
    assert contents.light(body) is body
