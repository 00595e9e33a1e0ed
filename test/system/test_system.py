"""The whole system as its user sees it: ./baton run with commands, its exit statuses, and a session on a terminal."""

from __future__ import annotations

import pathlib
import re
import termios
import time
import unittest

from machine import BUILT, PROMPT, ROOT, Terminal, piped, run


class Commands(unittest.TestCase):
    """-c: the commands' output, and the status of the last as the exit status."""

    def test_exectest_passes(self) -> None:
        done = run("--boot", "pvh", "-c", "exectest")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(", 0 failed", done.stdout)
        self.assertNotIn("not ok", done.stdout)

    def test_memory_and_signals(self) -> None:
        """Fork, mappings, heap and stack; handlers, stops, groups. Each check ends in a forked child's
        status, and nothing leaks."""
        for program, checks in (("memtest", 19), ("signaltest", 21)):
            with self.subTest(program=program):
                done = run("--boot", "pvh", "-c", program)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn(f"{program}: {checks} checks, 0 failed", done.stdout)

    def test_exectest_passes_from_firmware(self) -> None:
        done = run("-c", "exectest")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(", 0 failed", done.stdout)

    def test_status_of_the_last_command(self) -> None:
        for commands, status in (("false", 1), ("false; true", 0), ("nosuch", 127), ("/etc", 126), ("true && false", 1),
                                 ("false || true", 0)):
            with self.subTest(commands=commands):
                done = run("--boot", "pvh", "-c", commands)
                self.assertEqual(done.returncode, status, done.stdout + done.stderr)

    def test_search_for_programs(self) -> None:
        """$PATH: each directory in turn, also when it is set just before the command. A path with a
        slash is not searched for."""
        done = run("--boot", "pvh", "-c",
                   "mkdir /tmp/a; mkdir /tmp/a/echo; PATH=:/etc:/tmp/a:/bin:; echo found; PATH=/etc echo no; echo $?\n"
                   "PATH=/tmp/a; /bin/echo $PATH; echo no; /bin/echo $?; manifest.json; PATH=/etc manifest.json; "
                   "/bin/echo $?; PATH=; true; /bin/echo $?; /bin/exec true; unset PATH; exec echo again; /nosuch/x; "
                   "echo $?; ''; echo $?; PATH=/etc/rc echo no; echo $?")
        self.assertEqual(done.stdout.replace("\r", "").splitlines()[:16], [
            "found", "-c:1: echo: command not found", "127", "/tmp/a", "-c:2: echo: not a file", "126",
            "-c:2: manifest.json: command not found", "-c:2: manifest.json: not an ELF file", "126",
            "-c:2: true: command not found", "127", "exec: true: command not found", "again",
            "-c:2: /nosuch/x: no such file or directory", "127", "-c:2: : command not found"], done.stdout)

    def test_output_is_what_the_commands_print(self) -> None:
        """The output has no line of the firmware, the loader, the kernel or the machine's end."""
        for boot in ("pvh", "uefi"):
            with self.subTest(boot=boot):
                done = run("--boot", boot, "-c", "echo 'two  words' $NOTHING; ls /etc; exit 3")
                self.assertEqual((done.stdout, done.returncode), ("two  words\nmanifest.json\nrc\n", 3), done.stderr)


