"""Owns how gdb is started beside a machine: by a script that names sources, symbols, the booted volume and the
socket."""

from __future__ import annotations

import pathlib

INSIDE = pathlib.Path(__file__).resolve().parent / "inside.py"
SCRIPT = "gdb"


def quoted(path: pathlib.Path) -> str:
    """A path as a Python literal, since each gdb command has its own rules for blanks and quotes."""
    return repr(str(path.resolve()))


def write(folder: pathlib.Path, kernel: pathlib.Path, build: pathlib.Path, volume: pathlib.Path | None,
          socket: pathlib.Path, program: str | None = None, function: str | None = None) -> str:
    """Write the script into `folder`. Returns the line that starts gdb with it. program: whose
    symbols to load at once. function: go on to the first line of this one."""
    script = folder.resolve() / SCRIPT
    found = f"pathlib.Path({quoted(volume)})" if volume is not None else "None"
    script.write_text(f"""\
python
import pathlib, sys
sys.dont_write_bytecode = True
sys.path.insert(0, {quoted(INSIDE.parent)})
import inside
inside.begin(kernel={quoted(kernel)}, build={quoted(build)}, volume={found}, socket={quoted(socket)},
             program={program!r}, function={function!r})
end
""")
    return f"gdb -x {script}"
