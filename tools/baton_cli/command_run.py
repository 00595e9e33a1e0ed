"""Boot Baton in an emulated machine, with its serial console on this terminal.

examples:
  ./baton run                           the shell; Ctrl-] x quits, Ctrl-C reaches the guest
  ./baton run -c 'echo hello; ls /bin'  run commands, power off, exit with the last one's status
  ./baton run --with process=process_mini   another program in a server's place
  ./baton run --smp 4 -m 1024 --gui     four CPUs, 1 GiB, a window for the framebuffer
  ./baton run --trace                   should it end badly, show what happened last
  ./baton run --gdb                     wait for gdb; its command line is printed
  ./baton run --dry-run                 print QEMU's command line
  ./baton run -- -device e1000e         give QEMU more arguments

exit status:
  the guest's at power-off (with -c: the last command's); 0 after Ctrl-] x, or `reboot`, which ends the run
  2 wrong usage   70 panic   71 triple fault   72 reset   73 early exit, or QEMU failed
  74 the system can't be started   75 a server without which the machine is of no use has ended
  76 something needed is missing   77 the build failed, or --built names none
  78 a file, folder or stream of the host's failed us (full, closed, not ours to write)
  124 out of time   130 interrupted   141 nobody reads the output any more
A machine that ends badly is reported on standard error, the reason in the last line, and so is, with -c, a program that
does. The kernel's log is build/run/last/kernel.log.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import sys
import tempfile
from typing import Any

import claims
import volume
from baton_cli.session import Session
from baton_cli.terminal import open_keys
from debug import session as debug_session
from evidence import kernel_log, report, verdict
from evidence.faults import FaultReports, Images
from evidence.symbols import Symbols
from evidence.threads import Watch
from evidence.verdict import Kind
from host import build, needs, packages, paths
from host.say import CODE_HOST, CODE_USAGE, UserError, reason, say
from machine import accel, command_line, disk, firmware
from machine.command_line import DirectBoot, FirmwareBoot, Machine
from machine.console import ConsoleFilter
from machine.guest import Guest
from machine.places import Places, naming, private_places

NAME = "run"
SUMMARY = "boot, with the console on this terminal (-c 'COMMANDS' to run some and power off)"

SWAPS_AT_MAX = 8  # servers/init/storm.h has room for these, and for --storm and --swaps
LOG_LEVELS = ("error", "warn", "info")
UNEXPLAINED = {kernel_log.STATUS_CANNOT_START: "the system could not be started",
               kernel_log.STATUS_VITAL_ENDED: "a server has ended that the manifest calls vital"}
OWN_VOLUME = "boot.tar"  # in a machine's folder: the one it boots
COMMANDS_NAME = "etc/rc"
MANIFEST_NAME = "etc/manifest.json"
PROCESS_SERVERS = ("bin/process", "bin/process_eager", "bin/process_lottery")  # they share their options
COMMANDS_SECONDS = 600.0
DEFAULT_MEMORY_MIB = 256
RUNS_KEPT = 8
EXIT_CODES = {Kind.PANIC: 70, Kind.TRIPLE_FAULT: 71, Kind.RESET: 72, Kind.EARLY_EXIT: 73, Kind.HANG: 124,
              Kind.NOT_STARTED: kernel_log.STATUS_CANNOT_START, Kind.SERVER_ENDED: kernel_log.STATUS_VITAL_ENDED,
              Kind.CANCELLED: 0, Kind.REBOOTED: 0}


def whole_number(text: str, lowest: int, highest: int, what: str) -> int:
    """An option's value as a number within bounds; argparse shows the message."""
    # int() also takes `1_0`, and digits of any script
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else lowest - 1
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} ({lowest}..{highest})")
    return value


def cpus(text: str) -> int:
    return whole_number(text, 1, command_line.SMP_MAX, "a number of CPUs")


