"""What the demo does, what goes wrong meanwhile, and what the providers secretly tolerate.

The hidden limits stand here as figures of their own, not as a copy of what the client keeps: a
slip in the client's table must show as a request over a limit.
"""

from __future__ import annotations

from typing import Final

import msgspec

from postpress_async.limits import Limit, Limits
from postpress_async.sandbox import Fault, HiddenLimit

SEND: Final = "POST /chats/{chat_id}/messages"
PROFILE: Final = "GET /users/{id}"
CHATS: Final = "GET /chats"
MESSAGES: Final = "GET /chats/{chat_id}/messages"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Say what each account of a provider does.

    Attributes:
        name: the provider as people write it.
        profiles: how many people to look at.
        messages: how many messages to send.
    """

    name: str
    profiles: int
    messages: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Say how large the demo is, and whether the client behaves.

    Attributes:
        seed: the world follows from it, and so does the faults' luck.
        accounts: how many accounts each provider has.
        chats: how many chats each account has.
        history: how many messages each chat has already.
        chats_read: in how many chats the messages are read.
        loads: what the accounts of each provider do.
        naive: keep no limits, and send again whatever got no answer, as a plain retry loop would.
        seconds: when to give up; what has not been reported by then was lost.
    """

    seed: int = 1
    accounts: int = 10
    chats: int = 12
    history: int = 10
    chats_read: int = 4
    loads: dict[str, Load] = msgspec.field(default_factory=lambda: dict(LOADS))
    naive: bool = False
    seconds: float = 55.0

    def messages(self) -> int:
        """Return how many messages are to be sent in all."""
        return self.accounts * sum(load.messages for load in self.loads.values())

    def limits(self) -> Limits:
        """Return the limits that the client keeps."""
        if self.naive:
            return Limits.none()
        # Free accounts and Sales Navigator ones alike: the hidden limit knows no tiers.
        return Limits.recommended().replace(Limit("profile", 80, per="day", provider="LINKEDIN"))


# More than each provider takes at once, so that every budget is met: LinkedIn's profiles need a
# second day, Instagram's messages a third hour, WhatsApp's a quarter of a minute each.
LOADS: Final[dict[str, Load]] = {
    "LINKEDIN": Load(name="LinkedIn", profiles=84, messages=14),
    "WHATSAPP": Load(name="WhatsApp", profiles=12, messages=14),
    "INSTAGRAM": Load(name="Instagram", profiles=12, messages=24),
    "TELEGRAM": Load(name="Telegram", profiles=12, messages=40),
    "TWITTER": Load(name="X", profiles=12, messages=14),
}

# Sources: the provider-limits pages, see postpress_async.limits.recommended.
HIDDEN_LIMITS: Final = (
    HiddenLimit(action="profile", amount=80, per="day", provider="LINKEDIN", retry_after=True),
    HiddenLimit(action="message", amount=100, per="day", provider="LINKEDIN", retry_after=True),
    HiddenLimit(action="message", amount=1, per=15.0, provider="WHATSAPP", retry_after=True),
    HiddenLimit(action="message", amount=10, per="hour", provider="INSTAGRAM", retry_after=True),
    HiddenLimit(action="message", amount=100, per="day", provider="INSTAGRAM", retry_after=True),
    HiddenLimit(action="message", amount=30, per="minute", provider="TELEGRAM", retry_after=True),
    HiddenLimit(action="message", amount=500, per="day", provider="TWITTER", retry_after=True),
)


def faults() -> list[Fault]:
    """Return what goes wrong: about every eighth request of any kind, until the luck runs out."""
    return [*_sending(), *_looking(), *_reading(CHATS), *_reading(MESSAGES)]


def _sending() -> list[Fault]:
    """Return the faults of a write, both before it is done and after."""
    return [
        Fault(route=SEND, status=429, retry_after=40, probability=0.02),
        Fault(route=SEND, status=429, probability=0.005),
        Fault(route=SEND, type="no_client_session", probability=0.03),
        Fault(route=SEND, type="service_unavailable", probability=0.008),
        Fault(route=SEND, type="request_timeout", stage="after", probability=0.008),
        Fault(route=SEND, effect="reset", stage="before", probability=0.012),
        Fault(route=SEND, effect="reset", stage="after", probability=0.012),
        Fault(route=SEND, effect="stall", stage="before", probability=0.01),
        Fault(route=SEND, effect="stall", stage="after", probability=0.01),
        Fault(route=SEND, effect="half_body", stage="after", probability=0.012),
        Fault(route=SEND, effect="html", stage="before", probability=0.008),
        Fault(route=SEND, effect="html", stage="after", probability=0.008),
    ]


def _looking() -> list[Fault]:
    """Return the faults of a look at a profile."""
    return [
        Fault(route=PROFILE, status=429, retry_after=30, probability=0.012),
        Fault(route=PROFILE, status=429, probability=0.003),
        Fault(route=PROFILE, type="no_client_session", probability=0.02),
        *_reading(PROFILE),
    ]


def _reading(route: str) -> list[Fault]:
    """Return the faults of any read."""
    return [
        Fault(route=route, type="service_unavailable", probability=0.02),
        Fault(route=route, effect="reset", probability=0.02),
        Fault(route=route, effect="stall", probability=0.008),
        Fault(route=route, effect="half_body", probability=0.012),
        Fault(route=route, effect="html", probability=0.012),
    ]
