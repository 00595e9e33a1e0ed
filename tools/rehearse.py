#!/usr/bin/env python3
"""Owns what CI runs: README's commands in a fresh Debian root, and further parts that a change must not break.

    rehearse.py [PART ...]     parts: bench extras visitor clangs; without a name, all of them

Each part begins with a fresh root, in which README's two commands run. It needs Debian, root's rights and mmdebstrap.
The last line is `N passed, N failed`, summed over all runs. The exit status is 0 only when nothing failed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile

from fresh.recipe import RecipeError
from fresh.rehearsal import Rehearsal

PARTS = ("bench", "extras", "visitor", "clangs")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="README's commands in a fresh Debian root, and the rest of CI.")
    # []: argparse checks the default, too, when no part is named
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []],
                        help="which parts; all if none is named")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("rehearse.py: making and entering a root needs root's rights", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    with tempfile.TemporaryDirectory(prefix="baton-rehearsal-", dir="/var/tmp") as place:
        try:
            rehearsal = Rehearsal(pathlib.Path(place))
        except RecipeError as error:
            print(f"rehearse.py: {error}", file=sys.stderr)
            print("0 passed, 1 failed")
            return 1
        rehearsal.run(options.parts or PARTS)
    print(f"\n{rehearsal.totals.line()}", flush=True)
    return 0 if rehearsal.totals.failed == 0 and rehearsal.totals.passed > 0 else 1


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main(sys.argv[1:]))
