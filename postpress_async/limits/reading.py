"""Limits from a text of TOML or JSON; each error points at its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NoReturn, TypeAlias, TypeVar, cast

import msgspec

from postpress_async.errors import ConfigurationError

from .hours import WorkingHours
from .positions import Positions
from .rows import Limit, Spacing
from .table import Limits
from .warm_up import WarmUp
from .words import check_action, check_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .positions import Path
    from .table import Part

Format: TypeAlias = Literal["toml", "json"]
_Fields: TypeAlias = dict[str, object]
_Made = TypeVar("_Made")

_TABLES: Final = ("limit", "spacing", "warm_up", "working_hours", "without")
_HUMAN: Final = ("tz", "hours", "days")
_MOST_TABLES: Final = 1_000
_LONGEST: Final = 400
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_FIELD: Final = re.compile(r"\b(?:Limit|Spacing|WarmUp|WorkingHours)\.(\w+)")


class Without(msgspec.Struct, frozen=True):
    """Say of which action the base's limits go."""

    action: str
    provider: str | None = None

    def __post_init__(self) -> None:
        check_action(self.action)
        if self.provider is not None:
            check_provider("provider", self.provider)


class Reader:
    """Read one text, and know where its parts stand."""

    def __init__(self, text: str, format: Format, name: str) -> None:
        self._name = name
        self._toml = format == "toml"
        if not text.strip():
            self._fail(None, 'is empty; say at least which limits to start from: base = "none"')
        self._document = self._from_toml(text) if self._toml else self._from_json(text)
        self._positions = Positions(text, toml=self._toml)
        if self._positions.twice:
            path, line = self._positions.twice
            self._fail(line, f"{path[-1]!r} is there twice")

    def limits(self) -> Limits:
        """Return what the text says: its base, less what goes, and what comes instead."""
        limits = self._base()
        for path, fields in self._tables("without"):
            row = self._made(path, fields, Without)
            limits = limits.without(row.action, row.provider)
        instead: list[Limit] = []
        besides: list[Part] = []
        for path, fields in self._tables("limit"):
            adds = self._adds(path, fields)
            (besides if adds else instead).append(self._made(path, fields, Limit))
        for name, kind in _BESIDES:
            besides += (self._made(path, fields, kind) for path, fields in self._tables(name))
        return limits.replace(*instead).add(*besides)

    # -- the parts --------------------------------------------------------------------------------

    def _base(self) -> Limits:
        document = self._document
        if not document:
            self._fail(None, 'says nothing; say at least where to start: base = "recommended"')
        self._check_names((), document, ("base", *_HUMAN, *_TABLES))
        base = document.get("base", "recommended")
        if base not in ("recommended", "human", "none"):
            message = f"base must be 'recommended', 'human' or 'none', not {base!r}"
            self._refuse(("base",), message)
        hours: _Fields = {name: document[name] for name in _HUMAN if name in document}
        if base == "human":
            return self._human(hours)
        for name in hours:
            message = "at the top belongs to base 'human'; else write it in working_hours"
            self._refuse((name,), f"{name} {message}")
        return Limits.none() if base == "none" else Limits.recommended()

    def _human(self, hours: _Fields) -> Limits:
        if "tz" not in hours:
            message = "base 'human' needs tz, the zone of the working hours: tz = \"Europe/Paris\""
            self._refuse(("base",), message)
        return self._called((), hours, Limits.human)

    def _tables(self, name: str) -> Iterator[tuple[Path, _Fields]]:
        told = self._document.get(name, [])
        if not isinstance(told, list):
            how = f"write [[{name}]] before each" if self._toml else "put it in [ ]"
            self._refuse((name,), f"{name} must be a list of tables: {how}")
        tables = cast("list[object]", told)
        if len(tables) > _MOST_TABLES:
            self._refuse((name,), f"{name} is there more than {_MOST_TABLES:,} times")
        for index, fields in enumerate(tables):
            if not isinstance(fields, dict):
                message = f"must be a table of names and values, not {fields!r}"
                self._refuse((name, index), message)
            yield (name, index), dict(cast("_Fields", fields))

    def _adds(self, path: Path, fields: _Fields) -> bool:
        mode = fields.pop("mode", "replace")
        if mode not in ("replace", "add"):
            message = f"mode must be 'replace' or 'add', not {mode!r}"
            self._refuse((*path, "mode"), message)
        return mode == "add"

    def _made(self, path: Path, fields: _Fields, kind: type[_Made]) -> _Made:
        known = msgspec.structs.fields(cast("type[msgspec.Struct]", kind))
        mode = ("mode",) if kind is Limit else ()
        self._check_names(path, fields, (*(field.name for field in known), *mode))
        for field in known:
            if field.required and field.name not in fields:
                self._refuse(path, f"{field.name} is missing")
        source = fields.get("source", "")
        if not isinstance(source, str):
            self._refuse((*path, "source"), f"source must be a text, not {source!r}")
        actions = fields.get("actions")
        if isinstance(actions, list):
            fields["actions"] = tuple(cast("list[object]", actions))
        return self._called(path, fields, kind)

    def _called(self, path: Path, fields: _Fields, make: Callable[..., _Made]) -> _Made:
        try:
            return make(**fields)
        except ConfigurationError as error:
            message = str(error)
            field = _FIELD.search(message)
            name = field[1] if field else message.partition(" ")[0]
            if name == "action" and "actions" in fields:
                name = "actions"
            self._refuse((*path, name), _FIELD.sub(r"\1", message), cause=error)

    def _check_names(self, path: Path, told: Iterable[str], known: tuple[str, ...]) -> None:
        for name in told:
            if name not in known:
                self._refuse((*path, name), f"unknown name {name!r}; {_nearest(name, known)}")

    # -- the text ---------------------------------------------------------------------------------

    def _from_toml(self, text: str) -> _Fields:
        import tomllib  # noqa: PLC0415 - whoever has no file does not pay for it

        try:
            return tomllib.loads(text)
        except ValueError as error:
            message = str(error)
            place = _PLACE.search(message)
            line = place[1] if place else None
            if place and line is None:
                line = text.count("\n") + 1
            column = f", column {place[2]}" if place and place[2] else ""
            self._fail(line, f"is not TOML{column}: {_PLACE.sub('', message)}", cause=error)
        except RecursionError:
            self._fail(None, "is nested too deeply")

    def _from_json(self, text: str) -> _Fields:
        import json  # noqa: PLC0415 - as above

        try:
            document: object = json.loads(text)
        except json.JSONDecodeError as error:
            message = f"is not JSON, column {error.colno}: {error.msg}"
            self._fail(error.lineno, message, cause=error)
        except ValueError as error:
            self._fail(None, f"is not JSON: {error}", cause=error)
        except RecursionError:
            self._fail(None, "is nested too deeply")
        if not isinstance(document, dict):
            self._fail(1, 'must be an object, such as {"base": "recommended"}')
        return cast("_Fields", document)

    def _refuse(self, path: Path, message: str, *, cause: Exception | None = None) -> NoReturn:
        """Refuse what stands at a path: `limits.toml:12: limit 3: amount must be ...`."""
        table = f"{path[0]} {int(path[1]) + 1}: " if len(path) > 1 else ""
        self._fail(self._positions.line(path), table + message, cause=cause)

    def _fail(
        self, line: int | str | None, message: str, *, cause: Exception | None = None
    ) -> NoReturn:
        if len(message) > _LONGEST:
            message = message[:_LONGEST] + " ..."
        place = self._name if line is None else f"{self._name}:{line}"
        raise ConfigurationError(f"{place}: {message}") from cause


_BESIDES: Final[tuple[tuple[str, type[Part]], ...]] = (
    ("spacing", Spacing),
    ("warm_up", WarmUp),
    ("working_hours", WorkingHours),
)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for who wrote a wrong word only

    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
