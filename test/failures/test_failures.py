"""What does a developer of servers see on the screen when the system can't start, or when a server ends?"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from typing import Any

import volume

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from machine import BUILT, PROMPT, ROOT, Terminal, command, run  # noqa: E402

MANIFEST = "etc/manifest.json"
PANIC, CANNOT_START, SERVER_ENDED = 70, 74, 75
# the process server runs no program without this note
NOTE = pathlib.Path(__file__).resolve().parents[2] / "libsys" / "runtime" / "note.S"
SPINNING = """void _start(void);
__attribute__((noinline)) static void spin(void) {
    for (;;)
        __asm__ volatile("");
}
void _start(void) {
    spin();
    __asm__ volatile("");
}
"""


class Changed(unittest.TestCase):
    """Machines that boot a changed volume, from a build folder of their own whose other files are the real ones."""

    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for name in os.listdir(BUILT):
            if name not in ("run", "boot.tar"):
                (self.folder / name).symlink_to(pathlib.Path(BUILT) / name)
        self.members = volume.read(pathlib.Path(BUILT) / "boot.tar")

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(dict(self.members)[MANIFEST])
        return found

    def program(self, manifest: dict[str, Any], name: str) -> dict[str, Any]:
        return next(program for program in manifest["programs"] if program["name"] == name)

    def program_once(self, manifest: dict[str, Any], name: str) -> dict[str, Any]:
        """A program that is not started again when it ends."""
        program = self.program(manifest, name)
        for rule in ("restart", "heartbeat_ms"):
            program.pop(rule, None)
        return program

    def run_with(self, manifest: dict[str, Any] | str, *arguments: str) -> subprocess.CompletedProcess[str]:
        text = manifest if isinstance(manifest, str) else json.dumps(manifest, indent=1)
        members = volume.replace(self.members, MANIFEST, text.encode())
        (self.folder / "boot.tar").write_bytes(volume.build(members))
        return run("--boot", "pvh", "--built", str(self.folder), "--timeout", "20", *arguments)

    def run_suite(self, manifest: str) -> subprocess.CompletedProcess[str]:
        """Run it the way `./baton test` runs a suite."""
        members = volume.replace(self.members, MANIFEST, manifest.encode())
        (self.folder / "boot.tar").write_bytes(volume.build(members))
        return subprocess.run([sys.executable, str(ROOT / "tools" / "suite.py"), "--name", "broken", "--loader",
                               f"{BUILT}/boot/pvh.elf", "--volume", str(self.folder / "boot.tar"), "--output",
                               str(self.folder / "log"), "--timeout", "4"],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)

    def check_end(self, done: subprocess.CompletedProcess[str], status: int, last: str) -> None:
        """Check the exit status and the last line on the screen."""
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], f"^baton: {last}$")


class Starting(Changed):
    """The reason why a system can't start is the last thing on the screen."""

    def test_a_manifest_with_a_mistake(self) -> None:
        text = dict(self.members)[MANIFEST].decode()
        place = text.index('"right": "serve"')
        line = text[:place].count("\n") + 1
        self.check_end(self.run_with(text.replace(', "right": "serve"', ' "right": "serve"', 1), "-c", "true"),
                       CANNOT_START,
                       rf"init: etc/manifest\.json: line {line}: a member has no name or not one value; .*")
        self.check_end(self.run_with(text.replace('"capabilities"', '"capabilites"', 1), "-c", "true"), CANNOT_START,
                       r'init: etc/manifest\.json: program 1 \(console\): unknown member "capabilites"')

    def test_an_image_that_is_not_there(self) -> None:
        manifest = self.manifest()
        self.program(manifest, "pipes")["image"] = "bin/nosuch"
        self.check_end(self.run_with(manifest, "-c", "true"), CANNOT_START,
                       "init: there is no bin/nosuch on the boot volume")
        self.program(manifest, "pipes")["image"] = "etc/manifest.json"
        self.check_end(self.run_with(manifest, "-c", "true"), CANNOT_START,
                       r"init: pipes: etc/manifest\.json: not an ELF file")

    def test_an_endpoint_that_nobody_serves(self) -> None:
        manifest = self.manifest()
        self.program(manifest, "process")["capabilities"]["pipes"]["endpoint"] = "piipes"
        self.check_end(self.run_with(manifest, "-c", "true"), CANNOT_START,
                       r"init: etc/manifest\.json: program 4 \(process\), capability pipes: no program serves the "
                       r"endpoint piipes")

    def test_an_endpoint_that_two_programs_serve(self) -> None:
        manifest = self.manifest()
        pipes = self.program(manifest, "pipes")
        events = {"notification": "pipes2", "right": "own", "bind": True}
        manifest["programs"].append(pipes | {"name": "pipes2",
                                             "capabilities": pipes["capabilities"] | {"events": events}})
        self.check_end(self.run_with(manifest, "-c", "echo x | cat"), CANNOT_START,
                       r"init: etc/manifest\.json: endpoint pipes is served by pipes and pipes2")

    def test_more_memory_than_there_is(self) -> None:
        manifest = self.manifest()
        self.program(manifest, "files")["capabilities"]["memory"]["memory"] = 1 << 30
        self.check_end(self.run_with(manifest, "-c", "true"), CANNOT_START, "init: files: memory: .*")

    def test_without_commands(self) -> None:
        """The reason is the last line on a terminal's screen, too."""
        self.check_end(self.run_with("{}"), CANNOT_START, r'init: etc/manifest\.json: there is no array "programs"')

    def test_with_fewer_lines_on_the_log(self) -> None:
        """Then init's reason is not there. The status is, and where the reason would be."""
        manifest = self.manifest()
        self.program(manifest, "console")["priority"] = 99
        done = self.run_with(manifest, "--log", "warn", "-c", "true")
        self.assertEqual((done.returncode, done.stderr), (CANNOT_START, "baton: status 74: unless a command ended with "
                         "it, the system could not be started; with `--log info` init says why\n"))
        done = self.run_with(self.manifest(), "--log", "warn", "-c", "exit 73")
        self.assertEqual((done.returncode, done.stderr), (73, ""))

    def test_a_command_that_ends_with_that_status(self) -> None:
        for status in (CANNOT_START, SERVER_ENDED):
            done = run("--boot", "pvh", "-c", f"exit {status}")
            self.assertEqual(done.returncode, status)
            self.assertNotIn("init:", done.stderr)

    def test_in_a_suite(self) -> None:
        """tools/suite.py, whose output `./baton test` and `./baton bench` show."""
        done = self.run_suite("{")
        self.assertEqual(done.stdout.splitlines()[-1],
                         "Bail out! init: etc/manifest.json: line 1: not JSON: it ends too early")
        self.assertNotIn("registers", done.stdout, "they have nothing to add")

    def test_without_a_kernel(self) -> None:
        members = [member for member in self.members if member[0] != "boot/kernel.elf"]
        (self.folder / "boot.tar").write_bytes(volume.build(members))
        for boot in ("pvh", "uefi"):
            with self.subTest(boot=boot):
                done = run("--boot", boot, "--built", str(self.folder), "-c", "true")
                self.check_end(done, CANNOT_START, "the loader: .*kernel.*")
                self.assertEqual(done.stdout, "")


