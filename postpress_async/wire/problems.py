"""Problems: what each documented error type is called here, and what to do about it.

Source: the error blocks of the reference pages; types that only the older documents know are kept
too. The set is open: an unknown type falls back to its status.
"""

from __future__ import annotations

from typing import Final

import msgspec

from postpress_async.errors import (
    AccountError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GatewayTimeoutError,
    NotFoundError,
    NotImplementedByProviderError,
    PermissionDeniedError,
    ProviderLimitError,
    RateLimitedError,
    ResponseError,
    ServerError,
    ServiceUnavailableError,
    UnprocessableError,
)

BY_STATUS: Final[dict[int, type[ResponseError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    429: RateLimitedError,
    501: NotImplementedByProviderError,
    503: ServiceUnavailableError,
    504: GatewayTimeoutError,
}

_RECONNECT: Final = "reconnect the account, then read it once with accounts.get"
_LOGIN: Final = "repeat the login with other credentials"
_LIMIT: Final = "let this action rest for this account"

# Types that are about the connected account, whatever was asked of it.
ACCOUNT: Final[dict[str, str]] = {
    "disconnected_account": _RECONNECT,
    "expired_credentials": _RECONNECT,
    "disconnected_feature": _RECONNECT,
    "multiple_sessions": "connect the account with its cookies",
    "checkpoint_error": "start the login again",
    "invalid_checkpoint_solution": "give the code once more",
    "invalid_credentials_but_valid_account_imap": _LOGIN,
    "account_restricted": "a person must look after this account at its provider",
    "action_required": "a person must confirm something at the provider",
    "unknown_authentication_context": "a person must finish the login at the provider",
}

# The provider's limit, said in other words than 429.
LIMITED: Final = frozenset(
    {
        "limit_exceeded",
        "cannot_resend_yet",
        "cannot_resend_within_24hrs",
        "already_invited_recently",
        "provider_error",
    }
)

# The lane closes: nothing but `read` can succeed until somebody acts.
CLOSING: Final = frozenset({"disconnected_account", "expired_credentials"})
# The same, until a person has looked after it: its state alone does not tell.
RESTRICTED: Final = frozenset({"account_restricted"})

# A repeat of the same request meets the same end, whatever its status promises.
FINAL: Final = frozenset({"authentication_intent_error"})

# Said to the repeat of a write, these mean that the first one arrived.
ALREADY: Final = frozenset(
    {"already_invited_recently", "cannot_resend_yet", "action_already_performed"}
)

# 503 by these names was refused before the provider was asked.
NOT_HANDED_ON: Final = frozenset({"no_client_session", "no_channel", "no_handler"})

_NEXT: Final[dict[str, str]] = {
    "captcha_not_supported": "connect the account in another way",
    "invalid_imap_configuration": "check the mail server's settings",
    "invalid_smtp_configuration": "check the mail server's settings",
    "account_mismatch": "use an account that can do this",
    "session_mismatch": "log in again, and use that session alone",
    "provider_unreachable": "try again later",
    "missing_credentials": "check api_key or POSTPRESS_API_KEY",
    "insufficient_privileges": "use an API key with this scope",
    "invalid_credentials": _LOGIN,
    "invalid_proxy_credentials": "check the proxy's user and password",
    "expired_link": "make a new link",
    "wrong_account": "log in with the credentials of this very account",
    "resource_not_found": "check the id; it belongs to one account and provider",
    "invalid_resource_identifier": "use an id of the account's own provider: see identify()",
    "insufficient_credits": "buy credits, or send without InMail",
    "no_connection_with_recipient": "invite first, or send an InMail",
    "user_unreachable": "this person cannot be reached there",
    "limit_exceeded": _LIMIT,
    "cannot_resend_yet": _LIMIT,
    "cannot_resend_within_24hrs": _LIMIT,
    "already_invited_recently": "wait for the answer to the first invitation",
    "limit_too_high": "ask for a smaller page_size",
    "too_many_characters": "shorten the text",
    "request_timeout": "look whether it happened before you repeat it",
    "subscription_required": "subscribe to this feature",
    "auth_in_progress": "let the login under way end first",
}

_NEXT_BY_STATUS: Final[dict[int, str]] = {
    400: "correct the request",
    401: "check api_key or POSTPRESS_API_KEY",
    403: "ask for this permission, or use another account",
    404: "check the id",
    409: "wait for the one under way",
    415: "correct the request",
    422: "change what is asked; a repeat will not help",
    429: "let the account rest",
    501: "the service cannot do this for this provider",
}

_MEANING: Final[dict[int, str]] = {
    408: "request timeout",
    413: "too large",
    415: "unsupported media type",
    425: "too early",
    500: "the service failed",
    502: "bad gateway",
    503: "the service is not available",
    504: "the service got no answer in time",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what an error answer said, whichever of its envelopes it came in.

    Attributes:
        slug: the type without `errors/`, lower case; None where none was named.
        type: the type verbatim.
        envelope: True where the body was one of the service's JSON envelopes, not a proxy's page.
    """

    slug: str | None = None
    type: str | None = None
    title: str | None = None
    detail: str | None = None
    instance: str | None = None
    envelope: bool = False


class _Inner(msgspec.Struct):
    code: object = None
    message: object = None
    request_id: object = None


class _Envelope(msgspec.Struct):
    type: object = None
    title: object = None
    detail: object = None
    instance: object = None
    status: object = None
    message: object = None
    error: object = None


_decode: Final = msgspec.json.Decoder(_Envelope).decode


def parse(body: bytes) -> Problem:
    """Read an error body: the reference pages' envelope, the quickstart's, or neither."""
    try:
        said = _decode(body)
    except (ValueError, RecursionError):
        return Problem()
    inner = _inner(said.error)
    if inner is not None:
        code = _text(inner.code)
        return Problem(
            slug=_slug(code),
            type=None if code is None else f"errors/{_slug(code)}",
            detail=_text(inner.message),
            instance=_text(inner.request_id),
            envelope=code is not None,
        )
    type_ = _text(said.type)
    return Problem(
        slug=_slug(type_),
        type=type_,
        title=_text(said.title) or _text(said.error),
        detail=_text(said.detail) or _text(said.message),
        instance=_text(said.instance),
        envelope=type_ is not None,
    )


def _inner(said: object) -> _Inner | None:
    try:
        return msgspec.convert(said, _Inner) if said is not None else None
    except msgspec.ValidationError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _slug(type_: str | None) -> str | None:
    return None if type_ is None else type_.rpartition("/")[2].lower()


def class_of(status: int, slug: str | None) -> type[ResponseError]:
    """Return the class of an error answer: by its type where that says more, else its status."""
    if slug in ACCOUNT:
        return AccountError
    if slug in LIMITED and status in {422, 500}:
        return ProviderLimitError
    if status in BY_STATUS:
        return BY_STATUS[status]
    return ServerError if status >= 500 else ResponseError


def next_step(status: int, slug: str | None) -> str:
    """Return what a person should do next, in a few words."""
    if slug is not None:
        known = ACCOUNT.get(slug) or _NEXT.get(slug)
        if known is not None:
            return known
    if 300 <= status < 400:
        return "the service has moved: set base_url to where it is now"
    return _NEXT_BY_STATUS.get(status) or (
        "try again later" if status >= 500 else "see the documents"
    )


def meaning(status: int) -> str:
    """Return words for a status whose answer gave none."""
    return _MEANING.get(status, "no explanation")
