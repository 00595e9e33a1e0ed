"""Filters the console's bytes between the guest and the user's terminal.

    firmware ........ BdsDxe: starting Boot0001\n ... the loader, the kernel ... XON ... what programs print
    dropped ------------------------------------>  shown, or dropped where only programs count

OVMF writes to every serial port it finds: screen clears, cursor moves, then `BdsDxe: starting Boot0001 ...`
just before it starts the loader. Its clears would wipe the user's terminal, so everything up to the end of
that line is held back and dropped. If the line never comes, what was held is shown without its escape
sequences, for it may be the explanation.

XON is the first byte of the console server: from now on it takes what is typed. Before, keys would reach the firmware.
Later XOFF asks for a pause, and XON ends it; what programs print has neither.
"""

from __future__ import annotations

import re

LAST_WORDS = b"BdsDxe: starting"
ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_=>])")
# a whole line; the loader's progress overwrites itself, and begins no line
LOADER_FAILURE = re.compile(rb"\n\s*baton: ([^\r\n]+)[\r\n]")
HELD_BYTES_MAX = 1 << 16

XON, XOFF = b"\x11", b"\x13"

CTRL_BRACKET = 0x1d
KEYS_WORDS = "Ctrl-] x ends the machine, Ctrl-] Ctrl-] sends one Ctrl-]"


class ConsoleFilter:
    """Withholds output before the system starts; afterwards passes everything unchanged, except XON and XOFF.

    firmware: its output comes first. programs_only: drop the output before the XON, unless the XON never comes.
    """

    def __init__(self, firmware: bool, programs_only: bool) -> None:
        self.held = b""
        self.passing = not (firmware or programs_only)
        self.programs_only = programs_only
        self.ready = False  # the guest accepts input
        self.full = False  # the guest has asked for a pause

    def feed(self, data: bytes) -> bytes:
        """The bytes of `data` for the user to see."""
        if self.ready:
            return self.heed(data)
        before, xon, after = data.partition(XON)
        shown = self.feed_early(before)
        if xon:
            self.ready = self.passing = True
            self.held = b""
        return shown + self.heed(after)

    def heed(self, data: bytes) -> bytes:
        """Take XON and XOFF out of the bytes; the last one counts."""
        on, off = data.rfind(XON), data.rfind(XOFF)
        if on != off:
            self.full = off > on
        return data.translate(None, XON + XOFF)

    def feed_early(self, data: bytes) -> bytes:
        """The bytes of `data` for the user to see while the XON has not come."""
        if self.passing:
            return data
        self.held += data
        _, words, rest = self.held.partition(LAST_WORDS)
        _, line_end, guest = rest.partition(b"\n")
        if words and line_end:
            self.held = guest
            self.passing = not self.programs_only
        if self.passing:
            self.held = b""
            return guest
        self.held = self.held[-HELD_BYTES_MAX:]
        return b""

    @property
    def loader_failure(self) -> str | None:
        """Why the loader gave up, if it did; known only with programs_only."""
        found = LOADER_FAILURE.search(ESCAPE.sub(b"", self.held)) if self.programs_only and not self.ready else None
        return found[1].decode(errors="replace").strip() if found else None

    def release(self) -> bytes:
        """Stop waiting: return the withheld bytes without escape sequences. Later bytes pass,
        except with programs_only."""
        text = re.sub(rb"(\r?\n\s*)+", b"\r\n", ESCAPE.sub(b"", self.held)).lstrip()
        self.held = b""
        self.passing = not self.programs_only
        return text


class EscapeKey:
    """Finds Ctrl-] x in what the user types; Ctrl-] Ctrl-] sends a Ctrl-], Ctrl-] and any other key shows the keys."""

    def __init__(self) -> None:
        self.pending = False
        self.quit = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """(bytes for the guest, bytes for the user)."""
        to_guest, to_user = bytearray(), bytearray()
        for byte in data:
            if not self.pending:
                self.pending = byte == CTRL_BRACKET
                to_guest += b"" if self.pending else bytes([byte])
                continue
            self.pending = False
            if byte in b"xX":
                self.quit = True
            elif byte == CTRL_BRACKET:
                to_guest.append(byte)
            else:
                to_user += f"\r\n[{KEYS_WORDS}]\r\n".encode()
        return bytes(to_guest), bytes(to_user)
