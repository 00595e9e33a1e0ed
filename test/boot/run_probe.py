#!/usr/bin/env python3
"""Boots one machine of the table below and judges it: the test guest finds the boot contract kept, or the whole system
runs, or the loader refuses a damaged system with the message that is expected.

    run_probe.py --list
    run_probe.py --pvh pvh.elf --efi BOOTX64.EFI --kernel probe_kernel.elf --init probe_init.elf \
                 --firmware odd_firmware.EFI --volume boot.tar --plain kernel-stays.elf CASE

Exit code 0 = as expected; otherwise prints what the machine did.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import threading
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import acpi_tables  # noqa: E402
import volume  # noqa: E402
from acpi_tables import Tables  # noqa: E402
from baton_cli import command_run  # noqa: E402
from machine import disk, firmware  # noqa: E402

COMMAND = "probe seed=7 debug_exit=0xf4"
RETURNED = "BdsDxe: failed to start"
ODD_LOADER_PATH, ODD_WORDS_PATH = "EFI/BATON/LOADER.EFI", "odd.txt"
EXIT_GOOD = 33
EXIT_REFUSED = 35
MACHINE_SECONDS = 30
PAGE_BYTES = 4096
ICOUNT = ("-icount", "shift=0,align=off,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01,clock=vm")
# CPUs run one after another, and a wait of a second stays short in the host's time
IN_TURN = ("-icount", "shift=3,align=off,sleep=off")
ICOUNT_HZ = 1_000_000_000  # one instruction takes one nanosecond of the machine's time
ICOUNT_HZ_ERROR = 20_000
PACK = "pack the boot volume again"

# Offsets in an ELF64 file (System V ABI, chapters 4 and 5).
ELF_TYPE, ELF_MACHINE = 16, 18
FIRST_HEADER, HEADER_BYTES, HEADER_FLAGS, HEADER_MEMORY_BYTES = 64, 56, 4, 40

Members = dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Case:
    """front: pvh or uefi. change: damages the members; cut: damages the volume's bytes. message: the expected refusal.

    odd: the firmware's oddities (odd_firmware.c); place: changes the boot disk's files; frames: boot the whole system,
    whose process server must have at least this many, with the volume's; says: patterns of lines in its log; acpi:
    the ACPI tables; plain: use the kernel without checks; halts: the loader can no longer return to firmware.
    """

    front: str
    arguments: tuple[str, ...] = ("-m", "64M")
    bios: tuple[str, ...] = ()
    change: Callable[[Members], None] = lambda members: None
    cut: Callable[[bytes], bytes | None] = lambda data: data
    command: str = COMMAND
    message: str | re.Pattern[str] = ""
    runs: int = 1
    hz: int = 0
    odd: str = ""
    place: Callable[[dict[str, bytes]], None] = lambda files: None
    frames: int = 0
    acpi: Tables | None = None
    plain: bool = False
    halts: bool = False
    says: tuple[str, ...] = ()


def patch(name: str, offset: int, layout: str, value: int) -> Callable[[Members], None]:
    """A change that writes one number into one member."""

    def apply(members: Members) -> None:
        data = bytearray(members[name])
        struct.pack_into(layout, data, offset, value)
        members[name] = bytes(data)

    return apply


def put(name: str, data: bytes) -> Callable[[Members], None]:
    """A change that gives one member other contents."""
    return lambda members: members.update({name: data})


def shorten(name: str, length: int) -> Callable[[Members], None]:
    """A change that cuts one member off."""
    return lambda members: members.update({name: members[name][:length]})


def drop(name: str) -> Callable[[Members], None]:
    """A change that takes one member away."""
    return lambda members: members.pop(name) and None


def move(old: str, new: str, encode: Callable[[bytes], bytes] = bytes) -> Callable[[dict[str, bytes]], None]:
    """A change that puts a file of the boot disk elsewhere, or writes it in another way."""
    return lambda files: files.update({new: encode(files.pop(old))})


def to_utf16(text: bytes) -> bytes:
    """UTF-16 as some editors save it, with a byte order mark."""
    return ("\ufeff" + text.decode()).encode("utf-16-le")


def only(name: str, data: bytes) -> Callable[[Members], None]:
    """A change that leaves one member in place of all others."""

    def apply(members: Members) -> None:
        members.clear()
        members[name] = data

    return apply


KERNEL, INIT = "boot/kernel.elf", "boot/init.elf"
RC = b"uptime\n" * 5  # with --all-cpus, one program on each of up to four CPUs; it ends only if its CPU works
QBOOT = ("-bios", "qboot.rom")
FLASH = ("flash",)
LAST_KERNEL_HEADER = FIRST_HEADER + 2 * HEADER_BYTES


def refused(message: str | re.Pattern[str], front: str = "pvh", **more: object) -> Case:
    """A case in which the loader must print exactly this message; a pattern if the message
    contains the probe's size."""
    return Case(front, message=message, bios=QBOOT if front == "pvh" else (), **more)  # type: ignore[arg-type]


