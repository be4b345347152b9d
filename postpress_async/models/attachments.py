"""What messages carry besides text."""

from msgspec import field

from ._base import UNKNOWN, Flag, JsonObject, Number, Part, first_text


class Size(Part, frozen=True, kw_only=True):
    """Width and height in pixels."""

    width: Number = None
    height: Number = None


class _Attachment(Part, frozen=True, kw_only=True, tag_field="type"):
    """What all attachments have in common.

    Attributes:
        unavailable: Whether the provider no longer has it.
        url: Where it is, for a while; `att://…` is fetched with `messages.attachment`.
        url_expires_at: A number; its unit is not documented, milliseconds by all we know.
    """

    id: str | None = None
    file_size: Number = None
    unavailable: Flag = None
    mimetype: str | None = None
    url: str | None = None
    url_expires_at: Number = None

    @property
    def type(self) -> str:
        """The service's word for the kind."""
        return str(self.__struct_config__.tag)


class ImageAttachment(_Attachment, frozen=True, kw_only=True, tag="img"):
    """A picture or a sticker."""

    size: Size | None = None
    sticker: Flag = None

    @property
    def is_sticker(self) -> bool:
        """Whether it is a sticker, not a picture."""
        return bool(self.sticker)


class VideoAttachment(_Attachment, frozen=True, kw_only=True, tag="video"):
    """A video or an animated picture."""

    size: Size | None = None
    gif: Flag = None


class AudioAttachment(_Attachment, frozen=True, kw_only=True, tag="audio"):
    """A sound or a voice note.

    Attributes:
        duration: A number; its unit is not documented.
    """

    duration: Number = None
    voice_note: Flag = None

    @property
    def is_voice_note(self) -> bool:
        """Whether it was spoken into the chat, not attached as a file."""
        return bool(self.voice_note)


class FileAttachment(_Attachment, frozen=True, kw_only=True, tag="file"):
    """Any other file."""

    file_name: str | None = None


class LinkedInPostAttachment(_Attachment, frozen=True, kw_only=True, tag="linkedin_post"):
    """A shared LinkedIn post."""


class VideoMeetingAttachment(_Attachment, frozen=True, kw_only=True, tag="video_meeting"):
    """An invitation to a video meeting; its moments are numbers of an undocumented unit."""

    starts_at: Number = None
    expires_at: Number = None
    time_range: Number = None


class UnknownAttachment(Part, frozen=True, kw_only=True, tag_field="type", tag=UNKNOWN):
    """An attachment of a kind that this version of the SDK does not know.

    Attributes:
        raw: All that was sent.
    """

    raw: JsonObject = field(default_factory=JsonObject)

    @property
    def type(self) -> str | None:
        """The service's word for the kind."""
        return first_text(self.raw.get("type"))

    @property
    def id(self) -> str | None:
        """The id, where there is one: the file can be fetched all the same."""
        return first_text(self.raw.get("id"))

    @property
    def url(self) -> str | None:
        """Where it is, where that was sent."""
        return first_text(self.raw.get("url"))


Attachment = (
    ImageAttachment
    | VideoAttachment
    | AudioAttachment
    | FileAttachment
    | LinkedInPostAttachment
    | VideoMeetingAttachment
    | UnknownAttachment
)
"""What a message carries besides text, told apart by `type`."""
