"""The end of the demo: one line of JSON, or two tables and a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from postpress_async.cli.output import print_out

from .durations import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from .play import Outcome
    from .verdict import Messages, Trouble

_WORDS: Final = {
    "429": "too many requests (429)",
    "503": "service unavailable (503)",
    "reset": "connection reset",
    "stall": "silence, until we gave up",
    "half_body": "half an answer",
    "gateway": "a gateway's page, other 5xx",
}


def as_line(outcome: Outcome) -> dict[str, object]:
    """Return the summary for programs. Whatever concerns messages and requests is the journal's."""
    verdict, all_, watch = outcome.verdict, outcome.verdict.messages, outcome.stage.watch
    troubles = verdict.troubles
    return {
        "ok": verdict.kept,
        "planned": all_.planned,
        "sent": all_.sent,
        "lost": all_.lost,
        "doubled": all_.doubled,
        "over_limit": verdict.over_limit,
        "misreported": all_.misreported,
        "unknown": all_.unknown,
        "unknown_done": all_.unknown_done,
        "refused": all_.refused,
        "requests": verdict.requests,
        "status_429": verdict.status_429,
        "status_503": verdict.status_503,
        "resets": troubles["reset"].met,
        "stalls": troubles["stall"].met,
        "half_bodies": troubles["half_body"].met,
        "gateway_errors": troubles["gateway"].met,
        "reads_repeated": sum(trouble.read_again for trouble in troubles.values()),
        "sends_repeated": sum(trouble.sent_again for trouble in troubles.values()),
        "profiles": _profiles(outcome),
        "chats": sum(tally.chats for tally in outcome.stage.tallies.values()),
        "messages_read": sum(tally.messages for tally in outcome.stage.tallies.values()),
        "reads_failed": sum(tally.failed for tally in outcome.stage.tallies.values()),
        "waits": watch.waits,
        "longest_wait": round(max(watch.longest.values(), default=0.0), 1),
        "accounts": len(outcome.stage.tallies),
        "seed": outcome.stage.plan.seed,
        "naive": outcome.stage.plan.naive,
        "out_of_time": outcome.stage.out_of_time,
        "service_seconds": round(outcome.simulated, 1),
        "seconds": round(outcome.seconds, 2),
    }


def print_summary(outcome: Outcome) -> None:
    """Print what was done, what went wrong, and the verdict."""
    plan = outcome.stage.plan
    parts: tuple[RenderableType, ...] = (
        Text(),
        Text.assemble(
            ("What was done", "bold"),
            (f"   by {plan.accounts} accounts of each provider, seed {plan.seed}", "dim"),
        ),
        _done(outcome),
        Text(),
        Text("What went wrong, and what the client did about it", style="bold"),
        _went_wrong(outcome),
        Text(),
        Text.assemble(
            ("What became of it", "bold"),
            (f"   by the sandbox's journal of {outcome.verdict.requests:,} requests", "dim"),
        ),
        _verdict(outcome),
        Text(),
        *_last_words(outcome),
    )
    print_out(Group(*parts))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _done(outcome: Outcome) -> Table:
    head = ("profiles", "chats", "read", "sent", "unknown", "not sent", "waited up to")
    table = _table("", *head)
    stage = outcome.stage
    for provider, load in stage.plan.loads.items():
        ids = [one for one, tally in stage.tallies.items() if tally.provider == provider]
        tallies = [stage.tallies[one] for one in ids]
        messages = outcome.verdict.by_provider[provider]
        table.add_row(
            load.name,
            f"{sum(sum(tally.profiles.values()) for tally in tallies):,}",
            f"{sum(tally.chats for tally in tallies):,}",
            f"{sum(tally.messages for tally in tallies):,}",
            f"{messages.sent:,}",
            _few(messages.unknown),
            _few(messages.refused),
            spoken(max((stage.watch.longest.get(one, 0.0) for one in ids), default=0.0)),
        )
    return table


def _went_wrong(outcome: Outcome) -> Table:
    table = _table("", "times", "read again", "sent again", "unknown", "(was done)", "done")
    for kind, trouble in outcome.verdict.troubles.items():
        table.add_row(_WORDS[kind], *_numbers(trouble))
    return table


def _numbers(trouble: Trouble) -> Iterator[Text]:
    yield Text(f"{trouble.met:,}")
    for number in (
        trouble.read_again,
        trouble.sent_again,
        trouble.unknown,
        trouble.unknown_done,
        trouble.done,
    ):
        yield _few(number)


def _few(number: int) -> Text:
    return Text(f"{number:,}") if number else Text("-", style="dim")


def _verdict(outcome: Outcome) -> Table:
    all_ = outcome.verdict.messages
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=6)
    grid.add_column(justify="right")
    grid.add_column()
    grid.add_column(style="dim")
    for number, word, meaning in (
        (all_.lost, "lost", "reported as sent but not there, or never reported"),
        (all_.doubled, "doubled", "there more than once"),
        (outcome.verdict.over_limit, "over limit", "requests beyond what a provider takes"),
        (all_.misreported, "misreported", "reported as not sent, and there"),
    ):
        broken = number > 0
        mark = Text("BROKEN", style="bold red") if broken else Text("ok", style="green")
        grid.add_row(mark, Text(f"{number:,}"), Text(word), Text(meaning))
    grid.add_row(Text(), Text(f"{all_.sent:,}"), Text("sent"), Text("reported so, and there"))
    grid.add_row(Text(), Text(f"{all_.unknown:,}"), Text("unknown"), Text(_unknown(all_)))
    if all_.refused:
        grid.add_row(Text(), Text(f"{all_.refused:,}"), Text("not sent"), Text("reported so"))
    return grid


def _unknown(all_: Messages) -> str:
    happened = all_.unknown_done
    return f"reported so: {happened:,} had been sent, {all_.unknown - happened:,} had not"


def _last_words(outcome: Outcome) -> Iterator[Text]:
    watch, plan = outcome.stage.watch, outcome.stage.plan
    yield Text(
        f"{spoken(outcome.simulated)} of the service's time in {spoken(outcome.seconds)}: "
        f"{watch.waits:,} waits were skipped, stalls were not.",
        style="dim",
    )
    if outcome.stage.out_of_time:
        words = f"Given up after {spoken(plan.seconds)}: see --seconds, and --accounts for less."
    elif plan.naive:
        words = "This was the naive client: no limits, and every write sent until answered."
    else:
        words = "The same day for a client without limits that repeats: postpress demo --naive"
    yield Text(words, style="dim")


def _profiles(outcome: Outcome) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tally in outcome.stage.tallies.values():
        for name, number in tally.profiles.items():
            counts[name] = counts.get(name, 0) + number
    return counts
