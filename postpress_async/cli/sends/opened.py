"""The outbox that a command is about."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from postpress_async.cli.options import STATE
from postpress_async.client import Postpress
from postpress_async.errors import ConfigurationError
from postpress_async.limits import Limits
from postpress_async.outbox import Guard, Outbox
from postpress_async.storage.urls import parse

Where: TypeAlias = Annotated[
    str | None,
    Parameter(name="--outbox", help="sqlite:///outbox.db or the like; else POSTPRESS_OUTBOX."),
]
WithText: TypeAlias = Annotated[
    bool, Parameter(name="--text", negative="", help="What it says, too; else no text is shown.")
]
Group: TypeAlias = Annotated[
    str | None, Parameter(name="--group", help="All that was put in under this group.")
]
OUTBOX: Final = "POSTPRESS_OUTBOX"
"""The environment variable for who gives no `--outbox`."""


def url_of(given: str | None, *, make: bool = False) -> str:
    """Return where the outbox is.

    Args:
        given: what was given.
        make: whether a file may be made; else a misspelled name would be an empty outbox.

    Raises:
        ConfigurationError: nobody says where, or there is no such file.
    """
    url = given or os.environ.get(OUTBOX)
    if not url:
        msg = f"name the outbox by --outbox or {OUTBOX}, such as sqlite:///outbox.db"
        raise ConfigurationError(msg)
    known = parse(url)
    if not make and known.kind == "sqlite" and known.path and not os.path.exists(known.path):  # noqa: PTH110 - the path is a text all along
        msg = f"there is no outbox {known.path}: `outbox import` and `outbox run` make one"
        raise ConfigurationError(msg)
    return url


@asynccontextmanager
async def looking_at(
    where: str | None, *, state: str | None = None, base_url: str | None = None
) -> AsyncGenerator[Outbox]:
    """Open an outbox to look at it, or to change items by hand: no key is needed."""
    url = url_of(where)
    key = None if os.environ.get("POSTPRESS_API_KEY") else "nobody-is-asked"
    counts = state or os.environ.get(STATE) or "memory:"
    async with (
        Postpress(key, base_url=base_url, state=counts) as client,
        Outbox(client, url) as box,
    ):
        if key is not None:  # nobody is to be asked with it, about an account's provider either
            client.scheduler.look_up = None
        yield box


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
    url = url_of(where, make=True)
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
