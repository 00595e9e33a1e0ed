#!/usr/bin/env python3
"""Owns the rules of docs/security.md that hold for the kernel's instructions and can't be tested by running them.

    check_rules.py --kernel build/kernel/kernel.elf --model test/spin/lock.pml

Prints TAP. Each rule is then applied to the same instructions with one of them spoiled, and must complain. Without
llvm-objdump the test is skipped.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from host import images, needs  # noqa: E402  (the path has to be set first)

SLOT_SHIFT = 5  # kernel/arch/x86_64/contract/offsets.h: SLOT_SHIFT
IN_CPU_FAST = 56  # kernel/arch/x86_64/contract/offsets.def
LOCK, SERVING, HOLDER = "kernel_ticket_lock", 4, 8  # offsets.def: IN_LOCK_SERVING, IN_LOCK_HOLDER

# Functions where a number that no user chose becomes the address of 32 bytes: how often, and why.
NO_LOOK_UP = {
    "sys_object_create": (1, "the size of a new table, which is bounded"),
    "table_make": (1, "the same"),
    "table_reap_step": (3, "the kernel's own count, and sizes"),
    "reaper_run_to": (3, "the same, inline"),
    "give": (1, "boot's own numbers"),
    "add": (1, "the place of a record in the trace"),
    "arch_registers_read": (1, "0 or 1: how the thread came in"),
    "arch_audit_part": (2, "a list of the audit's own"),
}

# Functions that stay and name boot-only pages, and why.
NAMES_BOOT_ONLY = {
    "arch_boot_end": "takes the pages away",
    "interrupt_kernel": "explains a later use",
    "arch_test": "plays one",
}

# Functions that other CPUs may still be in when the pages go, and the one that takes them away. Inlined into boot-only
# code they would be on these pages.
NAMES_STAY = ("wait_for_start", "arch_boot_end")

SECTION = re.compile(r"Disassembly of section (.+):$")
HEADING = re.compile(r"[0-9a-f]+ <(.+)>:$")
NUMBER = re.compile(r"(?<![\w%+])\$?(-?(?:0x[0-9a-f]+|\d+))\b")
LINE = re.compile(r"\s*([0-9a-f]+):\s+(.*)$")
REGISTER = re.compile(r"%(\w+)")
PARTS = {"a": "rax", "b": "rbx", "c": "rcx", "d": "rdx", "si": "rsi", "di": "rdi", "bp": "rbp", "sp": "rsp"}


class Instruction(NamedTuple):
    """One line of the disassembly, with single blanks; a `lock` prefix is part of its instruction."""

    function: str
    text: str
    address: int = 0
    boot_only: bool = False

    @property
    def name(self) -> str:
        return self.text.split()[0]

    @property
    def operands(self) -> list[str]:
        without = self.text.split("#")[0].split(maxsplit=1)
        return [part.strip() for part in re.split(r",(?![^(]*\))", without[1])] if len(without) > 1 else []

    @property
    def written(self) -> str | None:
        """The register that the instruction changes, if that is its last operand."""
        last = self.operands[-1] if self.operands else ""
        reads_only = self.name.startswith(("cmp", "test", "push", "j", "call"))
        return whole(last) if last.startswith("%") and not reads_only else None

    def names(self, offset: int) -> bool:
        """Does the instruction access this byte of the kernel lock?"""
        return self.text.endswith(f"<{LOCK}+{offset:#x}>")


def whole(register: str) -> str:
    """The 64-bit register that a register is part of."""
    name = register.lstrip("%")
    if match := re.fullmatch(r"(r\d+)[dwb]?", name):
        return match[1]
    return PARTS.get(re.sub(r"^[re]|(?<=^[abcd])[xlh]$|(?<=[abcd])x$|l$", "", name), name)


def disassemble(kernel: pathlib.Path) -> list[Instruction]:
    said = subprocess.run(("llvm-objdump", "-d", "--no-show-raw-insn", str(kernel)), check=True, capture_output=True,
                          text=True, timeout=60).stdout
    found: list[Instruction] = []
    function, prefix, section = "", "", ""
    for line in said.splitlines():
        if begins := SECTION.match(line):
            section = begins[1]
        elif heading := HEADING.match(line):
            function = heading[1]
        elif match := LINE.match(line):
            text = prefix + " ".join(match[2].split())
            prefix = "lock " if text == "lock" else ""
            if not prefix:
                found.append(Instruction(function, text, int(match[1], 16), section == ".boot_only"))
    return found + [Instruction("the data", f".quad {word:#x}") for word in data_words(kernel)]


def data_words(kernel: pathlib.Path) -> Iterator[int]:
    """The aligned words of the kernel's data that may be addresses in its image."""
    data = kernel.read_bytes()
    (table,) = struct.unpack_from("<Q", data, images.PROGRAM_HEADER_OFFSET)
    entry_bytes, entries = struct.unpack_from("<HH", data, 0x36)
    for number in range(entries):
        kind, flags, offset, _, _, size, *_ = images.PROGRAM_HEADER.unpack_from(data, table + number * entry_bytes)
        if kind == images.PT_LOAD and not flags & images.PF_X:
            words = struct.unpack_from(f"<{size // 8}Q", data, offset)
            yield from (word for word in words if word >> 31 == 0x1ffffffff)


