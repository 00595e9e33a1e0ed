"""Commands reject arguments that they don't know, with a message, and do nothing."""

from __future__ import annotations

import unittest

from machine import ROOT, run

TAKES_NOTHING = ("df", "env", "log", "mem", "ps", "reboot", "uptime")
TAKES_ANY = ("echo", "false", "true")  # as POSIX has them
OWN_WORDS = ("kill",)  # an option names a signal


class Usage(unittest.TestCase):
    def answers(self, lines: list[str]) -> list[str]:
        """What each line says first, and its status."""
        done = run("--boot", "pvh", "-c", "\n".join(f"echo @; {line}; echo $?" for line in lines) + "\nexit 9")
        self.assertEqual(done.returncode, 9, done.stdout + done.stderr)
        parts = [part.splitlines() for part in done.stdout.replace("\r", "").split("@\n")[1:]]
        self.assertEqual(len(parts), len(lines), done.stdout)
        return [f"{part[0]} {part[-1]}" if len(part) > 1 else part[0] for part in parts]

    def test_options(self) -> None:
        commands = sorted(path.stem for path in (ROOT / "userland" / "commands").glob("*.c"))
        self.assertGreater(len(commands), 20)
        names = [name for name in commands if name not in TAKES_ANY + OWN_WORDS]
        self.assertEqual(self.answers([f"{name} -q /tmp" for name in names]),
                         [f"{name}: no such option: -q 2" for name in names])
        self.assertEqual(self.answers([f"{name} x" for name in TAKES_NOTHING]),
                         [f"{name}: it takes no arguments 2" for name in TAKES_NOTHING])
        self.assertEqual(self.answers([f"{name} -q" for name in TAKES_ANY]), ["-q 0", "1", "0"])

    def test_options_together_and_their_end(self) -> None:
        self.assertEqual(self.answers([
            "ls -la", "ls --all", "ls -\u00e9", "rm -dr /tmp/a", "write -- -a kept", "ls -l -l -- /tmp",
            "write /tmp/-d x; rm -- -d", "rm -d -- -d", "nice -n 3 -n 4 -- echo -x", "nice -5 true", "nice -n",
            "limit -m 64 -- echo -y", "limit -q", "exec -- echo -z", "kill -q 1", "kill -l",
            "jobs -l", "help me", "unset -f X", "shell -x", "shell a b", "shell -c"]), [
            "ls: no such option: -a 2", "ls: no such option: --all 2", "ls: no such option: -\u00e9 2",
            "rm: no such option: -r 2", "write: -a: it can't be changed: the boot volume is read only 1", "0",
            "rm: -d: it can't be changed: the boot volume is read only 1",
            "rm: -d: it can't be changed: the boot volume is read only 1", "-x 0", "nice: no such option: -5 2",
            "nice: want a whole number from 0 to 19 behind -n 2", "-y 0", "limit: no such option: -q 2", "-z 0",
            "kill: no such signal: -q 2", "kill: no such signal: -l 2", "-c:17: jobs: it takes no arguments 2",
            "-c:18: help: it takes no arguments 2", "-c:19: unset: `-f` is no variable's name 2",
            "shell: -x: no such option 2", "shell: a: want one file 2",
            "shell: -c: want commands behind -c, as one word 2"])

    def test_numbers_with_more_behind_them(self) -> None:
        """A word that only begins with a number does not kill, limit or wait for that number."""
        number = "want a whole number"
        answers = self.answers([
            "sleep 99 & kill \"$!.5\"", "kill \"$!,\" 2>&1", "kill -'9 ' $!", "kill -- -\"$!-\"", "kill $!",
            "limit -m '1 GiB' true", "limit -p 1.5 true", "nice -n 5.9 true", "sleep '0 s'", "sleep 0-5", "sleep 0.5",
            "exit '3 '", "wait 1,", "kill %1.5", "poweroff '3 no'", "poweroff 256"])
        self.assertEqual([answer.split(": ", 1)[-1] for answer in answers[5:]], [
            f"{number} behind -m 2", f"{number} behind -p 2", f"{number} from 0 to 19 behind -n 2",
            f"{number} of seconds 2", f"{number} of seconds 2", f"{number} of seconds 2",
            "exit: want one number, 0..255 2", "wait: `1,` is no process's number and no job 2",
            "%1.5: no such job 1", *["want one whole number at most, 0 to 255 2"] * 2])
        self.assertEqual([answer.split()[-1] for answer in answers[:5]], ["1", "1", "2", "1", "0"],
                         "the last of them finds it still there")

    def test_what_the_shell_lacks(self) -> None:
        """A command or construct of other shells is refused with what there is instead."""
        folder, compound = "there is no current directory; write whole paths", \
            "column 1: `if`, loops and functions are not supported; `&&` and `||` are"
        answers = self.answers(["cd /tmp", "pwd", "export A=1", "nosuch"])
        self.assertEqual([answer.split(": ", 1)[-1] for answer in answers], [
            f"cd: {folder} 127", f"pwd: {folder} 127",
            "export: programs get every variable; write NAME=value 127", "nosuch: command not found 127"])
        done = run("--boot", "pvh", "-c", "shell -c 'for x in a; do echo no; done'")
        self.assertEqual(done.stdout.replace("\r", ""), f"-c:1: {compound}\n", "the name of commands that no file has")
        done = run("--boot", "pvh", "-c", "if true; then echo no; fi")
        self.assertEqual((done.stdout.count("\n"), done.returncode), (1, 2), done.stdout)
        self.assertIn(compound, done.stdout)

    def test_servers(self) -> None:
        self.assertEqual(self.answers([
            "servers restart", "servers stop pipes", "servers restart pipes files", "servers restart nobody",
            "servers restart ''", f"servers restart {'x' * 40}", "servers restart process", "servers restart pipes"]), [
            *["servers: want nothing, or `restart` and a name 2"] * 3, "servers: nobody: no such server 1",
            "servers: : no such server 1", f"servers: {'x' * 40}: no such server 1",
            "0", "0"])

    def test_swap(self) -> None:
        long = f"bin/{'x' * 60}"
        self.assertEqual(self.answers([
            "swap", "swap pipes", "swap pipes /bin/pipes more", "swap nobody /bin/pipes", "swap pipes /bin/nothing",
            "swap pipes ''", f"swap pipes /{long}", "swap pipes /etc/manifest.json", "swap pipes /bin/console",
            "swap pipes bin/pipes"]), [
            *["swap: want a server and an image, as in `swap pipes /bin/pipes` 2"] * 3,
            "swap: nobody: there is no such server 1", *["swap: pipes: the boot volume has no such file 1"] * 2,
            f"swap: {long}: the name is too long 1", "swap: pipes: the new program can't be built: see `log` 1",
            "swap: pipes stays as it is: its state has another form than that of the program before 1", "0"])

    def test_targets_of_kill(self) -> None:
        """No process, no number and no job are three different mistakes."""
        self.assertEqual(self.answers(["kill abc", "/bin/kill abc", "kill %9", "kill 9999", "kill 99999999999"]), [
            "kill: abc: not a number 1", "kill: abc: not a number 1", "kill: %9: no such job 1",
            "kill: 9999: no such process 1", "kill: 99999999999: no such process 1"])

    def test_limits_say_what_lacks(self) -> None:
        answers = self.answers(["limit -t 0 echo no", "limit -m 4 echo no"])
        self.assertRegex(answers[0], r"limit: killed: out of CPU time, after 0\.000 s 137$")
        self.assertRegex(answers[1], r"^limit: echo: image and stack need \d+ MiB, and it may have 4 MiB 126$")

    def test_a_small_process_server_is_told_of_by_operation(self) -> None:
        done = run("--boot", "pvh", "--with", "process=process_mini", "-c",
                   "limit\nlimit -m 9\nnice true\nsleep 1\nmem")
        lacks = "the process server has no operation"
        self.assertEqual(done.stdout.replace("\r", "").splitlines(), [
            f"limit: {lacks} `get_limit`", f"limit: memory: {lacks} `set_limit`", f"nice: {lacks} `set_nice`",
            f"sleep: {lacks} `sleep`", f"mem: {lacks} `memory`"], done.stderr)

    def test_assignments_see_those_before_them(self) -> None:
        self.assertEqual(self.answers(["A=1 B=$A; echo [$B]", "A=2 A=3 C=$A$B shell -c 'echo $A$C'",
                                       "D=$A D=$D$D; echo [$D$C]", "A=f > /tmp/$A; ls -l /tmp/1"]),
                         ["[1] 0", "331 0", "[11] 0", "         0 /tmp/1 0"])


if __name__ == "__main__":
    unittest.main()
