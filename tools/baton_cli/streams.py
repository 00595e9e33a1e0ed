"""Owns ./baton's own standard streams: what happens when one is closed, full or of another encoding.

A failed write to standard output is an error that names it. A failed write to standard error is ignored, since no other
stream is left to report it on.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import termios

from host import say

STDOUT = "standard output"


class NamedOutput(io.FileIO):
    """Standard output, whose errors name it."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[call-overload, no-any-return]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, STDOUT) from None


class ErrorOutput(io.FileIO):
    """Standard error. Never an error of its own."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[call-overload, no-any-return]
        except OSError:
            return len(memoryview(data))  # type: ignore[arg-type]


def text(raw: io.FileIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace",
                            line_buffering=raw.isatty() or isinstance(raw, ErrorOutput))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def prepare() -> None:
    """Give each stream its descriptor, so that no other file gets that number, and its behaviour."""
    for descriptor in range(3):
        if not is_open(descriptor):  # open() takes the lowest free descriptor, which is this one
            os.open(os.devnull, os.O_RDONLY if descriptor < 2 else os.O_WRONLY)  # writing to descriptor 1 still fails
    sys.stdout = text(NamedOutput(1, "w", closefd=False))
    sys.stderr = text(ErrorOutput(2, "w", closefd=False))


def give_up_stdout() -> None:
    """Throw away what could not be written. Python would try again as it ends, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def reason(error: OSError | termios.error) -> str:
    """A host's error in words: the file or stream, and what is wrong with it."""
    if isinstance(error, termios.error):
        return f"terminal: {str(error.args[-1]).lower()}"
    words = say.reason(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename != STDOUT:
        words += " (TMPDIR=FOLDER says where a machine's memory and volume go)"
    return f"{error.filename}: {words}" if error.filename is not None else words
