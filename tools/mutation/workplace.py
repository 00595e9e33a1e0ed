"""Owns a copy of the sources with a build folder of its own, where mutants are applied, built and taken back.

The copy stays between runs, and only files that differ are written, so that a later run builds little.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
from typing import Any

from host import build, paths
from host.git import git

KERNEL_SOURCES = "kernel/"


def snapshot(revision: str | None) -> dict[str, bytes]:
    """The project's files by name: of a commit, or as they lie in the work tree, without what git ignores."""
    if revision is not None:
        archive = git("archive", "--format=tar", revision)
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            return {member.name: stream.read() for member in members if (stream := members.extractfile(member))}
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    return {name: (paths.ROOT / name).read_bytes() for name in listed if name and (paths.ROOT / name).is_file()}


def write_tree(folder: pathlib.Path, files: dict[str, bytes]) -> None:
    """Make the folder hold exactly these files. Files that are right already are not touched, so that
    they are not built again."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, data in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if data.startswith(b"#!") else 0o644)


@dataclasses.dataclass(frozen=True)
class Test:
    """A test as Meson runs it. inputs: the project's files that its programs are compiled from."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    seconds_max: float
    targets: tuple[str, ...]
    inputs: frozenset[str]

    def notices(self, file: str) -> bool:
        """Could a change of this file affect the test? Headers are not among the inputs, so a header counts for every
        test with kernel sources."""
        if file.endswith(".h"):
            return any(name.startswith(KERNEL_SOURCES) for name in self.inputs)
        return file in self.inputs


class Workplace:
    """One copy. `folder` is its own; nothing outside is written."""

    def __init__(self, folder: pathlib.Path, files: dict[str, bytes], ninja_jobs: int) -> None:
        self.tree = folder / "tree"
        self.build = folder / "build"
        self.files = files
        self.ninja_jobs = ninja_jobs
        self.tree.mkdir(parents=True, exist_ok=True)
        write_tree(self.tree, files)

    def configure(self) -> None:
        """Set up the build folder, or bring it up to date; a broken one is made anew."""
        if build.is_configured(self.build, self.tree) and self.compile(["build.ninja"]) is None:
            return
        shutil.rmtree(self.build, ignore_errors=True)
        build.configure(self.build, self.tree)

    def compile(self, targets: list[str]) -> str | None:
        """Build. Returns None when that worked, else the compiler's output."""
        done = subprocess.run([build.ninja(), "-C", str(self.build), f"-j{self.ninja_jobs}", *targets],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return None
        lines = (done.stdout + done.stderr).splitlines()
        return "\n".join(line for line in lines if not build.PROGRESS.match(line))

    def put(self, name: str, text: str | None) -> None:
        """Write one file of the copy; None: restore it."""
        data = self.files[name] if text is None else text.encode()
        (self.tree / name).write_bytes(data)

    def introspect(self, what: str) -> Any:
        return json.loads((self.build / "meson-info" / f"intro-{what}.json").read_text())

    def tests(self) -> list[Test]:
        """The tests that run kernel code, with the sources of each."""
        outputs = {target["id"]: [os.path.relpath(name, self.build) for name in target["filename"]]
                   for target in self.introspect("targets")}
        known: dict[str, frozenset[str]] = {}
        tests = []
        for entry in self.introspect("tests"):
            targets = tuple(name for depend in entry["depends"] for name in outputs[depend])
            inputs = frozenset().union(*(self.inputs_of(target, known) for target in targets))
            if any(name.startswith(KERNEL_SOURCES) for name in inputs):
                tests.append(Test(entry["name"], tuple(entry["cmd"]), entry["env"], entry["timeout"], targets, inputs))
        return tests

    def inputs_of(self, target: str, known: dict[str, frozenset[str]]) -> frozenset[str]:
        """The project's files among all that a build target is made from."""
        if target not in known:
            done = subprocess.run([build.ninja(), "-C", str(self.build), "-t", "inputs", target], capture_output=True,
                                  text=True, check=True, stdin=subprocess.DEVNULL)
            lines = [os.path.normpath(self.build / line) for line in done.stdout.splitlines()]
            known[target] = frozenset(os.path.relpath(line, self.tree) for line in lines
                                      if line.startswith(f"{self.tree}/"))
        return known[target]
