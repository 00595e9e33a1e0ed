#!/usr/bin/env python3
"""Owns the manifest of the suite of storms: that of a suite in the usual system, with servers that have the hook.

    manifest.py INPUT OUTPUT
"""

import json
import pathlib
import sys

RULES = {"restart": {"limit": 1000000}, "heartbeat_ms": 100}


def main(arguments: list[str]) -> int:
    source, target = (pathlib.Path(argument) for argument in arguments)
    manifest = json.loads(source.read_text())
    for program in manifest["programs"]:
        if "keep" in program:
            program |= RULES | {"image": f"test/storm/{program['name']}", "keep": program["keep"] + 1}  # the hook's
    target.write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
