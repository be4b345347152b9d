"""The dashboard: one page, nothing loaded from anywhere, everything escaped."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from .wire import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .engine import Engine
    from .values import JournalEntry

_TAIL: Final = 200
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8883;--soft:#8881;--accent:#3b6cff}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2rem 1.25rem;font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2.25rem 0 .5rem}
p{margin:.25rem 0 0;opacity:.75}
code,td.code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .75rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
th{font-weight:600;font-size:12px;opacity:.7;background:var(--soft);white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums}
.tag{padding:.05rem .5rem;border-radius:99px;background:var(--soft);white-space:nowrap}
.good{color:#1a8f4a}.bad{color:#d1383d}.quiet{opacity:.6;padding:.75rem}
"""


def page(engine: Engine) -> str:
    """Draw the state of a sandbox."""
    with engine.lock:
        sections = [
            ("Accounts", _accounts(engine)),
            ("Faults", _faults(engine)),
            ("Hidden limits", _limits(engine)),
            (f"Journal, the last {_TAIL}", _journal(engine)),
        ]
        now = iso(round(engine.clock.time() * 1000))
        honoured = "honoured" if engine.replays.honoured else "ignored"
        key, seed = escape(engine.api_key), escape(str(engine.seed))
    body = "".join(f"<h2>{title}</h2><div class=wide>{rows}</div>" for title, rows in sections)
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>postpress sandbox</title>"
        f"<style>{_STYLE}</style></head><body><h1>postpress sandbox</h1>"
        f"<p>seed {seed} · key <code>{key}</code> · its time <code>{now}</code>"
        f" · idempotency keys {honoured}</p>{body}</body></html>"
    )


def _accounts(engine: Engine) -> str:
    world = engine.world
    return _table(
        ("Account", "Provider", "Name", "Status", "Chats", "Relations", "Messages"),
        (
            (
                _code(account.id),
                _tag(account.provider),
                escape(account.owner.full_name),
                _mark(account.status, good=account.status == "OK"),
                _number(chats),
                _number(len(account.relations)),
                _number(messages),
            )
            for account in world.rows
            for chats, messages in (world.counts(account),)
        ),
    )


def _faults(engine: Engine) -> str:
    return _table(
        ("Route", "Account", "Effect", "Stage", "Chance", "Struck"),
        (
            (
                _code(fault.route),
                _code(fault.account_id or "any"),
                _tag(" ".join(str(x) for x in (fault.effect, fault.status, fault.type) if x)),
                escape(fault.when),
                _number(f"{fault.probability:.0%}"),
                _number(f"{used} of {fault.times}" if fault.times is not None else used),
            )
            for fault, used in engine.faults.listed()
        ),
    )


def _limits(engine: Engine) -> str:
    now = engine.clock.time()
    fullest: dict[int, int] = {}
    for account_id in engine.world.accounts:
        for limit, used in engine.limits.used(account_id, now):
            fullest[id(limit)] = max(used, fullest.get(id(limit), 0))
    return _table(
        ("Actions", "For", "Amount", "In", "Fullest account"),
        (
            (
                _code(", ".join(limit.actions)),
                escape(limit.account_id or limit.provider or "every account"),
                _number(limit.amount),
                escape(str(limit.per) if isinstance(limit.per, str) else f"{limit.per:g} s"),
                _number(fullest.get(id(limit), 0)),
            )
            for limit in engine.limits.configured
        ),
    )


def _journal(engine: Engine) -> str:
    return _table(
        ("n", "At", "Request", "Account", "Action", "Status", "Notes"),
        (
            (
                _number(entry.n),
                _code(iso(round(entry.at * 1000))),
                _code(f"{entry.method} {entry.path}"),
                _code(entry.account_id or "-"),
                escape(entry.action or "-"),
                _status(entry.status),
                _notes(entry),
            )
            for entry in engine.journal.tail(_TAIL)
        ),
    )


def _status(status: int | None) -> str:
    if status is None:
        return _mark("no answer", good=False)
    return _mark(str(status), good=status < HTTPStatus.MULTIPLE_CHOICES)


def _notes(entry: JournalEntry) -> str:
    notes = (
        (entry.committed, "written"),
        (entry.replayed, "replay"),
        (entry.over_limit, "over a limit"),
        (entry.fault is not None, f"fault: {entry.fault}"),
    )
    return " ".join(_tag(text) for true, text in notes if true)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in map(_cells, rows))
    if not lines:
        return "<div class=quiet>None.</div>"
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _cells(row: tuple[str, ...]) -> list[str]:
    return [f"<td>{cell}</td>" for cell in row]


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _tag(text: str) -> str:
    return f"<span class=tag>{escape(text)}</span>"


def _mark(text: str, *, good: bool) -> str:
    return f"<span class={'good' if good else 'bad'}>{escape(text)}</span>"


def _number(value: object) -> str:
    return f"<div class=n>{escape(str(value))}</div>"
