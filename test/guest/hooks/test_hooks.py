"""Owns the proof that framework, kernel and harness name the failure of a kernel or guest.

Each of the kernel's test hooks runs in a boot of its own, and so do two runs of a suite whose cases fail on purpose.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SUITE = pathlib.Path(__file__).resolve().parents[3] / "tools" / "suite.py"
HANG_SECONDS = 3
OTHER_SECONDS = 30
LIMIT_MS = 700  # of a case, in the runs of the framework

# enum control_test -> the reason behind `Bail out!`
PANIC, TRIPLE_FAULT, HANG, STACK_OVERFLOW, KERNEL_READ, KERNEL_FETCH = range(6)
BOOT_ONLY_READ, BOOT_ONLY_RUN = 12, 13
REASONS = {
    PANIC: "panic: asked for by a test",
    TRIPLE_FAULT: "triple fault",
    HANG: f"hang: no end within {HANG_SECONDS} s",
    STACK_OVERFLOW: "panic: double fault",
    KERNEL_READ: "panic: exception in the kernel",
    KERNEL_FETCH: "panic: exception in the kernel",
    BOOT_ONLY_READ: "panic: what only boot needs was used after boot",
    BOOT_ONLY_RUN: "panic: what only boot needs was used after boot",
}
TRACED = (PANIC, TRIPLE_FAULT)
LAST_FAULTS, LAST_HANGS = "last=0", "last=1"


def run(init: str, words: str, seconds: int) -> str:
    """Boot `init` with these words on the command line. Returns the harness's output."""
    with tempfile.TemporaryDirectory(prefix="bhk-") as place:
        command = [sys.executable, str(SUITE), "--name", "wrong", "--loader", os.environ["BATON_LOADER"],
                   "--kernel", os.environ["BATON_KERNEL"], "--init", os.environ[init], "--append", words,
                   "--timeout", str(seconds), "--output", place, "--seed", "42"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False,
                              stdin=subprocess.DEVNULL)
    assert done.returncode == 1, done.stdout
    return done.stdout


def run_hook(hook: int) -> str:
    return run("BATON_HOOK", f"hook={hook} traced={int(hook in TRACED)}",
               HANG_SECONDS if hook == HANG else OTHER_SECONDS)


class Hooks(unittest.TestCase):
    outputs: dict[int, str] = {}

    @classmethod
    def setUpClass(cls) -> None:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.outputs = dict(zip(REASONS, pool.map(run_hook, REASONS)))

    def expect(self, hook: int, *texts: str) -> None:
        for text in texts:
            self.assertIn(text, self.outputs[hook])

    def test_reasons(self) -> None:
        for hook, reason in REASONS.items():
            with self.subTest(hook=hook):
                self.assertEqual(self.outputs[hook].splitlines()[-1], f"Bail out! {reason}", self.outputs[hook])
                self.expect(hook, "missing results: 0 came, the plan is 1..1")
                if hook != STACK_OVERFLOW:  # its backtrace is longer than the kernel prints
                    self.expect(hook, "sys_system_control at")

    def test_panic(self) -> None:
        self.expect(PANIC, "PANIC: asked for by a test", "sys_system_control at",
                    "no difference: entries 256..511 are the sealed ones")

    def test_triple_fault(self) -> None:
        self.expect(TRIPLE_FAULT, "the next instruction is not mapped in this CR3", "load_bare_root at",
                    "PML4 entry 511 (kernel image) is not present", "entry 510 (stack window) missing", "Triple fault")

    def test_trace(self) -> None:
        for hook in REASONS:
            with self.subTest(hook=hook):
                if hook in TRACED:
                    self.expect(hook, "trace: the last ", "cap_delete(0x0, 0x400, ...)",
                                "cap_delete returns E_CAP, value 0x0", "system_control(0x5, 0x2, ...)")
                else:
                    self.assertNotIn("trace: the last", self.outputs[hook])

    def test_users_write_one_printable_line(self) -> None:
        self.expect(PANIC, " INFO user: begin 9.000000 ERROR kernel: forged  [2J    end\n")

    def test_users_are_not_heard_below_the_log_limit(self) -> None:
        output = run("BATON_HOOK", f"hook={PANIC} log=warn", OTHER_SECONDS)
        self.assertIn("PANIC: asked for by a test", output)
        self.assertNotIn("forged", output)
        self.assertNotIn(" INFO ", output)

    def test_hang(self) -> None:
        self.expect(HANG, "CPU 0: ring 0", "arch_test at", "test_hooks.c:")

    def test_stack_overflow(self) -> None:
        self.expect(STACK_OVERFLOW, "PANIC: double fault", "exception 8 (double fault)", "use_stack at",
                    "PT entry 0 is not present")

    def test_kernel_read(self) -> None:
        self.expect(KERNEL_READ, "exception 14 (page fault)", "error  0x0000000000000001", "user writable no-execute",
                    "arch_test at")

    def test_kernel_fetch(self) -> None:
        self.expect(KERNEL_FETCH, "exception 14 (page fault)", "error  0x0000000000000011", "user read-only executable")

    def test_boot_only_read(self) -> None:
        self.expect(BOOT_ONLY_READ, "exception 14 (page fault)", "error  0x0000000000000000", "arch_test at")

    def test_boot_only_run(self) -> None:
        self.expect(BOOT_ONLY_RUN, "exception 14 (page fault)", "error  0x0000000000000010", "sys_system_control at")


class Framework(unittest.TestCase):
    outputs: dict[str, str] = {}

    @classmethod
    def setUpClass(cls) -> None:
        lasts = (LAST_FAULTS, LAST_HANGS)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda last: run("BATON_FRAMEWORK", f"{last} limit_ms={LIMIT_MS}", OTHER_SECONDS), lasts)
            cls.outputs = dict(zip(lasts, found))

    def expect(self, *patterns: str, last: str = LAST_FAULTS) -> None:
        for pattern in patterns:
            self.assertRegex(self.outputs[last], pattern)

    def test_checks(self) -> None:
        self.expect(r"(?m)^ok 1 - passes$", r"(?m)^not ok 2 - fails_a_check$",
                    r"framework\.c:\d+: 1 \+ 1 == 3: is 0x2, want 0x3\n",
                    r"framework\.c:\d+: sys_cap_revoke\(world_slot\(\)\): is E_CAP \(2\), want OK\n",
                    r"the value is 0x1, want 0x4d \[a row\]\n")

    def test_leaks(self) -> None:
        self.expect(r"# capabilities: (\d+) before the case, \d+ after it\n"
                    r"# bytes of the first pool: \d+ before the case, \d+ after it\nnot ok 3 - leaks_an_object",
                    r"# mapped frames: \d+ before the case, \d+ after it\n(#.*\n)*not ok 4 - leaks_a_frame")

    def test_worker_fault(self) -> None:
        self.expect(r"# worker 1: page fault at rip 0x5000000000, .*\nnot ok 5 - has_a_worker_that_faults")

    def test_seed(self) -> None:
        self.expect(r"# random 0x[0-9a-f]+\nok 6 - tells_the_seed")
        self.assertEqual(*(output.split("random ")[1].split()[0] for output in self.outputs.values()))

    def test_last_words(self) -> None:
        self.expect(r"not ok 7 - ends_badly",
                    r"bailed out: ends_badly: the main thread has a page fault at rip 0x[0-9a-f]+, address "
                    r"0x5000001000\n")
        self.expect(r"not ok 7 - ends_badly", r"bailed out: ends_badly: hang: the main thread is in state 1 at rip 0x",
                    last=LAST_HANGS)


if __name__ == "__main__":
    unittest.main()
