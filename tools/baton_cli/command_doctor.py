"""Say what is installed, what is missing and which accelerator works. Changes nothing; exits 1 if something is
missing."""

from __future__ import annotations

import argparse
import platform
import sys

from host import build, needs, packages, paths
from host.needs import Place
from machine import accel, firmware

NAME = "doctor"
SUMMARY = "report what is installed and what is missing; changes nothing"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults()


def run(options: argparse.Namespace) -> int:
    place = Place()
    print(f"{'python':22} {sys.executable} {platform.python_version()}")
    findings = needs.survey(place)
    for finding in findings:
        print(f"{finding.need.name:22} {finding.found or 'MISSING or too old'}")
    for need in needs.EXTRAS:
        print(f"{need.name:22} {need.find(place) or f'none (only for {need.serves})'}")
    flash = firmware.find(flash_first=True)
    print(f"{'pflash firmware':22} {flash.code if flash and flash.variables else 'none (only some tests want it)'}")
    missing = [finding.need for finding in findings if finding.found is None]
    if not any(need.name == accel.QEMU for need in missing):
        found = accel.choose(None)
        print(f"{'accelerator':22} {found.name}: {found.reason}")
        window = needs.WINDOW if needs.has_window() else f"none (only --gui wants it): {needs.WINDOW_ADVICE}"
        print(f"{'window (run --gui)':22} {window}")
    for folder in (paths.BUILD, paths.BUILD_RELEASE):
        state = "configured" if build.is_configured(folder) else "not configured yet"
        print(f"{paths.shown(folder) + '/':22} {state}")
    if not missing:
        print("all there that building, running and testing need")
    elif packages.is_debian(place):
        print(f"missing: apt-get install {' '.join(need.packages[0] for need in missing)} (./baton build does it)")
    else:
        print(packages.advice(missing))
    return 1 if missing else 0
