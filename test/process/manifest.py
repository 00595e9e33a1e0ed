#!/usr/bin/env python3
"""Owns the manifest of suites that run in the usual system: the usual one, with the suite in the shell's place, and a port for
its results.

    manifest.py INPUT OUTPUT PROGRAM
"""

import json
import pathlib
import sys

TAP_PORT = 0xE8


def main(arguments: list[str]) -> int:
    manifest = json.loads(pathlib.Path(arguments[0]).read_text())
    process = next(program for program in manifest["programs"] if program["name"] == "process")
    process["arguments"] = [arguments[2], *process["arguments"][1:], "tap"]
    process["capabilities"]["tap"] = {"ports": [TAP_PORT, 1]}
    pathlib.Path(arguments[1]).write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
