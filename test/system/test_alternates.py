"""Process servers that share the usual one's files: process_lottery and process_eager.

Their conformance is tested in test/process/. Here is what each has of its own, and that a swap of one for another is
seen by nobody.
"""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
import unittest

from machine import run

SEED = int(os.environ.get("BATON_SEED", "1"))
ICOUNT = ("--", "-icount", "shift=3,sleep=off")  # time is counted in instructions: shares do not depend on the host
QUANTUM_MS = 5
SECONDS = 4
DRAWS = SECONDS * 1000 // QUANTUM_MS
DEVIATIONS = 4  # by which a share may be off: a right one is farther off in one run of 16,000
KILL_MEAN_US = 20000
KILLS_MIN = 5
SERVERS = ("process_lottery", "process_eager")

# A job that is stopped, one that sleeps, a pipeline that is open all the time, and forks and execs. `*` is a swap.
TALK = "echo one; *; echo two | cat; *; /bin/echo three | cat; *; echo four; *; shell -c \"echo five\"; *; echo six"
SESSION = f"""
/test/exec/loop & kill -s stop %1; jobs
sleep 1 &
write /tmp/talk '{TALK}'
shell < /tmp/talk | cat
wait %2; echo $?
jobs; kill %1; wait; jobs
"""
SWAPS = ("process_lottery", "process_eager", "process", "process_eager", "process_lottery")


def lines(text: str) -> str:
    return text.replace("\r", "")


def with_swaps(session: str) -> str:
    for image in SWAPS:
        session = session.replace("*", f"swap process /bin/{image}", 1)
    return session


