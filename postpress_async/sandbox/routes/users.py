"""Profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.world import linkedin, social

if TYPE_CHECKING:
    from postpress_async.sandbox.world.things import Account, Person

_SELECTORS: Final = frozenset(
    {"*", "*_preview", *linkedin.SECTIONS, *(f"{name}_preview" for name in linkedin.SECTIONS)}
)
_PRODUCTS: Final = frozenset({"recruiter", "sales_navigator"})


def get_user(call: Call) -> Answer:
    """Give a profile, by an internal or a public id."""
    account = call.account()
    if account.provider != "LINKEDIN":
        person = call.world.directories[account.provider].find(call.params["identifier"])
        return Answer(body=social.profile(person, account, _invited(call, account, person)))
    selectors, product = _selectors(call), _product(call, account)
    call.query.flag("notify")
    person = call.world.directories["LINKEDIN"].find(call.params["identifier"])
    return Answer(
        body=linkedin.profile(
            person,
            account,
            selectors=selectors,
            product=product,
            invited=_invited(call, account, person),
        )
    )


def _selectors(call: Call) -> list[str]:
    selectors = call.query.texts("linkedin_sections")
    unknown = [name for name in selectors if name not in _SELECTORS]
    if unknown:
        raise Problem("invalid_parameters", f"{unknown[0]} is not a linkedin_sections selector")
    return selectors


def _product(call: Call, account: Account) -> str | None:
    product = call.query.text("linkedin_api")
    if product is None:
        return None
    if product not in _PRODUCTS:
        raise Problem("invalid_parameters", "linkedin_api is recruiter or sales_navigator")
    if product not in account.features:
        raise Problem("feature_not_subscribed", f"The account has no {product} subscription.")
    return product


def _invited(call: Call, account: Account, person: Person) -> str | None:
    waiting = call.world.room(account).pending(person)
    return None if waiting is None else "SENT" if waiting.sent else "RECEIVED"