class With(unittest.TestCase):
    """--with: another image in the place of one that the manifest names."""

    def test_another_process_server(self) -> None:
        done = run("--boot", "pvh", "--with", "process=process_mini", "-c",
                   "echo one; /bin/echo two; false; echo $?; ps; false")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        text = done.stdout.replace("\r", "")
        self.assertTrue(text.startswith("one\ntwo\n1\n"), text)
        self.assertRegex(text, r"1 +0 waiting +\d+ +\d+ +\d+ +\d+ shell\n")
        log = pathlib.Path(BUILT) / "run" / "last" / "kernel.log"
        self.assertNotIn("process: ", log.read_text().replace("init: ", ""),
                         "the usual server says how many frames it has")

    def test_another_files_server(self) -> None:
        done = run("--boot", "pvh", "--with", "files=files_flat", "-c",
                   "filetest && streamtest && cp /bin/echo /tmp/h && servers restart files && /tmp/h two; ls /tmp")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout.replace("\r", ""), r"filetest: \d+ checks, 0 failed\n(?s:.*)"
                         r"streamtest: \d+ checks, 0 failed\n(?s:.*)two\nh\n$")

    def test_swap_to_another_make(self) -> None:
        """A script that is open and has no name any more, its files and a program in /tmp go with the state."""
        lines = ("rm /tmp/talk", "swap files /bin/files_flat", "echo one > /tmp/a", "cat /tmp/a",
                 "swap files /bin/files", "cat /tmp/a", "cp /bin/echo /tmp/e", "swap files /bin/files_flat",
                 "/tmp/e two", "ls /tmp")
        script = "; ".join(f"echo '{line}' >> /tmp/talk" for line in lines)
        done = run("--boot", "pvh", "-c", f"{script}; shell < /tmp/talk | cat; servers")
        text = done.stdout.replace("\r", "")
        self.assertTrue(text.startswith("one\none\ntwo\na\ne\nSERVER"), done.stdout + done.stderr)
        self.assertRegex(text, r"files +runs +28 +3 ")

    def test_swap_to_a_make_without_room(self) -> None:
        """What the other make can't keep is named, and nothing has changed; without it the swap goes on."""
        kernel = " /boot/kernel.elf"
        done = run("--boot", "pvh", "--with", "files=files_flat", "-c",
                   f"cat{kernel * 4} > /tmp/x; echo 'cat{kernel * 3} >> /tmp/x' > /tmp/t; shell < /tmp/t; "
                   "swap files /bin/files; ls /tmp; rm /tmp/x; swap files /bin/files; ls /tmp; servers")
        text = done.stdout.replace("\r", "")
        self.assertTrue(text.startswith("swap: files stays as it is: a file is larger than 4 MiB: x\nt\nx\nt\nSERVER"),
                        done.stdout + done.stderr)
        self.assertRegex(text, r"files +runs +28 +1 ")

    def test_what_is_not_there_is_named(self) -> None:
        for swap, wanted in (("process=nosuch", "no bin/nosuch on the volume"),
                             ("nosuch=console", "has no program nosuch"), ("process", "want NAME=IMAGE"),
                             ("process=", "want NAME=IMAGE")):
            with self.subTest(swap=swap):
                done = run("--boot", "pvh", "--with", swap, "-c", "true")
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(wanted, done.stderr)


class Addresses(unittest.TestCase):
    """Address randomisation: a program lies elsewhere at each start, except with --fixed-addresses.
    `wander` prints where it lies."""

    def places(self, *arguments: str) -> list[list[int]]:
        done = run("--boot", "pvh", *arguments, "-c", "/test/exec/wander; /test/exec/wander; /test/exec/wander")
        self.assertEqual(done.stderr.count("breakpoint"), 3, done.stdout + done.stderr)
        log = (pathlib.Path(BUILT) / "run" / "last" / "kernel.log").read_text()
        return [[int(word, 16)
                 for word in re.search(r"rip 0x(\w+).*? rsp 0x(\w+)", part, re.S).groups()]  # type: ignore[union-attr]
                for part in re.findall(r"breakpoint, .*?r8 ", log, re.S)]

    def test_random(self) -> None:
        places = self.places()
        for kind, lowest, highest in ((0, 1 << 32, (1 << 32) + (4 << 40)), (1, 0x7fff << 32, 0x7fffffffffff)):
            found = {place[kind] for place in places}
            self.assertEqual(len(found), 3, places)
            self.assertTrue(all(lowest <= address < highest for address in found), places)
        self.assertNotEqual(places, self.places(), "the next machine has other ones")

    def test_fixed(self) -> None:
        first, *others = self.places("--fixed-addresses")
        self.assertEqual(others, [first, first])
        self.assertEqual(self.places("--fixed-addresses"), [first, first, first])

    def test_a_server_that_does_not_know_it(self) -> None:
        done = run("--boot", "pvh", "--with", "process=process_mini", "--fixed-addresses", "-c", "true")
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("--fixed-addresses: no program of the manifest is bin/process", done.stderr)