def last_write(code: list[Instruction], before: int, register: str) -> int | None:
    """Where in the same function the register was last changed before `before`, following copies."""
    for at in range(before - 1, max(before - 60, -1), -1):
        if code[at].function != code[before].function:
            return None
        if code[at].written == register:
            if code[at].name.startswith("xor") and len(set(code[at].operands)) == 1:
                continue  # on another path to the same place; 0 is bounded
            if code[at].name.startswith("mov") and code[at].operands[0].startswith("%"):
                return last_write(code, at, whole(code[at].operands[0]))
            return at
    return None


def is_mask(code: list[Instruction], at: int | None) -> bool:
    """Is this `sbb` of a register with itself, directly behind a comparison (or behind its jump)?"""
    if at is None or not code[at].name.startswith("sbb") or len(set(code[at].operands)) != 1:
        return False
    return code[at - 1].name.startswith("cmp")


def look_ups_without_mask(code: list[Instruction]) -> list[str]:
    """Find shifts that turn a user's number into a slot's address although arch_bound() has not bounded it."""
    wrong, masked = [], 0
    others: collections.Counter[str] = collections.Counter()
    for at, instruction in enumerate(code):
        if not instruction.name.startswith("shl") or instruction.operands[0] != f"${SLOT_SHIFT}":
            continue
        register = whole(instruction.operands[-1])
        bounded = last_write(code, at, register)
        if bounded is not None and code[bounded].name.startswith("and"):
            sources = (last_write(code, bounded, whole(name)) for name in code[bounded].operands
                       if name.startswith("%"))
            if any(is_mask(code, source) for source in sources):
                masked += 1
                continue
        others[instruction.function] += 1
    for function, count in sorted(others.items()):
        if count > NO_LOOK_UP.get(function, (0, ""))[0]:
            wrong.append(f"{function}: nothing bounds {count} of the numbers that become the address of a slot there")
    if masked < 30:
        wrong.append(f"only {masked} look-ups were found: is a slot still found by a shift?")
    return wrong


def indirect_branches(code: list[Instruction]) -> list[str]:
    """Find indirect branches. The kernel that users boot has none, so no user can mislead their prediction."""
    return [f"{instruction.function}: {instruction.text}" for instruction in code
            if re.match(r"(call|jmp)\w* \*", instruction.text)]


