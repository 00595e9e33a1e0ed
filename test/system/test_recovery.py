"""Servers that are killed at random times while programs use them: `./baton run --storm`.

The suite test/restart/ kills at chosen places of a server's code. Here a kill can come between any two instructions of
console, files, pipes and process, and what the machine prints has to be the same, byte for byte. RECOVERY_MINUTES=10
goes on for as long, with all programs that test these servers, and other seeds, times and numbers of CPUs.
"""

from __future__ import annotations

import os
import random
import re
import time
import unittest

from long_script import MEANWHILE_EVERY, script
from machine import Prompt, run

SEED = int(os.environ.get("BATON_SEED", "1"))
MINUTES = float(os.environ.get("RECOVERY_MINUTES", "0"))
MEAN_US = 20000
MEAN_OF_MANY_US = 100000  # on several CPUs, of which a host may have fewer: what they do takes longer
FILES_MEAN_US = 2000
SWAP_MEAN_US = 5000
PROCESS_MEAN_US = 20000  # the first end comes while the server starts the first program
MEANS_US = (1000, 3000, 10000, 50000)  # of the long form
KILLS_MIN = 10  # in a session; a fast host ends it before many more have come
CPUS = ((), ("--smp", "2", "--all-cpus"), ("--smp", "4", "--all-cpus"))
LINES = 10
SCRIPT_LINES = 1000
TYPED = 15  # times that the console is ended while lines are typed
SWAPS_REFUSED = 40
NAMES = ("console", "files", "pipes", "process")
MACHINE_SECONDS = "400"  # an emulator with more CPUs than a busy host can spare is slow

# Readers that wait for a pipe, writers that wait for room, open files, and much on the screen.
WORDS = " ".join(f"word{i}" for i in range(40))
SESSION = "\n".join([
    "mkdir /tmp/d; help > /tmp/d/text",
    *(f"echo {i} {WORDS} | cat | cat >> /tmp/d/all; cat /tmp/d/text | cat > /tmp/d/{i % 4}"
      for i in range(LINES)),
    "cat /tmp/d/all | cat; cat < /tmp/d/1 | cat; ls -l /tmp/d",
    "cat /bin/shell /bin/files | cat | cat > /tmp/d/big; ls -l /tmp/d/big; cp /tmp/d/big /tmp/d/copy; rm /tmp/d/big",
    *(f"shell -c 'cat | cat' < /tmp/d/{i % 4} > /tmp/d/copy{i} & cat /tmp/d/all > /tmp/d/all{i} & wait"
      for i in range(4)),
    "ls -l /tmp/d; cat /tmp/d/copy2; rm /tmp/d/0; cat /tmp/d/0; df"])
TESTS = "\nstreamtest"
LONG_SESSION = SESSION + TESTS + "\nfiletest\nexectest"
LIST = "\nservers"


def judge(done_stdout: str) -> tuple[str, int]:
    """What the session printed, and how many servers were killed meanwhile."""
    text, _, servers = done_stdout.replace("\r", "").rpartition("SERVER ")
    return text, sum(int(count) for name, count in re.findall(r"^(\w+) +runs +\d+ +(\d+) ", servers, re.M)
                     if name in NAMES)


class Sessions(unittest.TestCase):
    def session(self, session: str, *arguments: str, seconds: str = MACHINE_SECONDS) -> tuple[str, int]:
        done = run("--boot", "pvh", "--timeout", seconds, *arguments, "-c", session + LIST, seconds=float(seconds) + 20)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        return judge(done.stdout)

    def compare(self, expected: str, got: str, what: str) -> None:
        if got == expected:
            return
        lines = zip(expected.splitlines(), got.splitlines())
        number, pair = next(((i, pair) for i, pair in enumerate(lines) if pair[0] != pair[1]), (-1, ("", "")))
        self.fail(f"{what}: {len(got)} bytes, {len(expected)} without a storm; line {number} is {pair[1]!r}, not "
                  f"{pair[0]!r}")


