"""Owns the proof that the kernel starts the right CPUs, names those that it does not start, and stops all in a panic.

A guest lets the kernel panic; the kernel's log and, from outside, the registers of all CPUs tell the rest.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
import suite  # noqa: E402
from evidence import registers  # noqa: E402
from evidence.registers import Cpu  # noqa: E402
from machine.command_line import DirectBoot  # noqa: E402
from machine.guest import Cause, Guest  # noqa: E402

PANIC, HANG = 0, 2  # enum control_test
# a valid, uncorrected parity error of a read, with its address
BANK, STATUS, ADDRESS = 3, 0xBC00000000000135, 0x12345678
SECONDS = 60.0
INTERRUPTS = 1 << 9  # RFLAGS
TASK_SWITCHED = 1 << 3  # of CR0: whether the running thread has the FPU
CONTROLS = ("cr0", "cr4", "efer")


def boot(smp: str, words: str = "", *arguments: str, hook: int = PANIC, order: str = "") -> tuple[str, list[Cpu]]:
    """Boot a machine that ends in a panic. Returns the kernel's log and the CPUs' registers. The emulator keeps
    running, so the CPUs are as the kernel left them. order: a command to the emulator's monitor, given when the first
    program is about to run."""
    with tempfile.TemporaryDirectory(prefix="bcpu-") as place:
        folder = pathlib.Path(place)
        options = suite.parse_arguments(["--name", "cpus", "--loader", os.environ["BATON_LOADER"], "--kernel",
                                         os.environ["BATON_KERNEL"], "--init", os.environ["BATON_HOOK"], "--smp", smp,
                                         *arguments])
        machine = suite.make_machine(options, suite.compose_volume(options, folder), folder, folder)
        assert isinstance(machine.boot, DirectBoot)
        direct = dataclasses.replace(machine.boot, command=f"hook={hook} {words}".strip())
        with Guest(dataclasses.replace(machine, boot=direct)) as guest:
            log = ""
            while "PANIC END" not in log and guest.end is None and time.monotonic() - guest.started < SECONDS:
                guest.pump(0.05)
                log = machine.kernel_log.read_text() if machine.kernel_log.exists() else ""
                if order and "first program at" in log and guest.qmp is not None:
                    guest.qmp.human(order)
                    order = ""
            guest.stop(Cause.TIMEOUT)
            assert guest.qmp is not None
            return log, registers.parse(guest.qmp.human("info registers -a"))


def started(log: str) -> list[int]:
    return [int(number) for number in re.findall(r"CPU (\d+), APIC \d+: started, clock within \d+ ns", log)]


class Cpus(unittest.TestCase):
    def test_all_are_started_and_stop_at_a_panic(self) -> None:
        log, cpus = boot("4")
        self.assertEqual(started(log), [1, 2, 3], log)
        self.assertIn("4 of 4 CPUs started", log)
        self.assertEqual(len(cpus), 4)
        for cpu in cpus:
            self.assertTrue(cpu.halted)
            self.assertFalse(cpu.get("rflags") & INTERRUPTS, f"CPU {cpu.number} goes on after a panic")
        for name in CONTROLS:
            self.assertEqual(len({cpu.get(name) & ~TASK_SWITCHED for cpu in cpus}), 1, name)

    def test_a_machine_check_tells_what_the_hardware_says(self) -> None:
        log, _ = boot("1", hook=HANG, order=f"mce 0 {BANK} {STATUS:#x} 4 {ADDRESS:#x} 0")
        self.assertIn("PANIC: machine check", log)
        self.assertEqual(re.findall("bank .*", log), [f"bank {BANK} status {STATUS:#018x} address {ADDRESS:#018x}"],
                         log)

    def test_one_is_not_talked_about(self) -> None:
        log, _ = boot("1")
        self.assertNotIn("CPUs started", log)

    def test_the_command_line_bounds_them(self) -> None:
        log, _ = boot("4", "cpus=2")
        self.assertEqual(started(log), [1], log)
        self.assertIn("2 of 4 CPUs started", log)
        log, _ = boot("2", "cpus=none")
        self.assertIn("cpus= wants a number", log)
        self.assertEqual(started(log), [1], log)

    def test_at_most_sixteen(self) -> None:
        log, _ = boot("18", "cpus=99")
        self.assertEqual(started(log), list(range(1, 16)), log)
        self.assertIn("16 of 18 CPUs started, at most 16", log)

    def test_one_that_is_not_there_is_not_waited_for(self) -> None:
        log, _ = boot("2", "", "--", "-smp", "2,maxcpus=4")
        self.assertEqual(started(log), [1], log)
        self.assertIn("2 of 2 CPUs started", log)


if __name__ == "__main__":
    unittest.main()
