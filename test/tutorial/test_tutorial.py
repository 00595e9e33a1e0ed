"""Owns the tests of docs/tutorial: the files of process-server.md are those of the server it explains, those of
server.md do what they say, and so do the commands of both.

    test_tutorial.py --fix copy the server's files into process-server.md again, cut at the same lines
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from host import paths  # noqa: E402  (the path has to be set first)

PAGE = ROOT / "docs" / "tutorial" / "process-server.md"
TALLY = ROOT / "docs" / "tutorial" / "server.md"
SOURCE = ROOT / "servers" / "process_mini"
NAME = "mine"
BLOCK = re.compile(r"^(\*\*([\w./]+)\*\*[^\n]*\n\n```(?!diff)\w*\n)(.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGE = re.compile(r"^\*\*([\w./]+)\*\*, changes:\n\n```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STAND_IN = re.compile(r"^A stand-in for (?:the rest of )?`([\w.]+)`:\n\n```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OBJECTS = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = "subdir('mine')"
TALLY_LINES = {"servers/meson.build": "subdir('tally')", "meson.build": "subdir('test/tally')"}
TALLY_COMMAND = ("userland/meson.build", "'sleep', ", "'tally',")
COMMAND_SECONDS = 1200
VITAL_ENDED = 75  # the status of a machine whose vital server has ended, as the stand-ins do


def page_files(text: str) -> dict[str, str]:
    """The files that the page's blocks add up to."""
    files: dict[str, str] = {}
    for _, name, content in BLOCK.findall(text):
        files[name] = files.get(name, "") + content
    return files


def page_steps(text: str) -> list[tuple[str, dict[str, str], bool]]:
    """Each command of a page, the files as its reader has them by then, and whether a stand-in is the program.

    A stand-in goes behind what the page has of its file so far, and lasts until the page's own next part of it.
    """
    files: dict[str, str] = {}
    for_now: dict[str, str] = {}
    steps = []
    found = [(match.start(), kind, match) for kind in (BLOCK, STAND_IN, COMMANDS) for match in kind.finditer(text)]
    for _, kind, match in sorted(found, key=lambda one: one[0]):
        if kind is BLOCK:
            files[match[2]] = files.get(match[2], "") + match[3]
            for_now.pop(match[2], None)
        elif kind is STAND_IN:
            for_now[match[1]] = files.get(match[1], "") + match[2]
        else:
            steps += [(line, {**files, **for_now}, "main.c" in for_now) for line in match[1].splitlines()]
    return steps


def source_files() -> dict[str, str]:
    """The server's files, under the page's name for the server."""
    return {path.name: path.read_text().replace("process_mini", NAME).replace("_conformance_mini",
                                                                              f"_conformance_{NAME}")
            for path in SOURCE.iterdir() if path.suffix != ".md"}


def fix() -> None:
    """Rewrite each block: it goes from the place of its first line in the file to the next block's first line."""
    text = PAGE.read_text()
    sources = source_files()
    starts: dict[str, list[int]] = {}
    for _, name, content in BLOCK.findall(text):
        places = starts.setdefault(name, [])
        places.append(sources[name].index(content.split("\n")[0], places[-1] + 1 if places else 0))

    def filled(match: re.Match[str]) -> str:
        places = starts[match[2]]
        begin = places.pop(0)
        return f"{match[1]}{sources[match[2]][begin:places[0] if places else None]}```"

    PAGE.write_text(BLOCK.sub(filled, text))


def write(path: pathlib.Path, content: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


def add_line(path: pathlib.Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


def changed(content: str, change: str) -> str:
    """A file with a change of the page made. Each of its pieces has to fit in one place."""
    for piece in change.split("@@\n"):
        lines = piece.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] in kinds) for kinds in (" -", " +"))
        if content.count(before) != 1:
            raise ValueError(f"fits in {content.count(before)} places:\n{piece}")
        content = content.replace(before, after)
    return content


def apply_change(copy: pathlib.Path, change: tuple[str, str]) -> None:
    name, pieces = change
    (copy / name).write_text(changed((copy / name).read_text(), pieces))


def add_tally(copy: pathlib.Path, text: str) -> None:
    """Make the changes that server.md asks of its reader, up to the section on survival."""
    for name, content in page_files(text).items():
        write(copy / name, content)
    for name, line in TALLY_LINES.items():
        add_line(copy / name, line)
    name, before, word = TALLY_COMMAND
    (copy / name).write_text((copy / name).read_text().replace(before, f"{before}{word} "))
    place = copy / "servers/init/manifest.json"
    manifest = json.loads(place.read_text())
    server, capability, _ = (json.loads(block) for block in OBJECTS.findall(text))
    process = manifest["programs"].pop()
    process["arguments"] += list(capability)
    process["capabilities"].update(capability)
    manifest["programs"] += [server, process]
    place.write_text(json.dumps(manifest))


