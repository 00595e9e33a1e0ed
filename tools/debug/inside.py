"""Runs within gdb: symbols of the kernel and of one program at a time, and breakpoints that only that program meets.

All programs lie at the same addresses. The command `program NAME` loads the symbols of bin/NAME of the volume that was
booted (or of the volume's NAME). From then on a breakpoint in the user half has a condition: at the place of the
program's build id, the stopped address space must hold that program's.
"""

from __future__ import annotations

import pathlib
import struct
import tarfile
import tempfile

import gdb  # type: ignore[import-not-found]

USER_END = 1 << 47
# type, flags, offset, address, physical, file bytes, memory bytes, alignment
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
PT_NOTE = 4
CONDITION = "$_runs_program()"


class Program:
    """The program whose symbols are loaded: where its note with the build id lies in memory, and the note."""

    def __init__(self, file: pathlib.Path) -> None:
        self.file = file
        self.address, self.note = 0, b""
        data = file.read_bytes()
        (table,) = struct.unpack_from("<Q", data, 0x20)
        size, count = struct.unpack_from("<HH", data, 0x36)
        for number in range(count):
            kind, _, offset, address, _, held, _, _ = PROGRAM_HEADER.unpack_from(data, table + number * size)
            if kind == PT_NOTE:
                self.address, self.note = address, data[offset:offset + held]

    def runs(self) -> bool:
        """Whether the current address space (CR3) is this program's."""
        try:
            found = gdb.selected_inferior().read_memory(self.address, len(self.note))
        except gdb.MemoryError:
            return False
        return bytes(found) == self.note


class Session:
    """The state that the commands share."""

    program: Program | None = None
    volume: pathlib.Path | None = None
    folder = tempfile.TemporaryDirectory(prefix="baton-gdb-")

    @classmethod
    def load(cls, name: str) -> None:
        """Load the symbols of a program of the volume, in place of the previous program's."""
        if cls.volume is None:
            raise gdb.GdbError("this machine has no boot volume")
        with tarfile.open(cls.volume) as archive:
            member = next((path for path in (f"bin/{name}", name) if path in archive.getnames()), None)
            stream = archive.extractfile(member) if member else None
            if stream is None:
                raise gdb.GdbError(f"there is no bin/{name} on the volume")
            data = stream.read()
        if data[:4] != b"\x7fELF":
            raise gdb.GdbError(f"{member} is no program")
        file = pathlib.Path(cls.folder.name) / member.replace("/", "-")
        file.write_bytes(data)
        if cls.program is not None:
            gdb.execute(f"remove-symbol-file '{cls.program.file}'", to_string=True)
        gdb.execute(f"add-symbol-file '{file}'", to_string=True)
        cls.program = Program(file)
        print(f"symbols of {member}; breakpoints in it are met by this program only")


class ProgramCommand(gdb.Command):  # type: ignore[misc]
    """program NAME: load the symbols of a program of the boot volume, in place of the previous program's."""

    def __init__(self) -> None:
        super().__init__("program", gdb.COMMAND_FILES)

    def invoke(self, argument: str, from_tty: bool) -> None:
        if not argument:
            raise gdb.GdbError("program: the name of a program is missing, such as `program console`")
        Session.load(argument)


class RunsProgram(gdb.Function):  # type: ignore[misc]
    """Whether the stopped CPU runs the program whose symbols are loaded."""

    def __init__(self) -> None:
        super().__init__("_runs_program")

    def invoke(self) -> bool:
        return Session.program is not None and Session.program.runs()


def restrict(breakpoint: gdb.Breakpoint) -> None:
    """Restrict a breakpoint in the user half to the loaded program. A pending breakpoint has no address until a program
    is loaded, and the user may change its condition; so this runs when a breakpoint is made and whenever it changes,
    our own change included."""
    asked = breakpoint.condition or ""
    is_users = breakpoint.locations and all(
        place.address is not None and place.address < USER_END for place in breakpoint.locations)
    if is_users and not asked.startswith(CONDITION):
        breakpoint.condition = f"{CONDITION} && ({asked})" if asked else CONDITION


def begin(kernel: str, build: str, volume: pathlib.Path | None, socket: str, program: str | None,
          function: str | None) -> None:
    """Connect to a machine that stands still before its first instruction. function: go on to its first line."""
    Session.volume = volume
    ProgramCommand()
    RunsProgram()
    gdb.events.breakpoint_created.connect(restrict)
    gdb.events.breakpoint_modified.connect(restrict)
    for command in ("set confirm off", "set pagination off", "set architecture i386:x86-64", f"directory '{build}'",
                    f"file '{kernel}'", f"target remote {socket}"):
        gdb.execute(command, to_string=True)
    if program is not None:
        Session.load(program)
    if function is not None:
        gdb.execute(f"break {function}")
        gdb.execute("continue")
        return
    print("the machine stands still; `break sys_ep_call`, or `program console` and `break console_serve_write`, then "
          "`continue`")
