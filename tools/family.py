"""Owns the end of what ./baton starts: however it ends, no process that it started, or that one of those did, lives on.

Two processes see to that, since one that is killed by SIGKILL can see to nothing. The first one only waits. The second
one, its child, does the work:

    ./baton (waits) --- ./baton (works) --- meson --- suite.py --- QEMU

The host's kernel tells the worker when the waiting one is gone, and makes either the parent of whatever loses its own
below it (PR_SET_CHILD_SUBREAPER), so that neither sessions nor process groups hide a process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)
TIDY_SECONDS = 0.3  # for a process to leave by itself when asked to
ROUNDS = 20  # of killing; what is left then belongs to another user (sudo), and we may not kill it


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process sent a signal when its parent is gone. For a child before exec, too."""
    LIBC.prctl(PR_SET_PDEATHSIG, number)


def children() -> dict[int, list[int]]:
    """All processes of the host by their parent."""
    found: dict[int, list[int]] = {}
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        found.setdefault(int(words[1]), []).append(int(place.name))
    return found


def descendants(spared: list[int]) -> list[int]:
    """The processes below this one, but not `spared` children of it, nor what is below those."""
    known = children()
    found = [process for process in known.get(os.getpid(), []) if process not in spared]
    for process in found:  # grows meanwhile
        found += known.get(process, [])
    return found


def reap() -> bool:
    """Collect children that have ended, also those that were handed down to us; False when there are none at all."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_descendants(spared: list[int]) -> None:
    """Ask all to leave, then kill the rest, among them what they start meanwhile."""
    number, seconds = signal.SIGTERM, TIDY_SECONDS
    for _ in range(ROUNDS):
        if not reap():
            return
        for process in descendants(spared):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)
        deadline = time.monotonic() + seconds
        while reap() and descendants(spared):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
        number, seconds = signal.SIGKILL, 0.05


def leave(number: int, _: FrameType | None) -> None:
    """Handler: end by an exception, so that all is tidied up. That is not to be interrupted by the next signal."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def leave_on_signals() -> None:
    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # somebody who started us wants us to ignore it
            signal.signal(number, leave)


def wait_for(worker: int) -> int:
    """The exit status of the worker; signals go on to it."""

    def pass_on(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, number)

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    _, status = os.waitpid(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def run(work: Callable[[], int]) -> int:
    """Do the work in a child of this process. Its exit status, once nothing of it is left."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    waiting = os.getpid()
    older = children().get(waiting, []) if reap() else []  # of a shell that became this process by exec: none of ours
    worker = os.fork()
    try:
        if worker != 0:
            return wait_for(worker)
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
        leave_on_signals()
        die_with_parent(signal.SIGTERM)
        if os.getppid() != waiting:
            return 128 + signal.SIGTERM  # it was gone before the line above
        return work()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        end_descendants(older)


@contextlib.contextmanager
def child(command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A child of this process without standard input. An exception in the block, such as a signal's, ends it."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        except BaseException:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TIDY_SECONDS)
            process.kill()
            raise


def relay(command: list[str], environment: dict[str, str] | None = None, folder: pathlib.Path | None = None) -> int:
    """Run a command whose output is this process's, in this folder or ours. Its exit status.

    A terminal is handed to it. Else the output goes through us: if it can't be written, that is our error to tell.
    """
    shown = None if sys.stdout.isatty() else subprocess.PIPE
    with child(command, env={**os.environ, **(environment or {})}, cwd=folder, stdout=shown) as process:
        for line in process.stdout or []:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        return int(process.wait())
