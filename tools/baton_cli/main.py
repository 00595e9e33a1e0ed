"""Owns the list of ./baton's commands and the way from a command line to one of them."""

from __future__ import annotations

import argparse
import signal
import sys
import termios
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

import claims
from baton_cli import (command_bench, command_build, command_doctor, command_mutate, command_prove, command_run,
                       command_storm, command_test, streams)
from host import version
from host.say import CODE_HOST, CODE_USAGE, UserError, say

COMMANDS: tuple[ModuleType, ...] = (command_run, command_test, command_bench, command_mutate, command_storm,
                                    command_prove, command_build, command_doctor)

EPILOG = """\
examples:
  ./baton run                        boot, and give me the shell
  ./baton run -c 'ls /bin'           run commands, power off, exit with the last one's status
  ./baton test                       all tests
  ./baton help run                   everything about one command (./baton run --help)

The first command installs what is missing (Debian, Ubuntu) and builds; later ones build only what changed.
"""


class CommandParser(argparse.ArgumentParser):
    """One way for all commands to say what they don't take: the command, what is wrong, and where its options stand.
    By default argparse would report an unknown option of a command as one of ./baton."""

    def parse_known_args(self, *arguments, **named):  # type: ignore[no-untyped-def,override]
        options, unknown = super().parse_known_args(*arguments, **named)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        advice = self.prog.replace("./baton", "./baton help")
        self.exit(CODE_USAGE, f"{self.prog}: {message} (`{advice}` lists what it takes)\n")


class Parser(CommandParser):
    """Arguments after `--` are for another program: they go to options.rest unparsed."""

    def parse_args(self, arguments: Sequence[str], *_: object) -> argparse.Namespace:  # type: ignore[override]
        words = list(arguments)
        end = words.index("--") if "--" in words else len(words)
        options = super().parse_args(words[:end])
        options.rest = words[end + 1:]
        if options.rest and not getattr(options, "takes_rest", False):
            self.error(f"{options.command} takes nothing behind --")
        return options


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="./baton", description="Build, run, test and measure Baton.", epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=version.current())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command",
                                     parser_class=CommandParser)
    for module in COMMANDS:
        command = commands.add_parser(module.NAME, help=module.SUMMARY, description=module.__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
        module.configure(command)
        command.set_defaults(module=module)
    return parser


def run_command(arguments: list[str]) -> int:
    """Run the command that the arguments name; its exit code."""
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    if options.module is not command_doctor:  # it changes nothing
        claims.sweep_private()
    return int(options.module.run(options))


def main(arguments: list[str]) -> int:
    """Run one command, and say what went wrong. Returns the process's exit code."""
    try:
        try:
            return run_command(arguments)
        finally:
            sys.stdout.flush()
    except UserError as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except MemoryError:
        say("this process may have no more memory (ulimit -v and -d say how much it may)")
        return CODE_HOST
    except BrokenPipeError:
        streams.give_up_stdout()
        return 128 + signal.SIGPIPE
    except (OSError, termios.error) as error:
        say(streams.reason(error))
        streams.give_up_stdout()
        return CODE_HOST
