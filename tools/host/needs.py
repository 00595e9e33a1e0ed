"""Owns the list of tools that building and running need, and how each is found on this machine.

An extra is needed by a single test or option. Without it that test is skipped and says so; everything else works.
Nothing is changed here: packages.py installs, and `./baton doctor` only reports.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable

from machine import firmware
from machine.command_line import QEMU

VERSION_SECONDS = 20
VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where to look: the PATH to search and the root below which files lie. Tests give their own.

    run: whether to run programs to ask for their versions. If not, presence is enough, which takes no time.
    """

    path: str = ""
    root: pathlib.Path = pathlib.Path("/")
    run: bool = True

    def which(self, program: str) -> str | None:
        return shutil.which(program, path=self.path or os.environ.get("PATH", os.defpath))

    def exists(self, path: str) -> pathlib.Path | None:
        candidate = self.root / path.lstrip("/")
        return candidate if candidate.exists() else None


@dataclasses.dataclass(frozen=True)
class Need:
    """One thing that must be there. packages: Debian names, the first one that the archive knows is installed."""

    name: str
    packages: tuple[str, ...]
    elsewhere: str  # usual names of the package on other systems
    find: Callable[[Place], str | None]  # what was found (with its version), or None
    serves: str = ""  # for an extra: what does not work without it
    small: bool = False  # an extra that is installed with the needs, as it costs next to nothing


@dataclasses.dataclass(frozen=True)
class Finding:
    """The answer for one need. found is None when it is missing."""

    need: Need
    found: str | None


def first_line(command: list[str]) -> str:
    """The first line a program prints; empty when it does not run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]


def program(*names: str, minimum: tuple[int, int] | None = None) -> Callable[[Place], str | None]:
    """A finder for a program under any of its names, at least of version `minimum`."""

    def find(place: Place) -> str | None:
        for name in names:
            path = place.which(name)
            if path is None:
                continue
            if not place.run:
                return path
            line = first_line([path, "--version"])
            version = VERSION.search(line)
            if minimum is None:
                return f"{path} {version[0]}" if version else path
            if version and (int(version[1]), int(version[2])) >= minimum:
                return f"{path} {version[0]}"
        return None

    return find


def any_file(*paths: str) -> Callable[[Place], str | None]:
    """A finder for a file in any of its places."""

    def find(place: Place) -> str | None:
        found = next((candidate for path in paths if (candidate := place.exists(path))), None)
        return str(found) if found else None

    return find


def find_sanitizers(place: Place) -> str | None:
    """Clang's sanitizer runtime, which host tests link."""
    clang = place.which("clang")
    if clang is None or not place.run:
        return clang
    resources = pathlib.Path(first_line([clang, "--print-resource-dir"]))
    found = sorted(resources.glob("lib/*/libclang_rt.asan*.a")) if resources.is_absolute() else []
    return next((str(file) for file in found if "x86_64" in str(file)), None)


def find_firmware(place: Place) -> str | None:
    """UEFI firmware for the emulated machine."""
    found = firmware.find(root=place.root)
    return str(found.code) if found else None


WINDOW = "gtk"  # QEMU's name for a window
WINDOW_ADVICE = "install qemu-system-gui (Debian, Ubuntu; elsewhere qemu-ui-gtk)"


def has_window() -> bool:
    """Whether QEMU can open one: on Debian and Ubuntu that is a package of its own, which only --gui wants."""
    try:
        done = subprocess.run([QEMU, "-display", "help"], capture_output=True, text=True, timeout=VERSION_SECONDS,
                              check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return WINDOW in done.stdout.split()


NEEDS = (
    Need("clang", ("clang",), "clang", program("clang", minimum=(14, 0))),
    Need("lld", ("lld",), "lld", program("ld.lld")),
    Need("llvm-symbolizer", ("llvm",), "llvm", program("llvm-symbolizer")),
    Need("sanitizer runtime", ("libclang-rt-dev", "libclang-rt-14-dev"), "compiler-rt", find_sanitizers),
    Need("C library headers", ("libc6-dev",), "glibc-devel", any_file("/usr/include/stdio.h")),
    Need("meson", ("meson",), "meson", program("meson", minimum=(1, 0))),
    Need("ninja", ("ninja-build",), "ninja-build or ninja", program("ninja", "ninja-build")),
    Need("GNU-EFI headers", ("gnu-efi",), "gnu-efi-devel or gnu-efi",
         any_file("/usr/include/efi/efi.h", "/usr/local/include/efi/efi.h")),
    Need("jsmn.h", ("libjsmn-dev",), "jsmn (a single header: put jsmn.h into /usr/include)",
         any_file("/usr/include/jsmn.h", "/usr/local/include/jsmn.h")),
    Need(QEMU, ("qemu-system-x86",), "qemu-system-x86 or qemu", program(QEMU, minimum=(7, 0))),
    Need("UEFI firmware (OVMF)", ("ovmf",), "edk2-ovmf", find_firmware),
    Need("clang-format", ("clang-format",), "clang-tools", program("clang-format")),
    Need("mtools", ("mtools",), "mtools", program("mformat")),
)

EXTRAS = (
    Need("spin", ("spin",), "spin", program("spin"), "tests spin_ipc, spin_lock", small=True),
    Need("git", ("git",), "git", program("git"), "./baton mutate, ./baton bench --plot"),
    Need("gdb", ("gdb",), "gdb", program("gdb"), "./baton run --gdb, test gdb"),
    Need("frama-c", ("frama-c-base",), "frama-c", program("frama-c"), "./baton prove, test proof"),
    Need("why3", ("why3",), "why3", program("why3"), "./baton prove, test proof"),
    Need("z3", ("z3",), "z3", program("z3"), "./baton prove, test proof"),
    Need("cvc4", ("cvc4",), "cvc4", program("cvc4"), "./baton prove, test proof"),
)
PROVERS = ("frama-c", "why3", "z3", "cvc4")


def survey(place: Place | None = None) -> list[Finding]:
    """Every need with what was found for it."""
    looked = place or Place()
    return [Finding(need, need.find(looked)) for need in NEEDS]


def missing(place: Place | None = None) -> list[Need]:
    return [finding.need for finding in survey(place) if finding.found is None]


def missing_extras(place: Place | None = None) -> list[Need]:
    looked = dataclasses.replace(place or Place(), run=False)
    return [need for need in EXTRAS if need.find(looked) is None]


def lacking(*names: str, place: Place | None = None) -> str:
    """The reason to skip a test that wants these extras; empty when all of them are there."""
    absent = [need for need in missing_extras(place) if need.name in names]
    packages = " ".join(need.packages[0] for need in absent)
    return f"not installed: {', '.join(need.name for need in absent)} (apt-get install {packages})" if absent else ""