def looks_without_announcement(code: list[Instruction]) -> list[str]:
    """Check lock.pml's fast path: a locked instruction stores to `fast`, before the holder is read."""
    wrong, announced = [], 0
    mark = f"$1, %gs:{IN_CPU_FAST}"
    for at, instruction in enumerate(code):
        if mark in instruction.text and not instruction.name == "lock":
            wrong.append(f"{instruction.function}: {instruction.text}: announces itself by a store that can wait")
        if not (instruction.name.startswith("cmp") and instruction.names(HOLDER)):
            continue
        if code[at - 1].names(SERVING) and code[at - 2].text == f"lock orb {mark}":
            announced += 1
        elif code[at + 1].name != "je" or code[at - 2].name != "je":  # fast_busy, which only reads, and starts again
            wrong.append(f"{instruction.function}: {instruction.text}: looks at the lock without having announced "
                         f"itself")
    if announced != 2:
        wrong.append(f"{announced} ways into the fast path announce themselves and look, and not 2")
    return wrong


def holders_without_barrier(code: list[Instruction]) -> list[str]:
    """Check lock.pml's long way: a locked instruction stores to `holder`, before each CPU's `fast` is read."""
    wrong, waits = [], 0
    for at, instruction in enumerate(code):
        if not instruction.names(HOLDER) or instruction.name.startswith("cmp"):
            continue
        if not instruction.name.startswith(("xchg", "lock")):
            wrong.append(f"{instruction.function}: {instruction.text}: says that it holds the lock by a store that "
                         f"can wait")
            continue
        rest = [other for other in code[at + 1:at + 60] if other.function == instruction.function]
        looks = [index for index, other in enumerate(rest) if re.search(rf"\b{IN_CPU_FAST}\(%", other.text)]
        if not looks:
            wrong.append(f"{instruction.function}: does not look at the fast paths behind {instruction.text}")
        waits += instruction.function == "kernel_lock_wait"
    if waits != 1:
        wrong.append(f"kernel_lock_wait says {waits} times that it holds the lock, and not once")
    return wrong


def uses_of_boot_only(code: list[Instruction]) -> list[str]:
    """Find code and data that stay and lead to the pages that boot gives away (kernel/base/boot_only.h)."""
    inside = [instruction for instruction in code if instruction.boot_only]
    if len(inside) < 1000:
        return [f"only {len(inside)} instructions are for boot only"]
    names = {instruction.function for instruction in inside}
    first, last = inside[0].address, inside[-1].address
    staying = {instruction.function for instruction in code if not instruction.boot_only}
    wrong = [f"{name} is not in the code that stays" for name in NAMES_STAY if name not in staying]
    for instruction in code:
        if instruction.boot_only or instruction.function in NAMES_BOOT_ONLY:
            continue
        numbers = (int(number, 0) & (1 << 64) - 1 for number in NUMBER.findall(instruction.text))
        targets = set(re.findall(r"<([^+>]+)", instruction.text))
        if targets & names or any(first <= number <= last for number in numbers):
            wrong.append(f"{instruction.function}: {instruction.text}: leads to what only boot needs")
    return wrong


Rule = Callable[[list[Instruction]], list[str]]


class Spoiled(NamedTuple):
    """A rule, and a change that must make it complain: the first instruction of that form is replaced or removed."""

    name: str
    rule: Rule
    form: str
    becomes: str
    function: str = ""
    model: str = ""  # the same mistake, as planted in lock.pml


