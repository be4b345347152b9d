"""The demo: it holds with this client, and it fails with a broken one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import pty
import signal
import time

import msgspec
import pytest
from rich.console import Console

from postpress_async import Limit, Limits, MessageSent, RateLimitedError
from postpress_async.cli.demo import play as playing
from postpress_async.cli.demo.plan import SEND, Load, Plan
from postpress_async.cli.demo.play import play
from postpress_async.cli.demo.screen import picture, screen
from postpress_async.cli.demo.summary import as_line, print_summary
from postpress_async.resources.messages import Messages
from postpress_async.sandbox import Fault

PROMISED = {"sent", "lost", "doubled", "over_limit", "unknown", "requests", "seconds"} | {
    "status_429",
    "status_503",
}
SMALL = Plan(
    accounts=1,
    chats=4,
    history=4,
    chats_read=2,
    loads={
        "LINKEDIN": Load(name="LinkedIn", profiles=4, messages=4),
        "WHATSAPP": Load(name="WhatsApp", profiles=2, messages=4),
        "INSTAGRAM": Load(name="Instagram", profiles=2, messages=24),
        "TELEGRAM": Load(name="Telegram", profiles=2, messages=4),
        "TWITTER": Load(name="X", profiles=2, messages=4),
    },
)
SENDS_CUT = [Fault(route=SEND, effect="reset", stage="after", probability=0.3)]


@contextlib.asynccontextmanager
async def unseen(_):
    yield


def small(**changes):
    return play(msgspec.structs.replace(SMALL, **changes), unseen)


@pytest.fixture
def faults(monkeypatch):
    def faults(*wanted):
        monkeypatch.setattr(playing, "faults", lambda: list(wanted))

    return faults


@pytest.fixture
def send(monkeypatch):
    """Break the client's `messages.send`."""
    honest = Messages.send

    def send(broken):
        monkeypatch.setattr(Messages, "send", lambda self, **given: broken(honest, self, given))

    return send


def test_a_bad_day_is_survived():
    outcome = small(seed=4)
    line = as_line(outcome)
    assert line["ok"]
    assert (line["lost"], line["doubled"], line["over_limit"], line["misreported"]) == (0, 0, 0, 0)
    assert line["sent"] + line["unknown"] + line["refused"] == line["planned"] == 40
    assert set(line) >= PROMISED
    assert len(line["profiles"]) == 5
    assert (line["chats"], line["reads_failed"]) == (20, 0)
    assert line["service_seconds"] > 7200  # Instagram takes ten an hour
    assert line["seconds"] < 30


def test_writes_that_were_cut_are_unknown_and_neither_lost_nor_doubled(faults):
    faults(*SENDS_CUT)
    messages = small().verdict.messages
    assert messages.unknown == messages.unknown_done > 0
    assert (messages.lost, messages.doubled, messages.sent) == (0, 0, 40 - messages.unknown)


def test_half_an_answer_is_a_message_sent(faults):
    faults(Fault(route=SEND, effect="half_body", stage="after"))
    verdict = small().verdict
    assert (verdict.messages.sent, verdict.kept) == (40, True)
    assert verdict.troubles["half_body"].done == 40


def test_what_the_service_refused_is_sent_again(faults):
    faults(Fault(route=SEND, type="no_client_session", times=5))
    verdict = small().verdict
    assert (verdict.messages.sent, verdict.status_503) == (40, 5)
    assert verdict.troubles["503"].sent_again == 5


def test_the_naive_client_doubles_and_goes_over_limits(faults):
    faults(*SENDS_CUT)
    outcome = small(naive=True)
    assert outcome.verdict.messages.doubled > 0
    assert outcome.verdict.over_limit > 0
    assert not outcome.verdict.kept


def test_a_limit_that_is_one_too_high_shows(faults, monkeypatch):
    faults()
    eleven = Limits.recommended().replace(Limit("message", 11, per="hour", provider="INSTAGRAM"))
    monkeypatch.setattr(Plan, "limits", lambda self: eleven)
    verdict = small().verdict
    assert (verdict.over_limit > 0, verdict.kept) == (True, False)


def test_a_client_that_says_sent_and_does_nothing_shows(faults, send):
    async def swallow(honest, self, given):
        return MessageSent(message_id="m_1")

    faults()
    send(swallow)
    verdict = small().verdict
    assert (verdict.messages.lost, verdict.messages.sent, verdict.kept) == (40, 0, False)


