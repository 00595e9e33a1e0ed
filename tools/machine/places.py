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
    """The same folder twice, unless a socket's path would be too long there."""

    files: pathlib.Path
    sockets: pathlib.Path


@contextlib.contextmanager
def naming(path: pathlib.Path | str) -> Iterator[None]:
    """For a block that reads or writes the file or stream `path`: an error says so, which one of read() or
    write() does not by itself."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextlib.contextmanager
def private_places() -> Iterator[Places]:
    """Until the end of the block. Raises OSError: a folder can't be made."""
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(private_folder())
        short = len(os.fsencode(files / LONGEST_SOCKET)) <= SOCKET_PATH_BYTES
        yield Places(files, files if short else stack.enter_context(private_folder(SHORT)))
