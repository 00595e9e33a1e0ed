"""Owns the tests of the documentation check: a small sound tree passes, and each single break in it is noticed."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Callable, Iterator
from unittest import mock

from documents import abi, arrows, claims, decisions, history, limits, pictures, prose, quotes, recording, sources
from documents.tree import Skipped, Tree

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

**Check.** Row `eaten` of `./baton bench`; `./baton test caps_smp`.
"""

COUNTS = """# Counts

Two files <!-- check: ls kernel/*.c | grep -c . -->.

8 KiB <!-- value: kernel/cap.h: EAT_PAGES * 4096 -->, some 10 lines
<!-- check: grep -c '^$' docs/lines.txt -->, in two pages <!-- value: kernel/cap.h: EAT_PAGES -->.

- swap_bites is only in `table.c` <!-- check: ! grep -q bites kernel/endpoint.c -->
- Between two calls <!-- no claim: two --> there is time. It takes 9 instructions \
<!-- value: test/bench/recorded.json: eaten -->.

Twenty-one and a dozen lines <!-- check: wc -l < docs/lines.txt; wc -w < docs/lines.txt -->.

Of two or more pages, one list of files, ring 3 that runs programs, what is from 256 on the servers', and 2 times the
calls nobody counts anything; ADR 17 gave such pages.

## Measured

Eating has 300 cases, and takes 20 ms. <!-- figures: ./baton bench -->

- As code, `<!-- check: false -->` is no check, and neither is this:
  ```
  Nine files <!-- check: false -->
  ```

## Measured by

`./baton bench` says that it takes 5 ms.
"""

LIMITS = """# Limits

| limit | how much | constant | beyond it | test |
|---|---|---|---|---|
| teeth | 32 | `libsys/eat.h: TEETH_MAX` | E_LIMIT | `cap_eat_refuses` |
| bites | 4 KiB | `libsys/eat.h: BITE_MAX * sizeof(uint64_t) + UINT8_MAX - 255` | E_LIMIT | not tested |

## Not here

- `libsys/eat.h: GUM_MAX BITE_MAX`
"""

