"""Owns the life of one emulated machine: start it, carry its channels' bytes, learn how it ended, never leave it behind.

    with Guest(machine) as guest:
        while guest.end is None:
            for channel, data in guest.pump(0.1): ...

QEMU dies with this process whatever happens to it: killed by its pid on the way out, by the host's kernel otherwise.
"""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import fcntl
import pathlib
import selectors
import signal
import socket
import subprocess
import termios
import time
from types import TracebackType

from machine import command_line
from machine.command_line import Machine
from machine.emulator_log import EmulatorLog
from machine.qmp import Qmp, QmpError

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
READ_BYTES = 65536
EXIT_SECONDS = 10.0
DRAIN_SECONDS = 2.0


class Cause(enum.Enum):
    """How a machine ended."""

    EXITED = "QEMU exited"
    RESET = "the guest reset the machine"
    SHUTDOWN = "the guest shut the machine down"
    TIMEOUT = "the time ran out"
    CANCELLED = "the user ended it"


SHUTDOWN_CAUSES = {"guest-reset": Cause.RESET}  # QMP's reasons that are not a plain shutdown


@dataclasses.dataclass(frozen=True)
class End:
    """The end of a machine. exit_code is QEMU's, when it has exited."""

    cause: Cause
    exit_code: int | None = None


def die_with_parent() -> None:
    """In the child before exec: ask the host's kernel to kill QEMU when this process is gone."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def listen(path: pathlib.Path) -> socket.socket:
    """A listening unix socket that QEMU connects to as it starts."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    return listener


class Guest:
    """A running machine. `end` is None while it lives; the machine's folder must exist and be private."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.end: End | None = None
        self.qmp: Qmp | None = None
        self.console: socket.socket | None = None
        self.unsent = b""
        self.selector = selectors.DefaultSelector()
        self.open_channels = {"tap"} | (set() if machine.console_file else {"console"})
        for name in sorted(self.open_channels | {"qmp"}):
            self.selector.register(listen(machine.folder / name), selectors.EVENT_READ, ("listen", name))
        with machine.memory_file.open("wb") as memory:
            memory.truncate(machine.memory_mib << 20)
        self.emulator_log = EmulatorLog(machine.emulator_log)
        self.error_file = machine.folder / "qemu-errors"
        with self.error_file.open("wb") as errors:
            self.process = subprocess.Popen(command_line.build(machine), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                                            preexec_fn=die_with_parent)
        self.started = time.monotonic()

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill QEMU by its pid if it still runs and close every socket."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
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
        except OSError:  # reset by QEMU's end: the same as a close
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
        """Take in monitor traffic; a SHUTDOWN event or the monitor's end is the machine's end."""
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
        """QEMU's exit code; it has closed its monitor, so it is about to exit."""
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

    def hang_up(self) -> bool:
        """Tell the console's other side, by a break, that nothing more comes. False: it has not taken all yet; ask again."""
        if self.unsent or self.console is None or self.qmp is None or not self.qmp.ready:
            return False
        waiting = bytearray(4)
        fcntl.ioctl(self.console, termios.TIOCOUTQ, waiting)
        if any(waiting):
            return False
        self.qmp.send_if_there({"execute": "chardev-send-break", "arguments": {"id": "console"}, "id": "break"})
        return True

    def stop(self, cause: Cause) -> None:
        """End the machine from outside: freeze it, so that it can be examined."""
        self.end = End(cause)
        if self.qmp is not None:
            try:
                self.qmp.execute("stop")
            except QmpError:
                pass  # a monitor that does not answer shows up when the report asks for registers

    def drain(self) -> list[tuple[str, bytes]]:
        """After the end: what was still on its way."""
        data: list[tuple[str, bytes]] = []
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.open_channels and time.monotonic() < deadline:
            more = self.pump(0.02)
            data += more
            if not more and self.process.poll() is None:
                break  # a paused machine keeps its channels open; nothing more comes
        return data

    def exceptions_text(self) -> str:
        """The end of the emulator's log. Only after the machine's end: nobody reads it from then on."""
        return self.emulator_log.finish()

    def errors(self) -> str:
        """What QEMU itself complained about."""
        return self.error_file.read_text(errors="replace").strip()

    def kill_signal(self) -> str | None:
        """The name of the signal that killed QEMU, if one did."""
        code = self.process.returncode
        return signal.Signals(-code).name if code is not None and code < 0 else None