def with_tables(tables: Tables, cpus: int, line: str) -> dict[str, Case]:
    """Name suffixes, and the machines that start with these tables and must log `line`: CPUs in turn, in parallel, and
    with the kernel without checks."""
    def case(*arguments: str, plain: bool = False) -> Case:
        return Case("pvh", ("-m", "128M", "-smp", str(cpus), *arguments), QBOOT, frames=27500, acpi=tables, plain=plain,
                    command="debug_exit=0xf4", says=(line,))
    return {"": case(*IN_TURN), "_at_once": case(), "_plain": case(*IN_TURN, plain=True)}


START = "INFO boot: {} of {} CPUs started, at most 16"
AGAIN = "WARN boot: ACPI: entries passed over that name a CPU again: 1"
BEYOND = "WARN boot: ACPI: CPUs out of reach, with APIC numbers above 254: 1"
FIRST = "INFO boot: first program at [0-9a-f]+"
ACPI_CASES: dict[str, tuple[Tables, int, str]] = {
    "usual": (Tables((0, 1)), 2, START.format(2, 2)),
    "xsdt": (Tables((0, 1), wide=True), 2, START.format(2, 2)),
    "empty_entry": (Tables((0, 1), empty_entry=True), 2, START.format(2, 2)),
    "xsdt_empty_entry": (Tables(empty_entry=True, wide=True), 1, FIRST),
    "x_dsdt": (Tables(x_dsdt=True), 1, FIRST),
    "damaged": (Tables((0, 1), damaged=True), 2,
                "WARN boot: ACPI: the root table is damaged or out of reach; a usual PC is assumed"),
    "boot_cpu_last": (Tables((3, 2, 1, 0)), 4, START.format(4, 4)),
    "disabled": (Tables((0, 1), disabled=(2, 3)), 4, START.format(2, 2)),
    "again": (Tables((0, 1, 2, 1, 3)), 4, AGAIN),
    "all": (Tables((0, 1, 2, 3, 255)), 4, BEYOND),
    "x2apic": (Tables((0,), x2apic=(1, 2, 3)), 4, START.format(4, 4)),
    "x2apic_beyond": (Tables((0, 1), x2apic=(0x12345,)), 2, BEYOND),
    "last_absent_2": (Tables((0, 1, 7)), 2, START.format(2, 3)),
    "last_absent_4": (Tables((0, 1, 2, 3, 7)), 4, START.format(4, 5)),
}
# RAM that QEMU places above 1 TiB, as on an AMD machine that may grow that far.
HOLE = ("-cpu", "EPYC,phys-bits=48", "-m", "3000,slots=1,maxmem=1100G")
LEFT_OUT = "WARN memory: 952 MiB of RAM left out, too far up for the ledger"

