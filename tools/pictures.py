#!/usr/bin/env python3
"""Draws the documentation's pictures (docs/pictures/*.svg) from the descriptions beside them (*.toml) and README."""

from __future__ import annotations

import sys

from documents import pictures
from host import paths


def main() -> int:
    for name, (_, picture) in pictures.drawings(paths.ROOT).items():
        (paths.ROOT / pictures.FOLDER / name).write_text(picture)
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
