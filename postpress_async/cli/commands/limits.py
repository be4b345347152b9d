"""`postpress limits`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import time
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

from postpress_async.cli.options import AsJson, State
from postpress_async.cli.output import print_json, print_out
from postpress_async.cli.pacing import forecasts, times
from postpress_async.cli.pacing.given import (
    Given,
    check_action,
    counts_of,
    known,
    limits_of,
    provider_of,
    shared,
    state_of,
)
from postpress_async.cli.pacing.lane import as_line, print_lane, print_lanes
from postpress_async.cli.pacing.strangers import is_strange, note_strange
from postpress_async.cli.pacing.table import print_table, rows_of
from postpress_async.cli.plain import plain as harmless
from postpress_async.client import Postpress
from postpress_async.errors import ConfigurationError
from postpress_async.options import whole

Action: TypeAlias = Annotated[
    str | None, Parameter(name="--action", help="One action; else all but read.")
]
_DEFAULT: Final = Given()


async def show(account_id: str | None = None, /, *, given: Given = _DEFAULT) -> None:
    """Show the limits that hold, or how far an account has used them.

    Without an account nobody is asked, and no key is needed; nor is it where --provider says whose
    account it is, or a shared state knows.

    Args:
        account_id: the account; none shows the table.
        given: the options that these commands share.
    """
    limits = limits_of(given)
    if account_id is None:
        if given.used or given.at:
            msg = "--used is about an account: name it, such as limits show acc_1 --used invite=30"
            raise ConfigurationError(msg)
        print_table(rows_of(limits, provider_of(given), given.tier), as_json=given.as_json)
        return
    async with known(given, account_id, as_recalled=True) as (client, account):
        [lane] = await client.scheduler.snapshot(account_id)
    if given.as_json:
        print_json(as_line(lane, account))
    else:
        print_lane(lane, limits, account)


async def explain(
    account_id: str, action: str | None = None, /, *, given: Given = _DEFAULT
) -> None:
    """Say what holds an account back now, until when, and what to do about it.

    Args:
        account_id: the account.
        action: what it would do; none looks at the account as a whole.
        given: the options that these commands share.
    """
    check_action("ACTION", action)
    async with known(given, account_id) as (client, account):
        found = await client.scheduler.explain(account_id, action)
    blockers = [*forecasts.by_service(account), *found]
    forecasts.print_blockers(blockers, as_json=given.as_json)


async def estimate(
    account_id: str, action: str, count: int = 1, /, *, given: Given = _DEFAULT
) -> None:
    """Tell how long some actions take at the least, and which limit binds.

    Args:
        account_id: the account.
        action: what it would do.
        count: how often.
        given: the options that these commands share.
    """
    check_action("ACTION", action)
    whole("COUNT", count, least=1)
    async with known(given, account_id) as (client, _):
        found = await client.scheduler.estimate(account_id, action, count)
    forecasts.print_estimate(account_id, action, count, found, as_json=given.as_json)


async def plan(account_id: str, /, *actions: str, given: Given = _DEFAULT) -> None:
    """Tell when each of several actions is done at the earliest, and how many go on each day.

    Args:
        account_id: the account.
        actions: how many of which action.
        given: the options that these commands share.
    """
    counts = counts_of(actions)
    async with known(given, account_id) as (client, _):
        found = await client.scheduler.plan(account_id, counts)
    forecasts.print_plan(found, as_json=given.as_json)


async def pause(
    account_id: str,
    /,
    *,
    reason: str,
    action: Action = None,
    until: str | None = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Stop an account, or all of them with '*', in the state that their processes share.

    memory: is this command's own, which nobody else sees, and a file or a database without counts
    nobody has in use: these are refused.

    Args:
        account_id: the account, or '*' for all, also those to come.
        reason: the words that errors and snapshots show.
        action: one action; none stops all but read.
        until: a time such as 2026-01-05T09:00, or a duration such as 2h; none: until resume.
        state: where counts live.
        as_json: a line for each account instead of words.
    """
    check_action("--action", action)
    end = None if until is None else times.instant("--until", until, now=time.time(), way="ahead")
    async with shared(state) as client:
        strange = account_id != "*" and await is_strange(client, account_id, state_of(state))
        await pause_in(client, account_id, action=action, until=end, reason=reason, as_json=as_json)
        if strange:
            note_strange(account_id)


async def pause_in(
    client: Postpress,
    account_id: str,
    *,
    action: str | None,
    until: float | None,
    reason: str,
    as_json: bool,
) -> None:
    """Pause in a client's state, and print what it has come to."""
    await client.scheduler.pause(account_id, action=action, until=until, reason=reason)
    if not as_json:
        end = "until resumed" if until is None else f"until {times.until(until, time.time())}"
        print_out(f"paused: {_what(account_id, action)}, {end}")
    await _print_state(client, account_id, as_json=as_json)


async def resume(
    account_id: str, /, *, action: Action = None, state: State = None, as_json: AsJson = False
) -> None:
    """Let an account go on, or all of them with '*'.

    It ends pauses, and closings by the service; what '*' stopped starts only by '*'.

    Args:
        account_id: the account, or '*' for all.
        action: one action; none opens the whole account.
        state: where counts live.
        as_json: a line for each account instead of words.
    """
    check_action("--action", action)
    async with shared(state) as client:
        strange = account_id != "*" and await is_strange(client, account_id, state_of(state))
        if strange:
            client.scheduler.only_look()  # there was nothing to open
        await resume_in(client, account_id, action=action, as_json=as_json)
        if strange:
            note_strange(account_id)


async def resume_in(
    client: Postpress, account_id: str, *, action: str | None, as_json: bool
) -> None:
    """Resume in a client's state, and print what it has come to."""
    await client.scheduler.resume(account_id, action=action)
    if not as_json:
        print_out(f"resumed: {_what(account_id, action)}")
    await _print_state(client, account_id, as_json=as_json)


def _what(account_id: str, action: str | None) -> str:
    who = "all accounts" if account_id == "*" else f"account {harmless(account_id)}"
    return f"{who}, {action or 'all actions but read'}"


async def _print_state(client: Postpress, account_id: str, *, as_json: bool) -> None:
    lanes = await client.scheduler.snapshot(None if account_id == "*" else account_id)
    print_lanes((lane for lane in lanes if lane.account_id is not None), as_json=as_json)