class Cpus(unittest.TestCase):
    """With several CPUs, programs run on the first one, or on all."""

    def switches(self, *arguments: str) -> list[int]:
        done = run("--boot", "pvh", "--smp", "4", *arguments, "-c", "true; true; true; true; uptime")
        found = re.findall(r"^CPU \d: (\d+) switches", done.stdout, re.M)
        self.assertEqual(len(found), 4, done.stdout + done.stderr)
        return [int(count) for count in found]

    def test_programs_on_all_cpus(self) -> None:
        self.assertTrue(all(count > 0 for count in self.switches("--all-cpus")))

    def test_programs_on_the_first(self) -> None:
        first, *others = self.switches()
        self.assertGreater(first, 0)
        self.assertEqual(others, [0, 0, 0])

    def test_a_day_on_all_cpus(self) -> None:
        """The test programs, with their processes running in parallel. Not exectest: it measures times
        that the host may delay."""
        done = run("--boot", "pvh", "--smp", "4", "--all-cpus", "--timeout", "900",
                   "-c", "streamtest; memtest; signaltest", seconds=920)
        self.assertEqual(len(re.findall(r"checks, 0 failed", done.stdout)), 3, done.stdout[-4000:] + done.stderr)


class Interpreters(unittest.TestCase):
    """Programs that name an interpreter. It runs first, finds both images in the auxiliary vector,
    and jumps to the program."""

    def test_program_at_fixed_addresses(self) -> None:
        for arguments in ((), ("--fixed-addresses",)):
            with self.subTest(arguments=arguments):
                done = run("--boot", "pvh", *arguments, "-c", "/test/exec/entered")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertRegex(done.stdout, r"^entered: all as it is, interpreter at 0x[89a-f][0-9a-f]{10}, ")

    def test_movable_program(self) -> None:
        for arguments in ((), ("--fixed-addresses",)):
            with self.subTest(arguments=arguments):
                done = run("--boot", "pvh", *arguments, "-c", "/test/exec/wander-entered")
                self.assertEqual(done.returncode, 128 + 5, done.stdout + done.stderr)
                self.assertIn(" wander_stop at ", done.stderr)


class Refusals(unittest.TestCase):
    """An image that can't be run: the shell says what is wrong with it."""

    def test_what_is_wrong(self) -> None:
        for name, wanted in (("truncated", "segment \\d+: file range goes beyond the end of the file"),
                             ("wrong-machine", "made for another machine than x86-64"),
                             ("write-execute", "segment \\d+: both writable and executable"),
                             ("entry-outside", "entry point is outside every executable segment")):
            with self.subTest(name=name):
                done = run("--boot", "pvh", "-c", f"/test/exec/{name}")
                self.assertEqual(done.returncode, 126, done.stdout + done.stderr)
                self.assertRegex(done.stdout.replace("\r", ""), rf"(?m)^-c:1: /test/exec/{name}: .*{wanted}$")


