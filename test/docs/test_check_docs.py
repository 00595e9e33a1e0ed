"""Owns the tests of the documentation check: a small sound tree passes, and each thing broken in it is noticed, alone."""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import unittest
from collections.abc import Callable

from documents import abi, decisions, quotes, sources
from documents.tree import Tree

PAGE = """# cap_eat

Eat a capability.

## Synopsis

```c
struct result sys_cap_eat(cap_t slot);
```

Number 1.

## Arguments

| argument | unit | meaning |
|---|---|---|
| `slot` | slot | what to eat |

## Rights

None.

## Returns

Nothing.

## Errors

| status | when | test |
|---|---|---|
| E_CAP | nothing there | `cap_eat_refuses` |
| E_LIMIT | too many | none: it takes years |

## Cost

Constant.

## Source

`sys_cap_eat()` in [kernel/table.c](../../kernel/table.c).
"""

ADR = """# 1. Eat capabilities

**Status.** Accepted.

**Context.** They pile up.

**Decision.** Eat them.

**Consequences.** Fewer.

**Rejected.** Nothing.

**Check.** Count.
"""

SOUND = {
    "kernel/abi/syscall.def": "/* SYSCALL(9, none, 0, (void)) */\n"
                              "SYSCALL(1, cap_eat, 1, (cap_t slot))\nSYSCALL_MESSAGE(2, ep_eat)\n",
    "kernel/abi/status.def": 'STATUS(0, OK, "done")\nSTATUS(1, E_CAP, "nothing there")\nSTATUS(2, E_LIMIT, "enough")\n',
    "kernel/table.c": '#include "kernel/cap.h"\nstruct result sys_cap_eat(cap_t slot) { return eat(slot); }\n',
    "kernel/cap.h": '#pragma once\n#include "kernel/abi/status.h"\n',
    "kernel/abi/status.h": "#pragma once\n",
    "kernel/endpoint.c": "uint64_t sys_ep_eat(void) { return 0; }\n",
    "libsys/eat.h": '#pragma once\n#include "kernel/abi/status.h"\n',
    "servers/cook/main.c": '#include "libsys/eat.h"\n#include "servers/cook/main.h"\nint main(void) { return 0; }\n',
    "servers/cook/main.h": "#pragma once\n",
    "test/guest/meson.build": "guest_suites = ['caps']\n",
    "test/guest/caps.c": "/* E_CAP */\nSUITE(CASE(cap_eat_refuses));\n",
    "test/tools/test_eat.py": "class Eat:\n    def test_eating(self) -> None:\n        pass\n",
    "docs/abi/cap_eat.md": PAGE,
    "docs/abi/ep_eat.md": PAGE.replace("cap_eat", "ep_eat").replace("Number 1", "Number 2")
                              .replace("`ep_eat_refuses`", "none: none").replace("kernel/table.c", "kernel/endpoint.c"),
    "docs/abi/index.md": "[a](cap_eat.md) [b](ep_eat.md)\n\n## Statuses\n\n| status | text |\n|---|---|\n| OK | done |\n"
                         "| E_CAP | nothing there |\n| E_LIMIT | enough |\n",
    "docs/adr/0001-eat-capabilities.md": ADR,
    "docs/README.md": "[1](adr/0001-eat-capabilities.md) [calls](abi/index.md#statuses) `kernel/table.c` `kernel/*.c` "
                      "`sys_cap_eat()`\n\n```sh\n./baton eat --all test_eating   # everything\n./baton help eat\n"
                      "CC=clang meson setup build\n```\n",
    "docs/lessons.md": "".join(f"{number}. *Bad.* **Impossible.** **Test.** `cap_eat_refuses`\n"
                               for number in range(1, 33)),
}


def eat_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    for name in ("eat", "test"):
        command = commands.add_parser(name)
        command.add_argument("--all", action="store_true")
        command.add_argument("names", nargs="*")
    return parser


def check_commands(tree: Tree) -> list[str]:
    return quotes.check_commands(tree, eat_parser)