def clock(*arguments: str, by: str, **more: object) -> Case:
    """A machine that has to boot, and to log by which clock it measured the others."""
    return Case("pvh", ("-m", "256M", *arguments), QBOOT, frames=60000, command="debug_exit=0xf4",
                says=(rf"WARN boot: clock: \d+ MHz by {re.escape(by)}",), **more)  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    **{f"acpi_{name}{suffix}": case for name, wanted in ACPI_CASES.items()
       for suffix, case in with_tables(*wanted).items()},
    "pvh_ram_beyond_a_hole": Case("pvh", HOLE, QBOOT, frames=500000, command="debug_exit=0xf4",
                                  says=(LEFT_OUT,)),
    "uefi_ram_beyond_a_hole": Case("uefi", HOLE, frames=500000, command="debug_exit=0xf4",
                                   says=(LEFT_OUT,)),
    "pvh_seabios_64m": Case("pvh"),
    "pvh_seabios_256m_smp": Case("pvh", ("-m", "256M", "-smp", "4")),
    "pvh_seabios_5g": Case("pvh", ("-m", "5G")),
    "pvh_qboot_64m": Case("pvh", bios=QBOOT),
    "pvh_qboot_256m": Case("pvh", ("-m", "256M"), QBOOT),
    "pvh_qboot_5g": Case("pvh", ("-m", "5G"), QBOOT),
    "pvh_no_giant_pages": Case("pvh", ("-m", "5G", "-cpu", "max,-pdpe1gb"), QBOOT),
    "pvh_icount": Case("pvh", ("-m", "64M", *ICOUNT), QBOOT, runs=2, hz=ICOUNT_HZ),
    "uefi_64m": Case("uefi"),
    "uefi_256m_screen": Case("uefi", ("-m", "256M", "-device", "VGA")),
    "uefi_5g_smp": Case("uefi", ("-m", "5G", "-smp", "4")),
    "uefi_flash": Case("uefi", ("-m", "256M"), FLASH),
    "uefi_entropy_of_firmware": Case("uefi", ("-m", "256M", "-cpu", "max,-rdrand,-rdseed", "-device",
                                              "virtio-rng-pci")),
    "refuse_no_volume": refused("boot.tar: not given; start QEMU with -initrd boot.tar", cut=lambda data: None),
    "refuse_garbage_volume": refused(f"boot.tar: damaged: not a ustar header, at byte 0; {PACK}",
                                     cut=lambda data: b"garbage " * 512),
    "refuse_cut_volume": refused(f"boot.tar: damaged: file data goes beyond the end of the archive, at byte 3584, "
                                 f"{KERNEL}; {PACK}",
                                 cut=lambda data: data[:8192]),
    "refuse_volume_without_end": refused(
        f"boot.tar: damaged: ends without its end mark: the archive is cut short, at byte 4608; {PACK}",
        change=only("etc/file", bytes(512)), cut=lambda data: data[:4608]),
    "refuse_volume_with_odd_name": refused(
        f"boot.tar: damaged: name with a control byte, at byte 0, etc/?[2J; {PACK}",
        cut=lambda data: volume.tar_header("etc/\033[2J", 0, b"0") + data),
    "refuse_no_kernel": refused(f"{KERNEL}: not found in the boot volume; {PACK}", change=drop(KERNEL)),
    "refuse_no_init": refused(f"{INIT}: not found in the boot volume; {PACK}", change=drop(INIT)),
    "refuse_kernel_of_other_machine": refused(f"{KERNEL}: made for another machine than x86-64; {PACK}",
                                              change=patch(KERNEL, ELF_MACHINE, "<H", 183)),
    "refuse_cut_kernel": refused(f"{KERNEL}: truncated program header table; {PACK}", change=shorten(KERNEL, 100)),
    "refuse_kernel_write_execute": refused(f"{KERNEL}: segment 0: both writable and executable; {PACK}",
                                           change=patch(KERNEL, FIRST_HEADER + HEADER_FLAGS, "<I", 7)),
    "refuse_large_kernel": refused(re.compile(rf"not enough memory for {KERNEL}: it takes 10486\d\d KiB in one piece; "
                                              "give the machine more"),
                                   change=patch(KERNEL, LAST_KERNEL_HEADER + HEADER_MEMORY_BYTES, "<Q", 1 << 30)),
    "refuse_garbage_init": refused(f"{INIT}: not an ELF file; {PACK}", change=put(INIT, b"garbage " * 512)),
    "refuse_movable_init": refused(f"{INIT}: position-independent; link it at a fixed address (-no-pie)",
                                   change=patch(INIT, ELF_TYPE, "<H", 3)),
    "refuse_long_command": refused("command line: longer than 511 bytes; shorten it", command="x" * 512),
    "refuse_no_nx": refused("the CPU has no no-execute pages, or firmware turned them off; turn them on in firmware "
                            "set-up", arguments=("-m", "64M", "-cpu", "max,-nx")),
    "refuse_uefi_no_volume": refused("\\baton\\boot.tar: not found on the boot volume; copy it to the partition that "
                                     "holds \\EFI\\BOOT\\BOOTX64.EFI", "uefi", cut=lambda data: None),
    "refuse_uefi_garbage_init": refused(f"{INIT}: not an ELF file; {PACK}", "uefi",
                                        change=put(INIT, b"garbage " * 512)),
    "refuse_uefi_long_command": refused("\\baton\\command.txt: longer than 511 bytes; shorten it", "uefi",
                                        command="x" * 512),
    "refuse_uefi_command_folder": refused("\\baton\\command.txt: a folder; put the file in its place", "uefi",
                                          place=move(disk.COMMAND_PATH, disk.COMMAND_PATH + "/x")),
    "refuse_uefi_volume_folder": refused("\\baton\\boot.tar: a folder; put the file in its place", "uefi",
                                         place=move(disk.VOLUME_PATH, disk.VOLUME_PATH + "/x")),
    "uefi_command_utf16": Case("uefi", place=move(disk.COMMAND_PATH, disk.COMMAND_PATH, to_utf16)),
    "pvh_unknown_values": Case("pvh", ("-m", "256M"), QBOOT, frames=60000,
                               command="debug_exit=0xf4 log=verbose log_serial=1 cpus=many",
                               says=("WARN boot: log= has an unknown value, and is not heeded",
                                     "WARN boot: log_serial has an unknown value, and is not heeded",
                                     "WARN boot: cpus= wants a number from 1 on, and is not heeded")),
    # Machines whose 8254 stands still and whose CPUID tells no rates: each further clock in turn.
    "clock_acpi_timer": clock("-M", "q35,pit=off", by="the ACPI timer; the 8254 timer stands still"),
    "clock_acpi_timer_of_pc": clock("-M", "pc,pit=off,hpet=off", "-smp", "2",
                                    by="the ACPI timer; the 8254 timer stands still"),
    "clock_hpet": clock("-M", "q35,pit=off", by="the HPET; the 8254 timer stands still; the ACPI timer is not there",
                        acpi=Tables(hpet_only=True)),
    "clock_real_time": clock("-M", "microvm,pit=off,pic=off", by="the real-time clock; the 8254 timer stands still; "
                             "the ACPI timer is not there; the HPET is not there"),
    "clock_real_time_smp": clock("-M", "microvm,pit=off,pic=off,acpi=off", "-smp", "4", by="the real-time clock; "
                                 "the 8254 timer stands still; the ACPI timer is not there; the HPET is not there"),
    "clock_8254_of_microvm": Case("pvh", ("-m", "256M", "-M", "microvm,rtc=off", "-smp", "2"), QBOOT, frames=60000,
                                  command="debug_exit=0xf4"),
    "refuse_no_clock": refused("clock: CPUID does not tell the rates; the 8254 timer stands still; the ACPI timer is "
                               "not there; the HPET is not there; the real-time clock is not there; turn one of them "
                               "on in firmware set-up",
                               arguments=("-m", "64M", "-M", "microvm,pit=off,pic=off,rtc=off")),
    # Firmware as odd as some real ones. 256 MiB have 65,536 frames, of which firmware and the system itself take some
    # 7,000 besides the volume.
    "odd_firmware_map": Case("uefi", ("-m", "256M"), odd="broken=50 stride types shuffle refuse=6 short"),
    "odd_firmware_while_leaving": Case("uefi", ("-m", "256M"), odd="stale=7 grow=400 busy watchdog"),
    "odd_firmware_many_ranges": Case("uefi", ("-m", "256M"), odd="broken=200 grow=60", frames=58000),
    "odd_firmware_without": Case("uefi", ("-m", "256M", "-device", "VGA"), odd="noconsole noacpi mask", frames=58000),
    "odd_firmware_high_volume": Case("uefi", ("-m", "5G"), odd="place=5000"),
    "odd_firmware_volume_beyond_a_hole": Case("uefi", HOLE, odd="place=1049000", frames=500000,
                                              command="debug_exit=0xf4", says=(LEFT_OUT,)),
    "refuse_odd_firmware_ranges": refused("memory map: firmware reports more ranges than 1024; turn off devices in "
                                          "firmware set-up", "uefi", odd="broken=600"),
    "refuse_odd_firmware_device": refused("boot volume: the loader was not started from a file system: firmware "
                                          "refuses what it was given", "uefi", odd="nodevice"),
    "refuse_odd_firmware_read": refused("\\baton\\boot.tar: cannot be read: the device reports an error", "uefi",
                                        odd="readerror short"),
    "refuse_odd_firmware_size": refused("\\baton\\boot.tar: shorter than its folder entry says; copy it again: the "
                                        "file system is damaged", "uefi", odd="longer=8192"),
    "refuse_odd_firmware_huge": refused("\\baton\\boot.tar: too large for this machine: not enough memory", "uefi",
                                        odd="huge"),
    "refuse_odd_firmware_never": refused("firmware: does not let go of the machine: firmware refuses what it was given",
                                         "uefi", odd="never", halts=True),
}


