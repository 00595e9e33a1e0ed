"""Is a dead machine's trace found through the kernel's symbols, read from where the kernel says, and put into words?"""

from __future__ import annotations

import pathlib
import struct
import tempfile
import unittest

from evidence import trace
from evidence.pagewalk import PhysicalMemory
from evidence.trace import Names, Record
from host import elf_symbols

MEMORY_BYTES = 2 << 20
ROOT, TABLE_3, TABLE_2, TABLE_1 = 0x1000, 0x2000, 0x3000, 0x4000
VARIABLE = 0xFFFF_FFFF_8000_0120  # of the kernel, mapped to VARIABLE_PHYSICAL
VARIABLE_PHYSICAL = 0x5120
RING = 0x10000
HELD = 127  # records in a ring of one page
NAMES = Names({3: "cap_delete", 38: "ep_call"}, {0: "OK", 2: "E_CAP"}, {1: "page"})


def elf(symbols: dict[str, tuple[int, int]]) -> bytes:
    """An ELF file with nothing but a symbol table: name -> value and binding."""
    texts, entries = b"\0", struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    for name, (value, binding) in symbols.items():
        entries += struct.pack("<IBBHQQ", len(texts), binding << 4 | 1, 0, 1, value, 8)
        texts += name.encode() + b"\0"
    at = 0x40
    sections = [(0,) * 10, (0, 2, 0, 0, at, len(entries), 2, 0, 8, 24),
                (0, 3, 0, 0, at + len(entries), len(texts), 0, 0, 1, 0)]
    header = bytearray(0x40)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", header, 0x28, at + len(entries) + len(texts))
    struct.pack_into("<HH", header, 0x3A, 64, len(sections))
    return bytes(header) + entries + texts + b"".join(struct.pack("<IIQQQQIIQQ", *section) for section in sections)


class Ring(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.kernel = pathlib.Path(place.name) / "kernel.elf"
        self.kernel.write_bytes(elf({"tracer": (1, 1), "other": (2, 1), "trace": (VARIABLE, 1)}))
        self.image = bytearray(MEMORY_BYTES)
        self.put(ROOT + 8 * 511, struct.pack("<Q", TABLE_3 | 3))
        self.put(TABLE_3 + 8 * 510, struct.pack("<Q", TABLE_2 | 3))
        self.put(TABLE_2, struct.pack("<Q", TABLE_1 | 3))
        self.put(TABLE_1, struct.pack("<Q", 0x5003))
        self.path = pathlib.Path(place.name) / "memory"

    def put(self, at: int, data: bytes) -> None:
        self.image[at : at + len(data)] = data

    def put_trace(self, events: int, page_count: int, written: int) -> None:
        self.put(VARIABLE_PHYSICAL, struct.pack("<4Q", events, RING // 4096, page_count, written))
        for number in range(max(0, written - HELD), written):
            self.put(RING + 32 * (1 + number % HELD),
                     struct.pack("<QIHBB2Q", 1000 + number, 7, 3, trace.CALL, 0, number, 0))

    def lines(self, root: int | None = ROOT) -> list[str]:
        self.path.write_bytes(self.image)
        return trace.lines(PhysicalMemory(self.path), root, self.kernel)

    def test_no_trace(self) -> None:
        self.put_trace(0, 1, 5)
        self.assertEqual(self.lines(), [])
        self.assertEqual(self.lines(None), [])

    def test_few_records(self) -> None:
        self.put_trace(63, 1, 2)
        self.assertEqual(self.lines(), ["trace: the last 2 of 2 records, ticks before the last one:",
                                        "             1 CPU 0 thread 7: cap_delete(0x0, 0x0, ...)",
                                        "             0 CPU 0 thread 7: cap_delete(0x1, 0x0, ...)"])

    def test_wrapped(self) -> None:
        for written in (HELD - 1, HELD, HELD + 1, 3 * HELD + 5):
            with self.subTest(written=written):
                self.put_trace(63, 1, written)
                lines = self.lines()
                self.assertEqual(len(lines), 1 + trace.SHOWN_MAX)
                self.assertIn(f"the last 20 of {written} records", lines[0])
                self.assertIn(f"cap_delete(0x{written - 20:x}, ", lines[1])
                self.assertIn(f"cap_delete(0x{written - 1:x}, ", lines[-1])

    def test_nonsense_is_no_trace(self) -> None:
        self.put_trace(63, 17, 2)
        self.assertEqual(self.lines(), [])
        self.put(VARIABLE_PHYSICAL, struct.pack("<4Q", 63, 1 << 40, 1, 2))  # no such frame
        self.assertEqual(self.lines(), ["trace: the last 0 of 2 records, ticks before the last one:"])

    def test_other_kernel(self) -> None:
        self.put_trace(63, 1, 2)
        self.kernel.write_bytes(elf({"trace": (VARIABLE, 0), "traces": (VARIABLE, 1)}))  # the first is local to a file
        self.assertIsNone(elf_symbols.address(self.kernel, "trace"))
        self.assertEqual(self.lines(), [])
        self.kernel.write_bytes(b"no ELF file")
        self.assertEqual(self.lines(), [])


class Words(unittest.TestCase):
    def describe(self, thread: int, detail: int, event: int, first: int, second: int) -> str:
        return trace.describe(Record(0, thread, detail, event, 0, (first, second)), NAMES)

    def test_each_event(self) -> None:
        self.assertEqual(self.describe(1, 38, trace.CALL, 5, 0x10), "thread 1: ep_call(0x5, 0x10, ...)")
        self.assertEqual(self.describe(1, 99, trace.CALL, 0, 0), "thread 1: call 99(0x0, 0x0, ...)")
        self.assertEqual(self.describe(1, 3, trace.RETURN, 2, 0), "thread 1: cap_delete returns E_CAP, value 0x0")
        self.assertEqual(self.describe(1, 0, trace.RETURN, 0, 4), "thread 1: wait ends: OK, value 0x4")
        self.assertEqual(self.describe(1, 3, trace.RETURN, 77, 0), "thread 1: cap_delete returns status 77, value 0x0")
        self.assertEqual(self.describe(0, 0, trace.SWITCH, 9, 0), "idle -> thread 9")
        self.assertEqual(self.describe(9, 0, trace.SWITCH, 0, 0), "thread 9 -> idle")
        self.assertEqual(self.describe(2, 1, trace.FAULT, 0x1000, 0x2000),
                         "thread 2: fault page, address 0x1000, rip 0x2000")
        self.assertEqual(self.describe(2, 0xFFFF, trace.INTERRUPT, 0, 0), "thread 2: interrupt, timer")
        self.assertEqual(self.describe(0, 4, trace.INTERRUPT, 0, 0), "idle: interrupt, line 4")
        self.assertEqual(self.describe(1, 0, trace.MESSAGE, 2, 0x100), "thread 1: message to thread 2, info 0x100")
        self.assertEqual(self.describe(2, 1, trace.MESSAGE, 1, 0), "thread 2: answer to thread 1, info 0x0")
        self.assertEqual(self.describe(2, 5, 200, 1, 0), "thread 2: event 200, detail 5, words 0x1 0x0")

    def test_names_are_the_kernels(self) -> None:
        names = trace.read_names()
        self.assertEqual((names.call(1), names.call(38), names.call(33)), ("cap_copy", "ep_call", "trace_control"))
        self.assertEqual((names.status(0), names.status(7)), ("OK", "E_BUSY"))
        self.assertEqual((names.fault(1), names.fault(10), names.fault(11)), ("page", "syscall", "kind 11"))


if __name__ == "__main__":
    unittest.main()
