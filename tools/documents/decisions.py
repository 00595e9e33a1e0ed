"""Owns the form of two kinds of pages: decisions (docs/adr/) and the answers to lessons (docs/lessons.md)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from documents.claims import notes
from documents.quotes import TICKS, baton_parser, check_command
from documents.tree import Tree

ADR = re.compile(r"^docs/adr/(\d{4})-[\w-]+\.md$")
TITLE = re.compile(r"# 0*(\d+)[.:] \S")
PART = re.compile(r"^(?:\*\*|## )?(Status|Context|Decision|Consequences|Rejected|Check)(?:\.\*\*|:|$)", re.MULTILINE)
PARTS = ("Status", "Context", "Decision", "Consequences", "Rejected", "Check")
README = "docs/README.md"
ROWS = "test/bench/targets.json"
LESSONS = "docs/lessons.md"
LESSON_COUNT = 32
LESSON = re.compile(r"^(\d+)\. (.*?)(?=^\d+\. |^#|\Z)", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"\*\*(Impossible|Test|Not yet)\.?\*\*")
ANSWERS = ("Impossible", "Test", "Not yet")
NAME = re.compile(r"`(\w+)`")


def check_falsifier(tree: Tree, path: str, parser: argparse.ArgumentParser) -> list[str]:
    """Check the section Check of a decision: it has a check that documents.claims runs, or ./baton commands that run
    tests or rows of the bench."""
    text = PART.split(tree.text(path))[-1]
    quoted = TICKS.findall(text)
    commands = [one for one in quoted if one.startswith("./baton ")]
    problems = [f"{path}: `{one}`: {wrong}" for one in commands if (wrong := check_command(tree, parser, one))]
    if any(one == "./baton bench" for one in commands) and not any(f'"id": "{one}"' in tree.text(ROWS)
                                                                   for one in quoted):
        problems.append(f"{path}: names no row of {ROWS}")
    if not commands and not any(kind == "check" for kind, _ in notes(text)):
        problems.append(f"{path}: what would show it wrong is no command (`./baton test NAME`, or a check)")
    return problems


def check_adrs(tree: Tree, make_parser: Callable[[], argparse.ArgumentParser] = baton_parser) -> list[str]:
    problems = []
    parser = make_parser()
    for path, text in tree.pages().items():
        if not path.startswith("docs/adr/"):
            continue
        name = ADR.match(path)
        if name is None:
            problems.append(f"{path}: not called NNNN-title.md")
            continue
        title = TITLE.match(text)
        if title is None or int(title[1]) != int(name[1]):
            problems.append(f"{path}: the first line is not `# {int(name[1])}. title`")
        found = PART.findall(text)
        if found != list(PARTS):
            problems.append(f"{path}: has the parts {found}, wanted are {list(PARTS)}")
        if f"({path.removeprefix('docs/')})" not in tree.text(README):
            problems.append(f"{path}: {README} has no link to it")
        problems += check_falsifier(tree, path, parser)
    return problems


def tests_named(text: str) -> list[str]:
    """The names in backticks in the parts of a lesson's answer that begin with **Test.**"""
    pieces = ANSWER.split(text)
    return [name for kind, piece in zip(pieces[1::2], pieces[2::2]) if kind == "Test" for name in NAME.findall(piece)]


def check_lessons(tree: Tree) -> list[str]:
    lessons = LESSON.findall(tree.text(LESSONS))
    problems = []
    numbers = [int(number) for number, _ in lessons]
    if numbers != list(range(1, LESSON_COUNT + 1)):
        problems.append(f"{LESSONS}: has the lessons {numbers}, wanted are 1 to {LESSON_COUNT}")
    for number, text in lessons:
        if not ANSWER.search(text):
            problems.append(f"{LESSONS}: lesson {number} has no answer ({', '.join(ANSWERS)})")
        problems += [f"{LESSONS}: lesson {number}: there is no test {name}" for name in tests_named(text)
                     if name not in tree.tests]
        if "**Test.**" in text and not tests_named(text):
            problems.append(f"{LESSONS}: lesson {number} names no test")
    return problems
