"""Owns the tests of docs/tutorial: the files in process-server.md equal those of the server that it explains, the files
in server.md work, and so do the commands of both.

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
BLOCK = re.compile(r"^(\*\*([\w./]+)\*\*[^\n]*\n\n```\w*\n)(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OBJECTS = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = "subdir('mine')"
TALLY_LINES = {"servers/meson.build": "subdir('tally')", "meson.build": "subdir('test/tally')"}
TALLY_COMMAND = ("userland/meson.build", "'sleep', ", "'tally',")
COMMAND_SECONDS = 400


def page_files(text: str) -> dict[str, str]:
    """The files that the page's blocks add up to."""
    files: dict[str, str] = {}
    for _, name, content in BLOCK.findall(text):
        files[name] = files.get(name, "") + content
    return files


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


def add_tally(copy: pathlib.Path, text: str) -> None:
    """Make the changes that server.md asks of its reader."""
    for name, content in page_files(text).items():
        write(copy / name, content)
    for name, line in TALLY_LINES.items():
        add_line(copy / name, line)
    name, before, word = TALLY_COMMAND
    (copy / name).write_text((copy / name).read_text().replace(before, f"{before}{word} "))
    place = copy / "servers/init/manifest.json"
    manifest = json.loads(place.read_text())
    server, capability = (json.loads(block) for block in OBJECTS.findall(text))
    process = manifest["programs"].pop()
    process["arguments"] += list(capability)
    process["capabilities"].update(capability)
    manifest["programs"] += [server, process]
    place.write_text(json.dumps(manifest))


class Tutorial(unittest.TestCase):
    def test_page_has_the_files_of_the_server(self) -> None:
        page, sources = page_files(PAGE.read_text()), source_files()
        self.assertEqual(sorted(page), sorted(sources))
        for name, content in sources.items():
            self.assertEqual(page[name], content, f"{name}: test_tutorial.py --fix puts it into the page")

    def test_commands_of_the_pages(self) -> None:
        """Run the commands in a copy of the project without any build, with the pages' files and changed lines.

        The copy's path has a comma and blanks in it, as a user's may have.
        """
        text, tally = PAGE.read_text(), TALLY.read_text()
        self.assertIn(LINE, text)
        for line in [*TALLY_LINES.values(), TALLY_COMMAND[2]]:
            self.assertIn(f"`{line}`", tally)
        with tempfile.TemporaryDirectory(prefix="baton, its tutorial-") as place:
            copy = pathlib.Path(place) / "baton"
            paths.copy_sources(copy)
            for name, content in page_files(text).items():
                write(copy / "servers" / NAME / name, content)
            add_line(copy / "servers" / "meson.build", LINE)
            add_tally(copy, tally)
            lines = [line for block in COMMANDS.findall(text + tally) for line in block.splitlines()]
            self.assertEqual(len(lines), 4)
            outputs = []
            for line in lines:
                done = subprocess.run(line, shell=True, cwd=copy, capture_output=True, text=True, check=False,
                                      stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS,
                                      env={**os.environ, "CC": "clang"})
                self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}{done.stderr}")
                outputs.append(done.stdout.replace("\r", ""))
            self.assertIn("hello\nhello again\n", outputs[0])
            self.assertRegex(outputs[1], rf"process_conformance_{NAME}: \d{{3}} passed, \d+ skipped, 0 failed")
            self.assertEqual(outputs[2].splitlines()[:2], ["42", "0"])
            self.assertEqual(outputs[3].splitlines()[-1], "6 passed, 0 failed")


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        fix()
    else:
        unittest.main()
