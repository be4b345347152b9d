"""What `postpress doctor` looks at; each check says how it is, and what to do next."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import ssl
import time
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast
from urllib.parse import SplitResult, urlsplit

import msgspec

from postpress_async._version import __version__
from postpress_async.client import Postpress
from postpress_async.errors import AuthenticationError, ConfigurationError, PostpressError
from postpress_async.exchange.capture import capture
from postpress_async.given import DEFAULT_BASE_URL
from postpress_async.options import Retries, Timeout
from postpress_async.storage import examining
from postpress_async.storage.health import OUTER
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.wire import target

from .sends.opened import existing
from .statuses import step_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from postpress_async.models import Account
    from postpress_async.storage.health import Level

State: TypeAlias = Literal["ok", "note", "warn", "fail"]

_OTHERS: Final = (
    *("aiohttp", "msgspec", "tenacity", "aiolimiter", "uvloop", "cyclopts", "rich"),
    *("redis", "psycopg"),
)
_STATES: Final[Mapping[Level, State]] = {
    "ok": "ok",
    "note": "note",
    "warning": "warn",
    "error": "fail",
}
_PATIENCE: Final = 10.0
_SKEW: Final = 30.0  # seconds; the Date header itself is only exact to one
_DAYS: Final = 14
_DAY: Final = 86_400.0


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Say how one thing is.

    Attributes:
        check: what was looked at.
        state: `ok`, `note` for what is worth knowing, `warn` where it will hurt later, `fail` where
            nothing can work.
        detail: what was seen.
        next_step: what to do; None where nothing is.
        yours: whether it is the configuration, and not the network or the service.
    """

    check: str
    state: State
    detail: str
    next_step: str | None = None
    yours: bool = False


async def examine(
    base_url: str | None, state: str | None, outbox: str | None = None
) -> AsyncIterator[Check]:
    """Yield the checks as they are made; what makes no sense after a failure is left out.

    Args:
        base_url: where the service is.
        state: the URL of the store of counts; None where it is not looked at.
        outbox: the URL of the outbox; None likewise.
    """
    yield Check(check="python", state="ok", detail=f"{platform.python_version()}, {_system()}")
    yield Check(check="packages", state="ok", detail=_packages())
    if state is not None:
        async for check in _store(state):
            yield check
    if outbox is not None:
        yield await _outbox(outbox)
    key = _key()
    yield key
    address, base = _address(base_url)
    yield address
    if address.state == "fail":
        return
    reached = await _connect(urlsplit(base))
    yield reached
    if reached.state == "fail" or key.state == "fail":
        return
    async for check in _ask(base):
        yield check


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"


def _packages() -> str:
    ours = f"postpress-async {__version__}"  # also where it is run without being installed
    return ", ".join([ours, *(f"{name} {found}" for name, found in _versions())])


def _versions() -> Iterator[tuple[str, str]]:
    for name in _OTHERS:
        with contextlib.suppress(PackageNotFoundError):
            yield name, version(name)


async def _store(url: str) -> AsyncIterator[Check]:
    """Look at the store of counts; it needs neither the key nor the service."""
    for found in await examining.examine(url):
        yield Check(
            check=f"state.{found.name}",
            state=_STATES[found.level],
            detail=found.said,
            next_step=found.next_step or None,
            yours=found.name not in OUTER,
        )


async def _outbox(url: str) -> Check:
    """Look at the outbox as a whole, which needs neither the key nor the service, either."""
    try:
        store = open_outbox(await existing(url))  # none is made by a look
        try:
            seen = await store.overview()
        finally:
            await store.aclose()
    except PostpressError as error:
        yours = isinstance(error, ConfigurationError)
        return Check(check="outbox", state="fail", detail=str(error), yours=yours)
    counts = ", ".join(f"{number:,} {name}" for name, number in seen.counts.items() if number)
    step = None
    if seen.undecided:
        step = f"decide on {seen.undecided:,}: postpress outbox list --undecided"
    elif seen.due_since is not None and seen.now - seen.due_since > _DAY:
        step = "the first has been due for more than a day: see that a worker runs, and its limits"
    return Check(
        check="outbox", state="warn" if step else "ok", detail=counts or "empty", next_step=step
    )


