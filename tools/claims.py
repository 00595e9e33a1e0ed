"""Owns what concurrent runs share, and how each marks a folder as in use: it holds a lock (flock) on a file in it.

The host's kernel drops the lock when its holder is gone, however the holder ended. That also works across containers,
where a process number would mean nothing. So a folder whose lock is free belongs to nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from types import TracebackType

MARK = ".claim"  # the locked file of a claimed folder; no folder without it is ever removed
PRIVATE = "baton-run-"  # how the names of private folders begin, in the folder for temporary files
NAMES_TRIED = 1000


class Lock:
    """A lock on the file `path`, which is made if need be."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.descriptor: int | None = None

    def take(self, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock, or change between shared and exclusive. False: somebody else has it (only without `wait`)."""
        operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        while True:
            if self.descriptor is None:
                self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(self.descriptor, operation)
            except BlockingIOError:
                self.release()
                return False
            if os.fstat(self.descriptor).st_nlink:
                return True
            self.release()  # the file was removed while we waited, so nobody else sees this lock

    def release(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.release()


class Claim(Lock):
    """A folder that is in use while the lock on its mark is held."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder / MARK)
        self.folder = folder


def new(parent: pathlib.Path, prefix: str, mode: int = 0o777) -> Claim:
    """A new folder in `parent` whose name begins with `prefix`, claimed."""
    while True:
        claim = Claim(parent / f"{prefix}{secrets.token_hex(4)}")
        try:
            claim.folder.mkdir(mode=mode)
        except FileExistsError:
            continue
        try:
            if claim.take(wait=False):
                return claim  # else a sweep ran between making the mark and locking it
        except FileNotFoundError:
            continue  # the sweep has already removed the folder
        except OSError:
            shutil.rmtree(claim.folder, ignore_errors=True)
            raise


def existing(folder: pathlib.Path, shared: bool = False) -> Claim | None:
    """A claim on an existing folder; None when it does not exist, or a conflicting claim is held."""
    claim = Claim(folder)
    try:
        return claim if claim.path.exists() and claim.take(shared, wait=False) else None
    except OSError:  # it is gone, or not ours
        return None


def sweep(parent: pathlib.Path, prefix: str, keep: int = 0) -> None:
    """Remove our folders in `parent` that nobody claims any more, but not the `keep` newest."""
    found = []
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # another sweep may have removed it
            state = folder.lstat()
            if state.st_uid == os.geteuid():
                found.append((state.st_mtime, folder))
    for _, folder in sorted(found, reverse=True)[keep:]:
        claim = existing(folder)
        if claim is not None:
            with claim:
                shutil.rmtree(folder, ignore_errors=True)


def sweep_private() -> None:
    """Remove the private folders of dead runs, which may hold a machine's memory."""
    sweep(pathlib.Path(tempfile.gettempdir()), PRIVATE)


@contextlib.contextmanager
def private_folder(parent: pathlib.Path | None = None, prefix: str = PRIVATE) -> Iterator[pathlib.Path]:
    """A private folder, removed at the end of the block. Private folders of dead runs beside it are removed as well."""
    parent = parent or pathlib.Path(tempfile.gettempdir())
    sweep(parent, prefix)
    with new(parent, prefix, mode=0o700) as claim:
        try:
            yield claim.folder
        finally:
            shutil.rmtree(claim.folder, ignore_errors=True)


def first_free(wanted: pathlib.Path) -> Lock:
    """A lock for results that are called `wanted`, or `wanted`-2, -3, ... while another run writes those.

    The lock's path is that name with .lock appended.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, NAMES_TRIED):
        name = wanted.name if number == 1 else f"{wanted.name}-{number}"
        lock = Lock(wanted.with_name(f"{name}.lock"))
        if lock.take(wait=False):
            return lock
    raise OSError(f"{wanted}: used by {NAMES_TRIED} others")
