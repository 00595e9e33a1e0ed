"""Are structures found as the compiler laid them out, and is what a thread waits for put into the right words?"""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import tempfile
import unittest
from collections.abc import Callable

from evidence import layout, threads
from evidence.layout import LayoutError
from evidence.pagewalk import PhysicalMemory
from evidence.threads import (IN_CALL, IN_FAULT, IN_SIGNAL, IN_WAIT, READY, RUNNING, STOPPED, Kernel, Names, Snapshot,
                              Thread, Watch)

SOURCE = """struct inner { char byte; long word; };
struct outer { int first; struct { int hidden; } nested; struct inner inner; struct outer *next; };
struct inner inner_used;
struct outer used;
int outer;
"""
MEMBERS = {"endpoint": {"senders": 64, "receivers": 72}, "thread": {"reply": 520}, "object": {"first_cap": 0},
           "cap_slot": {"head": 0, "data": 8, "next": 16, "previous": 24}}
UPPER = 0xFFFF << 48  # what a link between capabilities leaves out
TABLES = {0x9000: range(0x9100, 0x9200), 0xA000: range(UPPER | 0xA100, UPPER | 0xA200)}
SERVE = threads.ENDPOINT_WAIT << threads.RIGHTS_SHIFT | 6
LOG = "0.1 INFO user: init: started console\n0.1 INFO user: init: started process\n"


