"""The outbox that a command is about."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from postpress_async.cli.options import STATE
from postpress_async.cli.output import note
from postpress_async.client import Postpress
from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.limits import Limits
from postpress_async.outbox import Guard, Outbox
from postpress_async.storage.begun import is_begun
from postpress_async.storage.outbox.opening import is_there
from postpress_async.storage.sqlite.place import absolute
from postpress_async.storage.urls import parse

Where: TypeAlias = Annotated[
    str | None,
    Parameter(name="--outbox", help="sqlite:///outbox.db or the like; else POSTPRESS_OUTBOX."),
]
WithText: TypeAlias = Annotated[
    bool, Parameter(name="--text", negative="", help="What it says, too; else no text is shown.")
]
Table: TypeAlias = Annotated[
    str, Parameter(name="--limits", help="recommended, human, none, or a .toml or .json file.")
]
Zone: TypeAlias = Annotated[
    str | None, Parameter(name="--tz", help="The zone of human's working hours.")
]
Group: TypeAlias = Annotated[
    str | None, Parameter(name="--group", help="All that was put in under this group.")
]
OUTBOX: Final = "POSTPRESS_OUTBOX"
"""The environment variable for who gives no `--outbox`."""


def url_of(given: str | None) -> str:
    """Return where the outbox is.

    Raises:
        ConfigurationError: nobody says where.
    """
    url = given or os.environ.get(OUTBOX)
    if not url:
        msg = f"name the outbox by --outbox or {OUTBOX}, such as sqlite:///outbox.db"
        raise ConfigurationError(msg)
    return url


async def existing(url: str) -> str:
    """Return an outbox's URL, unless none is there: a misspelled name would be an empty one.

    Raises:
        ConfigurationError: there is none, or it cannot be used.
        StateUnavailableError: its server cannot be reached.
    """
    if await is_there(url):
        return url
    known = parse(url)
    schema = known.options.get("prefix", "postpress")
    where = absolute(known.path) if known.path else f"in the schema {schema} of that database"
    msg = f"there is no outbox {where}: `outbox import` and `outbox run` make one"
    raise ConfigurationError(msg)


@asynccontextmanager
async def looking_at(
    where: str | None,
    *,
    state: str | None = None,
    limits: Limits | None = None,
    base_url: str | None = None,
) -> AsyncGenerator[Outbox]:
    """Open an outbox to look at it, or to change items by hand: no key is needed."""
    url = await existing(url_of(where))
    key = None if os.environ.get("POSTPRESS_API_KEY") else "nobody-is-asked"
    counts = state or os.environ.get(STATE) or "memory:"
    if limits is not None:  # else nobody looks at them
        counts = await _begun(counts)
    async with (
        Postpress(
            key, base_url=base_url, state=counts, limits=limits or Limits.recommended()
        ) as client,
        Outbox(client, url) as box,
    ):
        if limits is not None:
            client.scheduler.only_look()  # what is told of limits leaves nothing in the counts
        if key is not None:  # nobody is to be asked with it, about an account's provider either
            client.scheduler.look_up = None
        yield box


async def _begun(counts: str) -> str:
    """Return where counts live; memory: where nobody has begun them, which is said."""
    with suppress(StateUnavailableError):  # who looks at them says so
        if not await is_begun(parse(counts)):
            note(
                f"nobody has counted in the store of --state or {STATE} yet: limits are told as if "
                "nothing had been sent; look whether it is the one of the worker"
            )
            return "memory:"
    return counts


@asynccontextmanager
async def sending(
    where: str | None,
    *,
    state: str | None,
    limits: Limits,
    guard: Callable[[Postpress], Guard | None],
    hold: bool = False,
    base_url: str | None = None,
) -> AsyncGenerator[tuple[Outbox, Postpress]]:
    """Open an outbox to put items in, or to send them; a file is made where there is none.

    Args:
        where: the outbox.
        state: where counts live.
        limits: which limits hold.
        guard: makes what is asked before each item goes.
        hold: whether a person decides every doubt.
        base_url: where the service is.

    Raises:
        ConfigurationError: nobody says where counts live, or in memory: a worker that forgets them
            at its end would go over every limit of a day when it is started again.
    """
    url = url_of(where)
    counts = state or os.environ.get(STATE)
    if not counts or parse(counts).kind == "memory":
        msg = (
            f"say by --state or {STATE} where counts live, such as sqlite:///counts.db: in memory: "
            "they are forgotten at the end, and the next run would go over the limits of the day"
        )
        raise ConfigurationError(msg)
    async with Postpress(base_url=base_url, state=counts, limits=limits) as client:
        on_unknown: Literal["look", "hold"] = "hold" if hold else "look"
        asked = guard(client)
        outbox = Outbox(client, url, before_send=asked, on_unknown=on_unknown)
        async with aclosing(outbox) as box:  # not entered: nothing is made before it is needed
            yield box, client
