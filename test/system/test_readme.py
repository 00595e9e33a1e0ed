"""The sessions from which the recordings are drawn: does a machine say what the page says it says?"""

from __future__ import annotations

import unittest

from documents.recording import PROMPT, session
from machine import ROOT, run


class Readme(unittest.TestCase):
    def hold_to_machine(self, page: str) -> None:
        lines = session((ROOT / page).read_text())
        self.assertNotEqual(lines, [], f"{page} has one session that begins at the prompt")
        commands = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        done = run("--boot", "pvh", "-c", "\n".join(commands))
        self.assertEqual(done.stdout.splitlines(), [line for line in lines if not line.startswith(PROMPT)], done.stderr)

    def test_exec_explains_itself(self) -> None:
        self.hold_to_machine("README.md")

    def test_servers_come_back(self) -> None:
        self.hold_to_machine("docs/recovery.md")
