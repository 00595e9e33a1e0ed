"""Owns the phases of a boot, from the kernel's first instruction to the prompt, and the instructions of each.

A phase begins when a function is executed, mostly for the first time (counter.c, `stop`), so the booted system needs no
marks. The functions of the kernel and of init are named here; each server's phase begins with its first instruction.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

from host import bench_run
from host.bench_rows import figure
from host.counts import ROW, Group
from host.images import Image, Images
from host.say import UserError

START, BUILD = "_start", "child_build"
MANIFEST = "etc/manifest.json="
# The counter's name of a place -> what is done from there on, the first time and later. A page may have two hashes
# (images.py), so a phase may have two places, of which one is executed.
Begins = dict[str, list[str]]
PHASES = (  # program, function, what is done from there on
    ("kernel", "kernel_start", "kernel: what the boot loader told"),
    ("kernel", "arch_log_init", "kernel: clock, ports, ACPI"),
    ("kernel", "boot_memory_init", "kernel: its own page tables"),
    ("kernel", "cpu_init", "kernel: this CPU"),
    ("kernel", "apic_init", "kernel: interrupt controllers, other CPUs"),
    ("kernel", "ledger_init", "kernel: ledger of frames"),
    ("kernel", "pool_make", "kernel: the first program"),
    ("init", START, "init: volume, resources"),
    ("init", "manifest_parse", "init: manifest"),
    ("init", BUILD, "init: build {}"),  # for each server
    ("init", "child_start", "init: start the servers"),
)
FIRST_SERVER = "init", START  # the row boot_first_server ends here
LAST = "process_bench"  # runs in the shell's place; its phase prints the prompt


@dataclasses.dataclass(frozen=True)
class Phase:
    name: str
    group: Group


def servers(command: list[str]) -> list[str]:
    """The servers that init builds, in its order: the manifest's, but the server that gets all
    remaining memory comes last."""
    (file,) = [word.removeprefix(MANIFEST) for word in command if word.startswith(MANIFEST)]
    programs = json.loads(pathlib.Path(file).read_text())["programs"]
    return [str(program["name"]) for program in sorted(programs, key=lambda program: '"rest"' in json.dumps(program))]


def stops(images: Images, built: list[str]) -> Begins:
    """Each phase by where it begins. built: servers()."""
    named = {image.name: image for image in images.all}
    phases = [*PHASES, *((name, START, f"{name}: starts") for name in named if name not in ("kernel", "init"))]
    found: Begins = {}
    for program, function, words in phases:
        if program not in named or function not in named[program].names:
            raise UserError(f"bench boot: there is no function {function} in {program}, where a phase begins")
        image = named[program]
        address = image.entry if function == START else image.address(function)
        for page in image.pages_of(address):
            found[f"{address:016x}:{page:016x}"] = [words.format(name)
                                                    for name in (built if function == BUILD else [program])]
    return found


def counter_words(begins: Begins) -> tuple[str, ...]:
    return tuple(f"{place}:{len(words)}" for place, words in begins.items())


def phases(groups: list[Group], begins: Begins) -> list[Phase]:
    """The phases in the order in which they ran. A group ends where the next phase begins; the first is
    what ran before the kernel.

    Raises UserError if a phase is missing.
    """
    found = []
    left = {place: iter(words) for place, words in begins.items()}
    name = ""
    for group in groups:
        if name:
            found.append(Phase(name, group))
        if group.end == ROW:
            break
        name = next(left[group.end.partition(" ")[2]])
    missing = {words for all_words in begins.values() for words in all_words} - {part.name for part in found}
    if missing:
        raise UserError(f"bench boot: these phases did not come: {', '.join(sorted(missing))}")
    return found


def total(parts: list[Phase], images: Images) -> int:
    return sum(sum(times.values()) for part in parts for image, times in part.group.by_image(images).items() if image)


def table(parts: list[Phase], images: Images, targets: dict[str, float]) -> list[str]:
    """A line for each phase: its instructions, the sum up to its end, the programs that ran."""
    first_server = next(words for program, function, words in PHASES if (program, function) == FIRST_SERVER)
    lines = [f"{'instructions':>12} {'in all':>10}  phase"]
    sums = 0
    for part in parts:
        if part.name == first_server:
            lines.append(against("boot_first_server", sums, targets))
        by_size = sorted(((sum(times.values()), image) for image, times in part.group.by_image(images).items()
                          if image),
                         key=lambda item: -item[0])
        here = sum(times for times, _ in by_size)
        sums += here
        who = ", ".join(f"{image.name} {figure(times)}" for times, image in by_size)
        lines.append(f"{figure(here):>12} {figure(sums):>10}  {part.name} ({who})")
    return [*lines, against("boot_to_prompt", sums, targets)]


def against(name: str, sums: int, targets: dict[str, float]) -> str:
    verdict = "met" if sums <= targets[name] else "MISSED"
    return f"{'':12} {figure(sums):>10}  = {name}, target {figure(targets[name])}: {verdict}"


def measure() -> tuple[list[Phase], Images]:
    """Run the bench whose first row is the boot."""
    bench = next((bench for bench in bench_run.benches() if any(word.endswith(f"/{LAST}") for word in bench.command)),
                 None)
    if bench is None or not bench_run.counter_loads(bench.counter):
        raise UserError("bench boot: it needs the bench of processes and a QEMU that loads the counter")
    begins = stops(bench.images, servers(bench.command))
    return phases(bench_run.run(bench, stops=counter_words(begins)).groups, begins), bench.images
