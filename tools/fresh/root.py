"""Owns Debian roots: a bare one is made once and kept as an archive; commands run in copies, which are thrown away.

Commands run in mount and process namespaces of their own (unshare, chroot), so nothing of them survives their end, and
they see none of the host's environment. This needs root.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

from family import die_with_parent

SUITE_DAYS = 7  # a bare root older than this is made anew
MAKE_SECONDS = 900
COPY_SECONDS = 300
SUPER_USER = "root"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Mounts what programs expect, then becomes the command. $1 root, $2 user, $3 folder, then the command.
ENTER = """
set -e
root=$1 user=$2 folder=$3; shift 3
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/full" c 1 7
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
exec chroot --userspec="$user:$user" "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$@"
"""


class RootError(Exception):
    """A root can't be made or entered; the text says why."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended. status is None when its time ran out."""

    status: int | None
    output: str


def must(command: list[str], seconds: float) -> None:
    """Run a command on the host. Raises RootError with its last words when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RootError(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        raise RootError(f"{' '.join(command)}: status {done.returncode}: {' | '.join(done.stderr.splitlines()[-4:])}")


def bare_archive(suite: str, cache: pathlib.Path) -> pathlib.Path:
    """The archive of a bare root, made anew unless a young one is cached. It appears whole or not at all."""
    archive = cache / f"debian-{suite}.tar"
    if archive.exists() and time.time() - archive.stat().st_mtime < SUITE_DAYS * 86400:
        return archive
    cache.mkdir(parents=True, exist_ok=True)
    half = archive.with_suffix(f".{os.getpid()}.tar")
    try:
        must(["mmdebstrap", "--variant=minbase", "--quiet", suite, str(half)], MAKE_SECONDS)
        half.rename(archive)
    finally:
        half.unlink(missing_ok=True)
    return archive


class Root:
    """A root in `folder`, which is ours alone."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    @classmethod
    def unpack(cls, archive: pathlib.Path, folder: pathlib.Path) -> Root:
        folder.mkdir(parents=True)
        must(["tar", "--numeric-owner", "-xpf", str(archive), "-C", str(folder)], COPY_SECONDS)
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        return cls(folder)

    def copy(self, folder: pathlib.Path) -> Root:
        must(["cp", "-a", "--reflink=auto", str(self.folder), str(folder)], COPY_SECONDS)
        return Root(folder)

    def path(self, inside: pathlib.PurePosixPath) -> pathlib.Path:
        """Where the host finds what is at `inside` in the root."""
        return self.folder / inside.relative_to("/")

    def run(self, command: str, seconds: float, user: str = SUPER_USER, folder: str = "/", typed: bytes = b"",
            environment: dict[str, str] | None = None) -> Ended:
        """Run a shell's command; its output is shown as it comes. typed: its standard input, which then ends."""
        home = "/root" if user == SUPER_USER else f"/home/{user}"
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "/bin/sh", "-c", ENTER, "enter",
                 str(self.folder), user, folder, "/bin/sh", "-c", command]
        try:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       env={"PATH": PATH, "HOME": home, "USER": user, "LANG": "C.UTF-8",
                                            **(environment or {})},
                                       cwd="/", preexec_fn=die_with_parent)
        except OSError as error:
            raise RootError(f"{words[0]}: {error}") from None
        late = threading.Timer(seconds, process.kill)
        late.start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(typed)
            process.stdin.close()
        except BrokenPipeError:
            pass  # the command ended early; its status says how
        lines = []
        for line in process.stdout:
            lines.append(line.decode(errors="replace"))
            sys.stdout.write(lines[-1])
            sys.stdout.flush()
        status = process.wait()
        in_time = late.is_alive()
        late.cancel()
        return Ended(status if in_time else None, "".join(lines))
