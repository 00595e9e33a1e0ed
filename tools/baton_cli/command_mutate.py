"""Break the kernel on purpose, one thing at a time, and see whether the tests notice.

A mutant is a small wrong change of the kernel, listed in test/mutants/. Each is applied to a copy of the sources in
build-mutate/, built there, and tested: first by the suites that are expected to notice, then by all others that run
kernel code, up to the first failure. Your work tree is only read.

examples:
  ./baton mutate                        all of them
  ./baton mutate cap_copy_adds_rights   some, by name
  ./baton mutate 'cap_*'                those whose names begin so
  ./baton mutate --list                 their names, and what each breaks
  ./baton mutate --commit HEAD          of a commit instead of the work tree

The closing line is `N of M killed`. Exits 0 only when at least 90 % died, every survivor has an explanation in its
entry, every mutant still fits the sources, and all tests pass without one.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import time

from host import packages, paths
from host.say import CODE_USAGE, UserError, say
from mutation import campaign, mutants, workplace
from mutation.campaign import Campaign
from mutation.mutants import Mutant, MutantError
from mutation.trial import Outcome, Runner

NAME = "mutate"
SUMMARY = "break the kernel on purpose and see whether the tests notice"

MUTANTS = paths.ROOT / "test" / "mutants"
PLACE = paths.ROOT / "build-mutate"
JOBS_DEFAULT = 2
NEW_LINE = "\n"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; `cap_*` means all that begin so")
    parser.add_argument("--list", action="store_true", help="print the mutants' names and what each breaks")
    parser.add_argument("--jobs", type=int, default=JOBS_DEFAULT, metavar="N", help="mutants at a time (default 2)")
    parser.add_argument("--commit", metavar="REVISION", help="take the sources from a commit, not from the work tree")


def line(outcome: Outcome) -> str:
    """The line that is printed about a mutant."""
    if outcome.fault:
        verdict = f"FAULT: {outcome.fault.partition(NEW_LINE)[0]}"
    elif outcome.killed_by:
        verdict = f"killed by {outcome.killed_by}"
    else:
        verdict = f"survived, explained: {outcome.mutant.explained}" if outcome.mutant.explained else "SURVIVED"
    return f"{outcome.seconds:5.1f} s  {outcome.mutant.name}: {verdict}"


def try_all(chosen: list[Mutant], files: dict[str, bytes], jobs: int) -> int:
    """Do everything but reading the options. Returns the process's exit code."""
    started = time.monotonic()
    ninja_jobs = max(1, (os.cpu_count() or 1) // jobs)
    runners = [Runner(workplace.Workplace(PLACE / f"copy{number}", files, ninja_jobs)) for number in range(jobs)]
    whole = Campaign(runners)
    say(f"building {jobs} copies in {paths.shown(PLACE)}, and running the tests without a mutant")
    whole.prepare()
    whole.check_suites(chosen)
    say(f"{len(whole.tests)} tests run kernel code; {time.monotonic() - started:.0f} s so far")
    outcomes = []
    for outcome in whole.run(chosen):
        print(line(outcome), flush=True)
        outcomes.append(outcome)
    summary, problems = campaign.judge(outcomes, whole.failing)
    for problem in problems:
        print(f"wrong: {problem}")
    print(f"{summary} in {time.monotonic() - started:.0f} s", flush=True)
    return 1 if problems else 0


def run(options: argparse.Namespace) -> int:
    try:
        chosen = mutants.select(mutants.load(MUTANTS), options.names)
    except MutantError as error:
        raise UserError(str(error), CODE_USAGE) from None
    if options.list:
        for mutant in chosen:
            print(f"{mutant.name:40} {mutant.breaks}{' (explained)' if mutant.explained else ''}")
        return 0
    if options.jobs < 1:
        raise UserError("--jobs: at least 1", CODE_USAGE)
    packages.ensure(configured=True)
    files = workplace.snapshot(options.commit)
    PLACE.mkdir(exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another ./baton mutate runs in {paths.shown(PLACE)}") from None
        return try_all(chosen, files, options.jobs)
