"""`postpress outbox`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from postpress_async.cli.exits import Exit
from postpress_async.cli.listing import page_size, tell_cursor
from postpress_async.cli.options import AsJson, BaseUrl, Most, Start, State
from postpress_async.cli.output import print_facts, print_json
from postpress_async.cli.pacing.given import Given, limits_of, state_of
from postpress_async.cli.sends.by_hand import chosen, each
from postpress_async.cli.sends.imported import (
    print_imported,
    print_preview,
    print_problems,
    taking,
)
from postpress_async.cli.sends.opened import (
    Group,
    Table,
    Where,
    WithText,
    Zone,
    looking_at,
    sending,
)
from postpress_async.cli.sends.recipe import Lines, Reading
from postpress_async.cli.sends.shown import print_counts, print_item, print_items
from postpress_async.cli.sends.working import guard_of, work
from postpress_async.errors import ConfigurationError
from postpress_async.options import whole
from postpress_async.outbox import (
    ImportRefusedError,
    Item,
    ItemState,
    import_items,
    preview_import,
)

Accounts = Annotated[
    list[str] | None,
    Parameter(name="--account", negative="", help="Only from this account; repeatable."),
]


async def run(
    *,
    outbox: Where = None,
    state: State = None,
    limits: Table = "recommended",
    tz: Zone = None,
    until_empty: Annotated[
        bool, Parameter(name="--until-empty", negative="", help="End when nothing is left to send.")
    ] = False,
    account: Accounts = None,
    concurrency: int = 100,
    stop_replied: Annotated[
        bool, Parameter(name="--stop-on-reply", negative="", help="Skip whom has answered since.")
    ] = False,
    blocked: Annotated[
        Path | None,
        Parameter(
            name="--do-not-contact",
            help="A file of names, one a line, read for each item: skip them.",
        ),
    ] = None,
    hold_unknown: Annotated[
        bool, Parameter(name="--hold-unknown", negative="", help="A person decides every doubt.")
    ] = False,
    text: WithText = False,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> int:
    """Send what may go, until Ctrl-C or SIGTERM.

    Then nothing more is begun, and what is under way gets 30 seconds; a second signal cuts that
    short. Any number may run on one outbox. Exit code 3 where something needs a decision, 1 where
    something failed.

    Args:
        outbox: where the items are.
        state: where counts live; memory: only if you say so, since limits are forgotten with it.
        limits: which limits hold.
        tz: of human's working hours.
        until_empty: end when nothing is left that goes by itself.
        account: only from these accounts.
        concurrency: items under way at once.
        stop_replied: skip what is for somebody who has written since it was put in.
        blocked: a file of names not to be contacted, as it is when an item may go.
        hold_unknown: send nothing again by itself that may have gone.
        text: what items say, in JSON.
        as_json: a line for each change of an item, and one at the end.
        base_url: where the service is.
    """
    whole("--concurrency", concurrency, least=1)
    table = limits_of(Given(limits=limits, tz=tz))
    guard = guard_of(blocked=blocked, stop_replied=stop_replied)
    async with sending(
        outbox, state=state, limits=table, guard=guard, hold=hold_unknown, base_url=base_url
    ) as (box, _):
        return await work(
            box,
            state=state_of(state),
            until_empty=until_empty,
            concurrency=concurrency,
            accounts=account,
            text=text,
            as_json=as_json,
        )


async def list_(
    *,
    outbox: Where = None,
    only: Annotated[
        list[ItemState] | None,
        Parameter(name="--only", negative="", help="Only in this state; repeatable."),
    ] = None,
    undecided: Annotated[
        bool, Parameter(name="--undecided", negative="", help="Only what a person must decide.")
    ] = False,
    account: Annotated[
        str | None, Parameter(name="--account", help="Only from this account.")
    ] = None,
    group: Group = None,
    recipient: Annotated[
        str | None, Parameter(name="--recipient", help="Only to this recipient.")
    ] = None,
    counts: Annotated[
        bool, Parameter(name="--counts", negative="", help="Only how many are in which state.")
    ] = False,
    limit: Most = None,
    start: Start = None,
    text: WithText = False,
    as_json: AsJson = False,
) -> None:
    """List items in the order in which they were put in. Asks nobody, and needs no key.

    A recipient, or an error, may be or quote the id of whom an item is to.

    Args:
        outbox: where the items are.
        only: only in these states.
        undecided: only those that need a decision.
        account: only from this account.
        group: only of this group.
        recipient: only to this recipient.
        counts: only how many are in which state, of an account or a group.
        limit: so many in all.
        start: the cursor to begin at.
        text: what they say, too.
        as_json: a line for each.
    """
    if counts:
        _only_whole(
            {
                "--only": only, "--undecided": undecided, "--recipient": recipient,
                "--limit": limit, "--start": start, "--text": text,
            }
        )  # fmt: skip
    async with looking_at(outbox) as box:
        if counts:
            found = await box.counts(account_id=account, group=group)
            print_counts(found, as_json=as_json)
            return
        walk = box.list(
            state=only,
            account_id=account,
            group=group,
            recipient=recipient,
            needs_decision=True if undecided else None,
            start=start,
            page_size=page_size(limit),
        )
        walk = walk if limit is None else walk.limit(limit)
        shown = 0
        async for page in walk.pages():
            shown += len(page.items)
            print_items(page.items, text=text, as_json=as_json)
        if shown == limit and walk.cursor is not None:
            tell_cursor(walk.cursor, as_json=as_json)


def _only_whole(chosen: Mapping[str, object]) -> None:
    """Refuse what does not go with `--counts`, which would count what was not asked for."""
    given = [name for name, value in chosen.items() if value is not None and value is not False]
    if given:
        msg = f"{given[0]}: --counts counts all of an --account or a --group: leave it out"
        raise ConfigurationError(msg)


async def show(
    item: str,
    /,
    *,
    outbox: Where = None,
    state: State = None,
    limits: Table = "recommended",
    tz: Zone = None,
    text: WithText = False,
    as_json: AsJson = False,
) -> None:
    """Show all of an item but what it says, what keeps it, and what to do about it.

    Args:
        item: its id or key.
        outbox: where it is.
        state: where counts live, to tell which limit it waits for.
        limits: which limits hold, as of the worker that sends it.
        tz: of human's working hours.
        text: what it says, too.
        as_json: as one line.
    """
    table = limits_of(Given(limits=limits, tz=tz))
    async with looking_at(outbox, state=state, limits=table) as box:
        found = await box.get(item)
        reasons = await box.explain(item)
    print_item(found, reasons, text=text, as_json=as_json)


async def retry(
    *items: str, outbox: Where = None, group: Group = None, as_json: AsJson = False
) -> int:
    """Queue items again that failed or were cancelled, and certainly did not go.

    Args:
        items: ids or keys.
        outbox: where they are.
        group: all of a group that failed.
        as_json: a line for each.
    """
    async with looking_at(outbox) as box:
        wanted = await chosen(box, items, group, "failed")
        return await each(wanted, box.retry, as_json=as_json)


async def release(
    *items: str, outbox: Where = None, group: Group = None, as_json: AsJson = False
) -> int:
    """Let items go that were held by wish.

    Args:
        items: ids or keys.
        outbox: where they are.
        group: all of a group that are held.
        as_json: a line for each.
    """
    async with looking_at(outbox) as box:
        wanted = await chosen(box, items, group, "held")
        return await each(wanted, box.release, as_json=as_json)


async def resolve(
    item: str,
    /,
    *,
    sent: Annotated[
        bool | None,
        Parameter(name="--sent", negative="--not-sent", help="Whether you have seen it arrive."),
    ] = None,
    outbox: Where = None,
    as_json: AsJson = False,
) -> int:
    """Settle an item in doubt by what you have seen: --sent, or --not-sent, which queues it again.

    Args:
        item: its id or key.
        sent: whether it arrived.
        outbox: where it is.
        as_json: as one line.
    """
    if sent is None:
        msg = "say --sent or --not-sent: look into the chat first"
        raise ConfigurationError(msg)
    async with looking_at(outbox) as box:
        return await each([item], lambda one: box.resolve(one, sent=sent), as_json=as_json)


async def cancel(
    *items: str,
    outbox: Where = None,
    group: Group = None,
    recipient: Annotated[
        str | None, Parameter(name="--recipient", help="All that is to this recipient.")
    ] = None,
    account: Annotated[
        str | None, Parameter(name="--account", help="All that goes out from this account.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Take back what has not begun to go.

    Args:
        items: ids or keys, or
        outbox: where they are.
        group: all of a group.
        recipient: all to a recipient.
        account: all from an account.
        as_json: a line for each, or how many.
    """
    several = (group, recipient, account) != (None, None, None)
    if several == bool(items):
        msg = "name items, or --group, --recipient or --account, and not both"
        raise ConfigurationError(msg)
    async with looking_at(outbox) as box:
        if several:
            number = await box.cancel(group=group, recipient=recipient, account_id=account)
            if as_json:
                print_json({"cancelled": number})
            else:
                print_facts((("cancelled", f"{number:,}"),))
            return Exit.DONE

        async def one(item: str) -> Item:
            await box.cancel(id=item)
            return await box.get(item)

        return await each(items, one, as_json=as_json)


