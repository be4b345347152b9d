"""Every way a call can end badly, and what each says about what happened.

```
PostpressError                          .outcome .retryable .idempotency_key .attempts
├ ConfigurationError                    we refused it before any I/O: a key, an option, an argument
│ └ AttachmentError                     a file that cannot be sent, or changed while it was
│                                       .field .file
├ ClientClosedError                     the client was closed before the call could go
├ PaginationError                       a list that would never end      .cursor
├ TransportError                        no answer
│ ├ ConnectError                        certainly not sent
│ ├ RequestTimeoutError                 a time of `Timeout` ran out; nothing was changed by it
│ └ OutcomeUnknownError                 a write that may have happened
├ ResponseError                         an answer   .status .type .title .detail .instance
│ │                                                 .request_id .retry_after .headers .body
│ ├ BadRequestError 400    AuthenticationError 401    PermissionDeniedError 403
│ ├ NotFoundError 404      ConflictError 409          UnprocessableError 422
│ ├ AccountError                        the account, not the request: disconnected, checkpoint,
│ │                                     restricted   .account_id
│ ├ RateLimitedError 429
│ │ └ ProviderLimitError                the same, said as 422 or 500
│ └ ServerError 5xx
│   └ ServiceUnavailableError 503, GatewayTimeoutError 504, NotImplementedByProviderError 501
├ DecodeError                           an answer that we cannot read   .path .body .status
├ DownloadError                         a file that came and could not be kept      .path
├ SchedulerError                        we chose not to send       .retry_after .account_id
│ │                                                                .action .limit
│ └ WaitTooLongError, QueueFullError, LaneClosedError, StateUnavailableError
├ OutboxError                           an item of an outbox       .item .state
│ ├ OutboxConflictError                 its key stands for something else already
│ ├ OutboxNotFoundError                 there is none of this id or key
│ └ OutboxStateError                    what was asked for cannot be done in its state
└ WebhookVerificationError              a delivery that does not prove where it comes from
```

The class says *who* refused; `outcome` says *what became of it*, and decides whether a repeat is
safe. Every class pickles, shows one line, and never holds the API key or a text that you sent.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = [
    "AccountError",
    "AttachmentError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "DecodeError",
    "DownloadError",
    "GatewayTimeoutError",
    "LaneClosedError",
    "NotFoundError",
    "NotImplementedByProviderError",
    "OutboxConflictError",
    "OutboxError",
    "OutboxNotFoundError",
    "OutboxStateError",
    "Outcome",
    "OutcomeUnknownError",
    "PaginationError",
    "PermissionDeniedError",
    "PostpressError",
    "ProviderLimitError",
    "QueueFullError",
    "RateLimitedError",
    "RequestTimeoutError",
    "ResponseError",
    "SchedulerError",
    "ServerError",
    "ServiceUnavailableError",
    "StateUnavailableError",
    "TransportError",
    "UnprocessableError",
    "WaitTooLongError",
    "WebhookVerificationError",
]

Outcome: TypeAlias = Literal["not_sent", "refused", "unknown", "done"]
"""What became of the call: nothing left, the service said no, nobody can tell, or it was done."""


class PostpressError(Exception):
    """Be the root of all errors of this package.

    Attributes:
        outcome: `not_sent`, `refused`, `unknown` or `done`. Only `unknown` and `done` forbid a
            blind repeat of a write.
        retryable: whether the same call, made later, may succeed and cannot do harm.
        idempotency_key: the key that every attempt of this write carried, else None.
        attempts: how many requests were tried, the last one included.
    """

    outcome: Outcome = "not_sent"
    retryable: bool = False
    idempotency_key: str | None = None
    attempts: int = 0

    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        if outcome is not None:
            self.outcome = outcome
        if retryable is not None:
            self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only constructors do not survive the default protocol, which calls cls(*args).
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(
    cls: type[PostpressError], args: tuple[object, ...], state: dict[str, object]
) -> PostpressError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class ConfigurationError(PostpressError):
    """Report a key, an option or an argument that cannot work, before any I/O.

    Attributes:
        scope: what cannot work: this `"call"`, by what it was given; an `"account"`, for which the
            function that chooses limits failed, or whose counts are not ours; or the `"setup"`: a
            client of another loop or process, a store that refuses. Then every other call would
            end the same, and an outbox's worker ends.
    """

    scope: Literal["call", "account", "setup"] = "call"

    def __init__(
        self,
        message: str,
        *,
        scope: Literal["call", "account", "setup"] | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(message, outcome=outcome)
        if scope is not None:
            self.scope = scope


class AttachmentError(ConfigurationError):
    """Report a file that cannot be sent: missing, too large, or not what it was any more.

    Checked before anything is sent, and again while it is. A file that vanishes, grows or shrinks
    meanwhile ends the attempt: the connection is dropped, so that no part of it counts as the
    whole. `outcome` is then `unknown`, although no service should take half a request for one.

    Attributes:
        field: where it was given, such as `attachments[0]`.
        file: its name.
    """

    def __init__(
        self, message: str, *, field: str, file: str, outcome: Outcome | None = None
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.field = field
        self.file = file


class ClientClosedError(PostpressError):
    """Report a call on a client that was closed, or closed while the call waited its turn."""


class PaginationError(PostpressError):
    """Report a list whose cursor came back a second time, instead of walking it for ever.

    Attributes:
        cursor: the cursor that repeated; what was read before it stays read.
    """

    outcome: Outcome = "done"

    def __init__(self, message: str, *, cursor: str) -> None:
        super().__init__(message)
        self.cursor = cursor


class TransportError(PostpressError):
    """Report that no answer came."""

    outcome: Outcome = "unknown"
    retryable = True


class ConnectError(TransportError):
    """Report that no connection could be made: certainly nothing was sent."""

    outcome: Outcome = "not_sent"


class RequestTimeoutError(TransportError):
    """Report that one of `Timeout`'s times ran out on a call that changes nothing by repeating."""


