#!/usr/bin/env python3
"""Owns a short run of one fuzz target: replay the corpus, then some thousand inputs from a fixed seed. Prints TAP.

    run_fuzz.py --name elf --target build/test/fuzz/elf_fuzz --corpus test/fuzz/corpus/elf
    build/test/fuzz/elf_fuzz -max_total_time=600 NEW_FOLDER test/fuzz/corpus/elf      by hand, as long as you like
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile

BYTES_MAX = 16384
SECONDS = 100
TAIL_LINES = 30


def run(target: pathlib.Path, *arguments: str) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(target.resolve()), f"-artifact_prefix={folder}/", "-seed=1", *arguments]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace",
                                  timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired:
            return False, f"not done after {SECONDS} s"
        said = done.stderr
        for found in pathlib.Path(folder).glob("*-*"):
            if found.is_file():
                said += f"\ninput: {found.read_bytes()[:256].hex()}"
    return done.returncode == 0, said


def main() -> int:
    parser = argparse.ArgumentParser(description="Run one fuzz target for a short time.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--target", required=True, type=pathlib.Path)
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=20000)
    options = parser.parse_args()
    seeds = sorted(str(path.resolve()) for path in options.corpus.iterdir() if path.is_file())
    print("TAP version 13\n1..2")
    good = True
    with tempfile.TemporaryDirectory() as grown:
        for number, (what, arguments) in enumerate([
                ("replays_its_corpus", seeds),
                ("survives_random_inputs", [f"-runs={options.runs}", f"-max_len={BYTES_MAX}", grown,
                                            str(options.corpus.resolve())]),
        ], start=1):
            passed, said = run(options.target, *arguments) if seeds else (False, "there is no corpus")
            good = good and passed
            if not passed:
                print("\n".join(f"# {line}" for line in said.splitlines()[-TAIL_LINES:]))
            print(f"{'ok' if passed else 'not ok'} {number} - fuzz_{options.name}_{what}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