class Files(unittest.TestCase):
    """Files in memory, by the protocol and by the commands."""

    def test_filetest_passes(self) -> None:
        done = run("--boot", "pvh", "-m", "32", "-c", "filetest; status=$?; mem; exit $status")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(", 0 failed", done.stdout)
        self.assertNotIn("not ok", done.stdout)

    def test_commands(self) -> None:
        done = run("--boot", "pvh", "-c",
                   "df; mkdir /tmp/d; write /tmp/d/f one two; cp /tmp/d/f /tmp/g; write -a /tmp/g three; "
                   "mv /tmp/g /tmp/d; cat /tmp/d/g; ls -l /tmp/d; rm /tmp/d; cp /etc/manifest.json /bin; cp /tmp/d/f "
                   "/tmp/d; rm /tmp/d/f /tmp/d/g && rm -d /tmp/d; df; mkdir /etc/x")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        lines = done.stdout.replace("\r", "").splitlines()
        free = "/tmp: 8192 of 8192 KiB free, 511 of 511 entries"
        self.assertEqual(lines[:10], [
            free, "one two", "three", "         8 f", "        14 g", "rm: /tmp/d: not a file",
            "cp: /bin/manifest.json: it can't be changed: the boot volume is read only",
            "cp: /tmp/d/f: something of that name is there already", free,
            "mkdir: /etc/x: it can't be changed: the boot volume is read only"])

    def test_no_name_reaches_the_terminal_as_a_command(self) -> None:
        done = run("--boot", "pvh", "-c", "ls /x\033[2J /etc; rm /x\177; \033[3Jn")
        self.assertEqual(done.stdout.replace("\r", "").splitlines()[:6], [
            "ls: /x?[2J: a path must not contain control bytes", "/etc:", "manifest.json", "rc",
            "rm: /x?: a path must not contain control bytes",
            "-c:1: ?[3Jn: a path must not contain control bytes"], done.stdout)

    def test_programs_below_tmp(self) -> None:
        done = run("--boot", "pvh", "-c",
                   "df; cp /bin/echo /tmp/x; cp /bin/sleep /tmp/sleep; /tmp/x one; PATH=/tmp x two | cat; "
                   "/tmp/sleep 1 & cp /bin/echo /tmp/y; mv /tmp/y /tmp/sleep; /tmp/sleep three; wait $!; echo $?; ps\n"
                   "echo 'no program' > /tmp/x; /tmp/x; echo $?; > /tmp/x; /tmp/x; echo $?; rm /tmp/x /tmp/sleep; "
                   "/tmp/x; echo $?; df")
        lines = done.stdout.replace("\r", "").splitlines()
        processes = lines[6:-7]
        self.assertNotIn("sleep", "\n".join(processes))
        free = "/tmp: 8192 of 8192 KiB free, 511 of 511 entries"
        self.assertEqual(lines[:5], [free, "one", "two", "three", "0"], done.stdout)
        self.assertEqual(lines[-7:], ["-c:2: /tmp/x: too short for an ELF header", "126",
                                      "-c:2: /tmp/x: the file is empty", "126",
                                        "-c:2: /tmp/x: no such file or directory", "127", free], done.stdout)

class Faults(unittest.TestCase):
    """A program that ends by a fault: the report names the function."""

    def test_function_and_line(self) -> None:
        source = (ROOT / "userland" / "commands" / "crash.c").read_text().splitlines()
        for way, signal, function, what in (
                ("read", 11, "crash_reading", "page fault: read at 0x0000000000000010 (nothing is mapped there)"),
                ("write", 11, "crash_writing", "page fault: write at 0x0000000000000010 (nothing is mapped there)"),
                ("stack", 11, "crash_nesting", "stack overflow: write at 0x00007fff"),
                ("trap", 4, "crash_trapping", "undefined or privileged instruction"),
                ("divide", 8, "crash_dividing", "divide error")):
            with self.subTest(way=way):
                done = run("--boot", "pvh", "-c", f"true; crash {way}")
                self.assertEqual(done.returncode, 128 + signal, done.stdout + done.stderr)
                self.assertIn(f"process 3 (crash): {what}", done.stderr)
                told = "page fault at address 0x" if signal == 11 else f"{what}, instruction 0x"
                self.assertIn(f"crash: killed by signal {signal}: {told}", done.stdout, "the shell's word")
                place = re.search(rf"^  #0 0x[0-9a-f]{{16}} {function} at \S*userland/commands/crash\.c:(\d+)",
                                  done.stderr, re.M)
                assert place is not None, done.stderr
                near = source[int(place[1]) - 3 : int(place[1])]
                self.assertTrue(any(word in line for line in near for word in (function, "UNMAPPED", "divl", "room")),
                                near)
                self.assertNotIn("#0", done.stdout, "standard output is the commands'")

    def test_what_is_mapped_there(self) -> None:
        text = r"0x[0-9a-f]{16} to 0x[0-9a-f]{16}"
        for way, wanted in (("read", rf"next above: 0x0000000000200000 to 0x[0-9a-f]{{16}}, r--, file"),
                            ("code", rf"mapped there: {text}, r-x, file"),
                            ("stack", rf"next above: {text}, rw-, stack")):
            with self.subTest(way=way):
                done = run("--boot", "pvh", "-c", f"crash {way}")
                self.assertRegex(done.stderr, rf"(?m)^  {wanted}$")

    def test_program_at_a_random_place(self) -> None:
        done = run("--boot", "pvh", "-c", "/test/exec/wander; /test/exec/wander")
        frames = re.findall(r"^  #(\d) 0x([0-9a-f]{16}) (\w+) at \S*userland/exectest/wander\.c:\d+", done.stderr, re.M)
        self.assertEqual([(number, name) for number, _, name in frames],
                         [("0", "wander_stop"), ("1", "wander")] * 2, done.stderr)
        self.assertNotEqual(frames[0][1], frames[2][1])

    def test_jump_to_nowhere(self) -> None:
        done = run("--boot", "pvh", "-c", "crash jump")
        self.assertIn("process 2 (crash): page fault: execute at 0x0000000000000010", done.stderr)
        self.assertIn("  #0 0x0000000000000010 (not in the code of crash)", done.stderr)


