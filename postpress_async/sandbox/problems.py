"""Every error that the service documents, and how it is worded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .wire import JsonObject

_BY_STATUS: Final[dict[int, str]] = {
    400: """invalid_parameters missing_parameters malformed_request content_too_large invalid_url
        too_many_characters unescaped_characters limit_too_high invalid_request invalid_action
        invalid_label""",
    401: """missing_credentials multiple_sessions invalid_checkpoint_solution
        invalid_proxy_credentials checkpoint_error invalid_credentials expired_credentials
        insufficient_privileges disconnected_account disconnected_feature
        invalid_credentials_but_valid_account_imap expired_link wrong_account captcha_not_supported
        invalid_imap_configuration invalid_smtp_configuration""",
    403: """account_restricted account_mismatch insufficient_permissions session_mismatch
        feature_not_subscribed subscription_required unknown_authentication_context action_required
        resource_access_restricted""",
    404: "resource_not_found invalid_resource_identifier",
    409: "request_in_progress",
    415: "unsupported_media_type",
    422: """invalid_account user_unreachable unprocessable_entity account_configuration_error
        provider_unreachable invalid_recipient no_connection_with_recipient blocked_recipient
        action_already_performed invalid_message invalid_post not_allowed_inmail
        insufficient_credits cannot_resend_yet cannot_resend_within_24hrs limit_exceeded
        already_invited_recently cannot_invite_attendee parent_mail_not_found invalid_reply_subject
        invalid_headers send_as_denied invalid_folder invalid_thread unauthorized sender_rejected
        recipient_rejected ip_rejected_by_server cant_send_message realtime_client_not_initialized
        already_connected connection_limit_reached""",
    425: "auth_in_progress",
    429: "too_many_requests",
    500: "unexpected_error provider_error authentication_intent_error",
    501: "feature_not_implemented",
    503: "no_client_session no_channel no_handler network_down service_unavailable",
    504: "request_timeout",
}

STATUS_OF: Final[dict[str, int]] = {
    slug: status for status, slugs in _BY_STATUS.items() for slug in slugs.split()
}
"""The status of each documented type. A slug listed under two statuses keeps the first."""

TYPE_OF: Final[dict[int, str]] = {
    status: slugs.split()[0] for status, slugs in _BY_STATUS.items()
} | {403: "account_restricted", 422: "unprocessable_entity", 503: "service_unavailable"}
"""What a bare status is called when nobody named the type."""

_DETAILS: Final[dict[str, str]] = {
    "missing_credentials": "Some credentials are necessary to perform the request.",
    "disconnected_account": "The account is disconnected from the provider service.",
    "account_restricted": "The account has been restricted by the provider.",
    "resource_not_found": "The requested resource was not found.",
    "invalid_resource_identifier": "The provided identifier is not valid.",
    "too_many_requests": "The provider cannot accept any more requests at the moment.",
    "feature_not_implemented": "This feature has not been implemented yet.",
    "no_client_session": "No client session is currently running.",
    "request_timeout": "Request timed out. Retry, and contact support if it persists.",
}

# Refused before the provider heard of it. All else counts, also a missing answer.
_FREE_STATUSES: Final = frozenset({400, 401, 415, 501})
_FREE_TYPES: Final = frozenset({"no_client_session", "no_channel", "no_handler"})


class Problem(Exception):  # noqa: N818 - the word of RFC 9457, whose envelope this is
    """An answer that is not a success."""

    def __init__(self, type: str, detail: str | None = None, *, status: int | None = None) -> None:
        super().__init__(type, detail)
        self.type = type
        self.detail = detail
        self.status: int = status if status is not None else STATUS_OF[type]

    def envelope(self, instance: str) -> JsonObject:
        """Word it as every reference page does."""
        return envelope(self.type, self.status, self.detail, instance)


def envelope(type: str, status: int, detail: str | None, instance: str) -> JsonObject:
    """Make the documented error body; `instance` is the request id that support asks for."""
    return {
        "title": type.replace("_", " ").capitalize(),
        "detail": detail or _DETAILS.get(type, "The request could not be fulfilled."),
        "instance": instance,
        "type": f"errors/{type}",
        "status": status,
    }


def counts(status: int | None, type: str | None) -> bool:
    """Tell whether a request with this answer used up some of the provider's patience.

    `status=None` means that no answer was given: the provider may well have acted.
    """
    if status is None:
        return True
    return status not in _FREE_STATUSES and not (
        status == STATUS_OF["no_handler"] and type in _FREE_TYPES
    )
