"""The profile of a LinkedIn member."""

from typing import ClassVar, Literal

from msgspec import field

from postpress_async.models._base import (
    Flag,
    Many,
    Model,
    Number,
    Part,
    empty_list,
    first_text,
    full_name,
    lists_never_null,
)
from postpress_async.models._words import degree_of

from .recruiting import Note, RecruitingActivity, Tag
from .sections import (
    Certification,
    Education,
    Language,
    Project,
    Recommendations,
    Skill,
    VolunteeringExperience,
    WorkExperience,
)


class Social(Part, frozen=True, kw_only=True):
    """An account elsewhere."""

    type: str | None = None
    name: str | None = None


@lists_never_null
class ContactInfo(Part, frozen=True, kw_only=True):
    """How else somebody can be reached; what is visible depends on the viewer.

    Attributes:
        adresses: The wire's spelling; `addresses` reads the same.
    """

    emails: Many[str] = field(default_factory=empty_list)
    phones: Many[str] = field(default_factory=empty_list)
    adresses: Many[str] = field(default_factory=empty_list)
    socials: Many[Social] = field(default_factory=empty_list)

    @property
    def addresses(self) -> list[str]:
        """Postal addresses."""
        return self.adresses


class Birthdate(Part, frozen=True, kw_only=True):
    """A birthday, without the year."""

    month: int | None = None
    day: int | None = None


class Locale(Part, frozen=True, kw_only=True):
    """The language that a profile is written in."""

    country: str | None = None
    language: str | None = None


class CreatorWebsite(Part, frozen=True, kw_only=True):
    """The link that a creator shows off."""

    url: str | None = None
    description: str | None = None


class ProfileInvitation(Part, frozen=True, kw_only=True):
    """An invitation between the connected account and this member.

    Attributes:
        type: `SENT` or `RECEIVED`.
        status: `PENDING`, `IGNORED` or `WITHDRAWN`.
    """

    type: str | None = None
    status: str | None = None


@lists_never_null
class LinkedInProfile(Model, frozen=True, kw_only=True, tag_field="provider", tag="LINKEDIN"):
    """A LinkedIn member, as the connected account sees them.

    Sections come only when asked for with `linkedin_sections`. A throttled section is an empty or
    short list beside a larger total, and is not always named in `throttled_sections`: never take
    the length of a list for the total.

    Source: Retrieve a profile.

    Attributes:
        provider_id: `ACo…` or `ADo…` (classic), `ACw…` (Sales Navigator) or `AE…` (Recruiter), by
            the `linkedin_api` asked.
        public_identifier: The last part of the public profile's URL.
        member_urn: A bare number or a URN, by the page; never a key.
        connected_at: A number; its unit is not documented, milliseconds by all we know.
        network_distance: `FIRST_DEGREE`, `SECOND_DEGREE`, `THIRD_DEGREE` or `OUT_OF_NETWORK`; see
            `degree`.
    """

    provider: ClassVar[Literal["LINKEDIN"]] = "LINKEDIN"

    object: str | None = None
    provider_id: str | None = None
    public_identifier: str | None = None
    public_profile_url: str | None = None
    member_urn: str | int | None = None
    first_name: str | None = None
    last_name: str | None = None
    pronoun: str | None = None
    headline: str | None = None
    summary: str | None = None
    location: str | None = None
    websites: Many[str] = field(default_factory=empty_list)
    profile_picture_url: str | None = None
    profile_picture_url_large: str | None = None
    background_picture_url: str | None = None
    hashtags: Many[str] = field(default_factory=empty_list)
    contact_info: ContactInfo | None = None
    birthdate: Birthdate | None = None
    primary_locale: Locale | None = None
    creator_website: CreatorWebsite | None = None
    can_send_inmail: Flag = None
    connected_at: Number = None
    is_open_profile: Flag = None
    is_premium: Flag = None
    is_influencer: Flag = None
    is_creator: Flag = None
    is_hiring: Flag = None
    is_open_to_work: Flag = None
    is_saved_lead: Flag = None
    is_crm_imported: Flag = None
    is_relationship: Flag = None
    is_self: Flag = None
    invitation: ProfileInvitation | None = None
    work_experience: Many[WorkExperience] = field(default_factory=empty_list)
    work_experience_total_count: int | None = None
    volunteering_experience: Many[VolunteeringExperience] = field(default_factory=empty_list)
    volunteering_experience_total_count: int | None = None
    education: Many[Education] = field(default_factory=empty_list)
    education_total_count: int | None = None
    skills: Many[Skill] = field(default_factory=empty_list)
    skills_total_count: int | None = None
    languages: Many[Language] = field(default_factory=empty_list)
    languages_total_count: int | None = None
    certifications: Many[Certification] = field(default_factory=empty_list)
    certifications_total_count: int | None = None
    projects: Many[Project] = field(default_factory=empty_list)
    projects_total_count: int | None = None
    recommendations: Recommendations | None = None
    tags: Many[Tag] = field(default_factory=empty_list)
    notes: Many[Note] = field(default_factory=empty_list)
    candidate_id: str | None = None
    recruiting_activity: Many[RecruitingActivity] = field(default_factory=empty_list)
    throttled_sections: Many[str] = field(default_factory=empty_list)
    follower_count: int | None = None
    connections_count: int | None = None
    shared_connections_count: int | None = None
    network_distance: str | None = None

    @property
    def public_id(self) -> str | None:
        """The last part of the public profile's URL."""
        return self.public_identifier

    @property
    def display_name(self) -> str | None:
        """First and last name, else the public identifier."""
        return first_text(full_name(self.first_name, self.last_name), self.public_identifier)

    @property
    def messaging_id(self) -> str | None:
        """What a chat is started with: the provider id, good for the product whose API gave it."""
        return self.provider_id

    @property
    def degree(self) -> int | None:
        """1, 2 or 3; None when out of network or not told."""
        return degree_of(self.network_distance)
