"""`postpress accounts`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from typing import Final, cast

from postpress_async.cli.options import AsJson, BaseUrl, client_at
from postpress_async.cli.output import print_facts, print_json, print_rows
from postpress_async.models import Account

_SECRETS: Final = frozenset({"username", "password"})


async def list_(*, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """List all connected accounts, and how they are."""
    async with client_at(base_url) as client:
        accounts = [account async for account in client.accounts.list()]
    if as_json:
        for account in accounts:
            print_json(discreet(account))
        return
    print_rows(
        ("ACCOUNT", "PROVIDER", "NAME", "STATUS", "TIER", "CONNECTED"),
        ((a.id, a.provider, a.name, a.status, a.tier, (a.created_at or "")[:10]) for a in accounts),
    )


async def get(account_id: str, /, *, as_json: AsJson = False, base_url: BaseUrl = None) -> None:
    """Read one connected account.

    Args:
        account_id: its id, as `accounts list` shows it.
        as_json: JSON instead of words.
        base_url: where the service is.
    """
    async with client_at(base_url) as client:
        account = await client.accounts.get(account_id)
    if as_json:
        print_json(discreet(account))
        return
    facts: list[tuple[str, object]] = [
        ("account", account.id),
        ("provider", account.provider),
        ("name", account.name),
        ("status", account.status),
        ("tier", account.tier),
        ("connected", account.created_at),
    ]
    # As values: a name's underscores are shown as blanks, and ids must be fit to be copied.
    facts += [("source", f"{source.id}   {source.status or '-'}") for source in account.sources]
    print_facts(facts)


def discreet(account: Account) -> object:
    """Return an account as the service sent it, without the credentials of its proxy."""
    return _hidden(account.raw, inside_proxy=False)


def _hidden(value: object, *, inside_proxy: bool) -> object:
    if isinstance(value, dict):
        return {
            name: "***"
            if inside_proxy and name in _SECRETS and inner is not None
            else _hidden(inner, inside_proxy=inside_proxy or name == "proxy")
            for name, inner in cast("dict[str, object]", value).items()
        }
    if isinstance(value, list):
        return [_hidden(one, inside_proxy=inside_proxy) for one in cast("list[object]", value)]
    return value
