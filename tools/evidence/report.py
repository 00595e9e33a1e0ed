"""Owns the report on a machine that ended badly: what happened, where, and what the page tables said about it.

The evidence is gathered from the dead machine while it still lies there paused (registers, through the monitor), from
its RAM (page tables, stacks, through the file behind it, also after QEMU has exited), from the kernel's log, and from
the emulator's log of exceptions.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from evidence import pagewalk, registers, trace, traps
from evidence.faults import Image, Images
from evidence.kernel_log import KernelLog, Panic
from evidence.pagewalk import PhysicalMemory
from evidence.registers import Cpu
from evidence.symbols import KERNEL_HALF, Symbols
from machine.guest import Guest
from machine.qmp import QmpError

USER_RING = 3
FRAMES_MAX = 32
EXCEPTIONS_SHOWN = 8
STACKS_IN_TSS = (("stack for exceptions of programs (RSP0)", 4), ("stack for double faults (IST1)", 36))
TRIPLE_FAULT = "Triple fault"
EXCEPTION_LINE = re.compile(r"^\s*\d+: v=|check_exception|Triple fault")


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Everything gathered. A part that could not be read is empty or None, and `gaps` says why."""

    log: KernelLog
    memory: PhysicalMemory
    cpus: list[Cpu]
    exceptions: list[str]
    gaps: list[str]
    programs: Mapping[int, str] = dataclasses.field(default_factory=dict)  # by the root of their address space

    def space(self, root: int) -> str:
        """An address space, in words."""
        table = root & pagewalk.ADDRESS_MASK
        program = "the kernel alone" if table == self.log.sealed_root else self.programs.get(table)
        return f"CR3 0x{root:x}" + (f" ({program})" if program else "")

    @property
    def triple_fault(self) -> bool:
        return any(TRIPLE_FAULT in line for line in self.exceptions)


def gather(guest: Guest) -> Evidence:
    """Collect the evidence from a machine that has ended: paused, or with QEMU gone."""
    cpus: list[Cpu] = []
    gaps: list[str] = []
    if guest.process.poll() is None and guest.qmp is not None:
        try:
            cpus = registers.parse(guest.qmp.human("info registers -a"))
        except QmpError as error:
            gaps.append(f"registers: {error}")
    try:
        text = guest.machine.kernel_log.read_text(errors="replace")
    except FileNotFoundError:
        text = ""
        gaps.append("kernel log: QEMU never opened it")
    exceptions = exception_lines(guest.exceptions_text())
    return Evidence(KernelLog(text), PhysicalMemory(guest.machine.memory_file), cpus, exceptions, gaps)


def exception_lines(text: str) -> list[str]:
    """The last exceptions in the emulator's log, without its register dumps."""
    return [line.strip() for line in text.splitlines() if EXCEPTION_LINE.search(line)][-EXCEPTIONS_SHOWN:]


def read_virtual(evidence: Evidence, root: int, address: int) -> int | None:
    """A word at a virtual address; kernel addresses that `root` lacks are looked up in the sealed root."""
    roots = [root]
    if address & KERNEL_HALF and evidence.log.sealed_root is not None:
        roots.append(evidence.log.sealed_root)
    for candidate in roots:
        physical = pagewalk.walk(evidence.memory, candidate, address).physical
        if physical is not None:
            return evidence.memory.word(physical)
    return None


def frames(evidence: Evidence, root: int, base: int) -> list[int]:
    """Return addresses found by following frame pointers, innermost first."""
    found: list[int] = []
    while len(found) < FRAMES_MAX and base and base % 8 == 0:
        above, back = read_virtual(evidence, root, base), read_virtual(evidence, root, base + 8)
        if above is None or not back or not pagewalk.canonical(back):
            break
        found.append(back)
        if above <= base:  # stacks grow down, so each caller's frame must lie higher
            break
        base = above
    return found


@dataclasses.dataclass(frozen=True)
class ProgramSymbols:
    """Symbols, and those of the program that a CPU executes."""

    symbols: Symbols
    image: Image
    base: int

    def name(self, address: int, is_return: bool = False) -> str:
        if address & KERNEL_HALF:
            return self.symbols.name(address, is_return)
        return self.image.place(address, self.base, is_return) or f"(not in the code of {self.image.name})"


def symbols_of(evidence: Evidence, cpu: Cpu, symbols: Symbols, images: Images) -> Symbols | ProgramSymbols:
    """`symbols`, with those of the program that this CPU executes if its image is known."""
    is_kernel = cpu.get("rip") & KERNEL_HALF
    found = None if is_kernel else images.executed(evidence.memory, cpu.get("cr3"), cpu.get("rip"))
    return symbols if found is None else ProgramSymbols(symbols, *found)


def backtrace_lines(symbols: Symbols | ProgramSymbols, instruction: int, returns: list[int]) -> list[str]:
    lines = [f"  #0 0x{instruction:016x} {symbols.name(instruction)}"]
    return lines + [f"  #{number} 0x{address:016x} {symbols.name(address, is_return=True)}"
                    for number, address in enumerate(returns, 1)]


