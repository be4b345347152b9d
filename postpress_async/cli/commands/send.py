"""`postpress send`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import asyncio
import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from postpress_async.cli.exits import note
from postpress_async.cli.options import (
    AccountId,
    AsJson,
    BaseUrl,
    Product,
    State,
    client_at,
    one_of,
)
from postpress_async.cli.output import print_facts, print_json
from postpress_async.cli.people import find
from postpress_async.client import Postpress
from postpress_async.errors import ConfigurationError
from postpress_async.models import ChatStarted, MessageSent
from postpress_async.options import RequestOptions
from postpress_async.resources.linkedin_options import LinkedInOptions

Key = Annotated[
    str | None,
    Parameter(name="--idempotency-key", help="Give the same for a repeat; else a new one."),
]

STDIN: Final = "-"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Be what goes out, and to whom.

    Attributes:
        account: who sends.
        chat: the chat, or
        to: the person, as typed.
        text: what is said.
        files: what goes with it.
        subject: of a new chat.
        linkedin: what only LinkedIn takes.
        options: of the call.
    """

    account: str
    chat: str | None
    to: str | None
    text: str | None
    files: tuple[Path, ...]
    subject: str | None
    linkedin: LinkedInOptions | None
    options: RequestOptions

    @property
    def where(self) -> str:
        """Where to look for it."""
        if self.chat is not None:
            return f"postpress messages list --chat {self.chat} --limit 5"
        return f"postpress messages list --account {self.account} --limit 5"


def send(
    text: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    account: AccountId,
    chat: Annotated[str | None, Parameter(name="--chat", help="Into this chat.")] = None,
    to: Annotated[
        str | None,
        Parameter(name="--to", help="To this person: an id, a handle, a number, a pasted link."),
    ] = None,
    attach: Annotated[
        list[Path] | None,
        Parameter(name="--attach", negative="", help="A file; repeatable, 15 MB in all."),
    ] = None,
    subject: Annotated[
        str | None, Parameter(name="--subject", help="With --to: of the new chat.")
    ] = None,
    inmail: Annotated[
        bool, Parameter(name="--inmail", negative="", help="LinkedIn: with --to and --api.")
    ] = False,
    api: Product = None,
    idempotency_key: Key = None,
    state: State = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """Send a message into a chat, or to a person. Prints the message's id.

    Sent at most once: where nobody can tell whether it was, the exit code is 3. A public name or a
    link is looked up first, which counts as one look at a profile.

    Args:
        text: what to say; - reads it from stdin.
        account: who sends.
        chat: into this chat.
        to: to this person.
        attach: files.
        subject: of a new chat.
        inmail: as an InMail.
        api: the LinkedIn product.
        idempotency_key: the same for a repeat.
        state: where counts live.
        as_json: the ids as JSON.
        base_url: where the service is.
    """
    one_of({"--chat": chat, "--to": to})
    if chat is not None and (subject is not None or inmail or api is not None):
        msg = "--subject, --inmail and --api belong to --to: leave them out with --chat"
        raise ConfigurationError(msg)
    linkedin = LinkedInOptions(api=api, inmail=True if inmail else None) if inmail or api else None
    letter = Letter(
        account=account,
        chat=chat,
        to=to,
        text=said(text),
        files=tuple(attach or ()),
        subject=subject,
        linkedin=linkedin,
        options=RequestOptions(idempotency_key=idempotency_key),
    )
    try:
        asyncio.run(_send(letter, client_at(base_url, state=state), as_json=as_json))
    except KeyboardInterrupt as interrupt:
        note(interrupt, f"it may have been sent, so look before you repeat it: {letter.where}")
        raise


def said(text: str | None) -> str | None:
    """Return the text, that of stdin for `-`, without the line's end that echo adds.

    Raises:
        ConfigurationError: stdin is no UTF-8; or the text looks like an option.
    """
    if text != STDIN:
        if text is not None and text.startswith("-"):
            msg = f"TEXT {text[:40]!r} looks like an option: give such a text on stdin, as -"
            raise ConfigurationError(msg)
        return text
    try:
        # Before the event loop runs: there, Ctrl-C would wait until a line is read.
        read = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        msg = "TEXT: what stands on stdin is not UTF-8; convert it first"
        raise ConfigurationError(msg) from None
    return read.removesuffix("\n").removesuffix("\r")


async def _send(letter: Letter, opened: Postpress, *, as_json: bool) -> None:
    async with opened as client:
        sent: MessageSent | ChatStarted
        if letter.chat is not None:
            looked_up, chat_id = False, letter.chat
            sent = await _into_chat(client, letter)
        else:
            looked_up, sent = await _to_person(client, letter)
            chat_id = sent.chat_id or ""
    told = {"message_id": sent.message_id, "chat_id": chat_id or None, "looked_up": looked_up}
    if as_json:
        print_json(told)
        return
    print_facts(
        (
            ("message", sent.message_id or "sent; the service does not name its id"),
            ("chat", chat_id),
            ("looked up", "1 profile" if looked_up else None),
        )
    )


async def _into_chat(client: Postpress, letter: Letter) -> MessageSent:
    try:
        return await client.messages.send(
            chat_id=letter.chat or "",
            text=letter.text,
            attachments=letter.files,
            account_id=letter.account,
            options=letter.options,
        )
    except Exception as error:
        note(error, f"look into the chat: {letter.where}")
        raise


async def _to_person(client: Postpress, letter: Letter) -> tuple[bool, ChatStarted]:
    account = client.account(letter.account)
    api = None if letter.linkedin is None else letter.linkedin.api
    found = await find(account, letter.to or "", api=api)
    try:
        started = await account.chats.start(
            to=found.person,
            text=letter.text,
            subject=letter.subject,
            attachments=letter.files,
            linkedin=letter.linkedin,
            options=letter.options,
        )
    except Exception as error:
        note(error, f"look for it: {letter.where}")
        raise
    return found.looked_up, started