class First(Changed):
    """Other programs stand in for init."""

    def run_first(self, name: str) -> subprocess.CompletedProcess[str]:
        self.members = volume.replace(self.members, "boot/init.elf", dict(self.members)[name])
        return self.run_with(self.manifest(), "--timeout", "4", "-c", "true")

    def test_its_end(self) -> None:
        """Nobody could tell of it any more, so the kernel does."""
        done = self.run_first("bin/crash")
        self.check_end(done, PANIC, "panic: the first program faulted")
        self.assertRegex(done.stderr, r"(?m)^backtrace:\n  #0 0x[0-9a-f]{16} program_exit at \S*start\.c:")
        self.assertRegex(done.stderr, r"(?m)^kernel half of CR3 0x[0-9a-f]+ \(first program\) compared with")

    def test_a_loop(self) -> None:
        done = self.run_first("test/exec/loop")
        self.check_end(done, 124, "hang: no end within 4 s")
        self.assertRegex(done.stderr, r"(?m)^  first program \(thread 1\): runs")
        self.assertRegex(done.stderr, r"(?m)^CPU 0: ring 3, CR3 0x[0-9a-f]+ \(first program\)$")


class Servers(Changed):
    """A server that ends: the report names it and the image that it ran."""

    def test_main_returns(self) -> None:
        done = run("--boot", "pvh", "--with", "pipes=ls", "-c", "true")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("pipes: main returned 1", done.stderr)
        self.assertIn("\n  image: bin/ls\n", done.stderr)
        for wrong in ("undefined", "servers/pipes", "#0"):
            self.assertNotIn(wrong, done.stderr)

    def test_a_fault_in_another_image(self) -> None:
        """The image of crash runs as the server pipes: the report has the lines and callers of crash."""
        manifest = self.manifest()
        pipes = self.program(manifest, "pipes")
        pipes["image"] = "bin/crash"
        for way, what, function in (("write", r"page fault: write at 0x0000000000000010 \(nothing is mapped there\)",
                                     "crash_writing"),
                                    ("stack", r"stack overflow: write at 0x00007fff[0-9a-f]{8} \(the stack ends at "
                                              r"0x00007fff[0-9a-f]{8}\)",
                                     "crash_nesting")):
            with self.subTest(way=way):
                pipes["arguments"] = [way]
                done = self.run_with(manifest, "-c", "true")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertRegex(done.stderr,
                                 rf"(?m)^pipes: {what}\n  image: bin/crash\n  #0 0x[0-9a-f]{{16}} {function} at "
                                 rf"\S*/crash\.c:\d+")
                self.assertRegex(done.stderr, r"(?m)^  #1 0x[0-9a-f]{16} \w+ at \S*/crash\.c:\d+")
                self.assertNotIn("servers/pipes", done.stderr)

    def test_a_capability_that_is_not_there(self) -> None:
        """A server names a missing capability that it needs. Otherwise it would pass 0, which some
        calls take to mean "none"."""
        for name, cap in (("pipes", "events"), ("pipes", "serve"), ("files", "events"), ("files", "space"),
                          ("console", "interrupt"), ("process", "space"), ("process", "pool")):
            with self.subTest(server=name, capability=cap):
                manifest = self.manifest()
                self.program(manifest, name)["capabilities"].pop(cap)
                done = self.run_with(manifest, "-c", "true")
                if cap == "serve":
                    self.check_end(done, CANNOT_START,
                                   r".*: program 4 \(process\), capability pipes: no program serves the endpoint pipes")
                    continue
                self.assertEqual(done.returncode, 0 if name == "pipes" else SERVER_ENDED, done.stdout + done.stderr)
                self.assertIn(f"{name}: main returned 1; its last words: no capability `{cap}`\n", done.stderr)

    def test_one_that_is_not_there_is_not_started_again_by_hand(self) -> None:
        """It is gone, or waits for its back-off: `servers restart` says which."""
        for rule, reason in (({"limit": 1, "backoff_ms": 60000},
                              "it is about to come back, or is being swapped: try again later"),
                             (None, "the server is gone")):
            with self.subTest(restart=rule):
                manifest = self.manifest()
                pipes = self.program(manifest, "pipes") if rule else self.program_once(manifest, "pipes")
                pipes.update({"image": "bin/false"} | ({"restart": rule} if rule else {}))
                done = self.run_with(manifest, "-c", "servers; servers restart pipes")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stdout, r"pipes +\w+ +28 +\d  its main returned\n")
                self.assertTrue(done.stdout.strip().endswith(f"\nservers: pipes: {reason}"), done.stdout)

    def test_a_vital_one(self) -> None:
        manifest = self.manifest()
        del self.program_once(manifest, "console")["capabilities"]["irq"]
        self.check_end(self.run_with(manifest, "-c", "true"), SERVER_ENDED,
                       "console: main returned 1; its last words: .*`irq`.*")
        manifest = self.manifest()
        self.program(manifest, "process")["arguments"][0] = "bin/nosuch"
        self.check_end(self.run_with(manifest, "-c", "true"), SERVER_ENDED,
                       "process: main returned 1; its last words: starting bin/nosuch: .*")
        manifest = self.manifest()
        self.program_once(manifest, "files").update(image="bin/crash", arguments=["divide"])
        self.check_end(self.run_with(manifest, "-c", "true"), SERVER_ENDED, "files: divide error, code 0x0")

    def test_a_vital_one_that_comes_back(self) -> None:
        """Its reports are alike, so all but the first are short, and init's last words fit on the log."""
        manifest = self.manifest()
        self.program(manifest, "files").update(image="bin/crash", arguments=["divide"])
        done = self.run_with(manifest, "-c", "true")
        self.check_end(done, SERVER_ENDED, "files: divide error, code 0x0")
        done = self.run_suite(json.dumps(manifest))
        self.assertEqual(done.stdout.splitlines()[-1], "Bail out! files: divide error, code 0x0")
        self.assertEqual(done.stdout.count("image: bin/crash\n"), 1)
        self.assertIn("init: files: restarted 20 times within 10000 ms: it stays away\n", done.stdout)

    def test_in_a_suite(self) -> None:
        """tools/suite.py adds names to faults of programs, and the list of threads to a hang."""
        manifest = self.manifest()
        self.program_once(manifest, "files").update(image="bin/crash", arguments=["divide"])
        done = self.run_suite(json.dumps(manifest))
        self.assertEqual(done.stdout.splitlines()[-1], "Bail out! files: divide error, code 0x0")
        self.assertRegex(done.stdout,
                         r"(?m)^#   files: divide error, code 0x0\n#     image: bin/crash\n#     #0 0x[0-9a-f]{16} "
                         r"crash_dividing at \S*/crash\.c:\d+")
        self.program(manifest, "files").update(image="test/exec/loop", arguments=[], priority=0)
        done = self.run_suite(json.dumps(manifest))
        self.assertEqual(done.stdout.splitlines()[-1], "Bail out! hang: no end within 4 s")
        self.assertRegex(done.stdout,
                         r"(?m)^#   process \(thread \d+\): calls an endpoint that nobody waits at; it is served by "
                         r"files \(thread \d+\), which runs")

    def test_a_copy_of_a_program(self) -> None:
        """A copy in /tmp, under another program's name: the image that ran is still found."""
        done = run("--boot", "pvh", "-c", "cp /bin/crash /tmp/ls; /tmp/ls read")
        self.assertRegex(done.stderr,
                         r"(?m)^process 3 \(ls\): page fault: read .*\n  image: bin/crash\n  #0 0x[0-9a-f]{16} "
                         r"crash_reading at ")

    def test_the_shells_words(self) -> None:
        done = run("--boot", "pvh", "-c", "crash divide")
        self.assertRegex(done.stdout,
                         r"^-c:1: crash: killed by signal 8: divide error, instruction 0x[0-9a-f]+\r?\n")

    def test_one_file_for_both_streams(self) -> None:
        """`2>&1`: a report stays in one piece, and a command's output is on lines of its own."""
        done = subprocess.run(command("--boot", "pvh", "-c", "crash write\n" * 5), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
        report = r"process \d+ \(crash\): page fault: [^\n]*\n  #0 [^\n]*\n(  #\d [^\n]*\n)+  next above: [^\n]*\n"
        words = r"-c:\d: crash: killed by signal 11: [^\n]*\n"
        self.assertRegex(done.stdout, rf"\A({report}|{words}){{10}}\Z")

    def test_another_process_server(self) -> None:
        done = run("--boot", "pvh", "--with", "process=process_mini", "-c", "crash stack")
        self.assertRegex(done.stderr,
                         r"(?m)^crash: stack overflow: write .*\n  #0 0x[0-9a-f]{16} crash_nesting at \S*/crash\.c:\d+")


class OnTheScreen(Terminal):
    """A report stands among the kernel's lines, as the screen shows these, too."""

    def test_fault(self) -> None:
        self.expect(PROMPT)
        for _ in range(3):
            self.type(b"crash write\r")
            lines = self.expect(b"\r\n" + PROMPT).decode().split("\r\n")
            first = next(number for number, line in enumerate(lines) if line.startswith("process "))
            last = next(number for number, line in enumerate(lines) if line.startswith("  next above: "))
            self.assertRegex("\n".join(lines[first : last + 1]),
                             r"\Aprocess \d+ \(crash\): page fault: .*(\n  #\d 0x[0-9a-f]{16} .*)+\n  next above: .*\Z")
            kernel = [line for line in lines
                      if " INFO user: " in line or "0x00" in line and not line.startswith((" ", "process "))]
            self.assertGreaterEqual(len(kernel), 7)
            for line in kernel:
                self.assertRegex(line, r"^\d+\.\d{6} INFO user: process \d+ \(crash\): ", lines)


class Rebooting(unittest.TestCase):
    def test_it_is_no_crash(self) -> None:
        done = run("--boot", "pvh", "-c", "echo hi; reboot; echo no")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "hi\n", "baton: the guest rebooted the machine\n"))


