#!/usr/bin/env python3
"""Owns what happens when a machine ends during a coverage run. It is a wrapper around QEMU: it runs the real one with
the same arguments, then reads the kernel's counters out of the machine's memory and writes them as a raw profile.

PATH leads to it under QEMU's name, so every test that boots a machine is counted without knowing. A machine that is
killed because it hung or crashed is not counted. Environment variables:

    BATON_COVERAGE_QEMU      the real QEMU
    BATON_COVERAGE_KERNEL    the instrumented kernel's ELF file; machines that ran another kernel are not counted
    BATON_COVERAGE_PROFILES  the folder for profiles
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from coverage import profile  # noqa: E402  (the path has to be set first)
from coverage.profile import Instrumented  # noqa: E402
from evidence.kernel_log import SEALED_ROOT  # noqa: E402
from evidence.pagewalk import PhysicalMemory  # noqa: E402
from family import die_with_parent  # noqa: E402

QEMU_VARIABLE = "BATON_COVERAGE_QEMU"
KERNEL_VARIABLE = "BATON_COVERAGE_KERNEL"
PROFILES_VARIABLE = "BATON_COVERAGE_PROFILES"
IMAGE_BASE = 0xFFFFFFFF80000000  # kernel/arch/x86_64/kernel.ld
MEMORY_ARGUMENT = re.compile(r"memory-backend-file,.*\bmem-path=((?:[^,]|,,)+)")
LOG_ARGUMENT = re.compile(r"file,id=log,path=((?:[^,]|,,)+)")

def argument(pattern: re.Pattern[str], arguments: list[str]) -> pathlib.Path | None:
    """The file that one of the arguments names."""
    found = next((match for word in arguments if (match := pattern.search(word))), None)
    return pathlib.Path(found[1].replace(",,", ",")) if found else None


def read_run(memory: PhysicalMemory, address: int, length: int) -> bytes | None:
    """Bytes at a physical address; None where no RAM is."""
    offset = memory.offset(address)
    if offset is None:
        return None
    with memory.path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    return data if len(data) == length else None


def harvest(memory_file: pathlib.Path, log: pathlib.Path, kernel: Instrumented) -> bytes | None:
    """The raw profile of a machine that has ended; None when it ran another kernel, or ended before it wrote a log."""
    if not memory_file.exists() or not log.exists():
        return None
    found = SEALED_ROOT.search(log.read_text(errors="replace"))
    if found is None:
        return None
    image = int(found[1], 16)
    memory = PhysicalMemory(memory_file)
    names = read_run(memory, image + kernel.names.address - IMAGE_BASE, len(kernel.names.data))
    if names != kernel.names.data:
        return None
    counters = read_run(memory, image + kernel.counters.address - IMAGE_BASE, len(kernel.counters.data))
    return None if counters is None else kernel.raw_profile(counters)


def main(arguments: list[str]) -> int:
    with subprocess.Popen([os.environ[QEMU_VARIABLE], *arguments], preexec_fn=die_with_parent) as process:
        code = process.wait()
    memory, log = argument(MEMORY_ARGUMENT, arguments), argument(LOG_ARGUMENT, arguments)
    if memory is not None and log is not None:
        data = harvest(memory, log, profile.read(pathlib.Path(os.environ[KERNEL_VARIABLE])))
        if data is not None:
            descriptor, _ = tempfile.mkstemp(".profraw", "guest-", os.environ[PROFILES_VARIABLE])
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
