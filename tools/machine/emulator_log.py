"""Owns the emulator's own log (-d ... -D FILE): the file is a pipe, and only the tail of the log is kept.

Otherwise a guest that takes 200,000 exceptions would write a quarter of a gigabyte. A thread reads the pipe, because
QEMU must never wait for us: it holds locks while it writes, and we may be waiting for its monitor's answer.
"""

from __future__ import annotations

import os
import pathlib
import threading

KEPT_BYTES = 1 << 18
READ_BYTES = 1 << 16
END_MARK = b"\0"  # not in any text of QEMU's


class EmulatorLog:
    """Keeps the tail of what QEMU writes to `path`, which must not exist yet."""

    def __init__(self, path: pathlib.Path) -> None:
        os.mkfifo(path)
        self.pipe = os.open(path, os.O_RDWR)  # both ends, so that neither opening nor reading fails when QEMU is absent
        self.kept = b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        while not self.kept.endswith(END_MARK):
            self.kept = (self.kept + os.read(self.pipe, READ_BYTES))[-KEPT_BYTES:]

    def finish(self) -> str:
        """The text of the tail. Call when QEMU has ended or paused; everything it wrote has then been read."""
        if self.thread.is_alive():
            os.write(self.pipe, END_MARK)
            self.thread.join()
        return self.kept.replace(END_MARK, b"").decode(errors="replace")

    def close(self) -> None:
        self.finish()
        os.close(self.pipe)
