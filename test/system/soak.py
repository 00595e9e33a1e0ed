#!/usr/bin/env python3
"""Types random lines at a prompt of the whole system, batch after batch. A batch must leave nothing behind.

A batch is some twenty lines: commands of all kinds in pipelines, lists and jobs, files that come and go, programs that
crash, can't be run or are limited, and keys (Ctrl-C, Ctrl-Z, Ctrl-D) while they run. Then all jobs are killed and
waited for, and the files removed: what `mem`, `ps` and `df` say has to be what it was before the first batch. A line
whose prompt does not come back is a hang.

The seed and the batch's number alone decide a batch's lines and its pauses before keys. How far a program has got when
a key arrives depends on the host.

    soak.py --built build --seed 7 --minutes 15 --cpus 4            a long run
    soak.py --built build --seed 7 --first 31 --batches 1           one batch again
"""

from __future__ import annotations

import argparse
import os
import pathlib
import pty
import random
import re
import select
import subprocess
import sys
import time

LINES = 20
HANG_SECONDS = 60.0  # host seconds: even on a busy machine a command of a few milliseconds ends within them
SETTLE_SECONDS = 20.0
# on several CPUs `mem` may ask before the shell waits for it, and that wait takes a slot; a leak would add up
SLACK = {"process server's slots": 1}
TAIL_BYTES = 3000
CTRL_C, CTRL_D, CTRL_Z = b"\x03", b"\x04", b"\x1a"
PLACE = "/tmp/soak"
MAPPED, FREE = "mapped by some program", "free of these"  # names of `mem`
SHELL_PAGES_MAX = 100
FILES = tuple(f"{PLACE}/{name}" for name in "abcd")
FOLDERS = (f"{PLACE}/x", f"{PLACE}/y")
WORDS = ("one", "'two  words'", '"$X"', "$Y", "$?", "$NONE", "a\\ b", "''", "x" * 60)


class Failed(Exception):
    """What went wrong, for the user."""


