"""The sandbox as Python sees it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import threading
from typing import TYPE_CHECKING, Self

from .clock import SandboxClock
from .control import Control, sizes_of
from .control_api import PREFIX, ControlApi
from .engine import Engine
from .server import Server
from .values import ControlError, FaultLike, JournalEntry, LimitLike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from .wire import JsonObject

_TICKS = (
    5  # of the event loop: a woken sleeper, and what waits for it, run before `advance` returns
)


class Sandbox:
    """A pretend postpress service on this machine.

    Serves `/v1/…` and `/api/v1/…` with a world that follows from the seed, and lets a test break
    it. `async with` serves from the running event loop; plain `with` serves from a thread of its
    own. All methods but `advance` are plain functions, and may be called from any thread.

    Args:
        seed: The world follows from it, and so does what faults leave to chance.
        host: Where to listen; loopback only, unless `allow_outside` is given.
        port: 0 takes a free one.
        accounts: How many a provider, such as `{"LINKEDIN": 3}`; providers not named have none.
        chats: How many each account has.
        messages: How many each chat has.
        allow_outside: Serve other machines too. The control plane still answers this one only.

    Raises:
        ControlError: The host is not loopback, or a size makes no sense.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
        accounts: Mapping[str, int] | None = None,
        chats: int | None = None,
        messages: int | None = None,
        allow_outside: bool = False,
    ) -> None:
        if not allow_outside and not _is_loopback(host):
            raise ControlError(f"{host} is not loopback; say allow_outside=True if you mean it")
        self.clock: SandboxClock = SandboxClock()
        sizes = sizes_of(accounts, chats, messages)
        self._engine = Engine(seed=seed, sizes=sizes, clock=self.clock)
        self._control = Control(self._engine)
        self._api = ControlApi(self._engine, self._control)
        self._host = host
        self._asked_port = port
        self._server: Server | None = None
        self._thread: _Thread | None = None

    # -- where it is -------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The server's root, without a version path.

        Raises:
            ControlError: It is not open.
        """
        if self._server is None:
            raise ControlError("the sandbox is not open: use `async with` or `with`")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.port}"

    @property
    def dashboard(self) -> str:
        """The address of the dashboard, a web page."""
        return f"{self.url}{PREFIX}/"

    @property
    def api_key(self) -> str:
        """The one key that it takes; it outlives a reset."""
        return self._engine.api_key

    # -- opening and closing -----------------------------------------------------------------

    async def open(self) -> None:
        """Listen, from the running event loop."""
        if self._server is not None:
            raise ControlError("the sandbox is open already")
        server = Server(self._engine, self._api, host=self._host, port=self._asked_port)
        await server.start()
        self._server = server

    async def aclose(self) -> None:
        """Hang up on everybody, stalled requests too, and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        self._thread = _Thread(self)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    # -- the control plane -------------------------------------------------------------------

    def world(self) -> JsonObject:
        """Tell the key and every account: its chats, relations, and people that can be read."""
        return self._control.world()

    def reset(
        self,
        *,
        seed: int | None = None,
        accounts: Mapping[str, int] | None = None,
        chats: int | None = None,
        messages: int | None = None,
    ) -> JsonObject:
        """Make a new world, and forget faults, limits, replays and journal.

        The key, the clock, and whether keys are honoured stay. Sizes not given are the defaults.
        """
        return self._control.reset(seed=seed, accounts=accounts, chats=chats, messages=messages)

    def faults(self, faults: Iterable[FaultLike]) -> None:
        """Replace the list of faults; the first that meets a request is the one.

        Raises:
            ControlError: A fault makes no sense.
        """
        self._control.faults(faults)

    def limits(self, limits: Iterable[LimitLike]) -> None:
        """Replace the hidden limits; counting starts at zero.

        Raises:
            ControlError: A limit makes no sense.
        """
        self._control.limits(limits)

    async def advance(self, seconds: float) -> None:
        """Skip time, and let what sleeps in this loop wake.

        Invitations that are due are accepted, each at its own instant.

        One jump, not a run: see `SandboxClock.advance`, which is the same for other threads.
        """
        self._control.advance(seconds)
        for _ in range(_TICKS):
            await asyncio.sleep(0)

    def idempotency(self, *, honoured: bool) -> None:
        """Honour Idempotency-Keys (the default), or take no notice of them."""
        self._control.idempotency(honoured=honoured)

    def journal(
        self,
        *,
        route: str | None = None,
        account_id: str | None = None,
        since: float | None = None,
    ) -> list[JournalEntry]:
        """List what the service saw, oldest first.

        Args:
            route: As faults name it: `"POST /chats/{chat_id}/messages"`.
            account_id: The account's own only.
            since: An entry's number (those after it), or an instant in seconds since 1970.
        """
        return self._control.journal(route=route, account_id=account_id, since=since)

    def receive(self, *, account_id: str, chat_id: str, text: str) -> JsonObject:
        """Have the other side of a chat write something; gives the message."""
        return self._control.receive(account_id=account_id, chat_id=chat_id, text=text)

    def accept(self, *, invitation_id: str) -> JsonObject:
        """Have somebody accept a sent invitation, now instead of by the clock.

        Its note arrives as an own message in a chat with them; then they are a relation.
        """
        return self._control.accept(invitation_id=invitation_id)

    def set_status(self, account_id: str, status: str) -> None:
        """Disconnect, restrict or restore an account.

        Anything but OK refuses calls that would reach the provider, while reads go on over stale
        data: RESTRICTED with 403, CONNECTING with 503, the others with 401 disconnected_account.
        """
        self._control.set_status(account_id, status)


class _Thread:
    """Serves a sandbox from an event loop in a thread of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._opened = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="postpress-sandbox", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._opened.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self) -> None:
        self._stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again by `start`
            self._error = error
        finally:
            self._opened.set()

    async def _serve(self) -> None:
        loop, closing = asyncio.get_running_loop(), asyncio.Event()

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(closing.set)

        self._stop = stop
        async with self._sandbox:
            self._opened.set()
            await closing.wait()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
