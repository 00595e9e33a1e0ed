"""Install what is missing, configure build/ and build it. --release does the same for build-release/ (no checks)."""

from __future__ import annotations

import argparse

from host import build, paths

NAME = "build"
SUMMARY = "set up and build, without running anything"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--release", action="store_true", help="build-release/, without the kernel's checks")
    parser.add_argument("--werror", action="store_true",
                        help="from now on a warning fails a build in this folder: for developers")


def run(options: argparse.Namespace) -> int:
    with build.ready(paths.BUILD_RELEASE if options.release else paths.BUILD, werror=options.werror):
        return 0