class OutcomeUnknownError(TransportError):
    """Report a write that left, and whose answer nobody read: it may have happened.

    Look before you repeat it: list the chat, the invitations or whatever it was to change.
    """

    retryable = False


class ResponseError(PostpressError):
    """Report an answer that says no.

    Attributes:
        status: the HTTP status.
        type: the documented slug, such as `errors/resource_not_found`, kept verbatim; None where
            the answer named none (a proxy's page, an empty body).
        title, detail: the service's own words.
        instance: its name for this occurrence.
        request_id: what support will ask for: the instance, or the request id header.
        retry_after: seconds the service asks us to wait, never negative and 31 days at most; None
            where it names none, or more.
        headers: the answer's headers by lower-case name, without cookies.
        body: the first bytes of the answer, with what you sent struck out.
        account_id: the account the call was made through.
    """

    outcome: Outcome = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str | None = None,
        title: str | None = None,
        detail: str | None = None,
        instance: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        account_id: str | None = None,
        outcome: Outcome | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, outcome=outcome, retryable=retryable)
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.instance = instance
        self.request_id = request_id
        self.retry_after = retry_after
        self.headers: dict[str, str] = headers or {}
        self.body = body
        self.account_id = account_id


class BadRequestError(ResponseError):
    """Report a request that the service could not read (400)."""


class AuthenticationError(ResponseError):
    """Report an API key or credentials that were refused (401)."""


class PermissionDeniedError(ResponseError):
    """Report something that this key or account may not do (403)."""


class NotFoundError(ResponseError):
    """Report that nobody and nothing goes by this id (404). The look-up may have counted."""


class ConflictError(ResponseError):
    """Report a clash with something under way or already there (409)."""


class UnprocessableError(ResponseError):
    """Report a request that was understood and cannot be fulfilled (422)."""


class AccountError(ResponseError):
    """Report that the connected account is out of order, whatever was asked of it."""


class RateLimitedError(ResponseError):
    """Report that the provider takes no more from this account for now (429)."""

    retryable = True


class ProviderLimitError(RateLimitedError):
    """Report a provider's limit that was not said as a 429 but as a 422 or 500."""


class ServerError(ResponseError):
    """Report trouble on the service's side (5xx)."""

    retryable = True


class ServiceUnavailableError(ServerError):
    """Report that the service cannot take requests for now (503)."""


class GatewayTimeoutError(ServerError):
    """Report that the provider did not answer the service in time (504)."""


class NotImplementedByProviderError(ServerError):
    """Report something that the service does not do for this provider (501)."""

    retryable = False


class DecodeError(PostpressError):
    """Report an answer that we cannot read.

    Attributes:
        status: the HTTP status of its head.
        path: where reading failed, as a JSON path; `$` for the whole.
        body: the first bytes of it, with what you sent struck out.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        path: str = "$",
        body: bytes = b"",
        request_id: str | None = None,
        outcome: Outcome = "done",
        retryable: bool = False,
    ) -> None:
        super().__init__(message, outcome=outcome, retryable=retryable)
        self.status = status
        self.path = path
        self.body = body
        self.request_id = request_id


class DownloadError(PostpressError):
    """Report a file that came and could not be saved: a full disk, a missing directory.

    Nothing is left of it. What the system said is its `__cause__`.

    Attributes:
        path: where it was to go.
    """

    outcome: Outcome = "done"

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class SchedulerError(PostpressError):
    """Report that we chose not to send: a limit, a queue or a closed lane stood before it.

    Attributes:
        retry_after: seconds after which it may go, as far as is known now; None if nobody knows.
        account_id: the lane's account.
        action: the action that was asked for.
        limit: the limit or reason that binds, in words.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        account_id: str | None = None,
        action: str | None = None,
        limit: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable)
        self.account_id = account_id
        self.action = action
        self.limit = limit
        self.retry_after = retry_after


class WaitTooLongError(SchedulerError):
    """Report that the wait for a slot would be, or has become, longer than `max_wait`."""


class QueueFullError(SchedulerError):
    """Report that `max_queue` calls wait for this account already."""


class LaneClosedError(SchedulerError):
    """Report that the account's lane is closed: it lost its credentials or was restricted."""

    retryable = False


class StateUnavailableError(SchedulerError):
    """Report that the store of counts cannot be reached, so that nothing goes unpaced."""


class OutboxError(PostpressError):
    """Report that something cannot be done with an item of an outbox; nothing was changed.

    Attributes:
        item: the item's id, or the key that was asked for.
        state: the state it is in, as users see it; None where there is no such item.
    """

    def __init__(self, message: str, *, item: str, state: str | None = None) -> None:
        super().__init__(message)
        self.item = item
        self.state = state


class OutboxConflictError(OutboxError):
    """Report a key that stands for something else already, or an invitation that is open already.

    `item` is the other one, which is left as it is.
    """


class OutboxNotFoundError(OutboxError):
    """Report that the outbox has no item of this id or key."""


class OutboxStateError(OutboxError):
    """Report something that cannot be done in the state an item is in; the text says what can."""


class WebhookVerificationError(PostpressError):
    """Report a delivery that does not prove where it comes from."""
