"""README's first session, from which the recording above it is drawn: does a machine say what the page says it says?"""

from __future__ import annotations

import unittest

from documents.recording import PROMPT, session
from machine import ROOT, run


class Readme(unittest.TestCase):
    def test_exec_explains_itself(self) -> None:
        lines = session((ROOT / "README.md").read_text())
        self.assertNotEqual(lines, [], "README has one session that begins at the prompt")
        commands = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        done = run("--boot", "pvh", "-c", "\n".join(commands))
        self.assertEqual(done.stdout.splitlines(), [line for line in lines if not line.startswith(PROMPT)], done.stderr)
