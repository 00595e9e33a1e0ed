"""Owns how ./baton talks to its user: on standard error, so that standard output stays the guest's or the results'."""

from __future__ import annotations

import sys


class UserError(Exception):
    """Something the user has to know and can act on; ./baton prints it and exits with `code`."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(message: str) -> None:
    print(f"baton: {message}", file=sys.stderr, flush=True)
