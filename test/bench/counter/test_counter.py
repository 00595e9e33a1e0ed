"""Does the counter, in the emulator, count what a bench is known to execute, and tell user from kernel?"""

from __future__ import annotations

import os
import pathlib
import unittest

from host import bench_run
from host.bench_rows import Row


class Counter(unittest.TestCase):
    rows: dict[str, Row]

    @classmethod
    def setUpClass(cls) -> None:
        benches = bench_run.benches(pathlib.Path(os.environ["BATON_BUILT"]))
        bench = next(bench for bench in benches if bench.name == "kernel")
        if not bench_run.counter_loads(bench.counter):
            raise unittest.SkipTest("this QEMU does not load the counter")
        cls.rows = {row.id: row for row in bench_run.with_counts(bench_run.run(bench))}

    def test_counted_loop(self) -> None:
        row = self.rows["calibrate"]
        self.assertAlmostEqual(row.instructions, 2, places=2)
        self.assertEqual((row.kernel, row.events), (0, {}))

    def test_events_of_a_null_call(self) -> None:
        events = self.rows["syscall_null"].events
        self.assertEqual([events[name] for name in ("syscall", "sysret", "swapgs")], [1, 1, 2])

    def test_events_of_a_message(self) -> None:
        """The other side's code is a copy, which lies where the program has nothing."""
        events = self.rows["ipc_call_0"].events
        self.assertEqual([events[name] for name in ("syscall", "sysret", "swapgs", "cr3")], [2, 2, 4, 2])

    def test_events_of_an_exception_and_of_unmapping(self) -> None:
        events = self.rows["exception_round_trip"].events
        self.assertEqual([round(events[name], 2) for name in ("syscall", "iret", "interrupt")], [1, 1, 1])
        self.assertEqual(self.rows["map_unmap_4k"].events["invlpg"], 1)

    def test_shares(self) -> None:
        for row in self.rows.values():
            if row.id == "calibrate" or row.id.endswith("_bytes"):
                continue
            with self.subTest(row=row.id):
                assert row.user is not None and row.kernel is not None
                self.assertAlmostEqual(row.user + row.kernel, row.instructions)
                self.assertGreater(row.kernel, row.user)
                self.assertGreater(row.user, 0)
