"""Plants a mistake: applies a drill of drills.json, which has the form of a mutant, to a copy of its source.

    plant.py DRILLS NAME SOURCE COPY
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "tools"))
from mutation.mutants import MutantError, parse  # pylint: disable=wrong-import-position


def main(drills: str, name: str, source: str, copy: str) -> int:
    try:
        [drill] = [drill for entry in json.loads(pathlib.Path(drills).read_text())
                   if (drill := parse(entry, drills)).name == name]
        pathlib.Path(copy).write_text(drill.apply(pathlib.Path(source).read_text()))
    except MutantError as error:
        print(f"drill {name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
