"""A month of many accounts at the pace of people, checked by somebody who only sees arrivals.

The checker reads the rows of the table and does its own arithmetic: it shares no code with what it
checks. March 2026 has the day on which Europe's clocks jump, and the Sunday on which America's do.
"""

import asyncio
import os
import random
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from postpress_async import Limit, Limits, SchedulerError, Spacing, WarmUp, WorkingHours
from postpress_async.limits import DONE, Verdict

from .rehearsal import VirtualClock, nothing_leaks, now, scheduler

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(1800)]

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "calm")
ACCOUNTS = {"long": 1_000, "quick": 40}.get(PROFILE, 80)
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
DAY, DAYS = 86400.0, 31
ZONES = ["Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC"]
PROVIDERS = ["LINKEDIN", "WHATSAPP", "INSTAGRAM"]
ACTIONS = {
    "LINKEDIN": ["invite", "invite_note", "profile", "message"],
    "WHATSAPP": ["message", "first_message"],
    "INSTAGRAM": ["message", "follow", "react"],
}
LIMITS = {zone: Limits.human(tz=zone) for zone in ZONES}
# Demand that never ends must use what is allowed; spacing is wide there, so one budget binds.
BUSY = Limits.none().add(
    Limit(("invite", "invite_note"), 40, per="day"),
    Limit(("invite", "invite_note"), 150, per="week"),
    WarmUp(0.5, days=14),
    WorkingHours("09:00-12:30, 14:00-18:00", tz="Europe/Paris"),
    Spacing(30.0, 90.0),
)


class Account:
    def __init__(self, name, limits, provider, zone, age):
        self.name, self.limits, self.provider, self.zone = name, limits, provider, zone
        self.connected_at = START - age * DAY
        self.arrivals = []  # (epoch, action)
        self.asked = self.done = 0
        self.refused = []


def accounts_of(numbers):
    for index in range(ACCOUNTS):
        zone, provider = ZONES[index % 4], PROVIDERS[index % 3]
        age = numbers.choice([0.0, 0.7, 3.3, 10.0, 20.5, 400.0])
        yield Account(f"acc_{index}", LIMITS[zone], provider, zone, age)
    for index in range(3):
        yield Account(f"busy_{index}", BUSY, "LINKEDIN", "Europe/Paris", [0.0, 7.2, 99.0][index])


async def call(made, clock, account, action, numbers):
    account.asked += 1
    try:
        slot = await made.take(account.name, action, max_wait=40 * DAY)
    except SchedulerError as error:
        account.refused.append(str(error))
        return
    verdict = DONE
    try:
        await asyncio.sleep(numbers.uniform(0.02, 0.6))
        account.arrivals.append((clock.time(), action))
        if numbers.random() < 0.002:
            verdict = Verdict(effect="cool_down", retry_after=float(numbers.randint(30, 3_000)))
        await asyncio.sleep(numbers.uniform(0.02, 0.6))
        account.done += 1
    finally:
        made.report(slot, verdict)


async def month_of(made, clock, account, numbers):
    """Ask at random through the month, some days for far more than may go."""
    made.describe(account.name, account.provider, connected_at=account.connected_at, ok=True)
    calls, busy = [], account.name.startswith("busy")
    if busy:
        await made.set_limits(account.name, BUSY)
        names = ["invite", "invite_note"]
        calls = [(0.0, numbers.choice(names)) for _ in range(900)]
    else:
        for day in range(DAYS - 3):
            for _ in range(numbers.choice([0, 1, 2, 2, 12])):
                at = (day + numbers.random()) * DAY
                calls.append((at, numbers.choice(ACTIONS[account.provider])))
    tasks = []
    for at, action in sorted(calls):
        await asyncio.sleep(max(at - now(), 0.0))
        tasks.append(asyncio.ensure_future(call(made, clock, account, action, numbers)))
        if not busy and numbers.random() < 0.005:
            until = clock.time() + numbers.uniform(0.1, 2) * DAY
            await made.pause(account.name, until=until, reason="a short holiday")
    await asyncio.sleep(DAYS * DAY - now())
    waiting = [task for task in tasks if not task.done()]
    if busy:
        for task in waiting:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=busy)


