"""Owns the way from an address to `function at file:line`: llvm-symbolizer over the ELF files we have."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess

SYMBOLIZER = "llvm-symbolizer"
SYMBOLIZER_SECONDS = 30
KERNEL_HALF = 1 << 63


@dataclasses.dataclass(frozen=True)
class Symbols:
    """The ELF file for each half of the address space; None where there is none."""

    kernel: pathlib.Path | None = None
    user: pathlib.Path | None = None

    def file_for(self, address: int) -> pathlib.Path | None:
        return self.kernel if address & KERNEL_HALF else self.user

    def name(self, address: int, is_return: bool = False) -> str:
        """Where `address` is, inlined callers included, in one line. is_return: a return address; the call is
        looked up, one byte before it."""
        file = self.file_for(address)
        if file is None:
            return "(no ELF file for this address)"
        try:
            done = subprocess.run([SYMBOLIZER, f"--obj={file}", "--pretty-print", "--relativenames",
                                   hex(address - 1 if is_return else address)],
                                  capture_output=True, text=True, timeout=SYMBOLIZER_SECONDS, check=False,
                                  stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"({SYMBOLIZER}: {error})"
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        if not lines or lines[0].startswith("?? at ??"):
            return f"(not in {file.name})"
        return ", ".join(lines)
