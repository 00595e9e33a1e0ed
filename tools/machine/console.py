"""Owns what is done to the console's bytes between the guest and the user's terminal.

OVMF writes to every serial port it finds: screen clears, cursor moves, then `BdsDxe: starting Boot0001 ...` just before it
starts the loader. Its clears would wipe the user's terminal, so everything up to the end of that line is held back and
dropped. If the line never comes, what was held is shown without its escape sequences, for it may be the explanation.
"""

from __future__ import annotations

import re

LAST_WORDS = b"BdsDxe: starting"
ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_=>])")
HELD_BYTES_MAX = 1 << 16

CTRL_A = 0x01
KEYS_HELP = b"\r\n[Ctrl-A X: quit   Ctrl-A A: send Ctrl-A]\r\n"


class FirmwareFilter:
    """Withholds the firmware's output; afterwards passes everything unchanged."""

    def __init__(self, expected: bool) -> None:
        self.held = b""
        self.passing = not expected

    def feed(self, data: bytes) -> bytes:
        """The bytes of `data` that the user shall see."""
        if self.passing:
            return data
        self.held += data
        _, found, rest = self.held.partition(LAST_WORDS)
        _, line_end, guest = rest.partition(b"\n")
        if found and line_end:
            self.held = b""
            self.passing = True
            return guest
        self.held = self.held[-HELD_BYTES_MAX:]
        return b""

    def release(self) -> bytes:
        """Give up waiting: what was held, made harmless. Later bytes pass."""
        text = re.sub(rb"(\r?\n\s*)+", b"\r\n", ESCAPE.sub(b"", self.held)).lstrip()
        self.held = b""
        self.passing = True
        return text


class EscapeKey:
    """Finds Ctrl-A X in what the user types; Ctrl-A A sends a Ctrl-A, Ctrl-A and any other key shows the keys."""

    def __init__(self) -> None:
        self.pending = False
        self.quit = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """(bytes for the guest, bytes for the user)."""
        to_guest, to_user = bytearray(), bytearray()
        for byte in data:
            if not self.pending:
                self.pending = byte == CTRL_A
                to_guest += b"" if self.pending else bytes([byte])
                continue
            self.pending = False
            if byte in b"xX":
                self.quit = True
            elif byte in (*b"aA", CTRL_A):
                to_guest.append(CTRL_A)
            else:
                to_user += KEYS_HELP
        return bytes(to_guest), bytes(to_user)
