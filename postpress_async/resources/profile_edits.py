"""What can be changed of an own LinkedIn profile.

Source: Edit own profile (`location`, the pictures and their settings); what goes beyond them is of
Unipile's reference.
"""

# Without `from __future__ import annotations`: whoever reads a signature reads these.

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet
from postpress_async.wire.multipart import FormFile

from ._base import checked_text
from ._checks import flag, number, one_of, optional_text, several, struct_of, within
from ._files import FileLike, checked

PictureFilter: TypeAlias = Literal[
    "ORIGINAL", "STUDIO", "SPOTLIGHT", "PRIME", "CLASSIC", "EDGE", "LUMINATE"
]
Presence: TypeAlias = Literal["ON_SITE", "HYBRID", "REMOTE"]
SourceOfHire: TypeAlias = Literal[
    "INDEED",
    "LINKEDIN",
    "COMPANY_WEBSITE",
    "OTHER_JOB_SITES",
    "REFERRAL",
    "CONTACTED_BY_RECRUITER",
    "STAFFING_AGENCY",
    "OTHER",
]
_POSTAL_CODE: Final = 5
_KINDS: Final = {"picture": "image", "cover_picture": "image"}


class ProfileLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Say where the owner of a profile lives.

    Attributes:
        id: LinkedIn's id of the place, such as `105015875`; `linkedin/search/parameters` finds it.
        postal_code: of five characters.
    """

    id: str
    postal_code: str | None = None

    def __post_init__(self) -> None:
        if optional_text("ProfileLocation.id", self.id) is None:
            raise ConfigurationError("ProfileLocation.id is needed: LinkedIn's id of the place")
        code = optional_text("ProfileLocation.postal_code", self.postal_code)
        if code is not None and len(code) != _POSTAL_CODE:
            msg = f"ProfileLocation.postal_code must have five characters, not {len(code)}"
            raise ConfigurationError(msg)


class Corner(msgspec.Struct, frozen=True):
    """Be a corner of what is shown of a picture, in the service's own unit."""

    x: float
    y: float

    def __post_init__(self) -> None:
        number("Corner.x", self.x)
        number("Corner.y", self.y)