def _key() -> Check:
    if not os.environ.get("POSTPRESS_API_KEY"):
        return Check(
            check="key",
            state="fail",
            detail="POSTPRESS_API_KEY is not set",
            next_step="set it to the key from your dashboard",
            yours=True,
        )
    try:
        Postpress(base_url=DEFAULT_BASE_URL)
    except ConfigurationError as error:
        return Check(check="key", state="fail", detail=str(error), yours=True)
    return Check(check="key", state="ok", detail="POSTPRESS_API_KEY is set; it is never shown")


def _address(base_url: str | None) -> tuple[Check, str]:
    given = base_url or os.environ.get("POSTPRESS_BASE_URL") or DEFAULT_BASE_URL
    try:
        base = target.base_url(given, insecure=False)
    except ConfigurationError as error:
        return Check(check="address", state="fail", detail=str(error), yours=True), ""
    return Check(check="address", state="ok", detail=base), base


async def _connect(url: SplitResult) -> Check:
    """Open a connection and close it: is somebody there, and who says so?"""
    secure = url.scheme == "https"
    name = "tls" if secure else "network"
    context = ssl.create_default_context() if secure else None
    port = url.port or (443 if secure else 80)
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(url.hostname, port, ssl=context)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", None) or error.reason or "no TLS"
        step = "check the address, and this machine's certificates"
        return Check(check=name, state="fail", detail=f"not trusted: {reason}", next_step=step)
    except OSError as error:  # a time-out is one, without words of its own
        why = error.strerror or "no answer"
        step = "check the address, the network, and a firewall in between"
        return Check(
            check=name, state="fail", detail=f"{url.hostname}:{port}: {why}", next_step=step
        )
    try:
        if not secure:
            return Check(check=name, state="ok", detail="connected; plain http, this machine only")
        return _certificate(cast("ssl.SSLObject", writer.get_extra_info("ssl_object")))
    finally:
        writer.close()


def _certificate(connection: ssl.SSLObject) -> Check:
    peer = cast("Mapping[str, object]", connection.getpeercert() or {})
    days = (ssl.cert_time_to_seconds(str(peer["notAfter"])) - time.time()) / _DAY
    detail = f"{connection.version()}, certificate trusted, valid for {days:.0f} days"
    if days < _DAYS:
        return Check(
            check="tls",
            state="warn",
            detail=detail,
            next_step="tell whoever runs the service to renew its certificate",
        )
    return Check(check="tls", state="ok", detail=detail)


async def _ask(base: str) -> AsyncIterator[Check]:
    """Make one call with the key, and read from its answer all that it tells."""
    terms = Timeout(total=_PATIENCE, connect=_PATIENCE, read=_PATIENCE)
    async with Postpress(base_url=base, timeout=terms, retries=Retries(attempts=2)) as client:
        with capture() as seen:
            start = time.time()
            try:
                accounts = [account async for account in client.accounts.list(page_size=100)]
            except PostpressError as error:
                yield _refused(error)
                return
            middle = (start + time.time()) / 2
    yield Check(check="service", state="ok", detail="answers, and takes the key")
    yield _clock(seen[-1].headers if seen else {}, middle)
    if not accounts:
        step = "connect one in the dashboard"
        yield Check(check="accounts", state="warn", detail="none is connected", next_step=step)
    for account in accounts:
        yield _account(account)


def _refused(error: PostpressError) -> Check:
    if isinstance(error, AuthenticationError):
        step = "copy the key again from the dashboard of this very address"
        detail = "answers, and does not take the key"
        return Check(check="service", state="fail", detail=detail, next_step=step)
    return Check(check="service", state="fail", detail=str(error))


def _clock(headers: Mapping[str, str], now: float) -> Check:
    try:
        theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return Check(check="clock", state="ok", detail="the service tells no time to compare with")
    skew = now - theirs
    if abs(skew) <= _SKEW:
        return Check(check="clock", state="ok", detail="agrees with the service's")
    way = "ahead of" if skew > 0 else "behind"
    return Check(
        check="clock",
        state="warn",
        detail=f"{abs(skew):.0f} s {way} the service's",
        next_step="set this machine's clock, by NTP if possible",
    )


def _account(account: Account) -> Check:
    detail = f"{account.id}  {account.provider}  {account.name or ''}  {account.status}"
    if account.is_ok:
        return Check(check="account", state="ok", detail=detail)
    step = step_for(account.status)
    return Check(check="account", state="warn", detail=detail, next_step=step)
