"""Owns where the project's version stands: in the build description, from where the kernel has it, too."""

from __future__ import annotations

import re

from host import paths

BUILD_DESCRIPTION = "meson.build"
VERSION = re.compile(r"^  version: '(\d+\.\d+\.\d+)',$", re.MULTILINE)


def read(build_description: str) -> str:
    """The version that a build description's text gives; empty: none."""
    found = VERSION.search(build_description)
    return found[1] if found else ""


def current() -> str:
    return read((paths.ROOT / BUILD_DESCRIPTION).read_text())
