"""Owns the registers of a dead machine: read from QEMU's text, printed for a report."""

from __future__ import annotations

import dataclasses
import re

CPU = re.compile(r"^CPU#(\d+)", re.MULTILINE)
PAIR = re.compile(r"\b(R[A-Z0-9]{1,2}|E[A-Z]{2}|CR[0234]|EFER)\s*=\s*([0-9a-f]+)")
TABLE = re.compile(r"^(GDT|IDT|TR)\s*=(?:[0-9a-f]{4})?\s+([0-9a-f]{16}) ", re.MULTILINE)
PRIVILEGE = re.compile(r"\bCPL=(\d)")
HALTED = re.compile(r"\bHLT=(\d)")
ORDER = ("rip", "rsp", "rbp", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
         "r15", "rflags", "cr0", "cr2", "cr3", "cr4", "efer", "vector", "error")
PAIRS_PER_LINE = 4


@dataclasses.dataclass(frozen=True)
class Cpu:
    """One CPU's registers, by lower-case names; gdt, idt and tr are base addresses. ring: None when not known."""

    number: int
    values: dict[str, int]
    ring: int | None = None
    halted: bool = False

    def get(self, name: str) -> int:
        return self.values.get(name, 0)

    def lines(self) -> list[str]:
        pairs = [f"{name:6} 0x{self.values[name]:016x}" for name in ORDER if name in self.values]
        return ["  " + "  ".join(pairs[at : at + PAIRS_PER_LINE]) for at in range(0, len(pairs), PAIRS_PER_LINE)]


def full_name(name: str) -> str:
    """QEMU's name as the manual's 64-bit one: RFL and EFL are rflags, EAX is rax, R8 stays."""
    lower = name.lower()
    if lower in ("rfl", "efl"):
        return "rflags"
    return "r" + lower[1:] if lower[0] == "e" and lower != "efer" else lower


def parse(text: str) -> list[Cpu]:
    """The CPUs in the text of `info registers -a`."""
    starts = list(CPU.finditer(text))
    cpus = []
    for start, following in zip(starts, [*starts[1:], None]):
        part = text[start.end() : following.start() if following else None]
        values = {full_name(name): int(value, 16) for name, value in PAIR.findall(part)}
        values |= {name.lower(): int(base, 16) for name, base in TABLE.findall(part)}
        ring, halted = PRIVILEGE.search(part), HALTED.search(part)
        cpus.append(Cpu(int(start[1]), values, int(ring[1]) if ring else None, bool(halted and halted[1] == "1")))
    return cpus
