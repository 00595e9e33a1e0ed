"""Owns how ./baton talks to its user: on standard error, so that standard output stays the guest's or the results'."""

from __future__ import annotations

import sys

CODE_USAGE = 2  # the command line is wrong
CODE_HOST = 78  # a file, folder, stream or process of the host's failed us


class UserError(Exception):
    """Something the user has to know and can act on; ./baton prints it and exits with `code`."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def reason(error: OSError) -> str:
    """What is wrong, in words that fit into a sentence."""
    return (error.strerror or str(error)).lower()


def say(message: str) -> None:
    print(f"baton: {message}", file=sys.stderr, flush=True)
