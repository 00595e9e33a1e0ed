#!/usr/bin/env python3
"""Draws the documentation's pictures (docs/pictures/*.svg) from the descriptions beside them (*.toml)."""

from __future__ import annotations

import sys

from documents import pictures
from host import paths


def main() -> int:
    for source in sorted((paths.ROOT / pictures.FOLDER).glob("*.toml")):
        source.with_suffix(".svg").write_text(pictures.draw(source.read_text()))
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
