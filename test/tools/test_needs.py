"""Are missing tools noticed, on a PATH and root of the test's own, and is the right thing done about them?"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import signal
import sys
import tempfile
import unittest
from unittest import mock

from host import needs, packages
from host.needs import Place
from host.say import UserError

PROGRAMS = {"clang": "clang version 14.0.6", "ld.lld": "LLD 14.0.6", "llvm-symbolizer": "LLVM", "meson": "1.0.1",
            "ninja": "1.11.1", "qemu-system-x86_64": "QEMU emulator version 7.2.22", "mformat": "mtools 4.0.32",
            "clang-format": "clang-format version 14.0.6"}
FILES = ("usr/include/stdio.h", "usr/include/efi/efi.h", "usr/include/jsmn.h", "usr/share/ovmf/OVMF.fd")


class FakeHost(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.root = pathlib.Path(place.name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        self.resources = self.root / "resources"
        (self.resources / "lib/linux").mkdir(parents=True)
        (self.resources / "lib/linux/libclang_rt.asan-x86_64.a").touch()
        for name, version in PROGRAMS.items():
            self.program(name, version)
        for name in FILES:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).touch()
        self.place = Place(str(self.bin), self.root)

    def program(self, name: str, version: str) -> None:
        script = self.bin / name
        script.write_text(f"#!/bin/sh\n[ \"$1\" = --print-resource-dir ] && echo {self.resources} || echo "
                          f"'{version}'\n")
        script.chmod(0o755)

    def release(self, text: str) -> None:
        (self.root / "etc").mkdir(exist_ok=True)
        (self.root / "etc/os-release").write_text(text)


class Running(unittest.TestCase):
    def test_an_installation_is_not_cut_off(self) -> None:
        def interrupt(number: int, frame: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        with tempfile.TemporaryDirectory() as place, open(os.devnull, "w", encoding="utf-8") as nowhere, \
             mock.patch.object(sys, "stderr", nowhere):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with self.assertRaises(KeyboardInterrupt):
                packages.run_visibly(["sh", "-c", f"sleep 0.5; touch {place}/done"])
            self.assertEqual(os.listdir(place), ["done"])


class Survey(FakeHost):
    def test_all_there(self) -> None:
        self.assertEqual([need.name for need in needs.missing(self.place)], [])

    def test_each_program_is_missed(self) -> None:
        for name in PROGRAMS:
            with self.subTest(program=name):
                (self.bin / name).rename(self.bin / "gone")
                self.assertTrue(needs.missing(self.place))
                (self.bin / "gone").rename(self.bin / name)

    def test_each_file_is_missed(self) -> None:
        for name in FILES:
            with self.subTest(file=name):
                (self.root / name).rename(self.root / "gone")
                self.assertEqual(len(needs.missing(self.place)), 1)
                (self.root / "gone").rename(self.root / name)

    def test_too_old_counts_as_missing(self) -> None:
        self.program("meson", "0.61.2")
        self.assertEqual([need.name for need in needs.missing(self.place)], ["meson"])

    def test_sanitizers(self) -> None:
        (self.resources / "lib/linux/libclang_rt.asan-x86_64.a").unlink()
        self.assertEqual([need.packages[0] for need in needs.missing(self.place)], ["libclang-rt-dev"])

    def test_versions_are_reported(self) -> None:
        found = {finding.need.name: finding.found for finding in needs.survey(self.place)}
        self.assertEqual(found["clang"], f"{self.bin}/clang 14.0.6")

    def test_ninja_under_its_other_name(self) -> None:
        (self.bin / "ninja").rename(self.bin / "ninja-build")
        self.assertEqual(needs.missing(self.place), [])


class Extras(FakeHost):
    """Each extra is hidden in turn: all other tools are found, and the reason to skip names the hidden one."""

    def setUp(self) -> None:
        super().setUp()
        for need in needs.EXTRAS:
            self.program(need.name, f"{need.name} 1.0")

    def test_none_is_required(self) -> None:
        for need in needs.EXTRAS:
            (self.bin / need.name).unlink()
        self.assertEqual(needs.missing(self.place), [])

    def test_each_is_named_with_its_package(self) -> None:
        names = [need.name for need in needs.EXTRAS]
        self.assertEqual(needs.lacking(*names, place=self.place), "")
        for need in needs.EXTRAS:
            with self.subTest(extra=need.name):
                (self.bin / need.name).rename(self.bin / "gone")
                self.assertEqual(needs.lacking(*names, place=self.place),
                                 f"not installed: {need.name} (apt-get install {need.packages[0]})")
                self.assertEqual(needs.lacking("no such extra", place=self.place), "")
                (self.bin / "gone").rename(self.bin / need.name)


class Install(FakeHost):
    def setUp(self) -> None:
        super().setUp()
        self.program("apt-get", "apt")
        self.runs: list[list[str]] = []
        self.known = {need.packages[0] for need in (*needs.NEEDS, *needs.EXTRAS)}
        self.enterContext(mock.patch.object(packages, "run_visibly", self.run_command))
        self.enterContext(mock.patch.object(packages, "archive_knows", lambda package: package in self.known))
        self.enterContext(mock.patch.object(os, "geteuid", lambda: 0))
        self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def run_command(self, command: list[str]) -> bool:
        self.runs.append(command)
        if "update" in command:
            self.known.add("meson")
        if "install" in command and "meson" in command:
            self.program("meson", "1.0.1")
        return True

    def test_debian_and_its_like(self) -> None:
        for text, answer in (("ID=debian\n", True), ("ID=ubuntu\nID_LIKE=debian\n", True),
                             ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True), ("ID=fedora\n", False)):
            self.release(text)
            self.assertEqual(packages.is_debian(self.place), answer, text)

    def test_nothing_to_do(self) -> None:
        packages.ensure(self.place)
        self.assertEqual(self.runs, [])

    def test_installs_what_is_missing(self) -> None:
        self.release("ID=debian\n")
        (self.bin / "meson").unlink()
        packages.ensure(self.place)
        self.assertEqual(len(self.runs), 1)
        self.assertEqual(self.runs[0][:2], ["env", "DEBIAN_FRONTEND=noninteractive"])
        self.assertEqual(self.runs[0][-2:], ["meson", "spin"])  # a small extra comes along
        self.assertIn("-y", self.runs[0])

    def test_extras_alone_install_nothing(self) -> None:
        self.release("ID=debian\n")
        packages.ensure(self.place)
        self.assertEqual(self.runs, [])

    def test_an_extra_that_the_archive_lacks_is_left_out(self) -> None:
        self.release("ID=debian\n")
        (self.bin / "meson").unlink()
        self.known -= {"spin"}
        packages.ensure(self.place)
        self.assertEqual(self.runs[0][-1], "meson")

    def test_updates_empty_lists_first(self) -> None:
        self.release("ID=debian\n")
        (self.bin / "meson").unlink()
        self.known.clear()
        packages.ensure(self.place)
        self.assertEqual(["update" in run for run in self.runs], [True, False])

    def test_still_missing_is_said(self) -> None:
        self.release("ID=debian\n")
        (self.bin / "clang").unlink()
        with self.assertRaisesRegex(UserError, r"still missing or too old.*clang \(package clang\)"):
            packages.ensure(self.place)

    def test_other_systems_get_names(self) -> None:
        self.release("ID=fedora\n")
        (self.root / "usr/share/ovmf/OVMF.fd").unlink()
        with self.assertRaisesRegex(UserError, "by hand:\n.*OVMF.*edk2-ovmf") as caught:
            packages.ensure(self.place)
        self.assertEqual(caught.exception.code, packages.CODE_MISSING)
        self.assertEqual(self.runs, [])

    def test_alternative_package_name(self) -> None:
        self.known = {"libclang-rt-14-dev"}
        need = next(need for need in needs.NEEDS if need.name == "sanitizer runtime")
        self.assertEqual(packages.choose([need]), ["libclang-rt-14-dev"])

    def test_configured_build_asks_no_versions(self) -> None:
        self.program("meson", "0.61.2")
        packages.ensure(self.place, configured=True)
        self.assertEqual(self.runs, [])
        (self.bin / "meson").unlink()
        self.release("ID=debian\n")
        packages.ensure(self.place, configured=True)
        self.assertEqual(len(self.runs), 1)
