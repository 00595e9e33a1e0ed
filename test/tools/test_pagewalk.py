"""Does the decoder walk as the CPU would, say where a walk ends, and name what a kernel half lacks?"""

from __future__ import annotations

import pathlib
import struct
import tempfile
import unittest

from evidence import pagewalk
from evidence.pagewalk import NO_EXECUTE, PhysicalMemory

MEMORY_BYTES = 2 << 20
SEALED, BARE, TABLE_3, TABLE_2, TABLE_1 = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000


class PageWalk(unittest.TestCase):
    def setUp(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.path = pathlib.Path(self.place.name) / "memory"
        self.path.write_bytes(bytes(MEMORY_BYTES))
        self.put(SEALED, 0, TABLE_3 | 7)
        self.put(SEALED, 256, TABLE_3 | 3)
        self.put(SEALED, 511, TABLE_3 | 3)
        self.put(TABLE_3, 0, TABLE_2 | 7)
        self.put(TABLE_3, 1, 0x4000_0000 | 0x83)  # 1 GiB
        self.put(TABLE_3, 2, 0x7FFF_FFFF_F000 | 3)  # a table outside RAM
        self.put(TABLE_2, 0, TABLE_1 | 7)
        self.put(TABLE_2, 1, 0x20_0000 | 0x83 | NO_EXECUTE)  # 2 MiB
        self.put(TABLE_1, 5, 0x9000 | 5)
        self.memory = PhysicalMemory(self.path)

    def put(self, table: int, index: int, entry: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(table + 8 * index)
            file.write(struct.pack("<Q", entry))

    def walk(self, address: int, root: int = SEALED) -> pagewalk.Walk:
        return pagewalk.walk(self.memory, root, address)

    def test_small_page(self) -> None:
        found = self.walk(0x5123)
        self.assertEqual(found.physical, 0x9123)
        self.assertEqual([step.level for step in found.steps], ["PML4", "PDPT", "PD", "PT"])
        self.assertIn("PT  [  5] at 0x5028 = 0x0000000000009005 user read-only executable", "\n".join(found.lines()))

    def test_large_pages(self) -> None:
        self.assertEqual(self.walk(0x20_1234).physical, 0x20_1234)
        self.assertEqual(self.walk(0x4012_3456).physical, 0x4012_3456)
        self.assertIn("no-execute", "\n".join(self.walk(0x20_0000).lines()))

    def test_where_it_ends(self) -> None:
        self.assertEqual(self.walk(0x6000).problem, "PT entry 6 is not present")
        self.assertEqual(self.walk(0x40_0000).problem, "PD entry 2 is not present")
        self.assertEqual(self.walk(0xFFFF_FFFF_8000_0000, BARE).problem, "PML4 entry 511 (kernel image) is not present")
        self.assertIn("not canonical", self.walk(0x8000_0000_0000).problem)
        self.assertEqual(self.walk(0x8000_0000).problem, "the PD at 0x7ffffffff000 is not in RAM")
        self.assertIsNone(self.walk(0x6000).physical)

    def test_low_bits_of_cr3_do_not_count(self) -> None:
        self.assertEqual(self.walk(0x5123, SEALED | 0x18).physical, 0x9123)

    def test_missing_entries(self) -> None:
        self.assertEqual(pagewalk.compare_kernel_half(self.memory, BARE, SEALED),
                         ["entry 256 (direct map) missing", "entry 511 (kernel image) missing"])

    def test_runs_of_missing_entries(self) -> None:
        for index in range(300, 310):
            self.put(SEALED, index, TABLE_3 | 3)
        self.assertIn("entries 300..309 (direct map) missing",
                      pagewalk.compare_kernel_half(self.memory, BARE, SEALED))

    def test_runs_end_where_the_use_changes(self) -> None:
        self.assertEqual(pagewalk.runs([507, 508, 509, 510]), [(507, 508), (509, 509), (510, 510)])

    def test_changed_and_added(self) -> None:
        self.put(BARE, 256, TABLE_3 | 3 | pagewalk.ACCESSED | pagewalk.DIRTY)
        self.put(BARE, 400, TABLE_2 | 3)
        self.put(BARE, 511, TABLE_3 | 7)
        self.assertEqual(pagewalk.compare_kernel_half(self.memory, BARE, SEALED),
                         ["entry 400 (direct map) added: 0x4003, sealed 0x0",
                          "entry 511 (kernel image) changed: 0x3007, sealed 0x3003"])

    def copy_down(self, *levels: int) -> None:
        """Give BARE its own copies of the tables on the way to entry 5 of TABLE_1, on these levels."""
        copies = (0x10000, 0x11000, 0x12000)[: len(levels)]
        for index in (256, 511):
            self.put(BARE, index, TABLE_3 | 3)
        self.put(BARE, 256, copies[0] | 3)
        for place, source in zip(copies, (TABLE_3, TABLE_2, TABLE_1)):
            for index, entry in enumerate(self.memory.table(source) or ()):
                self.put(place, index, entry)
        for place, below in zip(copies, copies[1:]):
            self.put(place, 0, below | 7)

    def test_difference_below(self) -> None:
        self.copy_down(3, 2, 1)
        self.put(0x12000, 5, 0x9000 | 4)
        self.put(0x12000, 6, 0xA000 | 5)
        self.assertEqual(pagewalk.compare_kernel_half(self.memory, BARE, SEALED),
                         ["entry 256 (direct map) changed: 0x10003, sealed 0x3003",
                          "  PT entry 5 (0xffff800000005000) missing: 0x9004, sealed 0x9005",
                          "  PT entry 6 (0xffff800000006000) added: 0xa005, sealed 0x0"])

    def test_difference_in_a_large_page(self) -> None:
        self.copy_down(3, 2)
        self.put(0x11000, 1, 0x40_0000 | 0x83 | NO_EXECUTE)
        self.assertEqual(pagewalk.compare_kernel_half(self.memory, BARE, SEALED)[1:],
                         ["  PD entry 1 (0xffff800000200000) changed: 0x8000000000400083, sealed 0x8000000000200083"])

    def test_copy_without_difference(self) -> None:
        self.copy_down(3, 2)
        self.assertEqual(pagewalk.compare_kernel_half(self.memory, BARE, SEALED)[1:],
                         ["  its PD at 0x11000 is a copy of the sealed one at 0x4000"])

    def test_another_table_is_not_listed(self) -> None:
        self.copy_down(3)
        for index in range(100, 300):
            self.put(0x10000, index, 0xB000 | 3)
        self.assertEqual(pagewalk.compare_kernel_half(self.memory, BARE, SEALED)[1:],
                         ["  its PDPT is another table: 200 entries differ"])
        self.put(BARE, 256, 0x7000_0003)
        self.assertIn("  its PDPT at 0x70000000 is not in RAM", pagewalk.compare_kernel_half(self.memory, BARE, SEALED))

    def test_comparison_has_an_end(self) -> None:
        self.copy_down(3)
        for index in range(100, 160):
            self.put(0x10000, index, 0xB000 | 3)
        lines = pagewalk.compare_kernel_half(self.memory, BARE, SEALED)
        self.assertEqual((len(lines), lines[-1]), (pagewalk.DIFFERENCES_MAX + 1, "... and 37 lines more"))

    def test_no_difference(self) -> None:
        self.assertIn("no difference", pagewalk.compare_kernel_half(self.memory, SEALED, SEALED)[0])

    def test_root_outside_memory(self) -> None:
        self.assertIn("not in RAM", pagewalk.compare_kernel_half(self.memory, 0x7000_0000, SEALED)[0])

    def test_memory_above_the_hole(self) -> None:
        self.memory.size, self.memory.low_bytes = 4 << 30, pagewalk.Q35_LOW_BYTES
        self.assertEqual(self.memory.offset(0x1_0000_0000), 0x8000_0000)
        self.assertIsNone(self.memory.offset(0x9000_0000))
        self.assertIsNone(self.memory.offset(0x1_8000_0000))
