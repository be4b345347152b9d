"""Texts and attachments by digest, so that what was sent can be known again where it arrived.

Providers hand a text back with other white space, composed characters, or as HTML. `digest` does
not see those differences; `loose` does not see a good many more, and only ever says *perhaps*.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["File", "FileKind", "attachments", "digest", "digests", "kind_of", "loose", "plain"]

FileKind: TypeAlias = Literal["img", "video", "audio", "file"]
_SIZE: Final = 16
_BREAKS: Final = frozenset(
    {"blockquote", "br", "div", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "td", "ul"}
)
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_FAMILIES: Final[dict[str, FileKind]] = {"image": "img", "video": "video", "audio": "audio"}


class File(msgspec.Struct, frozen=True, kw_only=True):
    """Be what can be known again of an attachment: providers give names and types of their own.

    Attributes:
        kind: its family; a picture may come back as another type of picture.
        size: in bytes; None where nobody told.
    """

    kind: FileKind
    size: int | None = None


def digest(text: str, *, html: bool = False) -> bytes:
    """Return the digest of a text: composed (NFC), stripped, runs of white space as one blank.

    Args:
        text: what was, or is to be, sent.
        html: whether it is HTML, as on LinkedIn Recruiter; then of the text that it shows.
    """
    return _hashed(_tidy(plain(text) if html else text))


def digests(text: str) -> frozenset[bytes]:
    """Return the digests of a text that came, of which nobody says whether it is HTML."""
    return frozenset({digest(text), digest(text, html=True)})


def loose(text: str) -> bytes:
    """Return a digest that letter case, links, punctuation and compatibility forms do not change.

    Equal ones say that two texts may be the same; that they differ says that they surely are not
    the same but for a provider's invention.
    """
    # Decomposed, so that `<À>` reads as the same piece of HTML however its letter is written.
    shown = plain(unicodedata.normalize("NFD", text))
    known = unicodedata.normalize("NFKC", _ADDRESS.sub(" ", shown)).casefold()
    # Folding may leave what composes anew, so it is normalised once more.
    words = "".join(one for one in unicodedata.normalize("NFKC", known) if one.isalnum())
    return _hashed(words or _tidy(shown))


def attachments(files: Iterable[File]) -> bytes:
    """Return the digest of attachments: how many, of what family and size, in whatever order."""
    said = sorted(f"{one.kind}:{'?' if one.size is None else one.size}" for one in files)
    return _hashed("\n".join(said))


def kind_of(mimetype: str | None) -> FileKind:
    """Return the family of a media type, as providers sort them; `file` for all others."""
    return _FAMILIES.get((mimetype or "").partition("/")[0].strip().lower(), "file")


def plain(text: str) -> str:
    """Return what a piece of HTML shows; a text without tags and entities comes back as it is."""
    reader = _Plain()
    reader.feed(text)
    reader.close()
    return "".join(reader.found)


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _hashed(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()


class _Plain(HTMLParser):
    """Gather the text between tags; where a block begins or ends, there is white space."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS:
            self.found.append("\n")
