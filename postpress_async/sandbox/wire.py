"""How the fake service writes values: JSON, instants, opaque tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias, cast

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

_INSTANT: Final = re.compile(r"[12]\d{3}-[01]\d-[0-3]\dT\d{2}:\d{2}:\d{2}\.\d{3}Z")
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# Documented as `T | null` although required: these say null on both mounts.
ALWAYS_SENT: Final = frozenset(
    {
        "cursor", "name", "timestamp", "muted_until", "text", "lastMessage", "message_id",
        "chat_id", "recruiter", "sales_navigator", "premiumContractId",
    }
)  # fmt: skip


def dump(value: Json) -> bytes:
    """Write JSON as the service does: UTF-8, compact."""
    return _encode(value).encode()


def load(raw: bytes) -> object:
    """Read JSON.

    Raises:
        ValueError: It is not JSON, not UTF-8, or nested too deeply to read.
    """
    try:
        return cast("object", json.loads(raw))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def as_object(value: object) -> dict[str, object] | None:
    """Narrow to a JSON object, or None."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """Narrow to a JSON array, or None."""
    return cast("list[object]", value) if isinstance(value, list) else None


def without_nulls(value: Json) -> Json:
    """Leave out the optional keys whose value is null, at every depth."""
    if isinstance(value, Mapping):
        return {
            key: without_nulls(item)
            for key, item in value.items()
            if item is not None or key in ALWAYS_SENT
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nulls(item) for item in value]
    return value


def iso(ms: int) -> str:
    """Write an instant as the service does: UTC, three digits of a second, `Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_iso(text: str) -> int | None:
    """Read an instant as strictly as the service does; None when it would refuse it."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)


def token(*parts: object, size: int = 16) -> str:
    """Make an opaque id that is the same for the same parts, in every process."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=size).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def tokens(count: int, *parts: object) -> list[str]:
    """Make many opaque ids at once: what a world needs thousands of is cut from one digest."""
    size = 16
    raw = hashlib.shake_128("/".join(map(str, parts)).encode()).digest(size * count)
    return [
        base64.urlsafe_b64encode(raw[start : start + size]).decode().rstrip("=")
        for start in range(0, size * count, size)
    ]


def ulid(*parts: object) -> str:
    """Make an id in the 26-character style of the reference pages, the same for the same parts."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=15).digest()
    return "01" + base64.b32hexencode(digest).decode()


def digits(*parts: object, length: int = 10) -> str:
    """Make a number that is the same for the same parts; it never starts with 0."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest()
    number = int.from_bytes(digest, "big")
    return str(1 + number % 9) + str(number)[-(length - 1) :]


def turn(number: int, of: int, which: int) -> bool:
    """Tell whether it is this one's turn: how the awkward cases are dealt out among things."""
    return number % of == which