SOUND = {
    "kernel/abi/syscall.def": "/* SYSCALL(9, none, 0, (void)) */\n"
                              "SYSCALL(1, cap_eat, 1, (cap_t slot))\nSYSCALL_MESSAGE(2, ep_eat)\n",
    "kernel/abi/status.def": 'STATUS(0, OK, "done")\nSTATUS(1, E_CAP, "nothing there")\nSTATUS(2, E_LIMIT, "enough")\n',
    "kernel/table.c": '#include "kernel/cap.h"\nstruct result sys_cap_eat(cap_t slot) { return eat(slot); }\n',
    "kernel/cap.h": '#pragma once\n#include "kernel/abi/status.h"\n#define EAT_PAGES (sizeof_bite + 1U) /* each */\n',
    "kernel/abi/status.h": "#pragma once\nenum { sizeof_bite = 0x1, };\n",
    "kernel/endpoint.c": "uint64_t sys_ep_eat(void) { return 0; }\n",
    "libsys/eat.h": '#pragma once\n#include "kernel/abi/status.h"\n#define TEETH_MAX 32U /* all */\n'
                    '#define GUM_MAX 1U\n'
                    "#define BITE_MAX (1U << 9)\n",
    "kernel/run/jaw.h": '#pragma once\n#include "kernel/cap/tooth.h"\n',
    "kernel/cap/tooth.h": "#pragma once\n",
    "servers/cook/main.c": '#include "libsys/eat.h"\n#include "servers/cook/main.h"\nint main(void) { return 0; }\n',
    "servers/cook/pot.c": '#include "servers/cook/pot.h"\n#include "servers/cook/main.h"\n'
                          '#include "servers/cook/stove/oven.h"\n'
                          "void dine(void) { (void)sys_cap_eat(1); }\n"
                          "static long bite(long b) { return b > 1 ? b : 1; }\n",
    "servers/cook/knife.c": "static int bite(void) { return 2; }\n",
    "servers/cook/pot.h": "#pragma once\nenum spoon : int { SMALL };\n",
    "servers/cook/stove/oven.h": "#pragma once\n",
    "servers/cook/salt.h": '#pragma once\n#include "servers/cook/pepper.h"\n',
    "servers/cook/pepper.h": '#pragma once\n#include "servers/cook/salt.h"\n',
    "tools/kitchen/knife.py": "from kitchen import fork\n",
    "tools/kitchen/fork.py": "import re\n",
    "servers/cook/main.h": "#pragma once\nenum spoon *stir(void); /* a struct spoon { */\n",
    "meson.build": "project('eat', 'c',\n  version: '1.2.3',\n  meson_version: '>= 1.0.0')\n",
    "CHANGES.md": "# Changes\n\n## 1.2.3, 2026-01-31\n\n## 1.2.2\n",
    "test/guest/meson.build": "guest_suites = ['caps']\nvariants = ['_smp']\n",
    "test/guest/caps.c": "/* E_CAP */\nSUITE(CASE(cap_eat_refuses));\n",
    "test/tools/test_eat.py": "class Eat:\n    def test_eating(self) -> None:\n        pass\n",
    "docs/abi/cap_eat.md": PAGE,
    "docs/abi/ep_eat.md": PAGE.replace("cap_eat", "ep_eat").replace("Number 1", "Number 2")
                              .replace("`ep_eat_refuses`", "none: none").replace("kernel/table.c", "kernel/endpoint.c"),
    "docs/abi/index.md": "[a](cap_eat.md) [b](ep_eat.md)\n\n## Statuses\n\n| status | text |\n|---|---|\n"
                         "| OK | done |\n| E_CAP | nothing there |\n| E_LIMIT | enough |\n",
    "docs/adr/0001-eat-capabilities.md": ADR,
    "docs/counts.md": COUNTS,
    "docs/lines.txt": "\n" * 10 + "word\n" * 10 + "two words\n",
    "docs/limits.md": LIMITS,
    "test/bench/targets.json": '{"rows": [\n{"id": "eaten", "target": 9}\n]}\n',
    "test/bench/recorded.json": '{\n "eaten": 8.9996\n}\n',
    "docs/README.md": "[1](adr/0001-eat-capabilities.md) [calls](abi/index.md#statuses) `kernel/table.c` `kernel/*.c` "
                      "`sys_cap_eat()` `./baton\n eat --all` `./baton test NAME`\n\n"
                      "```sh\n./baton eat --all test_eating   # everything\n./baton help eat\n"
                      "CC=clang meson setup build\n```\n",
    "docs/lessons.md": "".join(f"{number}. *Bad.* **Impossible.** **Test.** `cap_eat_refuses`\n"
                               for number in range(1, 33)),
}


def eat_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    for name in ("eat", "test", "bench"):
        command = commands.add_parser(name)
        command.add_argument("--all", action="store_true")
        command.add_argument("names", nargs="*")
    return parser


def check_commands(tree: Tree) -> list[str]:
    return quotes.check_commands(tree, eat_parser)


def check_adrs(tree: Tree) -> list[str]:
    return decisions.check_adrs(tree, eat_parser)


def check_claims(tree: Tree) -> list[str]:
    return claims.check(tree, eat_parser)


def check_arrows(tree: Tree) -> list[str]:
    return arrows.check(tree, (frozenset({"servers/cook/salt", "servers/cook/pepper"}),))


def check_callers(tree: Tree) -> list[str]:
    return abi.check_callers(tree, {"ep_eat": "for the taste"})


CHECKS: tuple[Callable[[Tree], list[str]], ...] = (
    abi.check, check_callers, check_arrows, sources.check_sizes, sources.check_headers, sources.check_helpers,
    sources.check_places, sources.check_assertions, sources.check_tags, quotes.check_fences, quotes.check_names,
    quotes.check_links, check_commands, check_adrs, decisions.check_lessons, limits.check, history.check_version,
    check_claims,
)

