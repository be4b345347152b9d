"""The client: one for each process and loop, made without I/O, shared by all that it does."""

from __future__ import annotations

import random as random_numbers
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, Self, TypeVar, cast

import msgspec

from postpress_async import given
from postpress_async.errors import ConfigurationError
from postpress_async.exchange.home import Home
from postpress_async.exchange.key_gate import KeyGate
from postpress_async.exchange.learning import Learner
from postpress_async.exchange.pipeline import Pipeline, Terms
from postpress_async.limits import ACTIONS, Limits, LimitsOf
from postpress_async.options import (
    Http,
    KeyRate,
    Retries,
    Timeout,
    check_headers,
    of_kind,
    whole,
)
from postpress_async.resources._base import Content, Namespace, checked_account
from postpress_async.scheduler.clock import LoopClock
from postpress_async.scheduler.own import own_calls
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.scheduler.shares import share_of
from postpress_async.wire import target
from postpress_async.wire.deciding import Asked
from postpress_async.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    import aiohttp

    from postpress_async.exchange.transport import Transport
    from postpress_async.hooks import Hook
    from postpress_async.options import RequestOptions
    from postpress_async.resources.accounts import Accounts
    from postpress_async.resources.attendees import Attendees
    from postpress_async.resources.chats import Chats
    from postpress_async.resources.invitations import Invitations
    from postpress_async.resources.messages import Messages
    from postpress_async.resources.users import Users
    from postpress_async.scheduler.clock import Clock
    from postpress_async.scheduler.own import OwnCalls
    from postpress_async.scheduler.steps import Processes, SharedState
    from postpress_async.wire.routes import Method
    from postpress_async.wire.target import QueryValue
    from postpress_async.wire.values import Reading

T = TypeVar("T")

