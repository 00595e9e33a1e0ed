"""Init's errors on a well-formed manifest that asks for things that this machine lacks."""

from __future__ import annotations

import unittest
from typing import Any

from test_log import boot

CANNOT_START = "init: the system can't be started"


class Manifest(unittest.TestCase):
    def refused(self, wanted: dict[str, Any], reason: str) -> None:
        """Check that the last line but one gives the reason why `wanted`, a capability of the
        process server's, can't be had."""

        def change(process: dict[str, Any]) -> None:
            process["capabilities"]["extra"] = wanted

        _, kept = boot("", change)
        said = [line.split("user: ", 1)[1] for line in kept if "user: init:" in line]
        self.assertEqual(said[-2:], [f"init: process: extra: {reason}", CANNOT_START])

    def test_devices_out_of_bounds(self) -> None:
        end = 1 << 52  # the end of the addresses of any CPU
        self.refused({"devices": [end, 1]}, "this machine has no device memory of 1 pages at 0x10000000000000")
        self.refused({"devices": [end - 4096, 2]}, "this machine has no device memory of 2 pages at 0xffffffffff000")

    def test_line_out_of_bounds(self) -> None:
        self.refused({"irq": 255}, "this machine has no interrupt line 255")


if __name__ == "__main__":
    unittest.main()
