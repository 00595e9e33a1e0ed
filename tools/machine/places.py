"""Owns the folders that are a machine's own while it runs: one for its files, one for its sockets."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator

from claims import private_folder

SOCKET_PATH_BYTES = 107  # sockaddr_un, unix(7)
LONGEST_SOCKET = "console"
SHORT = pathlib.Path("/tmp")


@dataclasses.dataclass(frozen=True)
class Places:
    """A folder for files and one for sockets: the same one, unless a socket's path would be too long there."""

    files: pathlib.Path
    sockets: pathlib.Path


@contextlib.contextmanager
def naming(path: pathlib.Path | str) -> Iterator[None]:
    """Add `path` to errors in a block that reads or writes this file or stream; errors of read()
    and write() name no file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextlib.contextmanager
def private_places() -> Iterator[Places]:
    """Make the folders, which last until the end of the block. Raises OSError when one can't be made."""
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(private_folder())
        short = len(os.fsencode(files / LONGEST_SOCKET)) <= SOCKET_PATH_BYTES
        yield Places(files, files if short else stack.enter_context(private_folder(SHORT)))