CLOSING_SECONDS: Final = 5.0
"""How long `aclose` waits for calls that are under way."""
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class ClientOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what belongs to the pipeline, and so to all copies of a client."""

    api_key: str
    base_url: str
    limits: Limits | LimitsOf
    timeout: Timeout
    max_queue: int
    http: Http
    key_rate: KeyRate | None
    state: str | None
    on_state_lost: str

    def __repr__(self) -> str:
        """Show where, without the key."""
        return f"ClientOptions(base_url={self.base_url!r})"


class Postpress:
    """Talk to postpress for any number of connected accounts.

    Making one is cheap and does no I/O; connections are made at the first call and kept until
    `aclose`, or the end of `async with`. A client belongs to the process and the event loop of its
    first call.

    Args:
        api_key: the key from your dashboard; else `POSTPRESS_API_KEY`.
        base_url: `https://host`, `…/v1` or `…/api/v1`; else `POSTPRESS_BASE_URL`, else the
            documented one.
        state: where counts live: `memory:` keeps them in this process; `sqlite:///counts.db` in a
            file, for all processes of this machine and over their restarts;
            `postgresql://user@host/name` (extra `postgres`) and `redis://host` (also `rediss:`
            and `unix:`; extra `redis`) on a server, for all processes of all machines.
        limits: what each account may do; or a function that takes an `AccountInfo` and returns
            its limits, asked anew whenever more is known of the account.
        timeout: the bounds of one attempt.
        retries: how often a call that may be repeated is tried.
        max_wait: seconds that one call may wait in all, for slots and between attempts.
        max_queue: calls that may wait for one account.
        hooks: synchronous functions that are told of every call.
        on_state_lost: what to do when the store of counts is lost: `stop` sends nothing that is
            counted, `local` goes on alone with a tenth of what each limit has left.
        http: how the connection is made.
        session: an aiohttp session of your own, never closed here; excludes `transport`.
        transport: another way to the network.
        providers: wire words of accounts that you know, so that nobody need ask for them.
        key_rate: the API key's own rate; None for no such bound.
        clock: another time, for tests: a sandbox's.

    Raises:
        ConfigurationError: an option that cannot work; it names the field and the next step.

    ```python
    async with Postpress() as client:
        user = await client.users.get("jordan-walke", account_id="acc_1")
    ```
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        state: str = "memory:",
        limits: Limits | LimitsOf | None = None,
        timeout: Timeout | None = None,
        retries: Retries | None = None,
        max_wait: float = 30.0,
        max_queue: int = 10_000,
        hooks: Iterable[Hook] = (),
        on_state_lost: str = "stop",
        http: Http | None = None,
        session: aiohttp.ClientSession | None = None,
        transport: Transport | None = None,
        providers: Mapping[str, str] | None = None,
        key_rate: KeyRate | None = KeyRate(50, per=1.0),  # noqa: B008 - frozen
        clock: Clock | None = None,
    ) -> None:
        state_url = given.state(state, on_state_lost)
        given.network(session, transport)
        given.clock(clock)
        whole("max_queue", max_queue, least=1)
        of_kind("http", http, Http, "Http(connections=20)")
        of_kind("timeout", timeout, Timeout, "Timeout(total=30)")
        of_kind("retries", retries, Retries, "Retries(attempts=2)")
        of_kind("key_rate", key_rate, KeyRate, "KeyRate(50, per=1.0)")
        known = given.providers(providers)
        http = http or _HTTP
        options = ClientOptions(
            api_key=given.api_key(api_key),
            base_url=given.base_url(base_url, insecure=http.insecure),
            limits=given.limits(limits),
            timeout=timeout or _TIMEOUT,
            max_queue=max_queue,
            http=http,
            key_rate=key_rate,
            state=state_url,
            on_state_lost=on_state_lost,
        )
        terms = Terms(
            timeout=options.timeout,
            retries=retries or _RETRIES,
            max_wait=given.max_wait(max_wait),
            hooks=given.hooks(hooks),
        )
        self._account_id: str | None = None
        self._terms = terms
        self._pipeline = self._assemble(options, session, transport, clock or LoopClock())
        for account_id, provider in known.items():
            self.scheduler.know(account_id, provider)

    # -- namespaces ---------------------------------------------------------------------------

    @cached_property
    def accounts(self) -> Accounts:
        """The connected accounts."""
        from postpress_async.resources.accounts import Accounts  # noqa: PLC0415 - lazily, see docs/decisions

        return Accounts(self._pipeline, self._terms, self._account_id)

    @cached_property
    def users(self) -> Users:
        """Profiles, relations, and the account's own profile."""
        from postpress_async.resources.users import Users  # noqa: PLC0415 - lazily

        return Users(self._pipeline, self._terms, self._account_id)

    @cached_property
    def invitations(self) -> Invitations:
        """Invitations, sent and received."""
        from postpress_async.resources.invitations import Invitations  # noqa: PLC0415 - lazily

        return Invitations(self._pipeline, self._terms, self._account_id)

    @cached_property
    def chats(self) -> Chats:
        """Conversations."""
        from postpress_async.resources.chats import Chats  # noqa: PLC0415 - lazily

        return Chats(self._pipeline, self._terms, self._account_id)

    @cached_property
    def messages(self) -> Messages:
        """Messages."""
        from postpress_async.resources.messages import Messages  # noqa: PLC0415 - lazily

        return Messages(self._pipeline, self._terms, self._account_id)

    @cached_property
    def attendees(self) -> Attendees:
        """The people whom accounts know."""
        from postpress_async.resources.attendees import Attendees  # noqa: PLC0415 - lazily

        return Attendees(self._pipeline, self._terms, self._account_id)

    @property
    def scheduler(self) -> Scheduler:
        """The lanes: what was used, what waits, and slots for anything else."""
        return self._pipeline.scheduler

    # -- copies -------------------------------------------------------------------------------

    def account(self, account_id: str) -> Postpress:
        """Return this client bound to one account: methods need no `account_id`, one lane."""
        return self._copy(self._terms, checked_account(account_id))

    def with_options(
        self,
        *,
        timeout: Timeout | None = None,
        retries: Retries | None = None,
        max_wait: float | None = None,
        hooks: Iterable[Hook] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Postpress:
        """Return a copy that does some things differently, over the same pool, lanes and state.

        Closing either closes both.
        """
        terms = self._terms
        if headers is not None:
            check_headers(headers)
            headers = {**(terms.headers or {}), **headers}
        changed = Terms(
            timeout=timeout or terms.timeout,
            retries=retries or terms.retries,
            max_wait=terms.max_wait if max_wait is None else given.max_wait(max_wait),
            hooks=terms.hooks if hooks is None else given.hooks(hooks),
            headers=terms.headers if headers is None else headers,
        )
        return self._copy(changed, self._account_id)

    # -- anything else ------------------------------------------------------------------------

    async def request(
        self,
        method: Method,
        path: str,
        *,
        type: type[T],
        account_id: str | None = None,
        action: str | None = None,
        cost: int | None = None,
        query: Mapping[str, QueryValue] | None = None,
        json: object = None,
        options: RequestOptions | None = None,
    ) -> T:
        """Call a route that has no method here, paced, retried and decoded like every call.

        Args:
            method: the HTTP method.
            path: below the base URL, percent-encoded, such as `/users/jordan-walke`.
            type: what the answer is: a struct, a dict, anything that msgspec decodes.
            account_id: whose lane it takes; sent in the query of a GET or DELETE, too.
            action: what it counts as; None for what a documented path is known to count as, and
                `other` for any other path. Only `read` goes without an account.
            cost: how much of it, such as rows of a search; None for what is asked, usually 1.
            query: names and values; None leaves a name out.
            json: a body, encoded by msgspec.
            options: overrides for this call.
        """
        from postpress_async.models.decoding import Reader  # noqa: PLC0415 - lazily
        from postpress_async.wire.known import route_of  # noqa: PLC0415 - lazily

        if method not in _METHODS or (action is not None and action not in ACTIONS):
            msg = (
                f"method must be one of {', '.join(sorted(_METHODS))} (not {method!r}) and action "
                f"one of {', '.join(sorted(ACTIONS))} (not {action!r})"
            )
            raise ConfigurationError(msg)
        account = self._account_id if account_id is None else checked_account(account_id)
        if cost is not None:
            whole("cost", cost, least=1)
        path = target.checked_path(path)
        query = dict(query or {})
        if account is not None and method in {"GET", "DELETE"}:
            query.setdefault("account_id", account)
        content = None if json is None else _json(json)
        reading: Reading[T] = Reader(type)
        return await Namespace(self._pipeline, self._terms, account)._send(  # noqa: SLF001 - of this package
            route_of(method, path) or Route(method, "(request)", action="other"),
            reading,
            path=path,
            query=target.query(query),
            account_id=account,
            action=action,
            cost=cost,
            asked=Asked(query=query, body=_fields(content)),
            body=content,
            options=options,
        )

    # -- life ---------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Close the client and all its copies. A second time does nothing.

        Calls that wait get ClientClosedError; calls under way get a few seconds to end.
        """
        await self._pipeline.aclose(CLOSING_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        """Show where it talks to, and for whom; never the key."""
        bound = f", account_id={self._account_id!r}" if self._account_id else ""
        return f"Postpress(base_url={self._pipeline.home.base!r}{bound})"

    # -- inside -------------------------------------------------------------------------------

    def _copy(self, terms: Terms, account_id: str | None) -> Postpress:
        copy = object.__new__(Postpress)
        copy._pipeline, copy._terms, copy._account_id = self._pipeline, terms, account_id
        return copy

    def _assemble(
        self,
        options: ClientOptions,
        session: aiohttp.ClientSession | None,
        transport: Transport | None,
        clock: Clock,
    ) -> Pipeline:
        def network() -> Transport:
            from postpress_async.exchange.transport import AiohttpTransport  # noqa: PLC0415 - 180 ms

            return AiohttpTransport(
                options.http, _constant_headers(options.api_key), options.timeout, session=session
            )

        processes = _processes(options.state)
        own = own_calls(processes)
        scheduler = Scheduler(
            options.limits,
            clock=clock,
            random=random_numbers.random,
            max_queue=options.max_queue,
            places=options.http.connections,
            state=_state(options.state, clock, own),
            processes=processes,
            own=own,
            alone=options.on_state_lost == "local",
            share=share_of(options.state, clock) if options.state else None,
        )
        return Pipeline(
            home=Home(
                base=options.base_url, key=options.api_key, transport=transport, make=network
            ),
            scheduler=scheduler,
            gate=KeyGate(options.key_rate),
            learner=Learner(
                scheduler,
                lambda account_id: self.accounts.get(account_id),  # noqa: PLW0108 - loaded at its first use
            ),
            clock=clock,
            random=random_numbers.random,
        )


_TIMEOUT: Final = Timeout()
_RETRIES: Final = Retries()
_HTTP: Final = Http()


def _state(url: str | None, clock: Clock, own: OwnCalls) -> SharedState | None:
    """Return the store of counts; nothing is opened before its first step."""
    if url is None:
        return None
    from postpress_async.scheduler.mending import mend  # noqa: PLC0415 - not for memory:
    from postpress_async.storage.opening import open_images  # noqa: PLC0415 - as above

    # A store has a time of its own, which never goes back; a clock that was given moves it too.
    time = None if type(clock) is LoopClock else clock.time
    try:
        return open_images(url, clock=time, mend=partial(mend, lasts=own.lasts))
    except ConfigurationError as error:
        msg = f"state: {error}"
        raise ConfigurationError(msg) from None


def _processes(url: str | None) -> Processes | None:
    """Return who can tell dead processes; in a file, all of them are of this machine."""
    if url is None:
        return None
    from postpress_async.storage.processes import Processes  # noqa: PLC0415 - not for memory:

    return Processes()


def _json(value: object) -> Content:
    try:
        data = msgspec.json.encode(value)
        texts = tuple(_texts(msgspec.json.decode(data)))
        return Content(data=data, kind="application/json", secrets=texts)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"json cannot be encoded: {error}"
        raise ConfigurationError(msg) from None


def _fields(content: Content | None) -> Mapping[str, object]:
    """Return the names and values of a JSON object; nothing for what is none."""
    data = None if content is None else content.data
    tree: object = msgspec.json.decode(data) if isinstance(data, bytes) else None
    return cast("dict[str, object]", tree) if isinstance(tree, dict) else {}


def _texts(value: object) -> Iterator[str]:
    """Yield every text of a JSON tree."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts(item)


def _constant_headers(key: str) -> dict[str, str]:
    from postpress_async._version import __version__  # noqa: PLC0415 - with the network

    return {
        "X-API-KEY": key,
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": f"postpress-async/{__version__}",
    }
