"""Owns the proof that tools/suite.py notices each way a suite can end badly, names it, and leaves nothing behind.

Every guest runs once, two at a time, before the first test looks at the results.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import claims

SUITE = pathlib.Path(__file__).resolve().parents[2] / "tools" / "suite.py"
GUESTS = pathlib.Path(os.environ.get("BATON_SELFTEST_GUESTS", "build/test/selftest"))
HANG_SECONDS = 1.5
OTHER_SECONDS = 30.0

# guest -> the reason behind `Bail out!`; None: it has to pass
VERDICTS = {
    "pass": None,
    "not_ok": "status 1 at power-off, 0 is wanted",
    "status": "status 7 at power-off, 0 is wanted",
    "missing": "missing results: 2 came, the plan is 1..3",
    "surplus": "surplus results: 2 came, the plan is 1..1",
    "duplicate": "duplicate case name: 'same'",
    "no_plan": "no plan (1..N); 1 results came",
    "silent": "no plan (1..N); 0 results came",
    "bail_out": "the guest bailed out: no memory to begin with",
    "garbage": "not a TAP line: 'segmentation violation'",
    "early_exit": "early exit: QEMU exited with code 3",
    "unannounced": "early exit: powered off without the kernel's line `power: off, status N`",
    "acpi_off": "early exit: the machine was shut down past the kernel's orderly power-off",
    "hang": f"hang: no end within {HANG_SECONDS:g} s",
    "spin": f"hang: no end within {HANG_SECONDS:g} s",
    "reset_port": "reset: the guest reset the machine, and not by a triple fault",
    "reset_keyboard": "reset: the guest reset the machine, and not by a triple fault",
    "triple_fault": "triple fault",
    "changed_half": "triple fault",
    "panic": "panic: kernel page fault",
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    output: str
    left_behind: list[str]  # in the folder for temporary files
    report: str


def command(name: str, folder: pathlib.Path, seconds: float) -> list[str]:
    guest = str(GUESTS / f"selftest_{name}.elf")
    return [sys.executable, str(SUITE), "--name", name, "--loader", guest, "--timeout", str(seconds),
            "--kernel-symbols", guest, "--output", str(folder / "logs"), "--seed", "42"]


def private_environment(folder: pathlib.Path) -> dict[str, str]:
    """An environment with a private folder for temporary files, so that leftovers can be counted."""
    (folder / "tmp").mkdir()
    return {**os.environ, "TMPDIR": str(folder / "tmp")}


def run_guest(name: str) -> Outcome:
    seconds = HANG_SECONDS if name in ("hang", "spin") else OTHER_SECONDS
    with tempfile.TemporaryDirectory(prefix="bst-") as place:
        folder = pathlib.Path(place)
        done = subprocess.run(command(name, folder, seconds), env=private_environment(folder), capture_output=True,
                              text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        report = folder / "logs" / "report.txt"
        return Outcome(done.returncode, done.stdout + done.stderr, os.listdir(folder / "tmp"),
                       report.read_text() if report.exists() else "")


def processes_naming(text: str) -> list[int]:
    """The processes whose command line holds `text`, this one excepted."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if text.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                pass  # it has ended meanwhile
    return found


