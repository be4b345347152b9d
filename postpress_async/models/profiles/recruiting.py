"""What LinkedIn Recruiter knows about a person: tags, notes and the activity log.

Activities match by kind or by event:

    match activity:
        case NoteActivity(content=text): ...      # added, edited or deleted
        case CandidateMoved(state=state): ...
        case UnknownActivity(event=event): ...
"""

from msgspec import field

from postpress_async.models._base import UNKNOWN, JsonObject, Number, Part, first_text


class Tag(Part, frozen=True, kw_only=True):
    """A label of the recruiter's."""

    id: str | int | None = None
    name: str | None = None


class NoteAuthor(Part, frozen=True, kw_only=True):
    """The recruiter who wrote a note.

    Attributes:
        public_profile_url: The documents say boolean, so both are taken.
    """

    id: str | None = None
    seat_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    public_profile_url: bool | str | None = None


class Note(Part, frozen=True, kw_only=True):
    """A note of the recruiter's.

    Attributes:
        created_at: A number; its unit is not documented, milliseconds by all we know.
    """

    project_id: str | None = None
    content: str | None = None
    created_at: Number = None
    author: NoteAuthor | None = None


class ActivityAuthor(Part, frozen=True, kw_only=True):
    """Who did it."""

    provider_id: str | None = None
    full_name: str | None = None
    picture_url: str | None = None


class Activity(Part, frozen=True, kw_only=True, tag_field="event"):
    """What all activities have in common."""

    created_at: str | None = None
    created_by: ActivityAuthor | None = None
    updated_at: str | None = None
    updated_by: ActivityAuthor | None = None

    @property
    def event(self) -> str:
        """The service's word for what happened."""
        return str(self.__struct_config__.tag)


class MessageActivity(Activity, frozen=True, kw_only=True, tag="MESSAGE"):
    """A message to the candidate.

    Attributes:
        status: `PENDING`, `ACCEPTED`, `DECLINED` or `AWAITING_REPLY`.
    """

    content: str | None = None
    status: str | None = None


class NoteActivity(Activity, frozen=True, kw_only=True):
    """A note came, changed or went: the base of the three."""

    content: str | None = None


class NoteAdded(NoteActivity, frozen=True, kw_only=True, tag="NOTE_ADDED"):
    """A note was written."""


class NoteEdited(NoteActivity, frozen=True, kw_only=True, tag="NOTE_EDITED"):
    """A note was changed."""


class NoteDeleted(NoteActivity, frozen=True, kw_only=True, tag="NOTE_DELETED"):
    """A note was removed."""


class LinkActivity(Activity, frozen=True, kw_only=True):
    """A link came or went: the base of the two."""

    content: str | None = None


class LinkAdded(LinkActivity, frozen=True, kw_only=True, tag="LINK_ADDED"):
    """A link was added."""


class LinkDeleted(LinkActivity, frozen=True, kw_only=True, tag="LINK_DELETED"):
    """A link was removed."""


class CandidateActivity(Activity, frozen=True, kw_only=True):
    """The person's place in a hiring project changed: the base of the two."""

    project_id: str | None = None
    project_name: str | None = None
    state: str | None = None


class CandidateAdded(CandidateActivity, frozen=True, kw_only=True, tag="CANDIDATE_ADDED"):
    """The person entered a project."""


class CandidateMoved(CandidateActivity, frozen=True, kw_only=True, tag="CANDIDATE_MOVED"):
    """The person changed state within a project."""


class ProfileViewed(Activity, frozen=True, kw_only=True, tag="PROFILE_VIEW"):
    """A recruiter looked at the profile."""


class UnhandledEvent(Activity, frozen=True, kw_only=True, tag="UNHANDLED_EVENT"):
    """Something postpress itself has no word for."""


class UnknownActivity(Part, frozen=True, kw_only=True, tag=UNKNOWN, tag_field="event"):
    """An activity this version of the SDK does not know.

    Attributes:
        raw: All that was sent.
    """

    raw: JsonObject = field(default_factory=JsonObject)

    @property
    def event(self) -> str | None:
        """The service's word for what happened."""
        return first_text(self.raw.get("event"))


RecruitingActivity = (
    MessageActivity
    | NoteAdded
    | NoteEdited
    | NoteDeleted
    | LinkAdded
    | LinkDeleted
    | CandidateAdded
    | CandidateMoved
    | ProfileViewed
    | UnhandledEvent
    | UnknownActivity
)
"""An entry of `recruiting_activity`, told apart by `event`."""
