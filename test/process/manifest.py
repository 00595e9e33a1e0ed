#!/usr/bin/env python3
"""Owns the manifest of suites that run in the usual system: the usual one, with the suite in the shell's place,
and a port for its results.

    manifest.py INPUT OUTPUT PROGRAM [CAPABILITY | NAME=IMAGE ...]

The program does not get these capabilities of the shell's. NAME=IMAGE is one more server of the system, which it gets.
"""

import json
import pathlib
import sys

TAP_PORT = 0xE8


def main(arguments: list[str]) -> int:
    source, target, suite, *changes = arguments
    withheld = [change for change in changes if "=" not in change]
    added = dict(change.split("=") for change in changes if "=" in change)
    manifest = json.loads(pathlib.Path(source).read_text())
    process = next(program for program in manifest["programs"] if program["name"] == "process")
    process["arguments"] = [suite, *(name for name in process["arguments"][1:] if name not in withheld), "tap", *added]
    process["capabilities"]["tap"] = {"ports": [TAP_PORT, 1]}
    for name in withheld:
        del process["capabilities"][name]
    for name, image in added.items():
        serve = {"endpoint": name, "right": "serve"}
        manifest["programs"].insert(0, {"name": name, "image": image, "priority": 28, "capabilities": {"serve": serve}})
        process["capabilities"][name] = {"endpoint": name, "right": "issue"}
    pathlib.Path(target).write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