def wait_until(condition: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


class Harness(unittest.TestCase):
    outcomes: dict[str, Outcome] = {}

    @classmethod
    def setUpClass(cls) -> None:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.outcomes = dict(zip(VERDICTS, pool.map(run_guest, VERDICTS)))

    def test_pass(self) -> None:
        outcome = self.outcomes["pass"]
        self.assertEqual(outcome.code, 0, outcome.output)
        self.assertEqual(outcome.output, "TAP version 13\n1..3\nok 1 - first\n# a remark\n"
                                         "ok 2 - second # SKIP not on this machine\nok 3 - third\n")
        self.assertEqual(outcome.report, "")

    def test_verdicts(self) -> None:
        for name, reason in VERDICTS.items():
            with self.subTest(guest=name):
                outcome = self.outcomes[name]
                self.assertEqual(outcome.code, 0 if reason is None else 1, outcome.output)
                if reason is not None:
                    lines = outcome.output.splitlines()
                    self.assertEqual(lines[0], "TAP version 13")
                    self.assertEqual(lines[-1], f"Bail out! {reason}", outcome.output)
                    self.assertEqual(lines[-2], f"# reproduce: ./baton test --seed 42 {name}")
                    self.assertIn(f"FAIL {name}: {reason}", outcome.report)

    def test_nothing_left_behind(self) -> None:
        for name, outcome in self.outcomes.items():
            with self.subTest(guest=name):
                self.assertEqual(outcome.left_behind, [])

    def expect(self, name: str, *texts: str) -> None:
        for text in texts:
            self.assertIn(text, self.outcomes[name].output)

    def test_triple_fault_report(self) -> None:
        self.expect("triple_fault", "CR3 0x101000", "the next instruction is not mapped in this CR3",
                    "load_bare_root at", "triple_fault.S:", "guest_main at", "PML4[511]",
                    "PML4 entry 511 (kernel image) is not present", "compared with the sealed root 0x100000",
                    "entry 256 (direct map) missing", "entry 511 (kernel image) missing", "Triple fault", "v=0e",
                    "missing results: 1 came, the plan is 1..2", "boot: image phys 0x100000")

    def test_changed_half_report(self) -> None:
        self.expect("changed_half", "entry 256 (direct map) missing", "entry 300 (direct map) added",
                    "entry 511 (kernel image) changed", "last page-fault address (CR2)",
                    "walk of 0xffff800000000000 in CR3 0x101000", "PML4 entry 256 (direct map) is not present",
                    "=> physical 0x105")

    def test_panic_report(self) -> None:
        self.expect("panic", "PANIC: kernel page fault", "rip    0xffffffff80105000", "cr3    0x0000000000101000",
                    "start at", "the kernel's own walk: walk 0xffff800000001000", "entry 511 (kernel image) missing",
                    "about to panic")

    def test_hang_report(self) -> None:
        self.expect("hang", "ring 0 halted", "hang.S:", "this is the sealed root")
        self.expect("spin", "spin.S:")

    def test_every_fault_is_named(self) -> None:
        self.expect("not_ok", "FAIL not_ok: not ok: bad")
        self.expect("early_exit", "missing results")

    def test_missing_loader(self) -> None:
        with tempfile.TemporaryDirectory(prefix="bst-") as place:
            words = command("nonesuch", pathlib.Path(place), 5)
            done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Bail out!", done.stdout)

    def test_logs_that_another_run_writes(self) -> None:
        with tempfile.TemporaryDirectory(prefix="bst-") as place:
            folder = pathlib.Path(place)
            with claims.first_free(folder / "logs"):
                done = subprocess.run(command("pass", folder, OTHER_SECONDS), env=private_environment(folder),
                                      check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 0)
            self.assertFalse((folder / "logs").exists())
            self.assertTrue((folder / "logs-2" / "kernel.log").exists())

    def end_harness(self, number: int) -> None:
        """Start a guest that spins, end the harness by a signal, and see QEMU go."""
        with tempfile.TemporaryDirectory(prefix="bst-") as place:
            folder = pathlib.Path(place)
            environment = private_environment(folder)
            with subprocess.Popen(command("spin", folder, 60), env=environment, stdout=subprocess.DEVNULL,
                                  stdin=subprocess.DEVNULL) as harness:
                mark = f"path={folder}/tmp/"
                self.assertTrue(wait_until(lambda: processes_naming(mark)), "QEMU never started")
                harness.send_signal(number)
                harness.wait(20)
            self.assertTrue(wait_until(lambda: not processes_naming(mark)), "QEMU is still there")
            if number == signal.SIGTERM:
                self.assertEqual(os.listdir(folder / "tmp"), [])

    def test_harness_terminated(self) -> None:
        self.end_harness(signal.SIGTERM)

    def test_harness_killed(self) -> None:
        self.end_harness(signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
