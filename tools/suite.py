#!/usr/bin/env python3
"""Owns the run of one guest suite: boot a machine, echo its TAP, judge it, report on the machine if it ended badly.

    suite.py --name ipc --loader build/boot/pvh.elf --volume suite.tar --timeout 20
    suite.py --name ipc --loader pvh.elf --kernel kernel.elf --init ipc.elf --file etc/manifest.json=m.json --smp 4
    suite.py --name pipes_alone --loader pvh.elf --kernel kernel.elf --init init.elf --usual manifest.json
             --realm pipes --suite pipes_alone --file bin/pipes=pipes

Meson's `tap` protocol reads the output. The exit code is 0 only when every promised result came, once and ok,
and the kernel powered off in order with status 0; otherwise 1, with the reason after `Bail out!`. The kernel's
log, the console and the report stay in run/NAME/ below the current folder, or in run/NAME-2/ while another run
of the suite uses that one.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import pathlib
import re
import signal
import sys
import tarfile
import time

import claims
import family
import realm
import volume
from debug import session
from evidence import faults, report, tap, verdict
from evidence.symbols import Symbols
from evidence.threads import Watch
from machine import disk, firmware
from machine.command_line import DirectBoot, FirmwareBoot, Machine
from machine.guest import Cause, Guest
from machine.places import private_places

DEFAULT_SECONDS = 30.0
PUMP_SECONDS = 0.1
WATCHED_SECONDS = 5.0  # before the time limit
CONSOLE_TAIL_LINES = 10
FIRST_OF_CASES = "run_case"  # of a realm's suite (test/realm/suite.c)
RIP = re.compile(r"# .*\brip (0x[0-9a-f]+)")
KERNEL_NAME = "boot/kernel.elf"
INIT_NAME = "boot/init.elf"
MANIFEST_NAME = "etc/manifest.json"
# with ERMS, memory routines would choose rep string instructions, which count once per iteration
BENCH_CPU = "max,-erms"


class SuiteError(Exception):
    """The suite cannot be started; the text says why."""


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Boot one guest suite and judge it.")
    parser.add_argument("--name", required=True, help="the suite's name, as `./baton test NAME` takes it")
    parser.add_argument("--loader", required=True, type=pathlib.Path,
                        help="PVH ELF file, or BOOTX64.EFI with --boot uefi")
    parser.add_argument("--boot", choices=("pvh", "uefi", "uefi-flash"), default="pvh",
                        help="uefi-flash: firmware on two pflash chips, as on a user's machine")
    parser.add_argument("--volume", type=pathlib.Path,
                        help="boot volume; what the next three name is put on it, or makes one")
    parser.add_argument("--kernel", type=pathlib.Path)
    parser.add_argument("--init", type=pathlib.Path)
    parser.add_argument("--file", action="append", default=[], metavar="NAME=PATH", help="one more file on the volume")
    parser.add_argument("--realm", action="append", metavar="NAME[=IMAGE]",
                        help="a server of a realm (realm.py); with --usual and --suite")
    parser.add_argument("--usual", type=pathlib.Path, help="the usual manifest, for a realm's servers")
    parser.add_argument("--suite", type=pathlib.Path, help="the program that stands for all others in a realm")
    parser.add_argument("--case", default=os.environ.get("BATON_CASE"), help="of a realm's suite, the one to run")
    parser.add_argument("--start-limit", type=int, metavar="TICKS",
                        help="of a realm, from the kernel's entry to the first case")
    parser.add_argument("--kernel-symbols", type=pathlib.Path,
                        help="ELF file for kernel addresses, if not the volume's")
    parser.add_argument("--user-symbols", type=pathlib.Path,
                        help="ELF file for user addresses, if not the volume's init")
    parser.add_argument("--append", default="", help="more words for the kernel's command line")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BATON_SEED", "1")))
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("-m", "--memory", type=int, default=128, metavar="MIB")
    parser.add_argument("--timeout", type=float, default=DEFAULT_SECONDS, metavar="SECONDS")
    parser.add_argument("--icount", type=int, metavar="SHIFT",
                        help="deterministic virtual time, 2^SHIFT ns an instruction")
    parser.add_argument("--bench", action="store_true",
                        help="count instructions: icount shift 0, one CPU, no fast strings")
    parser.add_argument("--no-exceptions", action="store_true",
                        help="do not log each exception (for suites with very many)")
    parser.add_argument("--gdb", action="store_true",
                        help="stop before the first instruction and wait for gdb, without a time limit")
    parser.add_argument("--output", type=pathlib.Path, help="folder for logs; default run/NAME")
    parser.add_argument("qemu", nargs="*", metavar="-- QEMU-ARGUMENT")
    return parser.parse_args(arguments)


def compose_volume(options: argparse.Namespace, folder: pathlib.Path) -> pathlib.Path | None:
    """The volume to boot: the given one with kernel, init and files added, or one made from these alone, or None."""
    files = [(KERNEL_NAME, options.kernel), (INIT_NAME, options.init)]
    files += [volume.parse_member(word) for word in options.file]
    added = [(name, path.read_bytes()) for name, path in files if path is not None]
    if options.realm is not None:
        arguments = [f"case={options.case}"] if options.case else []
        arguments += [f"limit={options.start_limit}"] if options.start_limit else []
        text = realm.manifest(options.usual.read_text(), options.realm, arguments)
        # what init looks for comes first
        added = [(MANIFEST_NAME, text.encode()), (realm.IMAGE, options.suite.read_bytes()), *reversed(added)]
    if options.volume is not None and not added:
        return pathlib.Path(options.volume)
    members = volume.read(options.volume) if options.volume is not None else []
    for name, data in added:
        members = volume.replace(members, name, data)
    if not members:
        return None
    composed = folder / "boot.tar"
    composed.write_bytes(volume.build(members))
    return composed


def find_symbols(options: argparse.Namespace, archive: pathlib.Path | None, folder: pathlib.Path) -> Symbols:
    """The ELF files in which to look up addresses: the given ones, else the kernel and init of the volume."""
    found = {KERNEL_NAME: options.kernel_symbols or options.kernel,
             INIT_NAME: options.user_symbols or options.suite or options.init}
    if archive is not None:
        with tarfile.open(archive) as members:
            for name in [name for name, path in found.items() if path is None and name in members.getnames()]:
                stream = members.extractfile(name)
                if stream is not None:
                    found[name] = folder / pathlib.PurePath(name).name
                    found[name].write_bytes(stream.read())
    return Symbols(found[KERNEL_NAME], found[INIT_NAME])


def make_machine(options: argparse.Namespace, archive: pathlib.Path | None, folder: pathlib.Path,
                 output: pathlib.Path) -> Machine:
    """The machine this suite asks for."""
    command = f"debug_exit=0xf4 seed={options.seed} {options.append}".strip()
    boot: DirectBoot | FirmwareBoot
    if options.boot == "pvh":
        boot = DirectBoot(options.loader, archive, command)
    else:
        found = firmware.find(flash_first=options.boot == "uefi-flash")
        if found is None:
            raise SuiteError("no UEFI firmware found; ./baton doctor says what to install")
        files = {disk.LOADER_PATH: options.loader.read_bytes(), disk.COMMAND_PATH: command.encode() + b"\n"}
        if archive is not None:
            files[disk.VOLUME_PATH] = archive.read_bytes()
        image = folder / "disk.img"
        disk.write_image(image, files)
        boot = FirmwareBoot(found, image)
    return Machine(boot=boot, folder=folder, smp=1 if options.bench else options.smp, memory_mib=options.memory,
                   cpu=BENCH_CPU if options.bench else "max", icount_shift=0 if options.bench else options.icount,
                   seed=options.seed, log_interrupts=not options.no_exceptions and not options.bench,
                   console_file=output / "console.txt", log_file=output / "kernel.log", extra=tuple(options.qemu))


def say(line: str) -> None:
    print(line, flush=True)


def named(line: str, symbols: Symbols | None) -> str:
    """A line of a suite; if it has the address of a fault, with the function and line there."""
    found = RIP.match(line)
    return f"{line} ({symbols.name(int(found[1], 16))})" if found is not None and symbols is not None else line


def watch(guest: Guest, judge: tap.Judge, seconds: float, threads: Watch | None = None,
          symbols: Symbols | None = None) -> None:
    """Carry the guest's TAP to standard output until the machine ends or its time is over; shortly before
    that, sample the threads."""
    while guest.end is None:
        for channel, data in guest.pump(PUMP_SECONDS):
            if channel == "tap":
                for line in judge.feed(data):
                    say(named(line, symbols))
        elapsed = time.monotonic() - guest.started
        if guest.end is None and elapsed > seconds:
            guest.stop(Cause.TIMEOUT)
        elif threads is not None and elapsed > seconds - WATCHED_SECONDS:
            threads.poll()
    for channel, data in guest.drain():
        if channel == "tap":
            for line in judge.feed(data):
                say(named(line, symbols))


def reproduce_line(options: argparse.Namespace) -> str:
    case = f" --case {options.case}" if options.case else ""
    return f"reproduce: ./baton test --seed {options.seed} {options.name}{case}"


def judge_run(options: argparse.Namespace, guest: Guest, judge: tap.Judge, symbols: Symbols,
              images: faults.Images, threads: Watch) -> tuple[list[str], list[str]]:
    """What is wrong (empty: nothing), and the lines that explain it."""
    assert guest.end is not None
    evidence = report.gather(guest)
    problems: list[str] = []
    explanation: list[str] = []
    end_problem = verdict.judge_end(guest.end, evidence, options.timeout, guest.errors())
    if end_problem is not None:
        problems.append(end_problem.text)
        if not end_problem.is_told:
            hangs = end_problem.kind is verdict.Kind.HANG
            log, server = evidence.log.text, images.process_server()
            evidence = dataclasses.replace(evidence, programs=threads.programs(log, server))
            explanation += report.write(evidence, symbols, images, threads.lines(log, server) if hangs else ())
    elif evidence.log.power_off_status:
        problems.append(f"status {evidence.log.power_off_status} at power-off, 0 is wanted")
    problems += judge.finish()
    if problems:
        told = faults.last_reports(evidence.log.text, images)
        explanation += ["last faults of programs:", *("  " + line for line in told)] if told else []
        explanation += ["kernel log, last lines:", *("  " + line for line in evidence.log.tail())]
        console = guest.machine.console_file
        text = console.read_text(errors="replace").strip() if console and console.exists() else ""
        if text:
            explanation += ["console, last lines:", *("  " + line for line in text.splitlines()[-CONSOLE_TAIL_LINES:])]
    return problems, explanation


def run_suite(options: argparse.Namespace) -> int:
    """Run the suite described by `options` in a folder of its own; the process's exit code."""
    with claims.first_free(options.output or pathlib.Path("run") / options.name.replace("/", "-")) as lock:
        output = lock.path.with_suffix("")
        output.mkdir(exist_ok=True)
        return run_machine(options, output)


