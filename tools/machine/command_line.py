"""Owns QEMU's command line: what machine we emulate and how its channels leave it.

    channel   guest side          host side
    console   COM1 (0x3f8)        unix socket or file
    log       port 0xe9           file
    tap       port 0xe8           unix socket
    exit      port 0xf4           QEMU's exit code: 33 orderly power-off, 35 kernel panic
    memory    all of RAM          file; it outlives QEMU, so a dead machine's page tables can still be read
    qmp       (none)              unix socket

A reset becomes a shutdown, and a shutdown a pause, so a dead machine stays there to be examined.
"""

from __future__ import annotations

import dataclasses
import pathlib

from machine.firmware import Firmware

QEMU = "qemu-system-x86_64"
QBOOT_PLACES = ("/usr/share/qemu/qboot.rom", "/usr/share/seabios/qboot.rom")
EXIT_POWER_OFF = 33  # 0x10 << 1 | 1, how isa-debug-exit reports the written value
EXIT_PANIC = 35
MEMORY_MIB_MIN = 32
MEMORY_MIB_MAX = 65536
SMP_MAX = 16  # as many as the kernel takes (docs/limits.md)


@dataclasses.dataclass(frozen=True)
class DirectBoot:
    """Boot through the PVH entry of an ELF file: fast, no firmware services."""

    loader: pathlib.Path
    volume: pathlib.Path | None
    command: str


@dataclasses.dataclass(frozen=True)
class FirmwareBoot:
    """Boot as a user's machine does: UEFI firmware finds the loader on the disk's EFI system partition."""

    firmware: Firmware
    disk: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Machine:
    """Everything that makes one emulated machine. Paths of channels are None when the channel is not wanted."""

    boot: DirectBoot | FirmwareBoot
    folder: pathlib.Path  # private to this machine: RAM, the emulator's own log
    sockets: pathlib.Path | None = None  # its sockets; None: they are in `folder`, too
    accel: str = "tcg"
    cpu: str = "max"
    smp: int = 1
    memory_mib: int = 256
    icount_shift: int | None = None
    seed: int | None = None  # of the CPU's random numbers
    display: str = "none"
    graphics: bool = False
    log_interrupts: bool = False
    console_file: pathlib.Path | None = None  # None: the console is the socket `console`
    log_file: pathlib.Path | None = None  # None: kernel.log in the folder
    gdb_socket: pathlib.Path | None = None
    extra: tuple[str, ...] = ()

    def socket(self, channel: str) -> pathlib.Path:
        return (self.sockets or self.folder) / channel

    @property
    def kernel_log(self) -> pathlib.Path:
        return self.log_file or self.folder / "kernel.log"

    @property
    def memory_file(self) -> pathlib.Path:
        return self.folder / "memory"

    @property
    def emulator_log(self) -> pathlib.Path:
        return self.folder / "emulator.log"


def comma(path: pathlib.Path) -> str:
    """A path inside an option of QEMU's, where a comma ends the value unless doubled."""
    return str(path).replace(",", ",,")


def boot_arguments(boot: DirectBoot | FirmwareBoot) -> list[str]:
    """What the machine starts from."""
    if isinstance(boot, FirmwareBoot):
        return [*boot.firmware.arguments(),
                "-drive", f"if=none,id=boot,format=raw,snapshot=on,file={comma(boot.disk)}",
                "-device", "virtio-blk-pci,drive=boot,bootindex=0"]
    arguments = ["-kernel", str(boot.loader)]
    if boot.volume is not None:
        # a comma is not doubled here: QEMU splits this value at commas only for multiboot kernels
        arguments += ["-initrd", str(boot.volume)]
    if boot.command:
        arguments += ["-append", boot.command]
    for place in QBOOT_PLACES:
        if pathlib.Path(place).exists():  # reaches the first instruction twice as fast as the default firmware
            return [*arguments, "-bios", place]
    return arguments


def channel_arguments(machine: Machine) -> list[str]:
    """The ways out of the machine; see the table above."""

    def socket(name: str) -> list[str]:
        return ["-chardev", f"socket,id={name},path={comma(machine.socket(name))}"]

    console = socket("console")
    if machine.console_file is not None:
        console = ["-chardev", f"file,id=console,path={comma(machine.console_file)}"]
    return [*console, "-serial", "chardev:console",
            "-chardev", f"file,id=log,path={comma(machine.kernel_log)}",
            "-device", "isa-debugcon,iobase=0xe9,chardev=log",
            *socket("tap"), "-device", "isa-debugcon,iobase=0xe8,chardev=tap",
            *socket("qmp"), "-mon", "chardev=qmp,mode=control",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            "-object", f"memory-backend-file,id=ram,share=on,size={machine.memory_mib}M,"
                       f"mem-path={comma(machine.memory_file)}"]


def build(machine: Machine) -> list[str]:
    """The whole command line."""
    arguments = [QEMU, "-M", "q35,memory-backend=ram", "-accel", machine.accel, "-cpu", machine.cpu,
                 "-smp", str(machine.smp), "-m", str(machine.memory_mib), "-nodefaults", "-no-user-config",
                 "-display", machine.display, "-no-reboot", "-action", "reboot=shutdown,shutdown=pause",
                 "-S"]  # starts stopped, until the monitor is ready (qmp.py) or gdb continues it
    arguments += ["-vga", "std"] if machine.graphics else []
    arguments += channel_arguments(machine) + boot_arguments(machine.boot)
    arguments += ["-d", "int,cpu_reset" if machine.log_interrupts else "cpu_reset", "-D", str(machine.emulator_log)]
    if machine.icount_shift is not None:
        arguments += ["-icount", f"shift={machine.icount_shift},align=off,sleep=off",
                      "-rtc", "base=2024-01-01,clock=vm"]
    arguments += ["-seed", str(machine.seed)] if machine.seed is not None else []
    if machine.gdb_socket is not None:
        arguments += ["-chardev", f"socket,id=gdb,server=on,wait=off,path={comma(machine.gdb_socket)}",
                      "-gdb", "chardev:gdb"]
    return arguments + list(machine.extra)
