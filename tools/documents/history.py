"""Owns the checks of the project's history: its version is one number in the build description, in CHANGES.md and on
the pages, and the subjects of commits keep the form of CONTRIBUTING.md."""

from __future__ import annotations

import re
import subprocess

from documents.tree import Skipped, Tree
from host import version

HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
DATE = r", \d{4}-\d\d-\d\d"
PRINTED = re.compile(r"\bbaton (\d+\.\d+\.\d+)")  # in the session of a page, the kernel's first line
CHANGES = "CHANGES.md"

BASE = "b5f8bc1ef57ff1a005f10330ea20140d879808c5"  # the commits behind it are checked
SUBJECT_MAX = 72
SUBJECT = re.compile(r"[\w./-]+(?:, [\w./-]+)*: ([a-z][\w-]*)")
# Words that begin no imperative: articles, questions, and forms like `adds`, `added` and `adding`.
NO_VERBS = ("a", "all", "an", "each", "how", "it", "no", "one", "the", "what", "when", "where", "who", "why")
OTHER_FORM = re.compile(r"(?!(?:bring|embed|feed|need)$)\w*(?:[^s]s|ed|ing)$")


def check_version(tree: Tree) -> list[str]:
    wanted = version.read(tree.text(version.BUILD_DESCRIPTION))
    newest = HEADING.search(tree.text(CHANGES))
    problems = []
    if newest is None or not re.fullmatch(re.escape(wanted) + DATE, newest[1]):
        problems.append(f"{CHANGES}: begins with `{newest[1] if newest else ''}`, not with the version {wanted} of "
                        f"{version.BUILD_DESCRIPTION} and its date")
    problems += [f"{path}: shows baton {shown}, the version is {wanted}" for path, text in tree.pages().items()
                 for shown in PRINTED.findall(text) if shown != wanted]
    return problems


def subjects(tree: Tree) -> list[str]:
    """The subjects of the commits since BASE. Raises Skipped: they can't be known here."""
    if not (tree.root / ".git").exists():
        raise Skipped("no .git is here")
    command = ["git", "log", "--no-merges", "--format=%s", f"{BASE}..HEAD"]
    try:
        done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Skipped("not installed: git (apt-get install git)") from None
    if done.returncode != 0:
        raise Skipped(f"git does not know the commits since {BASE[:7]}: {' '.join(done.stderr.split())}")
    return done.stdout.splitlines()


def judge_subject(subject: str) -> str:
    """What is wrong with a commit's subject; empty: nothing."""
    found = SUBJECT.match(subject)
    if found is None:
        return "is not `area: imperative subject`"
    if len(subject) > SUBJECT_MAX:
        return f"has {len(subject)} columns, more than {SUBJECT_MAX}"
    if found[1] in NO_VERBS or OTHER_FORM.match(found[1]):
        return f"`{found[1]}` is no imperative"
    return ""


def check_subjects(tree: Tree) -> list[str]:
    return [f"commit `{subject}`: {wrong}" for subject in subjects(tree) if (wrong := judge_subject(subject))]