class Lines:
    """Makes random lines. Each ends by itself, or by the keys that go with it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def file(self) -> str:
        return self.chance.choice(FILES)

    def source(self) -> str:
        """A file for `cat` to read. Redirections never write to it: otherwise `cat` would read its own
        output until memory is full."""
        return self.chance.choice(FILES[:2])

    def target(self) -> str:
        return self.chance.choice(FILES[2:])

    def simple(self) -> str:
        """A program or a built-in command."""
        pick = self.chance.choice
        words = " ".join(pick(WORDS) for _ in range(self.chance.randrange(4)))
        return pick((
            f"echo {words}", f"echo -n {words}", f"write {self.file()} {words}", f"write -a {self.file()} {words}",
            f"cat {self.source()}", f"cat {self.source()} {self.source()}", f"cp {self.file()} {self.file()}",
            f"mv {self.file()} {self.file()}", f"rm {self.file()}",
            f"mkdir {pick(FOLDERS)}", f"rm -d {pick(FOLDERS)}", f"ls -l {PLACE}", "ls /nosuch", "true", "false", "env",
            "ps", "jobs", "sleep 0", "sleep 1", f"X={pick(WORDS)}", f"X=1 Y=$X env", "unset X", "nosuch", "/etc",
            "/test/exec/truncated", "rm -r x",
            f"crash {pick(('read', 'write', 'code', 'jump', 'divide', 'trap', 'stack'))}", "exec true", "exec nosuch",
            "cat /bin/true", "limit -p 1 shell -c 'true | true'", "limit -m 1 exec /bin/shell -c true",
            "limit -T 1 true", f"nice -n {self.chance.randrange(20)} true",
            "limit -t 1 true", "kill -0 $$", "kill %9", "kill 99999", "help", "df", "uptime", "/test/exec/chain 3",
            "log"))

    def command(self) -> str:
        """A simple command, perhaps with redirections."""
        redirect = self.chance.choice(("", "", "", f"> {self.target()}", f">> {self.target()}", f"< {self.file()}",
                                       "2>&1", f"2> {self.target()}", f"> {self.target()} 2>&1", f"> {PLACE}/none/f"))
        return f"{self.simple()} {redirect}".strip()

    def pipeline(self, most: int = 5) -> str:
        stages = [self.command() for _ in range(self.chance.randint(1, most))]
        if self.chance.random() < 0.3:
            stages.append("cat")
        return " | ".join(stages)

    def list(self) -> str:
        parts = [self.pipeline(3)]
        for _ in range(self.chance.randrange(3)):
            parts += [self.chance.choice(("&&", "||", ";")), self.pipeline(2)]
        return " ".join(parts)

    def line(self) -> str:
        """A line of any kind that needs no key."""
        kind = self.chance.randrange(10)
        if kind < 3:
            return self.pipeline()
        if kind < 5:
            return self.list()
        if kind == 5:
            return f"{self.list()} &"
        if kind == 6:
            return f"{self.chance.choice(('sleep 100', 'sleep 100 | cat', 'true && sleep 100', 'sleep 100 | false'))} &"
        if kind == 7:
            inside = self.list().replace("'", "")
            return f"shell -c '{inside}'"
        return self.chance.choice((
            "kill %1", "kill -STOP %1; kill -CONT %1", "kill -KILL $!", "bg", "kill -STOP $!", "bg %2",
            "kill -KILL %1; wait %1", "sleep 1 & wait $!", "shell -c 'sleep 1 & true'", f"shell < {self.file()}",
            f"shell {self.file()}"))

    def waiting(self) -> tuple[str, tuple[bytes, ...]]:
        """A line that ends by the keys that go with it."""
        long = self.chance.choice(("sleep 100", "sleep 100 | cat", "cat", "cat | cat", "nice sleep 100",
                                   "limit -m 4 sleep 100 | cat", "shell -c 'sleep 100; echo no'",
                                   f"cat > {self.file()}", "sleep 100 | cat | cat | cat", "sleep 100 && true",
                                   "sleep 100 & wait", "shell -c 'cat; sleep 100'", "fg"))
        reads = long.startswith("cat")
        kind = self.chance.randrange(4)
        if reads and kind < 2:
            text = tuple(self.chance.choice((b"typed\r", b"more \x7f\r", b"part"))
                         for _ in range(self.chance.randrange(3)))
            # after a part of a line, Ctrl-D first ends that part
            ends = text + ((CTRL_D, CTRL_D) if text[-1:] == (b"part",) else (CTRL_D,))
            return long, (b"".join(ends),) if kind == 0 else ends
        if kind == 2 and "wait" not in long:
            return long, (CTRL_Z,)
        return long, (CTRL_C,)


class Session:
    """A machine with a prompt, and the lines that were typed at it since the batch began."""

    def __init__(self, command: list[str]) -> None:
        self.master, self.slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave)
        self.seen = b""  # and not expected yet
        self.tail = b""
        self.marks = 0
        self.typed: list[str] = []

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def write(self, text: bytes) -> None:
        os.write(self.master, text)

    def expect(self, text: bytes) -> bytes:
        end = time.monotonic() + HANG_SECONDS
        while text not in self.seen:
            if select.select([self.master], [], [], 1.0)[0]:
                more = os.read(self.master, 4096)
                self.seen += more
                self.tail = (self.tail + more)[-TAIL_BYTES:]
            elif self.process.poll() is not None:
                raise Failed(f"the machine ended, status {self.process.returncode}")
            elif time.monotonic() > end:
                raise Failed(f"hang: {text!r} did not come")
        found, _, self.seen = self.seen.partition(text)
        return found

    def run(self, line: str, keys: tuple[bytes, ...] = (), pauses: tuple[float, ...] = ()) -> str:
        """Type a line and its keys, and wait until the shell answers again. Returns what was printed."""
        self.typed.append(f"{line}   "
                          f"{[(round(pause, 3), key) for pause, key in zip(pauses, keys)] if keys else ''}".rstrip())
        self.write(line.encode() + b"\r")
        for pause, key in zip(pauses, keys):
            time.sleep(pause)
            self.write(key)
        found = self.expect(b"baton$ ")
        self.marks += 1  # a key that came too late has made a prompt of its own
        self.write(b"echo @''%d@\r" % self.marks)
        found += self.expect(b"@%d@" % self.marks)
        self.expect(b"baton$ ")
        return found.decode(errors="replace").replace("\r", "")


def measure(session: Session) -> dict[str, int]:
    """The counts that must return to their value."""
    text = session.run("mem; df; ps")
    found = {name.strip(): int(value)
             for name, value in re.findall(r"^([a-z].*?|  free.*?) +(\d+)(?: frames.*| of .*)?$", text, re.M)}
    space = re.search(r"/tmp: (\d+) of \d+ KiB free, (\d+) of", text)
    rows = re.findall(r"^ *(\d+) +\d+ [a-z]+ +(\d+) ", text, re.M)
    if space is None or not rows or "capabilities" not in found:
        raise Failed(f"`mem; df; ps` said {text!r}")
    own = int(rows[0][1])  # now and then the shell touches one of its pages for the first time
    found.update({"KiB free in /tmp": int(space[1]), "entries free in /tmp": int(space[2]),
                  MAPPED: found[MAPPED] - own, FREE: found[FREE] + own,
                  "pages of the shell over its image's": max(0, own - SHELL_PAGES_MAX)})
    return found


def left_over(session: Session) -> list[str]:
    """The pids of all processes except the shell and the `ps` that lists them."""
    return [pid for pid, name in re.findall(r"^ *(\d+) .* (\S+)$", session.run("ps"), re.M)
            if pid != "1" and name != "ps"]


def clean(session: Session) -> None:
    """End all that a batch has started, and remove its files."""
    session.run("; ".join(f"kill -KILL %{number} 2> /tmp/soak/a" for number in range(1, 17)))
    session.run("wait")
    end = time.monotonic() + SETTLE_SECONDS
    while left := left_over(session):
        if time.monotonic() > end:
            raise Failed(f"processes {' '.join(left)} don't end")
        session.run(f"kill -KILL {' '.join(left)}")
    session.run(f"rm {' '.join(FILES)} 2> /tmp/soak/a; rm -d {' '.join(FOLDERS)} 2> /tmp/soak/a; rm /tmp/soak/a; "
                f"unset X; unset Y")


def settled(session: Session) -> dict[str, int]:
    """The counts when they no longer change: dead objects are taken apart gradually."""
    now, before = measure(session), None
    end = time.monotonic() + SETTLE_SECONDS
    while now != before:
        if time.monotonic() > end:
            raise Failed("what is there does not settle")
        time.sleep(0.5)
        now, before = measure(session), now
    return now


def compare(session: Session, base: dict[str, int]) -> None:
    """Compare the counts with `base`. Dead objects are taken apart gradually, so the counts may
    need a moment to return."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        now = measure(session)
        wrong = [f"{name}: {base[name]} became {now[name]}" for name in base
                 if abs(now[name] - base[name]) > SLACK.get(name, 0)]
        if not wrong:
            return
        if time.monotonic() > end:
            raise Failed("left behind: " + "; ".join(wrong))
        time.sleep(0.5)


