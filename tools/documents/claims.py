"""Owns the statements in pages that rot: counts of things in the tree, `only in FILE`, `never called`, `not yet`, and
measured figures. Each has its proof beside it, in a comment of the same paragraph, list item or table row:

    <!-- check: COMMAND -->        a shell command, run from the root. It looks at the tree, succeeds without any error
                                   message, and each number that it prints is said
    <!-- value: FILE: CONSTANT --> the constant (or arithmetic with some) of the source file is said
    <!-- figures: COMMAND -->      our command that prints the figures of this section; the check does not run it
    <!-- no claim: 4, not yet -->  these words of the paragraph are no such statement: they are about something else

A number may be in digits or in words (to ninety-nine), with a unit if that is clearer (`64 KiB`). After `about`, `some`
or `nearly` it may be off by a twentieth. A count without a proof is a problem, so no new one gets in. Figures in
instructions or in time are also covered when their section names a command.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Callable

from documents import constants
from documents.quotes import FENCE, baton_parser, check_command
from documents.tree import Tree

SECONDS_MAX = 10
SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()
LARGE = [f"{ten}-{one}".removesuffix("-zero") for ten in "twenty thirty forty fifty sixty seventy eighty ninety".split()
         for one in SMALL[:10]]
WORDS = {word: number for number, word in enumerate(SMALL + LARGE)} | {"a dozen": 12}
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "us": 10**3, "ms": 10**6, "seconds": 10**9}
NUMBER = re.compile(rf"\b(?:(about|some|nearly) )?(\d+(?:,\d{{3}})*|{'|'.join(sorted(WORDS, key=len, reverse=True))})"
                    rf"(?: ({'|'.join(UNITS)})\b)?", re.IGNORECASE)
THINGS = ("calls", "files", "lines", "tests", "suites", "pages", "mutants", "servers", "operations", "statuses",
          "cases", "objects", "scenarios", "programs", "processes", "pipes", "regions", "slots", "strings", "jobs",
          "commands", "built-ins", "front ends", "folders")
# "One list of files", "two or more pages", "ring 3 that runs programs", "from 256 on the servers'", "2 times the
# calls", "ADR 17 gives such pages" are no counts of things in the tree.
BETWEEN = r"(?:(?!(?:or|that|on|times)\b)[\w'`-]+ ){0,2}"
COUNT = re.compile(rf"(?<!ADR )\b(?!one\b){NUMBER.pattern} {BETWEEN}(?:{'|'.join(THINGS)})\b", re.IGNORECASE)
FIGURE = re.compile(r"\b\d[\d,.]* (?:instructions|us|ms|seconds|minutes)\b")
PHRASE = re.compile(r"\b(only in `|only by `|nowhere else|no other file|the only function|never called|not yet|"
                    r"no \w+ yet|not implemented|does not exist yet|nobody calls|is unused|no file but)", re.IGNORECASE)
NOTE = re.compile(r"(?<!`)<!--\s*(.*?)\s*-->", re.DOTALL)  # a comment in backticks is an example, not a note
KINDS = ("check", "value", "figures", "no claim")
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*] |\d+\. |\|))")
SECTION = re.compile(r"\n(?=#)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A paragraph, list item or table row of a page, on one line, and its notes: kind and text of each."""

    path: str
    text: str
    notes: tuple[tuple[str, str], ...]
    is_measured: bool  # its section has a note `figures`
    names_command: bool  # ... or a command

    def where(self) -> str:
        return f"{self.path}: `{self.text[:60].strip()}...`"


def notes(text: str) -> tuple[tuple[str, str], ...]:
    parts = (note.partition(":") for note in NOTE.findall(text))
    return tuple((kind.strip(), re.sub(r"\s*\n\s*", " ", rest).strip()) for kind, _, rest in parts)


def blocks(path: str, page: str) -> list[Block]:
    found = []
    for section in SECTION.split(FENCE.sub(lambda fence: "\n\n" + "`./baton`" * ("./baton" in fence[2]) + "\n\n",
                                           page)):
        is_measured = any(kind == "figures" for kind, _ in notes(section))
        for piece in BLOCK.split(section):
            text = " ".join(NOTE.sub("", piece).replace("**", "").split())
            found.append(Block(path, text, notes(piece), is_measured, "`./baton" in section))
    return found