def mebibytes(text: str) -> int:
    return whole_number(text, command_line.MEMORY_MIB_MIN, command_line.MEMORY_MIB_MAX, "a number of MiB")


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="commands", metavar="COMMANDS", help="run these in the shell, then power off")
    parser.add_argument("--smp", type=cpus, default=1, metavar="N", help="CPUs (default 1)")
    parser.add_argument("-m", "--memory", type=mebibytes, default=DEFAULT_MEMORY_MIB, metavar="MIB",
                        help=f"memory (default {DEFAULT_MEMORY_MIB})")
    screen = parser.add_mutually_exclusive_group()
    screen.add_argument("--gui", action="store_true", help="a window with the framebuffer")
    screen.add_argument("--headless", action="store_true", help="no graphics adapter at all")
    parser.add_argument("--timeout", type=seconds, metavar="S",
                        help=f"end the machine after S seconds, status 124 (default with -c: {COMMANDS_SECONDS:g})")
    parser.add_argument("--accel", choices=("auto", "tcg", "kvm"), default="auto",
                        help="auto: kvm if a probe guest runs in it, else tcg (emulation)")
    parser.add_argument("--gdb", action="store_true", help="stop before the first instruction and wait for gdb")
    parser.add_argument("--trace", action="store_true",
                        help="record calls, switches, faults; the report of a bad end shows the last")
    parser.add_argument("--storm", type=storm, metavar="SEED,US[,NAME]",
                        help="end a server that can come back (or just NAME) every US microseconds or so, at random by "
                             "SEED")
    parser.add_argument("--swaps", type=storm, dest="swap_storm", metavar="SEED,US[,NAME]",
                        help="swap a server for a program of its own image, in the same way")
    parser.add_argument("--swap-at", type=swap_at, action="append", default=[], metavar="US,NAME,IMAGE",
                        help="swap the server NAME for this image of the volume, US microseconds after all servers "
                             f"were started; up to {SWAPS_AT_MAX} times")
    parser.add_argument("--log", choices=LOG_LEVELS, default="info", help="the kernel log's level (default info)")
    parser.add_argument("--boot", choices=("uefi", "pvh"), default="uefi", help="pvh: straight into the loader, faster")
    parser.add_argument("--with", dest="swaps", action="append", default=[], metavar="NAME=IMAGE",
                        help="let the manifest's program NAME be this image of the volume (in bin/ unless it has a "
                             "slash); 'NAME=IMAGE OPTION...' gives it options, too")
    parser.add_argument("--all-cpus", action="store_true",
                        help="deal programs out to all CPUs but the servers', the first")
    parser.add_argument("--fixed-addresses", action="store_true",
                        help="lay no program, stack or mapping at a random place")
    parser.add_argument("--built", type=pathlib.Path, metavar="FOLDER", help="use this build folder as it is")
    parser.add_argument("--dry-run", action="store_true", help="print QEMU's command line instead of starting it")
    parser.set_defaults(takes_rest=True)  # QEMU's


def choose_accel(options: argparse.Namespace) -> str:
    """kvm or tcg, told on standard error by the first run that finds it out. For gdb it is tcg if nothing else is asked
    for: KVM sets a breakpoint by writing into memory, and the guest's programs are not in memory yet."""
    wanted, cache = options.accel, options.built / "accel.json"
    if wanted == "tcg" or (options.gdb and wanted == "auto"):
        return "tcg"
    found = accel.choose(cache)
    if wanted == "kvm" and found.name != "kvm":
        raise UserError(f"--accel kvm: {found.reason}")
    if not found.is_known:
        say(f"accelerator: tcg (emulation); {found.reason}" if found.name == "tcg" else "accelerator: kvm")
    return found.name


def made(options: argparse.Namespace, path: pathlib.Path) -> pathlib.Path:
    """A file of the build folder that must be there."""
    full: pathlib.Path = options.built / path
    if not options.built.is_dir():
        raise UserError(f"{options.built} is no build folder", build.CODE_BUILD)
    if not full.exists():
        raise UserError(f"the build did not make {paths.shown(full)}", build.CODE_BUILD)
    return full


