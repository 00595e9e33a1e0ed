"""Owns the conversation with QEMU's monitor (QMP): JSON lines over one socket, answers and events mixed."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

ANSWER_SECONDS = 10.0


class QmpError(Exception):
    """The monitor refused, fell silent or is gone."""


class Qmp:
    """One connected monitor. `events` collects what arrives between answers, oldest first."""

    def __init__(self, connection: socket.socket, start: bool) -> None:
        """`start`: let the machine run, but only once the monitor is ready, as earlier events would be lost."""
        self.connection = connection
        self.start = start
        self.connection.setblocking(False)
        self.buffer = b""
        self.events: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.closed = False
        self.ready = False

    def receive(self) -> None:
        """Take in what has arrived. The first line is a greeting, to which we answer at once."""
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            if not line.strip():
                continue
            message = json.loads(line)
            if "QMP" in message:
                self.send_if_there({"execute": "qmp_capabilities", "id": "greeting"})
            elif message.get("id") == "greeting":
                self.ready = True
                if self.start:
                    self.send_if_there({"execute": "cont", "id": "start"})
            elif "id" in message:
                pass  # nobody waits for this answer
            elif "event" in message:
                self.events.append(message)
            else:
                self.answers.append(message)

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; they are small, so the socket always has room for one."""
        try:
            self.connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"the monitor is gone: {error}") from None

    def send_if_there(self, message: dict[str, Any]) -> None:
        """Send one message to a QEMU that may have ended already; a failure is ignored, as its end is reported
        elsewhere."""
        try:
            self.send(message)
        except QmpError:
            self.closed = True

    def wait(self, seconds: float) -> None:
        """Receive until an answer is there. Raises QmpError when none comes."""
        deadline = time.monotonic() + seconds
        while not self.answers:
            if self.closed:
                raise QmpError("the monitor closed")
            if time.monotonic() > deadline:
                raise QmpError(f"no answer within {seconds:.0f} s")
            self.receive()
            time.sleep(0.001)

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and return its value."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.ready and not self.closed and time.monotonic() < deadline:
            self.receive()
            time.sleep(0.001)
        self.answers.clear()
        self.send({"execute": command, "arguments": arguments} if arguments else {"execute": command})
        self.wait(ANSWER_SECONDS)
        answer = self.answers.pop(0)
        if "error" in answer:
            raise QmpError(f"{command}: {answer['error'].get('desc', answer['error'])}")
        return answer["return"]

    def human(self, line: str) -> str:
        """Run one command of the human monitor, e.g. `info registers -a`."""
        return str(self.execute("human-monitor-command", **{"command-line": line}))
