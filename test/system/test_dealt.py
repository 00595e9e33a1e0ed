"""Processes that get stops, signals and ends in the middle of whatever they do, on several CPUs: `dealtest`."""

from __future__ import annotations

import unittest

from machine import run


class Dealt(unittest.TestCase):
    """Nothing is lost, nothing that is stopped runs, and nothing is left behind."""

    def deal(self, *arguments: str) -> None:
        done = run("--boot", "pvh", *arguments, "-c", "dealtest 1 6")
        self.assertIn("dealtest: seed 1, ", done.stdout, done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_on_one_cpu(self) -> None:
        self.deal()

    def test_on_two_cpus(self) -> None:
        self.deal("--smp", "2", "--all-cpus")

    def test_on_four_cpus(self) -> None:
        self.deal("--smp", "4", "--all-cpus")


if __name__ == "__main__":
    unittest.main()