# A change (file, text, new text), and the problem that must be noticed. A text of None: the file is added, or removed.
LESSON = "*Bad.* **Impossible.** **Test.** `cap_eat_refuses`"
PAGE_PATH, README, LESSONS, COUNTS_PATH = "docs/abi/cap_eat.md", "docs/README.md", "docs/lessons.md", "docs/counts.md"
ADR_PATH = "docs/adr/0001-eat-capabilities.md"
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
    (PAGE_PATH, "none: it takes years", "none: not tested yet", "E_LIMIT (too many): that there is no test"),
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
    ("servers/cook/pot.c", "(void)sys_cap_eat(1);", "/* sys_cap_eat(1); */", "cap_eat has no caller in"),
    ("servers/cook/pot.c", "sys_cap_eat(1);", "sys_cap_eaten(1);", "cap_eat has no caller in"),
    ("userland/eat.c", None, "void dine(void) { ep_eat(); }\n", "ep_eat has a caller, but is declared as uncalled"),
    ("kernel/abi/syscall.def", "SYSCALL_MESSAGE(2, ep_eat)", "", "has no ep_eat, which is declared as uncalled"),
    ("kernel/abi/syscall.def", "SYSCALL_MESSAGE(2,", "SYSCALL(3, cap_bite, 1, (cap_t slot))\nSYSCALL_MESSAGE(2,",
     "cap_bite has no caller in"),
    ("kernel/cap.h", "kernel/abi/status.h", "libsys/eat.h", "kernel/cap.h: must not include libsys/eat.h"),
    ("kernel/abi/status.h", "#pragma once\n", '#pragma once\n#include "kernel/cap.h"\n',
     "must not include kernel/cap.h"),
    ("libsys/eat.h", "kernel/abi/status.h", "kernel/cap.h", "libsys/eat.h: must not include kernel/cap.h"),
    ("servers/cook/main.c", "libsys/eat.h", "servers/waiter/main.h", "must not include servers/waiter/main.h"),
    ("servers/cook/main.c", "libsys/eat.h", "kernel/cap.h", "main.c: must not include kernel/cap.h"),
    ("boot/start.c", None, '#include "kernel/cap.h"\n', "boot/start.c: must not include kernel/cap.h"),
    ("userland/ls.c", None, '#include "servers/cook/main.h"\n', "userland/ls.c: must not include"),
    ("kernel/table.c", "kernel/cap.h", "kernel/arch/x86_64/asm.h", "generic code must not include"),
    ("kernel/cap/tooth.h", "#pragma once\n", '#pragma once\n#include "kernel/run/jaw.h"\n',
     "kernel/cap/tooth.h: must not include kernel/run/jaw.h, which is in a room above"),
    ("kernel/attic/skull.c", None, '#include "kernel/cap.h"\n', "kernel/attic is no room"),
    ("libsys/wire/tooth.c", None, '#include "libsys/runtime/jaw.h"\n',
     "libsys/wire/tooth.c: must not include libsys/runtime/jaw.h, which is in a room above"),
    ("libsys/attic/skull.c", None, '#include "libsys/wire/tooth.h"\n', "libsys/attic is no room"),
    ("servers/cook/main.h", "#pragma once\n", '#pragma once\n#include "servers/cook/pot.h"\n',
     "a circle: servers/cook/main servers/cook/pot"),
    ("servers/cook/stove/oven.h", "#pragma once\n", '#pragma once\n#include "servers/cook/main.h"\n',
     "a circle: servers/cook servers/cook/stove"),
    ("servers/cook/salt.h", '#include "servers/cook/pepper.h"\n', "",
     "declared, but no circle: servers/cook/pepper servers/cook/salt"),
    ("tools/kitchen/fork.py", "import re\n", "def cut():\n    import kitchen.knife\n",
     "a circle: tools/kitchen/fork tools/kitchen/knife"),
    ("libsys/long.c", None, "\n" * 501, "libsys/long.c: 501 lines"),
    ("servers/cook/main.h", "enum spoon *", "union spoon\n{ int size; }",
     "the tag spoon stands for more than one thing: servers/cook/main.h servers/cook/pot.h"),
    ("libsys/eat.h", "#pragma once\n", '#pragma once\n_Static_assert(1 &&\n2, "a");\n', "`&&` in a _Static_assert"),
    ("kernel/table.c", "return eat(slot);", '__asm__("hlt");', "kernel/table.c: __asm__ is only for kernel/arch/"),
    ("kernel/table.c", "eat(slot)", "frame->type_and_count", "type_and_count is only for kernel/base/ledger."),
    ("libsys/eat.h", "#pragma once\n", "#pragma once\nstatic inline int bite(int a) { return a > 1 ? a : 1; }\n",
     "servers/cook/pot.c: bite() stands in libsys/eat.h, too"),
    ("kernel/cap.h", "#pragma once\n", "", "kernel/cap.h: no `#pragma once`"),
    (README, "./baton help eat\n", "./baton help eat\n```\n", "a ``` is not closed"),
    (README, "`kernel/table.c`", "`kernel/stable.c`", "`kernel/stable.c` does not exist"),
    (README, "`kernel/table.c`", "`table.c`", "`table.c` is no file of this folder"),
    (README, "`kernel/*.c`", "`kernel/*.x`", "`kernel/*.x` does not exist"),
    (README, "`kernel/table.c`", "`cap_nibble`", "`cap_nibble` is the name of nothing"),
    (README, "`sys_cap_eat()`", "`sys_cap_gnaw()`", "`sys_cap_gnaw()` is in no source file"),
    (README, "(abi/index.md#statuses)", "(abi/list.md)", "the link to abi/list.md leads nowhere"),
    (README, "(abi/index.md#statuses)", "(abi/index.md#prices)", "has no heading #prices"),
    (README, "./baton eat --all", "./baton eat --most", "unrecognized arguments"),
    (README, "./baton eat", "./baton drink", "invalid choice"),
    (README, "./baton help eat", "./baton help drink", "invalid choice"),
    (README, "./baton eat --all test_eating", "./baton test test_starving", "there is no test test_starving"),
    (README, "`./baton\n eat --all`", "`./baton\n eat --most`", "`./baton eat --most`: "),
    (README, "`./baton\n eat --all`", "`CC=clang ./baton drink`", "invalid choice"),
    (README, "`./baton test NAME`", "`./baton test test_starving`", "there is no test test_starving"),
    (README, "meson setup", "meson upset", "meson has no such command"),
    (README, "CC=clang meson", "make", "neither ./baton nor meson"),
    (README, "(adr/0001-eat-capabilities.md)", "(abi/index.md)", "docs/README.md has no link to it"),
    (ADR_PATH, "# 1. ", "# 2. ", "the first line is not `# 1. title`"),
    (ADR_PATH, "**Rejected.** Nothing.\n", "", "has the parts"),
    (ADR_PATH, "Row `eaten` of `./baton bench`; `./baton test caps_smp`.", "Count.",
     "what would show it wrong is no command"),
    (ADR_PATH, "`eaten`", "`drunk`", "names no row of test/bench/targets.json"),
    (ADR_PATH, "caps_smp", "caps_many", "there is no test caps_many"),
    (ADR_PATH, "Row `eaten` of `./baton bench`; `./baton test caps_smp`.", "<!-- check: false -->",
     "check: false: fails"),
    (COUNTS_PATH, "Two files", "Three files", "gives 2, which is not said"),
    (COUNTS_PATH, "Two files", "Three files", "`Three files` has no check beside it"),
    (COUNTS_PATH, "Two files <!-- check: ls kernel/*.c | grep -c . -->", "Two files",
     "`Two files` has no check beside it"),
    (COUNTS_PATH, "8 KiB", "8 MiB", "gives 8192, which is not said"),
    (COUNTS_PATH, "some 10 lines", "some 11 lines", "gives 10, which is not said"),
    (COUNTS_PATH, "some 10 lines", "some eleven more lines", "`some eleven more lines` has no check beside it"),
    (COUNTS_PATH, "some 10 lines", "exactly 11 different system calls",
     "`11 different system calls` has no check beside it"),
    (COUNTS_PATH, "some 10 lines", "**11** system calls", "`11 system calls` has no check beside it"),
    (COUNTS_PATH, "some 10 lines", "thirty-seven built-ins", "`thirty-seven built-ins` has no check beside it"),
    (COUNTS_PATH, "some 10 lines", "ninety-nine commands", "`ninety-nine commands` has no check beside it"),
    (COUNTS_PATH, "some 10 lines", "a dozen `kernel` folders", "`a dozen `kernel` folders` has no check beside it"),
    (COUNTS_PATH, "some 10 lines", "three front ends", "`three front ends` has no check beside it"),
    (COUNTS_PATH, "cap.h: EAT_PAGES -->", "cap.h: EAT_BYTES -->", "kernel/cap.h has no constant EAT_BYTES"),
    (COUNTS_PATH, "cap.h: EAT_PAGES -->", "cup.h: EAT_PAGES -->", "kernel/cup.h has no constant EAT_PAGES"),
    (COUNTS_PATH, "cap.h: EAT_PAGES -->", "cap.h: EAT_PAGES( -->", "EAT_PAGES( in kernel/cap.h: "),
    ("kernel/abi/status.h", "0x1", "0x2", "gives 3, which is not said"),
    ("kernel/abi/status.h", "0x1", "EAT_PAGES", "goes round in a circle"),
    ("kernel/endpoint.c", "return 0", "return bites", "check: ! grep -q bites kernel/endpoint.c: fails"),
    (COUNTS_PATH, "bites kernel/endpoint.c -->", "bites kernel/gone.c -->", "kernel/gone.c: prints an error: grep: "),
    *((COUNTS_PATH, "check: grep -c '^$' docs/lines.txt", f"check: {command}",
       f"{command}: says the same in an empty folder")
      for command in ("echo 10", "true", "echo 10 README.md | cut -b 1-2", "test 10 = 10")),
    (COUNTS_PATH, "<!-- check: ! grep -q bites kernel/endpoint.c -->", "", "`only in `` has no check beside it"),
    (COUNTS_PATH, "there is time", "there is not yet time", "`not yet` has no check beside it"),
    (COUNTS_PATH, "there is time", "there is no rest yet", "`no rest yet` has no check beside it"),
    (COUNTS_PATH, "there is time", "it is never called", "`never called` has no check beside it"),
    *((COUNTS_PATH, "there is time", f"{words} it", f"`{words}` has no check beside it") for words in (
        "not implemented", "does not exist yet", "nobody calls", "is unused", "no file but")),
    (COUNTS_PATH, "<!-- no claim: two -->", "<!-- no claim: four -->", "does not say four"),
    (COUNTS_PATH, "<!-- no claim: two -->", "<!-- claim: two -->", "want one of check, value, figures, no claim"),
    ("test/bench/recorded.json", "8.9996", "9.9", "gives 10, which is not said"),
    (COUNTS_PATH, "takes 9 instructions <!-- value: test/bench/recorded.json: eaten -->", "takes 9 instructions",
     "no command gives `9 instructions`"),
    (COUNTS_PATH, " <!-- figures: ./baton bench -->", "", "`300 cases` has no check beside it"),
    (COUNTS_PATH, " <!-- figures: ./baton bench -->", "", "no command gives `20 ms`"),
    (COUNTS_PATH, "figures: ./baton bench", "figures: ./baton punch", "invalid choice"),
    (COUNTS_PATH, "`./baton bench` says that", "We say that", "no command gives `5 ms`"),
    ("docs/limits.md", "| 32 |", "| 31 |", "teeth: 31, `libsys/eat.h: TEETH_MAX` is 32"),
    ("docs/limits.md", "4 KiB", "4 MiB", "is 4096"),
    ("docs/limits.md", "`cap_eat_refuses`", "`cap_eat_forgets`", "there is no test `cap_eat_forgets`"),
    ("docs/limits.md", "| E_LIMIT | not tested |", "| not tested |", "want limit, how much, constant, beyond it, test"),
    ("docs/limits.md", "eat.h: TEETH_MAX", "eat.h: TOOTH_MAX", "libsys/eat.h has no constant TOOTH_MAX"),
    ("docs/limits.md", "GUM_MAX ", "", "has no libsys/eat.h: GUM_MAX"),
    ("docs/limits.md", "GUM_MAX ", "GUM_MAX LIP_MAX ", "libsys/eat.h: LIP_MAX: there is no such constant"),
    ("libsys/eat.h", "#define GUM_MAX", "#define TONGUES_MAX 1U\n#define GUM_MAX", "has no libsys/eat.h: TONGUES_MAX"),
    ("meson.build", "'1.2.3'", "'1.3.0'", "begins with `1.2.3, 2026-01-31`, not with the version 1.3.0"),
    ("CHANGES.md", "1.2.3, 2026-01-31", "1.2.3, unreleased", "begins with `1.2.3, unreleased`"),
    (README, "`./baton test NAME`", "baton 1.2.2, checks on", "docs/README.md: shows baton 1.2.2"),
    ("docs/adr/eat.md", None, ADR, "not called NNNN-title.md"),
    (LESSONS, "7. *Bad.*", "*Bad.*", "wanted are 1 to 32"),
    (LESSONS, f"7. {LESSON}", "7. *Bad.*", "lesson 7 has no answer"),
    (LESSONS, f"7. {LESSON}", "7. *Bad.* **Test.** by eye", "lesson 7 names no test"),
    (LESSONS, f"9. {LESSON}", "9. *Bad.* **Test.** `cap_eat_likes`", "lesson 9: there is no test"),
)


