"""Owns the rehearsal: README's commands on a bare Debian, and the other parts of CI, each in a root of its own.

A part is a list of steps. After a failed step its part may end early, but the next part still begins. The steps'
test counts are added up.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import time
from collections.abc import Iterator, Sequence

from fresh import recipe, tally
from fresh.root import Ended, Root, RootError, bare_archive
from host import needs, paths
from host.test_log import Totals

CACHE = pathlib.Path.home() / ".cache" / "baton"
VISITOR = "visitor"
WORDS = "the shell works"
TYPED = f"echo {WORDS}\nexit\n".encode()
RUN_SECONDS, TEST_SECONDS, INSTALL_SECONDS, BENCH_SECONDS = 600, 2400, 900, 900
CLANG_OLDEST = 14
CLANG_PACKAGE = re.compile(r"^clang-(\d+) ", re.MULTILINE)
LOG = pathlib.PurePosixPath("build/meson-logs/testlog.json")
IN_CI = {"CI": "true"}


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


class Rehearsal:
    """Roots below `folder`, which is ours alone. `totals` and `cases` accumulate."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.totals = Totals()
        self.cases = tally.Cases()
        self.recipe = recipe.read_containerfile((paths.ROOT / "Containerfile").read_text())
        self.run_command, self.test_command = recipe.first_commands((paths.ROOT / "README.md").read_text())
        self.place = self.recipe.place

    def check(self, name: str, good: bool, problem: str = "") -> bool:
        """Count a step as one test."""
        self.totals.passed += good
        self.totals.failed += not good
        print(f"{'ok' if good else 'FAILED'}: {name}{'' if good else ': ' + problem}", flush=True)
        if not good:
            self.cases.failures.append(f"{name}: {problem}")
        return good

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Run a part. If it can't go on, that counts as one failure."""
        heading(name)
        started = time.monotonic()
        try:
            yield
        except (RootError, OSError) as error:
            self.check(name, False, str(error))
        print(f"({name}: {time.monotonic() - started:.0f} s)", flush=True)

    def step(self, name: str, ended: Ended, wanted: str = "") -> bool:
        """Check a command: it has to exit with 0, with `wanted` as a line of its output."""
        problem = "its time ran out" if ended.status is None else f"status {ended.status}" if ended.status else ""
        if not problem and wanted and wanted not in ended.output.replace("\r", "").splitlines():
            problem = f"no line {wanted!r}"
        return self.check(name, not problem, problem)

    def test(self, name: str, root: Root, command: str, user: str = "root",
             place: pathlib.PurePosixPath | None = None) -> None:
        """Run ./baton test and add up its cases."""
        folder = place or self.place
        heading(f"{name}: {command}")
        ended = root.run(command, TEST_SECONDS, user, str(folder), environment=IN_CI)
        totals = tally.closing_totals(ended.output)
        if totals is None or (ended.status != 0 and totals.failed == 0):
            self.step(name, ended if ended.status != 0 else Ended(1, ""))
            return
        self.totals.passed += totals.passed
        self.totals.failed += totals.failed
        self.totals.skipped += totals.skipped
        self.cases.add(root.path(folder / LOG), name)

    def fresh(self) -> Root | None:
        """A bare root after the Containerfile's preparations and README's commands. None: it could not be made."""
        root = None
        with self.part("a fresh Debian, as root"):
            root = Root.unpack(bare_archive(self.recipe.suite, CACHE), self.folder / "fresh")
            for command in self.recipe.preparations:
                self.step(command, root.run(command, INSTALL_SECONDS))
            paths.copy_sources(root.path(self.place))
            heading(self.run_command)
            ended = root.run(self.run_command, RUN_SECONDS, folder=str(self.place), typed=TYPED, environment=IN_CI)
            self.step(self.run_command, ended, WORDS)
            self.test("as root", root, self.test_command)
        return root

    def visitor(self, fresh: Root) -> None:
        """README's commands as an ordinary user: everything is installed, and the project is the user's own copy."""
        with self.part("the same as a user without rights"):
            root = fresh.copy(self.folder / "visitor")
            place = pathlib.PurePosixPath(f"/home/{VISITOR}/baton")
            self.step(f"useradd {VISITOR}", root.run(f"useradd --create-home {VISITOR}", RUN_SECONDS))
            paths.copy_sources(root.path(place))
            self.step(f"chown {place}", root.run(f"chown -R {VISITOR}:{VISITOR} {place}", RUN_SECONDS))
            strict = "./baton build --werror"
            self.step(f"{strict}, as a user", root.run(strict, INSTALL_SECONDS, VISITOR, str(place), environment=IN_CI))
            ended = root.run(self.run_command, RUN_SECONDS, VISITOR, str(place), TYPED, IN_CI)
            self.step(f"{self.run_command}, as a user", ended, WORDS)
            self.test("as a user", root, f"{self.test_command} --suite host --suite boot --suite system", VISITOR,
                      place)

    def extras(self, fresh: Root) -> None:
        """Run the tests again with every extra installed, so that none is skipped for want of a tool."""
        with self.part("with every extra"):
            root = fresh.copy(self.folder / "extras")
            shutil.copytree(paths.ROOT / ".git", root.path(self.place / ".git"))  # tests that need git read it
            packages = " ".join(need.packages[0] for need in needs.EXTRAS)
            command = f"apt-get install -y -q --no-install-recommends {packages}"
            tests = sorted({test for test, _ in self.cases.skipped})
            installed = self.step("apt-get install of the extras", root.run(command, INSTALL_SECONDS))
            if self.check("tests that want extras", bool(tests), "none was skipped without them") and installed:
                self.test("with every extra", root, f"{self.test_command} {' '.join(tests)}")
        never = self.cases.never_ran()
        self.check("no test is skipped everywhere", not never, ", ".join(never))

    def clangs(self, fresh: Root) -> None:
        """The plain Meson way with each clang that Debian has, up to a boot."""
        with self.part("each clang"):
            root = fresh.copy(self.folder / "clangs")
            listed = root.run("apt-cache search --names-only '^clang-[0-9]+$'", INSTALL_SECONDS).output
            versions = sorted(int(number) for number in CLANG_PACKAGE.findall(listed) if int(number) >= CLANG_OLDEST)
            self.check("Debian's list of clangs", len(versions) > 1, listed)
            for version in versions:
                self.clang(root, version)

    def clang(self, root: Root, version: int) -> None:
        heading(f"clang {version}")
        folder = f"build-clang-{version}"
        for command in (f"apt-get install -y -q --no-install-recommends clang-{version} lld-{version}",
                        f"CC=clang-{version} meson setup -Dwerror=true {folder}",
                        f"meson compile -C {folder} system",
                        f"meson compile -C {folder} run",  # standard input is empty, so it ends at its prompt
                        f"./baton run --built {folder} -c exectest"):
            if not self.step(f"clang {version}: {command}", root.run(command, INSTALL_SECONDS, folder=str(self.place))):
                return

    def bench(self, fresh: Root) -> None:
        """Check that no operation takes more instructions than recorded."""
        with self.part("./baton bench --check"):
            command = "./baton bench --check"
            self.step(command, fresh.run(command, BENCH_SECONDS, folder=str(self.place), environment=IN_CI))

    def run(self, parts: Sequence[str]) -> None:
        """Make a fresh root, then run these parts. If the root can't be made, that is the only failure."""
        fresh = self.fresh()
        for name in parts if fresh is not None else ():
            getattr(self, name)(fresh)
        if self.cases.failures:  # repeated at the end: a rehearsal prints for an hour, and often only its end is kept
            heading("what failed")
            print("\n".join(self.cases.failures), flush=True)
