"""Owns the proof that the report on a machine lost in a wrong address space names the entry that
the audit would have named.

It makes each of the four suspicions in the report that this project began with come true, with the audit off.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest

SUITE = pathlib.Path(__file__).resolve().parents[3] / "tools" / "suite.py"
SECONDS = 30
KERNEL_HALF = 0xFFFF_8000_0000_0000
LEVELS = {4: ("PML4", 39), 3: ("PDPT", 30), 2: ("PD", 21), 1: ("PT", 12)}
KERNEL_TEXT, KERNEL_STACK, GDT, IDT, TSS = 2, 4, 5, 6, 8  # enum audit_check
AUDIT = re.compile(r"# audit: (.+) is not mapped, at 0x([0-9a-f]+), level (\d+), entry 0x([0-9a-f]+)")
DIFFERENCE = re.compile(r"entry \d+ \([^)]*\) (?:missing|changed|added)")


@dataclasses.dataclass(frozen=True)
class Death:
    """A wrong entry, and what the report must say besides naming it."""

    check: int
    name: str
    level: int
    window: str  # the root entry it lies behind
    texts: tuple[str, ...]


DEATHS = {
    "missing GDT": Death(GDT, "the segment table (GDT)", 1, "kernel image", ("segments (GDT) 0x",)),
    "missing TSS": Death(TSS, "the task state (TSS)", 1, "kernel image", ("task state (TSS) 0x",)),
    "missing handlers": Death(IDT, "the handler table (IDT)", 1, "kernel image", ("handler table (IDT) 0x",)),
    "stack in the wrong table": Death(KERNEL_STACK, "the CPU's stack", 2, "stack window",
                                      ("stack for double faults (IST1) 0x",)),
    "missing kernel text and data": Death(KERNEL_TEXT, "an interrupt handler", 2, "kernel image",
                                          ("the next instruction is not mapped in this CR3",)),
}


REPORT_TEXT = b"PANIC: %s\n"


def address_in_kernel(text: bytes) -> int:
    """The kernel's address of this text, by the program headers of its ELF file."""
    data = pathlib.Path(os.environ["BATON_KERNEL"]).read_bytes()
    place = data.index(text)
    table, = struct.unpack_from("<Q", data, 0x20)
    entry_bytes, count = struct.unpack_from("<HH", data, 0x36)
    for number in range(count):
        _, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, table + number * entry_bytes)
        if offset <= place < offset + size:
            return int(address + place - offset)
    raise AssertionError("the text is in no segment")


def run(words: str) -> str:
    """Boot the guest with these words. Returns the harness's output."""
    with tempfile.TemporaryDirectory(prefix="bua-") as place:
        command = [sys.executable, str(SUITE), "--name", "unaudited", "--loader", os.environ["BATON_LOADER"],
                   "--kernel", os.environ["BATON_KERNEL"], "--init", os.environ["BATON_UNAUDITED"],
                   "--append", words, "--timeout", str(SECONDS), "--output", place]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False,
                              stdin=subprocess.DEVNULL)
    return done.stdout


class Unaudited(unittest.TestCase):
    outputs: dict[str, str] = {}

    @classmethod
    def setUpClass(cls) -> None:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.outputs = dict(zip(DEATHS, pool.map(run, (f"check={death.check} level={death.level}"
                                                          for death in DEATHS.values()))))

    def test_machine_dies(self) -> None:
        for name, output in self.outputs.items():
            with self.subTest(death=name):
                self.assertEqual(output.splitlines()[-1], "Bail out! triple fault", output)

    def test_report_names_the_entry_that_the_audit_names(self) -> None:
        for name, death in DEATHS.items():
            with self.subTest(death=name):
                output = self.outputs[name]
                found = AUDIT.search(output)
                self.assertIsNotNone(found, output)
                assert found is not None
                self.assertEqual(found[1], death.name)
                offset, level, flags = int(found[2], 16), int(found[3]), int(found[4], 16)
                self.assertEqual(level, death.level)
                self.assertEqual(flags & 1, 0)  # it is not present
                level_name, shift = LEVELS[level]
                index = (KERNEL_HALF + offset) >> shift & 511
                start = (KERNEL_HALF + offset) >> shift << shift
                self.assertIn(f"{level_name} entry {index} is not present", output)
                self.assertIn(f"{level_name} entry {index} (0x{start:016x}) missing: 0x", output)
                for text in death.texts:
                    self.assertIn(text, output)

    def test_nothing_else_is_blamed(self) -> None:
        for name, death in DEATHS.items():
            with self.subTest(death=name):
                lines = [line for line in self.outputs[name].splitlines() if DIFFERENCE.search(line)]
                self.assertEqual(len(lines), 2, self.outputs[name])  # the root's entry, and the one below it
                self.assertIn(f"({death.window}) changed", lines[0])


class Report(unittest.TestCase):
    def test_panic_without_the_memory_for_its_report(self) -> None:
        """The page with the panic report's own texts is missing, so reporting the panic causes a second one."""
        output = run(f"at={address_in_kernel(REPORT_TEXT) & ~0xfff} level=1")
        self.assertIn("the report of the panic failed too", output)
        self.assertNotIn("triple fault", output)
        self.assertNotIn("hang", output)
        self.assertTrue(output.splitlines()[-1].startswith("Bail out!"), output)


if __name__ == "__main__":
    unittest.main()
