"""The tables of the guides that say what the code decides, made from the code itself.

`python docs/tables.py` writes them between their marks; the suite fails while a page differs.
`python docs/tables.py --measured` writes the figures of the last `nox -s bench` into
performance.md, which no test holds: they belong to the machine that they were measured on.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from postpress_async import Limits, Retries, Timeout, WarmUp
from postpress_async.exchange import retry
from postpress_async.sandbox.problems import STATUS_OF
from postpress_async.wire import codec, problems
from postpress_async.wire.meaning import AGAIN
from postpress_async.wire.routes import Route
from postpress_async.wire.values import Bad, Call, Failed, HttpRequest, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postpress_async.errors import ResponseError
    from postpress_async.limits import Effect
    from postpress_async.wire.routes import Method

DOCS = Path(__file__).resolve().parent


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """Return a table of Markdown."""
    names = [name.strip() for name in head.split("|")]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# -- errors.md ------------------------------------------------------------------------------------


def errors() -> str:
    """Return every documented type with its class and next step.

    The types come from the sandbox, which has them from the documents and not from the client.
    """
    rows = sorted((status, slug) for slug, status in STATUS_OF.items())
    return table(
        "status | type | class | what to do",
        (
            [str(status), f"`{slug}`", _class(status, slug), problems.next_step(status, slug)]
            for status, slug in rows
        ),
    )


def _class(status: int, slug: str) -> str:
    found: type[ResponseError] = problems.class_of(status, slug)
    return f"[{found.__name__}][postpress_async.{found.__name__}]"


# -- limits.md ------------------------------------------------------------------------------------


def recommended() -> str:
    """Return the rows of `Limits.recommended()`."""
    limits = Limits.recommended()
    rows = [
        [
            row.provider or "any",
            ", ".join(f"`{name}`" for name in row.names),
            f"{row.amount:,} / {row.per}",
            row.tier or "",
            row.source,
        ]
        for row in limits.rows
    ]
    for row in limits.spacings:
        apart = f"{row.least:g}-{row.most:g} s apart"
        rows.append([row.provider or "any", f"`{row.action}`", apart, "", row.source])
    rows += (
        [grown.provider or "any", f"`{grown.actions}`", _grows(grown), "", grown.source]
        for grown in limits.warm_ups
    )
    return table("provider | actions (one budget) | at most | tier | source", rows)


def _grows(row: WarmUp) -> str:
    return (
        f"of that none until day {row.quiet:g}, {row.start:.0%} until day {row.steady:g}, "
        f"then day by day to all of it on day {row.days:g}"
    )


def counting() -> str:
    """Return which answers count against a limit."""
    free = {status for status in STATUS_OF.values() if not _counted(status, None)}
    unavailable = [slug for slug, status in STATUS_OF.items() if status == 503]  # noqa: PLR2004 - its own name
    slugs = [slug for slug in unavailable if not _counted(503, slug)]
    return table(
        "what came | counts",
        [
            ["certainly not sent", "no"],
            [", ".join(map(str, sorted(free))), "no"],
            ["503 " + ", ".join(f"`{slug}`" for slug in slugs), "no"],
            ["every other answer, 404 and 429 too", "yes"],
            ["sent, and no answer: cut, timed out, cancelled", "yes"],
        ],
    )


def _counted(status: int, slug: str | None) -> bool:
    return _read("GET", _answer(status, slug)).verdict.counts


# -- retries.md -----------------------------------------------------------------------------------

PAGE = Reply(status=502, headers={"Content-Type": "text/html"}, body=b"<html>")


def _answer(status: int, slug: str | None = None) -> Reply:
    said = {"type": f"errors/{slug}", "title": "t", "status": status} if slug else {}
    return Reply(status=status, headers={}, body=msgspec.json.encode(said))


def _good(kind: str) -> Failed:
    return Failed(kind=kind, sent=True, detail="d", status=200, headers={})  # type: ignore[arg-type]  # a word of the table


def _none(kind: str, *, sent: bool) -> Failed:
    return Failed(kind=kind, sent=sent, detail="d")  # type: ignore[arg-type]  # a word of the table


ROWS: tuple[tuple[str, Reply | Failed], ...] = (
    ("no connection: refused, closed, stalled", _none("connect", sent=False)),
    ("the host's name is unknown", _none("dns", sent=False)),
    ("a bad certificate, or no TLS there", _none("certificate", sent=False)),
    ("a file to send was gone or had changed before the attempt", _none("upload", sent=False)),
    ("a file changed while it was sent", _none("upload", sent=True)),
    ("time ran out before a byte left", _none("timeout", sent=False)),
    ("sent, then the connection was cut", _none("closed", sent=True)),
    ("sent, then silence until a `Timeout` ran out", _none("timeout", sent=True)),
    ("sent, and what came back is not HTTP", _none("garbage", sent=True)),
    ("2xx, and its body was cut or stalled", _good("body")),
    ("2xx, and its body is larger than `Http.max_body`", _good("too_big")),
    ("2xx, and its body is not compressed as it says", _good("encoding")),
    ("2xx, and its JSON cannot be read", Reply(status=200, headers={}, body=b'{"a":')),
    ("2xx, and its body is a page of HTML", Reply(status=200, headers={}, body=b"<html>")),
    ("3xx", _answer(307)),
    ("400, 401, 403, 404, 413, 415, 422, 501", _answer(400, "malformed_request")),
    ("408", _answer(408)),
    ("409", _answer(409)),
    ("425 `auth_in_progress`", _answer(425, "auth_in_progress")),
    ("429", _answer(429, "too_many_requests")),
    ("500 `unexpected_error`, or without a type", _answer(500, "unexpected_error")),
    ("500 `provider_error`", _answer(500, "provider_error")),
    ("500 `authentication_intent_error`", _answer(500, "authentication_intent_error")),
    ("502, 504, a proxy's 503", PAGE),
    ("503 `no_client_session`, `no_channel`, `no_handler`", _answer(503, "no_channel")),
    ("503 `network_down`, `service_unavailable`", _answer(503, "network_down")),
)


def retries() -> str:
    """Return what is decided about each failure, by asking `decide`."""
    return table(
        "what came | GET | PUT, DELETE, PATCH | POST | POST, key trusted",
        ([label, _get(a), _repeatable(a), _cell("POST", a), _cell("POST", a, trust=True)]
         for label, a in ROWS),
    )  # fmt: skip


def _get(answer: Reply | Failed) -> str:
    return _cell("GET", answer).partition(":")[0]  # a read changes nothing, whatever its outcome


def _repeatable(answer: Reply | Failed) -> str:
    plain, patch = _cell("PUT", answer), _cell("PATCH", answer)
    return plain if plain == patch else f"{plain}; PATCH {patch.removeprefix('again, ')}"


def _cell(method: Method, answer: Reply | Failed, *, trust: bool = False) -> str:
    bad = _read(method, answer)
    policy = Retries(attempts=9, trust_idempotency_key=trust)
    first, second = (
        retry.decide(bad, Route(method, "/x", action="message"), number, policy, 0.5)
        for number in (1, 2)
    )
    if isinstance(first, retry.Wait):
        again = "cool-down, again" if first.reason == "cool_down" else "again"
        return again if isinstance(second, retry.Wait) else f"{again}, once"
    outcome = "unknown" if isinstance(first, retry.Unknown) else bad.error.outcome
    return f"stop: {outcome}" if outcome in {"unknown", "done"} else "stop"


class _Never:
    def read(self, _body: bytes, /) -> object:
        raise ValueError("unreadable")


def _read(method: Method, answer: Reply | Failed) -> Bad:
    request = HttpRequest(
        method=method, url="u", headers=None, body=None, timeout=Timeout(), safe=method == "GET"
    )
    call = Call(
        route=Route(method, "/x", action="message"),
        request=request,
        reading=_Never(),
        account_id="acc_1",
        action="message",
    )
    result = codec.read(call, answer, key="k", now=lambda: 0.0)
    assert isinstance(result, Bad)  # noqa: S101 - nothing here succeeds
    return result


FOLLOWS: dict[Effect, str] = {
    "none": "nothing",
    "no_answer": "nothing; it proves nothing about the account",
    "unavailable": "the service failed: the account did nothing wrong",
    "cool_down": "the account cools down; on a `read`, the API key does",
    "provider_error": "the account cools down; two in a row close the action",
    "close_action": "the action closes until its windows have room",
    "same_again": "this person was asked before: three people in a row close the action",
    "close": "the account's lane closes until it is in order again",
    "restrict": "the account's lane closes until a person resumes it",
    "key_refused": "whoever waits gets `AuthenticationError` at once; nothing stays closed",
}
MEANT: tuple[tuple[str, tuple[Reply | Failed, ...]], ...] = (
    ("429", (_answer(429),)),
    ("500 `provider_error`", (_answer(500, "provider_error"),)),
    ("422 `limit_exceeded`", (_answer(422, "limit_exceeded"),)),
    (
        "422 or 409 `cannot_resend_yet`, `cannot_resend_within_24hrs`, `already_invited_recently`",
        tuple(_answer(status, slug) for status in (409, 422) for slug in AGAIN),
    ),
    (
        "401 `disconnected_account`, `expired_credentials`",
        (_answer(401, "disconnected_account"), _answer(401, "expired_credentials")),
    ),
    ("403 `account_restricted`", (_answer(403, "account_restricted"),)),
    (
        "401 `missing_credentials`, `key_…`, or without a type; not on a login",
        (_answer(401, "missing_credentials"), _answer(401, "key_missing"), _answer(401)),
    ),
    ("other 401", (_answer(401, "invalid_credentials"), _answer(401, "checkpoint_error"))),
    (
        "other 500, 502, 503, 504",
        tuple(_answer(status) for status in (500, 502, 503, 504, 520)),
    ),
    (
        "no connection; no answer in time; cut off; no HTTP",
        (_none("connect", sent=False), _none("dns", sent=False), _none("timeout", sent=True),
         _none("closed", sent=True), _none("garbage", sent=True)),
    ),
    (
        "a bad certificate; a 2xx that cannot be read; 400, 408, 413, 415, 425, 501",
        (_none("certificate", sent=False), _good("body"), _good("too_big"),
         *(_answer(status) for status in (400, 408, 413, 415, 425, 501))),
    ),
    ("other 403, 404, 409, 422", tuple(_answer(status) for status in (403, 404, 409, 422))),
)  # fmt: skip


def meanings() -> str:
    """Return what a failure means beyond its call, by asking for each verdict."""
    return table(
        "what came | what follows",
        ([label, FOLLOWS[_effect_of(answers)]] for label, answers in MEANT),
    )


def _effect_of(answers: tuple[Reply | Failed, ...]) -> Effect:
    (effect,) = {_read("POST", answer).verdict.effect for answer in answers}
    return effect


# -- performance.md -------------------------------------------------------------------------------


def measured() -> str:
    """Return what the last run of the benchmarks found."""
    results = DOCS.parent / "benchmarks/results/latest.json"
    run = json.loads(results.read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    rows = [row for row in run["rows"] if row["ratio"] is not None or row["ours"] is not None]
    lines = table("what | ours | against it | ratio (quartiles) | goal | met", map(_figures, rows))
    return f"{lines}\n\nPython {run['python']} on {run['system']}, {versions}."


def _figures(row: dict[str, object]) -> list[str]:
    less = row["sense"] == "less"
    ours, baseline, ratio, goal = (row[name] for name in ("ours", "baseline", "ratio", "goal"))
    shown, bound = "", ""
    if isinstance(ratio, float):
        shown = f"{ratio:.2f} ({row['lower']:.2f}-{row['upper']:.2f})" + (" times less" * less)
    if isinstance(goal, float | int):
        bound = f"{'≥' if less else '≤'} {goal:g}" + (" µs" if ratio is None else "")
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]  # type: ignore[index]  # a row has it
    return [str(row["name"]), _micros(ours), _micros(baseline), shown, bound, met]


def _micros(value: object) -> str:
    return f"{value:,.1f} µs" if isinstance(value, float) else ""


# -- writing --------------------------------------------------------------------------------------

TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "errors": ("errors.md", errors),
    "recommended": ("limits.md", recommended),
    "counting": ("limits.md", counting),
    "retries": ("retries.md", retries),
    "meanings": ("retries.md", meanings),
}


def renewed(name: str) -> tuple[Path, str, str]:
    """Return a table's page, its text, and its text with the table made anew."""
    file, make = TABLES[name]
    return _renewed(name, DOCS / file, make)


def _renewed(name: str, page: Path, make: Callable[[], str]) -> tuple[Path, str, str]:
    text = page.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- table: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        raise SystemExit(f"docs: {page.name} has no mark for the table {name}")
    return page, text, marked.sub(lambda m: f"{m[1]}\n{make()}\n{m[2]}", text)


def main() -> int:
    """Write every table, or with `--measured` the one of the benchmarks."""
    tables = {name: (DOCS / file, make) for name, (file, make) in TABLES.items()}
    if "--measured" in sys.argv[1:]:
        tables = {"measured": (DOCS / "performance.md", measured)}
    for name, (page, make) in tables.items():
        _, text, new = _renewed(name, page, make)
        if text != new:
            page.write_text(new, encoding="utf-8")
            print(f"docs: {page.name}: table {name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
