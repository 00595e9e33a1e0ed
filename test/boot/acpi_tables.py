"""Makes ACPI tables in place of QEMU's own, which acpi=off leaves out.

A virtual machine's firmware takes tables from three fw_cfg files. The last one is a list of orders, of 128 bytes each,
that say which pointers and checksums to fill in (QEMU, docs/specs and hw/acpi/bios-linker-loader.c).
"""

from __future__ import annotations

import dataclasses
import pathlib
import struct

ROOT_FILE, TABLES_FILE, ORDERS_FILE = "etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader"
LOAD, POINT, ADD_UP = 1, 2, 3
ANYWHERE, BELOW_1M = 1, 2
ALIGNMENT = 64
HEADER_BYTES = 36
POWER_PORT = 0x604
HPET_PHYS = 0xFED00000
S5 = b"\x08_S5_\x12\x06\x04" + bytes(8)


@dataclasses.dataclass(frozen=True)
class Tables:
    """The tables' contents. CPUs by APIC number: as entries of type 0, disabled entries, entries of type 9. Then the
    oddities of the other tables."""

    cpus: tuple[int, ...] = (0,)
    disabled: tuple[int, ...] = ()
    x2apic: tuple[int, ...] = ()
    wide: bool = False  # XSDT, not RSDT
    empty_entry: bool = False  # in the root
    x_dsdt: bool = False  # the DSDT is named by the newer field alone
    damaged: bool = False  # the root's checksum is wrong
    hpet_only: bool = False  # the root names the HPET's table and no other


def table(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sIBB6s8sIII", name, HEADER_BYTES + len(body), 1, 0, b"BATON", b"TEST", 1, 0, 1) + body


def madt(tables: Tables) -> bytes:
    body = struct.pack("<II", 0xFEE00000, 1)
    for flags, ids in ((1, tables.cpus), (0, tables.disabled)):
        body += b"".join(struct.pack("<BBBBI", 0, 8, 0, number, flags) for number in ids)
    body += b"".join(struct.pack("<BBHIII", 9, 16, 0, number, 1, 0) for number in tables.x2apic)
    body += struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0)
    return table(b"APIC", body + struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0))


def fadt() -> bytes:
    body = bytearray(244 - HEADER_BYTES)
    struct.pack_into("<I", body, 64 - HEADER_BYTES, POWER_PORT)
    return table(b"FACP", bytes(body))


def hpet() -> bytes:
    return table(b"HPET", struct.pack("<IBBBBQBHB", 0x8086A201, 0, 64, 0, 0, HPET_PHYS, 0, 0, 0))


class Files:
    """The three files, under construction."""

    def __init__(self) -> None:
        self.root = bytearray()
        self.tables = bytearray()
        self.orders = b""

    def order(self, number: int, layout: str, *values: int | bytes) -> None:
        self.orders += (struct.pack("<I", number) + struct.pack("<" + layout, *values)).ljust(128, b"\0")

    def place(self, data: bytes) -> int:
        self.tables += bytes(-len(self.tables) % ALIGNMENT)
        self.tables += data
        return len(self.tables) - len(data)

    def point(self, name: str, at: int, size: int, target: int) -> None:
        """The number at `at` in file `name` becomes the address of what lies at `target` in the tables."""
        data = self.root if name == ROOT_FILE else self.tables
        data[at:at + size] = target.to_bytes(size, "little")
        self.order(POINT, "56s56sIB", name.encode(), TABLES_FILE.encode(), at, size)

    def add_up(self, name: str, at: int, start: int, size: int) -> None:
        self.order(ADD_UP, "56sIII", name.encode(), at, start, size)


def make(tables: Tables) -> dict[str, bytes]:
    """The files by their names."""
    files = Files()
    entry_bytes = 8 if tables.wide else 4
    files.order(LOAD, "56sIB", ROOT_FILE.encode(), 16, BELOW_1M)
    files.order(LOAD, "56sIB", TABLES_FILE.encode(), ALIGNMENT, ANYWHERE)
    entries: list[int | None] = [None] if tables.empty_entry else []
    if tables.hpet_only:
        only = files.place(hpet())
        files.add_up(TABLES_FILE, only + 9, only, len(hpet()))
        entries.append(only)
    else:
        dsdt, power, cpus = (files.place(data) for data in (table(b"DSDT", S5), fadt(), madt(tables)))
        files.point(TABLES_FILE, power + (140 if tables.x_dsdt else 40), 8 if tables.x_dsdt else 4, dsdt)
        entries += [power, cpus]
    root = files.place(table(b"XSDT" if tables.wide else b"RSDT", bytes(entry_bytes * len(entries))))
    for number, target in enumerate(entries):
        if target is not None:
            files.point(TABLES_FILE, root + HEADER_BYTES + number * entry_bytes, entry_bytes, target)
    if not tables.damaged:
        files.add_up(TABLES_FILE, root + 9, root, len(files.tables) - root)
    files.root += struct.pack("<8sB6sBIIQB3s", b"RSD PTR ", 0, b"BATON", 2 if tables.wide else 0, 0, 36, 0, 0, b"")
    files.point(ROOT_FILE, 24 if tables.wide else 16, entry_bytes, root)
    files.add_up(ROOT_FILE, 8, 0, 20)
    files.add_up(ROOT_FILE, 32, 0, 36)
    return {ROOT_FILE: bytes(files.root), TABLES_FILE: bytes(files.tables), ORDERS_FILE: files.orders}


def arguments(tables: Tables, folder: pathlib.Path) -> list[str]:
    """QEMU's arguments; writes the files into `folder`."""
    result = ["-machine", "acpi=off"]
    for name, data in make(tables).items():
        path = folder / name.replace("/", "-")
        path.write_bytes(data)
        result += ["-fw_cfg", f"name={name},file={path}"]
    return result
