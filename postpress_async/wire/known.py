"""Every documented route that has no method here yet, and which route a path is.

`client.request` counts a known path as what it is. The templates are those of the reference pages;
what each counts as follows the rule for `read`: it touches the service alone.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, cast

from . import routes
from .routes import Route

if TYPE_CHECKING:
    from .routes import Method

# action, then method and template
_TABLE: Final = """
login   POST   /accounts
login   POST   /accounts/{id}
read    DELETE /accounts/{id}
read    POST   /hosted/accounts/link
login   POST   /accounts/checkpoint
login   POST   /accounts/checkpoint/resend
other   GET    /accounts/{account_id}/sync
login   POST   /accounts/{id}/restart
browse  GET    /users/{identifier}/posts
browse  GET    /users/{identifier}/reactions
browse  GET    /users/{identifier}/comments
read    POST   /webhooks
read    GET    /webhooks
read    DELETE /webhooks/{id}
post    POST   /posts
browse  GET    /posts/{post_id}
browse  GET    /posts/{post_id}/reactions
react   POST   /posts/reaction
browse  GET    /posts/{post_id}/comments
comment POST   /posts/{post_id}/comments
browse  GET    /linkedin/search/parameters
browse  GET    /linkedin/inmail_balance
other   POST   /linkedin/profile/endorse
other   POST   /linkedin/user/{user_id}
browse  GET    /linkedin/company/{identifier}
other   POST   /linkedin
browse  GET    /linkedin/projects
browse  GET    /linkedin/projects/{id}
browse  GET    /linkedin/jobs
other   POST   /linkedin/jobs
browse  GET    /linkedin/jobs/{job_id}
other   PATCH  /linkedin/jobs/{job_id}
other   POST   /linkedin/jobs/{draft_id}/publish
other   POST   /linkedin/jobs/{draft_id}/checkpoint
other   POST   /linkedin/jobs/{id}/close
browse  GET    /linkedin/jobs/{id}/applicants
browse  GET    /linkedin/jobs/applicants/{applicant_id}
browse  GET    /linkedin/jobs/applicants/{applicant_id}/resume
other   POST   /emails/drafts
other   POST   /drafts
read    GET    /emails
message POST   /emails
read    GET    /emails/{email_id}
other   PUT    /emails/{email_id}
other   DELETE /emails/{email_id}
read    GET    /emails/{email_id}/attachments/{attachment_id}
read    GET    /folders
read    GET    /folders/{folder_id}
read    GET    /calendars
read    GET    /calendars/{calendar_id}
read    GET    /calendars/{calendar_id}/events
other   POST   /calendars/{calendar_id}/events
read    GET    /calendars/{calendar_id}/events/{event_id}
other   PATCH  /calendars/{calendar_id}/events/{event_id}
other   DELETE /calendars/{calendar_id}/events/{event_id}
"""
_STARTS_WORK: Final = "/sync"  # a GET by name alone


@cache
def all_routes() -> tuple[Route, ...]:
    """Return every documented route, with and without a method here; made at the first use."""
    own = [route for route in vars(routes).values() if isinstance(route, Route)]
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return (*own, *(_route(action, method, template) for action, method, template in rows))


def route_of(method: str, path: str) -> Route | None:
    """Return the route that a percent-encoded path means, None where it is not documented.

    A literal step goes before an id, as in `/users/me`; case and a slash at the end do not matter.
    """
    steps = path.rstrip("/").split("/")[1:]
    for template, route in _index().get((method, len(steps)), ()):
        if all(
            bool(step) if wanted is None else wanted == step.lower()
            for wanted, step in zip(template, steps, strict=True)
        ):
            return route
    return None


@cache
def _index() -> dict[tuple[str, int], list[tuple[tuple[str | None, ...], Route]]]:
    """Return the routes by method and length, those with the most literal beginning first."""
    index: dict[tuple[str, int], list[tuple[tuple[str | None, ...], Route]]] = {}
    for route in all_routes():
        steps = tuple(None if step[:1] == "{" else step for step in route.template.split("/")[1:])
        index.setdefault((route.method, len(steps)), []).append((steps, route))
    for rows in index.values():
        rows.sort(key=lambda row: [step is None for step in row[0]])
    return index


def _route(action: str, method: str, template: str) -> Route:
    return Route(
        cast("Method", method), template, action=action, safe=not template.endswith(_STARTS_WORK)
    )
