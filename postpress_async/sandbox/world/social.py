"""Profiles on WhatsApp, Instagram, Telegram and X."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import turn

from .network import is_private
from .phrases import JOBS, PLACES

if TYPE_CHECKING:
    from postpress_async.sandbox.wire import Json, JsonObject

    from .things import Account, Person

_RESTRICTION: Final[Json] = [
    {"platform": "ios", "reason": "porn", "text": "This channel can\u2019t be displayed."},
    {"platform": "all", "reason": "terms", "text": ""},
]


def profile(person: Person, account: Account, invited: str | None = None) -> JsonObject:
    """Write a profile as one account sees it. `invited` tells the way of a pending invitation."""
    match person.provider:
        case "WHATSAPP":
            return whatsapp(person)
        case "INSTAGRAM":
            return instagram(person, account, invited)
        case "TELEGRAM":
            return telegram(person, account)
        case _:
            return twitter(person, account)


def whatsapp(person: Person) -> JsonObject:
    """Write a WhatsApp profile: it has `id`, and no `provider_id`."""
    return {
        "object": "UserProfile",
        "provider": "WHATSAPP",
        "id": person.internal_id,
        "is_business": None if turn(person.number, 4, 3) else turn(person.number, 4, 1),
    }


def instagram(person: Person, account: Account, invited: str | None) -> JsonObject:
    """Write an Instagram profile; the wire really says PERSONNAL and PROFESSIONNAL."""
    n, related = person.number, person.seen_as in account.relations
    return {
        "object": "UserProfile",
        "provider": "INSTAGRAM",
        "provider_id": person.internal_id,
        "provider_messaging_id": person.messaging_id,
        "public_identifier": person.public_id,
        "full_name": person.full_name,
        "biography": "☕️ & 🐕\n👇 link" if n % 2 else None,
        "category": "Restaurant" if turn(n, 3, 1) else None,
        "profile_picture_url": f"https://scontent.cdninstagram.com/{n}.jpg?a=1&b=2",
        "profile_picture_url_large": None,
        "followers_count": 113 * n,
        "mutual_followers_count": n % 5,
        "following_count": 59 * n,
        "posts_count": n,
        "profile_type": ("PERSONNAL", "BUSINESS", "PROFESSIONNAL")[n % 3],
        "is_verified": turn(n, 7, 0),
        "is_private": is_private(person),
        "external_links": ["https://example.com/é"] if n % 2 else [],
        "relationship_status": {
            "following": related,
            "followed_by": related and turn(n, 2, 0),
            "has_sent_invitation": invited == "SENT",
            "has_received_invitation": invited == "RECEIVED",
        },
        "business": _business() if turn(n, 3, 1) else None,
    }


def _business() -> JsonObject:
    return {
        "category": "Restaurant",
        "address_street": "1 rue de la Paix",
        "address_city": "Paris",
        "address_zipcode": "75002",
        "phone_number": None,
        "email": "hello@example.com",
    }


def telegram(person: Person, account: Account) -> JsonObject:
    """Write a Telegram profile. A restriction is a list for some, one object for others."""
    n = person.number
    restriction: Json = None
    if turn(n, 6, 2):
        restriction = _RESTRICTION
    elif turn(n, 6, 5):
        restriction = {"platform": "android", "reason": "spam", "text": "Spam"}
    statuses: tuple[Json, ...] = (
        {"name": "UserStatusOnline", "expires": 1_800_000_000},
        {"name": "UserStatusOffline", "was_online": 1_700_000_000},
        {"name": "UserStatusRecently"},
        None,
    )
    return {
        "object": "UserProfile",
        "provider": "TELEGRAM",
        "provider_id": person.internal_id,
        "profile_picture_url": f"https://t.me/i/userpic/{n}.jpg",
        "self": person is account.owner,
        "contact": person.seen_as in account.relations,
        "mutual_contact": turn(n, 2, 0),
        "deleted": False,
        "bot": turn(n, 9, 1),
        "verified": None,
        "restricted": restriction is not None,
        "fake": False,
        "premium": turn(n, 3, 0),
        "close_friend": None,
        "first_name": person.first,
        "last_name": None if turn(n, 5, 1) else person.last,
        "username": person.other_ids["username"],
        "phone": person.public_id if n % 2 else None,
        "lang_code": "fr" if turn(n, 4, 1) else None,
        "status": statuses[n % 4],
        "restriction_reason": restriction,
    }


def twitter(person: Person, account: Account) -> JsonObject:
    """Write an X profile: it has `id`, and no `provider_id`."""
    n, related = person.number, person.seen_as in account.relations
    urls: list[Json] = []
    if n % 2:
        urls = [
            {
                "url": "https://t.co/abc",
                "expanded_url": "https://example.com/",
                "display_url": "example.com",
                "indices": [0, 16],
            }
        ]
    return {
        "object": "UserProfile",
        "provider": "TWITTER",
        "id": person.internal_id,
        "name": person.full_name,
        "screen_name": person.public_id,
        "location": PLACES[n % len(PLACES)],
        "description": JOBS[n % len(JOBS)] if n % 3 else None,
        "url": "https://t.co/abc" if n % 2 else None,
        "entities": {"description": {"urls": urls}},
        "protected": turn(n, 8, 0),
        "verified": turn(n, 6, 0),
        "followers_count": 211 * n,
        "friends_count": 83 * n,
        "listed_count": n,
        "favourites_count": 7 * n,
        "statuses_count": 19 * n,
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "profile_banner_url": None if n % 2 else f"https://pbs.twimg.com/profile_banners/{n}",
        "profile_image_url_https": f"https://pbs.twimg.com/profile_images/{n}/a_normal.jpg",
        "default_profile": turn(n, 4, 0),
        "default_profile_image": False,
        "withheld_in_countries": ["DE"] if turn(n, 7, 1) else [],
        "followed_by": related,
        "following": related,
        "follow_request_sent": None,
        "has_extended_profile": True,
        "notifications": None,
        "require_some_consent": False,
        "advertiser_account_type": "none",
        "business_profile_state": None,
    }
