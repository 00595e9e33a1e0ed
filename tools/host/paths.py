"""Owns where things lie in the project and in its build folders."""

from __future__ import annotations

import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"  # with the kernel's checks; used by run and test
BUILD_RELEASE = ROOT / "build-release"  # without them; used by bench
BUILD_COVERAGE = ROOT / "build-coverage"  # with a kernel that counts which of its code runs

PVH_LOADER = pathlib.Path("boot/pvh.elf")  # relative to a build folder, like the next ones
UEFI_LOADER = pathlib.Path("boot/BOOTX64.EFI")
VOLUME = pathlib.Path("boot.tar")
KERNEL = pathlib.Path("kernel/kernel.elf")
RUN = pathlib.Path("run")  # logs and disk images


def copy_sources(target: pathlib.Path) -> None:
    """Copy the project to `target`, without build folders and git's."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        top = pathlib.Path(folder) == ROOT
        return [name for name in names
                if name == "__pycache__" or (top and (name == ".git" or name.startswith("build")))]

    shutil.copytree(ROOT, target, symlinks=True, ignore=left_out, dirs_exist_ok=True)


def shown(path: pathlib.Path) -> str:
    """A path as a user at the project's root types it."""
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)
