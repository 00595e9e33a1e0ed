"""Owns the check of what pages quote: files, functions, links and commands that have to exist."""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import itertools
import posixpath
import re
import shlex
from collections.abc import Callable

from documents.tree import FOLDERS, Tree

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
TICKS = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"`((?:[A-Z_]+=\S+ )*\./baton\s[^`]+)`")  # in running text, where a line may end in it
FUNCTION = re.compile(r"^(\w+)\(\)$")
NAME = re.compile(r"^[A-Za-z]\w*_\w+$")
NAME_PATTERNS = ("sys_NAME", "module_verb_noun", "ret_x")  # stand for names
SOURCE = re.compile(r"\w+\.(?:c|h|S|def|py)")
FILE = re.compile(r"^(?:%s)/[\w./*-]*$" % "|".join(FOLDERS))
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
VOLUME_FILES = ("boot/kernel.elf", "boot/init.elf", "boot/pvh.elf", "boot/BOOTX64.EFI")  # made, not kept
MESON_WORDS = ("setup", "compile", "test")


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The names by which links can reach a page's headings, as code hosts make them."""
    kept = [re.sub(r"[^\w\s-]", "", heading.lower()) for heading in HEADING.findall(prose(text))]
    return {name.strip().replace(" ", "-") for name in kept}


def check_names(tree: Tree) -> list[str]:
    """`folder/file`, `function()` and other `names_of_things` in backticks."""
    problems = []
    known = tree.words | tree.runnable | set(NAME_PATTERNS)
    for path, text in tree.pages().items():
        for quoted in TICKS.findall(prose(text)):
            function = FUNCTION.match(quoted)
            if function and function[1] not in tree.identifiers:
                problems.append(f"{path}: `{quoted}` is in no source file")
            if NAME.match(quoted) and quoted not in known:
                problems.append(f"{path}: `{quoted}` is the name of nothing")
            if FILE.match(quoted) and quoted not in VOLUME_FILES and not exists(tree, quoted):
                problems.append(f"{path}: `{quoted}` does not exist")
            if path.endswith("/README.md") and SOURCE.fullmatch(quoted) and not is_below(tree, path, quoted):
                problems.append(f"{path}: `{quoted}` is no file of this folder")
    return problems


def is_below(tree: Tree, page: str, name: str) -> bool:
    """A folder's page names its files without the folder; a test may be elsewhere."""
    folder = "" if name.endswith("_test.c") else posixpath.dirname(page) + "/"
    return any(path.startswith(folder) and posixpath.basename(path) == name for path in tree.files)


def exists(tree: Tree, quoted: str) -> bool:
    if "*" in quoted:
        return any(fnmatch.fnmatch(path, quoted) for path in tree.files)
    return (tree.root / quoted).exists()


def check_links(tree: Tree) -> list[str]:
    problems = []
    for path, text in tree.pages().items():
        for target in LINK.findall(prose(text)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            there = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
            if not (tree.root / there).exists():
                problems.append(f"{path}: the link to {target} leads nowhere")
            elif anchor and anchor not in anchors(tree.text(there)):
                problems.append(f"{path}: {there} has no heading #{anchor}")
    return problems


def baton_parser() -> argparse.ArgumentParser:
    from baton_cli.main import make_parser  # imported here, as no other check needs it

    return make_parser()


def refused(parser: argparse.ArgumentParser, words: list[str]) -> str:
    """The error of ./baton for these arguments; empty when it accepts them."""
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(io.StringIO()):
            parser.parse_args(words)
    except SystemExit as end:
        if end.code:
            return complaint.getvalue().strip().splitlines()[-1]
    return ""


def check_command(tree: Tree, parser: argparse.ArgumentParser, line: str) -> str:
    """What is wrong with one line of a shell block; empty: nothing."""
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    words = list(itertools.takewhile(lambda word: word not in ("<", ">", "|"), words))
    if not words:
        return ""
    if words[0] == "meson":
        return "" if words[1:2] and words[1] in MESON_WORDS else "meson has no such command here"
    built = re.fullmatch(r"build/(test/.*)/(\w+)", words[0])
    if built:  # a test's program, named after its source
        return "" if tree.text(f"{built[1]}/{built[2]}.c") else f"there is no {built[1]}/{built[2]}.c"
    if words[0] == "podman":  # the steps of the Containerfile are taken by tools/rehearse.py
        return "" if tree.text("Containerfile") else "there is no Containerfile"
    if words[0] != "./baton":
        return "neither ./baton nor meson"
    problem = refused(parser, words[1:])
    if not problem and words[1:2] == ["test"]:
        names = [word for word in getattr(parser.parse_args(words[1:]), "names", []) if not word.startswith("-")]
        problem = next((f"there is no test {name}" for name in names
                        if name not in tree.runnable and not name.isupper()), "")  # NAME stands for one
    return problem


def check_commands(tree: Tree, make_parser: Callable[[], argparse.ArgumentParser] = baton_parser) -> list[str]:
    """Every line of every ```sh block, and the commands of ours in running text."""
    problems = []
    parser = make_parser()
    for path, text in tree.pages().items():
        lines = [line for language, block in FENCE.findall(text) if language == "sh" for line in block.splitlines()]
        lines += [" ".join(quoted.split()) for quoted in COMMAND.findall(prose(text))]
        problems += [f"{path}: `{line.strip()}`: {problem}" for line in lines
                     if (problem := check_command(tree, parser, line))]
    return problems


def check_fences(tree: Tree) -> list[str]:
    """Find blocks that are not closed: they would hide everything after them from the other checks."""
    return [f"{path}: a ``` is not closed" for path, text in tree.pages().items()
            if len(re.findall(r"^ *```", text, re.MULTILINE)) % 2]