def test_a_client_that_sends_twice_shows(faults, send):
    async def twice(honest, self, given):
        await honest(self, **given)
        return await honest(self, **given)

    faults()
    send(twice)
    verdict = small().verdict
    assert (verdict.messages.doubled, verdict.kept) == (40, False)


def test_a_client_that_denies_what_it_did_shows(faults, send):
    async def deny(honest, self, given):
        await honest(self, **given)
        raise RateLimitedError("no", status=429)

    faults()
    send(deny)
    messages = small().verdict.messages
    assert (messages.misreported, messages.refused) == (40, 40)


def test_a_client_that_never_reports_loses(faults, send, capsys):
    async def hang(honest, self, given):
        await asyncio.get_running_loop().create_future()

    faults()
    send(hang)
    start = time.monotonic()
    outcome = small(seconds=1.0)
    assert (outcome.verdict.messages.lost, outcome.verdict.kept) == (40, False)
    assert as_line(outcome)["out_of_time"]
    assert time.monotonic() - start < 15
    print_summary(outcome)
    assert "Given up after 1.0 s" in capsys.readouterr().out


def test_the_summary_is_for_reading(faults, capsys):
    faults(*SENDS_CUT)
    outcome = small()
    print_summary(outcome)
    shown = capsys.readouterr().out
    for words in ("What was done", "What went wrong", "What became of it", "lost", "doubled"):
        assert words in shown
    assert "Instagram" in shown
    assert "BROKEN" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert "\x1b" not in shown


def test_a_broken_promise_is_said_loudly(faults, capsys):
    faults(*SENDS_CUT)
    print_summary(small(naive=True))
    assert capsys.readouterr().out.count("BROKEN") == 2


def test_the_live_picture(faults):
    faults()
    stage = small().stage
    console = Console(record=True, width=84, file=io.StringIO())
    console.print(picture(stage, 1.5))
    shown = console.export_text()
    assert "28 of 28" not in shown.replace(" ", "")
    assert "Instagram" in shown
    assert "26 of 26" in shown
    assert "requests" in shown


def test_the_command_ends_in_one_line_of_json_and_says_nothing_else(run):
    ran = run("demo", "--json", "--accounts", "1", "--seed", "2")
    [line] = ran.lines
    assert (ran.code, ran.err) == (0, "")
    assert set(line) >= PROMISED
    assert (line["seed"], line["accounts"], line["ok"]) == (2, 5, True)


def test_the_naive_command_exits_1(run, faults):
    faults(*SENDS_CUT)
    ran = run("demo", "--json", "--naive", "--accounts", "1")
    [line] = ran.lines
    assert (ran.code, line["doubled"] > 0, line["over_limit"] > 0) == (1, True, True)


@pytest.fixture
def on_a_terminal(program):
    """Run the demo with a terminal for its stderr; tell what it printed and drew."""

    def on_a_terminal(*arguments, when_drawing=lambda process: None):
        ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm"}
        process = program("demo", *arguments, stderr=theirs, env=environment)
        os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # how a terminal without writers ends
            while piece := os.read(ours, 65_536):
                drawn += piece
                if b"requests" in drawn:
                    when_drawing(process)
        os.close(ours)
        out, _ = process.communicate(timeout=20)
        return process.returncode, out, drawn

    return on_a_terminal


def test_progress_is_drawn_on_a_terminal_and_the_result_is_not_disturbed(on_a_terminal):
    code, out, drawn = on_a_terminal("--json", "--accounts", "1")
    assert (code, json.loads(out)["ok"]) == (0, True)
    assert b"A bad day at the service" in drawn
    assert b"Instagram" in drawn


@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_ends_it_with_130_also_for_the_impatient(on_a_terminal, times):
    left = [None] * times

    def interrupt(process):
        if left:
            left.pop()
            process.send_signal(signal.SIGINT)

    code, out, drawn = on_a_terminal(when_drawing=interrupt)
    assert (code, out) == (130, "")
    assert drawn.rstrip().endswith(b"postpress: interrupted")
    assert b"Traceback" not in drawn
    assert b"destroyed" not in drawn


async def test_without_a_terminal_nothing_is_drawn(capsys):
    async with screen(None):
        pass
    assert capsys.readouterr() == ("", "")
