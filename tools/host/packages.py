"""Owns the installation of what is missing: by apt-get on Debian and Ubuntu, by the user's hand elsewhere."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys

from host import needs
from host.needs import Need, Place
from host.say import UserError, say

CODE_MISSING = 76
APT_ENVIRONMENT = ["env", "DEBIAN_FRONTEND=noninteractive"]
APT_INSTALL = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0",
               "-o", "DPkg::Lock::Timeout=600"]  # another process may be installing
APT_UPDATE = ["apt-get", "update", "-q"]


def is_debian(place: Place) -> bool:
    """Whether apt-get installs packages here: on Debian, Ubuntu and systems that declare themselves like them."""
    release = place.root / "etc/os-release"
    try:
        lines = release.read_text().splitlines()
    except OSError:
        return False
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    families = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    return bool({"debian", "ubuntu"} & set(families)) and place.which("apt-get") is not None


def as_root(command: list[str]) -> list[str]:
    """`command` as root. Without a terminal sudo must not ask for a password."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is None:
        raise UserError(f"not root, and sudo is not installed. As root, type: {' '.join(command)}", CODE_MISSING)
    return ["sudo", *([] if sys.stdin.isatty() else ["-n"]), *command]


def run_visibly(command: list[str]) -> bool:
    """Run a command with its output on standard error; True when it succeeded.

    It is not interrupted when we are asked to end: the user would have to repair a half-done installation.
    """
    say(" ".join(command))
    keys = None if sys.stdin.isatty() else subprocess.DEVNULL
    with subprocess.Popen(command, stdin=keys, stdout=sys.stderr) as process:
        try:
            return process.wait() == 0
        except BaseException:
            say("waiting for the end of the installation")
            process.wait()
            raise


def archive_knows(package: str) -> bool:
    """Whether apt's lists hold the package. They are empty on a fresh system."""
    done = subprocess.run(["apt-cache", "show", "--no-all-versions", package], capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode == 0 and bool(done.stdout.strip())


def choose(wanted: list[Need]) -> list[str] | None:
    """One package name for each need; None when the lists know none of a need's names."""
    chosen: list[str] = []
    for need in wanted:
        name = next((package for package in need.packages if archive_knows(package)), None)
        if name is None:
            return None
        chosen.append(name)
    return chosen


def advice(wanted: list[Need]) -> str:
    """What to do by hand on a system without apt-get."""
    lines = [f"  {need.name:22} package {need.elsewhere}" for need in wanted]
    return "\n".join(["missing, and this is neither Debian nor Ubuntu, so please install by hand:", *lines])


def install(wanted: list[Need], place: Place) -> None:
    """Install these needs, and the small extras that the archive has. Raises UserError when that fails."""
    updated = False
    chosen = choose(wanted)
    if chosen is None:
        updated = run_visibly(as_root([*APT_ENVIRONMENT, *APT_UPDATE]))
        chosen = choose(wanted) or [need.packages[0] for need in wanted]
    chosen += [name for need in needs.missing_extras(place) if need.small for name in choose([need]) or []]
    command = as_root([*APT_ENVIRONMENT, *APT_INSTALL, *chosen])
    if run_visibly(command):
        return
    if not updated and run_visibly(as_root([*APT_ENVIRONMENT, *APT_UPDATE])) and run_visibly(command):
        return
    raise UserError(f"apt-get could not install: {' '.join(chosen)} (its messages are above)", CODE_MISSING)


def ensure(place: Place = Place(), configured: bool = False) -> None:
    """Make sure everything is there: look, say what is missing, install it, look again.

    configured: a build folder is set up, so versions were good enough then and are not asked for again.
    """
    if configured and not needs.missing(dataclasses.replace(place, run=False)):
        return
    wanted = needs.missing(place)
    if not wanted:
        return
    if not is_debian(place):
        raise UserError(advice(wanted), CODE_MISSING)
    say(f"missing: {', '.join(need.name for need in wanted)}; installing")
    install(wanted, place)
    still = needs.missing(place)
    if still:
        names = ", ".join(f"{need.name} (package {need.packages[0]})" for need in still)
        raise UserError(f"still missing or too old after the installation: {names}", CODE_MISSING)
