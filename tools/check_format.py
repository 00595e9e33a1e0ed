#!/usr/bin/env python3
"""Owns the check that all C is formatted as .clang-format says. TAP: one line a file that is not, then the verdict.

    check_format.py          check it
    check_format.py --fix    format it
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

from documents.tree import FOLDERS

ROOT = pathlib.Path(__file__).resolve().parents[1]
FORMATTER = "clang-format"


def sources() -> list[str]:
    """The C files of the project."""
    return [str(path.relative_to(ROOT)) for folder in FOLDERS for kind in ("*.c", "*.h")
            for path in sorted((ROOT / folder).rglob(kind))]


def unformatted(names: list[str]) -> list[str]:
    """The files that would be changed: the tool names the place of each change."""
    done = subprocess.run([FORMATTER, "--dry-run", "--style=file", *names], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    return sorted({line.split(":")[0] for line in done.stderr.splitlines() if "[-Wclang-format-violations]" in line})


def main() -> int:
    print("TAP version 13\n1..1")
    if shutil.which(FORMATTER) is None:
        print(f"ok 1 - format # SKIP {FORMATTER} is not installed")
        return 0
    names = sources()
    if "--fix" in sys.argv[1:]:
        subprocess.run([FORMATTER, "-i", "--style=file", *names], cwd=ROOT, check=True)
    wrong = unformatted(names)
    for name in wrong:
        print(f"# not formatted: {name} (tools/check_format.py --fix does it)")
    print(f"{'not ok' if wrong else 'ok'} 1 - format of {len(names)} files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
