"""Owns the checks of the system calls: a page of docs/abi/ for each, true to the tables and to the tests that provoke
each error; and a caller in the product for each."""

from __future__ import annotations

import pathlib
import re

from documents.tree import COMMENT, WORD, Tree, rows, section

CALLS = "kernel/abi/syscall.def"
STATUSES = "kernel/abi/status.def"
FOLDER = "docs/abi/"
SUITES = "test/guest/meson.build"
INDEX = FOLDER + "index.md"
SECTIONS = ("Synopsis", "Arguments", "Rights", "Returns", "Errors", "Cost", "Source")
TYPED = re.compile(r"\bSYSCALL\((\d+),\s*(\w+),\s*\d+,\s*\((.*?)\)\)", re.DOTALL)
MESSAGE = re.compile(r"\bSYSCALL_MESSAGE\((\d+),\s*(\w+)\)")
STATUS = re.compile(r'^STATUS\((\d+), (\w+), "(.*)"\)', re.MULTILINE)
HELPER = re.compile(r'^#include "(test/guest/lib/\w+\.h)"', re.MULTILINE)
EXCUSE = re.compile(r"\b(not (yet )?tested|untested|not yet|to ?do)\b", re.IGNORECASE)
PRODUCT = ("boot/", "libsys/", "servers/", "userland/")
TEST_PROGRAM = re.compile(r"userland/\w+test/")  # a program of userland/ that tests has a folder called NAMEtest

# The calls that stay although no program of the product makes them, and why (CONTRIBUTING.md, "What earns a system
# call").
UNCALLED = {
    "signal_wait": "a row of the bench compares it with other systems",
    "signal_poll": "a row of the bench compares it with other systems",
}
SOURCE = re.compile(r"`(\w+)\(\)` in \[([\w/.]+)\]")


def calls(tree: Tree) -> dict[str, tuple[str, str | None]]:
    """Name -> number and prototype (None: a message call) of each row of syscall.def."""
    text = COMMENT.sub(" ", tree.text(CALLS))
    found: dict[str, tuple[str, str | None]] = {name: (number, " ".join(prototype.split()))
                                                for number, name, prototype in TYPED.findall(text)}
    found.update({name: (number, None) for number, name in MESSAGE.findall(text)})
    return found


def statuses(tree: Tree) -> dict[str, str]:
    """Name -> text of each row of status.def."""
    return {name: text for _, name, text in STATUS.findall(tree.text(STATUSES))}


def statuses_seen(tree: Tree, suite: str) -> set[str]:
    """The statuses that a guest suite looks for, by itself or by the helpers it includes."""
    texts = [tree.text(suite)]
    texts += [tree.text(header.removesuffix(".h") + ".c") for header in HELPER.findall(texts[0])]
    return {word for text in texts for word in WORD.findall(text)} & set(statuses(tree))


def check_errors(tree: Tree, path: str) -> list[str]:
    """A page's table of errors: known statuses, and for each a test that exists or the reason why there is none."""
    problems = []
    known = statuses(tree)
    for row in rows(section(tree.text(path), "Errors")):
        if len(row) != 3:
            problems.append(f"{path}: an error row wants status, when and test: {row}")
            continue
        status, when, test = row
        if status not in known or status == "OK":
            problems.append(f"{path}: {status} is no error of {STATUSES}")
        if test.startswith("none: ") and len(test) > len("none: "):
            if EXCUSE.search(test):
                problems.append(f"{path}: {status} ({when}): that there is no test is no reason: {test}")
            continue
        file = tree.guest_cases.get(test.strip("`"))
        if file is None:
            problems.append(f"{path}: {status} ({when}): {test} is no case in test/guest and no `none: reason`")
        elif f"'{pathlib.PurePath(file).stem}'" not in tree.text(SUITES):
            problems.append(f"{path}: {status} ({when}): {file}, where {test} is, is no suite of {SUITES}")
        elif status not in statuses_seen(tree, file):
            problems.append(f"{path}: {status} ({when}): {file}, where {test} is, never sees that status")
    return problems