class Swaps(unittest.TestCase):
    def test_nobody_sees_them(self) -> None:
        for cpus in ((), ("--smp", "2", "--all-cpus"), ("--smp", "4", "--all-cpus")):
            with self.subTest(cpus=cpus):
                expected = run("--boot", "pvh", *cpus, "-c", SESSION.replace("*", "true"))
                self.assertIn("six\n", lines(expected.stdout), expected.stderr)
                got = run("--boot", "pvh", *cpus, "-c", with_swaps(SESSION) + "servers")
                output, _, servers = lines(got.stdout).partition("SERVER ")
                self.assertEqual(output, lines(expected.stdout), got.stderr)
                self.assertRegex(servers, rf"process +runs +26 +{len(SWAPS)} ")

    def test_swaps_at_named_times(self) -> None:
        """--swap-at: to another make and back at one time each, under a pipeline that is open all the while."""
        talk = "write /tmp/talk 'echo one; sleep 4; echo two'; shell < /tmp/talk | cat; servers; log"
        for cpus in ((), ("--smp", "4", "--all-cpus")):
            with self.subTest(cpus=cpus):
                done = run("--boot", "pvh", *cpus, "--swap-at", "500000,files,/bin/files_flat",
                           "--swap-at", "2000000,files,bin/files", "--swap-at", "3000000,process,/bin/process_lottery",
                           "--swap-at", "200000,files,/bin/console", "-c", talk)
                output, _, said = lines(done.stdout).partition("SERVER ")
                self.assertEqual(output, "one\ntwo\n", done.stderr)
                self.assertRegex(said, r"files +runs +28 +2 [^$]*process +runs +26 +1 ")
                for line in ("files stays bin/files: ", "files is bin/files_flat now",
                             "files is bin/files now", "process is bin/process_lottery now"):
                    self.assertIn(f"init: {line}", said)
                    said = said.partition(f"init: {line}")[2]  # in this order

    def test_an_image_that_is_too_large(self) -> None:
        done = run("--boot", "pvh", "-c",
                   "swap files /bin/process_mini; swap files /bin/files_flat; echo still here; log")
        self.assertIn("swap: files: the new program can't be built: see `log`\nstill here\n", lines(done.stdout))
        self.assertIn("init: files: bin/process_mini: not enough memory\n", lines(done.stdout))

    def test_times_without_a_use(self) -> None:
        for swap, reason in (("5,nobody,bin/files", "no program nobody of the manifest can come back; these can: "),
                             ("5,files,bin/nothing", "there is no bin/nothing on the volume"),
                             ("0,files,bin/files", "want US,NAME,IMAGE"), ("5,files", "want US,NAME,IMAGE")):
            with self.subTest(swap=swap):
                done = run("--boot", "pvh", "--swap-at", swap, "-c", "true")
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"{swap}: {reason}", done.stderr)

    def test_too_many_times(self) -> None:
        done = run("--boot", "pvh", *["--swap-at", "5,files,bin/files"] * 9, "-c", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--swap-at: 9 of them; at most 8 can be given", done.stderr)

    def test_an_option_that_the_next_server_lacks(self) -> None:
        done = run("--boot", "pvh", "--with", "process=process_lottery --seed 7", "-c",
                   "swap process /bin/process; echo still here")
        self.assertIn("swap: process stays as it is: the new program ended at once", done.stdout)
        self.assertTrue(lines(done.stdout).endswith("\nstill here\n"), done.stdout + done.stderr)
        self.assertIn("this server has no option --seed", done.stderr)


class Storms(unittest.TestCase):
    def test_processes_are_the_same(self) -> None:
        """As test_recovery.py has it of the usual server."""
        for server in SERVERS:
            with self.subTest(server=server):
                done = run("--boot", "pvh", "--with", f"process={server}", "--timeout", "400",
                           "--storm", f"{SEED},{KILL_MEAN_US},process", "-c", "exectest; servers", seconds=420)
                self.assertIn("exectest: 37 checks, 0 failed\n", lines(done.stdout), done.stderr)
                found = re.search(r"^process +runs +26 +(\d+) ", lines(done.stdout), re.M)
                assert found is not None, done.stdout
                self.assertGreater(int(found[1]), KILLS_MIN)


class Options(unittest.TestCase):
    def test_wrong_options_are_named(self) -> None:
        wrong = "want a whole number from 1 to"
        for words, wanted in (("process --seed 7", "this server has no option --seed"),
                              ("process_eager --quantum-ms 7", "this server has no option --quantum-ms"),
                              ("process_lottery --quantum-ms 1001", f"{wrong} 1000 behind --quantum-ms"),
                              ("process_lottery --quantum-ms 0", f"{wrong} 1000 behind --quantum-ms"),
                              ("process_lottery --seed x", f"{wrong} 18446744073709551615 behind --seed")):
            with self.subTest(words=words):
                done = run("--boot", "pvh", "--with", f"process={words}", "-c", "true")
                self.assertEqual(done.returncode, 75, done.stdout + done.stderr)
                self.assertIn(wanted, done.stderr.splitlines()[-1])


class Lottery(unittest.TestCase):
    def times(self, *nice: int, storm: tuple[str, ...] = ()) -> list[int]:
        """The CPU times of busy programs with these nice values, in ms."""
        jobs = "".join(f"nice -n {value} /test/exec/loop & " for value in nice)
        server = f"process_lottery --quantum-ms {QUANTUM_MS} --seed {SEED}"
        kills = "; ".join(f"kill %{i + 1}" for i in range(len(nice)))
        done = run("--boot", "pvh", "--with", f"process={server}", *storm, "-c", f"{jobs} sleep {SECONDS}; ps; {kills}",
                   *ICOUNT)
        found = [int(time) for time in re.findall(r"running +\d+ +(\d+) +1 +\d+ loop$", lines(done.stdout), re.M)]
        self.assertEqual(len(found), len(nice), done.stdout + done.stderr)
        return found

    def compare(self, share: float, *nice: int, storm: tuple[str, ...] = ()) -> None:
        """A share of n draws that are won with probability p has the standard deviation sqrt(p (1 - p) / n)."""
        times = self.times(*nice, storm=storm)
        bound = DEVIATIONS * (share * (1 - share) / DRAWS) ** 0.5
        print(f"# nice {nice}: {times} ms, a share of {times[0] / sum(times):.3f}; {share} +- {bound:.3f}", flush=True)
        self.assertLess(abs(times[0] / sum(times) - share), bound, times)

    def test_three_to_one(self) -> None:
        self.compare(0.75, 5, 15)  # 15 and 5 tickets

    def test_equals(self) -> None:
        self.compare(0.5, 0, 0)

    def test_three_competitors(self) -> None:
        self.compare(10 / 16, 10, 15, 19)

    def test_twenty_to_one_though_the_server_ends(self) -> None:
        """A program with one ticket that has won just before a restart does not stay ahead of the other."""
        self.compare(20 / 21, 0, 19, storm=("--storm", f"{SEED},{KILL_MEAN_US},process"))

    def test_no_ticks_without_a_competitor(self) -> None:
        """A program computes while another one sleeps."""
        counts = []
        for seconds in (1, SECONDS):
            done = run("--boot", "pvh", "--with", "process=process_lottery", "-c",
                       f"/test/exec/loop & sleep {seconds}; kill %1; uptime", *ICOUNT)
            found = re.search(r", (\d+) timer interrupts", done.stdout)
            assert found is not None, done.stdout + done.stderr
            counts.append(int(found[1]))
        self.assertLess(counts[1] - counts[0], 20, counts)  # a tick each 10 ms would be 300


class Eager(unittest.TestCase):
    def faults(self, server: str, session: str) -> tuple[str, list[str]]:
        """What a session prints, and where its programs had page faults, as the emulator logs them."""
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "interrupts"
            done = run("--boot", "pvh", "--with", f"process={server}", "-c", session, "--", "-d", "int", "-D", str(log))
            text = log.read_text(encoding="utf-8", errors="replace")
        return lines(done.stdout), [line for line in text.splitlines() if "v=0e" in line and "cpl=3" in line]

    def test_no_page_fault(self) -> None:
        session = "echo one | cat; /bin/echo two | cat; ls / > /tmp/list; cat /tmp/list; sleep 0; nice -n 3 streamtest"
        usual, faults = self.faults("process", session)
        self.assertGreater(len(faults), 10)
        eager, faults = self.faults("process_eager", session)
        self.assertEqual((eager, faults), (usual, []))


if __name__ == "__main__":
    unittest.main()
