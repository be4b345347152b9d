"""The sections of a LinkedIn profile, one struct an entry.

Dates are free-form texts: `2022-04`, `2010` or `5/1/2016`; an `end` of None is a job that goes on.
"""

from msgspec import field

from postpress_async.models._base import Flag, Many, Part, empty_list, lists_never_null


@lists_never_null
class WorkExperience(Part, frozen=True, kw_only=True):
    """A position somebody holds or held.

    Attributes:
        company_id: Absent for companies without a page; sent as text or as a number.
        current: Often absent: see `is_current`.
    """

    id: str | None = None
    position: str | None = None
    company: str | None = None
    company_id: str | int | None = None
    company_url: str | None = None
    company_picture_url: str | None = None
    industry: Many[str] = field(default_factory=empty_list)
    location: str | None = None
    description: str | None = None
    skills: Many[str] = field(default_factory=empty_list)
    current: Flag = None
    status: str | None = None
    start: str | None = None
    end: str | None = None

    @property
    def is_current(self) -> bool:
        """Whether the position is held today: as sent, else whether it has a start and no end."""
        if self.current is None:
            return bool(self.start) and not self.end
        return bool(self.current)


class VolunteeringExperience(Part, frozen=True, kw_only=True):
    """Unpaid work for a cause."""

    company: str | None = None
    description: str | None = None
    role: str | None = None
    cause: str | None = None
    start: str | None = None
    end: str | None = None


@lists_never_null
class Education(Part, frozen=True, kw_only=True):
    """A school, and what was learned there."""

    id: str | None = None
    school: str | None = None
    school_id: str | int | None = None
    school_url: str | None = None
    school_picture_url: str | None = None
    degree: str | None = None
    grade: str | None = None
    field_of_study: str | None = None
    description: str | None = None
    activities: str | None = None
    skills: Many[str] = field(default_factory=empty_list)
    start: str | None = None
    end: str | None = None


@lists_never_null
class Skill(Part, frozen=True, kw_only=True):
    """A skill, and who vouches for it.

    Attributes:
        endorsement_id: What the endorse route asks for; without it the skill cannot be endorsed.
        endorsed: Whether the connected account endorsed it.
    """

    name: str | None = None
    endorsement_count: int | None = None
    endorsement_id: int | str | None = None
    insights: Many[str] = field(default_factory=empty_list)
    endorsed: Flag = None


class Language(Part, frozen=True, kw_only=True):
    """A language somebody speaks.

    Attributes:
        proficiency: A word such as `NATIVE_OR_BILINGUAL`, or prose in the viewer's language.
    """

    name: str | None = None
    proficiency: str | None = None


class Certification(Part, frozen=True, kw_only=True):
    """A certificate."""

    name: str | None = None
    organization: str | None = None
    url: str | None = None


@lists_never_null
class Project(Part, frozen=True, kw_only=True):
    """A project."""

    name: str | None = None
    description: str | None = None
    skills: Many[str] = field(default_factory=empty_list)
    start: str | None = None
    end: str | None = None


class Recommender(Part, frozen=True, kw_only=True):
    """The other side of a recommendation."""

    first_name: str | None = None
    last_name: str | None = None
    provider_id: str | None = None
    headline: str | None = None
    public_identifier: str | None = None
    public_profile_url: str | None = None
    profile_picture_url: str | None = None


class Recommendation(Part, frozen=True, kw_only=True):
    """What one person wrote about another."""

    text: str | None = None
    caption: str | None = None
    actor: Recommender | None = None


@lists_never_null
class Recommendations(Part, frozen=True, kw_only=True):
    """Recommendations in both directions; the totals may exceed the lists."""

    received: Many[Recommendation] = field(default_factory=empty_list)
    received_total_count: int | None = None
    given: Many[Recommendation] = field(default_factory=empty_list)
    given_total_count: int | None = None