def read_manifest(members: volume.Members) -> dict[str, Any]:
    """Raises VolumeError when the manifest is missing or malformed."""
    try:
        manifest: dict[str, Any] = json.loads(dict(members)[MANIFEST_NAME])
        if all(isinstance(program[word], str) for program in manifest["programs"] for word in ("name", "image")):
            return manifest
        raise TypeError("a program without name or image")
    except (KeyError, TypeError, ValueError) as error:
        raise volume.VolumeError(f"{MANIFEST_NAME} on the volume can't be read: {error}") from None


def swap_image(members: volume.Members, swap: str) -> volume.Members:
    """`members` with another image for one program of the manifest, and options before its arguments. Raises UserError:
    no such program or image."""
    name, separator, words = swap.partition("=")
    image, *server_options = words.split() or [""]
    if not (name and separator and image):
        raise UserError(f"--with {swap}: want NAME=IMAGE", CODE_USAGE)
    image = image if "/" in image else f"bin/{image}"
    if image not in dict(members):
        raise UserError(f"--with {swap}: there is no {image} on the volume", CODE_USAGE)
    manifest = read_manifest(members)
    programs = [program for program in manifest["programs"] if program["name"] == name]
    if not programs:
        known = ", ".join(program["name"] for program in manifest["programs"])
        raise UserError(f"--with {swap}: the manifest has no program {name}; it has {known}", CODE_USAGE)
    programs[0]["image"] = image
    if server_options:
        programs[0]["arguments"] = [*server_options, *programs[0].get("arguments", [])]
    return volume.replace(members, MANIFEST_NAME, json.dumps(manifest, indent=2).encode() + b"\n")


def set_options(members: volume.Members, wanted: list[str]) -> volume.Members:
    """`members` with options for the manifest's process server. Raises UserError when that server does not know
    them."""
    manifest = read_manifest(members)
    server = next((program for program in manifest["programs"] if program["image"] in PROCESS_SERVERS), None)
    if server is None:
        raise UserError(f"{wanted[0]}: no program of the manifest is {PROCESS_SERVERS[0]}, which knows it", CODE_USAGE)
    server["arguments"] = [*wanted, *server["arguments"]]
    return volume.replace(members, MANIFEST_NAME, json.dumps(manifest, indent=2).encode() + b"\n")


def storm(text: str) -> str:
    """The word of the kernel's command line that servers/init/storm.h describes."""
    if not re.fullmatch(r"[0-9]{1,18},[1-9][0-9]{0,9}(,[a-z_]{1,23})?", text):
        raise argparse.ArgumentTypeError(f"{text}: want SEED,US or SEED,US,NAME")
    return text


def swap_at(text: str) -> str:
    """The word for one swap, as servers/init/storm.h describes it."""
    match = re.fullmatch(r"([1-9][0-9]{0,9},[a-z_]{1,23}),/?([!-~]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text}: want US,NAME,IMAGE, as in 200000,files,/bin/files_flat")
    return ",".join(match.groups())


def check_storm(members: volume.Members, option: str, wanted: str, names: list[str], image: str | None = None) -> None:
    """Raise UserError when a storm is meant for a program that can't come back, or an image that is not there: it
    would do nothing."""
    known = [program["name"] for program in read_manifest(members)["programs"] if "restart" in program]
    for name in names:
        if name not in known:
            raise UserError(f"{option} {wanted}: no program {name} of the manifest can come back; these can: "
                            f"{', '.join(known)}", CODE_USAGE)
    if image is not None and image not in dict(members):
        raise UserError(f"{option} {wanted}: there is no {image} on the volume", CODE_USAGE)


def make_volume(options: argparse.Namespace, folder: pathlib.Path) -> pathlib.Path:
    """The boot volume, with etc/rc on it when there are commands, and with what --with,
    --fixed-addresses and --all-cpus change."""
    archive = made(options, paths.VOLUME)
    server_options = [option for option, wanted in (("--fixed-addresses", options.fixed_addresses),
                                                    ("--all-cpus", options.all_cpus)) if wanted]
    special = folder / OWN_VOLUME  # a copy, since the next build may replace the original while we run
    members = volume.read(archive)
    if options.commands is not None:
        members = volume.replace(members, COMMANDS_NAME, os.fsencode(options.commands) + b"\n")
    for swap in options.swaps:
        members = swap_image(members, swap)
    if server_options:
        members = set_options(members, server_options)
    for option, wanted in (("--storm", options.storm), ("--swaps", options.swap_storm)):
        if wanted:
            check_storm(members, option, wanted, wanted.split(",")[2:])
    for swap in options.swap_at:
        _, name, image = swap.split(",", 2)
        check_storm(members, "--swap-at", swap, [name], image)
    with naming(special):
        special.write_bytes(volume.build(members))
    return special


