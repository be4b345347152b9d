"""`postpress users`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias, cast

import msgspec
from cyclopts import Parameter

from postpress_async.cli.options import AccountId, AsJson, BaseUrl, client_at
from postpress_async.cli.output import print_facts, print_json
from postpress_async.models import AccountOwner, Profile

Sections: TypeAlias = Annotated[
    list[str] | None,
    Parameter(
        name="--sections",
        negative="",
        consume_multiple=True,
        help="LinkedIn only: sections by name, `*` or `*_preview`; full ones are throttled.",
    ),
]
Api: TypeAlias = Annotated[
    Literal["recruiter", "sales_navigator"] | None,
    Parameter(name="--api", help="Look through this LinkedIn product."),
]


async def get(
    identifier: str,
    /,
    *,
    account: AccountId,
    sections: Sections = None,
    api: Api = None,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
) -> None:
    """Read somebody's profile. Counts as one look of that account, found or not.

    Args:
        identifier: an id, a handle, a phone number or a pasted link.
        account: the connected account to look through.
        sections: LinkedIn only: what else to read.
        api: LinkedIn only: which product to look through.
        as_json: the profile as the service sent it.
        base_url: where the service is.
    """
    wanted = None if sections is None else [name for one in sections for name in one.split(",")]
    async with client_at(base_url) as client:
        profile = await client.users.get(
            identifier, account_id=account, linkedin_sections=wanted, linkedin_api=api
        )
    show(profile, as_json=as_json)


async def me(*, account: AccountId, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Read the profile of a connected account itself.

    Args:
        account: the account.
        as_json: the profile as the service sent it.
        base_url: where the service is.
    """
    async with client_at(base_url) as client:
        owner = await client.users.me(account_id=account)
    show(owner, as_json=as_json)


def show(person: Profile | AccountOwner, *, as_json: bool) -> None:
    """Print a person."""
    if as_json:
        print_json(person.raw)
    else:
        print_facts(facts_of(person))


def facts_of(person: Profile | AccountOwner) -> Iterator[tuple[str, object]]:
    """Yield what is known of a person: who it is first, then all else, lists by their length."""
    first = ("display_name", "provider", "public_id", "provider_id", "messaging_id")
    for name in first:
        yield name, getattr(person, name, None)
    for name in person.__struct_fields__:
        value: object = getattr(person, name)
        if name in first or name in {"object", "id", "raw"}:
            continue
        if isinstance(value, list):
            several = cast("list[object]", value)
            yield name, several and _listed(several)
        elif isinstance(value, msgspec.Struct):
            yield name, ", ".join(_inner(value))
        elif not isinstance(value, dict):
            yield name, value


def _listed(several: list[object]) -> str:
    if all(isinstance(one, str) for one in several):
        return ", ".join(str(one) for one in several)
    return f"{len(several)} (shown by --json)"


def _inner(part: msgspec.Struct) -> Iterator[str]:
    for name, value in msgspec.structs.asdict(part).items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield f"{name.replace('_', ' ')} {value}"
