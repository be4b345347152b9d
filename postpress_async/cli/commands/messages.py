"""`postpress messages`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import Parameter

from postpress_async.cli.export.rows import described
from postpress_async.cli.export.wanted import STDOUT, Wanted
from postpress_async.cli.listing import page_size, show
from postpress_async.cli.options import (
    After,
    AsJson,
    BaseUrl,
    Before,
    Most,
    Start,
    client_at,
    moment,
    one_of,
)
from postpress_async.cli.output import print_facts, print_json
from postpress_async.models import Message

Chat = Annotated[str | None, Parameter(name="--chat", help="The chat.")]
Account = Annotated[str | None, Parameter(name="--account", help="All chats of this account.")]


async def list_(
    *,
    chat: Chat = None,
    account: Account = None,
    before: Before = None,
    after: After = None,
    limit: Most = None,
    start: Start = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """List the messages of a chat or an account. Counts as reading, which is not limited.

    Args:
        chat: the chat.
        account: all chats of this account.
        before: only those before.
        after: only those after.
        limit: so many in all.
        start: the cursor to begin at.
        as_json: each message as the service sent it.
        base_url: where the service is.
    """
    one_of({"--chat": chat, "--account": account})
    async with client_at(base_url) as client:
        walk = client.messages.list(
            chat_id=chat,
            account_id=account,
            before=moment("--before", before),
            after=moment("--after", after),
            start=start,
            page_size=page_size(limit),
        )
        await show(
            walk,
            limit=limit,
            head=("MESSAGE", "SENT", "FROM", "TEXT", "FILES"),
            row=_row,
            as_json=as_json,
        )


def _row(message: Message) -> Sequence[object]:
    text = message.text if not message.deleted else "(deleted)"
    sent = (message.timestamp or "")[:16].replace("T", " ")
    files = "; ".join(described(one) for one in message.attachments)
    return message.id, sent, "me" if message.is_own else message.sender_id, text, files


async def export(
    *,
    to: Annotated[
        str,
        Parameter(
            name="--to",
            allow_leading_hyphen=True,
            help="A file that ends in .jsonl or .csv; - is stdout.",
        ),
    ],
    chat: Chat = None,
    account: Account = None,
    after: After = None,
    since_file: Annotated[
        str | None,
        Parameter(
            name="--since-file",
            help="Keeps what was exported already, for several files in turn; else beside --to.",
        ),
    ] = None,
    form: Annotated[
        Literal["jsonl", "csv"] | None,
        Parameter(name="--format", help="What the name of --to does not say: jsonl or csv."),
    ] = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """Write the messages of a chat or an account into a file, and later what is new.

    Run it again after it was broken off, in whatever way, and it goes on where it stood; run it
    again when it was done, and it appends what is new. No message is lost, and none comes twice.

    Args:
        to: the file.
        chat: the chat.
        account: all chats of this account.
        after: only those after.
        since_file: what keeps the state.
        form: jsonl or csv.
        as_json: the sum as JSON.
        base_url: where the service is.
    """
    one_of({"--chat": chat, "--account": account})
    wanted = Wanted.of(to=to, chat=chat, account=account, after=after, form=form, state=since_file)
    from postpress_async.cli.export.progress import progress  # noqa: PLC0415 - rich, and sqlite3
    from postpress_async.cli.export.run import export as run  # noqa: PLC0415 - as above

    async with client_at(base_url) as client:
        with progress(wanted) as told:
            done = await run(client, wanted, told)
    if to == STDOUT:
        return
    if as_json:
        print_json({"to": to, "new": done.new, "rows": done.rows, "resumed": done.resumed})
    else:
        facts = [("file", to), ("new", f"{done.new:,}"), ("in all", f"{done.rows:,}")]
        print_facts([*facts, ("went on", done.resumed or None)])