def programs_only(options: argparse.Namespace) -> bool:
    """Whether standard output gets only what programs print: with -c, or when it is no terminal."""
    return options.commands is not None or not os.isatty(1)


def make_boot(options: argparse.Namespace, archive: pathlib.Path, cache: pathlib.Path | None,
              kept: contextlib.ExitStack) -> DirectBoot | FirmwareBoot:
    """cache: the folder of disk images, if there is one. kept: gets what must stay in use until the machine's end."""
    command = f"debug_exit=0xf4 log={options.log}"
    if options.trace:
        command += " trace"
    if options.storm:
        command += f" storm={options.storm}"
    if options.swap_storm:
        command += f" swaps={options.swap_storm}"
    if len(options.swap_at) > SWAPS_AT_MAX:
        raise UserError(f"--swap-at: {len(options.swap_at)} of them; at most {SWAPS_AT_MAX} can be given", CODE_USAGE)
    command += "".join(f" swap-at={swap}" for swap in options.swap_at)
    if not programs_only(options) and os.isatty(0):
        # shows boot messages on the screen; with a pipe, the kernel's probing of the chip would hide the pipe's end
        command += " log_serial"
    if options.boot == "pvh":
        loader = archive.with_name("pvh.elf")
        with naming(loader):
            shutil.copyfile(made(options, paths.PVH_LOADER), loader)
        return DirectBoot(loader, archive, command)
    found = firmware.find()
    if found is None:
        raise UserError("no UEFI firmware found; ./baton doctor says what to install", packages.CODE_MISSING)
    files = {disk.LOADER_PATH: made(options, paths.UEFI_LOADER).read_bytes(), disk.VOLUME_PATH: archive.read_bytes(),
             disk.COMMAND_PATH: command.encode() + b"\n"}
    if cache is not None:
        return FirmwareBoot(found, kept.enter_context(disk.cached_image(cache, files)))
    image = archive.with_name("disk.img")
    disk.write_image(image, files)
    return FirmwareBoot(found, image)


def log_folder(runs: pathlib.Path) -> claims.Claim:
    """A new folder for this run's log, reachable as `last` in `runs`; among temporary files if we can't write to
    `runs`. It is ours until the claim is released. The oldest folders that no run claims are removed."""
    parent, prefix = runs, "log-"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        claim = claims.new(runs, prefix)
        link = runs / f"last-{claim.folder.name}"
        link.symlink_to(claim.folder.name)
        link.replace(runs / "last")
    except OSError as error:
        parent, prefix = pathlib.Path(tempfile.gettempdir()), "baton-log-"
        claim = claims.new(parent, prefix)
        say(f"{paths.shown(runs)} can't be written ({reason(error)}); the log goes to {claim.folder}")
    claims.sweep(parent, prefix, keep=RUNS_KEPT)
    return claim


def make_machine(options: argparse.Namespace, places: Places, kept: contextlib.ExitStack) -> Machine:
    """The machine the options describe. kept: gets what must stay in use until its end."""
    if options.gui:
        check_window()
    archive = make_volume(options, places.files)
    logs = kept.enter_context(log_folder(options.built / paths.RUN)).folder
    boot = make_boot(options, archive, logs.parent if logs.parent == options.built / paths.RUN else None, kept)
    return Machine(boot=boot, folder=places.files, sockets=places.sockets,
                   accel=choose_accel(options), smp=options.smp,
                   memory_mib=options.memory, display=needs.WINDOW if options.gui else "none",
                   graphics=options.boot == "uefi" and not options.headless, log_file=logs / "kernel.log",
                   gdb_socket=places.sockets / "gdb" if options.gdb else None, extra=tuple(options.rest))