class Recovery(Sessions):
    def test_output_is_the_same(self) -> None:
        expected, kills = self.session(SESSION + TESTS)
        self.assertEqual(kills, 0)
        self.assertIn("checks, 0 failed", expected)
        got, kills = self.session(SESSION + TESTS, "--storm", f"{SEED},{MEAN_US}")
        self.compare(expected, got, f"--storm {SEED},{MEAN_US}")
        self.assertGreater(kills, KILLS_MIN)

    def test_output_is_the_same_on_four_cpus(self) -> None:
        expected, _ = self.session(SESSION)
        storm = f"{SEED},{MEAN_OF_MANY_US}"
        got, kills = self.session(SESSION, *CPUS[-1], "--storm", storm)
        self.compare(expected, got, f"--storm {storm} {' '.join(CPUS[-1])}")
        self.assertGreater(kills, KILLS_MIN)

    def test_output_is_the_same_with_swaps(self) -> None:
        """Servers are swapped at random, each for a program of its own image; in the second run they end, too."""
        expected, _ = self.session(SESSION + TESTS)
        for storm in ((), ("--storm", f"{SEED},{MEAN_US}")):
            got, swaps = self.session(SESSION + TESTS, "--swaps", f"{SEED + 1},{SWAP_MEAN_US}", *storm)
            self.compare(expected, got, f"--swaps {SEED + 1},{SWAP_MEAN_US} {' '.join(storm)}")
            self.assertGreater(swaps, KILLS_MIN)

    def test_output_is_the_same_with_swaps_on_four_cpus(self) -> None:
        expected, _ = self.session(SESSION)
        got, swaps = self.session(SESSION, *CPUS[-1], "--swaps", f"{SEED},{MEAN_OF_MANY_US}")
        self.compare(expected, got, f"--swaps {SEED},{MEAN_OF_MANY_US} {' '.join(CPUS[-1])}")
        self.assertGreater(swaps, KILLS_MIN)

    def test_files_are_the_same_with_swaps(self) -> None:
        expected, _ = self.session("filetest")
        got, swaps = self.session("filetest", "--swaps", f"{SEED},{FILES_MEAN_US},files")
        self.compare(expected, got, f"--swaps {SEED},{FILES_MEAN_US},files")
        self.assertGreater(swaps, KILLS_MIN)

    def test_files_are_the_same(self) -> None:
        """All that files does, with its server ended more often than it answers some calls."""
        expected, _ = self.session("filetest")
        got, kills = self.session("filetest", "--storm", f"{SEED},{FILES_MEAN_US},files")
        self.compare(expected, got, f"--storm {SEED},{FILES_MEAN_US},files")
        self.assertGreater(kills, KILLS_MIN)

    def test_processes_are_the_same(self) -> None:
        """Forks, execs, waits and faults, with their server ended in the middle, from its start on."""
        expected, _ = self.session("exectest")
        got, kills = self.session("exectest", "--storm", f"{SEED},{PROCESS_MEAN_US},process")
        self.compare(expected, got, f"--storm {SEED},{PROCESS_MEAN_US},process")
        self.assertGreater(kills, KILLS_MIN)


if MINUTES > 0:  # on request only

    class ForLong(Sessions):
        def test_output_is_the_same(self) -> None:
            expected, _ = self.session(LONG_SESSION, seconds="900")
            total, seed, end = 0, SEED, time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                choice = random.Random(seed)
                name = choice.choice(("", *NAMES))
                storm = f"{seed},{choice.choice(MEANS_US)}" + (f",{name}" if name else "")
                cpus = choice.choice(CPUS)
                got, kills = self.session(LONG_SESSION, *cpus, "--storm", storm, seconds="900")
                self.compare(expected, got, f"--storm {storm} {' '.join(cpus)}")
                total += kills
                seed += 1
            print(f"# {seed - SEED} sessions from seed {SEED} on, {total} kills", flush=True)
            self.assertGreater(total, 0)


class ByHand(Sessions):
    """Somebody restarts each server again and again while a long script runs."""

    def test_a_long_script(self) -> None:
        meanwhile = [f"servers restart {name}" for name in NAMES]
        expected, kills = self.session(script(SCRIPT_LINES, SEED))
        self.assertEqual(kills, 0)
        self.assertGreater(len(expected.splitlines()), SCRIPT_LINES)
        got, kills = self.session(script(SCRIPT_LINES, SEED, meanwhile))
        self.compare(expected, got, f"script of seed {SEED}")
        self.assertEqual(kills, SCRIPT_LINES // MEANWHILE_EVERY)


class Keys(Prompt):
    """What is typed while the console is killed arrives once."""

    arguments = ("--boot", "pvh", "--storm", f"{SEED},{MEAN_US},console")

    def test_typed_lines(self) -> None:
        typed = restarts = 0
        while restarts <= TYPED:  # the machine's time limit bounds this
            typed += 1
            self.assertEqual(self.answer(b"echo typed %d" % typed), [f"typed {typed}"])
            restarts = int(next(line for line in self.answer(b"servers") if line.startswith("console")).split()[3])


class Commands(unittest.TestCase):
    """`servers restart` by hand."""

    def test_each_server(self) -> None:
        done = run("--boot", "pvh", "-c", "\n".join(f"servers restart {name}; echo $?" for name in NAMES) + LIST)
        text, kills = judge(done.stdout)
        self.assertEqual((text, kills), ("0\n" * len(NAMES), len(NAMES)), done.stdout + done.stderr)
        self.assertEqual(len(re.findall(r"^\w+ +runs +\d+ +1  on request$", done.stdout.replace("\r", ""), re.M)),
                         len(NAMES), done.stdout)

    def test_a_storm_for_nobody(self) -> None:
        for option in ("--storm", "--swaps"):
            with self.subTest(option=option):
                done = run("--boot", "pvh", option, "1,2000,nosuch", "-c", "true")
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(f"{option} 1,2000,nosuch: no program nosuch of the manifest can come back; these can: "
                              f"{', '.join(NAMES)}", done.stderr)

    def test_a_swap_that_is_refused_beside_others(self) -> None:
        """Each answer is that of its own swap, even if the next one begins at once."""
        done = run("--boot", "pvh", "--swaps", f"{SEED},{FILES_MEAN_US},files", "-c",
                   "\n".join(["swap pipes /bin/true"] * SWAPS_REFUSED) + LIST)
        text, swaps = judge(done.stdout)
        self.assertLessEqual(set(text.splitlines()), {
            "swap: pipes: another swap is under way",
            "swap: pipes stays as it is: the new program ended at once: see `log`"}, done.stdout + done.stderr)
        self.assertEqual(text.count("swap: "), SWAPS_REFUSED)
        self.assertGreater(swaps, KILLS_MIN)


if __name__ == "__main__":
    unittest.main()
