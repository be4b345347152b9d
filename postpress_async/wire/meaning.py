"""What an answer means for the account, its action, the key and the service: verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.limits import REFUND, Verdict

from .problems import CLOSING, NOT_HANDED_ON, RESTRICTED

if TYPE_CHECKING:
    from postpress_async.limits import Effect

    from .problems import Problem
    from .values import Call, Failed

SETTLE: Final = 1.0
"""Seconds for which a request may still be on its way after we stopped listening."""

_SERVER: Final = 500
_NOT_IMPLEMENTED: Final = 501
_UNAVAILABLE: Final = 503
_MANY: Final = 429
_UNAUTHORISED: Final = 401
_REFUNDED: Final = frozenset({400, 401, 415, 501})
_PROVES_NOTHING: Final = frozenset({400, 401, 408, 413, 415, 425})  # the provider never saw it
AGAIN: Final = ("cannot_resend_yet", "cannot_resend_within_24hrs", "already_invited_recently")
"""Types that say that this very person was asked before."""
_REFUSING: Final = frozenset({409, 422})
# Not the service's own failing: the provider's, and a login's.
_NOT_THE_SERVICE: Final = frozenset({"provider_error", "authentication_intent_error"})
_NAMED: Final = frozenset({"close", "restrict", "provider_error", "close_action", "same_again"})
# The service, or the way to it. Not here: certificates and TLS, which no waiting mends; answers
# that came and could not be read; and this side's own backlog, see `Failed.backlog`.
_GONE: Final = frozenset({"connect", "dns", "timeout", "closed", "garbage"})

_CUT_OFF: Final = Verdict(effect="unavailable", settle=SETTLE)
_OUT_OF_REACH: Final = Verdict(counts=False, effect="unavailable")
UNREADABLE: Final = Verdict(effect="no_answer", answered=True)
UNFINISHED: Final = Verdict(effect="no_answer", settle=SETTLE)


def of_answer(call: Call[object], status: int, problem: Problem, wait: float | None) -> Verdict:
    """Say what an answer other than 2xx means; the tables of docs/limits.md and docs/retries.md."""
    slug, effect = problem.slug, _effect(call, status, problem.slug)
    refused_early = status == _UNAVAILABLE and (problem.envelope and slug in NOT_HANDED_ON)
    return Verdict(
        counts=not (status in _REFUNDED or refused_early),
        effect=effect,
        retry_after=wait,
        reason=f"{status} errors/{slug}" if effect in _NAMED else None,
        subject=call.subject if effect == "same_again" else None,
        answered=True,
    )


def of_silence(failed: Failed) -> Verdict:
    """Say what an exchange without any answer means."""
    if failed.kind in _GONE and not failed.backlog:
        return _CUT_OFF if failed.sent else _OUT_OF_REACH
    return UNFINISHED if failed.sent else REFUND


def _effect(call: Call[object], status: int, slug: str | None) -> Effect:
    if status == _MANY:
        return "cool_key" if call.action == "read" else "cool_down"
    if status in {401, 403} and slug in CLOSING:
        return "close"
    if status in {401, 403} and slug in RESTRICTED:
        return "restrict"
    if status == _UNAUTHORISED and call.action != "login" and _of_the_key(slug):
        return "key_refused"
    if call.action != "read":
        if status == _SERVER and slug == "provider_error":
            return "provider_error"
        if status in _REFUSING and slug == "limit_exceeded":
            return "close_action"
        if status in _REFUSING and slug in AGAIN:
            return "same_again"
    if status >= _SERVER:
        own = status == _NOT_IMPLEMENTED or (status == _SERVER and slug in _NOT_THE_SERVICE)
        return "no_answer" if own else "unavailable"
    return "no_answer" if status in _PROVES_NOTHING else "none"


def _of_the_key(slug: str | None) -> bool:
    """Tell whether a 401 is about the API key.

    Every 401 about an account, a login or a scope names its type; one without a type comes from
    the door, before anybody looked at what was asked.
    """
    return slug is None or slug == "missing_credentials" or slug.startswith("key_")
