"""Relations, and who follows whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.rows import Listing
from postpress_async.sandbox.wire import turn
from postpress_async.sandbox.world.history import DAY, HISTORY_ENDS
from postpress_async.sandbox.world.network import follower_json, relation_json
from postpress_async.sandbox.world.things import Relation

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.sandbox.paging import Key
    from postpress_async.sandbox.wire import JsonObject
    from postpress_async.sandbox.world.things import Account, Person


def list_relations(call: Call) -> Answer:
    """List relations, the latest first."""
    account = call.account()
    if account.provider != "LINKEDIN":
        raise Problem("feature_not_implemented", "Relations are LinkedIn's.")
    rows = list(account.relations.values())
    wanted = (call.query.text("filter") or "").casefold()
    page = newest_first(
        rows,
        name="relations",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(1000),
        wanted=_named(wanted) if wanted else None,
    )
    return Answer(
        body=Listing(
            object="UserRelationsList",
            items=page.items,
            write=relation_json,
            cursor=page.cursor,
        )
    )


def _named(wanted: str) -> Callable[[Relation], bool]:
    return lambda relation: wanted in relation.person.full_name.casefold()


def list_following(call: Call) -> Answer:
    """List whom the account follows, or on Instagram whom somebody else does."""
    account, whose = _whose(call)
    if whose is account.owner and account.provider == "INSTAGRAM":
        rows = list(account.relations.values())
    else:
        people = _people(call, account, whose, 1)
        rows = [Relation(person=one.person, key=one.key) for one in people]
    page = newest_first(
        rows,
        name="following",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(1000),
    )
    return Answer(
        body=Listing(
            object="UserRelationsList",
            items=page.items,
            write=relation_json,
            cursor=page.cursor,
        )
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Follower:
    person: Person
    key: Key
    full: bytes | None = None
    short: bytes | None = None


def list_followers(call: Call) -> Answer:
    """List who follows the account, or on Instagram somebody else."""
    account, whose = _whose(call)
    page = newest_first(
        _people(call, account, whose, 0),
        name="followers",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(1000),
    )
    return Answer(
        body=Listing(
            object="UserFollowersList", items=page.items, write=_written, cursor=page.cursor
        )
    )


def _written(follower: _Follower) -> JsonObject:
    return follower_json(follower.person)


def _whose(call: Call) -> tuple[Account, Person]:
    account, user_id = call.account(), call.query.text("user_id")
    if account.provider not in ("LINKEDIN", "INSTAGRAM"):
        raise Problem("feature_not_implemented", "Followers are LinkedIn's and Instagram's.")
    if user_id is None:
        return account, account.owner
    if account.provider != "INSTAGRAM":
        raise Problem("invalid_parameters", "user_id is for Instagram only")
    return account, call.world.directories["INSTAGRAM"].find(user_id)


def _people(call: Call, account: Account, whose: Person, share: int) -> list[_Follower]:
    """Choose every third of the people for somebody."""
    people = call.world.directories[account.provider].people
    return [
        _Follower(person=person, key=(HISTORY_ENDS - DAY * (len(people) - place), place))
        for place, person in enumerate(people)
        if turn(person.number + whose.number, 3, share) and person is not whose
    ]
