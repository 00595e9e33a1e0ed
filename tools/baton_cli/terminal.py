"""Owns the user's terminal during a run: in raw mode while the guest has it, restored however the run ends."""

from __future__ import annotations

import os
import stat
import termios
import tty
from types import TracebackType


def open_keys() -> int | None:
    """The descriptor the user types on: standard input, if it is a terminal, a pipe, a socket or a file. None when
    nobody types: it is closed, or /dev/null."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return None
    typed = os.isatty(0) or stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
    return 0 if typed else None


class RawTerminal:
    """While open, each key goes through unchanged, Ctrl-C included. Does nothing for a descriptor that is no
    terminal."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor
        self.is_terminal = descriptor is not None and os.isatty(descriptor)

    def __enter__(self) -> RawTerminal:
        if self.is_terminal:
            assert self.descriptor is not None
            self.saved = termios.tcgetattr(self.descriptor)
            tty.setraw(self.descriptor, termios.TCSANOW)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.is_terminal:
            assert self.descriptor is not None
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self.saved)