_LINES: Final = Lines()
_READING: Final = Reading()


async def import_(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    lines: Lines = _LINES,
    reading: Reading = _READING,
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", negative="", help="Check and plan; queue nothing.")
    ] = False,
    limits: Table = "recommended",
    tz_of_limits: Annotated[
        str | None, Parameter(name="--limits-tz", help="The zone of human's working hours.")
    ] = None,
    outbox: Where = None,
    state: State = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> int:
    """Put a CSV or JSON lines file into the outbox; each line is checked before the first goes in.

    Nothing is sent: `outbox run` does. The same file again puts nothing in twice. Exit code 2, and
    a list of what is wrong, where a line cannot be queued; then none is.

    Args:
        file: a path, or - for stdin.
        lines: what becomes of a line.
        reading: how to read it.
        dry_run: tell who would be written to when, and which limit binds.
        limits: for the plan: which limits hold.
        tz_of_limits: of human's working hours.
        outbox: where to; a file is made if there is none.
        state: for the plan: where counts live.
        as_json: the outcome as JSON.
        base_url: where the service is.
    """
    whole("--problems", reading.problems, least=1)
    recipe, table = lines.recipe(), limits_of(Given(limits=limits, tz=tz_of_limits))
    source = "/dev/stdin" if file == "-" else file
    counts = state_of(state)  # nothing is sent here: memory: will do
    async with sending(
        outbox, state=counts, limits=table, guard=lambda _: None, base_url=base_url
    ) as (box, _):
        try:
            if dry_run:
                found = await preview_import(
                    box,
                    source=source,
                    recipe=recipe,
                    format=reading.format,
                    encoding=reading.encoding,
                    delimiter=reading.delimiter,
                    most_problems=reading.problems,
                )
                print_preview(found, as_json=as_json)
                return Exit.DONE
            with taking() as progress:
                done = await import_items(
                    box,
                    source=source,
                    recipe=recipe,
                    format=reading.format,
                    encoding=reading.encoding,
                    delimiter=reading.delimiter,
                    most_problems=reading.problems,
                    progress=progress,
                )
        except ImportRefusedError as error:
            print_problems(error.problems, as_json=as_json)
            if error.problems and not as_json:
                error.args = (error.summary,)  # they stand above
            raise
    print_imported(done, as_json=as_json)
    return Exit.REFUSED if done.refusals else Exit.DONE