class Layouts(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.file = pathlib.Path(place.name) / "made.o"
        subprocess.run(["clang", "-g", "-c", "-xc", "-", "-o", self.file], input=SOURCE, text=True, check=True)

    def test_offsets(self) -> None:
        found = layout.read(self.file, "outer", "inner")
        self.assertEqual(found, {"outer": {"first": 0, "nested": 4, "inner": 8, "next": 24},
                                 "inner": {"byte": 0, "word": 8}})

    def test_what_is_not_there(self) -> None:
        with self.assertRaisesRegex(LayoutError, "no debug information on other"):
            layout.read(self.file, "outer", "other")
        with self.assertRaises(LayoutError):
            layout.read(self.file.with_name("none"), "outer")


class FakeKernel(Kernel):
    """Memory as a table of words, without a machine."""

    def __init__(self, words: dict[int, int]) -> None:
        super().__init__(PhysicalMemory(pathlib.Path("/dev/null")), 0, MEMBERS)
        self.words = words

    def number(self, address: int, length: int = 8) -> int:
        return self.words.get(address, 0)


class TornKernel(Kernel):
    """Memory that was read while it changed, so that lists do not come back to their heads. Counts what is read."""

    def __init__(self, following: Callable[[int], int]) -> None:
        layouts = {"object": {"in_pool": 0, "first_cap": 0}, "pool": {"objects": 1 << 40},
                   "cap_slot": {"head": 0, "next": 0}}
        super().__init__(PhysicalMemory(pathlib.Path("/dev/null")), 0, layouts)
        self.following = following
        self.reads = 0

    def number(self, address: int, length: int = 8) -> int:
        self.reads += 1
        if self.reads > 10 * threads.OBJECTS_MAX:
            raise AssertionError("it does not end")
        return self.following(address)


class Torn(unittest.TestCase):
    def test_lists_that_lead_back_into_themselves(self) -> None:
        kernel = TornKernel(lambda address: address ^ 0x100 if address & 0x1000 else address + 0x1000)
        self.assertLess(len(threads.objects(kernel, 0x2000)), 10)
        self.assertEqual(Snapshot(TornKernel(lambda address: 0x123456 << threads.ADDRESS_BITS), [], {}).servers(1), [])

    def test_lists_without_end(self) -> None:
        self.assertLessEqual(len(threads.objects(TornKernel(lambda address: address + 8), 0x2000)), threads.OBJECTS_MAX)
        empty = TornKernel(lambda address: address + 8 if address < 1 << 40 else address)
        self.assertEqual(threads.objects(empty, 0x2000), [])


def thread(number: int, state: int, **more: int) -> Thread:
    """The thread `number`; init's table is 0x9000, the first server's 0xa000."""
    plain = Thread(address=0x1000 * number, number=number, state=state, wait=0, reply_slot=0,
                   table=0x8000 + 0x1000 * number, notification=0, fault_endpoint=0x5000, fault_badge=number - 1,
                   fault_address=0, has_deadline=False, work=0, process_root=0)
    return dataclasses.replace(plain, **more)


class Words(unittest.TestCase):
    """Endpoint 0x5000 is init's; 0x6000 is served by thread 2 (and could be by init); nobody serves 0x7000."""

    def describe(self, *found: Thread) -> list[str]:
        kernel = FakeKernel({0x5000: 0x9100, 0x9100: SERVE, 0x6000: 0x9120, 0x9120: SERVE,
                             0x9130: 0xA100 << threads.ADDRESS_BITS, UPPER | 0xA100: SERVE, 0x7000: 0x9140,
                             0x9140: 0x0106})
        snapshot = Snapshot(kernel, list(found), TABLES)
        names = Names(snapshot, LOG, None)
        return [f"{names.name(one)}: {threads.describe(one, snapshot, names)}" for one in found]

    def test_states(self) -> None:
        told = self.describe(thread(1, IN_WAIT), thread(2, IN_WAIT, notification=1), thread(3, RUNNING),
                             thread(4, STOPPED), thread(5, READY), thread(6, IN_SIGNAL, has_deadline=True))
        self.assertEqual(told[:3], ["init (thread 1): waits for messages",
                                    "console (thread 2): waits for messages and a notification",
                                    "process (thread 3): runs"])
        self.assertEqual([line.partition(": ")[2] for line in told[3:]],
                         ["is stopped", "is ready to run", "waits for a notification, at most until a deadline"])

    def test_a_call_that_nobody_takes(self) -> None:
        told = self.describe(thread(1, IN_WAIT), thread(2, READY), thread(3, IN_CALL, wait=0x6000),
                             thread(4, IN_CALL, wait=0x7000))
        self.assertEqual(told[2],
                         "process (thread 3): calls an endpoint that nobody waits at; it is served by console (thread "
                         "2), which is ready to run")
        self.assertTrue(told[3].endswith(": calls an endpoint that nobody waits at or can serve"), told[3])

    def test_the_holder_of_the_reply(self) -> None:
        told = self.describe(thread(1, IN_WAIT), thread(2, IN_CALL, wait=0x7000),
                             thread(3, IN_CALL, reply_slot=0x2000 + 520), thread(4, IN_CALL, reply_slot=0x9160),
                             thread(5, IN_CALL))
        self.assertEqual(told[2],
                         "process (thread 3): waits for the answer of console (thread 2), which calls somebody itself")
        self.assertTrue(told[3].endswith(": waits for an answer that init (thread 1) has put off"), told[3])
        self.assertTrue(told[4].endswith(": waits for an answer that nobody can give"), told[4])

    def test_a_fault(self) -> None:
        told = self.describe(thread(1, IN_CALL, wait=0x7000), thread(2, IN_FAULT, wait=0x5000, fault_address=0x10))
        self.assertEqual(told[1],
                         "console (thread 2): is in a fault at 0x10, to be told at an endpoint that nobody waits at; "
                                  "it is served by init (thread 1), which calls somebody itself")

    def test_a_process(self) -> None:
        told = self.describe(thread(1, IN_WAIT), thread(2, IN_WAIT),
                             thread(7, READY, fault_endpoint=0x6000, fault_badge=3 << 32 | 12))
        self.assertEqual(told[2], "process 12 (thread 7): is ready to run")

    def test_programs_of_address_spaces(self) -> None:
        found = [thread(1, IN_WAIT, process_root=0x10000), thread(2, RUNNING, process_root=0x20000),
                 thread(4, STOPPED)]
        snapshot = Snapshot(FakeKernel({0x5000: 0x9100, 0x9100: SERVE}), found, TABLES)
        self.assertEqual(threads.programs(snapshot, Names(snapshot, LOG, None)), {0x10000: "init", 0x20000: "console"})
        self.assertEqual(Watch(pathlib.Path("/none"), pathlib.Path("/none"), None).programs("", None), {})


class Since(unittest.TestCase):
    def test_what_changes_begins_anew(self) -> None:
        watch = Watch(pathlib.Path("/none"), pathlib.Path("/none"), None)
        for now, work in ((1.0, 5), (2.0, 5), (3.0, 6), (4.0, 6)):
            found = [thread(1, IN_WAIT), thread(2, IN_CALL, work=work)]
            watch.note(Snapshot(FakeKernel({}), found, {}), now)
        self.assertEqual(watch.since, {1: 1.0, 2: 3.0})
        watch.note(Snapshot(FakeKernel({}), [thread(2, READY, work=6)], {}), 5.0)
        self.assertEqual(watch.since, {2: 5.0})

    def test_without_a_kernel(self) -> None:
        watch = Watch(pathlib.Path("/none"), pathlib.Path("/none"), pathlib.Path("/none"))
        watch.poll()
        self.assertEqual(watch.lines("", None), [])


if __name__ == "__main__":
    unittest.main()
