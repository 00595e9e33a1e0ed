"""Owns the manifest of a realm: some servers of the usual system, and a suite that stands for everybody else.

A server's entry is that of the usual manifest. The suite can call each endpoint that is served; it serves those that
are only called (mocks), and raises or waits for what is left over of the notifications.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

SUITE = "suite"
IMAGE = "bin/suite"
TAP_PORT = 0xE8
MEMORY_PAGES = 85  # stacks and message pages of its threads (test/realm/clients.c)
SLOTS = 256
POOL_PAGES = 32

Program = dict[str, Any]


class RealmError(Exception):
    """There is no such realm; the text says why."""


def choose(programs: list[Program], words: Iterable[str]) -> list[Program]:
    """The entries of these servers: NAME, or NAME=IMAGE for another program in its place."""
    known = {program["name"]: program for program in programs}
    chosen: dict[str, Program] = {}
    for word in words:
        name, _, image = word.partition("=")
        if name not in known:
            raise RealmError(f"the manifest has no server {name}; it has {', '.join(known)}")
        if name in chosen:
            raise RealmError(f"server {name} is named twice")
        chosen[name] = known[name] | ({"image": image} if image else {})
    return list(chosen.values())


def uses(programs: list[Program], kind: str) -> dict[str, set[str]]:
    """The endpoints, or notifications, that programs have, and with which rights."""
    found: dict[str, set[str]] = {}
    for program in programs:
        for capability in program.get("capabilities", {}).values():
            if kind in capability:
                found.setdefault(capability[kind], set()).add(capability["right"])
    return found


def suite_capabilities(servers: list[Program]) -> dict[str, Any]:
    """What the suite is given."""
    given: dict[str, Any] = {
        "tap": {"ports": [TAP_PORT, 1]}, "init": {"endpoint": "init", "right": "call"},
        "table": {"self": "table"}, "space": {"self": "space"}, "pool": {"self": "pool"},
        "memory": {"memory": MEMORY_PAGES},
    }
    for name, rights in uses(servers, "endpoint").items():
        if name != "init":
            given[name] = {"endpoint": name, "right": "issue" if rights & {"serve", "own"} else "own"}
    for name, rights in uses(servers, "notification").items():
        if not rights & {"wait", "own"}:
            given[f"{name}-events"] = {"notification": name, "right": "own"}
        elif "raise" not in rights and "own" not in rights:
            given[f"{name}-events"] = {"notification": name, "right": "raise"}
    return given


def manifest(usual: str, words: Iterable[str], arguments: list[str]) -> str:
    """The text of a realm's manifest. usual: that of the usual one. arguments: the suite's."""
    servers = choose(json.loads(usual)["programs"], words)
    suite = {"name": SUITE, "image": IMAGE, "arguments": arguments, "vital": True, "slots": SLOTS, "pool": POOL_PAGES,
             "capabilities": suite_capabilities(servers)}
    return json.dumps({"programs": [*servers, suite]}, separators=(",", ":")) + "\n"
