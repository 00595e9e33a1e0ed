"""Owns the build folders: configure each once, build quietly, show what fails, one ./baton at a time.

A folder has a lock. Configuring and building take it exclusively; users of what is built, which would fail if it
changed (tests, benches), share it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import family
from claims import Lock
from host import packages, paths
from host.needs import Place
from host.say import UserError, reason, say

CODE_BUILD = 77
PROGRESS = re.compile(r"\[(\d+)/(\d+)\] (.*)")
NOTHING_TO_DO = "no work to do"
OPTIONS = {paths.BUILD: "-Dchecks=true", paths.BUILD_RELEASE: "-Dchecks=false", paths.BUILD_COVERAGE: "-Dcoverage=true"}
LOCK = pathlib.Path("baton.lock")  # relative to a build folder, like the next ones
WARNING = ": warning: "  # as clang and lld print it
# exists while Meson sets the folder up, as Meson would trust half-written files of an interrupted run
BEGUN = pathlib.Path("baton.configuring")
RECORD = pathlib.Path("meson-info/meson-info.json")  # the last file that it writes


def recorded(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path] | None:
    """The sources and the build folder for which Meson set it up; None: Meson never finished."""
    try:
        found = json.loads((folder / RECORD).read_text())["directories"]
        return pathlib.Path(found["source"]), pathlib.Path(found["build"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_elsewheres(folder: pathlib.Path, sources: pathlib.Path = paths.ROOT) -> bool:
    """Whether it was set up under another path, as in a clone that was copied or moved: it would build at the old
    place."""
    return recorded(folder) not in (None, (sources, folder.resolve()))


def is_configured(folder: pathlib.Path, sources: pathlib.Path = paths.ROOT) -> bool:
    """Whether Meson set it up, to the end, for these sources and this place."""
    return ((folder / "build.ninja").exists() and not (folder / BEGUN).exists()
            and recorded(folder) == (sources, folder.resolve()))


def clear(folder: pathlib.Path) -> None:
    """Remove what a build folder holds, but not its lock, nor the logs of runs."""
    for path in folder.iterdir():
        if path.name in (LOCK.name, paths.RUN.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def configure(folder: pathlib.Path, sources: pathlib.Path = paths.ROOT, options: tuple[str, ...] = ()) -> None:
    """Set the folder up with Meson unless it is. Raises UserError with Meson's own words."""
    if is_configured(folder, sources):
        return
    if is_elsewheres(folder, sources):
        say(f"{paths.shown(folder)} was set up for {recorded(folder)[0]}; it is set up anew")  # type: ignore[index]
    elif (folder / "meson-private").exists():
        say(f"{paths.shown(folder)} was left half set up; it is set up anew")
    say(f"configuring {paths.shown(folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder)
    (folder / BEGUN).touch()
    command = ["meson", "setup", *options, str(folder), str(sources)]
    done = subprocess.run(command, cwd=sources, env={**os.environ, "CC": "clang"}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise UserError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}".rstrip(), CODE_BUILD)
    (folder / BEGUN).unlink()


def make_warnings_errors(folder: pathlib.Path) -> None:
    """From now on a warning fails the build in this folder."""
    command = ["meson", "configure", "-Dwerror=true", str(folder)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        raise UserError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}".rstrip(), CODE_BUILD)


def ninja() -> str:
    place = Place()
    return place.which("ninja") or place.which("ninja-build") or "ninja"


def compile_folder(folder: pathlib.Path, targets: list[str] | None = None) -> None:
    """Build. Prints progress in one line on a terminal, nothing when nothing has to be done,
    everything when it fails or warns."""
    lines: list[str] = []
    visible = sys.stderr.isatty()
    steps = 0
    with family.child([ninja(), "-C", str(folder), *(targets or [])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                      text=True, errors="replace") as process:
        for line in process.stdout or []:
            progress = PROGRESS.match(line)
            if progress is None:
                lines.append(line)
                continue
            steps += 1
            if visible:
                print(f"\r\x1b[Kbuilding [{progress[1]}/{progress[2]}] {progress[3][:60]}", end="", file=sys.stderr)
    if steps and visible:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if process.returncode < 0:
        raise UserError(f"the build was ended from outside, by {signal.Signals(-process.returncode).name}; "
                        "type the command again, and it goes on", CODE_BUILD)
    if process.returncode != 0:
        raise UserError(f"the build failed:\n{''.join(lines)}".rstrip(), CODE_BUILD)
    if any(WARNING in line for line in lines):
        sys.stderr.write("".join(lines))
    if steps and not visible:
        say(f"built {paths.shown(folder)} in {steps} steps")


# None: all. Or what tells them, once the folder is set up and Meson has read the sources' latest meson.build.
Targets = list[str] | Callable[[], list[str] | None] | None


def chosen(targets: Targets) -> list[str] | None:
    return targets() if callable(targets) else targets


def is_up_to_date(folder: pathlib.Path, targets: list[str] | None) -> bool:
    """Whether there is nothing to build in a folder that is set up."""
    done = subprocess.run([ninja(), "-C", str(folder), "-n", *(targets or [])], capture_output=True, text=True,
                          errors="replace", check=False, stdin=subprocess.DEVNULL)
    return done.returncode == 0 and NOTHING_TO_DO in done.stdout


def lock_folder(folder: pathlib.Path) -> Lock:
    """The folder's lock, not taken yet. Makes the folder if it does not exist."""
    if folder.is_symlink() and is_elsewheres(folder):
        folder.unlink()  # a copied clone may link to the original's build folder, which is not ours
    try:
        folder.mkdir(exist_ok=True)
        (folder / LOCK).touch()
    except OSError as error:
        raise UserError(f"{paths.shown(folder)} can't be written: {reason(error)}; --built FOLDER uses a finished "
                        "build as it is", CODE_BUILD) from None
    return Lock(folder / LOCK)


@contextlib.contextmanager
def ready(folder: pathlib.Path, targets: Targets = None, alone: bool = False, werror: bool = False) -> Iterator[None]:
    """Install what is missing, configure the folder, and build all of it or these targets. Until the end of the block
    nobody else builds there. alone: nor uses it. werror: from now on warnings are errors there."""
    with lock_folder(folder) as lock:
        if not lock.take(wait=False):
            if not alone and lock.take(shared=True, wait=False):
                if is_configured(folder) and is_up_to_date(folder, chosen(targets)):
                    yield
                    return
                say(f"{paths.shown(folder)} has to be built, and another ./baton uses it; waiting for its end")
            else:
                say(f"another ./baton works in {paths.shown(folder)}; waiting for its end")
            lock.take()
        packages.ensure(configured=is_configured(folder))
        configure(folder, options=(OPTIONS[folder],))
        if werror:
            make_warnings_errors(folder)
        if callable(targets):
            compile_folder(folder, ["build.ninja"])
        compile_folder(folder, chosen(targets))
        lock.take(shared=not alone)
        yield


@contextlib.contextmanager
def finished(folder: pathlib.Path) -> Iterator[None]:
    """Keep others from building in this folder until the end of the block. It is used as it is, and may be
    read-only."""
    lock = Lock(folder / LOCK)
    with lock:
        with contextlib.suppress(OSError):
            if lock.path.exists() and not lock.take(shared=True, wait=False):
                say(f"another ./baton builds {paths.shown(folder)}; waiting for its end")
                lock.take(shared=True)
        yield
