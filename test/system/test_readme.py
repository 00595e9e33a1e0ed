"""README's first session: does a machine say what the page says it says?"""

from __future__ import annotations

import re
import unittest

from machine import ROOT, run

PROMPT = "baton$ "
SESSION = re.compile(rf"^```\n((?:{re.escape(PROMPT)})(?:.*\n)*?)```$", re.MULTILINE)


class Readme(unittest.TestCase):
    def test_exec_explains_itself(self) -> None:
        sessions = SESSION.findall((ROOT / "README.md").read_text())
        self.assertEqual(len(sessions), 1, "the session that begins at the prompt")
        lines = sessions[0].splitlines()
        commands = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        done = run("--boot", "pvh", "-c", "\n".join(commands))
        self.assertEqual(done.stdout.splitlines(), [line for line in lines if not line.startswith(PROMPT)], done.stderr)
