"""Are the kernel's log, QEMU's registers and the manner of an end read right?"""

from __future__ import annotations

import pathlib
import tempfile
import unittest

from evidence import registers, traps
from evidence.kernel_log import KernelLog
from evidence.pagewalk import PhysicalMemory
from evidence.report import Evidence
from evidence.verdict import Kind, Problem, judge_end
from machine.console import ConsoleFilter
from machine.guest import Cause, End

LOG = """0.000000 INFO boot: image phys 0x200000, sealed root phys 0x3ff000
0.010000 INFO init: started
"""
PANIC = LOG + """PANIC: ledger: frame 0x1234 has count -1
rip 0xffffffff80001234 rsp 0xffffffff80009ff0
cr2 0x0000000000000000 cr3 0x00000000003ff000
frame 0xffffffff80002222
frame 0xffffffff80003333
walk 0x0000000000000000: pml4 0x0 pdpt 0x0 pd 0x0 pt 0x0
PANIC END
"""
QEMU_TEXT = """CPU#0
RAX=0000000000000001 RBX=ffffffff80000000 RCX=0 RDX=0
R8 =0000000000000008 R15=000000000000000f
RIP=ffffffff80001000 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0010 0000000000000000 00000000 00009300
TR =0028 ffffffff8001e038 00000067 00008b00 DPL=0 TSS64-busy
GDT=     ffffffff8001e000 00000037
IDT=     ffffffff80021000 00000fff
CR0=80000011 CR2=0000000000001000 CR3=0000000000101000 CR4=00000020
EFER=0000000000000500
CPU#1
EAX=00000002 EIP=0000fff0 EFL=00000002 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0
"""


class Log(unittest.TestCase):
    def test_facts(self) -> None:
        log = KernelLog(LOG)
        self.assertEqual(log.sealed_root, 0x3FF000)
        self.assertIsNone(log.power_off_status)
        self.assertIsNone(log.panic)

    def test_power_off(self) -> None:
        self.assertEqual(KernelLog(LOG + "1.000000 INFO power: off, status 3\n").power_off_status, 3)

    def test_panic(self) -> None:
        panic = KernelLog(PANIC).panic
        assert panic is not None
        self.assertEqual(panic.text, "ledger: frame 0x1234 has count -1")
        self.assertTrue(panic.complete)
        self.assertEqual(panic.registers["cr3"], 0x3FF000)
        self.assertEqual(panic.frames, [0xFFFFFFFF80002222, 0xFFFFFFFF80003333])
        self.assertEqual(len(panic.walks), 1)
        self.assertNotIn("frame", panic.registers)

    def test_panic_cut_short(self) -> None:
        panic = KernelLog(PANIC.replace("PANIC END\n", "")).panic
        assert panic is not None
        self.assertFalse(panic.complete)


class Registers(unittest.TestCase):
    def test_parse(self) -> None:
        first, second = registers.parse(QEMU_TEXT)
        self.assertEqual(first.get("rip"), 0xFFFFFFFF80001000)
        self.assertEqual(first.get("r8"), 8)
        self.assertEqual(first.get("rflags"), 0x46)
        self.assertEqual(first.get("cr3"), 0x101000)
        self.assertEqual((first.get("gdt"), first.get("idt")), (0xFFFFFFFF8001E000, 0xFFFFFFFF80021000))
        self.assertEqual(first.get("tr"), 0xFFFFFFFF8001E038)
        self.assertEqual((first.ring, first.halted), (0, True))
        self.assertEqual((second.number, second.get("rax"), second.get("rip"), second.ring), (1, 2, 0xFFF0, 3))

    def test_lines_hold_each_once(self) -> None:
        text = "\n".join(registers.parse(QEMU_TEXT)[0].lines())
        for name in ("rip", "rax", "cr2", "cr3", "efer"):
            self.assertEqual(text.count(f"{name:6} 0x"), 1)


