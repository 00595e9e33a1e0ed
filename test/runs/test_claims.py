"""Does a folder stay while it is in use, and go afterwards? Do locks exclude each other?"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import claims

TOOLS = pathlib.Path(claims.__file__).parent
HOLDER = f"""
import pathlib, sys, time
sys.path.insert(0, {str(TOOLS)!r})
import claims
kept = claims.new(pathlib.Path(sys.argv[1]), "x-")
(kept.folder / "memory").write_bytes(b"guest")
print(kept.folder.name, flush=True)
time.sleep(60)
"""


class Place(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.place.iterdir())


class Folders(Place):
    def test_what_a_dead_process_left_goes_and_a_living_ones_stays(self) -> None:
        command = [sys.executable, "-c", HOLDER, str(self.place)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            name = holder.stdout.readline().strip()
            claims.sweep(self.place, "x-")
            self.assertEqual(self.names(), [name])
            holder.send_signal(signal.SIGKILL)
        claims.sweep(self.place, "x-")
        self.assertEqual(self.names(), [])

    def test_what_is_not_ours_stays(self) -> None:
        (self.place / "x-unmarked").mkdir()  # a user's own folder, whose name matches by chance
        (self.place / "elsewhere").mkdir()
        (self.place / "elsewhere" / claims.MARK).touch()
        (self.place / "x-link").symlink_to("elsewhere")
        (self.place / "x-file").touch()
        claims.sweep(self.place, "x-")
        self.assertEqual(self.names(), ["elsewhere", "x-file", "x-link", "x-unmarked"])
        self.assertEqual(os.listdir(self.place / "elsewhere"), [claims.MARK])

    def test_the_newest_stay(self) -> None:
        for number in range(5):
            with claims.new(self.place, "x-") as claim:
                claim.folder.rename(self.place / f"x-{number}")
            os.utime(self.place / f"x-{number}", (number, number))
        claims.sweep(self.place, "x-", keep=2)
        self.assertEqual(self.names(), ["x-3", "x-4"])

    def test_a_private_folder_goes_with_its_block(self) -> None:
        with self.assertRaises(KeyError), claims.private_folder(self.place) as folder:
            (folder / "file").touch()
            raise KeyError
        self.assertEqual(self.names(), [])

    def test_a_sweep_between_mark_and_lock(self) -> None:
        """The maker then takes another folder."""
        rivals: list[claims.Claim | None] = []

        def take(claim: claims.Claim, *more: bool, **named: bool) -> bool:
            if not rivals:
                rivals.append(None)
                claim.path.touch()
                rivals[0] = claims.existing(claim.folder)
            return really(claim, *more, **named)

        really = claims.Lock.take
        with mock.patch.object(claims.Claim, "take", take), claims.new(self.place, "x-") as claim:
            assert rivals[0] is not None
            self.assertNotEqual(claim.folder, rivals[0].folder)
        rivals[0].release()

    def test_nobody_loses_a_folder_to_a_sweep(self) -> None:
        """Makers and sweepers at once: a folder that is made but not yet locked causes no error."""
        lost = []
        end = time.monotonic() + 1

        def make() -> None:
            while time.monotonic() < end:
                with claims.new(self.place, "x-") as claim:
                    try:
                        (claim.folder / "file").write_bytes(b"1")
                    except OSError as error:
                        lost.append(str(error))

        def sweep() -> None:
            while time.monotonic() < end:
                claims.sweep(self.place, "x-")

        threads = [threading.Thread(target=work) for work in (make, make, sweep, sweep)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(lost, [])


class Locks(Place):
    def test_one_or_many(self) -> None:
        first, second, third = (claims.Lock(self.place / "lock") for _ in range(3))
        self.assertTrue(first.take(wait=False))
        self.assertFalse(second.take(shared=True, wait=False))
        self.assertTrue(first.take(shared=True))
        self.assertTrue(second.take(shared=True, wait=False))
        self.assertFalse(third.take(wait=False))
        first.release()
        second.release()
        self.assertTrue(third.take(wait=False))
        third.release()

    def test_a_file_that_was_removed_locks_nobody_out(self) -> None:
        path = self.place / "lock"
        with claims.Lock(path) as first, claims.Lock(path) as second, claims.Lock(path) as third:
            first.take()
            waiting = threading.Thread(target=second.take)
            waiting.start()
            time.sleep(0.1)
            path.unlink()
            first.release()
            waiting.join()
            self.assertFalse(third.take(wait=False), "the second holds a lock that others see")

    def test_results_of_runs_at_once_have_names_of_their_own(self) -> None:
        wanted = self.place / "run" / "ipc"
        with claims.first_free(wanted) as first, claims.first_free(wanted) as second:
            self.assertEqual([lock.path.name for lock in (first, second)], ["ipc.lock", "ipc-2.lock"])
        with claims.first_free(wanted) as again:
            self.assertEqual(again.path.name, "ipc.lock")


if __name__ == "__main__":
    unittest.main()
