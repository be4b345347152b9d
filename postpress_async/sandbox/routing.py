"""Which route a request meets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .bodies import Fields
    from .calls import Answer, Call

Handler: TypeAlias = "Callable[[Call], Answer]"
ActionOf: TypeAlias = "Callable[[Call], str]"

MOUNTS: Final = (("v1",), ("api", "v1"))
_HOLE: Final = re.compile(r"\{[^{}/]*\}")
_LONGEST_DOTS: Final = len("%2e%2e")
_DOT: Final = re.compile(r"(?:\.|%2e)", re.IGNORECASE)


@lru_cache(maxsize=1024)
def shape_of(route: str) -> str:
    """Forget what the parameters of `METHOD /template` are called: `{id}` is `{account_id}`."""
    return _HOLE.sub("{}", route)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: what it is called, what it costs the account, and who answers.

    `action` is a name, or a function of the call where the body decides. A route without a handler
    is documented but not played: it answers 501.
    """

    method: str
    template: str
    action: str | ActionOf
    handler: Handler | None = None
    cost: Callable[[Call], int] | None = None
    pause: Callable[[Fields], float] | None = None
    """Seconds that the service takes before it does what is asked, by what the body says."""
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.method} {self.template}")


@dataclass(frozen=True, slots=True)
class Target:
    """A request target, taken apart. Segments are still encoded: `%2F` is no slash."""

    path: str
    query: str
    segments: tuple[str, ...]
    mount: str | None

    @property
    def decoded(self) -> str:
        """The path without its mount, decoded; for people, since `%2F` looks like a slash here."""
        return "/" + "/".join(decode(segment) for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the decoded values of its parameters."""

    route: Route
    params: dict[str, str]


def decode(segment: str) -> str:
    """Decode one segment; bytes that are no UTF-8 stay visible instead of failing."""
    return unquote_to_bytes(segment).decode("utf-8", "backslashreplace")


def parse_target(raw: str) -> Target:
    """Take a request target apart, as a URL parser in front of the service would.

    Dot segments are resolved, encoded ones too: an identifier `..` that was not refused by the
    client ends up on another route, and the journal shows it.
    """
    if "://" in raw[:8]:  # absolute form, as sent through a proxy
        raw = "/" + raw.split("://", 1)[1].partition("/")[2]
    path, _, query = raw.partition("?")
    path = path.partition("#")[0]
    segments: list[str] = []
    for segment in path.rstrip("/").split("/")[1:]:
        plain = _DOT.sub(".", segment) if len(segment) <= _LONGEST_DOTS else segment
        if plain == "..":
            del segments[-1:]
        elif plain != ".":
            segments.append(segment)
    for mount in MOUNTS:
        if tuple(segments[: len(mount)]) == mount:
            rest = tuple(segments[len(mount) :])
            return Target(path, query, rest, "/" + "/".join(mount))
    return Target(path, query, tuple(segments), None)


class _Node:
    __slots__ = ("literals", "param", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """All routes, as a tree of segments. A literal goes before a parameter."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for step in route.template.split("/")[1:]:
            if step.startswith("{"):
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.literals.setdefault(step, _Node())
        node.routes[route.method] = route

    def match(self, method: str, segments: tuple[str, ...]) -> Match | None:
        """Find the route; None when there is none."""
        route = _walk(self._root, method, segments, 0)
        if route is None:
            return None
        steps = route.template.split("/")[1:]
        params = {
            step[1:-1]: decode(segment)
            for step, segment in zip(steps, segments, strict=True)
            if step.startswith("{")
        }
        return Match(route, params)


def _walk(node: _Node, method: str, segments: tuple[str, ...], depth: int) -> Route | None:
    if depth == len(segments):
        return node.routes.get(method)
    segment = segments[depth]
    literal = node.literals.get(segment)
    if literal is not None:
        found = _walk(literal, method, segments, depth + 1)
        if found is not None:
            return found
    if node.param is None or not segment:
        return None
    return _walk(node.param, method, segments, depth + 1)
