"""Playing the demo: a sandbox in a thread of its own, one client, all accounts at once.

The sandbox has its own thread and event loop, so that the client's waits for answers are real
waits on real sockets; and it is in this process, so that both share one clock that can be pushed
forward, and the journal can be read to its last line when the client has stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import msgspec

from postpress_async.client import Postpress
from postpress_async.options import Http, Retries, Timeout
from postpress_async.sandbox import Sandbox

from .campaign import Campaign, Tally
from .plan import HIDDEN_LIMITS, Plan, faults
from .timelapse import skip_silences
from .verdict import Verdict, judge
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_TIMEOUT: Final = Timeout(total=1.5, connect=5.0, read=1.5)  # a stall is over after this, really
_PLACES: Final = 48
# No bound: its timer would be the only thing to wait for while a stalled request is under way, and
# the clock would jump to it.
_FOR_AS_LONG_AS_IT_TAKES: Final = math.inf


Show: TypeAlias = "Callable[[Stage], contextlib.AbstractAsyncContextManager[None]]"


class Stage(msgspec.Struct, kw_only=True):
    """Hold what a watcher may look at while the demo runs.

    Attributes:
        plan: what was planned.
        tallies: what each account got done, by its id.
        watch: what the client's hooks told.
        begun: the sandbox's time at the start.
        now: tells the sandbox's time.
        out_of_time: whether it was given up before its end.
    """

    plan: Plan
    tallies: dict[str, Tally]
    watch: Watch
    begun: float
    now: Callable[[], float]
    out_of_time: bool = False


class Outcome(msgspec.Struct, kw_only=True):
    """Hold all that the demo found.

    Attributes:
        stage: how it went, by the client's reports.
        verdict: how it went, by the sandbox's journal.
        seconds: how long it took.
        simulated: how long it would have taken without skipping.
    """

    stage: Stage
    verdict: Verdict
    seconds: float
    simulated: float


def play(plan: Plan, show: Show) -> Outcome:
    """Play it to the end, or until its time is over.

    Args:
        plan: what to do.
        show: makes a live picture for as long as its block lasts.
    """
    start = time.monotonic()
    with Sandbox(
        seed=plan.seed,
        accounts=dict.fromkeys(plan.loads, plan.accounts),
        chats=plan.chats,
        messages=plan.history,
    ) as sandbox:
        sandbox.limits(HIDDEN_LIMITS)
        sandbox.faults(faults())
        # The documents promise only for one route that the key is honoured: nobody may rely on it.
        sandbox.idempotency(honoured=False)
        stage = asyncio.run(_interruptible(_play(plan, sandbox, show)))
        simulated = sandbox.clock.monotonic() - stage.begun
        verdict = judge(sandbox.journal(), stage.tallies.values())
    return Outcome(
        stage=stage, verdict=verdict, seconds=time.monotonic() - start, simulated=simulated
    )


async def _interruptible(work: Coroutine[None, None, Stage]) -> Stage:
    """Let Ctrl-C end the work once, tidily; a second one does not tear up what the first began."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows: asyncio.run's own way is left
        loop.add_signal_handler(signal.SIGINT, lambda: task.cancelling() or task.cancel())
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _play(plan: Plan, sandbox: Sandbox, show: Show) -> Stage:
    watch = Watch(asyncio.get_running_loop().time)
    now = sandbox.clock.monotonic
    stage = Stage(plan=plan, tallies={}, watch=watch, begun=now(), now=now)
    async with _client(plan, sandbox, watch) as client, show(stage):
        campaigns = _campaigns(plan, sandbox, client)
        stage.tallies.update((account_id, one.tally) for account_id, one in campaigns.items())
        # What has not been reported when the time is over was lost: an honest end of a hang.
        try:
            async with asyncio.timeout(plan.seconds), asyncio.TaskGroup() as beside:
                skipping = beside.create_task(skip_silences(client, sandbox.clock, watch))
                async with asyncio.TaskGroup() as group:
                    for campaign in campaigns.values():
                        group.create_task(campaign.run(plan.chats_read))
                skipping.cancel()
        except TimeoutError:
            stage.out_of_time = True
    return stage


def _client(plan: Plan, sandbox: Sandbox, watch: Watch) -> Postpress:
    return Postpress(
        sandbox.api_key,
        base_url=sandbox.url,
        clock=sandbox.clock,
        limits=plan.limits(),
        timeout=_TIMEOUT,
        retries=Retries(attempts=5, trust_idempotency_key=plan.naive),
        max_wait=_FOR_AS_LONG_AS_IT_TAKES,
        http=Http(connections=_PLACES),
        key_rate=None,
        hooks=[watch],
    )


def _campaigns(plan: Plan, sandbox: Sandbox, client: Postpress) -> dict[str, Campaign]:
    campaigns: dict[str, Campaign] = {}
    for row in cast("list[dict[str, object]]", sandbox.world()["accounts"]):
        account_id, provider = str(row["id"]), str(row["provider"])
        load = plan.loads[provider]
        wanted = [f"{account_id}-{number:03}" for number in range(load.messages)]
        people = cast("list[str]", row["people"])[: load.profiles]
        tally = Tally(provider=provider, wanted=wanted)
        campaigns[account_id] = Campaign(client, account_id, load, people, tally)
    return campaigns
