"""`postpress demo`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from typing import Annotated

from cyclopts import Parameter, validators

from postpress_async.cli.exits import Exit
from postpress_async.cli.options import AsJson
from postpress_async.cli.output import print_json


def demo(
    *,
    as_json: AsJson = False,
    seed: int = 1,
    accounts: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100))] = 10,
    naive: Annotated[bool, Parameter(negative="")] = False,
    seconds: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 55.0,
) -> int:
    """Play a bad day against the sandbox, and judge it by the sandbox's own journal.

    Exit code 0 only where no message was lost or doubled, and no request came over a limit.

    Args:
        as_json: one line of JSON at the end.
        seed: the world follows from it, and so does the faults' luck.
        accounts: how many accounts each provider has.
        naive: the same day for a client that keeps no limits and repeats every write.
        seconds: when to give up; a message that was not reported by then counts as lost.
    """
    # Older releases of cyclopts load every command for --help: the sandbox's server is not light.
    from postpress_async.cli.demo.plan import Plan  # noqa: PLC0415 - with the demo alone
    from postpress_async.cli.demo.play import play  # noqa: PLC0415 - as above
    from postpress_async.cli.demo.screen import screen  # noqa: PLC0415 - as above
    from postpress_async.cli.demo.summary import as_line, print_summary  # noqa: PLC0415 - as above

    plan = Plan(seed=seed, accounts=accounts, naive=naive, seconds=seconds)
    outcome = play(plan, screen)
    if as_json:
        print_json(as_line(outcome))
    else:
        print_summary(outcome)
    return Exit.DONE if outcome.verdict.kept else Exit.REFUSED
