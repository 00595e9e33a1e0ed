"""The kernel's log as the system's programs see it: only with the capability for it."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

import volume
from host import paths
from machine import BUILT, ROOT, command

MANIFEST = "etc/manifest.json"


def boot(commands: str, change: Callable[[dict[str, Any]], None], last: str | None = None,
         emulator: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """
    Boot a machine with this change to the manifest's entry `process`. Returns its output, and the lines on the log's
    port. With `last`, the machine is ended once it has printed that line.
    """
    built = pathlib.Path(BUILT)
    manifest = json.loads((ROOT / "servers/init/manifest.json").read_text())
    change(next(program for program in manifest["programs"] if program["name"] == "process"))
    with tempfile.TemporaryDirectory(prefix="baton-log-") as name:
        place = pathlib.Path(name)
        for path in (paths.PVH_LOADER, paths.KERNEL):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).symlink_to(built / path)
        members = volume.replace(volume.read(built / paths.VOLUME), MANIFEST, json.dumps(manifest).encode())
        (place / paths.VOLUME).write_bytes(volume.build(members))
        with subprocess.Popen(command("--boot", "pvh", "--built", name, "-c", commands, *emulator),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as machine:
            assert machine.stdout is not None
            printed = []
            for line in machine.stdout:
                printed.append(line.rstrip())
                if printed[-1] == last:
                    machine.terminate()
        return printed, (place / paths.RUN / "last" / "kernel.log").read_text().splitlines()


def no_change(process: dict[str, Any]) -> None:
    del process


def take_away(process: dict[str, Any]) -> None:
    process["arguments"].remove("log")
    del process["capabilities"]["log"]


def without_badge(process: dict[str, Any]) -> None:
    del process["capabilities"]["log"]["badge"]


def log_as_init(process: dict[str, Any]) -> None:
    process["capabilities"]["init"] = process["capabilities"]["log"]


class Log(unittest.TestCase):
    def test_log_from_the_first_line_on(self) -> None:
        """The log matches, word for word, the kernel's output on the machine's port up to that moment."""
        printed, kept = boot("log; echo end", no_change)
        told = printed[: printed.index("end")]
        self.assertIn(" INFO boot: image phys ", told[0])
        for part in ("INFO boot: baton ", "INFO memory: ", "user: init: started console", "user: process: "):
            self.assertTrue(any(part in line for line in told), f"{part}: {told}")
        self.assertEqual(told, kept[: len(told)])

    def test_log_that_has_gone_round(self) -> None:
        """
        Each crash writes some lines. The oldest lines are overwritten, and the rest begins with a whole line. A
        server's writes are rationed, so there are pauses, which pass at once in counted time.
        """
        printed, kept = boot(("crash read 2> /tmp/e\n" * 8 + "sleep 7\n") * 5 + "echo begin; log; echo end", no_change,
                             emulator=("--", "-icount", "shift=7,align=off,sleep=off"))
        lost, *told = printed[printed.index("begin") + 1 : printed.index("end")]
        self.assertNotIn(kept[0], told)
        first = kept.index(told[0])
        before = sum(len(line) + 1 for line in kept[:first])
        self.assertEqual(lost, f"log: {before} bytes before this are not kept any more")
        self.assertEqual(told, kept[first : first + len(told)])
        self.assertTrue(16000 < sum(len(line) + 1 for line in told) < 16384)

    def test_log_of_a_flood(self) -> None:
        """A program that crashes again and again can't push out all other lines: the excess is dropped and counted."""
        _, kept = boot("crash read 2> /tmp/e\n" * 25 + "sleep 2; crash read 2> /tmp/e", no_change)
        self.assertTrue(sum(len(line) + 1 for line in kept) < 16384)
        self.assertTrue(any(re.search(r"INFO user: \([0-9]+ bytes lost\) ", line) for line in kept), kept)

    def test_log_needs_its_capability(self) -> None:
        printed, _ = boot("log; echo $?", take_away)
        self.assertEqual(printed[:2], ["log: no capability `log`: who started this may not read the kernel's log", "1"])

    def test_log_needs_the_badge(self) -> None:
        """A capability for init under the name `log` does not read the log; one for the log does
        not switch the machine off."""
        printed, _ = boot("log; echo $?", without_badge)
        self.assertEqual(printed[:2], ["log: the server has no such operation", "1"])
        printed, _ = boot("poweroff; reboot; echo on; log > /tmp/l && echo told", log_as_init, last="told")
        refused = "the server has no such operation"
        self.assertEqual(printed[:4], [f"poweroff: {refused}", f"reboot: {refused}", "on", "told"])


if __name__ == "__main__":
    unittest.main()