def run_machine(options: argparse.Namespace, output: pathlib.Path) -> int:
    """Run the machine, and judge it. Logs go to `output`, which no other run uses."""
    judge = tap.Judge()
    with private_places() as places:
        archive = compose_volume(options, places.files)
        symbols = find_symbols(options, archive, places.files)
        machine = dataclasses.replace(make_machine(options, archive, places.files, output), sockets=places.sockets,
                                      gdb_socket=places.sockets / "gdb" if options.gdb else None)
        with Guest(machine) as guest:
            if machine.gdb_socket is not None and symbols.kernel is not None:
                program = realm.IMAGE if options.realm else INIT_NAME if archive is not None else None
                function = (options.case or FIRST_OF_CASES) if options.realm else None
                line = session.write(output, symbols.kernel, pathlib.Path.cwd(), archive, machine.gdb_socket, program,
                                     function)
                print(f"waiting for gdb; in another terminal, type: {line}", file=sys.stderr, flush=True)
            threads = Watch(machine.memory_file, output / "kernel.log", symbols.kernel)
            watch(guest, judge, math.inf if options.gdb else options.timeout, threads, symbols)
            problems, explanation = judge_run(options, guest, judge, symbols, faults.Images(archive, places.files),
                                              threads)
    if not problems:
        return 0
    lines = [f"FAIL {options.name}: {problem}" for problem in problems] + explanation
    lines += [f"logs: {output.resolve()}", reproduce_line(options)]
    (output / "report.txt").write_text("\n".join(lines) + "\n")
    for line in lines:
        say(f"# {line}")
    say(f"Bail out! {problems[0]}")
    return 1


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    # so that QEMU and the folder are cleaned up
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    family.die_with_parent(signal.SIGTERM)  # the parent is Meson, which may be killed
    say("TAP version 13")
    try:
        return run_suite(options)
    except (SuiteError, realm.RealmError, volume.VolumeError, disk.DiskError, OSError) as error:
        say(f"# FAIL {options.name}: cannot run the suite: {error}")
        say(f"# {reproduce_line(options)}")
        say(f"Bail out! cannot run the suite: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