def check_page(tree: Tree, name: str, number: str, prototype: str | None) -> list[str]:
    path = f"{FOLDER}{name}.md"
    text = tree.text(path)
    if not text:
        return [f"{path}: missing; {CALLS} has {name}"]
    problems = []
    if not text.startswith(f"# {name}\n"):
        problems.append(f"{path}: the first line is not `# {name}`")
    problems += [f"{path}: no section `## {title}`" for title in SECTIONS if not section(text, title).strip()]
    synopsis = " ".join(section(text, "Synopsis").split())
    if f"Number {number}." not in synopsis:
        problems.append(f"{path}: the synopsis does not say `Number {number}.`")
    if prototype is not None and f"sys_{name}({prototype})" not in synopsis:
        problems.append(f"{path}: the synopsis is not that of {CALLS}: sys_{name}({prototype})")
    if prototype not in (None, "void"):
        described = [row[0].strip("`") for row in rows(section(text, "Arguments"))]
        wanted = [argument.split()[-1] for argument in str(prototype).split(", ")]
        if described != wanted:
            problems.append(f"{path}: describes the arguments {described}, {CALLS} has {wanted}")
    sources = SOURCE.findall(section(text, "Source"))
    if f"sys_{name}" not in [function for function, _ in sources]:
        problems.append(f"{path}: the source does not name sys_{name}()")
    problems += [f"{path}: {function}() is not in {file}" for function, file in sources
                 if not re.search(rf"\b{function}\(", tree.text(file))]
    return problems + check_errors(tree, path)


def check_index(tree: Tree) -> list[str]:
    text = tree.text(INDEX)
    problems = [f"{INDEX}: no link to {name}.md" for name in calls(tree) if f"({name}.md)" not in text]
    table = {row[0]: row for row in rows(section(text, "Statuses"))}
    for name, words in statuses(tree).items():
        if table.get(name, ["", ""])[1] != words:
            problems.append(f"{INDEX}: the statuses do not have {name}: {words}")
    problems += [f"{INDEX}: {name} is no status" for name in table if name not in statuses(tree)]
    return problems


def check_callers(tree: Tree, uncalled: dict[str, str] | None = None) -> list[str]:
    """Each system call is made by a C file of the product, or declared with a reason; a header may only pass it on."""
    declared = UNCALLED if uncalled is None else uncalled
    texts = [COMMENT.sub(" ", text) for path, text in tree.code().items()
             if path.startswith(PRODUCT) and path.endswith(".c") and not TEST_PROGRAM.match(path)]
    problems = [f"{CALLS}: has no {name}, which is declared as uncalled"
                for name in declared.keys() - calls(tree).keys()]
    for name, (_, prototype) in calls(tree).items():
        function = name if prototype is None else f"sys_{name}"
        is_called = any(re.search(rf"\b{function}\(|\bSYS_{name}\b", text) for text in texts)  # or by its number
        if not is_called and name not in declared:
            problems.append(f"{CALLS}: {name} has no caller in {', '.join(PRODUCT)} but tests; remove it, or earn it "
                            "(CONTRIBUTING.md)")
        elif is_called and name in declared:
            problems.append(f"{CALLS}: {name} has a caller, but is declared as uncalled")
    return problems


def check(tree: Tree) -> list[str]:
    """Everything that is wrong with docs/abi/, a line each."""
    table = calls(tree)
    if not table or not statuses(tree):
        return [f"{CALLS} or {STATUSES}: no rows found"]
    problems = []
    for name, (number, prototype) in table.items():
        problems += check_page(tree, name, number, prototype)
    for path in tree.pages():
        if path.startswith(FOLDER) and path != INDEX and path.removeprefix(FOLDER).removesuffix(".md") not in table:
            problems.append(f"{path}: {CALLS} has no such call")
    used = {row[0] for path in tree.pages() if path.startswith(FOLDER) and path != INDEX
            for row in rows(section(tree.text(path), "Errors"))}
    unused = set(statuses(tree)) - used - {"OK"}
    problems += [f"{STATUSES}: no page has {name}" for name in sorted(unused)]
    return problems + check_index(tree)
