"""Accounts as the service writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.sandbox.wire import Json, JsonObject, digits, iso

if TYPE_CHECKING:
    from .things import Account

CONTROL_STATUSES = frozenset(
    {"OK", "STOPPED", "ERROR", "CREDENTIALS", "PERMISSIONS", "CONNECTING", "RESTRICTED"}
)
"""What an account can be put into. RESTRICTED is the sandbox's own word: the provider has blocked
the account; on the wire its sources say ERROR."""


def account_json(account: Account) -> JsonObject:
    """Write an account. There is no status of an account, only one of each of its sources."""
    status = "ERROR" if account.status == "RESTRICTED" else account.status
    parts = ["MESSAGING", *(name.upper() for name in account.features if name != "premium")]
    sources: list[Json] = [{"id": f"{account.id}_{part}", "status": status} for part in parts]
    return {
        "object": "Account",
        "type": account.provider,
        "id": account.id,
        "name": _name(account),
        "created_at": iso(account.created_at),
        "connection_params": {"im": _im(account)},
        "current_signature": None,
        "signatures": [],
        "groups": [],
        "sources": sources,
    }


def _own_proxy(account: Account) -> JsonObject:
    """Write a proxy that the user brought: the service shows its password."""
    return {
        "source": "CUSTOM",
        "host": "proxy.example.com",
        "port": 3128,
        "protocol": "http",
        "username": "proxy-user",
        "password": f"proxy-secret-{digits(account.id)}",
    }


def _name(account: Account) -> str:
    owner = account.owner
    return owner.public_id.partition("@")[0] if owner.provider == "WHATSAPP" else owner.full_name


def _im(account: Account) -> JsonObject:
    owner = account.owner
    match account.provider:
        case "WHATSAPP":
            return {"phone_number": owner.public_id.partition("@")[0]}
        case "TELEGRAM":
            return {"user_id": owner.internal_id, "username": owner.other_ids["username"]}
        case "LINKEDIN":
            return {
                "id": owner.internal_id,
                "username": owner.full_name,
                "publicIdentifier": owner.public_id,
                "premiumId": None,
                "premiumContractId": "c_1" if "recruiter" in account.features else None,
                "premiumFeatures": list(account.features),
                "organizations": [],
                "proxy": {"country": "fr"}
                if "recruiter" in account.features
                else _own_proxy(account),
            }
        case _:
            return {"id": owner.internal_id, "username": owner.public_id}