def let_tally_survive(copy: pathlib.Path, text: str) -> None:
    """Make the changes of that section, but for the last one, which is a bug."""
    for change in CHANGE.findall(text)[:-1]:
        apply_change(copy, change)
    place = copy / "servers/init/manifest.json"
    manifest = json.loads(place.read_text())
    survivor = json.loads(OBJECTS.findall(text)[-1])
    manifest["programs"] = [survivor if one["name"] == survivor["name"] else one for one in manifest["programs"]]
    place.write_text(json.dumps(manifest))


class Tutorial(unittest.TestCase):
    def test_page_has_the_files_of_the_server(self) -> None:
        page, sources = page_files(PAGE.read_text()), source_files()
        self.assertEqual(sorted(page), sorted(sources))
        for name, content in sources.items():
            self.assertEqual(page[name], content, f"{name}: test_tutorial.py --fix puts it into the page")

    def run_command(self, copy: pathlib.Path, line: str, status: int) -> str:
        """What a command printed, and the kernel's log of its machine."""
        done = subprocess.run(line, shell=True, cwd=copy, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS, env={**os.environ, "CC": "clang"})
        self.assertEqual(done.returncode, status, f"{line}\n{done.stdout}{done.stderr}")
        log = copy / "build" / "run" / "last" / "kernel.log"
        return done.stdout.replace("\r", "") + (log.read_text(errors="replace") if log.exists() else "")

    def run_server_page(self, copy: pathlib.Path, text: str) -> list[str]:
        """The commands of process-server.md, each with the files that its reader has by then."""
        outputs = []
        everything = page_files(text)
        place = copy / "servers" / NAME
        for line, files, is_stand_in in page_steps(text):
            if files and not place.exists():
                add_line(copy / "servers" / "meson.build", LINE)
            for name in everything if files else ():
                if name in files or name.endswith(".c"):
                    write(place / name, files.get(name, ""))
            outputs.append(self.run_command(copy, line, VITAL_ENDED if is_stand_in else 0))
        return outputs

    def test_commands_of_the_pages(self) -> None:
        """A copy of the project without any build gets the pages' files and lines, and then runs their commands.

        The copy's path has a comma and blanks in it, as a user's may have.
        """
        text, tally = PAGE.read_text(), TALLY.read_text()
        self.assertIn(LINE, text)
        for line in [*TALLY_LINES.values(), TALLY_COMMAND[2]]:
            self.assertIn(f"`{line}`", tally)
        with tempfile.TemporaryDirectory(prefix="baton, its tutorial-") as place:
            copy = pathlib.Path(place) / "baton"
            paths.copy_sources(copy)
            small, memory, refusal, first, shell, table = self.run_server_page(copy, text)
            self.assertIn("hello\n", small)
            self.assertRegex(memory, r"mine: \d+ frames are mine to give")
            self.assertIn("mine: status 263, segment 2: both writable and executable", refusal)
            self.assertIn("hello from mine\n", first)
            self.assertIn("mine: process 1 asks for operation 5", first)
            self.assertIn("hello\nhello again\n", shell)
            self.assertRegex(table, rf"process_conformance_{NAME}: \d{{3}} passed, \d+ skipped, 0 failed")
            add_tally(copy, tally)
            start, add_up, test, storm, test_storm, bug = (line for line, _, _ in page_steps(tally))
            self.assertIn("init: started tally", self.run_command(copy, start, 0))
            self.assertEqual(self.run_command(copy, add_up, 0).splitlines()[:2], ["42", "0"])
            self.assertIn("\n6 passed, 0 failed\n", self.run_command(copy, test, 0))
            let_tally_survive(copy, tally)
            stormy = self.run_command(copy, storm, 0)
            self.assertRegex(stormy, r"^42\n42\n(.*\n)*tally +runs +28 +[1-9]\d* +on request\n")
            self.assertIn("\n12 passed, 0 failed\n", self.run_command(copy, test_storm, 0))
            apply_change(copy, CHANGE.findall(tally)[-1])
            told = self.run_command(copy, bug, 0)
            self.assertEqual(told.splitlines()[:2], ["tally: the server failed each time it tried this", "42"])
            self.assertRegex(told, r"\ntally +runs +28 +3 +undefined or privileged instruction\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        fix()
    else:
        unittest.main()
