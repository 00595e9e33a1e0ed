"""Owns the choice of accelerator. /dev/kvm may exist and open without being able to run a guest, so a guest is tried.

The guest is a firmware image of a few instructions: from the reset vector it initialises the FPU, as real firmware does
(some nested KVMs stop there with an emulation failure though plain instructions work), and writes to the debug-exit
port. The answer is cached until the host boots again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess

from claims import private_folder
from machine.command_line import EXIT_POWER_OFF, QEMU

PROBE_SECONDS = 3
KVM_DEVICE = pathlib.Path("/dev/kvm")
BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")
IMAGE_BYTES = 64 << 10
RESET_VECTOR = bytes.fromhex("9b db e3  ba f4 00  b0 10  ee  f4")  # finit; mov $0xf4, %dx; mov $0x10, %al; outb; hlt


@dataclasses.dataclass(frozen=True)
class Accel:
    """name: kvm or tcg. reason: why, for the user. is_known: an earlier run found it out, and told the user."""

    name: str
    reason: str
    is_known: bool = False


def probe_image() -> bytes:
    """A firmware image that only exits through the debug-exit port; the CPU starts 16 bytes before its end."""
    return bytes(IMAGE_BYTES - 16) + RESET_VECTOR.ljust(16, b"\xf4")


def try_kvm() -> Accel:
    """Run the probe under KVM."""
    if not KVM_DEVICE.exists():
        return Accel("tcg", "there is no /dev/kvm")
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return Accel("tcg", "no permission for /dev/kvm (group kvm)")
    with private_folder() as folder:
        image = folder / "probe.bin"
        image.write_bytes(probe_image())
        command = [QEMU, "-M", "q35", "-accel", "kvm", "-cpu", "max", "-m", "16", "-nodefaults", "-no-user-config",
                   "-display", "none", "-no-reboot", "-bios", str(image),
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return Accel("tcg", "/dev/kvm opens but a guest does not run in it")
        except OSError as error:
            return Accel("tcg", f"the probe did not start: {error}")
    if done.returncode == EXIT_POWER_OFF:
        return Accel("kvm", "a probe guest ran")
    words = done.stderr.strip().partition("\n")[0] or f"exit code {done.returncode}"
    return Accel("tcg", f"/dev/kvm is there but does not work: {words}")


def cache_key() -> str:
    """What the answer depends on: this boot of the host, this user, the device's rights. Empty: it can't be kept."""
    try:
        boot = BOOT_ID.read_text().strip()
    except OSError:
        return ""
    try:
        rights = KVM_DEVICE.stat()
    except OSError:
        return f"{boot} {os.geteuid()} no device"
    return f"{boot} {os.geteuid()} {rights.st_mode:o} {rights.st_uid} {rights.st_gid}"


def choose(cache: pathlib.Path | None) -> Accel:
    """The best accelerator that works, from the cache if it holds an answer for this boot. None: no cache."""
    key = cache_key()
    if cache is not None and key:
        try:
            kept = json.loads(cache.read_text())
            if kept["key"] == key:
                return Accel(kept["name"], kept["reason"], is_known=True)
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no answer yet, or not one to our question: ask again
    found = try_kvm()
    if cache is not None and key and cache.parent.is_dir():
        with contextlib.suppress(OSError):  # a folder that we can't write
            cache.write_text(json.dumps({"key": key, "name": found.name, "reason": found.reason}))
    return found
