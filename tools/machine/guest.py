"""Owns the life of one emulated machine: starts it, carries its channels' bytes, learns how it
ended, and never leaks it.

    with Guest(machine) as guest:
        while guest.end is None:
            for channel, data in guest.pump(0.1): ...

QEMU never outlives this process. On the way out we kill its process group, since a wrapper script may stand in between;
if we are killed ourselves, the host's kernel kills it.
"""

from __future__ import annotations

import dataclasses
import enum
import fcntl
import os
import selectors
import shutil
import signal
import socket
import subprocess
import termios
import time
from types import TracebackType

from family import die_with_parent
from machine import command_line
from machine.command_line import Machine
from machine.emulator_log import EmulatorLog
from machine.places import naming
from machine.qmp import Qmp, QmpError

READ_BYTES = 65536
EXIT_SECONDS = 10.0
DRAIN_SECONDS = 2.0
FULL_BYTES = 1 << 20  # a file system with less than this is full


class Cause(enum.Enum):
    """How a machine ended."""

    EXITED = "QEMU exited"
    RESET = "the guest reset the machine"
    SHUTDOWN = "the guest shut the machine down"
    TIMEOUT = "the time ran out"
    CANCELLED = "the user ended it"
    LOADER = "the loader gave up"


SHUTDOWN_CAUSES = {"guest-reset": Cause.RESET}  # QMP's reasons that are not a plain shutdown


@dataclasses.dataclass(frozen=True)
class End:
    """The end of a machine. exit_code is QEMU's, when it has exited. words: the guest's own words on it."""

    cause: Cause
    exit_code: int | None = None
    words: str = ""


def make_memory(machine: Machine) -> None:
    """Make the file that is the machine's RAM; it is sparse. Raises OSError that names it."""
    with naming(machine.memory_file), machine.memory_file.open("wb") as memory:
        memory.truncate(machine.memory_mib << 20)