SPOILED = [
    Spoiled("a_call_of_boot_only_code", uses_of_boot_only, r"callq? .*", "callq 0xffffffff80000010 <acpi_read>",
            "syscall_finish"),
    Spoiled("a_function_that_has_to_stay_and_does_not", uses_of_boot_only, r".*", "", "wait_for_start"),
    Spoiled("an_address_of_boot_only_code", uses_of_boot_only, r"callq? .*", "movq $-2147483632, %rdi",
            "syscall_finish"),
    Spoiled("data_with_an_address_of_boot_only_code", uses_of_boot_only, r"\.quad .*", ".quad 0xffffffff80000010",
            "the data"),
    Spoiled("an_indirect_call", indirect_branches, r"callq? .*", "callq *%rax", "syscall_finish"),
    Spoiled("a_look_up_whose_mask_is_gone", look_ups_without_mask, r"sbb\w* %(\w+), %\1", "", "sys_cap_delete"),
    Spoiled("a_look_up_that_does_not_use_it", look_ups_without_mask, r"and\w* %\w+, %\w+", "", "sys_signal_raise"),
    Spoiled("the_fast_call_without_a_mask", look_ups_without_mask, r"and\w* %rax, %rdi", "", "fast_call"),
    Spoiled("the_fast_reply_without_a_mask", look_ups_without_mask, r"and\w* %rax, %rdi", "", "fast_reply"),
    Spoiled("a_fast_call_by_a_plain_store", looks_without_announcement, r"lock orb", "orb", "fast_call",
            "BUG_FAST_PLAIN"),
    Spoiled("a_fast_reply_by_a_plain_store", looks_without_announcement, r"lock orb", "orb", "fast_reply",
            "BUG_FAST_PLAIN"),
    Spoiled("a_fast_call_that_announces_nothing", looks_without_announcement, r"lock orb.*", "", "fast_call"),
    Spoiled("a_fast_reply_that_does_not_look", looks_without_announcement, r"cmp\w* .*<" + LOCK + r"\+0x8>", "",
            "fast_reply", "BUG_NO_LOOK"),
    Spoiled("a_holder_by_a_plain_store", holders_without_barrier, r"xchg\w* (.*<" + LOCK + r"\+0x8>)", r"movl \1",
            "kernel_lock_wait", "BUG_HOLDER_PLAIN"),
    Spoiled("a_holder_that_does_not_wait", holders_without_barrier, rf".*\b{IN_CPU_FAST}\(%.*", "nop",
            "kernel_lock_wait", "BUG_NO_WAIT"),
]


def spoil(code: list[Instruction], how: Spoiled) -> list[Instruction]:
    """The instructions, with that one changed; if a loop repeats it, with all its copies changed. The form `.*` means
    all of a function."""
    changed = []
    hits = 0
    for instruction in code:
        hit = instruction.function == how.function and re.fullmatch(how.form + r".*", instruction.text)
        if hit and (hits == 0 or how.becomes == "nop" or how.form == ".*"):
            hits += 1
            text = re.sub("^" + how.form, how.becomes, instruction.text)
            changed += [instruction._replace(text=text)] if text.strip() else []
        else:
            changed.append(instruction)
    return changed if hits else []


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the kernel's instructions.")
    parser.add_argument("--kernel", required=True, type=pathlib.Path)
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--barriers", action="store_true",
                        help="only these: with checks the compiler keeps indices in memory, where no rule follows them")
    arguments = parser.parse_args()
    if lacking := needs.lacking("llvm-symbolizer"):
        print(f"TAP version 13\n1..0 # SKIP {lacking}")
        return 0
    code = disassemble(arguments.kernel)
    model = arguments.model.read_text(encoding="utf-8")
    rules: list[Rule] = [looks_without_announcement, holders_without_barrier, uses_of_boot_only]
    if not arguments.barriers:
        rules += [look_ups_without_mask, indirect_branches]
    found = {rule: rule(code) for rule in rules}
    results = [(rule.__name__, wrong) for rule, wrong in found.items()]
    for how in SPOILED:
        if how.rule not in found:
            continue
        spoiled = spoil(code, how)
        noticed = set(how.rule(spoiled)) - set(found[how.rule]) if spoiled else set()
        wrong = [] if noticed else ["there is no such instruction" if not spoiled else "not noticed"]
        if how.model and how.model not in model:
            wrong.append(f"{how.model} is not planted in {arguments.model.name}")
        results.append((f"notices_{how.name}", wrong))
    print(f"TAP version 13\n1..{len(results)}")
    for number, (name, wrong) in enumerate(results, start=1):
        print(f"{'not ' if wrong else ''}ok {number} - {name}")
        for line in wrong:
            print(f"# {line}")
    return int(any(wrong for _, wrong in results))


if __name__ == "__main__":
    sys.exit(main())
