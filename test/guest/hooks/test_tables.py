"""Owns the proof, from outside the machine, that no page is both writable and executable, and none of the kernel's
pages is accessible to users.

A guest lets the kernel panic. Then all page tables in use are walked in the dead machine's memory, by the tools, which
share no code with the kernel.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pathlib
import sys
import tempfile
import unittest
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
import suite  # noqa: E402
from evidence import pagewalk, report, tap  # noqa: E402
from evidence.pagewalk import PhysicalMemory  # noqa: E402
from machine.guest import Guest  # noqa: E402

PANIC = 0  # enum control_test
SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A page as the CPU sees it: the rights of all entries on the way to it."""

    address: int
    bytes: int
    writable: bool
    executable: bool
    user: bool


def leaves(memory: PhysicalMemory, table: int, indexes: range, level: int = 0, address: int = 0,
           rights: tuple[bool, bool, bool] = (True, True, True)) -> Iterator[Leaf]:
    """Every page below these entries of a table; level 0 is the root."""
    entries = memory.table(table)
    assert entries is not None, f"the table at {table:#x} is not in RAM"
    shift = pagewalk.LEVELS[level][1]
    for index in indexes:
        entry, at = entries[index], address + (index << shift)
        if not entry & pagewalk.PRESENT:
            continue
        found = (rights[0] and bool(entry & pagewalk.WRITABLE), rights[1] and not entry & pagewalk.NO_EXECUTE,
                 rights[2] and bool(entry & pagewalk.USER))
        if level == 3 or (level > 0 and entry & pagewalk.LARGE):
            yield Leaf(at, 1 << shift, *found)
        else:
            yield from leaves(memory, entry & pagewalk.ADDRESS_MASK, range(pagewalk.ENTRIES), level + 1, at, found)


class Tables(unittest.TestCase):
    kernel: list[Leaf] = []
    user: list[Leaf] = []

    @classmethod
    def setUpClass(cls) -> None:
        with tempfile.TemporaryDirectory(prefix="btab-") as place:
            folder = pathlib.Path(place)
            options = suite.parse_arguments(["--name", "tables", "--loader", os.environ["BATON_LOADER"], "--kernel",
                                             os.environ["BATON_KERNEL"], "--init", os.environ["BATON_HOOK"],
                                             "--append", f"hook={PANIC}"])
            archive = suite.compose_volume(options, folder)
            with Guest(suite.make_machine(options, archive, folder, folder)) as guest:
                with contextlib.redirect_stdout(io.StringIO()):  # the guest's results are not this test's
                    suite.watch(guest, tap.Judge(), SECONDS)
                evidence = report.gather(guest)
                sealed, panic = evidence.log.sealed_root, evidence.log.panic
                assert sealed is not None and panic is not None and panic.registers["cr3"] != sealed
                own = panic.registers["cr3"]
                half = pagewalk.KERNEL_FIRST_ENTRY
                cls.kernel = list(leaves(evidence.memory, sealed, range(half, pagewalk.ENTRIES)))
                cls.user = list(leaves(evidence.memory, own, range(half)))
        print(f"# walked {len(cls.kernel)} pages of the kernel half, {len(cls.user)} of the first program's")

    def test_no_page_is_writable_and_executable(self) -> None:
        for leaf in self.kernel + self.user:
            self.assertFalse(leaf.writable and leaf.executable, hex(leaf.address))

    def test_nothing_of_the_kernel_is_the_users(self) -> None:
        self.assertEqual([hex(leaf.address) for leaf in self.kernel if leaf.user], [])
        self.assertEqual([hex(leaf.address) for leaf in self.user if not leaf.user], [])

    def test_what_must_be_there_is(self) -> None:
        """The walk must find the pages that exist: one that sees nothing would find nothing wrong."""
        for half in (self.kernel, self.user):
            self.assertTrue(any(leaf.executable for leaf in half))
            self.assertTrue(any(leaf.writable for leaf in half))
        self.assertGreater(sum(leaf.bytes for leaf in self.kernel), 100 << 20)  # the window on RAM


if __name__ == "__main__":
    unittest.main()