def batch(session: Session, seed: int, number: int, end: float) -> None:
    """Run one batch; its last lines are left out when the time is over."""
    chance = random.Random(f"{seed}:{number}")
    lines = Lines(chance)
    for _ in range(LINES):
        if time.monotonic() > end:
            break
        if chance.random() < 0.25:
            line, keys = lines.waiting()
            session.run(line, keys, tuple(chance.choice((0.0, 0.002, 0.01, 0.05, 0.2)) for _ in keys))
        else:
            session.run(lines.line())
    clean(session)


def warm_up(session: Session) -> None:
    """Let things grow that are kept for good: the shell's own pages, and a server's memory for its first client."""
    session.run("echo $NONE | cat > /tmp/soak/a 2>&1; crash read; nosuch")
    session.run("sleep 100 &")
    session.run("cat", (CTRL_Z,), (0.2,))
    clean(session)


def soak(session: Session, seed: int, seconds: float, first: int = 1, batches: int = sys.maxsize) -> int:
    """Run batches until the time is over, at least one. Returns how many. Raises Failed with all that is needed
    to reproduce the failure."""
    number = first
    try:
        session.expect(b"baton$ ")
        session.run(f"mkdir {PLACE}")
        warm_up(session)
        base = settled(session)
        end = time.monotonic() + seconds
        while True:
            session.typed.clear()
            batch(session, seed, number, end)
            compare(session, base)
            number += 1
            if time.monotonic() > end or number - first >= batches:
                return number - first
    except Failed as failure:
        lines = "\n    ".join(session.typed)
        raise Failed(f"seed {seed}, batch {number}: {failure}\n  the lines:\n    {lines}\n  the console's end:\n"
                     f"{session.tail.decode(errors='replace')}") from None


def run(seed: int, seconds: float, cpus: int, first: int = 1, batches: int = sys.maxsize) -> int:
    """Run soak() in a machine of its own; with several CPUs, programs run on all of them."""
    import machine  # pylint: disable=import-outside-toplevel  # it reads the build folder's name from the environment

    session = Session(machine.command("--boot", "pvh", "--timeout", str(seconds + 300), "--smp", str(cpus),
                                      *(["--all-cpus"] if cpus > 1 else [])))
    try:
        return soak(session, seed, seconds, first, batches)
    finally:
        session.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--built", type=pathlib.Path, default=pathlib.Path("build"),
                        help="the build folder (default build)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="the first batch's number")
    parser.add_argument("--batches", type=int, default=sys.maxsize, help="no more than so many")
    options = parser.parse_args()
    os.environ["BATON_BUILT"] = str(options.built.resolve())
    try:
        count = run(options.seed, options.minutes * 60, options.cpus, options.first, options.batches)
    except Failed as failure:
        print(f"soak: {failure}")
        return 1
    print(f"soak: seed {options.seed}, {count} batches of {LINES} lines, nothing left behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
