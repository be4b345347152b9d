"""What every namespace shares: from a method's arguments to a call on its way."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet, RequestOptions, of_kind
from postpress_async.pagination import Paginator
from postpress_async.wire import multipart, target
from postpress_async.wire.deciding import Asked, subject_of
from postpress_async.wire.routes import READ
from postpress_async.wire.values import Call, HttpRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from postpress_async.exchange.opened import Opened
    from postpress_async.exchange.pipeline import Pipeline, Terms
    from postpress_async.models.decoding import PageBody
    from postpress_async.options import Timeout
    from postpress_async.wire.deciding import Decider
    from postpress_async.wire.multipart import FormFile
    from postpress_async.wire.routes import Route
    from postpress_async.wire.target import QueryValue
    from postpress_async.wire.values import Reading

    from ._downloads import Download

T = TypeVar("T")
_NOTHING: Final = Asked()
# As it is: compressed once more, a file's length would not be known.
_OF_FILES: Final = {"Accept": "*/*", "Accept-Encoding": "identity"}
NO_IDS: Mapping[str, object] = {}
UNNAMED: Final = "attachment"
"""What a file is called that has no name."""


class Content(Discreet, frozen=True, kw_only=True):
    """Be a body.

    Attributes:
        data: the bytes, or a form with files.
        kind: its content type.
        secrets: texts in it that no error may repeat.
    """

    data: bytes | multipart.Form
    kind: str
    secrets: tuple[str, ...] = ()


class _File:
    """Stand for the reading of a file, which is never decoded."""

    def read(self, _body: bytes, /) -> Opened:
        raise NotImplementedError


_FILE: Final = _File()


class Namespace:
    """Bind methods to a pipeline, the terms of a client, and perhaps one account."""

    __slots__ = ("_account_id", "_pipeline", "_terms")

    def __init__(self, pipeline: Pipeline, terms: Terms, account_id: str | None) -> None:
        self._pipeline = pipeline
        self._terms = terms
        self._account_id = account_id

    def _send(
        self,
        route: Route,
        reading: Reading[T],
        *,
        path: str,
        query: str = "",
        account_id: str | None = None,
        action: str | None = None,
        cost: int | None = None,
        asked: Asked | None = None,
        subject: str | None = None,
        body: Content | None = None,
        streamed: bool = False,
        longer: float = 0.0,
        options: RequestOptions | None = None,
    ) -> Awaitable[T]:
        """Make the call that a method's arguments mean, ready to be awaited.

        What a route leaves to be decided is decided by `asked`, its fields by their wire names.
        `longer` are seconds for which the service was asked to wait before it answers.
        """
        terms = self._terms if options is None else merged(self._terms, options)
        if account_id is None:
            account_id = self._account_id
        counted, rows, decide = action or route.action, cost or route.cost, None
        if not isinstance(counted, str):
            counted, decide = self._decided(route, counted, asked or _NOTHING, account_id)
        if not isinstance(rows, int):
            rows = rows(asked or _NOTHING)
        if account_id is None and counted != READ:
            needed(counted, account_id)
        headers, key = terms.headers, None
        if streamed:
            headers = {**_OF_FILES, **(headers or {})}
        if route.method != "GET":
            headers, key = _of_write(route, body, headers, options)
        request = HttpRequest(
            method=route.method,
            url=f"{self._pipeline.home.base}{path}{query}",
            headers=headers,
            body=None if body is None else body.data,
            timeout=_longer(terms.timeout, longer) if longer else terms.timeout,
            safe=route.repeatable == "safe",
            streamed=streamed,
        )
        call = Call(
            route=route,
            request=request,
            reading=reading,
            account_id=account_id,
            action=counted,
            cost=rows,
            secrets=() if body is None else body.secrets,
            key=key,
            subject=subject if asked is None else subject_of(asked),
        )
        return self._pipeline.send(call, terms, decide)

    def _decided(
        self, route: Route, action: Decider, asked: Asked, account_id: str | None
    ) -> tuple[str, Callable[[str | None], str] | None]:
        """Return what a call counts as, and who says so once its account's provider is known."""
        provider = None
        if route.by_provider and account_id is not None:
            provider = self._pipeline.scheduler.lane(account_id).provider
        open_ = route.by_provider and provider is None
        return action(asked, provider), partial(action, asked) if open_ else None

    def _list(
        self,
        route: Route,
        reading: Reading[PageBody[T]],
        *,
        path: str,
        query: Mapping[str, QueryValue],
        account_id: str | None,
        start: str | None,
        page_size: int | None,
        options: RequestOptions | None,
        learn: Callable[[PageBody[T]], None] | None = None,
    ) -> Paginator[T]:
        """Make the walk over a list; each page repeats all that was asked of the first one."""
        checked_page_size(page_size)

        async def fetch(cursor: str | None) -> PageBody[T]:
            page = await self._send(
                route,
                reading,
                path=path,
                query=target.query({**query, "limit": page_size, "cursor": cursor}),
                account_id=account_id,
                options=options,
            )
            if learn is not None:
                learn(page)
            return page

        return Paginator(fetch, start)

    def _download(
        self,
        route: Route,
        *,
        path: str,
        query: str = "",
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> Download:
        """Make the download that a method's arguments mean; nothing is asked for yet."""
        from ._downloads import Download  # noqa: PLC0415 - few programs need it

        given = options or RequestOptions()
        retries = merged(self._terms, given).retries

        def fetch(left: int) -> Awaitable[Opened]:
            bounded = msgspec.structs.replace(retries, attempts=left)
            options = msgspec.structs.replace(given, retries=bounded)
            return self._send(
                route,
                _FILE,
                path=path,
                query=query,
                account_id=account_id,
                streamed=True,
                options=options,
            )

        return Download(fetch, retries.attempts)

    def _account(self, account_id: str | None) -> str | None:
        """Return the account that a method names, or the one this client is bound to."""
        return self._account_id if account_id is None else checked_account(account_id)

    def _accounts(
        self, account_id: str | Sequence[str] | None
    ) -> tuple[str | tuple[str, ...] | None, str | None]:
        """Return the accounts that a list is asked for, and the lane it takes: several have none.

        Only for what counts as `read`, which needs no lane of an account.
        """
        if account_id is None or isinstance(account_id, str):
            one = self._account(account_id)
            return one, one
        several = tuple(checked_account(each) for each in account_id)
        if not several:
            msg = "account_id must name at least one account, or be left out"
            raise ConfigurationError(msg)
        return several, several[0] if len(several) == 1 else None

    def _provider(self, account_id: str | None) -> str | None:
        """Return the provider of an account, as far as it is known by now."""
        if account_id is None:
            return None
        return self._pipeline.scheduler.lane(account_id).provider


def _of_write(
    route: Route,
    body: Content | None,
    headers: Mapping[str, str] | None,
    options: RequestOptions | None,
) -> tuple[Mapping[str, str] | None, str | None]:
    """Return the headers of a write and its key, minted once for all of its attempts."""
    added: dict[str, str] = {}
    key = None
    if route.keyed:
        key = options.idempotency_key if options is not None else None
        key = added["Idempotency-Key"] = key or os.urandom(16).hex()
    if body is not None:
        added["Content-Type"] = body.kind
    return {**(headers or {}), **added}, key


def _longer(timeout: Timeout, seconds: float) -> Timeout:
    """Return bounds that begin to count only after some seconds of silence."""
    return msgspec.structs.replace(
        timeout,
        total=None if timeout.total is None else timeout.total + seconds,
        read=None if timeout.read is None else timeout.read + seconds,
    )


def needed(action: str, account_id: str | None) -> str | None:
    """Refuse a call that touches a provider without an account to count it for."""
    if account_id is None and action != READ:
        msg = (
            f"account_id is needed: a `{action}` counts against one account's limits; give "
            "account_id=…, or use client.account(…)"
        )
        raise ConfigurationError(msg)
    return account_id


def checked_account(account_id: object) -> str:
    """Refuse what is not the id of an account."""
    if not isinstance(account_id, str) or not account_id.strip() or not account_id.isprintable():
        msg = "account_id must be the id of a connected account, not empty: see accounts.list"
        raise ConfigurationError(msg)
    return account_id


def merged(terms: Terms, options: RequestOptions) -> Terms:
    """Return the terms of one call."""
    of_kind("options", options, RequestOptions, "RequestOptions(max_wait=5.0)")
    headers = terms.headers
    if options.headers is not None:
        headers = {**(headers or {}), **options.headers}
    return msgspec.structs.replace(
        terms,
        timeout=options.timeout or terms.timeout,
        retries=options.retries or terms.retries,
        max_wait=terms.max_wait if options.max_wait is None else options.max_wait,
        headers=headers,
        priority=options.priority,
    )


def form(
    fields: Sequence[tuple[str, str]],
    secrets: tuple[str, ...],
    files: Sequence[FormFile] = (),
) -> Content:
    """Return a multipart body of texts, and of files that were checked."""
    boundary = os.urandom(16).hex()
    if files:
        body = multipart.Form(fields, files, boundary=boundary)
        names = (file.name for file in files if file.name != UNNAMED)  # they may say whom it is for
        return Content(data=body, kind=body.content_type, secrets=(*secrets, *names))
    data, kind = multipart.encode(fields, boundary)
    return Content(data=data, kind=kind, secrets=secrets)


def checked_page_size(page_size: object) -> None:
    """Refuse a page size that no list can have; its upper end is the service's to say."""
    if page_size is None:
        return
    if isinstance(page_size, bool) or not isinstance(page_size, int) or page_size < 1:
        msg = f"page_size must be a whole number from 1, not {page_size!r}"
        raise ConfigurationError(msg)


def checked_text(name: str, value: object) -> str:
    """Refuse what is not a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        what = "an empty one" if isinstance(value, str) else type(value).__name__
        msg = f"{name} must be a text with something in it, not {what}"
        raise ConfigurationError(msg)
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"{name} has half of a character (a lone surrogate): give whole text"
        raise ConfigurationError(msg) from None
    return value
