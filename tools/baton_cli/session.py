"""Owns one session with a machine: keys in, console out, until it powers off, dies, or the user or the clock ends
it."""

from __future__ import annotations

import os
import sys
import time

from baton_cli.terminal import RawTerminal
from evidence.faults import FaultReports
from host.say import say
from machine.console import KEYS_WORDS, ConsoleFilter, EscapeKey
from machine.guest import Cause, Guest
from machine.places import naming

PUMP_SECONDS = 0.1
PART_SECONDS = 0.01  # between the pieces of one report
STDIN = "standard input"
KEYS_BYTES = 1024
KEYS_AHEAD_MAX = 1 << 16
# longer than any working firmware takes; after that its output is shown, as it may explain the hang
FIRMWARE_SECONDS = 20.0
LINE_SECONDS = 0.2  # between the pieces of one line that a program prints
READY_SECONDS = 60.0  # longer than any start; after that keys go even to a console server that never sent XON


class Output:
    """Standard output. A terminal gets the guest's bytes as they are, a file or pipe gets plain line ends."""

    def __init__(self) -> None:
        self.plain = not os.isatty(1)
        self.shared = not self.plain or os.path.sameopenfile(1, 2)  # our words go where the guest's go
        self.pending = b""
        self.inside_line = False
        self.notes: list[str] = []  # to be printed when the guest's line ends
        self.noted = 0.0  # when the first of them came

    def write(self, data: bytes) -> None:
        if self.plain:
            data = (self.pending + data).replace(b"\r\n", b"\n")
            self.pending = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(self.pending)]
        line, end, rest = data.partition(b"\n") if self.notes else (data, b"", b"")
        self.put(line + end)
        if end:
            self.tell()
        self.put(rest)

    def put(self, data: bytes) -> None:
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            self.inside_line = not data.endswith(b"\n")

    def note(self, lines: list[str]) -> None:
        """Words of our own, on lines of their own: among the guest's on a terminal, else on standard error."""
        if lines and not self.notes:
            self.noted = time.monotonic()
        self.notes += lines
        if not self.inside_line:
            self.tell()

    def tell_late(self) -> None:
        """Print the notes although the guest's line has not ended: it may be a prompt, which never ends."""
        if time.monotonic() - self.noted > LINE_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Print the notes now, even in the middle of a guest's line."""
        if not self.notes:
            return
        end = "\n" if self.plain else "\r\n"
        text = (end if self.inside_line and self.shared else "") + "".join(line + end for line in self.notes)
        self.notes = []
        if self.plain:
            print(text, end="", file=sys.stderr, flush=True)
            self.inside_line = self.inside_line and not self.shared
        else:
            self.put(text.encode())


class Session:
    """Carries bytes between the user and one guest."""

    def __init__(self, guest: Guest, shown: ConsoleFilter, keys: int | None, seconds: float | None,
                 faults: FaultReports) -> None:
        self.guest = guest
        self.faults = faults
        self.filter = shown
        self.keys = keys
        self.seconds = seconds
        self.output = Output()
        self.escape = EscapeKey()
        self.ended = keys is None  # no input is left, and the guest has to be told
        self.watching = False
        self.early = b""  # typed before the guest is ready; firmware would swallow it

    def run(self) -> None:
        """Run until the machine ends, with the terminal in raw mode."""
        if self.keys is not None and os.isatty(self.keys):
            say(KEYS_WORDS)
        with RawTerminal(self.keys) as terminal:
            while self.guest.end is None:
                self.step(terminal.is_terminal)
            self.faults.read()
            self.output.note(self.faults.tell())
            for channel, data in self.guest.drain():
                self.show(channel, data)
            self.tell_held()
            self.output.tell()
            if self.output.inside_line and not self.output.plain:
                self.output.write(b"\r\n")  # what follows begins on a line of its own

    def step(self, is_terminal: bool) -> None:
        """One turn: move what arrived, look at the clock."""
        arrived = self.move(is_terminal, PUMP_SECONDS)
        self.faults.read()
        while self.faults.is_inside() and self.guest.end is None:  # a guest blocks when nobody reads its console
            arrived += self.move(is_terminal, PART_SECONDS)
            self.faults.read()
        self.output.note(self.faults.tell())  # before other reports about the same event
        for channel, data in arrived:
            self.show(channel, data)
        self.output.tell_late()
        elapsed = time.monotonic() - self.guest.started
        if elapsed > FIRMWARE_SECONDS:
            self.tell_held()
        if self.filter.ready or elapsed > READY_SECONDS:
            self.send_keys(is_terminal)
        if self.guest.end is None and self.escape.quit:
            self.guest.stop(Cause.CANCELLED)
        elif self.guest.end is None and (words := self.filter.loader_failure) is not None:
            self.guest.stop(Cause.LOADER, words)  # the loader would wait for a key, and then return to the firmware
        elif self.guest.end is None and self.seconds is not None and elapsed > self.seconds:
            self.guest.stop(Cause.TIMEOUT)

    def move(self, is_terminal: bool, seconds: float) -> list[tuple[str, bytes]]:
        """Wait up to `seconds` for something to arrive. Keys are handled here, everything else is returned."""
        self.watch_keys(is_terminal)
        arrived = self.guest.pump(seconds)
        if any(channel == "keys" for channel, _ in arrived):
            self.take_keys(is_terminal)
        return [(channel, data) for channel, data in arrived if channel != "keys"]

    def tell_held(self) -> None:
        """Show what was held back: if programs never start, the output before them may say why."""
        if not self.filter.passing:
            self.output.note(self.filter.release().decode(errors="replace").splitlines())

    def watch_keys(self, is_terminal: bool) -> None:
        """Stop reading input while the guest is full, or an endless pipe would fill memory. A terminal is always read,
        so that its escape key works."""
        ahead = len(self.early) + len(self.guest.unsent)
        wanted = self.keys is not None and (is_terminal or ahead < KEYS_AHEAD_MAX)
        if wanted != self.watching:
            assert self.keys is not None
            if wanted:
                self.guest.watch(self.keys, "keys")
            else:
                self.guest.forget(self.keys)
            self.watching = wanted

    def send_keys(self, is_terminal: bool) -> None:
        """Send a pipe's or file's bytes in small pieces, and none while the guest is full. A Ctrl-C never waits."""
        if is_terminal:
            self.guest.send(self.early)
            self.early = b""
        elif not self.filter.full and self.guest.has_taken_all():
            self.guest.send(self.early[:KEYS_BYTES])
            self.early = self.early[KEYS_BYTES:]
        if self.ended and not self.early and self.guest.hang_up():
            self.ended = False

    def show(self, channel: str, data: bytes) -> None:
        if channel == "console":
            self.output.write(self.filter.feed(data))

    def take_keys(self, is_terminal: bool) -> None:
        """Read what was typed, or what a file or pipe holds; at its end the guest is told."""
        assert self.keys is not None
        try:
            with naming(STDIN):
                data = os.read(self.keys, KEYS_BYTES)
        except ConnectionResetError:  # a socket's peer has gone: nobody types any more
            data = b""
        if not data:
            self.guest.forget(self.keys)
            self.watching = False
            self.keys = None
            self.ended = True
            return
        if is_terminal:
            data, answer = self.escape.feed(data)
            self.output.write(answer)
        self.early += data
