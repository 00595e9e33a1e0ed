"""Owns the tests of docs/tutorial: the page's files are those of the server it explains, and its commands do what they say.

    test_tutorial.py --fix      put the server's files into the page again, cut where they were
"""

from __future__ import annotations

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
SOURCE = ROOT / "servers" / "process_mini"
NAME = "mine"
BLOCK = re.compile(r"^(\*\*([\w.]+)\*\*[^\n]*\n\n```\w*\n)(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = "subdir('mine')"
COMMAND_SECONDS = 400


def page_files(text: str) -> dict[str, str]:
    """The files that the page's blocks make up."""
    files: dict[str, str] = {}
    for _, name, content in BLOCK.findall(text):
        files[name] = files.get(name, "") + content
    return files


def source_files() -> dict[str, str]:
    """The same of the server, under the page's name for it."""
    return {path.name: path.read_text().replace("process_mini", NAME).replace("_conformance_mini", f"_conformance_{NAME}")
            for path in SOURCE.iterdir() if path.suffix != ".md"}


def fix() -> None:
    """Each block goes from where its first line is in the file to where the next one's is."""
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


class Tutorial(unittest.TestCase):
    def test_page_has_the_files_of_the_server(self) -> None:
        page, sources = page_files(PAGE.read_text()), source_files()
        self.assertEqual(sorted(page), sorted(sources))
        for name, content in sources.items():
            self.assertEqual(page[name], content, f"{name}: test_tutorial.py --fix puts it into the page")

    def test_commands_of_the_page(self) -> None:
        """In a copy of the project without any build: the files of the page, the line that it names, and its commands."""
        text = PAGE.read_text()
        self.assertIn(LINE, text)
        with tempfile.TemporaryDirectory(prefix="baton-tutorial-") as place:
            copy = pathlib.Path(place) / "baton"
            paths.copy_sources(copy)
            for name, content in page_files(text).items():
                (copy / "servers" / NAME).mkdir(exist_ok=True)
                (copy / "servers" / NAME / name).write_text(content)
            with (copy / "servers" / "meson.build").open("a") as build:
                build.write(f"{LINE}\n")
            lines = [line for block in COMMANDS.findall(text) for line in block.splitlines()]
            self.assertEqual(len(lines), 2)
            outputs = []
            for line in lines:
                done = subprocess.run(line, shell=True, cwd=copy, capture_output=True, text=True, check=False,
                                      stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS, env={**os.environ, "CC": "clang"})
                self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}{done.stderr}")
                outputs.append(done.stdout.replace("\r", ""))
            self.assertIn("hello\nhello again\n", outputs[0])
            self.assertRegex(outputs[1], rf"process_conformance_{NAME}: \d{{3}} passed, \d+ skipped, 0 failed")


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        fix()
    else:
        unittest.main()
