"""Adds names to reports on faults of programs: function, file and line for each address in the kernel's log.

libsys/maker/fault.c writes a report to the log, on behalf of init (for servers) and of the process server
(servers/process/ending/report.c). The report names the images, what happened and where, the callers, and for a process
the mappings around the address:

    1.234560 INFO user: process 7 (crash): image 0123... at 0x0000000000200000 to 0x0000000000204000, moved by 0x0
    1.234567 INFO user: process 7 (crash): page fault: write at 0x0000000000000010 (nothing is mapped there), rip 0x...
    1.234570 INFO user: process 7 (crash): callers 1 to 2: 0x0000000000201250 0x0000000000200100
    1.234572 INFO user: process 7 (crash): next above: 0x0000000000200000 to 0x0000000000202000, r--, file

The word after `image` is its build id, or `-`. An image is looked up only by its build id, on the boot volume and then
in the build folder. The program's name is no proof of its image (`--with pipes=ls`, a copy in /tmp, another build), and
wrong names are worse than none.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
import struct
import time

import volume
from evidence import pagewalk
from evidence.pagewalk import PAGE_BYTES, PhysicalMemory
from evidence.symbols import Symbols
from evidence.threads import Watch

WHO = r"\buser: (?P<who>process \d+ \((?P<process>[^)]*)\)(?:, thread \d+)?|(?P<server>[\w-]+)): "
FAULT = re.compile(WHO + r"(?P<what>.+), rip 0x(?P<rip>[0-9a-f]{16})$")
WORDS = re.compile(WHO + r"(?P<words>.+)$")
END = re.compile(WHO + r"(?P<what>main returned -?\d+)$")
IMAGE = re.compile(WHO + r"image (?P<id>[0-9a-f]+|-) at 0x(?P<start>[0-9a-f]+) to 0x(?P<end>[0-9a-f]+), moved by "
                         r"0x(?P<base>[0-9a-f]+)$")
MAPPING = re.compile(WHO + r"(?P<mapping>(?P<place>mapped there|next below|next above): .+)$")
CALLERS = re.compile(WHO + r"callers (?P<first>\d+) to \d+:(?P<addresses>(?: 0x[0-9a-f]{16})+)$")
STATE = re.compile(WHO + r"(?:walk of \d+ levels:|rax|rbp|r12) 0x")  # more of a fault's report
PROCESS_SERVER = "bin/process"
ELF_MAGIC = b"\x7fELF"
ELF_HEADER = struct.Struct("<16xH14xQ14xHH")  # type, offset, size and count of the program headers
PROGRAM_HEADER = struct.Struct("<IIQQ8xQQ8x")  # type, flags, offset, address, sizes in file and memory
NOTE_HEADER = struct.Struct("<III")  # sizes of name and content, type
PT_LOAD, PT_NOTE, PF_X = 1, 4, 1
GNU_BUILD_ID = 3
TYPE_MOVABLE = 3
TYPES_LOADED = (2, TYPE_MOVABLE)  # 2: at fixed addresses
# at most between two lines of one report, on a busy host; init's reports have no recognisable last line
PART_SECONDS = 0.5
REPORTS_SHOWN = 3  # when a log is read after its end
HEADER_BYTES = 4096  # of a file that may be an image; headers and notes are within them
OBJECT_SUFFIXES = {".o", ".a", ".d", ".py", ".json", ".txt", ".log"}


def program_headers(data: bytes) -> list[tuple[int, int, int, int, int, int]]:
    """The program headers within `data`, the first bytes of an ELF file."""
    _, offset, size, count = ELF_HEADER.unpack_from(data)
    return [PROGRAM_HEADER.unpack_from(data, at) for at in range(offset, offset + count * size, size or 1)
            if at + PROGRAM_HEADER.size <= len(data)]


def code_ranges(data: bytes) -> list[range]:
    """Where an ELF file has code."""
    return [range(address, address + length) for kind, flags, _, address, _, length in program_headers(data)
            if kind == PT_LOAD and flags & PF_X]


def is_image(data: bytes) -> bool:
    """Are these the first bytes of an ELF file that can be executed?"""
    return (data.startswith(ELF_MAGIC) and len(data) >= ELF_HEADER.size
            and ELF_HEADER.unpack_from(data)[0] in TYPES_LOADED)


def build_id(data: bytes) -> str | None:
    """The build id in the first bytes of an ELF file, as hexadecimal digits."""
    if not is_image(data):
        return None
    for kind, _, at, _, length, _ in program_headers(data):
        end = min(at + length, len(data))
        while kind == PT_NOTE and at + NOTE_HEADER.size <= end:
            name_bytes, content_bytes, note = NOTE_HEADER.unpack_from(data, at)
            content = at + NOTE_HEADER.size + (name_bytes + 3) // 4 * 4
            if (note == GNU_BUILD_ID and data[at + NOTE_HEADER.size :].startswith(b"GNU\0")
                    and content + content_bytes <= end):
                return data[content : content + content_bytes].hex()
            at = content + (content_bytes + 3) // 4 * 4
    return None


@dataclasses.dataclass
class Image:
    """An ELF file: in the build folder, or taken out of the volume."""

    path: pathlib.Path
    name: str  # on the volume, or in the build folder
    code: list[range]  # for debug information may also name addresses that the linker discarded

    def place(self, address: int, base: int, is_return: bool) -> str | None:
        """`function at file:line` of an address, when the image was moved by `base`; None if the
        address is not in its code."""
        if not any(address - base in part for part in self.code):
            return None
        name = Symbols(user=self.path).name(address - base, is_return)
        return None if name.startswith("(not in") else name


@dataclasses.dataclass(frozen=True)
class Loaded:
    """An image in a process, as its report says."""

    build_id: str | None
    where: range
    base: int  # how far its addresses were moved


def moved_by(data: bytes, code: bytes, address: int) -> list[int]:
    """How far this image may have been moved, if the page around `address` holds `code`."""
    page, found = address & ~(PAGE_BYTES - 1), []
    for kind, flags, offset, start, length, _ in program_headers(data) if is_image(data) else ():
        is_code = kind == PT_LOAD and flags & PF_X and offset + length <= len(data)
        for at in range(start & ~(PAGE_BYTES - 1), start + length, PAGE_BYTES) if is_code else ():
            base, low, high = page - at, max(start, at), min(start + length, at + PAGE_BYTES)
            is_same = code[low - at : high - at] == data[offset + low - start : offset + high - start]
            if is_same and low <= address - base < high and (base == 0
                                                             or ELF_HEADER.unpack_from(data)[0] == TYPE_MOVABLE):
                found.append(base)
    return found


class Images:
    """The programs on a volume and in a build folder, by the build ids that reports have."""

    def __init__(self, archive: pathlib.Path | None, folder: pathlib.Path, built: pathlib.Path | None = None) -> None:
        self.archive = archive
        self.folder = folder  # private, for files extracted from the archive
        self.built = built

    @functools.cached_property
    def members(self) -> volume.Members:
        members = volume.read(self.archive) if self.archive is not None else []
        return [member for member in members if member[1].startswith(ELF_MAGIC)]

    @functools.cached_property
    def built_ids(self) -> dict[str, pathlib.Path]:
        """The images of the build folder."""
        found = {}
        for path in sorted(self.built.rglob("*")) if self.built is not None else []:
            if path.suffix not in OBJECT_SUFFIXES and path.is_file():
                with path.open("rb") as file:
                    name = build_id(file.read(HEADER_BYTES))
                if name is not None:
                    found[name] = path
        return found

    @functools.cache
    def process_server(self) -> pathlib.Path | None:
        """The usual process server, whose records name the processes; None: it is not on the volume."""
        data = dict(self.members).get(PROCESS_SERVER)
        return self.take_out(PROCESS_SERVER, data).path if data is not None else None

    @functools.cache
    def with_id(self, wanted: str) -> Image | None:
        """The image with this build id; None: there is none."""
        for name, data in self.members:
            if build_id(data[:HEADER_BYTES]) == wanted:
                return self.take_out(name, data)
        path = self.built_ids.get(wanted)
        return None if path is None else Image(path, path.name, code_ranges(path.read_bytes()[:HEADER_BYTES]))

    def executed(self, memory: PhysicalMemory, root: int, address: int) -> tuple[Image, int] | None:
        """The image on the volume whose code lies in memory at `address`, and how far it was moved. None: nothing is
        mapped there, or more than one image fits."""
        physical = pagewalk.walk(memory, root, address & ~(PAGE_BYTES - 1)).physical
        code = memory.read(physical, PAGE_BYTES) if physical is not None else None
        found = {(data, base): name for name, data in self.members if code for base in moved_by(data, code, address)}
        if len(found) != 1:
            return None
        ((data, base), name), = found.items()
        return self.take_out(name, data), base

    def take_out(self, name: str, data: bytes) -> Image:
        path = self.folder / name.replace("/", "-")
        path.write_bytes(data)
        return Image(path, name, code_ranges(data))

    def place(self, name: str, loaded: list[Loaded], address: int, is_return: bool = False) -> str:
        """Where an address of the program called `name` is, in words."""
        part = next((part for part in loaded if address in part.where), None)
        if part is None:
            return f"(not in the code of {name})"
        if part.build_id is None:
            return "(no name: the image has no build id)"
        image = self.with_id(part.build_id)
        if image is None:
            return f"(build id {part.build_id}: no image on the volume or in the build folder has it)"
        return image.place(address, part.base, is_return) or f"(not in the code of {name})"


class Explainer:
    """Adds names to a log, line by line."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self.loaded: dict[str, list[Loaded]] = {}  # by the process or server
        self.words: dict[str, str] = {}  # the last words of each server
        self.told: set[str] = set()  # whose fault was reported; later lines about images belong to their next report

    def note_image(self, who: str, image: Loaded) -> None:
        if who in self.told:
            self.told.discard(who)
            self.loaded[who] = []
        self.loaded.setdefault(who, []).append(image)

    def explain(self, line: str) -> list[str]:
        """The lines with names for a line of the kernel's log that is about a fault; nothing for other lines."""
        if (found := IMAGE.search(line)) is not None:
            start, end, base = (int(found[word], 16) for word in ("start", "end", "base"))
            self.note_image(found["who"], Loaded(None if found["id"] == "-" else found["id"], range(start, end), base))
            return []
        if (found := MAPPING.search(line)) is not None:
            return [f"  {found['mapping']}"]
        if (found := END.search(line)) is not None:
            self.told.add(found["who"])
            words = self.words.pop(found["who"], None)
            last = f"; its last words: {words}" if words is not None else ""
            return [f"{found['who']}: {found['what']}{last}", *self.strange_images(found)]
        if (found := FAULT.search(line)) is not None:
            self.told.add(found["who"])
            self.words.pop(found["who"], None)  # the next program's end has other last words
            address = int(found["rip"], 16)
            return [f"{found['who']}: {found['what']}", *self.strange_images(found),
                    f"  #0 0x{address:016x} {self.place(found, address)}"]
        if (found := CALLERS.search(line)) is not None:
            addresses = [int(word, 16) for word in found["addresses"].split()]
            return [f"  #{number} 0x{address:016x} {self.place(found, address, is_return=True)}"
                    for number, address in enumerate(addresses, int(found["first"]))]
        if STATE.search(line) is None and (found := WORDS.search(line)) is not None:
            self.words[found["who"]] = found["words"]
        return []

    def strange_images(self, found: re.Match[str]) -> list[str]:
        """The images that differ from the program's name: another image runs in a server's place, or a copy of a
        program."""
        images = [self.images.with_id(part.build_id) for part in self.loaded.get(found["who"], [])
                  if part.build_id is not None]
        name = found["process"] or found["server"]
        return [f"  image: {image.name}" for image in images
                if image is not None and image.name.rpartition("/")[2] != name]

    def place(self, found: re.Match[str], address: int, is_return: bool = False) -> str:
        name = found["process"] or found["server"]
        return self.images.place(name, self.loaded.get(found["who"], []), address, is_return)


