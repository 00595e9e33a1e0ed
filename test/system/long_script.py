"""Writes a shell script of many lines: pipelines, redirections, background work and waits, at random by a seed.

    python3 test/system/long_script.py LINES SEED [COMMAND ...]

What it prints does not depend on the order in which programs that run at the same time get the CPU. COMMANDs are what
somebody does to the servers meanwhile, such as `servers restart pipes`: they come between the lines, in the background.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

FOLDER = "/tmp/script"
FILES = 8
WORDS_MAX = 20
STAGES_MAX = 4
MEANWHILE_EVERY = 5  # lines


def words(choice: random.Random) -> str:
    return " ".join(f"w{choice.randrange(1000)}" for _ in range(choice.randint(1, WORDS_MAX)))


def stages(choice: random.Random) -> str:
    """Programs that hand on what they read."""
    programs = (" | cat", " | shell -c cat", " | shell -c 'cat | cat'")
    return "".join(choice.choice(programs) for _ in range(choice.randint(1, STAGES_MAX)))


def line(choice: random.Random, number: int) -> str:
    """One line. Each file is written by one program at a time, which has ended before the next line begins."""
    file, other = (f"{FOLDER}/{at}" for at in choice.sample(range(FILES), 2))
    return choice.choice((
        f"echo {number} {words(choice)}{stages(choice)}",
        f"echo {number} {words(choice)}{stages(choice)} > {file}; cat {file}",
        f"cat {file} | cat > {other}; cat < {other}{stages(choice)}",
        f"echo {number} > {file} & echo {number} {words(choice)}{stages(choice)} > {other} & wait; cat {file} {other}",
        f"cat /bin/echo{stages(choice)} > {file}; ls -l {file}; echo {number} > {file}",
        f"cp {file} {other}; mv {other} {FOLDER}/moved; cat {FOLDER}/moved; mv {FOLDER}/moved {other}",
        f"cat {FOLDER}/none; echo $?; shell -c 'exit {number % 200}' | cat; false; echo $?",
        f"sleep 100 & kill $!; wait $!; echo $?; echo {number} | shell -c 'cat; exit 3'; echo $?",
    ))


def script(lines: int, seed: int, meanwhile: Sequence[str] = ()) -> str:
    choice = random.Random(seed)
    text = [f"mkdir {FOLDER}", *(f"echo {at} > {FOLDER}/{at}" for at in range(FILES))]
    for number in range(lines):
        if meanwhile and number % MEANWHILE_EVERY == 0:
            text.append(f"{meanwhile[number // MEANWHILE_EVERY % len(meanwhile)]} &")
        text.append(line(choice, number))
    return "\n".join(text)


if __name__ == "__main__":
    print(script(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