class Guest:
    """A running machine. `end` is None while it lives; the machine's folder must exist and be private."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.end: End | None = None
        self.qmp: Qmp | None = None
        self.console: socket.socket | None = None
        self.unsent = b""
        self.selector = selectors.PollSelector()  # poll accepts files, too, which epoll refuses
        self.open_channels = {"tap"} | (set() if machine.console_file else {"console"})
        self.error_file = machine.folder / "qemu-errors"
        self.emulator_log: EmulatorLog | None = None
        try:
            self.process = self.start()
        except BaseException:
            self.close_channels()
            raise
        self.started = time.monotonic()

    def start(self) -> subprocess.Popen[bytes]:
        """Make the sockets and files that QEMU needs, and start it."""
        for name in sorted(self.open_channels | {"qmp"}):
            self.listen(name)
        make_memory(self.machine)
        self.emulator_log = EmulatorLog(self.machine.emulator_log)
        with self.error_file.open("wb") as errors:
            return subprocess.Popen(command_line.build(self.machine), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                                    preexec_fn=die_with_parent)

    def listen(self, name: str) -> None:
        """A listening unix socket that QEMU connects to as it starts."""
        listener = socket.socket(socket.AF_UNIX)
        self.selector.register(listener, selectors.EVENT_READ, ("listen", name))
        with naming(self.machine.socket(name)):
            listener.bind(str(self.machine.socket(name)))
            listener.listen(1)

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill QEMU if it still runs, with its process group, and close every socket."""
        if self.qmp is not None and not self.qmp.closed:
            self.qmp.send_if_there({"execute": "quit"})  # in case a wrapper is gone, or gave QEMU a group of its own
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # it leads its session, so that is its group's number, too
            self.process.wait()
        self.close_channels()

    def close_channels(self) -> None:
        if self.emulator_log is not None:
            self.emulator_log.close()
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self.selector.close()

    def watch(self, descriptor: int, name: str) -> None:
        """Report `descriptor` in pump() under `name` when it can be read; the caller reads it."""
        self.selector.register(descriptor, selectors.EVENT_READ, ("outside", name))

    def forget(self, descriptor: int) -> None:
        """Stop reporting `descriptor`."""
        self.selector.unregister(descriptor)

    def pump(self, seconds: float) -> list[tuple[str, bytes]]:
        """Wait up to `seconds` and return the (channel, bytes) that arrived. Sets `end` when the machine ended."""
        data: list[tuple[str, bytes]] = []
        for key, _ in self.selector.select(seconds):
            role, name = key.data
            if role == "listen":
                self.accept(key.fileobj, name)
            elif role == "outside":
                data.append((name, b""))
            elif name == "qmp":
                self.receive_qmp()
            else:
                data += self.receive(key.fileobj, name)
        self.flush()
        if self.end is None and self.process.poll() is not None:
            self.end = End(Cause.EXITED, self.process.returncode)
        return data

    def accept(self, listener: socket.socket, name: str) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        self.selector.unregister(listener)
        listener.close()
        self.selector.register(connection, selectors.EVENT_READ, ("channel", name))
        if name == "qmp":
            self.qmp = Qmp(connection, start=self.machine.gdb_socket is None)
        elif name == "console":
            self.console = connection

    def receive(self, connection: socket.socket, name: str) -> list[tuple[str, bytes]]:
        try:
            data = connection.recv(READ_BYTES)
        except OSError:  # reset because QEMU ended; treated as a close
            data = b""
        if data:
            return [(name, data)]
        self.selector.unregister(connection)
        connection.close()
        self.open_channels.discard(name)
        if name == "console":
            self.console = None
        return []

    def receive_qmp(self) -> None:
        """Take in monitor traffic. A SHUTDOWN event or the monitor's end means the machine's end."""
        assert self.qmp is not None
        self.qmp.receive()
        if self.qmp.closed:
            self.selector.unregister(self.qmp.connection)
            self.qmp.connection.close()
            if self.end is None:
                self.end = End(Cause.EXITED, self.wait_exit())
            return
        for event in self.qmp.events:
            if event["event"] == "SHUTDOWN" and self.end is None:
                reason = event["data"]["reason"]
                user_did = reason.startswith("host-")  # the window was closed
                self.end = End(Cause.CANCELLED if user_did else SHUTDOWN_CAUSES.get(reason, Cause.SHUTDOWN))
        self.qmp.events.clear()

    def wait_exit(self) -> int:
        """QEMU's exit code. Call when it has closed its monitor, so that it is about to exit."""
        try:
            return self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def send(self, data: bytes) -> None:
        """Queue bytes for the console. Never blocks: a guest that does not read must not hang us."""
        self.unsent += data
        self.flush()

    def flush(self) -> None:
        if self.unsent and self.console is not None:
            try:
                self.unsent = self.unsent[self.console.send(self.unsent):]
            except BlockingIOError:
                pass
            except OSError:
                self.unsent = b""

    def has_taken_all(self) -> bool:
        """Whether the console's chip has taken all bytes that were sent."""
        if self.unsent or self.console is None:
            return False
        waiting = bytearray(4)
        fcntl.ioctl(self.console, termios.TIOCOUTQ, waiting)
        return not any(waiting)

    def hang_up(self) -> bool:
        """Tell the guest, by a break, that the input has ended. False: it has not taken all bytes yet; call again."""
        if self.qmp is None or not self.qmp.ready or not self.has_taken_all():
            return False
        self.qmp.send_if_there({"execute": "chardev-send-break", "arguments": {"id": "console"}, "id": "break"})
        return True

    def stop(self, cause: Cause, words: str = "") -> None:
        """End the machine from outside: pause it, so that it can be examined."""
        self.end = End(cause, words=words)
        if self.qmp is not None:
            try:
                self.qmp.execute("stop")
            except QmpError:
                pass  # a monitor that does not answer shows up when the report asks for registers

    def drain(self) -> list[tuple[str, bytes]]:
        """After the machine's end: the bytes that were still on their way."""
        data: list[tuple[str, bytes]] = []
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.open_channels and time.monotonic() < deadline:
            more = self.pump(0.02)
            data += more
            if not more and self.process.poll() is None:
                break  # a paused machine keeps its channels open; nothing more comes
        return data

    def exceptions_text(self) -> str:
        """The end of the emulator's log. Only after the machine's end, since this stops the thread that reads the
        log."""
        return self.emulator_log.finish() if self.emulator_log is not None else ""

    def errors(self) -> str:
        """What QEMU itself complained about, and which signal ended it, if one did."""
        said = self.error_file.read_text(errors="replace").strip()
        killed = self.kill_signal()
        parts = (said, f"killed by {killed}" if killed else "", self.out_of_space())
        return "; ".join(part for part in parts if part)

    def kill_signal(self) -> str | None:
        """The name of the signal that killed QEMU, if one did."""
        code = self.process.returncode
        return signal.Signals(-code).name if code is not None and code < 0 else None

    def out_of_space(self) -> str | None:
        """In words, that the guest's memory outgrew its file system; None if it did not."""
        folder = self.machine.folder
        if self.kill_signal() != "SIGBUS" or shutil.disk_usage(folder).free >= FULL_BYTES:
            return None
        return (f"{folder.parent} is full: the machine's memory is a file there, of up to {self.machine.memory_mib} "
                "MiB (TMPDIR=FOLDER chooses another place)")
