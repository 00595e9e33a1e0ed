"""Is QEMU's command line what the machine says, does the disk hold what it should, is the accelerator's answer kept?"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
import zlib
from unittest import mock

import claims
from baton_cli import command_run
from machine import accel, command_line, disk, firmware
from machine.command_line import DirectBoot, FirmwareBoot, Machine
from machine.console import ConsoleFilter, EscapeKey
from machine.guest import Guest
from machine.qmp import Qmp

FOLDER = pathlib.Path("/tmp/some,where")
DIRECT = DirectBoot(pathlib.Path("pvh.elf"), pathlib.Path("boot.tar"), "debug_exit=0xf4 seed=1")


class Monitor(unittest.TestCase):
    """The monitor of a QEMU that greets, and ends before it reads an answer, since its kernel is missing."""

    def test_greeting_of_one_who_is_gone(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        theirs.sendall(b'{"QMP": {}}\n')
        theirs.close()
        monitor = Qmp(ours, start=True)
        monitor.receive()
        self.assertTrue(monitor.closed)
        ours.close()


class Memory(unittest.TestCase):
    """The guest's memory is a file that grows; a full file system ends QEMU by a signal, without a word."""

    def test_full_file_system(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            guest = Guest.__new__(Guest)
            guest.machine = Machine(boot=DIRECT, folder=pathlib.Path(place) / "own", memory_mib=512)
            guest.error_file = pathlib.Path(place) / "errors"
            guest.error_file.touch()
            guest.machine.folder.mkdir()
            full = (f"{place} is full: the machine's memory is a file there, of up to 512 MiB "
                    "(TMPDIR=FOLDER chooses another place)")
            for code, free, words in ((-7, 0, f"killed by SIGBUS; {full}"), (-7, 1 << 30, "killed by SIGBUS"),
                                      (-11, 0, "killed by SIGSEGV"), (1, 0, "")):
                guest.process = mock.Mock(returncode=code)
                with mock.patch.object(shutil, "disk_usage", return_value=mock.Mock(free=free)):
                    self.assertEqual(guest.errors(), words)


class CommandLine(unittest.TestCase):
    def following(self, words: list[str], option: str) -> list[str]:
        return [after for word, after in zip(words, words[1:]) if word == option]

    def test_base(self) -> None:
        words = command_line.build(Machine(boot=DIRECT, folder=FOLDER, smp=4, memory_mib=512))
        self.assertEqual(words[0], "qemu-system-x86_64")
        for option, value in (("-accel", "tcg"), ("-cpu", "max"), ("-smp", "4"), ("-m", "512"), ("-display", "none"),
                              ("-action", "reboot=shutdown,shutdown=pause"), ("-kernel", "pvh.elf"),
                              ("-initrd", "boot.tar"), ("-append", "debug_exit=0xf4 seed=1")):
            self.assertEqual(self.following(words, option), [value])
        self.assertIn("-nodefaults", words)
        self.assertIn("-no-reboot", words)
        devices = self.following(words, "-device")
        self.assertIn("isa-debugcon,iobase=0xe9,chardev=log", devices)
        self.assertIn("isa-debugcon,iobase=0xe8,chardev=tap", devices)
        self.assertIn("isa-debug-exit,iobase=0xf4,iosize=4", devices)

    def test_commas_are_doubled(self) -> None:
        words = command_line.build(Machine(boot=DIRECT, folder=FOLDER))
        self.assertTrue(any("path=/tmp/some,,where/qmp" in word for word in words))
        self.assertFalse(any("path=/tmp/some,where" in word for word in words))

    def test_paths_that_are_no_lists(self) -> None:
        words = command_line.build(Machine(boot=DirectBoot(FOLDER / "pvh.elf", FOLDER / "boot.tar", ""), folder=FOLDER))
        self.assertEqual(self.following(words, "-kernel") + self.following(words, "-initrd"),
                         ["/tmp/some,where/pvh.elf", "/tmp/some,where/boot.tar"])

    def test_icount(self) -> None:
        words = command_line.build(Machine(boot=DIRECT, folder=FOLDER, icount_shift=0))
        self.assertEqual(self.following(words, "-icount"), ["shift=0,align=off,sleep=off"])
        self.assertNotIn("-icount", command_line.build(Machine(boot=DIRECT, folder=FOLDER)))

    def test_seed(self) -> None:
        self.assertEqual(self.following(command_line.build(Machine(boot=DIRECT, folder=FOLDER, seed=7)), "-seed"),
                         ["7"])
        self.assertNotIn("-seed", command_line.build(Machine(boot=DIRECT, folder=FOLDER)), "a user's machine is random")

    def test_firmware_boot(self) -> None:
        found = firmware.Firmware(pathlib.Path("OVMF.fd"))
        words = command_line.build(Machine(boot=FirmwareBoot(found, pathlib.Path("disk.img")), folder=FOLDER))
        self.assertEqual(self.following(words, "-bios"), ["OVMF.fd"])
        self.assertIn("virtio-blk-pci,drive=boot,bootindex=0", words)
        self.assertNotIn("-kernel", words)

    def test_gdb_and_extra(self) -> None:
        words = command_line.build(Machine(boot=DIRECT, folder=FOLDER, gdb_socket=pathlib.Path("/tmp/g"),
                                           extra=("-device", "e1000e")))
        self.assertIn("-S", words)
        self.assertEqual(words[-2:], ["-device", "e1000e"])


class Firmware(unittest.TestCase):
    def test_order(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            root = pathlib.Path(place)
            self.assertIsNone(firmware.find(root=root))
            (root / "usr/share/OVMF").mkdir(parents=True)
            (root / "usr/share/ovmf").mkdir(parents=True)
            code, variables = root / "usr/share/OVMF/OVMF_CODE_4M.fd", root / "usr/share/OVMF/OVMF_VARS_4M.fd"
            code.touch()
            self.assertIsNone(firmware.find(root=root), "code without variables is of no use")
            variables.touch()
            self.assertEqual(firmware.find(root=root), firmware.Firmware(code, variables))
            single = root / "usr/share/ovmf/OVMF.fd"
            single.touch()
            self.assertEqual(firmware.find(root=root), firmware.Firmware(single))
            self.assertEqual(firmware.find(flash_first=True, root=root), firmware.Firmware(code, variables))


class Disk(unittest.TestCase):
    def test_partition_table(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / "disk.img"
            disk.write_partition_table(path)
            data = path.read_bytes()
        last = disk.DISK_SECTORS - 1
        self.assertEqual(data[510:512], b"\x55\xaa")
        for own, other, table in ((1, last, 2), (last, 1, last - disk.GPT_TABLE_SECTORS)):
            header = data[own * 512 : own * 512 + 92]
            self.assertEqual(header[:8], b"EFI PART")
            (checksum,) = struct.unpack_from("<I", header, 16)
            self.assertEqual(checksum, zlib.crc32(header[:16] + bytes(4) + header[20:]))
            self.assertEqual(struct.unpack_from("<QQ", header, 24), (own, other))
            entries = data[table * 512 : table * 512 + disk.GPT_ENTRIES * disk.GPT_ENTRY_BYTES]
            self.assertEqual(struct.unpack_from("<Q", header, 72)[0], table)
            self.assertEqual(struct.unpack_from("<I", header, 88)[0], zlib.crc32(entries))
            self.assertEqual(struct.unpack_from("<QQ", entries, 32), (disk.ESP_FIRST_SECTOR, disk.ESP_LAST_SECTOR))

    @unittest.skipUnless(shutil.which("mtype"), "no mtools here")
    def test_image_holds_the_files_and_is_cached(self) -> None:
        files = {disk.LOADER_PATH: b"MZ" * 5000, disk.COMMAND_PATH: b"log=debug\n"}
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            with disk.cached_image(folder, files) as image:
                for name, data in files.items():
                    read = subprocess.run(["mtype", "-i", f"{image}@@{disk.ESP_FIRST_SECTOR * 512}", f"::/{name}"],
                                          capture_output=True, check=True)
                    self.assertEqual(read.stdout, data)
                before = image.stat().st_ino
                with disk.cached_image(folder, files) as again:
                    self.assertEqual(again.stat().st_ino, before)
            with disk.cached_image(folder, {**files, disk.COMMAND_PATH: b"log=info\n"}) as changed:
                self.assertNotEqual(changed, image)
            left = sorted([image.parent, changed.parent])
            self.assertEqual(sorted(folder.iterdir()), left, "nothing half-made is left")
            self.assertEqual(sorted(path.name for path in image.parent.iterdir()), [claims.MARK, disk.IMAGE_FILE])

    @unittest.skipUnless(shutil.which("mformat"), "no mtools here")
    def test_image_that_a_machine_starts_from_stays(self) -> None:
        with tempfile.TemporaryDirectory() as place, mock.patch.object(disk, "IMAGES_KEPT", 1):
            folder = pathlib.Path(place)
            with disk.cached_image(folder, {"x/a": b"first"}) as image:
                for text in (b"second", b"third", b"fourth"):
                    with disk.cached_image(folder, {"x/a": text}):
                        self.assertTrue(image.exists())
            with disk.cached_image(folder, {"x/a": b"fifth"}):
                self.assertFalse(image.exists())

    @unittest.skipUnless(shutil.which("mformat"), "no mtools here")
    def test_a_place_in_the_cache_that_cannot_be_had(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            with disk.cached_image(folder, {"x/a": b""}) as image:
                pass
            (image.parent / claims.MARK).unlink()
            with self.assertRaisesRegex(disk.DiskError, "neither used nor replaced"), \
                 disk.cached_image(folder, {"x/a": b""}):
                pass

    @unittest.skipUnless(shutil.which("mformat"), "no mtools here")
    def test_too_large_a_file_is_reported(self) -> None:
        with tempfile.TemporaryDirectory() as place, self.assertRaises(disk.DiskError):
            disk.write_image(pathlib.Path(place) / "disk.img", {"big": bytes(disk.DISK_SECTORS * 512)})


class Accelerator(unittest.TestCase):
    def test_probe_image_starts_at_the_reset_vector(self) -> None:
        image = accel.probe_image()
        self.assertEqual(len(image), accel.IMAGE_BYTES)
        self.assertTrue(image[-16:].startswith(accel.RESET_VECTOR))

    def test_answer_is_kept_for_this_boot(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            cache = pathlib.Path(place) / "accel.json"
            with mock.patch.object(accel, "cache_key", return_value="boot 1"), \
                 mock.patch.object(accel, "try_kvm", return_value=accel.Accel("kvm", "a probe guest ran")) as probe:
                self.assertEqual(accel.choose(cache), accel.Accel("kvm", "a probe guest ran"))
                self.assertEqual(accel.choose(cache), accel.Accel("kvm", "a probe guest ran", is_known=True))
                self.assertEqual(probe.call_count, 1)
            with mock.patch.object(accel, "cache_key", return_value="boot 2"), \
                 mock.patch.object(accel, "try_kvm", return_value=accel.Accel("tcg", "gone")):
                self.assertEqual(accel.choose(cache), accel.Accel("tcg", "gone"))
            self.assertEqual(json.loads(cache.read_text())["key"], "boot 2")

    def test_a_debugger_gets_emulation(self) -> None:
        """KVM would write its breakpoints where the guest's code is not yet."""
        with tempfile.TemporaryDirectory() as place, contextlib.redirect_stderr(io.StringIO()) as said, \
                mock.patch.object(accel, "try_kvm", return_value=accel.Accel("kvm", "a probe guest ran")):
            options = argparse.Namespace(accel="auto", built=pathlib.Path(place), gdb=False)
            self.assertEqual([command_run.choose_accel(options) for _ in range(2)], ["kvm", "kvm"])
            self.assertEqual(said.getvalue(), "baton: accelerator: kvm\n", "told once")
            options.gdb = True
            self.assertEqual(command_run.choose_accel(options), "tcg")
            options.accel = "kvm"
            self.assertEqual(command_run.choose_accel(options), "kvm")

    def test_damaged_cache_is_ignored(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            cache = pathlib.Path(place) / "accel.json"
            cache.write_text("[]")
            with mock.patch.object(accel, "try_kvm", return_value=accel.Accel("tcg", "asked")):
                self.assertEqual(accel.choose(cache).reason, "asked")

    def test_an_answer_is_kept_without_a_device(self) -> None:
        with tempfile.TemporaryDirectory() as place, mock.patch.object(accel, "KVM_DEVICE",
                                                                       pathlib.Path("/nonesuch/kvm")):
            cache = pathlib.Path(place) / "accel.json"
            self.assertEqual([accel.choose(cache).is_known for _ in range(2)], [False, True])

    def test_no_device(self) -> None:
        with mock.patch.object(accel, "KVM_DEVICE", pathlib.Path("/nonesuch/kvm")):
            self.assertEqual(accel.try_kvm(), accel.Accel("tcg", "there is no /dev/kvm"))


class Console(unittest.TestCase):
    NOISE = b"\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: loading Boot0001 \"x\"\r\nBdsDxe: starting Boot0001 \"x\"\r\n"

    def seen(self, noise: ConsoleFilter, stream: bytes, size: int) -> bytes:
        return b"".join(noise.feed(stream[at : at + size]) for at in range(0, len(stream), size))

    def test_firmware_is_withheld(self) -> None:
        for size in (1, 7, 1000):
            noise = ConsoleFilter(firmware=True, programs_only=False)
            self.assertEqual(self.seen(noise, self.NOISE + b"\x1b[1mhello\r\n\x11there", size),
                             b"\x1b[1mhello\r\nthere")

    def test_pauses_are_heeded(self) -> None:
        noise = ConsoleFilter(firmware=False, programs_only=True)
        for data, shown, full in ((b"\x11a", b"a", False), (b"b\x13c", b"bc", True), (b"d", b"d", True),
                                  (b"\x11\x13", b"", True), (b"\x13e\x11", b"e", False)):
            self.assertEqual((noise.feed(data), noise.full), (shown, full))

    def test_what_comes_before_the_programs_is_withheld(self) -> None:
        for firmware, noise in ((True, self.NOISE), (False, b"")):
            for size in (1, 7, 1000):
                programs = ConsoleFilter(firmware, programs_only=True)
                loader = noise + b"\rbaton: reading: 1 of 6 MiB\r\n"
                self.assertEqual(self.seen(programs, loader, size), b"")
                self.assertFalse(programs.ready)
                self.assertEqual(self.seen(programs, b"\r\n\x11x\r\n", size), b"x\r\n")
                self.assertTrue(programs.ready)

    def test_a_loader_that_gives_up_is_heard(self) -> None:
        programs = ConsoleFilter(firmware=True, programs_only=True)
        programs.feed(self.NOISE + b"baton: no volume\r\n")
        self.assertEqual(programs.release(), b"baton: no volume\r\n")
        self.assertEqual(programs.feed(b"firmware again"), b"", "not where programs print")
        self.assertEqual(programs.release(), b"firmware again")
        self.assertEqual(programs.feed(b"late\x11x"), b"x")

    def test_programs_speak_where_the_firmware_was_another(self) -> None:
        noise = ConsoleFilter(firmware=True, programs_only=False)
        self.assertEqual(noise.feed(b"\x1b[2Jfirmware\r\n\x11x"), b"x")

    def test_held_text_is_shown_without_escapes(self) -> None:
        noise = ConsoleFilter(firmware=True, programs_only=False)
        self.assertEqual(noise.feed(b"\x1b[2J\x1b[01;01H\r\nBdsDxe: failed to load Boot0001\r\n\r\n"), b"")
        self.assertEqual(noise.release(), b"BdsDxe: failed to load Boot0001\r\n")
        self.assertEqual(noise.feed(b"\x1b[2J"), b"\x1b[2J")

    def test_nothing_is_withheld_without_firmware(self) -> None:
        self.assertEqual(ConsoleFilter(firmware=False, programs_only=False).feed(b"\x1b[2J"), b"\x1b[2J")

    def test_escape_key(self) -> None:
        key = EscapeKey()
        self.assertEqual(key.feed(b"ls\r\x03\x01"), (b"ls\r\x03\x01", b""))
        self.assertEqual(key.feed(b"\x1d\x1da"), (b"\x1da", b""))
        to_guest, to_user = key.feed(b"\x1dh")
        self.assertEqual(to_guest, b"")
        self.assertIn(b"Ctrl-] x", to_user)
        self.assertFalse(key.quit)
        key.feed(b"\x1d")
        key.feed(b"x")
        self.assertTrue(key.quit)