class Traps(unittest.TestCase):
    def explain(self, code: str, vector: int) -> list[str]:
        """The explanation of a panic at 0x5000, where `code` lies, under a root that maps the first 2 MiB."""
        with tempfile.NamedTemporaryFile() as file:
            image = bytearray(0x6000)
            for table, entry in ((0x1000, 0x2003), (0x2000, 0x3003), (0x3000, 0x83)):
                image[table : table + 8] = entry.to_bytes(8, "little")
            image[0x5000 : 0x5000 + len(bytes.fromhex(code))] = bytes.fromhex(code)
            pathlib.Path(file.name).write_bytes(image)
            memory = PhysicalMemory(pathlib.Path(file.name))
            return traps.explain(memory, {"vector": vector, "cr3": 0x1000, "rip": 0x5000})

    def test_compilers_checks(self) -> None:
        self.assertIn("misaligned pointer", self.explain("670fb94016", 6)[0])
        self.assertIn("shift out of bounds", self.explain("670fb94014", 6)[0])
        self.assertIn("addition overflows", self.explain("670fb900", 6)[0])

    def test_plain_exceptions(self) -> None:
        self.assertEqual(self.explain("0f0b", 6), ["exception 6 (invalid opcode)"])
        self.assertEqual(self.explain("670fb940ff", 6), ["exception 6 (invalid opcode)"])
        self.assertEqual(self.explain("90", 14), ["exception 14 (page fault)"])

    def test_no_exception(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            self.assertEqual(traps.explain(PhysicalMemory(pathlib.Path(file.name)), {"rip": 1}), [])


class GivenUp(unittest.TestCase):
    """A machine that the loader or init switched off: reported in their words, and not mistaken for a command's
    status."""

    def judge(self, said: str, status: int) -> Problem | None:
        text = LOG + said + f"1.0 INFO power: off, status {status}\n"
        with tempfile.NamedTemporaryFile() as memory:
            return judge_end(End(Cause.EXITED, 33),
                             Evidence(KernelLog(text), PhysicalMemory(pathlib.Path(memory.name)), [], [], []), 5, "")

    def test_not_started(self) -> None:
        said = ("0.1 INFO user: init: started files\n0.2 INFO user: init: console: handover refused: kernel text is "
                "not mapped\n0.2 INFO user: files: 3 files\n0.3 INFO user: init: the system can't be started\n")
        self.assertEqual(self.judge(said, 74),
                         Problem(Kind.NOT_STARTED, "init: console: handover refused: kernel text is not mapped"))
        self.assertIsNone(self.judge(said, 3))
        self.assertIsNone(self.judge("", 74), "a command may end so, too")

    def test_server_ended(self) -> None:
        report = ("0.2 INFO user: console: image 12ab at 0x1 to 0x2, moved by 0x0\n"
                  "0.2 INFO user: console: {}\n0.3 INFO user: init: console is vital: switching off\n")
        said = "0.1 INFO user: console: no capability `irq`\n"
        self.assertEqual(self.judge(said + report.format("main returned 1"), 75),
                         Problem(Kind.SERVER_ENDED, "console: main returned 1; its last words: no capability `irq`"))
        self.assertEqual(self.judge(report.format("main returned 1"), 75),
                         Problem(Kind.SERVER_ENDED, "console: main returned 1"))
        fault = "page fault: read at 0x0000000000000010 (nothing is mapped there), rip 0x0000000000201000"
        self.assertEqual(self.judge(said + report.format(fault), 75),
                         Problem(Kind.SERVER_ENDED,
                                 "console: page fault: read at 0x0000000000000010 (nothing is mapped there)"))
        self.assertIsNone(self.judge("", 75))

    def test_loader(self) -> None:
        log = KernelLog("baton: there is no kernel on the volume\n")
        with tempfile.NamedTemporaryFile() as memory:
            problem = judge_end(End(Cause.EXITED, 35),
                                Evidence(log, PhysicalMemory(pathlib.Path(memory.name)), [], [], []), 5, "")
        self.assertEqual(problem, Problem(Kind.NOT_STARTED, "the loader: there is no kernel on the volume"))


class LoaderWords(unittest.TestCase):
    """The loader's words on the console before it waits for a key."""

    def failure(self, text: bytes, programs_only: bool = True) -> str | None:
        console = ConsoleFilter(firmware=True, programs_only=programs_only)
        console.feed(b"BdsDxe: starting Boot0001 from a disk\r\n" + text)
        return console.loader_failure

    def test_failure(self) -> None:
        progress = b"\rbaton: reading boot.tar: 1 of 6 MiB\rbaton: reading boot.tar: 6 of 6 MiB"
        self.assertIsNone(self.failure(progress + b"\r\n"))
        said = progress + b"\r\n\r\n\x1b[0mbaton: no kernel on it\r\nbaton: press a key to return to firmware\r\n"
        self.assertEqual(self.failure(said), "no kernel on it")
        for end in range(len(progress) + 4, said.index(b" it\r") + 3):
            self.assertIsNone(self.failure(said[:end]), "the rest of the line is still to come")
        self.assertIsNone(self.failure(said, programs_only=False), "whoever sits there may press a key")
        self.assertIsNone(self.failure(b"\x11\r\nbaton: no kernel\r\n"), "a program said so")
        problem = judge_end(End(Cause.LOADER, words="no kernel on it"),
                            Evidence(KernelLog(""), PhysicalMemory(pathlib.Path("/dev/null")), [], [], []), 5, "")
        self.assertEqual(problem, Problem(Kind.NOT_STARTED, "the loader: no kernel on it"))


class Verdict(unittest.TestCase):
    def judge(self, end: End, text: str = LOG, exceptions: tuple[str, ...] = ()) -> Kind | None:
        with tempfile.NamedTemporaryFile() as memory:
            evidence = Evidence(KernelLog(text), PhysicalMemory(pathlib.Path(memory.name)), [], list(exceptions), [])
            problem = judge_end(end, evidence, 5, "")
        return problem.kind if problem else None

    def test_every_end(self) -> None:
        off = LOG + "1.0 INFO power: off, status 0\n"
        self.assertIsNone(self.judge(End(Cause.EXITED, 33), off))
        self.assertEqual(self.judge(End(Cause.EXITED, 33)), Kind.EARLY_EXIT)
        self.assertEqual(self.judge(End(Cause.EXITED, 0), off), Kind.EARLY_EXIT)
        self.assertEqual(self.judge(End(Cause.EXITED, 1)), Kind.EARLY_EXIT)
        self.assertEqual(self.judge(End(Cause.EXITED, -9)), Kind.EARLY_EXIT)
        self.assertEqual(self.judge(End(Cause.EXITED, 35)), Kind.PANIC)
        self.assertEqual(self.judge(End(Cause.EXITED, 33), PANIC + off), Kind.PANIC)
        self.assertEqual(self.judge(End(Cause.TIMEOUT)), Kind.HANG)
        self.assertEqual(self.judge(End(Cause.RESET)), Kind.RESET)
        self.assertEqual(self.judge(End(Cause.RESET), LOG, ("Triple fault",)), Kind.TRIPLE_FAULT)
        again = LOG + "1.000000 INFO power: reboot\n"
        self.assertEqual(self.judge(End(Cause.RESET), again), Kind.REBOOTED)
        self.assertEqual(self.judge(End(Cause.RESET), PANIC + again), Kind.PANIC)
        self.assertEqual(self.judge(End(Cause.RESET), LOG + "1.000000 INFO user: power: reboot\n"), Kind.RESET,
                         "a program said so")
        self.assertEqual(self.judge(End(Cause.TIMEOUT), again), Kind.HANG, "it did not work")
        self.assertEqual(self.judge(End(Cause.SHUTDOWN)), Kind.EARLY_EXIT)
        self.assertEqual(self.judge(End(Cause.CANCELLED)), Kind.CANCELLED)
