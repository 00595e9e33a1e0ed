#!/usr/bin/env python3
"""Owns the manifest of the suite of crowds: that of a suite in the usual system, with servers that come back always.

    manifest.py INPUT OUTPUT

The process server has the hook of test/storm.
"""

import json
import pathlib
import sys


def main(arguments: list[str]) -> int:
    source, target = (pathlib.Path(argument) for argument in arguments)
    manifest = json.loads(source.read_text())
    for program in manifest["programs"]:
        program["restart"] = {"limit": 1000000}
        if program["name"] == "process":
            program["keep"] += 1  # the hook's
    target.write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
