"""Profiles: one file a provider, one union of them all."""

from .instagram import InstagramProfile
from .linkedin import LinkedInProfile
from .telegram import TelegramProfile
from .unknown import UnknownProfile
from .whatsapp import WhatsAppProfile
from .x import XProfile

Profile = (
    LinkedInProfile
    | WhatsAppProfile
    | InstagramProfile
    | TelegramProfile
    | XProfile
    | UnknownProfile
)
"""What `GET /users/{identifier}` answers, told apart by `provider`."""

__all__ = [
    "InstagramProfile",
    "LinkedInProfile",
    "Profile",
    "TelegramProfile",
    "UnknownProfile",
    "WhatsAppProfile",
    "XProfile",
]
