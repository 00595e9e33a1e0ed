"""Faults by seed: servers are killed, hang, wait, lose memory, and lose, keep and double answers at chosen messages.

A plan is a list of such events, drawn from the seed. For each plan programs run that use files, pipes, the console,
memory, signals and other programs. Nothing may hang, no byte may be lost, every caller has to be told what failed, and
memory and capabilities have to be as before. A plan that fails is made as small as it goes, and the line that replays
it is printed.

examples:
  ./baton storm --seed 7                    200 plans
  ./baton storm --seed 7 --minutes 60       as many as fit in an hour
  ./baton storm --plan pipes:3:kill         one plan: pipes dies when it has received its third message
  ./baton storm --smp 4 --plans 50          on four CPUs, where a replay is not exact

events: SERVER:N:WHAT or SERVER:N:WHAT:ARGUMENT; N counts from 1 in each plan; several are separated by commas
  kill     at message N; with :1 when its answer is decided  hang     at message N, until init ends it
  die      before kernel call N; with :1 behind it           delay    message N takes as many ms as the argument says
  fail     at message N, until the server gives that up      keep     call N: it is never answered
  drop     the answer to call N: its caller gets E_PEER      double   the answer to call N
  refuse   the Nth kernel call that can be refused           take     no memory at message N, nor at as many more

exit status: 0 all plans passed   1 otherwise   2 wrong usage
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from host import build, paths
from host.say import CODE_USAGE, UserError, say
from storm import plans
from storm.campaign import Campaign, Failure
from storm.machine import System

NAME = "storm"
SUMMARY = "faults in servers by seed, and what they break"

PLANS_DEFAULT = 200
TARGET = "storm"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BATON_SEED", "1")), metavar="S",
                        help="the seed that plans are drawn from (default 1)")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="begin with plan N of the seed")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--plans", type=int, metavar="N", help=f"how many (default {PLANS_DEFAULT})")
    length.add_argument("--minutes", type=float, metavar="M", help="as many as begin within this time")
    length.add_argument("--plan", action="append", default=[], metavar="EVENTS",
                        help="this plan; more of them are run one after the other in the same machine")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="machines at a time (default: one for each CPU)")
    parser.add_argument("--smp", type=int, default=1, metavar="N", help="CPUs of a machine (default 1)")


def progress(started: float) -> Callable[[int, list[Failure]], None]:
    """Tells how far a campaign is, and what has failed since it told last: an hour's run may be broken off."""
    told = 0

    def tell(done: int, failures: list[Failure]) -> None:
        nonlocal told
        for failure in failures[told:]:
            print("\n".join(failure.lines()), flush=True)
        told = len(failures)
        seconds = max(time.monotonic() - started, 0.001)
        say(f"{done} plans, {told} failed, {done * 60 / seconds:.0f} a minute")

    return tell


def run(options: argparse.Namespace) -> int:
    counts = (options.jobs, options.smp, options.first, options.plans)
    if any(count is not None and count < 1 for count in counts):
        raise UserError("--jobs, --smp, --first, --plans: at least 1", CODE_USAGE)
    if options.minutes is not None and not options.minutes > 0:
        raise UserError("--minutes: more than 0", CODE_USAGE)
    try:
        chosen = tuple(plans.parse(text) for text in options.plan)
    except plans.PlanError as error:
        raise UserError(str(error), CODE_USAGE) from None
    with build.ready(paths.BUILD, [TARGET]):
        system = System(paths.BUILD, smp=options.smp)
        if chosen:
            outcome = system.run(chosen)
            print("\n".join([f"{outcome.passed} passed", *outcome.lines(chosen)]), flush=True)
            return 1 if outcome.reasons else 0
        return run_campaign(system, options)


def run_campaign(system: System, options: argparse.Namespace) -> int:
    """Run plans of a seed; the process's exit code."""
    campaign = Campaign(system, options.jobs, on_batch=progress(time.monotonic()))
    seconds = None if options.minutes is None else options.minutes * 60
    count = None if seconds is not None else options.plans or PLANS_DEFAULT
    done, failures = campaign.run(options.seed, options.first, count, seconds)
    print(f"{done - len(failures)} passed, {len(failures)} failed (seed {options.seed}, plans {options.first} to "
          f"{options.first + done - 1})", flush=True)
    return 1 if failures else 0