class Wrong(Exception):
    """The machine did something unexpected; the text says what."""


@dataclasses.dataclass
class Outcome:
    """What a machine printed, and how it ended."""

    status: int
    console: str
    log: str
    tap: str
    volume_frames: int


class Runner:
    """Boots the machines of one case."""

    def __init__(self, options: argparse.Namespace, case: Case, folder: pathlib.Path) -> None:
        self.options = options
        self.case = case
        self.folder = folder
        self.archive = self.volume_bytes()

    def volume_bytes(self) -> bytes | None:
        if self.case.frames:
            members = volume.replace(volume.read(self.options.volume), "etc/rc", RC)
            if self.case.acpi is not None:
                members = command_run.set_options(members, ["--all-cpus"])
            if self.case.plain:
                members = volume.replace(members, KERNEL, self.options.plain.read_bytes())
            return volume.build(members)
        members = {KERNEL: self.options.kernel.read_bytes(), INIT: self.options.init.read_bytes()}
        self.case.change(members)
        return self.case.cut(volume.build(list(members.items())))

    def boot_arguments(self) -> list[str]:
        """What the machine starts from."""
        archive = self.archive
        if self.case.front == "pvh":
            arguments = ["-kernel", str(self.options.pvh), "-append", self.case.command, *self.case.bios]
            if self.case.acpi is not None:
                arguments += acpi_tables.arguments(self.case.acpi, self.folder)
            if archive is not None:
                path = self.folder / "boot.tar"
                path.write_bytes(archive)
                arguments += ["-initrd", str(path)]
            return arguments
        found = firmware.find(flash_first=self.case.bios == FLASH)
        if found is None:
            raise Wrong("no UEFI firmware is installed (package ovmf)")
        files = {disk.LOADER_PATH: self.options.efi.read_bytes(),
                 disk.COMMAND_PATH: self.case.command.encode() + b"\r\n"}
        if archive is not None:
            files[disk.VOLUME_PATH] = archive
        if self.case.odd:
            files |= {disk.LOADER_PATH: self.options.firmware.read_bytes(), ODD_WORDS_PATH: self.case.odd.encode(),
                      ODD_LOADER_PATH: files[disk.LOADER_PATH]}
        self.case.place(files)
        image = self.folder / "disk.img"
        disk.write_image(image, files)
        return [*found.arguments(), "-drive", f"if=none,id=boot,format=raw,file={image}",
                "-device", "virtio-blk-pci,drive=boot,bootindex=0"]

    def run(self) -> Outcome:
        log, tap = self.folder / "log", self.folder / "tap"
        cpu = [] if "-cpu" in self.case.arguments else ["-cpu", "max"]
        command = ["qemu-system-x86_64", "-M", "q35", *cpu, *self.case.arguments, "-nodefaults", "-no-user-config",
                   "-display", "none", "-no-reboot", *self.boot_arguments(), "-serial", "stdio",
                   "-chardev", f"file,id=log,path={log}", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
                   "-chardev", f"file,id=tap,path={tap}", "-device", "isa-debugcon,iobase=0xe8,chardev=tap",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        status, console = talk(command, press_key=self.case.front == "uefi" and bool(self.case.message),
                               last_words=self.case.message if self.case.halts else RETURNED)
        return Outcome(status, console, log.read_text(errors="replace"), tap.read_text(errors="replace"),
                       len(self.archive or b"") // PAGE_BYTES)


def talk(command: list[str], press_key: bool, last_words: str) -> tuple[int, str]:
    """Run the emulator until it ends or has said `last_words`. press_key: answer the loader's question."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as machine:
        assert machine.stdin is not None and machine.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            machine.kill()

        timer = threading.Timer(MACHINE_SECONDS, expire)
        timer.start()
        console = b""
        while chunk := machine.stdout.read1(4096):
            console += chunk
            if press_key and b"press a key to return to firmware" in console:
                machine.stdin.write(b"\r")
                machine.stdin.flush()
                press_key = False
            if last_words.encode() in console:
                machine.kill()
        status = machine.wait()
        timer.cancel()
    text = console.decode(errors="replace")
    if expired.is_set():
        raise Wrong(f"the machine did not end within {MACHINE_SECONDS} s; its console:\n{text}")
    return status, text


def judge_good(case: Case, seen: Outcome) -> None:
    """The guest ran all its checks, all passed, and it was given the right command line."""
    plan = re.search(r"^1\.\.(\d+)$", seen.tap, re.MULTILINE)
    good = re.findall(r"^ok (\d+) - ", seen.tap, re.MULTILINE)
    bad = re.findall(r"^not ok .*$", seen.tap, re.MULTILINE)
    if bad:
        raise Wrong("\n".join(bad))
    if plan is None or good != [str(number + 1) for number in range(int(plan[1]))]:
        raise Wrong("the guest did not run all its checks")
    if seen.status != EXIT_GOOD:
        raise Wrong(f"QEMU exited with {seen.status}, want {EXIT_GOOD}")
    if f"# command [{case.command}]\n" not in seen.tap:
        raise Wrong(f"the guest was not given the command line {case.command!r}")
    width = re.search(r"^# screen width 0x(\w+)$", seen.tap, re.MULTILINE)
    if width is None or (int(width[1], 16) != 0) != ("VGA" in case.arguments):
        raise Wrong("framebuffer: want one exactly if the machine has a screen")
    for name in ("tsc_hz", "apic_timer_hz") if case.hz else ():
        rate = re.search(rf"^# {name} 0x(\w+)$", seen.tap, re.MULTILINE)
        if rate is None or abs(int(rate[1], 16) - case.hz) > ICOUNT_HZ_ERROR:
            raise Wrong(f"{name}: want {case.hz}, at most {ICOUNT_HZ_ERROR} off")


def judge_whole(case: Case, seen: Outcome) -> None:
    """The system started, ran its commands, switched off, and had nearly all memory."""
    frames = re.search(r"process: (\d+) frames", seen.log)
    if seen.status != EXIT_GOOD or frames is None or "power: off, status 0" not in seen.log:
        raise Wrong(f"the system did not run: QEMU exited with {seen.status}, want {EXIT_GOOD}")
    warnings = re.findall(r"WARN boot: (.*)\n", seen.log)
    for line in case.says:
        if re.search(rf" {line}$", seen.log, re.MULTILINE) is None:
            raise Wrong(f"the log does not say: {line}")
    if not case.says and warnings:
        raise Wrong(f"the log warns: {warnings}")
    have = int(frames[1]) + seen.volume_frames
    if have < case.frames:
        raise Wrong(f"{have} frames with those of the volume, want at least {case.frames}")


def judge_refused(case: Case, seen: Outcome) -> None:
    """The loader said what was expected on the channels it has, and the guest never ran."""
    wanted = f"baton: {case.message.pattern if isinstance(case.message, re.Pattern) else re.escape(case.message)}"
    if not any(re.fullmatch(wanted, text.strip("\r")) for text in seen.console.split("\n")):
        raise Wrong(f"the console does not say: {wanted}")
    if seen.tap:
        raise Wrong("the kernel was started")
    if case.front == "uefi":
        if not case.halts and RETURNED not in seen.console:
            raise Wrong("the loader did not return to firmware")
        return
    if not re.fullmatch(f"{wanted}\n", seen.log):
        raise Wrong(f"the log port does not say: {wanted}")
    if seen.status != EXIT_REFUSED:
        raise Wrong(f"QEMU exited with {seen.status}, want {EXIT_REFUSED}")


def main() -> int:
    if sys.argv[1:] == ["--list"]:  # for the build, which makes a test of each case
        print("\n".join(CASES))
        return 0
    parser = argparse.ArgumentParser(description="Boot one machine and judge it.")
    for name in ("pvh", "efi", "kernel", "init", "firmware", "volume", "plain"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path, metavar="FILE")
    parser.add_argument("case", choices=CASES, metavar="CASE")
    options = parser.parse_args()
    case = CASES[options.case]
    seen: Outcome | None = None
    with tempfile.TemporaryDirectory(prefix="baton-probe-") as folder:
        try:
            outcomes = []
            for _ in range(case.runs):
                seen = Runner(options, case, pathlib.Path(folder)).run()
                outcomes.append(seen)
                judge = judge_refused if case.message else judge_whole if case.frames else judge_good
                judge(case, seen)
            if any(outcome != outcomes[0] for outcome in outcomes):
                raise Wrong("two runs of a deterministic machine differ")
        except (Wrong, disk.DiskError, OSError) as error:
            print(f"{options.case}: {error}")
            if seen is not None:
                print(f"exit code {seen.status}\n--- console\n{seen.console}\n--- log\n{seen.log}\n--- tap\n{seen.tap}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