class Documents(unittest.TestCase):
    @contextlib.contextmanager
    def tree(self, files: dict[str, str]) -> Iterator[Tree]:
        with tempfile.TemporaryDirectory(prefix="baton-docs-") as place:
            root = pathlib.Path(place)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            yield Tree(root)

    def problems(self, files: dict[str, str]) -> Iterator[str]:
        """The problems of each check in turn. Checks that start processes come last, as most
        breaks are found before them."""
        with self.tree(files) as tree:
            for check in CHECKS:
                yield from check(tree)

    def test_sound_tree(self) -> None:
        self.assertEqual(list(self.problems(SOUND)), [])

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
                self.assertTrue(any(wanted in problem for problem in self.problems(files)), wanted)

    def test_turns_are_noticed_in_comments_and_pages_only(self) -> None:
        for found in ("Who waits is told.", "It is for who waits.", "The so-manieth call.", "The same, but quick.",
                      "The half of what comes is lost.", "What eat_slowly leaves; it is rare.",
                      "A caller must know his rights.", "All but for one.", "A page of ours.", "It shall wait.",
                      "Likewise the next.", "A page belongs into it.", "At the begin.", "It has not got one.",
                      "No page is to be had.", "It stops after so many tries.", "See what becomes of it.",
                      "It is told who may wait.", "It has any more that fit."):
            for path, text in (("libsys/a.c", f"/* {found} */\n"), ("libsys/b.h", f"int x; /*\n * {found}\n */\n"),
                               ("docs/c.md", f"# Eating\n\n{found}\n"), ("tools/d.py", f'"""{found}"""\n'),
                               ("tools/e.py", f"x = 1  # {found}\n"), ("tools/f.py", f"# {found}\nx = 1\n")):
                with self.subTest(turn=found, path=path), self.tree({path: text}) as tree:
                    self.assertEqual(len(prose.check_turns(tree)), 1)
        for path, text in (("libsys/a.c", 'char *x = "his";\n'), ("docs/c.md", "Who waits? Type `his --he`.\n"),
                           ("tools/d.py", "x = 'for who'\n"), ("docs/e.md", "```\nfor who\n```\n")):
            with self.subTest(path=path, text=text), self.tree({path: text}) as tree:
                self.assertEqual(prose.check_turns(tree), [])

    def commit(self, root: pathlib.Path, subject: str) -> str:
        """Commit nothing but a subject; the commit's name."""
        git = ["git", "-C", str(root), "-c", "user.name=Fox", "-c", "user.email=fox@example.org"]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", subject], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    @unittest.skipUnless(shutil.which("git"), "not installed: git (apt-get install git)")
    def test_subjects_of_commits_have_their_form(self) -> None:
        with self.tree({"docs/a.md": ""}) as tree:
            with self.assertRaisesRegex(Skipped, "no .git"):
                history.check_subjects(tree)
            base = self.commit(tree.root, "anything before the base")
            with self.assertRaisesRegex(Skipped, "does not know the commits since"):
                history.check_subjects(tree)
            with mock.patch.object(history, "BASE", base):
                for subject in ("kernel: bring the fast path", "servers/process, docs: pass over pids",
                                "docs: eat " + "x" * 62):
                    self.commit(tree.root, subject)
                self.assertEqual(history.check_subjects(tree), [])
                wrong = {"eat": "is not `area", "kernel: Eat": "is not `area", "kernel: the path": "`the` is no",
                         "docs: adds a page": "`adds` is no", "docs: fixed it": "`fixed` is no",
                         "tools: eating all": "`eating` is no", f"docs: eat {'x' * 63}": "has 73 columns"}
                for subject in wrong:
                    self.commit(tree.root, subject)
                problems = history.check_subjects(tree)
                self.assertEqual(len(problems), len(wrong))
                for problem, (subject, words) in zip(reversed(problems), wrong.items()):
                    self.assertIn(f"commit `{subject}`: {words}", problem)

    def test_long_lines_are_noticed(self) -> None:
        for columns, count in ((120, 0), (121, 1)):
            with self.tree({"libsys/a.c": "x" * columns + "\n", "docs/c.md": "y" * 130 + "\n"}) as tree:
                self.assertEqual(len(prose.check_widths(tree)), count)

    def test_pictures_are_those_of_their_descriptions(self) -> None:
        source, drawn = (f"{pictures.FOLDER}/lunch.{suffix}" for suffix in ("toml", "svg"))
        description = 'title = "Lunch"\n' + "".join(
            f'[[box]]\nname = "{name}"\nat = [{column}, 0]\nsize = [2, 2]\ntitle = "{name}"\ntext = "eats <all>"\n'
            f'colour = "red"\n'
            for column, name in ((0, "fox"), (3, "hen"))) + '[[arrow]]\nfrom = "fox"\nto = "hen"\ntext = "eats"\n'
        picture = pictures.draw(description)
        self.assertIn("eats &lt;all&gt;", picture)
        for files, wanted in (({source: description, drawn: picture}, []),
                              ({source: description}, ["lunch.svg: is not what"]),
                              ({source: description, drawn: picture.replace("hen", "dog")}, ["lunch.svg: is not what"]),
                              ({drawn: picture}, ["lunch.svg: has no description"])):
            with self.tree(files) as tree:
                problems = pictures.check(tree)
                self.assertEqual(len(problems), len(wanted), problems)
                self.assertTrue(all(word in problem for word, problem in zip(wanted, problems)), problems)
        with self.assertRaisesRegex(ValueError, "the text of fox does not fit"):
            pictures.draw(description.replace("eats <all>", "eats " * 40))

    def test_recordings_are_those_of_their_sessions(self) -> None:
        drawn, other = (f"{pictures.FOLDER}/{name}" for name in pictures.RECORDINGS)
        page = "# Eat\n\n```\nbaton$ eat 'a & b'\nburp: <a>\n\n```\n"
        picture = recording.draw(recording.session(page))
        self.assertIn(">eat 'a &amp; b'<", picture)
        self.assertIn(">burp: &lt;a&gt;<", picture)
        for files, wanted in (({"README.md": page, drawn: picture}, []),
                              ({"docs/recovery.md": page, other: picture}, []),
                              ({"docs/recovery.md": page}, ["recovery.svg: is not what docs/recovery.md describes"]),
                              ({"README.md": page}, ["session.svg: is not what README.md describes"]),
                              ({"README.md": page.replace("burp", "hiccup"), drawn: picture},
                               ["session.svg: is not what README.md describes"]),
                              ({"README.md": "# Eat\n", drawn: picture}, ["session.svg: has no description"])):
            with self.subTest(wanted=wanted), self.tree(files) as tree:
                problems = pictures.check(tree)
                self.assertEqual([problem.removeprefix(f"{pictures.FOLDER}/").partition(";")[0]
                                  for problem in problems], wanted)

    def test_tests_and_headers_are_no_callers(self) -> None:
        table = {"kernel/abi/syscall.def": "SYSCALL(1, cap_eat, 1, (cap_t slot))\n"}
        call = "void dine(void) { (void)sys_cap_eat(1); }\n"
        for path, count in (("userland/eat.c", 0), ("userland/eattest/main.c", 1), ("libsys/eat.h", 1),
                            ("libsys/eat.c", 0), ("boot/eat.c", 0), ("test/guest/eat.c", 1), ("kernel/eat.c", 1)):
            with self.subTest(path=path), self.tree(table | {path: call}) as tree:
                self.assertEqual(len(abi.check_callers(tree, {})), count)

    def test_the_kernel_s_lines_of_code_have_a_limit(self) -> None:
        """Neither comments nor blank lines count."""
        with self.tree({"kernel/two.c": "int x;\n/* not\ncode */\n\nint y; /* code */\n"}) as tree:
            self.assertEqual(sources.check_sizes(tree), [])
            with mock.patch.object(sources, "KERNEL_LINES_MAX", 1):
                self.assertEqual(sources.check_sizes(tree), ["kernel/: 2 lines of code, more than 1"])

    def test_empty_tables_do_not_pass(self) -> None:
        with tempfile.TemporaryDirectory(prefix="baton-docs-") as place:
            self.assertEqual(len(abi.check(Tree(pathlib.Path(place)))), 1)


if __name__ == "__main__":
    unittest.main()