class Pipes(Changed):
    """A pipeline whose pipe can't be made: no part of it runs, and the next command does."""

    def check(self, done: subprocess.CompletedProcess[str], *lines: str) -> None:
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.replace("\r", "").splitlines()[: len(lines)], list(lines))

    def test_without_a_pipes_server(self) -> None:
        self.check(run("--boot", "pvh", "--with", "pipes=ls", "--timeout", "20", "-c",
                       "echo hi > /tmp/f | cat; echo $?; cat /tmp/f; echo one | cat | cat & wait; echo after"),
                   "-c:1: making a pipe: the server is gone", "1", "cat: /tmp/f: no such file or directory",
                   "-c:1: making a pipe: the server is gone", "after")

    def test_more_than_there_are(self) -> None:
        """The last of the pipes is refused: the earlier ones are given back, so a shorter pipeline works."""
        long, held = "echo no" + " | cat" * 20, "sleep 3" + " | cat" * 15
        done = run("--boot", "pvh", "--timeout", "20", "-c",
                   f"{held} &\n{long}; echo $?; echo yes | cat | cat | cat; echo $?")
        self.assertRegex(done.stdout.replace("\r", ""), r"^-c:2: making a pipe: [a-z ]+\n1\nyes\n0\n")


class Hangs(Changed):
    """The report on a machine that had to be stopped lists its threads, and who could end each wait."""

    def test_a_call_that_nobody_takes(self) -> None:
        """A program in the place of pipes that never waits at its endpoint, and gives the CPU to all others."""
        manifest = self.manifest()
        self.program_once(manifest, "pipes").update(image="test/exec/loop", priority=0)
        done = self.run_with(manifest, "--timeout", "6", "-c", "echo hi | cat")
        self.check_end(done, 124, "hang: no end within 6 s")
        self.assertRegex(done.stderr,
                         r"(?m)^  process 1, shell \(thread \d+\): calls an endpoint that nobody waits at; "
                         r"it is served by pipes \(thread \d+\), which runs(, for \d\.\d s)?$")
        self.assertRegex(done.stderr, r"(?m)^  pipes \(thread \d+\): runs$|^  pipes \(thread \d+\): runs, for")
        self.assertRegex(done.stderr, r"(?m)^  init \(thread 1\): waits for messages and a notification"
                         r"(, for \d\.\d s)?$",
                         "the others may be late on a busy host")

    def test_an_answer_that_was_put_off(self) -> None:
        done = run("--boot", "pvh", "--timeout", "5", "-c", "sleep 100")
        self.check_end(done, 124, "hang: no end within 5 s")
        for name in ("process 1, shell", "process 2, sleep"):
            self.assertRegex(done.stderr,
                             rf"(?m)^  {name} \(thread \d+\): waits for an answer that process \(thread \d+\) has put "
                             rf"off, for \d\.\d s$")
        self.assertIn("\nCPU 0: idle\n", done.stderr, "and nothing of its registers and page tables")
        self.assertNotIn("sealed root 0x", done.stderr.partition("kernel log")[0])

    def test_a_program_that_runs_in_circles(self) -> None:
        """Its code is named, whether init or the process server loaded it, and wherever it lies.
        Page tables are left out."""
        (self.folder / "spin.c").write_text(SPINNING)
        for flags in (("-static",), ("-fpie", "-static-pie")):
            subprocess.run(["clang", "-g", "-O1", "-nostdlib", "-fno-omit-frame-pointer", "-fuse-ld=lld",
                            "-Wl,--build-id=sha1", "-Wl,-z,noexecstack", *flags, "spin.c", str(NOTE), "-o", "spin"],
                           cwd=self.folder, check=True)
            self.members = volume.replace(self.members, "bin/spin", (self.folder / "spin").read_bytes())
            manifest = self.manifest()
            self.program(manifest, "pipes").update(image="bin/spin", priority=0)
            for program, *arguments in (("pipes", manifest, "--timeout", "3", "-c", "echo hi | cat"),
                                        ("process 2, spin", self.manifest(), "--timeout", "3", "-c", "spin")):
                with self.subTest(flags=flags, commands=arguments[-1]):
                    done = self.run_with(*arguments)
                    self.assertRegex(done.stderr, rf"(?m)^CPU 0: ring 3, CR3 0x[0-9a-f]+ \({program}\)$")
                    self.assertRegex(done.stderr,
                                     r"(?m)^backtrace:\n  #0 0x[0-9a-f]{16} spin at \S*spin\.c:[34].*\n  #1 "
                                     r"0x[0-9a-f]{16} _start at \S*spin\.c:")
                    self.assertNotIn("walk of 0x", done.stderr)
                    self.assertNotIn("sealed root 0x", done.stderr.partition("kernel log")[0])

    def test_in_another_process_server(self) -> None:
        """Another process server has other records: processes get only numbers, not names read from wrong bytes."""
        done = run("--boot", "pvh", "--with", "process=process_mini", "--timeout", "5", "-c", "test/exec/loop")
        self.assertRegex(done.stderr,
                         r"(?m)^  process 1 \(thread \d+\): waits for an answer that process \(thread \d+\) has put "
                         r"off")
        self.assertRegex(done.stderr, r"(?m)^  process 2 \(thread \d+\): runs")


if __name__ == "__main__":
    unittest.main()
