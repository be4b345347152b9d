"""`postpress outbox export|status|vacuum|forget`: what comes out, how it does, what is cleared."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import sys
from contextlib import aclosing
from typing import Annotated, Final, Literal

import msgspec
from cyclopts import Parameter

from postpress_async.cli.options import AsJson, State
from postpress_async.cli.output import print_facts, print_json
from postpress_async.cli.pacing.given import Given, limits_of
from postpress_async.cli.pacing.times import duration, length, local
from postpress_async.cli.sends.opened import Group, Table, Where, Zone, looking_at
from postpress_async.errors import ConfigurationError
from postpress_async.outbox import ItemState, export_items
from postpress_async.outbox.exporting import exported
from postpress_async.outbox.outbox import LEAST_KEPT

Account = Annotated[str | None, Parameter(name="--account", help="Only from this account.")]
_OF_A_WORKER: Final = (
    "workers", "sent", "failed", "doubts", "attempts", "sent_per_second", "changes_dropped",
)  # fmt: skip
Recipient = Annotated[str | None, Parameter(name="--recipient", help="Only to this recipient.")]


async def export(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-",
    /,
    *,
    outbox: Where = None,
    format: Annotated[
        Literal["jsonl", "csv"] | None,
        Parameter(name="--format", help="Else by the file's ending; JSON lines on stdout."),
    ] = None,
    only: Annotated[
        list[ItemState] | None,
        Parameter(name="--only", negative="", help="Only in this state; repeatable."),
    ] = None,
    undecided: Annotated[
        bool, Parameter(name="--undecided", negative="", help="Only what a person must decide.")
    ] = False,
    account: Account = None,
    group: Group = None,
    recipient: Recipient = None,
    text: Annotated[
        bool,
        Parameter(
            name="--text", negative="", help="What items say and to whom, too; else neither."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write items, each with what became of it and the next step, to a file or to stdout.

    A file is there when all of it is written, or not at all; one that was there is replaced. Asks
    nobody, and needs no key.

    Args:
        file: a path, or - for stdout.
        outbox: where the items are.
        format: how they are written.
        only: only in these states.
        undecided: only those that need a decision.
        account: only from this account.
        group: only of this group.
        recipient: only to this recipient.
        text: what they say, too, their chats, people and files' names; else ids of people are left
            out of recipients and errors, too. Names that you gave are written as they are.
        as_json: how many were written as JSON, where they go into a file.
    """
    needs = True if undecided else None
    async with looking_at(outbox) as box:
        if file != "-":
            number = await export_items(
                box, target=file, format=format, text=text, needs_decision=needs, state=only,
                account_id=account, group=group, recipient=recipient,
            )  # fmt: skip
            if as_json:
                print_json({"written": number})
            else:
                print_facts((("written", f"{number:,}"),))
            return
        walk = exported(
            box, format=format or "jsonl", text=text, needs_decision=needs, state=only,
            account_id=account, group=group, recipient=recipient,
        )  # fmt: skip
        async with aclosing(walk) as pages:
            async for lines, _ in pages:
                sys.stdout.write(lines)


async def status(
    *,
    outbox: Where = None,
    state: State = None,
    limits: Table = "recommended",
    tz: Zone = None,
    group: Group = None,
    as_json: AsJson = False,
) -> None:
    """Tell how an outbox does, and how far a group is: for people, and with --json for monitors.

    Args:
        outbox: where the items are.
        state: where counts live, to tell when the last one could go; where it cannot be reached,
            the rest is told.
        limits: which limits hold, as of the worker that sends.
        tz: of human's working hours.
        group: only how far this group is.
        as_json: as one line.
    """
    table = limits_of(Given(limits=limits, tz=tz))
    async with looking_at(outbox, state=state, limits=table) as box:
        progress = await box.progress(group=group)
        metrics = None if group is not None else await box.metrics()
    if as_json:
        counted = {} if metrics is None else msgspec.structs.asdict(metrics)
        # What a worker counts in its own process is not this one's to tell.
        told = {name: value for name, value in counted.items() if name not in _OF_A_WORKER}
        print_json({**told, "progress": progress})
        return
    done_at = None if progress.done_at is None else local(progress.done_at.timestamp())
    facts: list[tuple[str, object]] = [
        (name, f"{number:,}")
        for name in ("sent", "failed", "cancelled", "expired", "left", "needs_decision")
        if (number := getattr(progress, name))
    ]
    facts += [("done", f"{progress.share:.0%} of {progress.total:,}")]
    facts += [("the last at the earliest", done_at), ("because of", progress.limit)]
    facts += [("when they end is unknown", progress.unplanned)]
    if metrics is not None:
        due, doubt = metrics.oldest_due_seconds, metrics.oldest_unknown_seconds
        facts += [
            ("due for", length(due) if due else None),
            ("in doubt for", length(doubt) if doubt else None),
            ("accounts' actions at rest", metrics.resting or None),
        ]
    print_facts(facts)


async def vacuum(
    *,
    outbox: Where = None,
    older_than: Annotated[
        str | None,
        Parameter(name="--older-than", help="Delete what was over so long ago: 90d. At least 7d."),
    ] = None,
    empty: Annotated[
        str | None,
        Parameter(name="--empty", help="Only empty the texts of what was over so long ago: 30d."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Clear away what was over long ago, and give the space back.

    With an item goes its key: put in once more, it is sent once more. An emptied one keeps its key.
    Workers wait while a file is written anew, half a minute or so for a gigabyte.

    Args:
        outbox: where the items are.
        older_than: delete what was over so long ago; nothing if it is not given.
        empty: empty the texts of what was over so long ago.
        as_json: how many as JSON.
    """
    # Both are checked before either is done: a command that is refused has changed nothing.
    spare = None if empty is None else _age("--empty", empty)
    age = None if older_than is None else _age("--older-than", older_than)
    if age is not None and age < LEAST_KEPT:
        msg = f"--older-than must be at least 7d, not {older_than}: looks for what was cut need it"
        raise ConfigurationError(msg)
    async with looking_at(outbox) as box:
        emptied = 0 if spare is None else await box.purge(older_than=spare)
        deleted = await box.vacuum(older_than=age)
    if as_json:
        print_json({"emptied": emptied, "deleted": deleted})
    else:
        print_facts((("emptied", f"{emptied:,}"), ("deleted", f"{deleted:,}")))


def _age(option: str, text: str) -> float:
    seconds = duration(text)
    if seconds is None:
        msg = f"{option} must be a duration such as 90d or 12h, not {text!r}"
        raise ConfigurationError(msg)
    return seconds


async def forget(*people: str, outbox: Where = None, as_json: AsJson = False) -> None:
    """Forget people: cancel and empty all that is to them, and refuse what comes later.

    Args:
        people: the names that items were put in with, or people's ids.
        outbox: where the items are.
        as_json: how many were cancelled as JSON.
    """
    if not people:
        msg = "name whom to forget: a recipient's name, or the id that items are to"
        raise ConfigurationError(msg)
    async with looking_at(outbox) as box:
        number = await box.forget(people)
    if as_json:
        print_json({"cancelled": number})
    else:
        print_facts((("cancelled", f"{number:,}"),))
