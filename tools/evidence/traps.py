"""Owns the names of a CPU's traps: exception vectors, and the checks that clang compiles into trapping instructions.

With -fsanitize-trap a failed check executes `ud1l KIND(%eax), %eax`: 67 0f b9 40 KIND, or 67 0f b9 00 for kind 0. The
kinds are numbered in clang's LIST_SANITIZER_CHECKS.
"""

from __future__ import annotations

from evidence import pagewalk
from evidence.pagewalk import PhysicalMemory

VECTORS = {0: "divide error", 1: "debug", 2: "NMI", 3: "breakpoint", 4: "overflow", 5: "bound range",
           6: "invalid opcode", 7: "no FPU", 8: "double fault", 10: "invalid TSS", 11: "segment not present",
           12: "stack fault", 13: "general protection", 14: "page fault", 16: "x87 error", 17: "alignment check",
           18: "machine check", 19: "SIMD error"}
CHECKS = ("addition overflows", "unreachable code reached", "control-flow check", "division overflows or by zero",
          "dynamic type check", "float conversion overflows", "function of another type called", "implicit conversion",
          "invalid argument of a builtin", "invalid cast", "invalid value loaded", "return is missing",
          "multiplication overflows", "negation overflows", "null argument", "null returned", "null argument",
          "null returned", "index out of bounds", "pointer arithmetic overflows", "shift out of bounds",
          "subtraction overflows", "access by a null or misaligned pointer, or beyond its object",
          "alignment assumption", "array of variable length not positive")
TRAP = bytes.fromhex("670fb9")
INVALID_OPCODE = 6


def check_at(memory: PhysicalMemory, root: int, instruction: int) -> str | None:
    """The check that failed, if the instruction at this address is one of clang's traps."""
    physical = pagewalk.walk(memory, root, instruction).physical
    code = memory.read(physical, 5) if physical is not None else None
    if code is None or not code.startswith(TRAP):
        return None
    kind = code[4] if code[3] == 0x40 else 0 if code[3] == 0 else len(CHECKS)
    return CHECKS[kind] if kind < len(CHECKS) else None


def explain(memory: PhysicalMemory, registers: dict[str, int]) -> list[str]:
    """The meaning of a panic's vector; nothing when it was no exception."""
    if "vector" not in registers:
        return []
    vector = registers["vector"]
    check = check_at(memory, registers.get("cr3", 0), registers.get("rip", 0)) if vector == INVALID_OPCODE else None
    if check is not None:
        return [f"undefined behaviour caught by the compiler's check: {check}"]
    return [f"exception {vector} ({VECTORS[vector]})"] if vector in VECTORS else []
