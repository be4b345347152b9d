"""The fake service without a network: a request comes in, an outcome goes out.

The order in which a request is looked at, which is the order in which a real one meets trouble:
route, key, body, faults before, account, replay, hidden limits, the handler, faults after.
"""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from . import problems
from .bodies import NOTHING
from .calls import Answer, Bytes, Call
from .faults import FaultBook
from .idempotency import Replays, Stored
from .journal import Journal
from .limits import HiddenLimits, seconds_to_wait
from .outcomes import HTML, Incoming, Outcome, Reply, Reset, Stall
from .problems import Problem
from .queries import Query
from .routes.table import ROUTES
from .routing import Match, Router, parse_target
from .vault import Vault
from .visit import Visit, account_of, check_status, entry_of
from .wire import Json, dump, token, without_nulls
from .world.inviting import catch_up
from .world.store import World

if TYPE_CHECKING:
    from .clock import SandboxClock
    from .happenings import Happening, Listener
    from .values import Fault
    from .world.store import Sizes

_log: Final = logging.getLogger("postpress_async.sandbox")
_ROUTER: Final = Router(ROUTES)
_BODILESS: Final = frozenset({204, 304})
_PAGE: Final = (
    "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
)


class Engine:
    """World, faults, limits, replays and journal of one sandbox.

    Whoever touches them holds `lock`: a sandbox may live in a thread of its own, and be steered
    from another.
    """

    def __init__(self, *, seed: int, sizes: Sizes, clock: SandboxClock) -> None:
        self.clock: SandboxClock = clock
        self.api_key: str = "pp_test_" + token("sandbox", seed)
        self.seed: int = seed
        self.sizes: Sizes = sizes
        self.world: World = World(seed, sizes)
        self.vault: Vault = Vault()
        self.faults: FaultBook = FaultBook(seed)
        self.limits: HiddenLimits = HiddenLimits()
        self.replays: Replays = Replays()
        self.journal: Journal = Journal()
        self.lock: threading.RLock = threading.RLock()
        self.listeners: list[Listener] = []
        self._nonce = secrets.token_hex(4)

    def announce(self, happening: Happening) -> None:
        """Tell whoever listens that something happened; webhooks will leave from here."""
        for listener in self.listeners:
            listener(happening)

    def catch_up(self) -> None:
        """Let happen what is due by now."""
        for happening in catch_up(self.world, round(self.clock.time() * 1000)):
            self.announce(happening)

    def reset(self, seed: int, sizes: Sizes) -> None:
        """Make a new world; faults, limits, replays and journal are emptied with the old one.

        The API key and the clock stay, so that a client in use goes on.
        """
        self.world = World(seed, sizes)
        self.vault.clear()
        self.seed, self.sizes = seed, sizes
        self.faults = FaultBook(seed)
        self.limits = HiddenLimits()
        self.replays.clear()
        self.journal.clear()

    def pause_of(self, request: Incoming) -> float:
        """Tell how many seconds the service takes before it handles a request.

        Whoever asked may be gone by then: it is handled all the same.
        """
        if request.method != "POST":
            return 0.0
        match = _ROUTER.match(request.method, parse_target(request.target).segments)
        if match is None or match.route.pause is None:
            return 0.0
        try:
            return match.route.pause(request.body.fields())
        except Problem:
            return 0.0  # it is told at once

    def handle(self, request: Incoming) -> Outcome:
        """Look at one request, change the world as it asks, write it down, and say what to send."""
        with self.lock:
            return self._handle(request)

    def _handle(self, request: Incoming) -> Outcome:
        if self.world.due:
            self.catch_up()
        n = self.journal.next_number()
        visit = Visit(
            request=request,
            n=n,
            at=self.clock.time(),
            request_id=f"req_{self._nonce}{n:08x}",
            target=parse_target(request.target),
        )
        try:
            outcome = self._serve(visit)
        except Problem as problem:
            outcome = self._problem(visit, problem)
        except Exception:  # noqa: BLE001 - a bug of ours is an answer too, and is logged
            _log.exception("the sandbox failed at %s %s", request.method, request.target)
            outcome = self._problem(visit, Problem("unexpected_error", "A bug of the sandbox."))
        if visit.fault is not None:
            outcome = self._spoil(visit, visit.fault, outcome)
        self._settle(visit, outcome)
        return outcome

    # -- the path of a request ---------------------------------------------------------------

    def _serve(self, visit: Visit) -> Outcome:
        target = visit.target
        if target.mount is not None:
            visit.match = _ROUTER.match(visit.request.method, target.segments)
        if visit.match is None:
            return self._no_route(visit)
        if visit.request.api_key != self.api_key:
            raise Problem("missing_credentials", _key_detail(visit.request.api_key))
        self._read(visit, visit.match)
        fault = self.faults.hit(visit.match.route.name, visit.account.id if visit.account else None)
        visit.fault = fault
        if fault is not None and fault.when == "before":
            return self._reply(visit, 200, {})
        return self._reply_of(visit, self._answer(visit, visit.match))

    def _read(self, visit: Visit, match: Match) -> None:
        """Read query and body: whose call it is, and what it costs, is known before all else."""
        body, trouble = NOTHING, None
        try:
            body = visit.request.body.fields()
        except Problem as problem:
            trouble = problem
        visit.call = Call(
            params=match.params,
            query=Query(visit.target.query),
            body=body,
            world=self.world,
            now=round(visit.at * 1000),
        )
        visit.account = account_of(visit.call, body)
        action = match.route.action
        visit.action = action if isinstance(action, str) else action(visit.call)
        if match.route.cost is not None:
            visit.cost = match.route.cost(visit.call)
        if visit.account is not None:
            account = visit.account
            visit.refusal = self.limits.judge(
                account.id, account.provider, visit.action, visit.at, visit.cost
            )
        if trouble is not None:
            raise trouble

    def _answer(self, visit: Visit, match: Match) -> Answer:
        call = visit.call
        if call is None:
            raise AssertionError("the call is read before it is answered")
        check_status(visit)
        key = visit.key if self.replays.honoured else None
        fingerprint = ""
        if key is not None:
            fingerprint = f"{match.route.name} {visit.target.decoded} {call.body.fingerprint()}"
            replay = self._replay(visit, key, fingerprint)
            if replay is not None:
                return replay
        if visit.refusal is not None:
            if visit.refusal.limit.retry_after:
                visit.headers["Retry-After"] = str(seconds_to_wait(visit.refusal))
            raise Problem("too_many_requests")
        if match.route.handler is None:
            raise Problem("feature_not_implemented", "The sandbox does not play this route yet.")
        visit.answer = answer = match.route.handler(call)
        for happening in answer.happened:
            self.announce(happening)
        if key is not None and answer.committed and isinstance(answer.body, dict):
            stored = Stored(fingerprint=fingerprint, status=answer.status, body=answer.body)
            self.replays.keep(key, stored)
        return answer

    def _replay(self, visit: Visit, key: str, fingerprint: str) -> Answer | None:
        if self.replays.running(key):
            raise Problem("request_in_progress", "The first request with this key is under way.")
        stored = self.replays.find(key)
        if stored is None:
            return None
        if stored.fingerprint != fingerprint:
            raise Problem("unprocessable_entity", "This key was used for another request.")
        visit.replayed = True
        return Answer(body=stored.body, status=stored.status)

    # -- what is sent ------------------------------------------------------------------------

    def _no_route(self, visit: Visit) -> Reply:
        """Answer as the framework in front of the real routes does."""
        message = f"Cannot {visit.request.method} {visit.target.path}"
        return self._reply(
            visit, 404, {"message": message, "error": "Not Found", "statusCode": 404}
        )

    def _problem(self, visit: Visit, problem: Problem) -> Reply:
        visit.type = problem.type
        return self._reply(visit, problem.status, problem.envelope(visit.request_id))

    def _reply_of(self, visit: Visit, answer: Answer) -> Reply:
        body, headers = answer.body, {"x-request-id": visit.request_id, **visit.headers}
        if isinstance(body, dict):
            return self._reply(visit, answer.status, body)
        if not isinstance(body, Bytes):
            written = body.dump(self.world.shelf, short=visit.target.mount == "/api/v1")
            return Reply(status=answer.status, body=written, headers=headers)
        if body.name is not None:
            name = quote(body.name, safe="")
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return Reply(
            status=answer.status,
            body=b"",
            content_type=body.content_type,
            headers=headers,
            pieces=body.pieces,
            size=body.size,
        )

    def _reply(self, visit: Visit, status: int, body: Json) -> Reply:
        if visit.target.mount == "/api/v1":  # Unipile's habit: absent, where the other says null
            body = without_nulls(body)
        headers = {"x-request-id": visit.request_id, **visit.headers}
        return Reply(status=status, body=b"" if body is None else dump(body), headers=headers)

    def _spoil(self, visit: Visit, fault: Fault, outcome: Outcome) -> Outcome:
        """Turn the true outcome into what the fault makes of it."""
        visit.type = None
        if fault.retry_after is not None:
            visit.headers["Retry-After"] = _header(fault.retry_after)
        match fault.effect:
            case "reset":
                return Reset()
            case "stall":
                return Stall(key=visit.key)
            case "half_body":
                return self._half(visit, fault, outcome)
            case "html":
                return self._page(visit, fault.status or 502)
            case "redirect":
                visit.headers["Location"] = fault.location or visit.request.target
                return self._reply(visit, fault.status or 307, {})
            case "status":
                return self._failure(visit, fault)

    def _failure(self, visit: Visit, fault: Fault) -> Reply:
        status, slug = fault.answer()
        if fault.type is None and status in (408, 413, 502):
            return self._page(visit, status)  # these come from what stands in front of the service
        if status < HTTPStatus.BAD_REQUEST:
            return self._reply(visit, status, None if status in _BODILESS else {})
        return self._problem(visit, Problem(slug, status=status))

    def _page(self, visit: Visit, status: int) -> Reply:
        return Reply(
            status=status,
            body=_PAGE.format(f"{status} gateway").encode(),
            content_type=HTML,
            headers={"x-request-id": visit.request_id, **visit.headers},
        )

    def _half(self, visit: Visit, fault: Fault, outcome: Outcome) -> Reply:
        if isinstance(outcome, Reply) and fault.when == "after" and fault.status is None:
            return replace(outcome, cut=True)
        headers = {"x-request-id": visit.request_id}
        return Reply(
            status=fault.status or 200, body=dump({"object": "Cut"}), headers=headers, cut=True
        )

    # -- what is remembered ------------------------------------------------------------------

    def _settle(self, visit: Visit, outcome: Outcome) -> None:
        status = outcome.status if isinstance(outcome, Reply) else None
        account, action = visit.account, visit.action
        if account is not None and action is not None and problems.counts(status, visit.type):
            self.limits.count(account.id, account.provider, action, visit.at, visit.cost)
        if isinstance(outcome, Stall) and outcome.key is not None and self.replays.honoured:
            self.replays.begin(outcome.key)
        self.journal.add(entry_of(visit, status))


def _key_detail(key: str | None) -> str | None:
    # one slug for both: `invalid_credentials` speaks of an account's credentials, not of ours
    return None if key is None else "The API key is not valid."


def _header(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}" if value % 1 else str(int(value))
