#!/usr/bin/env python3
"""Owns the manifest of the suite `restart`: that of a suite in the usual system, with the servers of suite.h.

    manifest.py INPUT OUTPUT
"""

import json
import pathlib
import sys

# As in suite.h. A server's manifest members besides its name, image and capabilities.
SERVERS = {
    "mortal": {"restart": {"limit": 1000000}},
    "slow": {"restart": {"limit": 1000}, "heartbeat_ms": 200, "priority": 1},
    "steady": {"restart": {"limit": 3, "window_ms": 200}},
    "brittle": {"restart": {"limit": 3, "window_ms": 60000, "backoff_ms": 100}},
}
KEEP_PAGES = 16
WITHOUT_RESTART = "console"


def server(name: str, members: dict[str, object]) -> dict[str, object]:
    return {"name": name, "image": "bin/mortal", "priority": 28, "keep": KEEP_PAGES, **members, "capabilities": {
        "serve": {"endpoint": name, "right": "own"},
        "table": {"self": "table"},
        "events": {"notification": name, "right": "own", "bind": True}}}


def main(arguments: list[str]) -> int:
    source, target = (pathlib.Path(argument) for argument in arguments)
    manifest = json.loads(source.read_text())
    for program in manifest["programs"]:
        if program["name"] == WITHOUT_RESTART:
            del program["restart"], program["heartbeat_ms"]
        if program["name"] == "process":
            program["arguments"] += SERVERS
            program["capabilities"] |= {name: {"endpoint": name, "right": "issue"} for name in SERVERS}
    manifest["programs"] = [server(name, members) for name, members in SERVERS.items()] + manifest["programs"]
    target.write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
