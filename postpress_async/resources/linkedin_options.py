"""What only LinkedIn takes when a chat is started, for each of its three products.

Source: Start a chat.
"""

# Without `from __future__ import annotations`: whoever reads a signature reads these.

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.identifiers import LinkedInProduct

from ._base import checked_text
from ._checks import flag, one_of, optional_text, several, struct_of, within
from ._files import FileLike

Topic: TypeAlias = Literal["service_request", "request_demo", "support", "careers", "other"]
SourcingChannel: TypeAlias = Literal[
    "JOB_POSTING_RECOMMENDED_MATCHES",
    "JOB_POSTING",
    "REFERRAL",
    "INTERNAL_CANDIDATES",
    "AUTOMATED_SOURCING",
    "RECRUITER_SEARCH",
    "CAREER_SITE",
]
Visibility: TypeAlias = Literal["PUBLIC", "PRIVATE", "PROJECT"]

PRODUCTS: Final = ("classic", "recruiter", "sales_navigator")
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "api": PRODUCTS,
    "topic": get_args(Topic),
    "sourcing_channel": get_args(SourcingChannel),
    "visibility": get_args(Visibility),
}
_OF_CLASSIC: Final = ("topic", "applicant_id", "invitation_id")
_OF_RECRUITER: Final = (
    "signature",
    "hiring_project_id",
    "job_posting_id",
    "sourcing_channel",
    "email_address",
    "visibility",
    "follow_up",
)
_TEXTS: Final = (
    "applicant_id",
    "invitation_id",
    "signature",
    "hiring_project_id",
    "job_posting_id",
    "email_address",
)


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """Be a second InMail, which Recruiter sends when the first one gets no answer.

    Attributes:
        subject: its subject.
        text: what it says.
        days: days to wait, 3 to 28; or give `weeks`.
        weeks: weeks to wait, 1 to 4.
        timezone: the zone whose days are meant, such as `Europe/Paris`.
        attachments: its files.

    Raises:
        ConfigurationError: something is missing, or days and weeks are both given.
    """

    subject: str
    text: str
    timezone: str
    days: int | None = None
    weeks: int | None = None
    attachments: Sequence[FileLike] = ()

    def __post_init__(self) -> None:
        for name in ("subject", "text", "timezone"):
            checked_text(f"FollowUp.{name}", getattr(self, name))
        within("FollowUp.days", self.days, 3, 28)
        within("FollowUp.weeks", self.weeks, 1, 4)
        if (self.days is None) == (self.weeks is None):
            msg = "FollowUp needs either days or weeks, not both and not neither"
            raise ConfigurationError(msg)
        several("FollowUp.attachments", self.attachments)


class LinkedInOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Say how LinkedIn starts a chat.

    Each product has ids of its own: a person's id for another product than `api` is refused before
    anything is sent; `users.get(…, linkedin_api=…)` converts.

    Attributes:
        api: `classic`, `recruiter` or `sales_navigator`: what the account's subscription is. Left
            out, the service takes `classic`.
        inmail: whether it goes out as an InMail, which costs a credit and needs `api`. Then the
            call counts as `inmail`.
        topic: classic: what a message to a company is about; needed there.
        applicant_id: classic: needed for somebody who applied for a job.
        invitation_id: classic: the unanswered invitation of whom you write to.
        signature: recruiter: the sender's.
        hiring_project_id, job_posting_id: recruiter: what it belongs to.
        sourcing_channel: recruiter: where the person was found.
        email_address: recruiter: of the person.
        visibility: recruiter: who of the team sees it; the service takes `PRIVATE`.
        follow_up: recruiter: what is sent when no answer comes.

    Raises:
        ConfigurationError: an InMail without `api`, or a field of another product.

    Examples:
        >>> from postpress_async import LinkedInOptions
        >>> LinkedInOptions(api="classic", inmail=True).inmail
        True
    """

    api: LinkedInProduct | None = None
    inmail: bool | None = None
    topic: Topic | None = None
    applicant_id: str | None = None
    invitation_id: str | None = None
    signature: str | None = None
    hiring_project_id: str | None = None
    job_posting_id: str | None = None
    sourcing_channel: SourcingChannel | None = None
    email_address: str | None = None
    visibility: Visibility | None = None
    follow_up: FollowUp | None = None

    def __post_init__(self) -> None:
        for name, words in _WORDS.items():
            one_of(f"LinkedInOptions.{name}", getattr(self, name), words)
        for name in _TEXTS:
            optional_text(f"LinkedInOptions.{name}", getattr(self, name))
        flag("LinkedInOptions.inmail", self.inmail)
        struct_of("LinkedInOptions.follow_up", self.follow_up, FollowUp)
        if self.inmail and self.api is None:
            msg = (
                "LinkedInOptions.api is needed for an InMail: give 'classic', 'recruiter' or "
                "'sales_navigator', as the account's subscription is (see users.me)"
            )
            raise ConfigurationError(msg)
        self._only_of("classic", _OF_CLASSIC, refused=self.api not in {None, "classic"})
        self._only_of("recruiter", _OF_RECRUITER, refused=self.api != "recruiter")

    def _only_of(self, product: str, names: tuple[str, ...], *, refused: bool) -> None:
        given = [name for name in names if getattr(self, name) is not None]
        if refused and given:
            msg = f"LinkedInOptions.{given[0]} is for api='{product}': leave it out, or set api"
            raise ConfigurationError(msg)


def wire_of(options: LinkedInOptions) -> dict[str, object]:
    """Return the options as a form takes them, without files."""
    said = {name: getattr(options, name) for name in options.__struct_fields__}
    if options.follow_up is not None:
        late = options.follow_up
        said["follow_up"] = {
            "subject": late.subject,
            "text": late.text,
            "scheduled_time": {
                "days": late.days,
                "weeks": late.weeks,
                "timezone": late.timezone,
            },
        }
    return said


def secrets_of(options: LinkedInOptions) -> tuple[str, ...]:
    """Return what no error may repeat of them."""
    late = options.follow_up
    texts = (options.signature, options.email_address)
    said = (*texts, *((late.subject, late.text) if late else ()))
    return tuple(text for text in said if text)
