"""Are reports on faults found in the kernel's log, and given the names that the program's image has for the addresses?"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import volume
from evidence.faults import MOVED_TO, FaultReports, Images, code_ranges, explain
from host import elf_symbols

SOURCE = """void _start(void);
void fall(void);
__attribute__((noinline)) void fall(void) {
    __builtin_trap();
}
void _start(void) {
    fall();
    for (;;) {}
}
"""
LINKED = {"crash": ("-fno-pic", "-static"), "moved": ("-fpie", "-static-pie")}
PREFIX = "1.234567 INFO user: "


class Reports(unittest.TestCase):
    """On a volume with a program at fixed addresses, and one that is moved."""

    folder: pathlib.Path
    fall: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "fall.c").write_text(SOURCE)
        cls.fall = {}
        members = [("etc/crash", b"no image\n"), ("test/other/crash", b"\x7fELF" + bytes(60))]
        for name, arguments in LINKED.items():
            built = cls.folder / name
            subprocess.run(["clang", "-g", "-O1", "-nostdlib", "-fuse-ld=lld", *arguments, "fall.c", "-o", built], cwd=cls.folder,
                           check=True)
            cls.fall[name] = elf_symbols.address(built, "fall") or 0
            members.append((f"bin/{name}", built.read_bytes()))
        (cls.folder / "boot.tar").write_bytes(volume.build(members))

    def images(self) -> Images:
        place = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        return Images(self.folder / "boot.tar", place)

    def test_process(self) -> None:
        rip = self.fall["crash"]
        seen = explain(f"{PREFIX}process 7 (crash): undefined or privileged instruction, code 0x0, rip 0x{rip:016x}", self.images())
        self.assertEqual(seen[0], "process 7 (crash): undefined or privileged instruction, code 0x0")
        self.assertRegex(seen[1], rf"^  #0 0x{rip:016x} fall at \S*fall\.c:[34]:\d+$")
        self.assertEqual(len(seen), 2)

    def test_server_that_is_moved(self) -> None:
        rip = self.fall["moved"] + MOVED_TO
        line = f"{PREFIX}moved: page fault: read at 0x0000000000000010 (nothing is mapped there), rip 0x{rip:016x}"
        seen = explain(line, self.images())
        self.assertEqual(seen[0], "moved: page fault: read at 0x0000000000000010 (nothing is mapped there)")
        self.assertIn("fall at", seen[1])

    def test_callers(self) -> None:
        middle = self.fall["crash"] + 1
        line = f"{PREFIX}process 7 (crash): callers 9 to 10: 0x{middle:016x} 0x0000000000000123"
        seen = explain(line, self.images())
        self.assertRegex(seen[0], rf"^  #9 0x{middle:016x} fall at \S*fall\.c:")
        self.assertEqual(seen[1:], ["  #10 0x0000000000000123 (not in the code of crash)"])

    def test_an_unknown_program(self) -> None:
        seen = explain(f"{PREFIX}process 7 (nosuch): divide error, code 0x0, rip 0x0000000000201000", self.images())
        self.assertEqual(seen[1], "  #0 0x0000000000201000 (not in the code of nosuch)")

    def test_other_lines(self) -> None:
        for line in ("0.1 INFO user: init: started files", "0.1 INFO boot: crash: divide error, rip 0x0000000000201000",
                     f"{PREFIX}process 7 (crash): rbp 0x0000000000000000 rsp 0x0000000000000000", ""):
            self.assertEqual(explain(line, self.images()), [])

    def test_a_log_that_grows(self) -> None:
        log = self.folder / "kernel.log"
        reports = FaultReports(log, self.images())
        self.assertEqual(reports.poll(), [], "there is no log yet")
        line = f"{PREFIX}process 7 (crash): divide error, code 0x0, rip 0x{self.fall['crash']:016x}\n"
        log.write_text(f"0.1 INFO user: init: started files\n{line[:40]}")
        self.assertEqual(reports.poll(), [], "half a line")
        with log.open("a") as file:
            file.write(line[40:])
        self.assertEqual(len(reports.poll()), 2)
        self.assertEqual(reports.poll(), [], "once")

    def test_code_is_where_the_segments_say(self) -> None:
        ranges = code_ranges((self.folder / "crash").read_bytes())
        self.assertEqual(len(ranges), 1)
        self.assertIn(self.fall["crash"], ranges[0])


if __name__ == "__main__":
    unittest.main()