class Pipes(unittest.TestCase):
    """Pipes, by the protocol and by the shell."""

    def test_streamtest_passes(self) -> None:
        done = run("--boot", "pvh", "-c", "streamtest; status=$?; mem; streamtest interrupted && exit $status")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count(", 0 failed"), 2)
        self.assertNotIn("not ok", done.stdout)

    def test_pipelines(self) -> None:
        done = run("--boot", "pvh", "-c", "echo one two | cat; shell -c 'echo three | cat; echo four' | cat | cat; "
                   "cat /etc/manifest.json | true; echo $?; true | nosuch; echo $?; cat /nosuch | cat; false && echo "
                   "no | cat; true | false")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        lines = done.stdout.replace("\r", "").splitlines()
        self.assertEqual(lines[:5], ["one two", "three", "four", "0", "-c:1: nosuch: command not found"])
        self.assertEqual(lines[5:7], ["127", "cat: /nosuch: no such file or directory"])

    def test_what_was_piped_is_whole(self) -> None:
        # power-off loses bytes that the console has not sent yet
        done = run("--boot", "pvh", "-c", "cat /etc/manifest.json | cat | cat; sleep 1")
        manifest = (ROOT / "servers" / "init" / "manifest.json").read_text(encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(done.stdout.replace("\r", "").startswith(manifest.rstrip("\n")), done.stdout[-200:])


class Trace(unittest.TestCase):
    """--trace: the report on a stopped machine tells what it did last."""

    def test_report_shows_the_last_records(self) -> None:
        done = run("--boot", "pvh", "--trace", "--timeout", "8", "-c", "sleep 100")  # the last --timeout counts
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assertRegex(done.stderr, r"trace: the last 20 of \d{3,} records, ")
        self.assertRegex(done.stderr, r"CPU 0 thread \d+: [a-z_]+\(0x[0-9a-f]+, 0x[0-9a-f]+, \.\.\.\)")
        self.assertIn("-> idle", done.stderr)

    def test_commands_run_as_without(self) -> None:
        done = run("--boot", "pvh", "--trace", "-c", "echo one; false")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertTrue(done.stdout.replace("\r", "").startswith("one\n"), done.stdout)


class Session(Terminal):
    """A terminal: input, output, and the terminal's state afterwards."""

    def test_session(self) -> None:
        self.assertIn(b"first program", self.expect(PROMPT), "boot messages come before the prompt")
        self.type(b"echo one two\x1b[D\x1b[D\x1b[D\x1b[D and\r")
        self.assertIn(b"one and two", self.expect(PROMPT))
        self.type(b"sleep 100\r")
        self.expect(b"sleep 100")
        time.sleep(0.5)
        self.type(b"\x03")
        self.expect(PROMPT)
        self.type(b"echo status $?\r")
        self.expect(b"status 130")
        self.expect(PROMPT)
        self.type(b"crash divide\r")
        self.assertIn(b"(crash): divide error, code 0x0\r\n  #0 0x", self.expect(b"crash: killed by signal 8"),
                      "the place of a fault comes before the shell's words")
        self.expect(PROMPT)
        self.type(b"\x1b[A\x1b[A\x15exit 3\r")
        self.expect(b"power: off, status 3")
        self.assertEqual(self.end(), 3)
        self.assertEqual(termios.tcgetattr(self.slave), self.before, "the terminal is as it was")

    def test_completion(self) -> None:
        self.expect(PROMPT)
        for keys, line, shown in ((b"upt\t --he\t", b"uptime  --he", b"no such option"),  # no such file: a bell
                                  (b"hel\t", b"help ", b"Built in:"),
                                  (b"echo /et\tma\t/bi\t", b"echo /etc/manifest.json /bin/",
                                   b"/etc/manifest.json /bin/"),
                                  (b"mkdir /tmp/one /tmp/onto '/tmp/t w'", b"/tmp/t w'", b"\r\n"),
                                  (b"echo /tm\to\tt\t /tmp/t\t", b"echo /tmp/onto/ /tmp/t\\ w/",
                                   b"\r\n/tmp/onto/ /tmp/t w/\r\n")):
            self.type(keys + b"\r")
            self.expect(line)
            self.expect(shown)
            self.expect(PROMPT)
        self.type(b"echo /tmp/on\t\t")
        self.expect(b"\r\none   onto\r\n\r" + PROMPT)
        self.expect(b"echo /tmp/on")
        self.type(b"t\t\r")
        self.expect(b"\r\n/tmp/onto/\r\n")

    def test_search(self) -> None:
        self.expect(PROMPT)
        for word in (b"one", b"two", b"three"):
            self.type(b"echo " + word + b"\r")
            self.expect(b"\r\n" + word + b"\r\n" + PROMPT)
        self.type(b"\x12o\x12n\r")
        self.assertIn(b"search o: ", self.expect(b"\r\none\r\n"))

    def test_the_escape_key(self) -> None:
        self.expect(b"baton: Ctrl-] x ends the machine")
        self.expect(PROMPT)
        self.type(b"echo two\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[Cone \r")  # Ctrl-A is the shell's
        self.assertIn(b"one two", self.expect(PROMPT))
        self.type(b"\x1dh")
        self.expect(b"[Ctrl-] x ends the machine")
        self.type(b"\x1dx")
        self.end()
        self.assertEqual(termios.tcgetattr(self.slave), self.before, "the terminal is as it was")


class Piped(unittest.TestCase):
    """No terminal: a pipe's bytes are typed, and the pipe's end ends the shell, and with it the machine."""

    def screen(self, text: str, *arguments: str, status: int = 0) -> list[str]:
        """The lines of a session after the first prompt. Standard output has nothing else."""
        done = piped(text, *(arguments or ("--boot", "pvh")))
        greeting, prompt, rest = done.stdout.partition(PROMPT.decode())
        self.assertEqual((greeting, done.returncode), ("Baton. `help` explains the shell.\n", status),
                         done.stdout + done.stderr)
        return (prompt + rest).splitlines()

    def test_the_end_ends_the_shell(self) -> None:
        for arguments in (("--boot", "pvh"), ("--smp", "4", "--boot", "pvh"), ("--boot", "uefi")):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.screen("echo one\nfalse\n", *arguments, status=1),
                                 ["baton$ echo one", "one", "baton$ false", "baton$ "])

    def test_the_last_line_needs_no_end(self) -> None:
        self.assertEqual(self.screen("echo one\nexit 3", status=3), ["baton$ echo one", "one", "baton$ exit 3"])

    def test_nothing_is_typed(self) -> None:
        done = run("--boot", "pvh")
        self.assertEqual((done.returncode, done.stdout), (0, "Baton. `help` explains the shell.\nbaton$ \n"),
                         done.stderr)
        done = run("--boot", "pvh", "-c", "cat; echo $?")
        self.assertEqual((done.returncode, done.stdout), (0, "0\n"), done.stderr)

    def test_the_end_is_for_a_program_and_then_the_shell(self) -> None:
        lines = self.screen("cat | cat > /tmp/f; ls -l /tmp/f\nhello\nthere")
        self.assertEqual(lines[1:], ["hello", "there        11 /tmp/f", "baton$ "])

    def test_the_end_key_is_for_the_program(self) -> None:
        lines = self.screen("cat > /tmp/f\rhello\r\x04cat /tmp/f\recho after\rexit 4\r", status=4)
        self.assertEqual(lines, ["baton$ cat > /tmp/f", "hello", "baton$ cat /tmp/f", "hello", "baton$ echo after",
                                 "after", "baton$ exit 4"])

    def test_a_script_is_typed(self) -> None:
        lines = self.screen("cat > /tmp/f\recho ono\x7fe\recho two\r\x04ls -l /tmp/f\rshell /tmp/f\r")
        self.assertEqual(lines[1:], ["echo ono\b \be", "echo two", "baton$ ls -l /tmp/f", "        18 /tmp/f",
                                     "baton$ shell /tmp/f", "one", "two", "baton$ "])

    def test_a_line_that_is_too_long(self) -> None:
        """No part of it runs, whatever it says; the next line does."""
        line = "mkdir " + " ".join(f"/tmp/{number:03}" for number in range(62)) + "; echo done"
        self.assertGreater(len(line), 511)
        lines = self.screen(f"{line}\necho $?\nls /tmp\n")
        self.assertEqual(lines[-5:], ["shell: the line is longer than 511 bytes", "baton$ echo $?", "2",
                                      "baton$ ls /tmp", "baton$ "])

    def test_bytes_that_no_line_has(self) -> None:
        script = "write /tmp/a keep\nrm /tmp/a\0.old\necho $?\nls /tmp\r\necho x"
        lines = self.screen(f"cat > /tmp/s\n{script}\n\x04shell /tmp/s\n")
        self.assertEqual(lines[-6:], ["/tmp/s:2: the line has a zero byte", "2", "a", "s", "x", "baton$ "])
        lines = self.screen("echo a\0b\necho $?\n")
        self.assertEqual(lines, ["baton$ echo a\ab", "shell: the line has a zero byte", "baton$ echo $?", "2",
                                 "baton$ "])
        lines = self.screen("echo a\n\0", status=2)  # the end comes by another zero byte
        self.assertEqual(lines[2:], ["baton$ \a", "shell: the line has a zero byte", "baton$ "])

    def test_many_lines(self) -> None:
        lines = self.screen("".join(f"echo {number}\n" for number in range(300)))
        self.assertEqual(lines[1::2], [str(number) for number in range(300)])


    def test_more_than_the_console_keeps(self) -> None:
        """Input arrives while a program runs that does not read, and no byte of it is lost."""
        lines = self.screen("sleep 2\n" + "".join(f"echo {number:050}\n" for number in range(400)) + "exit 5", status=5)
        self.assertEqual([int(line) for line in lines[2:-1:2]], list(range(400)))


class Early(Terminal):
    """All that is typed while the machine starts reaches the shell at its prompt."""

    pause_seconds = 0.1

    def test_typed_before_the_prompt(self) -> None:
        self.type(b"echo one\r")
        for letter in b"echo 12345678":
            time.sleep(self.pause_seconds)
            self.type(bytes([letter]))
        self.type(b"\r")
        for wanted in (b"one", b"12345678"):
            self.expect(PROMPT)
            self.expect(b"echo " + wanted + b"\r\n" + wanted + b"\r\n")


class EarlyFromFirmware(Early):
    """Early input, on a machine whose firmware reads keys."""

    arguments = ()
    pause_seconds = 0.3


if __name__ == "__main__":
    unittest.main()
