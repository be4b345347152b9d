"""Who is meant: an id, a link, an `Identifier`, or a person that an answer held.

Nobody is asked. An id is never rewritten; what certainly cannot work is refused before anything is
sent, with the next step.
"""

from __future__ import annotations

from typing import Final, NoReturn, TypeAlias

from postpress_async.errors import ConfigurationError
from postpress_async.identifiers import Identifier, identify
from postpress_async.models import (
    Attendee,
    Follower,
    InstagramProfile,
    InstagramSpecifics,
    LinkedInProfile,
    Relation,
    TelegramProfile,
    UnknownProfile,
    WhatsAppProfile,
    XProfile,
)

from ._base import checked_text

Person: TypeAlias = (
    str
    | Identifier
    | LinkedInProfile
    | WhatsAppProfile
    | InstagramProfile
    | TelegramProfile
    | XProfile
    | UnknownProfile
    | Attendee
    | Relation
    | Follower
)
"""Somebody, as text or as an answer told of them: an id, an `Identifier`, a `Profile`, …"""

READ_AS: Final = ("urn:", "+", "00", "tel:")  # written for people: `identify` takes the id out
_TELLING: Final = ("AC", "AD", "AE", *READ_AS)  # how LinkedIn's own ids begin, too
_PROFILES: Final = (
    LinkedInProfile,
    WhatsAppProfile,
    InstagramProfile,
    TelegramProfile,
    XProfile,
    UnknownProfile,
)
_READ_FIRST: Final = "read the profile with users.get and give that"


def recognised(field: str, given: object) -> Identifier | None:
    """Return what a text proves of itself; None for a plain id, which needs no reading."""
    if isinstance(given, Identifier):
        return given
    if not isinstance(given, str):
        msg = f"{field} must be text or an Identifier, not {type(given).__name__}"
        raise ConfigurationError(msg)
    telling = "/" in given or "@" in given or given.startswith(_TELLING)
    return identify(given) if telling else None


def check_provider(
    field: str, known: Identifier, provider: str | None, account: str | None
) -> None:
    """Refuse an id that certainly belongs to another provider than the account."""
    if provider is not None and known.conflicts_with(provider):
        msg = (
            f"{field} {str(known)[:200]!r} is an id of {known.provider}, but account {account} is "
            f"{provider}: use an account of {known.provider}"
        )
        raise ConfigurationError(msg)


def messaging_id(field: str, person: Person, *, provider: str | None, account: str | None) -> str:
    """Return what a chat with somebody is started with.

    Args:
        field: where they were given.
        person: who.
        provider: the account's, where it is known.
        account: the account, for the error.

    Raises:
        ConfigurationError: no person, or of another provider, or without such an id.
    """
    if isinstance(person, (str, Identifier)):
        known = recognised(field, person)
        if known is None:
            return checked_text(field, person)
        check_provider(field, known, provider, account)
        if _is_public(known):
            _refuse(field, known, "a public id, and chats take the provider's own", _READ_FIRST)
        return _of_identifier(field, person, known, provider)
    _check_model(field, person, provider, account)
    if isinstance(person, (Relation, Follower)):
        if person.messaging_id is None and person.username is not None:
            _refuse_model(field, person, "no messaging id")
        found = person.messaging_id or person.provider_id
    else:
        found = person.messaging_id
    return found or _refuse_model(field, person, "no messaging id")


def invited_id(field: str, person: Person, *, provider: str | None, account: str | None) -> str:
    """Return what somebody is invited, or followed, by: on Instagram not what chats take.

    Raises:
        ConfigurationError: no person, or of another provider, or without such an id.
    """
    if isinstance(person, (str, Identifier)):
        known = recognised(field, person)
        if known is None:
            return checked_text(field, person)
        check_provider(field, known, provider, account)
        of = known.provider or provider
        if _is_public(known) and of is not None and of != "INSTAGRAM":
            _refuse(field, known, "a public id, and invitations take the own one", _READ_FIRST)
        return _of_identifier(field, person, known, provider)
    _check_model(field, person, provider, account)
    if isinstance(person, Attendee) and isinstance(person.specifics, InstagramSpecifics):
        # What chats call an Instagram user by is not what invitations take.
        found = person.specifics.public_identifier
    else:
        found = person.provider_id
    return found or _refuse_model(field, person, "no id to invite by")


def check_product(field: str, id_: str, api: str | None) -> None:
    """Refuse a LinkedIn id that certainly belongs to another product than the chat's."""
    known = recognised(field, id_)
    if known is None or not known.certain or known.linkedin_api in {None, api or "classic"}:
        return
    msg = (
        f"{field} {id_!r} is an id of {known.linkedin_api}, and this chat goes through "
        f"{api or 'classic'}: give linkedin=LinkedInOptions(api={known.linkedin_api!r}), or read "
        "the profile with users.get through the right linkedin_api"
    )
    raise ConfigurationError(msg)


def _is_public(known: Identifier) -> bool:
    # A bare word may be an own id of a provider whose ids nobody has described: the service judges.
    return known.kind == "handle" or (known.kind == "public_id" and known.certain)


def _of_identifier(field: str, given: object, known: Identifier, provider: str | None) -> str:
    """Return the id of a person's identifier as it goes on the wire."""
    if known.kind == "group":
        _refuse(field, known, "a group", "send into it with messages.send(chat_id=…)")
    if known.kind == "company":
        _refuse(field, known, "a company", "give the messaging_id of the company's own answer")
    if known.kind == "post":
        _refuse(field, known, "a post", "give a person's id")
    if known.kind == "unknown" and known.certain:
        _refuse(field, known, "a link to no person", "give a person's id")
    if known.kind == "phone" and (provider or known.provider) != "WHATSAPP":
        _refuse(field, known, "a phone number, which only WhatsApp takes here", _READ_FIRST)
    if known.kind == "unknown" and isinstance(given, str):
        return checked_text(field, given)
    return known.value


def _check_model(field: str, person: object, provider: str | None, account: str | None) -> None:
    """Refuse what is no person, or of another provider than the account."""
    if not isinstance(person, (*_PROFILES, Attendee, Relation, Follower)):
        msg = (
            f"{field} must be a person's id, an Identifier, a Profile, an Attendee or a Relation, "
            f"not {type(person).__name__}"
        )
        raise ConfigurationError(msg)
    theirs = None if isinstance(person, (Relation, Follower)) else person.provider
    if provider is not None and theirs is not None and theirs.upper() != provider:
        msg = (
            f"{field} is a user of {theirs}, but account {account} is {provider}: use an account "
            f"of {theirs}"
        )
        raise ConfigurationError(msg)


def _refuse(field: str, known: Identifier, what: str, step: str) -> NoReturn:
    msg = f"{field} {str(known)[:200]!r} is {what}: {step}"
    raise ConfigurationError(msg)


def _refuse_model(field: str, person: object, what: str) -> NoReturn:
    msg = f"{field}: this {type(person).__name__} has {what}: {_READ_FIRST}"
    raise ConfigurationError(msg)