def said(number: int, block: Block) -> set[str]:
    """The numbers of `block`, as written, that say `number`."""
    found = set()
    for about, digits, unit in NUMBER.findall(block.text):
        value = WORDS[digits.lower()] if digits.lower() in WORDS else int(digits.replace(",", ""))
        meant = (value, value * UNITS.get(unit, 1))
        if number in meant or (about and any(abs(one - number) * 20 <= number for one in meant)):
            found.add(digits)
    return found


def run(root: pathlib.Path, command: str) -> tuple[str, str]:
    """What the command printed, and what is wrong with it (empty: nothing). `! grep WORD FILE`
    fails if FILE is missing."""
    try:
        done = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, text=True, timeout=SECONDS_MAX,
                              stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return "", f"takes more than {SECONDS_MAX} s"
    words = [*done.stdout.split()[:20], *done.stderr.split()[:20]]
    if done.returncode != 0:
        return done.stdout, f"fails with status {done.returncode} {' '.join(words)}".strip()
    return done.stdout, f"prints an error: {done.stderr.strip()}" if done.stderr else ""


def run_check(tree: Tree, command: str) -> tuple[str, str]:
    """Run a check. It must depend on the tree, so in an empty folder it has to give another result."""
    output, wrong = run(tree.root, command)
    with tempfile.TemporaryDirectory(prefix="baton-empty-") as empty:
        if not wrong and run(pathlib.Path(empty), command) == (output, ""):
            wrong = "says the same in an empty folder, so it does not look at the tree"
    return output, wrong


def value(tree: Tree, text: str) -> tuple[str, str]:
    file, _, expression = text.partition(":")
    try:
        return str(constants.evaluate(tree, file, expression)), ""
    except constants.Unknown as unknown:
        return "", str(unknown)


def evidence(tree: Tree, block: Block, parser: argparse.ArgumentParser) -> tuple[set[str], list[str]]:
    """The numbers of a block, as written, that its notes cover, and what is wrong with them."""
    covered: set[str] = set()
    problems = []
    for kind, text in block.notes:
        output, wrong = "", ""
        if kind == "check":
            output, wrong = run_check(tree, text)
        elif kind == "value":
            output, wrong = value(tree, text)
        elif kind == "figures":
            wrong = check_command(tree, parser, text)
        elif kind == "no claim":
            covered.update(text.split(", "))
            wrong = ", ".join(f"does not say {word}" for word in text.split(", ") if word not in block.text)
        else:
            wrong = f"want one of {', '.join(KINDS)}"
        for number in re.findall(r"\d+", output) if not wrong else ():
            covered |= said(int(number), block)
            wrong = wrong or ("" if said(int(number), block) else f"gives {number}, which is not said")
        if wrong:
            problems.append(f"{block.where()}: {kind}: {text}: {wrong}")
    return covered, problems


def uncovered(block: Block, covered: set[str]) -> list[str]:
    """The statements of a block that nothing proves."""
    counts = [claim[0] for claim in COUNT.finditer(block.text) if claim[2] not in covered and not block.is_measured]
    figures = [] if block.is_measured or block.names_command else \
        [claim for claim in FIGURE.findall(block.text) if claim.split()[0] not in covered]
    is_checked = any(kind == "check" for kind, _ in block.notes)
    phrases = [] if is_checked else [phrase for phrase in PHRASE.findall(block.text) if phrase not in covered]
    return [f"{block.where()}: `{claim}` has no check beside it" for claim in [*counts, *phrases]] + \
        [f"{block.where()}: no command gives `{claim}`" for claim in figures]


def check(tree: Tree, make_parser: Callable[[], argparse.ArgumentParser] = baton_parser) -> list[str]:
    """Every statement of every page against what proves it."""
    parser = make_parser()

    def judge(block: Block) -> list[str]:
        covered, problems = evidence(tree, block, parser)
        return problems + uncovered(block, covered)

    found = [block for path, text in tree.pages().items() for block in blocks(path, text)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [problem for problems in pool.map(judge, found) for problem in problems]
