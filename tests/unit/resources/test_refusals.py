"""Bad input: refused before anything is sent, in one line with the field and the next step."""

from __future__ import annotations

from datetime import datetime

import pytest

from postpress_async import (
    AddParticipant,
    Attendee,
    ConfigurationError,
    Corner,
    Follower,
    FollowUp,
    Identifier,
    InstagramProfile,
    InstagramSpecifics,
    InvitationReceived,
    LinkedInOptions,
    LinkedInProfile,
    NotFoundError,
    PictureLayout,
    PictureSettings,
    ProfileDate,
    ProfileEducation,
    ProfileExperience,
    ProfileLink,
    ProfileLocation,
    ProfileMedia,
    Relation,
    SetLabel,
    SetReadStatus,
    UnknownProfile,
    WhatsAppProfile,
    identify,
)
from postpress_async.errors import AttachmentError
from postpress_async.testing import reply

ID = "ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"
LEAD = "ACwAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"
LINK = "https://www.linkedin.com/in/jordan-walke/"

CALLS = {
    # -- what is said
    "no text, no file": (
        lambda c: c.messages.send(chat_id="c", account_id="acc_1"),
        "text is needed, or a file",
    ),
    "an empty text": (
        lambda c: c.messages.send(chat_id="c", text=" ", account_id="acc_1"),
        "text must be a text with something in it",
    ),
    "half an emoji": (
        lambda c: c.messages.send(chat_id="c", text="\ud83d", account_id="acc_1"),
        "text has half of a character",
    ),
    "one file for a list": (
        lambda c: c.messages.send(chat_id="c", attachments=b"x", account_id="acc_1"),
        "attachments must be a list, not bytes: put it in brackets",
    ),
    "files that can be walked once": (
        lambda c: c.messages.send(chat_id="c", attachments=iter([b"x"]), account_id="acc_1"),
        "attachments must be a list, not list_iterator",
    ),
    "a path as text": (
        lambda c: c.messages.send(chat_id="c", attachments=["a.png"], account_id="acc_1"),
        "attachments[0]",
    ),
    "no account": (
        lambda c: c.messages.send(chat_id="c", text="Hi"),
        "account_id is needed: a `message` counts",
    ),
    "no chat": (
        lambda c: c.messages.send(chat_id="", text="Hi", account_id="acc_1"),
        "chat_id must not be empty",
    ),
    "typing for ever": (
        lambda c: c.messages.send(
            chat_id="c", text="Hi", typing_duration=float("inf"), account_id="acc_1"
        ),
        "typing_duration must be a number of seconds that ends",
    ),
    "typing backwards": (
        lambda c: c.messages.send(chat_id="c", text="Hi", typing_duration=-1, account_id="acc_1"),
        "typing_duration must be more than zero",
    ),
    "typing for hours": (
        lambda c: c.messages.send(
            chat_id="c", text="Hi", typing_duration=301.0, account_id="acc_1"
        ),
        "typing_duration must be at most 300 seconds, not 301",
    ),
    "an edit to nothing": (
        lambda c: c.messages.edit("m", text="", account_id="acc_1"),
        "text must be a text with something in it",
    ),
    "no reaction": (
        lambda c: c.messages.react("m", reaction="", account_id="acc_1"),
        "reaction must be a text",
    ),
    "a forward to nowhere": (
        lambda c: c.messages.forward("m", chat_id="", account_id="acc_1"),
        "chat_id must be a text",
    ),
    "a dot as a path": (
        lambda c: c.messages.delete("..", account_id="acc_1"),
        "message_id must not be empty, '.' or '..'",
    ),
    # -- when
    "a naive instant": (
        lambda c: c.messages.list(after=datetime(2026, 1, 1)),  # noqa: DTZ001 - refused
        "after must have a time zone",
    ),
    "a naive instant of an attendee": (
        lambda c: c.attendees.chats("a", before=datetime(2026, 1, 1)),  # noqa: DTZ001 - refused
        "before must have a time zone",
    ),
    # -- which accounts
    "no account of several": (
        lambda c: c.chats.list(account_id=[]),
        "account_id must name at least one account",
    ),
    "an account without a name": (
        lambda c: c.chats.list(account_id=["acc_1", ""]),
        "account_id must be the id of a connected account",
    ),
    # -- who is written to
    "a public id": (
        lambda c: c.chats.start(to=LINK, text="Hi", account_id="acc_1"),
        "to 'jordan-walke' is a public id, and chats take the provider's own: read the profile",
    ),
    "a handle": (
        lambda c: c.chats.start(to="@cy", text="Hi", account_id="acc_ig"),
        "to 'cy' is a public id",
    ),
    "a company": (
        lambda c: c.chats.start(to="https://linkedin.com/company/x", text="H", account_id="acc_1"),
        "to 'x' is a company",
    ),
    "a post": (
        lambda c: c.chats.start(to="urn:li:activity:7", text="Hi", account_id="acc_1"),
        "is a post",
    ),
    "a group": (
        lambda c: c.chats.start(to="123@g.us", text="Hi", account_id="acc_wa"),
        "to '123@g.us' is a group: send into it with messages.send",
    ),
    "a link to nobody": (
        lambda c: c.chats.start(to="https://t.me/joinchat/x", text="Hi", account_id="acc_tg"),
        "is a link to no person",
    ),
    "a phone number on LinkedIn": (
        lambda c: c.chats.start(to="+33600000000", text="Hi", account_id="acc_1"),
        "is a phone number, which only WhatsApp takes here",
    ),
    "an id of another provider": (
        lambda c: c.chats.start(to=ID, text="Hi", account_id="acc_wa"),
        "is an id of LINKEDIN, but account acc_wa is WHATSAPP: use an account of LINKEDIN",
    ),
    "an id of another product": (
        lambda c: c.chats.start(to=LEAD, text="Hi", account_id="acc_1"),
        "is an id of sales_navigator, and this chat goes through classic: give linkedin=",
    ),
    "a classic id through another product": (
        lambda c: c.chats.start(
            to=ID,
            text="Hi",
            account_id="acc_1",
            linkedin=LinkedInOptions(api="sales_navigator"),
        ),
        "is an id of classic, and this chat goes through sales_navigator",
    ),
    "a user of another provider": (
        lambda c: c.chats.start(to=WhatsAppProfile(id="1@lid"), text="Hi", account_id="acc_1"),
        "to is a user of WHATSAPP, but account acc_1 is LINKEDIN",
    ),
    "a user without a messaging id": (
        lambda c: c.chats.start(
            to=InstagramProfile(provider_id="5"), text="Hi", account_id="acc_ig"
        ),
        "to: this InstagramProfile has no messaging id: read the profile",
    ),
    "a follower without a messaging id": (
        lambda c: c.chats.start(to=Follower(id="5", username="cy"), text="Hi", account_id="acc_ig"),
        "to: this Follower has no messaging id",
    ),
    "a user of nowhere": (
        lambda c: c.chats.start(to=UnknownProfile(), text="Hi", account_id="acc_1"),
        "to: this UnknownProfile has no messaging id",
    ),
    "a number for a person": (
        lambda c: c.chats.start(to=7, text="Hi", account_id="acc_1"),
        "to must be a person's id, an Identifier, a Profile, an Attendee or a Relation, not int",
    ),
    "a group of one": (
        lambda c: c.chats.start_group(to=[ID], text="Hi", account_id="acc_1"),
        "to names 1 of the two or more that make a group: use chats.start",
    ),
    "a group of one, twice": (
        lambda c: c.chats.start_group(to=[ID, ID], text="Hi", account_id="acc_1"),
        "to names 1 of the two or more",
    ),
    "a group that is a text": (
        lambda c: c.chats.start_group(to=ID, text="Hi", account_id="acc_1"),
        "to must be a list, not str: put it in brackets",
    ),
    "a group with a link in it": (
        lambda c: c.chats.start_group(to=[ID, LINK], text="Hi", account_id="acc_1"),
        "to[1] 'jordan-walke' is a public id",
    ),
    "a group that says nothing": (
        lambda c: c.chats.start_group(to=[ID, "ACoAAB"], subject="S", account_id="acc_1"),
        "text is needed, or a file",
    ),
    "options that are a dict": (
        lambda c: c.chats.start(to=ID, text="Hi", account_id="acc_1", linkedin={"inmail": True}),
        "linkedin must be a LinkedInOptions(…), not dict",
    ),
    # -- what is done to a chat
    "an action that is a word": (
        lambda c: c.chats.update("c", action="setReadStatus", account_id="acc_1"),
        "action must be SetReadStatus(), AddParticipant('…') or another of ChatAction, not str",
    ),
    "a wait that is no number": (
        lambda c: c.chats.sync("c", wait="long", account_id="acc_1"),
        "wait must be a number",
    ),
    # -- who is invited
    "a note of 301 characters": (
        lambda c: c.invitations.send(ID, message="x" * 301, account_id="acc_1"),
        "message has 301 characters, and the note of an invitation has at most 300: shorten it",
    ),
    "an empty note": (
        lambda c: c.invitations.send(ID, message="", account_id="acc_1"),
        "message must be a text",
    ),
    "an invitation by a public id": (
        lambda c: c.invitations.send(LINK, account_id="acc_1"),
        "provider_id 'jordan-walke' is a public id, and invitations take the own one",
    ),
    "an invitation to a company": (
        lambda c: c.invitations.send("urn:li:company:5", account_id="acc_1"),
        "is a company",
    ),
    "an Instagram attendee": (
        lambda c: c.invitations.send(
            Attendee(provider_id="340", specifics=InstagramSpecifics()), account_id="acc_ig"
        ),
        "provider_id: this Attendee has no id to invite by",
    ),
    "an invitation without an account": (
        lambda c: c.invitations.send(ID),
        "account_id is needed: a `invite`",
    ),
    "a LinkedIn invitation without its secret": (
        lambda c: c.invitations.accept("7", account_id="acc_1"),
        "shared_secret is needed on LinkedIn: give the invitation itself",
    ),
    "an invitation without an id": (
        lambda c: c.invitations.decline(InvitationReceived(), account_id="acc_ig"),
        "invitation_id.id must be a text",
    ),
    "sent by nobody": (lambda c: c.invitations.sent(), "account_id is needed: a `browse`"),
    "received by nobody": (lambda c: c.invitations.received(), "account_id is needed"),
    "relations of nobody": (lambda c: c.users.relations(), "account_id is needed"),
    "a page of none": (
        lambda c: c.users.relations(account_id="acc_1", page_size=0),
        "page_size must be a whole number from 1",
    ),
    "an empty filter": (
        lambda c: c.users.relations(account_id="acc_1", filter=""),
        "filter must be a text",
    ),
    "a number without its country": (
        lambda c: c.users.reachable("06 00 00 00 00", account_id="acc_wa"),
        "is no phone number: write '+', country code, number",
    ),
    "a name for a number": (
        lambda c: c.users.reachable("+ada", account_id="acc_wa"),
        "is no phone number",
    ),
    "a number on LinkedIn": (
        lambda c: c.users.reachable("+33600000000", account_id="acc_1"),
        "account_id acc_1 is LINKEDIN: numbers are known on WhatsApp, Telegram",
    ),
    "a number without an account": (
        lambda c: c.users.reachable("+33600000000"),
        "account_id is needed: a `profile`",
    ),
    "nothing for a number": (
        lambda c: c.users.reachable(None, account_id="acc_wa"),
        "phone must be text or an Identifier, not NoneType",
    ),
    # -- the own profile
    "an edit of nothing": (
        lambda c: c.users.edit_me(account_id="acc_1"),
        "headline, picture or something else is needed: there is nothing to edit",
    ),
    "an edit on WhatsApp": (
        lambda c: c.users.edit_me(headline="x", account_id="acc_wa"),
        "account_id acc_wa is WHATSAPP, and profiles are edited on LinkedIn only",
    ),
    "a picture that is no picture": (
        lambda c: c.users.edit_me(picture=b"%PDF", account_id="acc_1"),
        "picture",
    ),
    "one skill for a list": (
        lambda c: c.users.edit_me(skills="python", account_id="acc_1"),
        "skills must be a list, not str",
    ),
    "an experience that is a dict": (
        lambda c: c.users.edit_me(experience={"role": "x"}, account_id="acc_1"),
        "experience must be a ProfileExperience(…), not dict",
    ),
    "an attendee that is a number": (
        lambda c: c.attendees.chats(["a", 5]).page(),
        "attendee_id[1] must be a text",
    ),
    "an attendee without an id": (
        lambda c: c.attendees.chats(["a", ""]).page(),
        "attendee_id[1] must be a text with something in it",
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_bad_input_is_refused_before_anything_is_sent(talk, name):
    call, words = CALLS[name]
    talking = talk()
    with pytest.raises(ConfigurationError) as caught:
        await call(talking.client)
    said = str(caught.value)
    assert words in said
    assert "\n" not in said
    assert caught.value.outcome == "not_sent"
    assert talking.fake.requests == []
    assert all(lane.in_flight == 0 for lane in talking.client.scheduler._lanes)


VALUES = {
    "an InMail without a product": (
        lambda: LinkedInOptions(inmail=True),
        "LinkedInOptions.api is needed for an InMail",
    ),
    "a product that is none": (
        lambda: LinkedInOptions(api="premium"),
        "LinkedInOptions.api must be one of classic, recruiter, sales_navigator, not 'premium'",
    ),
    "a topic that is none": (lambda: LinkedInOptions(topic="sales"), "LinkedInOptions.topic"),
    "a flag that is a word": (
        lambda: LinkedInOptions(api="classic", inmail="yes"),
        "LinkedInOptions.inmail must be True or False, not 'yes'",
    ),
    "a recruiter's field in classic": (
        lambda: LinkedInOptions(signature="Bob"),
        "LinkedInOptions.signature is for api='recruiter': leave it out, or set api",
    ),
    "a classic field for a recruiter": (
        lambda: LinkedInOptions(api="recruiter", topic="careers"),
        "LinkedInOptions.topic is for api='classic'",
    ),
    "an empty signature": (
        lambda: LinkedInOptions(api="recruiter", signature=""),
        "LinkedInOptions.signature must be a text",
    ),
    "a follow-up that is a text": (
        lambda: LinkedInOptions(api="recruiter", follow_up="later"),
        "LinkedInOptions.follow_up must be a FollowUp(…), not str",
    ),
    "a follow-up at no time": (
        lambda: FollowUp(subject="S", text="T", timezone="Europe/Paris"),
        "FollowUp needs either days or weeks",
    ),
    "a follow-up at two times": (
        lambda: FollowUp(subject="S", text="T", timezone="Europe/Paris", days=3, weeks=1),
        "FollowUp needs either days or weeks",
    ),
    "a follow-up too soon": (
        lambda: FollowUp(subject="S", text="T", timezone="Europe/Paris", days=2),
        "FollowUp.days must be a whole number from 3 to 28, not 2",
    ),
    "a follow-up too late": (
        lambda: FollowUp(subject="S", text="T", timezone="Europe/Paris", weeks=5),
        "FollowUp.weeks must be a whole number from 1 to 4, not 5",
    ),
    "a follow-up that says nothing": (
        lambda: FollowUp(subject="S", text="", timezone="Europe/Paris", days=3),
        "FollowUp.text must be a text",
    ),
    "a status that is a word": (
        lambda: SetReadStatus("read"),
        "SetReadStatus.value must be True or False, not 'read'",
    ),
    "a label without a name": (lambda: SetLabel(""), "SetLabel.value must be a text"),
    "nobody to add": (lambda: AddParticipant(7), "AddParticipant.value must be a text"),
    "a postal code of four": (
        lambda: ProfileLocation(id="1", postal_code="1234"),
        "ProfileLocation.postal_code must have five characters, not 4",
    ),
    "a place without an id": (lambda: ProfileLocation(id=None), "ProfileLocation.id is needed"),
    "a filter that is none": (
        lambda: PictureSettings(filter="NOIR"),
        "PictureSettings.filter must be one of ORIGINAL, STUDIO",
    ),
    "a corner nowhere": (lambda: Corner(float("nan"), 1), "Corner.x must be a number, not nan"),
    "half a corner": (lambda: Corner(1, None), "Corner.y must be a number, not None"),
    "a layout of numbers": (
        lambda: PictureLayout(top_left=(1, 2)),
        "PictureLayout.top_left must be a Corner(…), not tuple",
    ),
    "a contrast that is a word": (
        lambda: PictureSettings(contrast="high"),
        "PictureSettings.contrast must be a number, not 'high'",
    ),
    "a link to nothing": (
        lambda: ProfileLink(title="Thesis", url=""),
        "ProfileLink.url must be a text",
    ),
    "a file without a title": (
        lambda: ProfileMedia(title=None, file=b"x"),
        "ProfileMedia.title must be a text",
    ),
    "the thirteenth month": (
        lambda: ProfileDate(13, 2020),
        "ProfileDate.month must be a whole number from 1 to 12, not 13",
    ),
    "a job without a company": (
        lambda: ProfileExperience(role="Engineer"),
        "ProfileExperience.company is needed to add an entry; or give the id of one to change",
    ),
    "a job that only ends": (
        lambda: ProfileExperience(id="1", seniority_end=ProfileDate(1, 2020)),
        "ProfileExperience.seniority_start is needed where the end is given",
    ),
    "a presence that is none": (
        lambda: ProfileExperience(id="1", presence="AWAY"),
        "ProfileExperience.presence must be one of ON_SITE, HYBRID, REMOTE",
    ),
    "an education without a school": (
        lambda: ProfileEducation(degree="MSc"),
        "ProfileEducation.school is needed to add an entry",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_checked_when_they_are_made(name):
    make, words = VALUES[name]
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_what_is_refused_for_a_file_says_so(talk):
    with pytest.raises(AttachmentError) as caught:
        await talk().client.users.edit_me(picture=b"%PDF", account_id="acc_1")
    assert caught.value.field == "picture"


PEOPLE = {
    "a plain id": ("acc_1", ID, ID),
    "an id that nobody knows": ("acc_tg", "013456789", "013456789"),
    "a slug is the service's to judge": ("acc_1", "jordan-walke", "jordan-walke"),
    "so is one that was identified": ("acc_1", identify("jordan-walke"), "jordan-walke"),
    "a short id": ("acc_1", "ACoAAB", "ACoAAB"),
    "a link to an own id": ("acc_1", f"https://www.linkedin.com/in/{ID}", ID),
    "an identifier": ("acc_1", identify(ID), ID),
    "an identifier of no provider": ("acc_x", Identifier(None, "unknown", "77"), "77"),
    "a phone number": ("acc_wa", "+33 6 00 00 00 00", "33600000000@s.whatsapp.net"),
    "a phone number, provider unknown": ("acc_?", "+33600000000", "33600000000@s.whatsapp.net"),
    "a lid": ("acc_wa", "0000000000@lid", "0000000000@lid"),
    "a profile": ("acc_1", LinkedInProfile(provider_id=ID), ID),
    "an Instagram profile": (
        "acc_ig",
        InstagramProfile(provider_id="5", provider_messaging_id="340"),
        "340",
    ),
    "a WhatsApp profile": ("acc_wa", WhatsAppProfile(id="1@lid"), "1@lid"),
    "an attendee": ("acc_ig", Attendee(provider_id="340"), "340"),
    "a relation": ("acc_1", Relation(member_id=ID), ID),
    "an Instagram follower": ("acc_ig", Follower(id="5", messaging_id="340", username="c"), "340"),
    "a LinkedIn follower": ("acc_1", Follower(id=ID), ID),
}


@pytest.mark.parametrize("name", PEOPLE)
async def test_people_are_written_to_by_what_chats_take(talk, name):
    account, person, wire = PEOPLE[name]
    talking = talk("chat_started_full")
    await talking.client.chats.start(to=person, text="Hi", account_id=account)
    assert talking.request.form["attendees_ids"] == wire


INVITED = {
    "a plain id": ("acc_1", ID, ID),
    "a username": ("acc_ig", "cy", "cy"),
    "a handle": ("acc_ig", "@cy", "cy"),
    "a link": ("acc_ig", "https://www.instagram.com/cy/", "cy"),
    "a profile": ("acc_1", LinkedInProfile(provider_id=ID), ID),
    "never the messaging id": (
        "acc_ig",
        InstagramProfile(provider_id="5", provider_messaging_id="340"),
        "5",
    ),
    "an attendee": ("acc_1", Attendee(provider_id=ID), ID),
    "an Instagram attendee": (
        "acc_ig",
        Attendee(provider_id="340", specifics=InstagramSpecifics(public_identifier="cy")),
        "cy",
    ),
    "a follower": ("acc_ig", Follower(id="5", messaging_id="340"), "5"),
}


@pytest.mark.parametrize("name", INVITED)
async def test_people_are_invited_by_what_invitations_take(talk, name):
    account, person, wire = INVITED[name]
    talking = talk("user_invitation_sent_plain")
    await talking.client.invitations.send(person, account_id=account)
    assert talking.request.json["provider_id"] == wire


async def test_a_404_that_names_no_reason_says_nothing_about_a_number(talk, problem_of):
    talking = talk(reply(status=404, body=b"<html>nginx</html>"))
    with pytest.raises(NotFoundError):
        await talking.client.users.reachable("+33600000000", account_id="acc_wa")