CHECKS: tuple[Callable[[Tree], list[str]], ...] = (
    abi.check, sources.check_includes, sources.check_sizes, sources.check_headers, quotes.check_fences, quotes.check_names,
    quotes.check_links, check_commands, decisions.check_adrs, decisions.check_lessons,
)

# What is changed (file, text, new text) and what has to be noticed. A text of None: the file is added, or removed.
LESSON = "*Bad.* **Impossible.** **Test.** `cap_eat_refuses`"
PAGE_PATH, README, LESSONS = "docs/abi/cap_eat.md", "docs/README.md", "docs/lessons.md"
BREAKS: tuple[tuple[str, str | None, str | None, str], ...] = (
    (PAGE_PATH, None, None, "docs/abi/cap_eat.md: missing"),
    ("docs/abi/cap_spit.md", None, "# cap_spit\n", "has no such call"),
    (PAGE_PATH, "# cap_eat", "# cap_ate", "the first line is not `# cap_eat`"),
    (PAGE_PATH, "Number 1.", "Number 3.", "does not say `Number 1.`"),
    (PAGE_PATH, "(cap_t slot)", "(cap_t place)", "the synopsis is not that of"),
    (PAGE_PATH, "| `slot` |", "| `place` |", "describes the arguments ['place']"),
    (PAGE_PATH, "## Rights\n\nNone.\n", "", "no section `## Rights`"),
    (PAGE_PATH, "| E_CAP |", "| E_CUP |", "E_CUP is no error of"),
    (PAGE_PATH, "| E_CAP |", "| OK |", "OK is no error of"),
    (PAGE_PATH, "`cap_eat_refuses`", "`cap_eat_accepts`", "`cap_eat_accepts` is no case in test/guest"),
    (PAGE_PATH, "none: it takes years", "none: ", "no case in test/guest"),
    (PAGE_PATH, "none: it takes years", "none: not tested yet", "E_LIMIT (too many): that there is no test is no reason"),
    (PAGE_PATH, "none: it takes years", "none: Untested", "that there is no test is no reason"),
    (PAGE_PATH, "none: it takes years", "none: TODO", "that there is no test is no reason"),
    (PAGE_PATH, "| nothing there |", "|", "an error row wants status, when and test"),
    (PAGE_PATH, "`sys_cap_eat()` in", "`sys_cap_chew()` in", "does not name sys_cap_eat()"),
    (PAGE_PATH, "[kernel/table.c](../../kernel/table.c)", "[kernel/cap.h](../../kernel/cap.h)",
     "sys_cap_eat() is not in kernel/cap.h"),
    ("test/guest/caps.c", "CASE(cap_eat_refuses)", "/* CASE(cap_eat_refuses) */", "is no case in test/guest"),
    ("test/guest/meson.build", "'caps'", "", "test/guest/caps.c, where `cap_eat_refuses` is, is no suite"),
    ("test/guest/caps.c", "E_CAP", "E_CUP", "never sees that status"),
    ("kernel/abi/status.def", 'STATUS(2,', 'STATUS(3, E_NEW, "new")\nSTATUS(2,', "no page has E_NEW"),
    ("kernel/abi/status.def", '"enough"', '"too much"', "the statuses do not have E_LIMIT: too much"),
    ("docs/abi/index.md", "(ep_eat.md)", "(cap_eat.md)", "no link to ep_eat.md"),
    ("docs/abi/index.md", "| OK | done |", "| OK | done |\n| E_OLD | gone |", "E_OLD is no status"),
    ("kernel/cap.h", "kernel/abi/status.h", "libsys/eat.h", "kernel/cap.h: must not include libsys/eat.h"),
    ("kernel/abi/status.h", "#pragma once\n", '#pragma once\n#include "kernel/cap.h"\n', "must not include kernel/cap.h"),
    ("libsys/eat.h", "kernel/abi/status.h", "kernel/cap.h", "libsys/eat.h: must not include kernel/cap.h"),
    ("servers/cook/main.c", "libsys/eat.h", "servers/waiter/main.h", "must not include servers/waiter/main.h"),
    ("servers/cook/main.c", "libsys/eat.h", "kernel/cap.h", "main.c: must not include kernel/cap.h"),
    ("boot/start.c", None, '#include "kernel/cap.h"\n', "boot/start.c: must not include kernel/cap.h"),
    ("userland/ls.c", None, '#include "servers/cook/main.h"\n', "userland/ls.c: must not include"),
    ("kernel/table.c", "kernel/cap.h", "kernel/arch/x86_64/asm.h", "generic code must not include"),
    ("libsys/long.c", None, "\n" * 501, "libsys/long.c: 501 lines"),
    ("kernel/huge.c", None, "int x;\n/* not\ncode */\n\n" * 9001, "kernel/: 9012 lines of code, more than 9000"),
    ("kernel/cap.h", "#pragma once\n", "", "kernel/cap.h: no `#pragma once`"),
    (README, "./baton help eat\n", "./baton help eat\n```\n", "a ``` is not closed"),
    (README, "`kernel/table.c`", "`kernel/stable.c`", "`kernel/stable.c` does not exist"),
    (README, "`kernel/*.c`", "`kernel/*.x`", "`kernel/*.x` does not exist"),
    (README, "`sys_cap_eat()`", "`sys_cap_gnaw()`", "`sys_cap_gnaw()` is in no source file"),
    (README, "(abi/index.md#statuses)", "(abi/list.md)", "the link to abi/list.md leads nowhere"),
    (README, "(abi/index.md#statuses)", "(abi/index.md#prices)", "has no heading #prices"),
    (README, "eat --all", "eat --most", "unrecognized arguments"),
    (README, "./baton eat", "./baton drink", "invalid choice"),
    (README, "./baton help eat", "./baton help drink", "invalid choice"),
    (README, "./baton eat --all test_eating", "./baton test test_starving", "there is no test test_starving"),
    (README, "meson setup", "meson upset", "meson has no such command"),
    (README, "CC=clang meson", "make", "neither ./baton nor meson"),
    (README, "(adr/0001-eat-capabilities.md)", "(abi/index.md)", "docs/README.md has no link to it"),
    ("docs/adr/0001-eat-capabilities.md", "# 1. ", "# 2. ", "the first line is not `# 1. title`"),
    ("docs/adr/0001-eat-capabilities.md", "**Rejected.** Nothing.\n", "", "has the parts"),
    ("docs/adr/eat.md", None, ADR, "not called NNNN-title.md"),
    (LESSONS, "7. *Bad.*", "*Bad.*", "wanted are 1 to 32"),
    (LESSONS, f"7. {LESSON}", "7. *Bad.*", "lesson 7 has no answer"),
    (LESSONS, f"7. {LESSON}", "7. *Bad.* **Test.** by eye", "lesson 7 names no test"),
    (LESSONS, f"9. {LESSON}", "9. *Bad.* **Test.** `cap_eat_likes`", "lesson 9: there is no test"),
)


class Documents(unittest.TestCase):
    def problems(self, files: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory(prefix="baton-docs-") as place:
            root = pathlib.Path(place)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            tree = Tree(root)
            return [problem for check in CHECKS for problem in check(tree)]

    def test_sound_tree(self) -> None:
        self.assertEqual(self.problems(SOUND), [])

    def test_each_break_is_noticed(self) -> None:
        for path, old, new, wanted in BREAKS:
            with self.subTest(path=path, new=new):
                files = dict(SOUND)
                if new is None:
                    del files[path]
                elif old is None:
                    files[path] = new
                else:
                    self.assertIn(old, files[path])
                    files[path] = files[path].replace(old, new, 1)
                self.assertTrue(any(wanted in problem for problem in self.problems(files)), self.problems(files))

    def test_empty_tables_do_not_pass(self) -> None:
        with tempfile.TemporaryDirectory(prefix="baton-docs-") as place:
            self.assertEqual(len(abi.check(Tree(pathlib.Path(place)))), 1)


if __name__ == "__main__":
    unittest.main()