def check_window() -> None:
    """Raise UserError when no window can be opened."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError("--gui: there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)")
    if not needs.has_window():
        raise UserError(f"--gui: this QEMU opens no windows; {needs.WINDOW_ADVICE}", packages.CODE_MISSING)


def finish(guest: Guest, options: argparse.Namespace, limit: float | None, faults: FaultReports) -> int:
    """The exit code; a report on standard error when the machine did not end in order."""
    assert guest.end is not None
    evidence = report.gather(guest)
    problem = verdict.judge_end(guest.end, evidence, limit or 0.0, guest.errors())
    log = guest.machine.kernel_log
    if problem is None:
        status = evidence.log.power_off_status or 0
        if status and options.commands is None:
            say(f"powered off with status {status}; the kernel's log is {paths.shown(log)}")
        if status in UNEXPLAINED and options.log != LOG_LEVELS[-1]:  # the log has no word of it
            say(f"status {status}: unless a command ended with it, {UNEXPLAINED[status]}; with `--log "
                f"{LOG_LEVELS[-1]}` init says why")
        return status
    if not problem.is_told:
        evidence = dataclasses.replace(evidence, programs=faults.programs(evidence.log.text))
        threads = faults.threads(evidence.log.text) if problem.kind is Kind.HANG else []
        lines = report.write(evidence, Symbols(kernel=options.built / paths.KERNEL), faults.images, threads)
        lines += ["kernel log, last lines:", *("  " + line for line in evidence.log.tail())]
        text = "\n".join(lines)
        print(text, file=sys.stderr)
        (log.parent / "report.txt").write_text(f"{problem.text}\n{text}\n")
    if problem.kind is not Kind.CANCELLED:
        if problem.kind is not Kind.REBOOTED:
            say(f"the kernel's log is {paths.shown(log)}")
        say(problem.text)  # last, where it is seen
    return EXIT_CODES[problem.kind]


def run(options: argparse.Namespace) -> int:
    given = options.built is not None
    options.built = options.built or paths.BUILD
    limit = options.timeout or (COMMANDS_SECONDS if options.commands is not None and not options.gdb else None)
    with contextlib.ExitStack() as kept:
        try:
            with build.finished(options.built) if given else build.ready(paths.BUILD, ["system"]):
                places = kept.enter_context(private_places())
                machine = make_machine(options, places, kept)
        except volume.VolumeError as error:
            raise UserError(str(error), build.CODE_BUILD) from None
        except disk.DiskError as error:
            raise UserError(str(error), CODE_HOST) from None
        if options.dry_run:
            print(shlex.join(command_line.build(machine)))
            return 0
        if shutil.which(command_line.QEMU) is None:
            raise UserError(f"{command_line.QEMU} is not installed; ./baton doctor says how", packages.CODE_MISSING)
        return run_machine(options, machine, limit)


def run_machine(options: argparse.Namespace, machine: Machine, limit: float | None) -> int:
    """Carry keys and output until the machine's end. The exit code."""
    keys = open_keys() if options.commands is None else None
    kernel, archive = options.built / paths.KERNEL, machine.folder / OWN_VOLUME
    with Guest(machine) as guest:
        if machine.gdb_socket is not None:
            line = debug_session.write(machine.kernel_log.parent, kernel, options.built, archive, machine.gdb_socket)
            say(f"waiting for gdb; in another terminal, type: {line}")
        watch = Watch(machine.memory_file, machine.kernel_log, kernel, samples=limit is not None)
        faults = FaultReports(machine.kernel_log, Images(archive, machine.folder, options.built), watch)
        shown = ConsoleFilter(firmware=options.boot == "uefi", programs_only=programs_only(options))
        Session(guest, shown, keys, limit, faults).run()
        trouble = guest.out_of_space()
        if trouble is not None:
            raise UserError(trouble, CODE_HOST)
        return finish(guest, options, limit, faults)
