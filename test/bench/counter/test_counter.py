"""Does the emulator's counter count the instructions that a bench is known to execute, and tell user from kernel?"""

from __future__ import annotations

import os
import pathlib
import unittest

from host import bench_run, boot_phases, images, sweep
from host.bench_rows import Row
from host.bench_run import Result


INLINED = "ledger_init"  # static: in a kernel with checks it may be inlined


class Counter(unittest.TestCase):
    built: pathlib.Path
    rows: dict[str, Row]
    result: Result
    stops: boot_phases.Begins

    @classmethod
    def setUpClass(cls) -> None:
        cls.built = pathlib.Path(os.environ["BATON_BUILT"])
        bench = next(bench for bench in bench_run.benches(cls.built) if bench.name == "kernel")
        if not bench_run.counter_loads(bench.counter):
            raise unittest.SkipTest("this QEMU does not load the counter")
        cls.stops = {f"{bench.images.kernel.address(name):016x}:{images.KERNEL_PAGE:016x}": [words]
                     for program, name, words in boot_phases.PHASES
                     if program == "kernel" and (name != INLINED or name in bench.images.kernel.names)}
        cls.result = bench_run.run(bench, stops=boot_phases.counter_words(cls.stops))
        cls.rows = {row.id: row for row in bench_run.with_counts(cls.result)}

    def test_counted_loop(self) -> None:
        row = self.rows["calibrate"]
        self.assertAlmostEqual(row.instructions, 2, places=2)
        self.assertEqual((row.kernel, row.events), (0, {}))

    def test_events_of_a_null_call(self) -> None:
        events = self.rows["syscall_null"].events
        self.assertEqual([events[name] for name in ("syscall", "sysret", "swapgs")], [1, 1, 2])

    def test_events_of_a_message(self) -> None:
        """The peer's code is a copy, at an address where the program itself has nothing."""
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

    def test_interrupts_are_counted_from_their_entry(self) -> None:
        for name in ("interrupt_latency", "interrupt_latency_idle"):
            with self.subTest(row=name):
                row = self.rows[name]
                self.assertEqual([row.events.get(event, 0) for event in ("interrupt", "syscall", "sysret")], [1, 0, 1])
                self.assertLess(row.user or 0, 10)
                self.assertEqual(row.instructions, round(row.instructions))  # each turn the same

    def test_memory(self) -> None:
        """A thread is a page; a space of one page has three more tables than an empty one."""
        sizes = {name: row.instructions for name, row in self.rows.items() if name.endswith("_bytes")}
        self.assertEqual(sizes["idle_thread_bytes"], 4096)
        self.assertEqual(sizes["space_of_one_page_bytes"] - sizes["empty_space_bytes"], 3 * 4096)

    def test_phases_of_the_boot(self) -> None:
        """Each phase comes, in the order of the list, and together they add up to the row."""
        parts = boot_phases.phases(self.result.groups, self.stops)
        self.assertEqual([part.name for part in parts], [words for (words,) in self.stops.values()])
        self.assertEqual(boot_phases.total(parts, self.result.bench.images),
                         self.rows["boot_first_server"].instructions)

    def test_functions_where_phases_begin(self) -> None:
        """The functions of the boot's other programs."""
        bench = next(bench for bench in bench_run.benches(self.built) if bench.name == "process")
        named = {image.name: image for image in bench.images.all}
        for program, function, _ in boot_phases.PHASES:
            if program != "kernel":
                self.assertIn(function, named[program].names)
        self.assertIn(boot_phases.LAST, named)

    def test_sweep(self) -> None:
        """Every length has a row, and each further word costs as much as the one before."""
        found = sweep.costs(bench_run.run(self.result.bench, append="sweep").rows)
        self.assertEqual(found.keys(), {(words, caps) for words in range(69) for caps in range(5)})
        for caps in range(5):
            steps = sorted(found[words, caps] - found[words - 1, caps] for words in range(6, 69))
            # a timer interrupt may hit one row: a step up, and one down
            self.assertLess(steps[-2] - steps[1], sweep.FLAT)
            self.assertLess(abs(found[0, caps] - found[4, caps]), 2 * sweep.FLAT)

    def test_without_counter(self) -> None:
        """Rows that the clock measured remain; rows that only the counter has are left out."""
        self.assertFalse(bench_run.counter_loads(pathlib.Path("/nonesuch.so")))
        rows = bench_run.with_counts(Result(self.result.bench, self.result.rows, []))
        self.assertEqual({row.id for row in self.result.rows} - {row.id for row in rows},
                         {"interrupt_latency", "interrupt_latency_idle"})
        self.assertEqual({(row.user, row.kernel) for row in rows}, {(None, None)})
