"""Is clang's raw profile written as its own tools read it, and coverage counted and reported right?"""

from __future__ import annotations

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

from coverage import emulator, lines, notes, profile, report
from coverage.lines import FileCoverage

PROGRAM = """int reached(int x) {
    if (x > 3 && x < 9)
        return 1;
    return 2;
}
int missed(void) {
    return 3;
}
"""
MAIN = "int reached(int); int main(void) { return reached(4) - 1; }\n"
EXPORT = """SF:build/../kernel/a.c
DA:1,5
DA:2,0
DA:3,0
DA:4,0
BRDA:1,0,0,5
BRDA:1,0,1,0
BRDA:4,0,0,-
BRDA:4,0,1,-
end_of_record
SF:build/../kernel/b.h
DA:7,1
end_of_record
"""
SOURCES = {"kernel/a.c": ["if (x) {", "    never();", "}", "assert(y);"], "kernel/b.h": [""] * 6 + ["int z;"]}
NOTES = """# Why lines are not reached

Prose with `code` in it.

## `kernel/a.c`
- `never();`, `gone();`: the machine
  never does that.
- no item: because nothing is quoted
"""


def cover_tool(name: str) -> str | None:
    return shutil.which(f"{name}-14") or shutil.which(name)


class RawProfile(unittest.TestCase):
    """A program without a runtime library, whose counters are read as a machine's would be."""

    def build(self, folder: pathlib.Path) -> pathlib.Path:
        (folder / "program.c").write_text(PROGRAM)
        (folder / "main.c").write_text(MAIN)
        out = folder / "program"
        counting = ["-O1", "-fprofile-instr-generate", "-fcoverage-mapping"]
        subprocess.run(["clang", *counting, "-c", "program.c"], cwd=folder, check=True)
        subprocess.run(["clang", "-c", "main.c"], cwd=folder, check=True)
        subprocess.run(["clang", "-nostdlib", "-static", "-Wl,-e,main", "-fuse-ld=lld", "-o", str(out), "main.o",
                        "program.o"], cwd=folder, check=True)
        return out

    def test_llvm_reads_it(self) -> None:
        merge, cover = cover_tool("llvm-profdata"), cover_tool("llvm-cov")
        if merge is None or cover is None:
            self.skipTest("llvm-profdata and llvm-cov are not installed")
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            program = self.build(folder)
            wanted = profile.read(program)
            count = len(wanted.counters.data) // 8
            self.assertEqual(count, 5)  # four in reached(), one in missed()
            raw = wanted.raw_profile(struct.pack("<5Q", 10, 4, 7, 5, 0))
            (folder / "a.profraw").write_bytes(raw)
            subprocess.run([merge, "merge", "-o", "a.profdata", "a.profraw"], cwd=folder, check=True)
            done = subprocess.run([cover, "export", "-format=lcov", str(program), "-instr-profile=a.profdata"],
                                  cwd=folder, check=True, capture_output=True, text=True)
            (found,) = lines.parse(done.stdout, folder).values()
            self.assertEqual([found.lines[number] for number in (1, 2, 3, 7)], [10, 10, 4, 0])

    def test_refuses_what_is_not_instrumented(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            program = self.build(folder)
            with self.assertRaisesRegex(profile.ProfileError, "3 bytes of counters"):
                profile.read(program).raw_profile(b"abc")
            with self.assertRaisesRegex(profile.ProfileError, "has no section __llvm_prf_cnts"):
                profile.read(folder / "main.o")
            with self.assertRaisesRegex(profile.ProfileError, "not a 64-bit ELF file"):
                profile.read(folder / "main.c")

    def test_harvest_from_a_dead_machine(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            names = profile.Section(emulator.IMAGE_BASE + 0x100, b"names")
            counters = profile.Section(emulator.IMAGE_BASE + 0x200, bytes(16))
            kernel = profile.Instrumented(counters, profile.Section(emulator.IMAGE_BASE, bytes(48)), names)
            memory = bytearray(0x10000)
            memory[0x1100:0x1105] = b"names"
            memory[0x1200:0x1210] = struct.pack("<QQ", 7, 9)
            (folder / "memory").write_bytes(memory)
            (folder / "log").write_text("0.0 INFO boot: image phys 0x1000, sealed root phys 0x2000\n")
            self.assertEqual(emulator.harvest(folder / "memory", folder / "log", kernel),
                             kernel.raw_profile(struct.pack("<QQ", 7, 9)))
            self.assertIsNone(emulator.harvest(folder / "gone", folder / "log", kernel))
            (folder / "log").write_text("nothing of a kernel")
            self.assertIsNone(emulator.harvest(folder / "memory", folder / "log", kernel))
            (folder / "log").write_text("boot: image phys 0x3000, sealed root phys 0x2000\n")  # another kernel's
            self.assertIsNone(emulator.harvest(folder / "memory", folder / "log", kernel))

    def test_arguments_of_the_machine(self) -> None:
        words = ["-chardev", "file,id=log,path=/a/kernel.log", "-object",
                 "memory-backend-file,id=ram,share=on,size=128M,mem-path=/b/memory"]
        self.assertEqual(emulator.argument(emulator.LOG_ARGUMENT, words), pathlib.Path("/a/kernel.log"))
        self.assertEqual(emulator.argument(emulator.MEMORY_ARGUMENT, words), pathlib.Path("/b/memory"))
        self.assertIsNone(emulator.argument(emulator.MEMORY_ARGUMENT, ["--version"]))

    def test_it_ends_as_the_real_one_does(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            real = pathlib.Path(place) / "real"
            real.write_text("#!/bin/sh\nexit $1\n")
            real.chmod(0o755)
            environment = {**os.environ, emulator.QEMU_VARIABLE: str(real)}
            for code in (0, 33):
                done = subprocess.run([str(pathlib.Path(emulator.__file__).resolve()), str(code)], env=environment,
                                      check=False)
                self.assertEqual(done.returncode, code)


class Reporting(unittest.TestCase):
    def setUp(self) -> None:
        self.files = lines.parse(EXPORT, pathlib.Path("/project"))

    def test_export(self) -> None:
        self.assertEqual(sorted(self.files), ["kernel/a.c", "kernel/b.h"])
        found = self.files["kernel/a.c"]
        self.assertEqual((found.lines_reached(), found.missed_lines()), (1, [2, 3, 4]))
        self.assertEqual((found.branches_reached(), found.branches_total()), (1, 4))
        kept = lines.code_only(found, SOURCES["kernel/a.c"])
        self.assertEqual((kept.branches_reached(), kept.branches_total()), (1, 2))

    def test_what_belongs_to_the_preprocessor(self) -> None:
        source = ["#define A(x) \\", "    case x: \\", "        f(x);", "int y;", "  #if B", "int z;"]
        self.assertEqual(lines.directive_lines(source), {1, 2, 3, 5})
        kept = lines.code_only(FileCoverage({2: 0, 4: 1}, {2: [1, 0], 4: [1, 1]}), source)
        self.assertEqual(kept, FileCoverage({4: 1}, {4: [1, 1]}))

    def test_notes(self) -> None:
        self.assertEqual(notes.parse(NOTES), {("kernel/a.c", "never();"): "the machine never does that.",
                                              ("kernel/a.c", "gone();"): "the machine never does that."})

    def test_report(self) -> None:
        written = report.write(self.files, SOURCES, notes.parse(NOTES))
        text = "\n".join(written.lines)
        self.assertIn("total 2/5 40.0 % 1/2 50.0 %", written.summary)
        self.assertIn("    2  never();\n         the machine never does that.", text)
        self.assertIn(f"    4  assert(y);\n         {report.NO_NOTE}", text)
        self.assertNotIn("    3  }", text)
        self.assertIn("only ever went one way, on lines that were reached:\nkernel/a.c\n    1  if (x) {", text)
        self.assertIn("Notes on lines that are reached, or gone:\nkernel/a.c: gone();", text)
        self.assertEqual(written.unexplained, 1)

    def test_a_file_that_is_all_reached_is_not_listed(self) -> None:
        written = report.write({"kernel/b.h": FileCoverage({7: 1}, {})}, SOURCES, {})
        self.assertEqual((written.unexplained, written.lines.count("kernel/b.h")), (0, 0))


if __name__ == "__main__":
    unittest.main()
