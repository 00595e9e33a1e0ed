"""Are reports on faults found in the kernel's log, and given the names that the program's image has for the
addresses?"""

from __future__ import annotations

import codecs
import errno
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import unittest.mock

import volume
from baton_cli import session, streams
from evidence.faults import (Explainer, FaultReports, Images, build_id, code_ranges, last_reports, moved_by,
                             program_headers)
from host import elf_symbols
from machine.console import ConsoleFilter

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
    """Reports on a volume with a program at fixed addresses, and a position-independent one."""

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
            subprocess.run(["clang", "-g", "-O1", "-nostdlib", "-fuse-ld=lld", "-Wl,--build-id=sha1", *arguments,
                            "fall.c", "-o", built], cwd=cls.folder,
                           check=True)
            cls.fall[name] = elf_symbols.address(built, "fall") or 0
            members.append((f"bin/{name}", built.read_bytes()))
        (cls.folder / "boot.tar").write_bytes(volume.build(members))

    def images(self, built: pathlib.Path | None = None) -> Images:
        place = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        return Images(self.folder / "boot.tar", place, built)

    def report(self, images: Images, name: str, number: str | None, base: int) -> list[str]:
        """The report on a fault in fall(), in an image with this build id that was moved by `base`. The process is
        number 7, with another program's name."""
        rip = base + self.fall[name]
        explainer = Explainer(images)
        lines = [f"image {number or '-'} at 0x{base:016x} to 0x{base + 0x300000:016x}, moved by 0x{base:x}",
                 f"divide error, code 0x0, rip 0x{rip:016x}",
                 f"callers 1 to 2: 0x{rip + 1:016x} 0x{base + 0x300000:016x}"]
        told = [text for line in lines for text in explainer.explain(f"{PREFIX}process 7 (crash): {line}")]
        return [text for text in told if not text.startswith("  image: ")]

    def id_of(self, name: str) -> str:
        found = build_id((self.folder / name).read_bytes())
        assert found is not None and len(found) == 40
        return found

    def test_build_id_matches(self) -> None:
        """The image's name does not matter, nor where it lies."""
        for name, base in (("crash", 0), ("moved", 0x17a5fe5d000), ("moved", 0)):
            with self.subTest(name=name, base=base):
                seen = self.report(self.images(), name, self.id_of(name), base)
                self.assertEqual(seen[0], "process 7 (crash): divide error, code 0x0")
                self.assertRegex(seen[1], r"^  #0 0x[0-9a-f]{16} fall at \S*fall\.c:[34]:\d+$")
                self.assertRegex(seen[2], r"^  #1 0x[0-9a-f]{16} fall at ")
                self.assertRegex(seen[3], r"^  #2 0x[0-9a-f]{16} \(not in the code of crash\)$", "outside all images")

    def test_build_id_in_the_build_folder(self) -> None:
        built = self.folder / "built"
        (built / "deep").mkdir(parents=True, exist_ok=True)
        subprocess.run(["clang", "-g", "-O0", "-nostdlib", "-static", "-fuse-ld=lld", "-Wl,--build-id=sha1", "fall.c",
                        "-o", built / "deep" / "other"], cwd=self.folder, check=True)
        number = build_id((built / "deep" / "other").read_bytes())
        base = elf_symbols.address(built / "deep" / "other", "fall") or 0
        with unittest.mock.patch.dict(self.fall, other=base):
            self.assertIn(" fall at ", self.report(self.images(built), "other", number, 0)[1])
            self.assertIn(f"(build id {number}: no image", self.report(self.images(), "other", number, 0)[1])

    def test_build_id_of_another_build(self) -> None:
        """An image of that name exists, but its lines would be wrong."""
        number = "0" + self.id_of("crash")[1:] if self.id_of("crash")[0] != "0" else "1" + self.id_of("crash")[1:]
        seen = self.report(self.images(self.folder), "crash", number, 0)
        for line in seen[1:3]:
            self.assertTrue(line.endswith(f" (build id {number}: no image on the volume or in the build folder has "
                                          f"it)"), line)

    def test_image_without_build_id(self) -> None:
        """An image of the program's name exists, but nothing proves that it ran."""
        self.assertTrue(self.report(self.images(), "crash", None,
                                    0)[1].endswith(" (no name: the image has no build id)"))

    def test_image_of_another_name(self) -> None:
        """The server `moved` runs the image of `crash`: the report has that image's lines, and names it."""
        rip = self.fall["crash"]
        explainer = Explainer(self.images())
        lines = (f"image {self.id_of('crash')} at 0x{0:016x} to 0x{0x300000:016x}, moved by 0x0",
                 f"divide error, code 0x0, rip 0x{rip:016x}")
        seen = [text for line in lines for text in explainer.explain(f"{PREFIX}moved: {line}")]
        self.assertEqual(seen[:2], ["moved: divide error, code 0x0", "  image: bin/crash"])
        self.assertIn(" fall at ", seen[2])

    def test_main_returned(self) -> None:
        explainer = Explainer(self.images())
        self.assertEqual(explainer.explain(f"{PREFIX}kv: main returned -1"), ["kv: main returned -1"])
        self.assertEqual(explainer.explain(f"{PREFIX}kv: no capability `events`"), [])
        self.assertEqual(explainer.explain(f"{PREFIX}kv: main returned 1"),
                         ["kv: main returned 1; its last words: no capability `events`"])
        self.assertEqual(explainer.explain(f"{PREFIX}kv: main returned"), [])

    def test_last_words_are_of_the_program_that_ended(self) -> None:
        """Neither those of a program before it, nor what its report says of registers."""
        explainer = Explainer(self.images())
        for line in ("no capability `events`", "main returned 1"):
            explainer.explain(f"{PREFIX}kv: {line}")
        self.assertEqual(explainer.explain(f"{PREFIX}kv: main returned 2"), ["kv: main returned 2"])
        for line in ("no capability `irq`", f"divide error, code 0x0, rip 0x{1:016x}",
                     "walk of 4 levels: 0x1 0x2 0x3 0x4", f"rax 0x{1:016x} rbx 0x{2:016x}",
                     f"rbp 0x{1:016x} rsp 0x{2:016x}", f"r12 0x{1:016x} r13 0x{2:016x}"):
            explainer.explain(f"{PREFIX}kv: {line}")
        self.assertEqual(explainer.explain(f"{PREFIX}kv: main returned 3"), ["kv: main returned 3"])

    def test_last_reports_of_a_log(self) -> None:
        """The last three reports, each with the images that the log told last before it."""
        log = []
        for number in range(5):
            for name in ("moved", "crash"):
                log += [f"{PREFIX}process {number} (p), thread 2: image {self.id_of(name)} at 0x{0:016x} to "
                        f"0x{0x300000:016x}, moved by 0x0",
                        f"{PREFIX}process {number} (p), thread 2: divide error, code 0x{number}, rip "
                        f"0x{self.fall[name]:016x}"]
        seen = last_reports("\n".join(log), self.images())
        self.assertEqual([line for line in seen if "divide" in line],
                         [f"process {number} (p), thread 2: divide error, code 0x{number}" for number in (3, 4, 4)])
        self.assertEqual([line for line in seen if "image" in line],
                         [f"  image: bin/{name}" for name in ("crash", "moved", "crash")])
        self.assertEqual(len([line for line in seen if " fall at " in line]), 3)
        self.assertEqual(last_reports("", self.images()), [])

    def test_images_of_the_next_report(self) -> None:
        """After an exec of the process, its earlier images no longer count."""
        explainer = Explainer(self.images())
        for base in (0x17a5fe5d000, 0x2000000000):
            for line in (f"image {self.id_of('moved')} at 0x{base:016x} to 0x{base + 0x10000:016x}, moved by "
                         f"0x{base:x}",
                         f"divide error, code 0x0, rip 0x{base + self.fall['moved']:016x}"):
                seen = explainer.explain(f"{PREFIX}process 7 (moved): {line}")
            self.assertIn(" fall at ", seen[1])
            self.assertEqual(len(explainer.loaded["process 7 (moved)"]), 1)

    def test_mappings(self) -> None:
        text = "next below: 0x0000000000200000 to 0x0000000000201000, r-x, file"
        self.assertEqual(Explainer(self.images()).explain(f"{PREFIX}process 7 (crash): {text}"), [f"  {text}"])

    def test_damaged_notes(self) -> None:
        """Any damage gives no id, and no exception."""
        data = (self.folder / "crash").read_bytes()[:4096]
        for length in (*range(0, 700, 7), 4095):
            self.assertIn(build_id(data[:length]), (None, self.id_of("crash")))
        for at in range(64, 1024):
            build_id(data[:at] + b"\xff" + data[at + 1 :])

    def test_nothing_is_guessed_by_name(self) -> None:
        """A report without an image: a program of that name exists, but is not assumed to be the one that ran."""
        for name in ("process 7 (crash)", "crash"):
            seen = Explainer(self.images()).explain(f"{PREFIX}{name}: divide error, code 0x0, rip "
                                                    f"0x{self.fall['crash']:016x}")
            self.assertEqual(seen, [f"{name}: divide error, code 0x0",
                                    f"  #0 0x{self.fall['crash']:016x} (not in the code of crash)"])

    def test_what_is_executed(self) -> None:
        """An image is found by its code in memory, wherever it may have been moved, but only at the
        right place in the image."""
        for name, base in (("crash", 0), ("moved", 0), ("moved", 0x17a5fe5d000)):
            data = (self.folder / name).read_bytes()
            kind, flags, offset, start, length, _ = next(part for part in program_headers(data)
                                                         if part[0] == 1 and part[1] & 1)
            code = bytes(start % 4096) + data[offset : offset + length]
            code += b"\xcc" * (4096 - len(code))
            address = base + self.fall[name]
            with self.subTest(name=name, base=base):
                self.assertEqual(moved_by(data, code, address), [base])
                self.assertEqual(moved_by(data, code, base + start - 1), [], "no code of its own is there")
                self.assertEqual(moved_by(data, code, address + 4096), [base + 4096] if name == "moved" else [])
                self.assertEqual(moved_by(data, code[:-4096] + bytes(4096), address), [])
                for length in (4, 63, 64, 700, len(data) // 2):
                    self.assertIn(moved_by(data[:length], code, address), ([], [base]))

    def test_callers(self) -> None:
        middle = self.fall["crash"] + 1
        line = f"{PREFIX}process 7 (crash): callers 9 to 10: 0x{middle:016x} 0x0000000000000123"
        explainer = Explainer(self.images())
        explainer.explain(f"{PREFIX}process 7 (crash): image {self.id_of('crash')} at 0x{0:016x} to "
                          f"0x{0x300000:016x}, moved by 0x0")
        seen = explainer.explain(line)
        self.assertRegex(seen[0], rf"^  #9 0x{middle:016x} fall at \S*fall\.c:")
        self.assertEqual(seen[1:], ["  #10 0x0000000000000123 (not in the code of crash)"])

    def test_an_unknown_program(self) -> None:
        seen = Explainer(self.images()).explain(f"{PREFIX}process 7 (nosuch): divide error, code 0x0, rip "
                                                f"0x0000000000201000")
        self.assertEqual(seen[1], "  #0 0x0000000000201000 (not in the code of nosuch)")

    def test_other_lines(self) -> None:
        for line in ("0.1 INFO user: init: started files", "0.1 INFO boot: crash: divide error, rip 0x0000000000201000",
                     f"{PREFIX}process 7 (crash): rbp 0x0000000000000000 rsp 0x0000000000000000", ""):
            self.assertEqual(Explainer(self.images()).explain(line), [])

    def test_a_log_that_grows(self) -> None:
        log = self.folder / "kernel.log"
        reports = FaultReports(log, self.images())

        def polled() -> list[str]:
            reports.read()
            return reports.tell()

        self.assertEqual(polled(), [], "there is no log yet")
        line = f"{PREFIX}process 7 (crash): divide error, code 0x0, rip 0x{self.fall['crash']:016x}\n"
        log.write_text(f"0.1 INFO user: init: started files\n{line[:40]}")
        self.assertEqual(polled(), [], "half a line")
        with log.open("a") as file:
            file.write(line[40:])
        self.assertEqual(len(polled()), 2)
        self.assertEqual(polled(), [], "once")

    def test_a_report_that_comes_in_pieces(self) -> None:
        """The reader knows when it is complete, or when no more lines will come."""
        log = self.folder / "pieces.log"
        reports = FaultReports(log, self.images())
        self.assertFalse(reports.is_inside())
        pieces = [f"process 7 (crash): divide error, code 0x0, rip 0x{self.fall['crash']:016x}",
                  "process 7 (crash): callers 1 to 1: 0x0000000000000123",
                  "files: 3 files",
                  "process 7 (crash): next below: 0x0000000000200000 to 0x0000000000202000, r--, file",
                  "process 7 (crash): next above: 0x0000000000300000 to 0x0000000000302000, r--, file"]
        for piece in pieces:
            with log.open("a") as file:
                file.write(f"{PREFIX}{piece}\n")
            reports.read()
            self.assertEqual(reports.is_inside(), piece != pieces[-1], piece)
        self.assertEqual([line[:12] for line in reports.tell()],
                         ["process 7 (c", "  #0 0x00000", "  #1 0x00000", "  next below", "  next above"])
        with log.open("a") as file:
            file.write(f"{PREFIX}{pieces[0]}\n")
        reports.read()
        self.assertTrue(reports.is_inside())
        with unittest.mock.patch("time.monotonic", return_value=time.monotonic() + 1):
            self.assertFalse(reports.is_inside())

    def test_code_is_where_the_segments_say(self) -> None:
        ranges = code_ranges((self.folder / "crash").read_bytes())
        self.assertEqual(len(ranges), 1)
        self.assertIn(self.fall["crash"], ranges[0])


class Notes(unittest.TestCase):
    """Our own words among the guest's are on lines of their own, even after a part of the guest's line."""

    def written(self, is_terminal: bool, *steps: bytes | str | float, shared: bool = True) -> str:
        """The bytes that one terminal, file or pipe gets. A step: the guest's bytes, a note of
        this project, or a time that passes."""
        with tempfile.TemporaryFile() as file, unittest.mock.patch.multiple(
                "os", isatty=lambda _: is_terminal,
                path=unittest.mock.Mock(sameopenfile=lambda *_: shared)), unittest.mock.patch.multiple(
                "sys", stdout=unittest.mock.Mock(buffer=file), stderr=codecs.getwriter("utf-8")(file)):
            output = session.Output()
            for step in steps:
                if isinstance(step, bytes):
                    output.write(step)
                elif isinstance(step, str):
                    output.note([step, "more"])
                else:
                    with unittest.mock.patch("time.monotonic", return_value=time.monotonic() + step):
                        output.tell_late()
            output.tell()
            file.seek(0)
            return file.read().decode()

    def test_not_in_a_line(self) -> None:
        for is_terminal, end in ((True, "\r\n"), (False, "\n")):
            with self.subTest(is_terminal=is_terminal):
                self.assertEqual(self.written(is_terminal, b"one\r\n", "note", b"two\r\n"),
                                 f"one{end}note{end}more{end}two{end}")
                self.assertEqual(self.written(is_terminal, b"crash:", "note", b" kil", 0.0, b"led\r", b"\nhi"),
                                 f"crash: killed{end}note{end}more{end}hi")
                self.assertEqual(self.written(is_terminal, b"crash:", "note", b"\r\n\r\n", "note"),
                                 f"crash:{end}note{end}more{end}{end}note{end}more{end}")

    def test_a_line_that_does_not_end(self) -> None:
        """A prompt, for example: the note waits only for a moment."""
        for is_terminal, end in ((True, "\r\n"), (False, "\n")):
            with self.subTest(is_terminal=is_terminal):
                self.assertEqual(self.written(is_terminal, b"baton$ ", "note", 0.1, b"l", 0.3, b"s"),
                                 f"baton$ l{end}note{end}more{end}s")
        self.assertEqual(self.written(False, b"baton$ ", "note", shared=False), "baton$ note\nmore\n",
                         "standard output is the guest's alone")


class Keys(unittest.TestCase):
    """Errors of standard input."""

    def taken(self, error: int) -> session.Session:
        """A session after a read that failed with this error."""
        shown = ConsoleFilter(firmware=False, programs_only=True)
        carried = session.Session(unittest.mock.Mock(), shown, 0, None, unittest.mock.Mock())
        with unittest.mock.patch("os.read", side_effect=OSError(error, os.strerror(error))):
            carried.take_keys(is_terminal=False)
        return carried

    def test_a_peer_that_went(self) -> None:
        """The peer of a socket is gone: the input has ended."""
        carried = self.taken(errno.ECONNRESET)
        self.assertTrue(carried.ended)
        self.assertIsNone(carried.keys)

    def test_another_error(self) -> None:
        with self.assertRaises(OSError) as raised:
            self.taken(errno.EIO)
        self.assertEqual(streams.reason(raised.exception), "standard input: input/output error")


if __name__ == "__main__":
    unittest.main()
