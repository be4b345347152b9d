"""The control plane over HTTP: `/_sandbox/…`.

A page in the developer's browser must not be able to steer the sandbox, nor read it. So: only a
local peer, only a local Host with our port (a name rebound to 127.0.0.1 carries its own), no CORS
headers ever, and `Content-Type: application/json` for whatever changes something, since no form of
a foreign site can send that without a preflight, which is never granted.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import parse_qsl, unquote

from .dashboard import page
from .journal import INSTANTS
from .outcomes import HTML, JSON
from .values import ControlError
from .wire import Json, JsonObject, as_list, as_object, dump, load, parse_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .control import Control
    from .engine import Engine

PREFIX: Final = "/_sandbox"
_HTTP: Final = 80  # the port that a Host leaves out
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequest:
    """A request to the control plane."""

    method: str
    target: str
    host: str
    peer: str | None
    port: int
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReply:
    """Its answer."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str]


Body: TypeAlias = "dict[str, object]"
Verb: TypeAlias = "Callable[[Body], Json]"


class ControlApi:
    """Reads control-plane requests and answers them."""

    def __init__(self, engine: Engine, control: Control) -> None:
        self._engine = engine
        self._control = control
        self._posts: dict[str, Verb] = {
            "reset": self._reset,
            "faults": self._faults,
            "limits": self._limits,
            "clock": self._clock,
            "idempotency": self._idempotency,
            "receive": self._receive,
            "accept": self._accept,
        }

    def handle(self, request: ControlRequest) -> ControlReply:
        """Answer one request."""
        if not _is_local(request):
            return _json(403, {"error": "the control plane is for this machine only"})
        path, _, query = request.target.partition("?")
        steps = [unquote(step) for step in path.removeprefix(PREFIX).strip("/").split("/")]
        if request.method in ("GET", "HEAD"):
            return self._get(steps, dict(parse_qsl(query)))
        if request.method != "POST":
            return _json(405, {"error": "GET or POST"})
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _json(415, {"error": "Content-Type must be application/json"})
        try:
            return self._post(steps, _object(request.body))
        except ControlError as error:
            return _json(400, {"error": str(error)})

    def _get(self, steps: list[str], query: dict[str, str]) -> ControlReply:
        match steps:
            case [""]:
                html = page(self._engine).encode()
                return ControlReply(status=200, body=html, content_type=HTML, headers=_PAGE_HEADERS)
            case ["world"]:
                return _json(200, self._control.world())
            case ["journal"]:
                return self._journal(query)
            case _:
                return _json(404, {"error": "no such page of the control plane"})

    def _journal(self, query: dict[str, str]) -> ControlReply:
        try:
            since = _since(query.get("since"))
        except ControlError as error:
            return _json(400, {"error": str(error)})
        entries = self._control.journal(
            route=query.get("route") or None,
            account_id=query.get("account_id") or None,
            since=since,
        )
        return _json(200, {"items": [entry.to_json() for entry in entries]})

    def _post(self, steps: list[str], body: Body) -> ControlReply:
        match steps:
            case [name] if name in self._posts:
                return _json(200, self._posts[name](body))
            case ["accounts", account_id, "status"]:
                return _json(200, self._control.set_status(account_id, _text(body, "status")))
            case _:
                return _json(404, {"error": "no such call of the control plane"})

    # -- verbs -------------------------------------------------------------------------------

    def _reset(self, body: Body) -> Json:
        accounts = body.get("accounts")
        sizes = as_object(accounts)
        if accounts is not None and sizes is None:
            raise ControlError("accounts says how many a provider")
        return self._control.reset(
            seed=_whole(body, "seed"),
            accounts=None if sizes is None else {name: _count(sizes, name) for name in sizes},
            chats=_whole(body, "chats"),
            messages=_whole(body, "messages"),
        )

    def _faults(self, body: Body) -> Json:
        self._control.faults(_rows(body, "faults"))
        listed = self._engine.faults.listed()
        return {"faults": [fault.to_json() for fault, _ in listed]}

    def _limits(self, body: Body) -> Json:
        self._control.limits(_rows(body, "limits"))
        return {"limits": [limit.to_json() for limit in self._engine.limits.configured]}

    def _clock(self, body: Body) -> Json:
        seconds = body.get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ControlError("advance is a number of seconds")
        self._control.advance(seconds)
        return {"now": self._engine.clock.time()}

    def _idempotency(self, body: Body) -> Json:
        honoured = body.get("honoured")
        if not isinstance(honoured, bool):
            raise ControlError("honoured is true or false")
        self._control.idempotency(honoured=honoured)
        return {"honoured": honoured}

    def _receive(self, body: Body) -> Json:
        return self._control.receive(
            account_id=_text(body, "account_id"),
            chat_id=_text(body, "chat_id"),
            text=_text(body, "text"),
        )

    def _accept(self, body: Body) -> Json:
        return self._control.accept(invitation_id=_text(body, "invitation_id"))


def _is_local(request: ControlRequest) -> bool:
    if request.peer is not None:
        try:
            if not ipaddress.ip_address(request.peer.partition("%")[0]).is_loopback:
                return False
        except ValueError:
            return False
    host = request.host.lower()
    names = [f"{name}:{request.port}" for name in _LOCAL_NAMES]
    return host in names or (request.port == _HTTP and host in _LOCAL_NAMES)


def _json(status: int, body: Json) -> ControlReply:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return ControlReply(status=status, body=dump(body), headers=headers)


def _object(raw: bytes) -> Body:
    if not raw:
        return {}
    try:
        found = as_object(load(raw))
    except ValueError as error:
        raise ControlError("the body is not JSON") from error
    if found is None:
        raise ControlError("the body is a JSON object")
    return found


def _text(body: Body, key: str) -> str:
    found = body.get(key)
    if not isinstance(found, str):
        raise ControlError(f"{key} is a string")
    return found


def _whole(body: Body, key: str) -> int | None:
    found = body.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int):
        raise ControlError(f"{key} is a whole number")
    return found


def _count(body: Body, key: str) -> int:
    return _whole(body, key) or 0


def _rows(body: Body, key: str) -> list[JsonObject]:
    listed = as_list(body.get(key))
    rows = None if listed is None else [as_object(row) for row in listed]
    if rows is None or None in rows:
        raise ControlError(f"{key} is a list of objects")
    return cast("list[JsonObject]", rows)


def _since(text: str | None) -> float | None:
    if not text:
        return None
    ms = parse_iso(text)
    if ms is not None:
        return max(ms / 1000, INSTANTS)
    try:
        return float(text)
    except ValueError as error:
        raise ControlError("since is an entry's number, or an instant") from error
