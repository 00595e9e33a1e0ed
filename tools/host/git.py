"""Owns the calls of git, which fail in a project that was unpacked from an archive."""

from __future__ import annotations

import subprocess

from host import paths
from host.say import UserError


def git(*words: str) -> bytes:
    """The output of a git command in the project. Raises UserError when it fails."""
    try:
        done = subprocess.run(["git", *words], cwd=paths.ROOT, capture_output=True, check=False,
                              stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise UserError("git is not installed; on Debian and Ubuntu: apt-get install git") from None
    if done.returncode != 0:
        raise UserError(f"git {words[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
