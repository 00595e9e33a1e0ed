"""Prove contracts of pure functions with Frama-C (test/proof/). Installs nothing, but says what is missing.

examples:
  ./baton prove                   all proofs
  ./baton prove elf ustar         some of them
  ./baton prove --verbose heap    all that Frama-C says

One result a source; what is not proved is named. Exits 0 only when every goal is proved.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from host import needs, paths
from host.say import UserError

NAME = "prove"
SUMMARY = "prove contracts of pure functions with Frama-C"

PROVE = paths.ROOT / "test" / "proof" / "prove.py"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="which proofs (files NAME.acsl); all if none is named")
    parser.add_argument("--verbose", action="store_true", help="print all that Frama-C says")


def run(options: argparse.Namespace) -> int:
    if lacking := needs.lacking(*needs.PROVERS):
        raise UserError(f"nothing can be proved: {lacking}")
    command = [sys.executable, str(PROVE), *options.names, *(["--verbose"] if options.verbose else [])]
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
