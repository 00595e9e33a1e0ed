"""Owns where things lie in the project and in its build folders."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"  # with the kernel's checks; what run and test use
BUILD_RELEASE = ROOT / "build-release"  # without them; what bench measures

PVH_LOADER = pathlib.Path("boot/pvh.elf")  # relative to a build folder, like the next ones
UEFI_LOADER = pathlib.Path("boot/BOOTX64.EFI")
VOLUME = pathlib.Path("boot.tar")
KERNEL = pathlib.Path("kernel/kernel.elf")
RUN = pathlib.Path("run")  # logs and disk images


def shown(path: pathlib.Path) -> str:
    """A path as a user at the project's root types it."""
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)
