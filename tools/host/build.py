"""Owns the two build folders: configure each once, build quietly, show what fails."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

from host import packages, paths
from host.needs import Place
from host.say import UserError, say

CODE_BUILD = 77
PROGRESS = re.compile(r"\[(\d+)/(\d+)\] (.*)")
CHECKS = {paths.BUILD: "true", paths.BUILD_RELEASE: "false"}


def is_configured(folder: pathlib.Path) -> bool:
    return (folder / "build.ninja").exists()


def configure(folder: pathlib.Path) -> None:
    """Set the folder up with Meson unless it is. Raises UserError with Meson's own words."""
    if is_configured(folder):
        return
    say(f"configuring {paths.shown(folder)}")
    command = ["meson", "setup", f"-Dchecks={CHECKS[folder]}", str(folder), str(paths.ROOT)]
    done = subprocess.run(command, cwd=paths.ROOT, env={**os.environ, "CC": "clang"}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise UserError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}".rstrip(), CODE_BUILD)


def ninja() -> str:
    place = Place()
    return place.which("ninja") or place.which("ninja-build") or "ninja"


def compile_folder(folder: pathlib.Path, targets: list[str] | None = None) -> None:
    """Build; progress in one line on a terminal, nothing when there is nothing to do, everything when it fails."""
    lines: list[str] = []
    visible = sys.stderr.isatty()
    steps = 0
    with subprocess.Popen([ninja(), "-C", str(folder), *(targets or [])], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress = PROGRESS.match(line)
            if progress is None:
                lines.append(line)
                continue
            steps += 1
            if visible:
                print(f"\r\x1b[Kbuilding [{progress[1]}/{progress[2]}] {progress[3][:60]}", end="", file=sys.stderr)
    if steps and visible:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if process.returncode != 0:
        raise UserError(f"the build failed:\n{''.join(lines)}".rstrip(), CODE_BUILD)
    if steps and not visible:
        say(f"built {paths.shown(folder)} in {steps} steps")


def ready(folder: pathlib.Path, targets: list[str] | None = None) -> None:
    """Everything needed installed, the folder configured, and all of it or these targets built."""
    packages.ensure(configured=is_configured(folder))
    configure(folder)
    compile_folder(folder, targets)
