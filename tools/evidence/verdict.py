"""Owns the judgement on how a machine ended: the one sentence that says what went wrong, or nothing."""

from __future__ import annotations

from evidence.report import Evidence
from machine.command_line import EXIT_PANIC, EXIT_POWER_OFF
from machine.guest import Cause, End


def describe_end(end: End, evidence: Evidence, seconds: float, errors: str) -> str | None:
    """What is wrong with this end. None: an orderly power-off; its status is the log's power_off_status."""
    panic = evidence.log.panic
    if panic is not None:
        return f"panic: {panic.text}"
    if end.cause is Cause.TIMEOUT:
        return f"hang: no end within {seconds:g} s"
    if end.cause is Cause.CANCELLED:
        return "ended by the user"
    if end.cause is Cause.RESET and evidence.triple_fault:
        return "triple fault"
    if end.cause is Cause.RESET:
        return "reset: the guest reset the machine, and not by a triple fault"
    if end.cause is Cause.SHUTDOWN:
        return "early exit: the machine was shut down past the kernel's orderly power-off"
    if end.exit_code == EXIT_PANIC:
        return "panic: exit code 35, but no PANIC on the kernel's log"
    if end.exit_code != EXIT_POWER_OFF:
        return f"early exit: QEMU exited with code {end.exit_code}" + (f": {errors}" if errors else "")
    if evidence.log.power_off_status is None:
        return "early exit: powered off without the kernel's line `power: off, status N`"
    return None
