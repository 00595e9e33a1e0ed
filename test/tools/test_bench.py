"""Are the benches' lines and the counter's file read right, attributed to rows and programs, compared, and shown?"""

from __future__ import annotations

import json
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import xml.dom.minidom

from host import bench_rows, boot_phases, counts, elf_size, history, images, paths, profile, svg, sweep
from host.bench_rows import Row, RowError
from host.counts import CountError, Group
from host.history import State
from host.images import Images
from host.say import UserError

TARGETS = pathlib.Path(__file__).resolve().parents[1] / "bench" / "targets.json"
KERNEL_AT = 0xFFFFFFFF80000000
CODE = """
    .globl {first}
    .type {first}, @function
{first}: nop
    syscall
    .globl second
    .type second, @function
second: lock incl (%rsp)
    mov %rax, %cr3
    mov %rax, %rdx
"""


def make_program(folder: pathlib.Path, name: str, first: str, base: int) -> None:
    """A program of five instructions, at offset 0x1000 from its base."""
    (folder / "a.s").write_text(CODE.format(first=first))
    subprocess.run(["clang", "-c", "-o", "a.o", "a.s"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    subprocess.run(["ld.lld", "-o", name, f"--image-base={base:#x}", "-z", "max-page-size=4096", "-e", first, "a.o"],
                   cwd=folder, check=True, stdin=subprocess.DEVNULL)


class Rows(unittest.TestCase):
    LINE = "# bench id=syscall_null ops=10000 ticks=900000"

    def test_line(self) -> None:
        self.assertEqual(bench_rows.parse_line(self.LINE), Row("syscall_null", 90, 10000))
        self.assertEqual(bench_rows.parse_line("# bench id=a ops=2 ticks=20 kernel=16"), Row("a", 10, 2, 2, 8))
        self.assertIsNone(bench_rows.parse_line("ok 1 - bench"))

    def test_bad_lines(self) -> None:
        for line in ("# bench id=a ops=0 ticks=5", "# bench ops=1 ticks=5", "# bench id=a ops=1",
                     "# bench id=a ops=1 ticks=many"):
            with self.subTest(line=line), self.assertRaises(RowError):
                bench_rows.parse_line(line)
        with self.assertRaisesRegex(RowError, "twice"):
            bench_rows.parse_output(f"{self.LINE}\n{self.LINE}\n")

    def test_table(self) -> None:
        rows = [Row("syscall_null", 90, 1, 20, 70, {"syscall": 1, "interrupt": 0.001}), Row("ipc_call_0", 201),
                Row("extra", 5.25)]
        targets = bench_rows.load_targets(TARGETS)
        lines = {line.split()[0]: line for line in bench_rows.table(rows, targets) if line}
        self.assertEqual(lines["syscall_null"].split()[:8],
                         ["syscall_null", "90", "20", "70", "240", "90", "0.38", "met"])
        self.assertTrue(lines["syscall_null"].endswith("; 1 syscall"))
        self.assertIn("MISSED", lines["ipc_call_0"])
        self.assertIn("not measured", lines["fork_exec_wait"])
        self.assertIn("5.2", lines["extra"])
        self.assertNotIn("MISSED", lines["exec"])
        self.assertIn(" 0.001 ", bench_rows.table([Row("boot_to_prompt", 1500000)], targets)[-2])
        self.assertLessEqual({target["id"] for target in targets}, lines.keys())

    def test_targets_are_complete(self) -> None:
        targets = bench_rows.load_targets(TARGETS)
        self.assertEqual(len([target for target in targets if target["target"]]), 44)
        self.assertEqual(len({target["id"] for target in targets}), len(targets))
        for target in targets:
            if target["reference"] is not None:
                self.assertLess(target["target"], target["reference"])

    def test_json(self) -> None:
        out = json.loads(bench_rows.as_json([Row("syscall_null", 90, 1, 20, 70)], bench_rows.load_targets(TARGETS)))
        self.assertEqual(out["rows"],
                         [{"id": "syscall_null", "instructions": 90, "user": 20, "kernel": 70, "events": {},
                                        "reference": 240, "target": 90}])

    def test_compare(self) -> None:
        rows = [Row("a", 100.5), Row("b", 103)]
        self.assertEqual(bench_rows.compare(rows, {"a": 100}), [])
        self.assertEqual(bench_rows.compare(rows, {"b": 100}), ["b: 103.000 instructions, recorded 100.000 (+3.0 %)"])
        self.assertEqual(bench_rows.compare(rows, {"c": 100}), ["c: recorded as 100, not measured now"])

    def test_text_bytes_refuses_other_files(self) -> None:
        with self.assertRaises(ValueError):
            elf_size.text_bytes(pathlib.Path(__file__))


class Counts(unittest.TestCase):
    def test_groups(self) -> None:
        groups = counts.read(["ffffffff80001000 0 20\n", "0000000000201000 ab 10\n", "stop 201000:ab\n", "row\n",
                              "1000 1 1\n"])
        self.assertEqual([group.end for group in groups], ["stop 201000:ab", "row"])
        self.assertEqual(groups[0].times, {(KERNEL_AT + 0x1000, 0): 20, (0x201000, 0xAB): 10})
        self.assertEqual((groups[0].kernel, groups[1].times), (20, {}))
        (row,) = counts.by_row(groups)
        self.assertEqual((row.end, row.times), ("row", groups[0].times))
        self.assertEqual(counts.by_row(groups[:1]), [])  # no row has ended

    def test_other_lines(self) -> None:
        for line in ("1000 1", "1000 1 many", "xyz 1 1", ""):
            with self.subTest(line=line), self.assertRaises(CountError):
                counts.read([line])

    def test_page_hash(self) -> None:
        """FNV-1a by words: of zeros it is the offset basis times the prime, 512 times."""
        self.assertEqual(images.page_hash(bytes(4096)), 0xCBF29CE484222325 * 0x100000001B3**512 % 2**64)
        self.assertNotEqual(images.page_hash(struct.pack("<Q", 1).ljust(4096, b"\0")), images.page_hash(bytes(4096)))


class Programs(unittest.TestCase):
    """Two programs at the same addresses and a kernel."""

    def setUp(self) -> None:
        if not all(map(shutil.which, ("clang", "ld.lld", "llvm-nm", "llvm-objdump"))):
            self.skipTest("clang, lld or llvm is missing")
        place = tempfile.TemporaryDirectory(prefix="baton-")
        self.addCleanup(place.cleanup)
        folder = pathlib.Path(place.name)
        for name, first, base in (("one", "first", 0x200000), ("two.elf", "other", 0x200000),
                                  ("kernel.elf", "interrupt_common", KERNEL_AT)):
            make_program(folder, name, first, base)
        self.images = Images([folder / "one", folder / "two.elf", folder / "kernel.elf"])

    def group(self) -> Group:
        """A group of two programs that differ only after their code: one syscall in each, four locked operations in a
        copy of the first program, two interrupts."""
        group = Group()
        page_one, page_two = (next(iter(image.pages)) for image in self.images.all[:2])
        starts = [dict(zip(image.names, image.starts)) for image in self.images.all]
        group.times[starts[0]["first"] + 1, page_one] = 1
        group.times[starts[1]["other"] + 1, page_two] = 1
        group.times[starts[0]["second"] % 4096 + 0x7000, page_one] = 4
        group.times[starts[2]["interrupt_common"], images.KERNEL_PAGE] = 2
        group.times[starts[2]["second"] + 4, images.KERNEL_PAGE] = 3
        group.times[0xF0000, 0x77] = 100  # firmware
        return group

    def test_who_what_and_how_often(self) -> None:
        group = self.group()
        by_name = {image.name if image else "": sum(times.values())
                   for image, times in group.by_image(self.images).items()}
        self.assertEqual(by_name, {"one": 5, "two": 1, "kernel": 5, "": 100})
        self.assertEqual(group.events(self.images), {"syscall": 2, "lock": 4, "interrupt": 2, "cr3": 3})
        self.assertEqual(self.images.find(0x7000, next(iter(self.images.all[0].pages))), (self.images.all[0], 0x201000))

    def test_row_with_its_shares(self) -> None:
        row = bench_rows.with_group(Row("a", 5.0, 2), self.group(), self.images)
        self.assertEqual((row.user, row.kernel, row.events["cr3"]), (2.5, 2.5, 1.5))
        self.assertIsNone(bench_rows.with_group(Row("a_bytes", 5.0), Group(), self.images).kernel)

    def test_boot_is_counted_from_the_kernels_first_instruction(self) -> None:
        row = bench_rows.with_group(Row("boot_first_server", 5.0), self.group(), self.images)
        self.assertEqual((row.instructions, row.user, row.kernel), (11, 6, 5))

    def test_clock_and_counter_must_agree(self) -> None:
        for ticks in (1000, -200):
            with self.subTest(ticks=ticks), self.assertRaisesRegex(RowError, "the clock counted"):
                bench_rows.with_group(Row("a", ticks), self.group(), self.images)

    def test_profile(self) -> None:
        lines = profile.table(self.group(), self.images, 2)
        self.assertIn(["2.00", "1", "one", "second"], [line.split() for line in lines])
        self.assertIn(["1.50", "1", "kernel", "second"], [line.split() for line in lines])
        self.assertEqual(lines[-1].split(), ["55.50", "all"])
        text = "\n".join(profile.disassembly(self.group(), self.images, 2))
        self.assertRegex(text, r"kernel: second\n +1\.50 +ffffffff80001\w+ +movq\s+%rax, %cr3")
        self.assertNotIn("%rdx", text)

    def test_phases_need_their_functions(self) -> None:
        with self.assertRaisesRegex(UserError, "no function kernel_start in kernel"):
            boot_phases.stops(self.images, [])


class Phases(unittest.TestCase):
    def test_in_the_order_in_which_they_were(self) -> None:
        groups = counts.read(["1000 1 100", "stop a:0", "ffffffff80000000 0 3", "stop b:1", "ffffffff80000000 0 4",
                              "stop a:0", "ffffffff80000000 0 5", "row", "row"])
        begins = {"a:0": ["one", "three"], "b:1": ["two"]}
        parts = boot_phases.phases(groups, begins)
        self.assertEqual([(part.name, part.group.kernel) for part in parts], [("one", 3), ("two", 4), ("three", 5)])
        self.assertEqual(boot_phases.counter_words(begins), ("a:0:2", "b:1:1"))
        with self.assertRaisesRegex(UserError, "did not come: four"):
            boot_phases.phases(groups, {**begins, "c:2": ["four"]})

    def test_servers_in_the_order_in_which_they_are_built(self) -> None:
        manifest = paths.ROOT / "servers/init/manifest.json"
        self.assertEqual(boot_phases.servers(["--file", f"etc/manifest.json={manifest}"]),
                         ["console", "files", "pipes", "process"])


class Sweep(unittest.TestCase):
    def costs(self) -> sweep.Costs:
        """Costs without a cliff."""
        return {(words, caps): 200 + (words > 4) * 40 + max(words - 4, 0) * 2 + caps * 250
                for words in range(65) for caps in range(5)}

    def test_no_cliff(self) -> None:
        rows = [Row(f"sweep_{words}_{caps}", cost) for (words, caps), cost in self.costs().items()]
        found = sweep.costs([*rows, Row("ipc_call_0", 1)])
        self.assertEqual(found, self.costs())
        self.assertEqual(sweep.cliffs(found), [])
        self.assertEqual(len(sweep.table(found)), 66)
        self.assertEqual([len(line.points) for line in sweep.lines(found)], [65] * 5)

    def test_cliffs(self) -> None:
        for at, more, wanted in (((3, 0), 10, "3 words, 0 capabilities"), ((33, 2), 10, "33 words, 2 capabilities"),
                                 ((64, 4), 100, "64 words, 4 capabilities"), ((5, 0), 30, "5 words, 0 capabilities")):
            with self.subTest(at=at):
                self.assertRegex(sweep.cliffs({**self.costs(), at: self.costs()[at] + more})[0], wanted)

    def test_capability_steps(self) -> None:
        found = {where: cost + 400 * (where[1] > 1) for where, cost in self.costs().items()}
        self.assertRegex(sweep.cliffs(found)[0], "0 words, 2 capabilities: 1,100 instructions, 650 above")

    def test_too_much_in_all_behind_the_registers(self) -> None:
        self.assertEqual(sweep.cliffs({where: cost + 100 for where, cost in self.costs().items()}),
                         ["5 words: 342 instructions, 320 are allowed"])


class Plots(unittest.TestCase):
    TARGETS = [{"id": "a_row", "target": 100, "reference": 1, "reference_system": "seL4 <16>"},
               {"id": "b_row", "target": 10, "reference": None, "reference_system": "seL4 <16>"},
               {"id": "never", "target": 1, "reference_system": "seL4 <16>"},
               {"id": "other", "target": None, "reference_system": "Linux"},
               {"id": "c_row", "target": 5, "reference": 1, "reference_system": "Linux"}]
    STATES = [State("one", {"a_row": 400, "c_row": 50, "other": 3}),
              State("two", {"a_row": 100, "b_row": 5, "c_row": 4})]

    def test_every_row_is_there_with_its_figures(self) -> None:
        document = xml.dom.minidom.parseString(history.plot(self.STATES, self.TARGETS))
        words = [node.firstChild.data for node in document.getElementsByTagName("text")]
        for name in ("a_row 100 (1.00 of 100)", "b_row 5 (0.50 of 10)", "c_row 4 (0.80 of 5)", "one", "two", "target"):
            self.assertIn(name, words)
        self.assertFalse([word for word in words if word.startswith(("never", "other"))])

    def test_lines_lie_where_their_figures_are(self) -> None:
        """a_row falls from 4 times the target to the target, on a logarithmic axis from 0.5 to 5."""
        first = xml.dom.minidom.parseString(history.plot(self.STATES, self.TARGETS)).getElementsByTagName("g")[0]
        (x0, y0), (x1, y1) = [tuple(map(float, point.split(",")))
                              for point in first.getElementsByTagName("polyline")[0].getAttribute("points").split()]
        level = next(line for line in first.getElementsByTagName("line") if line.getAttribute("stroke") == "black")
        self.assertAlmostEqual(y1, float(level.getAttribute("y1")), places=1)
        height = 560 - svg.TOP - svg.BOTTOM
        self.assertAlmostEqual((y1 - y0) / height, 0.602, places=2)  # log10(4) of the one decade
        self.assertEqual((x0, x1), (svg.LEFT, svg.WIDTH - svg.RIGHT))

    def test_history_of_this_tree(self) -> None:
        try:
            states = history.read(TARGETS.parent / "recorded.json")
        except UserError as error:
            self.skipTest(str(error))
        targets = bench_rows.load_targets(TARGETS)
        document = xml.dom.minidom.parseString(history.plot(states, targets))
        words = {node.firstChild.data.split()[0] for node in document.getElementsByTagName("text")}
        self.assertLessEqual(states[-1].figures.keys() & {target["id"] for target in targets if target["target"]},
                             words)

    def test_names_do_not_overlap(self) -> None:
        places = svg.spread([100.0, 101.0, 50.0, 300.0], 13, 40, 300)
        self.assertEqual(places, [100, 113, 50, 300])
        self.assertEqual(svg.spread([300.0, 300.0], 13, 40, 300), [287, 300])

    def test_axes_cover_their_values(self) -> None:
        for low, high, logarithmic in ((0.3, 9.0, True), (1.0, 1.0, True), (0.0, 1639.0, False), (5.0, 5.0, False)):
            ticks = svg.steps(low, high, logarithmic)
            self.assertTrue(ticks[0] <= low and ticks[-1] >= high, (low, high, ticks))
            self.assertLess(len(ticks), 12)
