"""Owns the judgement on how a machine ended: what kind of end it was, and the one sentence that says what went
wrong."""

from __future__ import annotations

import dataclasses
import enum

from evidence.kernel_log import KernelLog
from evidence.report import Evidence
from machine.command_line import EXIT_PANIC, EXIT_POWER_OFF
from machine.guest import Cause, End


class Kind(enum.Enum):
    """The ways to end other than the expected power-off."""

    PANIC = "panic"
    TRIPLE_FAULT = "triple fault"
    RESET = "reset"
    REBOOTED = "rebooted"  # because a program asked for it
    HANG = "hang"
    EARLY_EXIT = "early exit"
    CANCELLED = "cancelled"
    NOT_STARTED = "not started"  # the loader or init gave up, and said why
    SERVER_ENDED = "server ended"  # one that the machine can't do without


@dataclasses.dataclass(frozen=True)
class Problem:
    kind: Kind
    text: str

    @property
    def is_told(self) -> bool:
        """Did the guest itself give the reason? Then registers and page tables add nothing."""
        return self.kind in (Kind.CANCELLED, Kind.REBOOTED, Kind.NOT_STARTED, Kind.SERVER_ENDED)


def judge_guest(log: KernelLog) -> Problem | None:
    """What is wrong according to the loader or init, if one of them gave up in order; None: neither did."""
    if log.loader_failure is not None:
        return Problem(Kind.NOT_STARTED, f"the loader: {log.loader_failure}")
    if log.start_failure is not None:
        return Problem(Kind.NOT_STARTED, log.start_failure)
    if log.server_end is not None:
        return Problem(Kind.SERVER_ENDED, log.server_end)
    return None


def judge_end(end: End, evidence: Evidence, seconds: float, errors: str) -> Problem | None:
    """What is wrong with this end. None: an orderly power-off, whose status is the log's power_off_status.

    seconds: the time the machine was given. errors: what QEMU itself complained about.
    """
    if evidence.log.panic is not None:
        return Problem(Kind.PANIC, f"panic: {evidence.log.panic.text}")
    if end.cause is Cause.LOADER:
        return Problem(Kind.NOT_STARTED, f"the loader: {end.words}")
    if end.cause is Cause.TIMEOUT:
        return Problem(Kind.HANG, f"hang: no end within {seconds:g} s")
    if end.cause is Cause.CANCELLED:
        return Problem(Kind.CANCELLED, "ended by the user")
    if end.cause is Cause.RESET and evidence.log.has_rebooted:
        return Problem(Kind.REBOOTED, "the guest rebooted the machine")
    if end.cause is Cause.RESET and evidence.triple_fault:
        return Problem(Kind.TRIPLE_FAULT, "triple fault")
    if end.cause is Cause.RESET:
        return Problem(Kind.RESET, "reset: the guest reset the machine, and not by a triple fault")
    if end.cause is Cause.SHUTDOWN:
        return Problem(Kind.EARLY_EXIT, "early exit: the machine was shut down past the kernel's orderly power-off")
    if (problem := judge_guest(evidence.log)) is not None:
        return problem
    if end.exit_code == EXIT_PANIC:
        return Problem(Kind.PANIC, f"panic: exit code {EXIT_PANIC}, but no PANIC on the kernel's log")
    if end.exit_code != EXIT_POWER_OFF:
        said = f": {errors}" if errors else ""
        return Problem(Kind.EARLY_EXIT, f"early exit: QEMU exited with code {end.exit_code}{said}")
    if evidence.log.power_off_status is None:
        return Problem(Kind.EARLY_EXIT, "early exit: powered off without the kernel's line `power: off, status N`")
    return None