class PictureLayout(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Say which part of a picture is shown."""

    bottom_left: Corner | None = None
    bottom_right: Corner | None = None
    top_left: Corner | None = None
    top_right: Corner | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            struct_of(f"PictureLayout.{name}", getattr(self, name), Corner)


class PictureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a picture is shown; the numbers' ranges are not documented."""

    filter: PictureFilter | None = None
    layout: PictureLayout | None = None
    contrast: float | None = None
    vignette: float | None = None
    saturation: float | None = None
    brightness: float | None = None

    def __post_init__(self) -> None:
        one_of("PictureSettings.filter", self.filter, get_args(PictureFilter))
        struct_of("PictureSettings.layout", self.layout, PictureLayout)
        for name in ("contrast", "vignette", "saturation", "brightness"):
            if getattr(self, name) is not None:
                number(f"PictureSettings.{name}", getattr(self, name))


class ProfileDate(msgspec.Struct, frozen=True):
    """Be a month of a year."""

    month: int
    year: int

    def __post_init__(self) -> None:
        within("ProfileDate.month", self.month, 1, 12)
        within("ProfileDate.year", self.year, 1900, 2100)


class ProfileLink(msgspec.Struct, frozen=True, kw_only=True):
    """Show a link under an experience or an education."""

    title: str
    url: str
    description: str | None = None
    thumbnail: str | None = None

    def __post_init__(self) -> None:
        checked_text("ProfileLink.title", self.title)
        checked_text("ProfileLink.url", self.url)
        _texts_of(self, "ProfileLink", ("description", "thumbnail"))


class ProfileMedia(msgspec.Struct, frozen=True, kw_only=True):
    """Show a file under an experience or an education."""

    title: str
    file: FileLike
    description: str | None = None

    def __post_init__(self) -> None:
        checked_text("ProfileMedia.title", self.title)
        _texts_of(self, "ProfileMedia", ("description",))


class ProfileExperience(msgspec.Struct, frozen=True, kw_only=True):
    """Add a job to the profile, or with `id` change one.

    Attributes:
        id: the entry to change, as the profile lists it; without it, one is added.
        role, company: needed to add one.
        seniority_start, seniority_end: from when to when; a job without an end is a present one.
        notify_network: whether relations are told.
    """

    id: str | None = None
    role: str | None = None
    company: str | None = None
    employment_type: str | None = None
    location: str | None = None
    presence: Presence | None = None
    seniority_start: ProfileDate | None = None
    seniority_end: ProfileDate | None = None
    description: str | None = None
    source_of_hire: SourceOfHire | None = None
    skills: Sequence[str] = ()
    attachment: ProfileLink | ProfileMedia | None = None
    notify_network: bool | None = None

    def __post_init__(self) -> None:
        of = "ProfileExperience"
        _texts_of(self, of, ("id", "role", "company", "employment_type", "location", "description"))
        _needed_to_add(self, of, ("role", "company"))
        one_of(f"{of}.presence", self.presence, get_args(Presence))
        one_of(f"{of}.source_of_hire", self.source_of_hire, get_args(SourceOfHire))
        _check_period(of, self.seniority_start, self.seniority_end, "seniority_start")
        several(f"{of}.skills", self.skills)
        flag(f"{of}.notify_network", self.notify_network)


class ProfileEducation(msgspec.Struct, frozen=True, kw_only=True):
    """Add an education to the profile, or with `id` change one.

    Attributes:
        id: the entry to change, as the profile lists it; without it, one is added.
        school: needed to add one.
        notify_network: whether relations are told.
    """

    id: str | None = None
    school: str | None = None
    degree: str | None = None
    grade: str | None = None
    field_of_study: str | None = None
    activities: str | None = None
    description: str | None = None
    start_date: ProfileDate | None = None
    end_date: ProfileDate | None = None
    skills: Sequence[str] = ()
    attachment: ProfileLink | ProfileMedia | None = None
    notify_network: bool | None = None

    def __post_init__(self) -> None:
        of = "ProfileEducation"
        names = ("id", "school", "degree", "grade", "field_of_study", "activities", "description")
        _texts_of(self, of, names)
        _needed_to_add(self, of, ("school",))
        _check_period(of, self.start_date, self.end_date, "start_date")
        several(f"{of}.skills", self.skills)
        flag(f"{of}.notify_network", self.notify_network)


class Edit(Discreet, frozen=True, kw_only=True):
    """Be what is changed.

    Attributes:
        said: names and values, as the form nests them.
        secrets: texts in it that no error may repeat.
        files: what goes with it, checked.
    """

    said: Mapping[str, object]
    secrets: tuple[str, ...]
    files: tuple[FormFile, ...]


async def edit_of(
    *,
    headline: str | None,
    summary: str | None,
    location: ProfileLocation | None,
    picture: FileLike | None,
    picture_settings: PictureSettings | None,
    cover_picture: FileLike | None,
    cover_picture_settings: PictureSettings | None,
    experience: ProfileExperience | None,
    education: ProfileEducation | None,
    skills: Sequence[str],
    skills_follow: bool | None,
) -> Edit:
    """Return what is changed, checked; its files are measured and not read.

    Raises:
        ConfigurationError: nothing, or something that cannot be.
        AttachmentError: a file is missing, too large, or of the wrong kind.
    """
    flag("skills_follow", skills_follow)
    said: dict[str, object] = {
        "headline": optional_text("headline", headline),
        "summary": optional_text("summary", summary),
        "location": _told(struct_of("location", location, ProfileLocation)),
        "picture_settings": _told(struct_of("picture_settings", picture_settings, PictureSettings)),
        "cover_picture_settings": _told(
            struct_of("cover_picture_settings", cover_picture_settings, PictureSettings)
        ),
        "experience": _job(struct_of("experience", experience, ProfileExperience)),
        "education": _plain(struct_of("education", education, ProfileEducation)),
        "skills": list(several("skills", skills)) or None,
        "skills_follow": skills_follow,
    }
    given = {
        "picture": picture,
        "cover_picture": cover_picture,
        "experience[attachment][file]": _file_of(experience),
        "education[attachment][file]": _file_of(education),
    }
    given = {name: file for name, file in given.items() if file is not None}
    if not given and all(value is None for value in said.values()):
        msg = "headline, picture or something else is needed: there is nothing to edit"
        raise ConfigurationError(msg)
    files: tuple[FormFile, ...] = ()
    if given:
        files = await checked(given, kinds=_KINDS)
    told = (one.description for one in (experience, education) if one is not None)
    secrets = tuple(text for text in (headline, summary, *told) if text is not None)
    return Edit(said=said, secrets=secrets, files=files)


def _told(value: msgspec.Struct | None) -> object:
    return None if value is None else msgspec.to_builtins(value)


def _job(edit: ProfileExperience | None) -> dict[str, object] | None:
    """Return a job as a form nests it."""
    said = _plain(edit)
    if said is not None:
        start, end = said.pop("seniority_start"), said.pop("seniority_end")
        said["seniority"] = {"start_date": start, "end_date": end}
    return said


def _file_of(edit: ProfileExperience | ProfileEducation | None) -> FileLike | None:
    """Return the file that an entry shows, where there is one."""
    shown = None if edit is None else edit.attachment
    return shown.file if isinstance(shown, ProfileMedia) else None


def _plain(edit: ProfileExperience | ProfileEducation | None) -> dict[str, object] | None:
    """Return an entry as a form nests it, without its file."""
    if edit is None:
        return None
    said: dict[str, object] = {name: getattr(edit, name) for name in edit.__struct_fields__}
    for name, value in said.items():
        if isinstance(value, ProfileDate):
            said[name] = {"month": value.month, "year": value.year}
    shown = edit.attachment
    if isinstance(shown, ProfileLink):
        said["attachment"] = {"type": "link", **msgspec.structs.asdict(shown)}
    elif isinstance(shown, ProfileMedia):
        about = {"title": shown.title, "description": shown.description}
        said["attachment"] = {"type": "media", **about}
    return said


def _texts_of(edit: msgspec.Struct, of: str, names: Sequence[str]) -> None:
    for name in names:
        optional_text(f"{of}.{name}", getattr(edit, name))


def _needed_to_add(
    edit: ProfileExperience | ProfileEducation, of: str, names: Sequence[str]
) -> None:
    missing = [name for name in names if getattr(edit, name) is None]
    if edit.id is None and missing:
        msg = f"{of}.{missing[0]} is needed to add an entry; or give the id of one to change"
        raise ConfigurationError(msg)


def _check_period(of: str, start: object, end: object, name: str) -> None:
    struct_of(f"{of}.{name}", start, ProfileDate)
    struct_of(f"{of}.{name.replace('start', 'end')}", end, ProfileDate)
    if end is not None and start is None:
        msg = f"{of}.{name} is needed where the end is given"
        raise ConfigurationError(msg)