def page_table_lines(evidence: Evidence, root: int, instruction: int, fault: int) -> list[str]:
    """The walks that matter and the comparison of the kernel half."""
    lines: list[str] = []
    at_instruction = pagewalk.walk(evidence.memory, root, instruction)
    if at_instruction.physical is None:
        lines.append("the next instruction is not mapped in this CR3:")
    lines += at_instruction.lines()
    if fault and fault != instruction:
        lines.append("last page-fault address (CR2):")
        lines += pagewalk.walk(evidence.memory, root, fault).lines()
    sealed_root = evidence.log.sealed_root
    if sealed_root is None:
        return [*lines, "kernel half: the log does not say where the sealed root is"]
    lines.append(f"kernel half of {evidence.space(root)} compared with the sealed root 0x{sealed_root:x}:")
    if root & pagewalk.ADDRESS_MASK == sealed_root:
        return [*lines, "  this is the sealed root"]
    return lines + ["  " + line for line in pagewalk.compare_kernel_half(evidence.memory, root, sealed_root)]


def delivery_lines(evidence: Evidence, cpu: Cpu) -> list[str]:
    """The structures that the CPU reads and writes to deliver an exception, and which of them this CR3 does not map."""
    root, sealed_root = cpu.get("cr3"), evidence.log.sealed_root
    task = cpu.get("tr")
    places = [("handler table (IDT)", cpu.get("idt")), ("segments (GDT)", cpu.get("gdt")), ("task state (TSS)", task)]
    for name, offset in STACKS_IN_TSS:
        top = read_virtual(evidence, sealed_root or root, task + offset) if task else None
        places.append((name, top - 8 if top else 0))
    lines = []
    for name, address in places:
        found = pagewalk.walk(evidence.memory, root, address) if address else None
        if found is not None and found.physical is None:
            lines.append(f"  {name} 0x{address:016x}: {found.problem}")
    return ["what exceptions need and this CR3 lacks:", *lines] if lines else []


def cpu_lines(evidence: Evidence, cpu: Cpu, symbols: Symbols | ProgramSymbols, hangs: bool) -> list[str]:
    """One CPU of a paused machine. hangs: leave out page tables, unless the executed instruction is not mapped."""
    root, instruction = cpu.get("cr3"), cpu.get("rip")
    state = " halted" if cpu.halted else ""
    ring = "" if cpu.ring is None else f" ring {cpu.ring}"
    is_fine = hangs and cpu.ring == USER_RING and pagewalk.walk(evidence.memory, root, instruction).physical is not None
    return [f"CPU {cpu.number}:{ring}{state}, {evidence.space(root)}", *cpu.lines(), "backtrace:",
            *backtrace_lines(symbols, instruction, frames(evidence, root, cpu.get("rbp"))),
            *(() if is_fine else page_table_lines(evidence, root, instruction, cpu.get("cr2"))),
            *delivery_lines(evidence, cpu)]


def panic_lines(evidence: Evidence, panic: Panic, symbols: Symbols, images: Images) -> list[str]:
    """The kernel's own words with symbols, and the page tables in RAM."""
    lines = [f"PANIC: {panic.text}"]
    if not panic.complete:
        lines.append("(the panic's report on the log is not complete)")
    cpu = Cpu(0, panic.registers)
    lines += traps.explain(evidence.memory, panic.registers)
    lines += cpu.lines()
    returns = panic.frames[1:] if panic.frames[:1] == [cpu.get("rip")] else panic.frames
    if "cr3" in panic.registers and not cpu.get("rip") & KERNEL_HALF:  # the kernel reads no program's stack
        returns = frames(evidence, cpu.get("cr3"), cpu.get("rbp"))
    lines += ["backtrace:", *backtrace_lines(symbols_of(evidence, cpu, symbols, images), cpu.get("rip"), returns)]
    lines += [f"the kernel's own walk: {text}" for text in panic.walks]
    if "cr3" in panic.registers:
        lines += page_table_lines(evidence, cpu.get("cr3"), cpu.get("rip"), cpu.get("cr2"))
    return lines


def write(evidence: Evidence, symbols: Symbols, images: Images, threads: Sequence[str] = ()) -> list[str]:
    """The report's lines. threads: the part on threads of a machine that hung; idle CPUs are then left out."""
    lines = list(threads)
    panic = evidence.log.panic
    if panic is not None:
        lines += panic_lines(evidence, panic, symbols, images)
    for cpu in evidence.cpus:
        if threads and cpu.halted:
            lines.append(f"CPU {cpu.number}: idle")
        else:
            lines += cpu_lines(evidence, cpu, symbols_of(evidence, cpu, symbols, images), bool(threads))
    if not evidence.cpus and panic is None:
        lines.append("registers: none, QEMU has exited and the kernel's log holds no panic")
    lines += trace.lines(evidence.memory, evidence.log.sealed_root, symbols.kernel)
    if evidence.exceptions:
        lines += ["last exceptions (emulator's log):", *("  " + line for line in evidence.exceptions)]
    return lines + [f"not available: {gap}" for gap in evidence.gaps]
