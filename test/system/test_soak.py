"""Random lines for some seconds, or SOAK_MINUTES: on one CPU, and on four with programs on all of them. See soak.py."""

from __future__ import annotations

import os
import unittest

import soak

SEED = int(os.environ.get("BATON_SEED", "1"))
SECONDS = 20


def seconds() -> float:
    return float(os.environ["SOAK_MINUTES"]) * 60 if "SOAK_MINUTES" in os.environ else SECONDS


class Soak(unittest.TestCase):
    def test_one_cpu(self) -> None:
        soak.run(SEED, seconds(), 1)

    def test_all_cpus(self) -> None:
        soak.run(SEED, seconds(), 4)


if __name__ == "__main__":
    unittest.main()
