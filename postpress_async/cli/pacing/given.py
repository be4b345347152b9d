"""What the commands of limits were given: the table, the account, and what was used already."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

from cyclopts import Parameter

from postpress_async.cli.options import STATE, State
from postpress_async.cli.output import note
from postpress_async.client import Postpress
from postpress_async.errors import ConfigurationError
from postpress_async.limits import ACTIONS, PROVIDERS, Limits, check_provider
from postpress_async.models import Account
from postpress_async.options import whole
from postpress_async.storage.begun import is_begun
from postpress_async.storage.sqlite.place import absolute
from postpress_async.storage.urls import parse

from .strangers import is_strange, note_strange
from .times import instant

_MEMORY: Final = "memory:"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Given:
    """Hold the options that the commands of limits share."""

    limits: Annotated[
        str, Parameter(name="--limits", help="recommended, human, none, or a .toml or .json file.")
    ] = "recommended"
    tz: Annotated[
        str | None, Parameter(name="--tz", help="The zone of human's working hours: Europe/Paris.")
    ] = None
    provider: Annotated[
        str | None,
        Parameter(name="--provider", help="A wire word such as LINKEDIN. Then nobody is asked."),
    ] = None
    tier: Annotated[
        Literal["free", "premium", "sales_navigator", "recruiter"] | None,
        Parameter(name="--tier", help="LinkedIn only: what the account pays for."),
    ] = None
    used: Annotated[
        list[str] | None,
        Parameter(
            name="--used",
            negative="",
            help="What was done already, such as invite=30 or invite=30@5h (ago). Repeatable.",
        ),
    ] = None
    at: Annotated[
        str | None,
        Parameter(name="--at", help="When that was: 2026-01-05T09:00, or how long ago: 5h."),
    ] = None
    state: State = None
    base_url: Annotated[
        str | None,
        Parameter(name="--base-url", help="Where the service is; else POSTPRESS_BASE_URL."),
    ] = None
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", help="JSON lines instead of tables.")
    ] = False


class Used(NamedTuple):
    """Say what was done already, and when, in seconds since the epoch."""

    action: str
    times: int
    at: float | None


class Known(NamedTuple):
    """Hold a client that knows an account, and what the service said of it, if it was asked."""

    client: Postpress
    account: Account | None


@asynccontextmanager
async def known(
    given: Given, account_id: str, *, as_recalled: bool = False
) -> AsyncGenerator[Known]:
    """Open a client that knows who an account is, and what it has used already.

    Where there is no key, it is what the shared state knows of it; where that is nothing, a note
    says so at the end. Only what was used already is written there.

    Args:
        given: the options.
        account_id: the account.
        as_recalled: whether it is enough where that is nothing.
    """
    used = used_of(given)
    state = await existing(state_of(given.state))
    async with client_of(given, account_id, state) as client:
        bound = client.account(account_id)  # refuses what is no id
        strange = await is_strange(client, account_id, state)
        if not used:
            client.scheduler.only_look()
        account = None
        if given.provider is not None:
            client.scheduler.describe(account_id, None, tier=given.tier, ok=None)
        elif _no_key() is None:
            account = await bound.accounts.get()
        elif not await _recalled(client, account_id) and not as_recalled:
            msg = (
                f"account_id {account_id!r} is not known in this state yet: set "
                "POSTPRESS_API_KEY, so that it is looked up, or give --provider"
            )
            raise ConfigurationError(msg)
        for one in used:
            await client.scheduler.record(account_id, one.action, one.times, at=one.at)
        yield Known(client, account)
        if strange:
            note_strange(account_id)


async def _recalled(client: Postpress, account_id: str) -> bool:
    """Learn from the state who an account is; tell whether it knows."""
    client.scheduler.lane(account_id)
    [lane] = await client.scheduler.snapshot(account_id)
    if lane.provider is not None:
        client.scheduler.describe(account_id, lane.provider, tier=lane.tier, ok=None)
    return lane.provider is not None


def client_of(given: Given, account_id: str, state: str) -> Postpress:
    """Return a client with the limits that were given; one that asks nobody needs no key."""
    provider = provider_of(given)
    if provider is None and given.tier is not None:
        msg = "--tier needs --provider: without it the account is asked for both"
        raise ConfigurationError(msg)
    return Postpress(
        _no_key() if provider is not None or state != _MEMORY else None,
        base_url=given.base_url,
        state=state,
        limits=limits_of(given),
        providers=None if provider is None else {account_id: provider},
    )


@asynccontextmanager
async def shared(state: str | None) -> AsyncGenerator[Postpress]:
    """Open a client whose state others see; it asks nobody, and so needs no key.

    An empty Redis may have been emptied while others send: it takes a pause all the same, and says
    that it is empty. A file and tables do not go by themselves.

    Raises:
        ConfigurationError: it is this process's own, or a file or tables that are not there.
        StateUnavailableError: its server cannot be reached.
    """
    url = state_of(state)
    if url == _MEMORY:
        msg = (
            "state 'memory:' is this process's own, so that a pause would end with this command: "
            "call client.scheduler.pause() or resume() in the process that runs the accounts, or "
            "name a state that is shared by --state or POSTPRESS_STATE, such as sqlite:///counts.db"
        )
        raise ConfigurationError(msg)
    empty = False
    if (known := parse(url)).kind == "redis":
        empty = not await is_begun(known)
    else:
        await existing(url)
    async with Postpress(_no_key(), state=url) as client:
        yield client
    if empty:
        note(
            "there was no store of counts on this server before: look whether the processes which "
            "send have it as their state"
        )


def _no_key() -> str | None:
    """Return what stands for a key where nobody is asked, unless there is one."""
    return None if os.environ.get("POSTPRESS_API_KEY") else "nobody-is-asked"


def state_of(given: str | None) -> str:
    """Return where counts live."""
    return given or os.environ.get(STATE) or _MEMORY


async def existing(url: str) -> str:
    """Return a state, unless nothing is there yet, so that nobody else can have it in use.

    Raises:
        ConfigurationError: nothing is: a misspelled name, or a relative one in another directory.
        StateUnavailableError: its server cannot be reached.
    """
    known = parse(url)
    if await is_begun(known):
        return url
    if known.kind == "sqlite" and known.path:
        which, what = absolute(known.path), "file"
    elif known.kind == "postgresql":
        schema = known.options.get("prefix", "postpress")
        which, what = f"in the schema {schema} of that database", "database"
    else:
        prefix = known.options.get("prefix", "postpress")
        which, what = f"under the prefix {prefix} of that server", "server"
    whole = ", by its whole path" if what == "file" else ""
    msg = (
        f"there is no store of counts {which}: name the {what} that the processes which send have "
        f"as their state{whole}; they make it at their first action, and until then "
        "--state memory: tells what would hold"
    )
    raise ConfigurationError(msg)


def limits_of(given: Given) -> Limits:
    """Return the table that was named, or read from a file."""
    word = given.limits
    if given.tz is not None and word != "human":
        msg = "--tz belongs to --limits human; a file names its own zones"
        raise ConfigurationError(msg)
    if word == "human":
        if given.tz is None:
            msg = "--limits human needs --tz, such as --tz Europe/Paris: it keeps working hours"
            raise ConfigurationError(msg)
        return Limits.human(tz=given.tz)
    if word in {"recommended", "none"}:
        return Limits.recommended() if word == "recommended" else Limits.none()
    if not word.lower().endswith((".toml", ".json")):
        msg = (
            "--limits must be recommended, human, none, or a file that ends in .toml or .json, "
            f"not {word!r}"
        )
        raise ConfigurationError(msg)
    return Limits.load(word)


def provider_of(given: Given) -> str | None:
    """Return the wire word that was given, in any case of letters."""
    word = given.provider
    if word is not None and word.upper() in PROVIDERS:
        return word.upper()
    if word is not None:
        check_provider("--provider", word)
    return None


def used_of(given: Given) -> list[Used]:
    """Return what was used already."""
    if given.at is not None and not given.used:
        msg = "--at says when the actions of --used were: give --used invite=30, too"
        raise ConfigurationError(msg)
    now = time.time()
    common = None if given.at is None else instant("--at", given.at, now=now, way="ago")
    found: list[Used] = []
    for text in given.used or ():
        what, own, when = text.partition("@")
        action, count = counted("--used", what)
        at = instant("--used", when, now=now, way="ago") if own else common
        found.append(Used(action, count, at))
    return found


def counts_of(texts: tuple[str, ...]) -> dict[str, int]:
    """Return how many of which action were named."""
    found: dict[str, int] = {}
    for text in texts:
        action, count = counted("ACTIONS", text)
        if action in found:
            msg = f"ACTIONS names {action!r} twice: add the counts up"
            raise ConfigurationError(msg)
        found[action] = count
    if not found:
        msg = "ACTIONS is missing: name what to plan, such as invite=200 message=50"
        raise ConfigurationError(msg)
    return found


def counted(field: str, text: str) -> tuple[str, int]:
    """Return an action and its count, of a text such as `invite=30`."""
    action, equals, number = text.partition("=")
    if not equals:
        msg = f"{field} {text!r} has no count: write it as invite=30"
        raise ConfigurationError(msg)
    check_action(field, action)
    short = number.isascii() and number.isdigit() and len(number) <= len(str(10**9))
    whole(f"{field} {action}", int(number) if short else number, least=1)
    return action, int(number)


def check_action(field: str, action: str | None) -> None:
    """Refuse what is no action."""
    if action is not None and action not in ACTIONS:
        msg = f"{field}: action {action!r} is not one of {', '.join(sorted(ACTIONS))}"
        raise ConfigurationError(msg)