def last_reports(text: str, images: Images) -> list[str]:
    """The last reports of a whole log, with names. Earlier ones are left out: they may be many, and
    each look-up takes time."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if FAULT.search(line) or END.search(line)]
    first = starts[-REPORTS_SHOWN:][0] if starts else 0
    explainer = Explainer(images)
    for line in lines[:first]:
        if IMAGE.search(line) is not None:
            explainer.explain(line)
        elif (found := FAULT.search(line) or END.search(line)) is not None:
            explainer.told.add(found["who"])
    return [told for line in lines[first:] for told in explainer.explain(line)]


class FaultReports:
    """Reads the log as it grows."""

    def __init__(self, log: pathlib.Path, images: Images, watch: Watch | None = None) -> None:
        self.log = log
        self.images = images
        self.watch = watch  # of the threads; it is polled whenever the log is read
        self.explainer = Explainer(images)
        self.offset = 0
        self.pending = b""
        self.lines: list[str] = []  # complete lines that were not explained yet
        self.who: str | None = None  # the program whose report has begun
        self.continued = 0.0  # when its last line came

    def read(self) -> None:
        """Take the whole lines that have come."""
        if self.watch is not None:
            self.watch.poll()
        try:
            with self.log.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:  # QEMU has not made it yet
            return
        self.offset += len(data)
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self.take(line.decode(errors="replace").rstrip("\r"))

    def take(self, line: str) -> None:
        """Keep a line, and note whether it ends the current report."""
        self.lines.append(line)
        if (found := FAULT.search(line)) is not None:
            self.who, self.continued = found["who"], time.monotonic()
        elif (found := WORDS.search(line)) is not None and found["who"] == self.who:
            mapping = MAPPING.search(line)
            self.who = None if mapping is not None and mapping["place"] != "next below" else self.who
            self.continued = time.monotonic()

    def tell(self) -> list[str]:
        """The explanations for the lines taken since the last call."""
        taken, self.lines = self.lines, []
        return [text for line in taken for text in self.explainer.explain(line)]

    def is_inside(self) -> bool:
        """Is more of a report about to come?"""
        return self.who is not None and time.monotonic() - self.continued < PART_SECONDS

    def programs(self, log: str) -> dict[int, str]:
        """The program of each CR3."""
        return self.watch.programs(log, self.images.process_server()) if self.watch is not None else {}

    def threads(self, log: str) -> list[str]:
        """The part on threads in the report on a machine that hangs."""
        return self.watch.lines(log, self.images.process_server()) if self.watch is not None else []
