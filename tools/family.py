"""Owns the clean-up of processes: however ./baton ends, none of its descendants lives on.

That takes two processes, since one that is killed by SIGKILL can clean nothing up. The first one only waits. The second
one, its child, does the work:

    ./baton (waits) --- ./baton (works) --- meson --- suite.py --- QEMU

The host's kernel tells the worker when the waiting process is gone. Both are subreapers (PR_SET_CHILD_SUBREAPER): they
inherit orphans below them, so neither sessions nor process groups hide a process.
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
ROUNDS = 20  # of killing; processes still left then belong to another user (sudo), and we may not kill them


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process sent a signal when its parent is gone. For a child before exec, too."""
    LIBC.prctl(PR_SET_PDEATHSIG, number)


def children() -> dict[int, list[int]]:
    """The host's processes: parent -> its children."""
    found: dict[int, list[int]] = {}
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        found.setdefault(int(words[1]), []).append(int(place.name))
    return found


def descendants(spared: list[int]) -> list[int]:
    """The descendants of this process, without its `spared` children and their descendants."""
    known = children()
    found = [process for process in known.get(os.getpid(), []) if process not in spared]
    for process in found:  # the list grows in the loop
        found += known.get(process, [])
    return found


def reap() -> bool:
    """Collect children that have ended, inherited orphans included. False when no child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_descendants(spared: list[int]) -> None:
    """Ask all to leave, then kill the rest, with any process they start in the meantime."""
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
    """Signal handler: end by an exception, so that clean-up runs; a second signal must not interrupt that."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def leave_on_signals() -> None:
    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # our parent wants us to ignore it
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
    """Do the work in a child of this process. Returns its exit status once all its descendants are gone."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    waiting = os.getpid()
    # children of a shell that became this process by exec: not ours
    older = children().get(waiting, []) if reap() else []
    worker = os.fork()
    try:
        if worker != 0:
            return wait_for(worker)
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
        leave_on_signals()
        die_with_parent(signal.SIGTERM)
        if os.getppid() != waiting:
            return 128 + signal.SIGTERM  # the waiting process died before the line above
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

    On a terminal the command writes itself. Otherwise its output goes through us, so that a failed
    write is reported as ours.
    """
    shown = None if sys.stdout.isatty() else subprocess.PIPE
    with child(command, env={**os.environ, **(environment or {})}, cwd=folder, stdout=shown) as process:
        for line in process.stdout or []:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        return int(process.wait())
