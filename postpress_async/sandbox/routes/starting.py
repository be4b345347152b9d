"""Starting a chat: with one person, with a group, or by InMail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import turn

from .sending import contents

if TYPE_CHECKING:
    from postpress_async.sandbox.bodies import Fields
    from postpress_async.sandbox.world.things import Account, Chat, Message, Person

_MAX_SUBJECT: Final = 200
# what `linkedin[…]` may say, beside its `api`
_WORDS: Final[dict[str, frozenset[str]]] = {
    "topic": frozenset({"service_request", "request_demo", "support", "careers", "other"}),
    "visibility": frozenset({"PUBLIC", "PRIVATE", "PROJECT"}),
    "sourcing_channel": frozenset(
        {
            "JOB_POSTING_RECOMMENDED_MATCHES", "JOB_POSTING", "REFERRAL", "INTERNAL_CANDIDATES",
            "AUTOMATED_SOURCING", "RECRUITER_SEARCH", "CAREER_SITE",
        }
    ),
}  # fmt: skip
_APIS: Final = ("classic", "recruiter", "sales_navigator")


def start_chat(call: Call) -> Answer:
    """Start a chat, or a group; an existing one-to-one chat is taken up again."""
    account, recipients = call.account(), call.body.texts("attendees_ids")
    if not recipients:
        raise Problem("missing_parameters", "attendees_ids is required")
    subject = call.body.text("subject")
    if subject is not None and len(subject) > _MAX_SUBJECT:
        raise Problem("too_many_characters", f"subject may have {_MAX_SUBJECT} characters.")
    text, attachments = contents(call.body, account.provider)
    api = _api(call.body) if account.provider == "LINKEDIN" else "classic"
    people = [_recipient(call, account, api, one) for one in dict.fromkeys(recipients)]
    paid = _check_reach(call, account, people, api)
    room, kind = call.world.room(account), "MESSAGE" if paid is None else "INMAIL"
    chat = room.chat_with(people[0]) if len(people) == 1 else None
    if chat is None:
        chat = call.world.begin_chat(account, people, call.now, subject)
        _mark(chat, api, kind)
    said: Message | None = None
    if text or attachments:
        said = call.world.say(chat, room.me, text, call.now, attachments=attachments, kind=kind)
    account.inmails -= 1 if paid else 0
    # LinkedIn does not tell the id of a first message
    message_id = (
        said.id if said and not (account.provider == "LINKEDIN" and paid is not None) else None
    )
    return Answer(
        body={"object": "ChatStarted", "chat_id": chat.id, "message_id": message_id},
        status=201,
        committed=True,
        text=text,
    )


def _mark(chat: Chat, api: str, kind: str) -> None:
    if chat.account.provider == "LINKEDIN":
        chat.folder = api
        chat.content_type = "inmail" if kind == "INMAIL" else None


def _api(body: Fields) -> str:
    """Read `linkedin[…]`.

    Raises:
        Problem: A word in it is none of the documented ones.
    """
    if "linkedin" in body and not body.has_children("linkedin"):
        raise Problem("invalid_parameters", "linkedin is an object: linkedin[api]=classic")
    options = body.child("linkedin")
    api = options.text("api") or "classic"
    if api not in _APIS:
        raise Problem("invalid_parameters", f"linkedin[api] is one of {', '.join(_APIS)}")
    for name, words in _WORDS.items():
        found = options.text(name)
        if found is not None and found not in words:
            raise Problem("invalid_parameters", f"linkedin[{name}] is none of the documented ones")
    follow_up = options.child("follow_up")
    if "follow_up" in options:
        follow_up.required("subject")
        follow_up.required("text")
        follow_up.child("scheduled_time").required("timezone")
    return api


def _recipient(call: Call, account: Account, api: str, messaging_id: str) -> Person:
    person = call.world.directories[account.provider].recipient(messaging_id)
    if person is None or person is account.owner:
        raise Problem("invalid_recipient", f"{messaging_id} cannot be written to.")
    if account.provider == "LINKEDIN":
        if api != "classic" and api not in account.features:
            raise Problem("feature_not_subscribed", f"The account has no {api} subscription.")
        if messaging_id != person.other_ids.get(api, person.internal_id):
            raise Problem("invalid_recipient", f"{messaging_id} is no id of the {api} API.")
    return person


def _check_reach(call: Call, account: Account, people: list[Person], api: str) -> bool | None:
    """Tell whether this is an InMail, and whether it costs a credit; None when it is none.

    The paid products write to strangers by InMail, whether that is asked for or not.

    Raises:
        Problem: These people cannot be reached so.
    """
    if account.provider != "LINKEDIN":
        return None
    strangers = [person for person in people if person.seen_as not in account.relations]
    asked = call.body.child("linkedin").flag("inmail") is True
    if not asked and (api == "classic" or not strangers):
        if strangers:
            raise Problem("no_connection_with_recipient", "New chats are for relations only.")
        return None
    if not account.features:
        raise Problem("feature_not_subscribed", "InMail needs a premium account.")
    if len(people) > 1:
        raise Problem("not_allowed_inmail", "An InMail goes to one person.")
    if is_open(people[0]):
        return False
    if account.inmails < 1:
        raise Problem("insufficient_credits", "No InMail credit is left.")
    return True


def is_open(person: Person) -> bool:
    """Tell whether a LinkedIn member takes InMail from anybody, for nothing."""
    return person.number > 0 and turn(person.number, 6, 0)