# -- the checker: rows, arrivals, and its own arithmetic ------------------------------------------


def concerns(row, account, action):
    names = row.actions if hasattr(row, "actions") else getattr(row, "action", None)
    if row.provider not in (None, account.provider) or getattr(row, "tier", None) is not None:
        return False
    return names is None or action == names or (isinstance(names, tuple) and action in names)


def factor(account, action, at):
    """Return what a warm-up leaves of an amount at an instant."""
    age, found = (at - account.connected_at) / DAY, 1.0
    for row in account.limits.warm_ups:
        if not concerns(row, account, action) or age >= row.days:
            continue
        grown = max(int(age + 1e-9) - row.steady, 0) / (row.days - row.steady)
        share = 0.0 if age < row.quiet else row.start + (1 - row.start) * grown
        found = min(found, share)
    return found


SECONDS = {"hour": 3600.0, "day": DAY, "week": 7 * DAY, "month": 31 * DAY}


def windows_over(account):
    over = 0
    for row in account.limits.rows:
        names = row.actions if isinstance(row.actions, tuple) else (row.actions,)
        mine = [(at, name) for at, name in account.arrivals if name in names]
        if not mine or not concerns(row, account, mine[0][1]):
            continue
        instants = [at for at, _ in mine]
        for index, (at, name) in enumerate(mine):
            first = bisect_right(instants, at - SECONDS[row.per])
            share = factor(account, name, at)
            amount = max(1, int(row.amount * share + 1e-6)) if share else 0
            over += index - first + 1 > amount
    return over


def outside_hours(account):
    found = 0
    for at, _ in account.arrivals:
        wall = datetime.fromtimestamp(at - 1.0, ZoneInfo(account.zone))  # a call takes a moment
        minute = wall.hour * 60 + wall.minute
        ranges = [(540, 1080)] if account.limits is not BUSY else [(540, 750), (840, 1080)]
        inside = any(start - 1 <= minute < end for start, end in ranges)
        found += wall.weekday() > 4 or not inside
    return found


def too_close(account):
    found = 0
    for row in account.limits.spacings:
        mine = [at for at, action in account.arrivals if concerns(row, account, action)]
        found += sum(b - a < row.least for a, b in pairwise(mine))
    return found


def allowed_in_the_month(account):
    """Return how many a budget of 40 a day and 150 a week lets go at the most, day by day."""
    went = []
    for day in range(DAYS):
        wall = datetime.fromtimestamp(START + (day + 0.5) * DAY, ZoneInfo(account.zone))
        share = factor(account, "invite", START + day * DAY + 8 * 3600)
        week = sum(went[-6:])
        most = min(int(40 * share + 1e-6), int(150 * share + 1e-6) - week)
        went.append(max(most, 0) if wall.weekday() < 5 else 0)
    return sum(went)


async def test_a_month_of_many_accounts_breaks_no_limit_and_loses_no_call():
    numbers, clock = random.Random(2026), VirtualClock(START)
    made = scheduler(
        limits=lambda info: zone_of[info.account_id].limits,
        clock=clock, jitter=numbers.random, places=5_000,
    )  # fmt: skip
    accounts = list(accounts_of(numbers))
    zone_of = {account.name: account for account in accounts}
    await asyncio.gather(*(month_of(made, clock, account, numbers) for account in accounts))
    faults, use = defaultdict(int), {}
    for account in accounts:
        account.arrivals.sort()
        faults["over a window"] += windows_over(account)
        faults["outside hours"] += outside_hours(account)
        faults["too close"] += too_close(account)
        if not account.name.startswith("busy"):
            faults["lost"] += account.asked - account.done - len(account.refused)
            continue
        use[account.name] = len(account.arrivals) / allowed_in_the_month(account)
    assert dict(faults) == {"over a window": 0, "outside hours": 0, "too close": 0, "lost": 0}
    assert all(share >= 0.95 for share in use.values()), use
    assert all(reason for account in accounts for reason in account.refused)
    assert sum(len(account.arrivals) for account in accounts) > 40 * len(accounts)
    nothing_leaks(made, places=5_000)
