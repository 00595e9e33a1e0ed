"""Owns a report's part on threads: each one's name, what it waits for, since when, and which thread could end the wait.

All of it is read from the machine's memory, through the sealed root. Pools lead to objects (kernel/memory/pool.h), a
thread to the queue or reply capability that it waits at (kernel/run/thread.h), an endpoint to its capabilities
(kernel/cap/cap.h), and these to the tables of its servers. The kernel does not record when a wait began, so Watch
samples the machine while it runs.

The memory of a running machine changes while it is read: every list walk is bounded, and
inconsistent parts are left out.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import re
import time
from collections.abc import Iterator

from evidence import layout, pagewalk
from evidence.kernel_log import KernelLog
from evidence.layout import Layout, LayoutError
from evidence.pagewalk import PAGE_BYTES, PhysicalMemory
from host import elf_symbols

STRUCTURES = ("thread", "object", "pool", "endpoint", "notification", "table", "space", "cap_slot", "list_node",
              "deadline", "heap_node")
THREAD, TABLE = 4, 5  # enum object_type
STOPPED, READY, RUNNING, IN_CALL, IN_WAIT, IN_SIGNAL, IN_FAULT = range(7)  # enum thread_run_state
ENDPOINT_WAIT = 1 << 1  # rights.h
ADDRESS_BITS, RIGHTS_SHIFT, SLOT_BYTES = 16, 8, 32  # struct cap_slot
FRAME_BYTES = 22 * 8  # struct frame: the registers, first in struct arch_thread
FIRST_THREAD = 1
OBJECTS_MAX = 20000
SHOWN_MAX = 60
WATCH_SECONDS = 0.5
WATCH_SHARE = 20  # ... and at most 1/WATCH_SHARE of our own time
SINCE_SECONDS = 1.0  # shorter waits are normal work
# where a server lies (libsys/maker/layout.h), and how many bytes from there on include the build id
IMAGE_AT, IMAGE_BYTES = 0x200000, 1024
STARTED = re.compile(r"\buser: init: started (\S+)\s*$", re.MULTILINE)


class Kernel:
    """A snapshot of a machine's virtual memory: each page is read once."""

    def __init__(self, memory: PhysicalMemory, root: int, layouts: dict[str, Layout]) -> None:
        self.memory = memory
        self.root = root
        self.layouts = layouts
        self.pages: dict[int, bytes] = {}

    def bytes(self, address: int, length: int) -> bytes:
        """Bytes within one page; zeroes where nothing is mapped."""
        page = address & ~(PAGE_BYTES - 1)
        if page not in self.pages:
            physical = pagewalk.walk(self.memory, self.root, page).physical
            data = self.memory.read(physical, PAGE_BYTES) if physical is not None else None
            self.pages[page] = data or bytes(PAGE_BYTES)
        return self.pages[page][address - page : address - page + length].ljust(length, b"\0")

    def number(self, address: int, length: int = 8) -> int:
        return int.from_bytes(self.bytes(address, length), "little")

    def at(self, kind: str, address: int, member: str, length: int = 8) -> int:
        """A member of the structure `kind` at `address`."""
        return self.number(address + self.layouts[kind][member], length)

    def object_of(self, slot: int) -> int:
        """The address of the object in a capability slot, canonical; 0: the slot is empty."""
        return (self.at("cap_slot", slot, "head") >> ADDRESS_BITS) | 0xFFFF << 48 if self.at("cap_slot", slot,
                                                                                             "head") else 0

    def listed(self, head: int) -> Iterator[int]:
        """The nodes of a list. One that was read while it changed may lead back to itself, past its head."""
        seen = {0, head}
        while (node := self.number(head)) not in seen and len(seen) < OBJECTS_MAX:
            yield node
            seen.add(node)
            head = node


@dataclasses.dataclass(frozen=True)
class Thread:
    """A thread as the kernel records it. wait: the object in whose queue it is; reply_slot: the slot of the reply
    capability that can answer it. 0: none."""

    address: int
    number: int
    state: int
    wait: int
    reply_slot: int
    table: int
    notification: int
    fault_endpoint: int
    fault_badge: int
    fault_address: int
    has_deadline: bool
    work: int  # changes when the thread makes progress: a hash of its CPU time, its place in the queue, its registers
    process_root: int  # the root of its address space


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """All threads at one moment, and their capability tables."""

    kernel: Kernel
    threads: list[Thread]
    tables: dict[int, range]  # table -> its slots' addresses

    def owners(self, slot: int) -> list[Thread]:
        """The threads whose table contains this slot."""
        table = next((table for table, slots in self.tables.items() if slot in slots), 0)
        return [thread for thread in self.threads if table and thread.table == table]

    def servers(self, endpoint: int) -> list[Thread]:
        """The threads that can receive there. The first program can receive wherever another thread
        can, so it is left out then."""
        found: list[Thread] = []
        slot = self.kernel.at("object", endpoint, "first_cap")
        seen = {0}
        while slot not in seen and len(seen) < OBJECTS_MAX:
            seen.add(slot)
            if self.kernel.at("cap_slot", slot, "head") >> RIGHTS_SHIFT & ENDPOINT_WAIT:
                found += [thread for thread in self.owners(slot) if thread not in found]
            following = self.kernel.at("cap_slot", slot, "next") >> ADDRESS_BITS
            slot = following | 0xFFFF << 48 if following else 0
        return [thread for thread in found if thread.number != FIRST_THREAD] or found


def read_thread(kernel: Kernel, address: int) -> Thread:
    place = kernel.layouts["thread"]
    heap = kernel.at("thread", address, "wait_heap")
    state = kernel.at("thread", address, "state", 1)
    member = {IN_CALL: ("endpoint", "senders"), IN_FAULT: ("endpoint", "senders"),
              IN_WAIT: ("endpoint", "receivers")}.get(state, ("notification", "waiters"))
    space = kernel.object_of(address + place["space"])
    rank = kernel.layouts["deadline"]["node"] + kernel.layouts["heap_node"]["rank"]
    return Thread(
        address=address, number=kernel.at("thread", address, "id", 4), state=state,
        wait=heap - kernel.layouts[member[0]][member[1]] if heap else 0,
        reply_slot=kernel.at("thread", address, "reply_slot"), table=kernel.object_of(address + place["table"]),
        notification=kernel.object_of(address + place["notification"]),
        fault_endpoint=kernel.object_of(address + place["fault_endpoint"]),
        fault_badge=kernel.at("cap_slot", address + place["fault_endpoint"], "data"),
        fault_address=kernel.at("thread", address, "fault_address"),
        has_deadline=kernel.number(address + place["deadline"] + rank, 4) != 0,
        work=hash((kernel.at("thread", address, "cpu_time_ticks"), kernel.number(address + place["wait"]),
                   kernel.bytes(address + place["arch"], FRAME_BYTES))),
        process_root=kernel.at("space", space, "root") if space else 0)


def objects(kernel: Kernel, pools: int) -> list[int]:
    """All kernel objects. pools: the address of the kernel's list of pools.

    The bound is for all lists together: a guest waits while nobody reads its console, and must not wait for OBJECTS_MAX
    lists of OBJECTS_MAX nodes each.
    """
    place = kernel.layouts["object"]["in_pool"]
    found = (node - place for pool in kernel.listed(pools)
             for node in kernel.listed(pool - place + kernel.layouts["pool"]["objects"]))
    return list(itertools.islice(found, OBJECTS_MAX))


def take(memory: PhysicalMemory, root: int, pools: int, layouts: dict[str, Layout]) -> Snapshot:
    """All threads of the machine."""
    kernel = Kernel(memory, root, layouts)
    by_type: dict[int, list[int]] = {}
    for address in objects(kernel, pools):
        by_type.setdefault(kernel.at("object", address, "type", 1), []).append(address)
    tables = {}
    for table in by_type.get(TABLE, []):
        first = kernel.at("table", table, "slots")
        tables[table] = range(first, first + SLOT_BYTES * kernel.at("table", table, "slot_count"))
    threads = sorted((read_thread(kernel, address) for address in by_type.get(THREAD, [])),
                     key=lambda thread: thread.number)
    return Snapshot(kernel, threads, tables)


class Names:
    """Names for threads: of servers from the log, of processes from the process server's records."""

    def __init__(self, snapshot: Snapshot, log: str, process_server: pathlib.Path | None) -> None:
        self.snapshot = snapshot
        self.servers = STARTED.findall(log)
        self.image = process_server
        self.layouts: dict[str, Layout] = {}
        self.table = elf_symbols.address(process_server, "served_context") if process_server is not None else None
        if process_server is not None and self.table is not None:
            try:
                self.layouts = layout.read(process_server, "server_context", "process_table", "process")
            except LayoutError:
                self.table = None

    def name(self, thread: Thread) -> str:
        """The thread's name and number."""
        return f"{self.program(thread)} (thread {thread.number})"

    def program(self, thread: Thread) -> str:
        if thread.number == FIRST_THREAD:
            return "init" if self.servers else "first program"
        watchers = self.snapshot.servers(thread.fault_endpoint) if thread.fault_endpoint else []
        if any(watcher.number == FIRST_THREAD for watcher in watchers):
            known = 0 < thread.fault_badge <= len(self.servers)
            return self.servers[thread.fault_badge - 1] if known else "program"
        if not watchers or not self.servers:
            return "program"
        pid = thread.fault_badge & 0xFFFFFFFF
        name = self.process(watchers[0], pid)
        return f"process {pid}, {name}" if name else f"process {pid}"

    def process(self, server: Thread, pid: int) -> str:
        """The name of a process, if its server is the usual one."""
        if self.table is None:
            return ""
        memory = Kernel(self.snapshot.kernel.memory, server.process_root, self.layouts)
        if self.image is None or memory.bytes(IMAGE_AT, IMAGE_BYTES) != self.image.read_bytes()[:IMAGE_BYTES]:
            return ""  # another image runs as process server
        entries = self.table + self.layouts["server_context"]["processes"] + self.layouts["process_table"]["entries"]
        for number in range(64):
            process = memory.number(entries + 8 * number)
            if process and memory.at("process", process, "pid", 4) == pid:
                text = memory.bytes(process + self.layouts["process"]["name"], 24)
                return text.partition(b"\0")[0].decode(errors="replace")
        return ""


def programs(snapshot: Snapshot, names: Names) -> dict[int, str]:
    """Whose each address space is, by its root."""
    return {thread.process_root: names.program(thread) for thread in snapshot.threads if thread.process_root}


def all_of(names: list[str], otherwise: str) -> str:
    return ", ".join(names) or otherwise


def describe(thread: Thread, snapshot: Snapshot, names: Names) -> str:
    """What a thread does or waits for, and which threads could end the wait."""
    if thread.state in (IN_CALL, IN_FAULT):
        return describe_call(thread, snapshot, names)
    deadline = ", at most until a deadline" if thread.has_deadline else ""
    if thread.state == IN_WAIT:
        return f"waits for messages{' and a notification' if thread.notification else ''}{deadline}"
    if thread.state == IN_SIGNAL:
        return f"waits for a notification{deadline}"
    return {STOPPED: "is stopped", READY: "is ready to run", RUNNING: "runs"}.get(thread.state,
                                                                                  f"is in state {thread.state}")


def describe_call(thread: Thread, snapshot: Snapshot, names: Names) -> str:
    what = "calls" if thread.state == IN_CALL else f"is in a fault at 0x{thread.fault_address:x}, to be told at"
    if thread.wait:
        servers = snapshot.servers(thread.wait)
        could = all_of([f"{names.name(server)}, which {doing(server)}" for server in servers], "nobody can")
        return (f"{what} an endpoint that nobody waits at; it is served by {could}" if servers
                else f"{what} an endpoint that nobody waits at or can serve")
    for holder in snapshot.threads:
        if thread.reply_slot == holder.address + snapshot.kernel.layouts["thread"]["reply"]:
            return f"waits for the answer of {names.name(holder)}, which {doing(holder)}"
    holders = [names.name(holder) for holder in snapshot.owners(thread.reply_slot)]
    return (f"waits for an answer that {all_of(holders, 'nobody')} has put off" if thread.reply_slot
            else "waits for an answer that nobody can give")


def doing(thread: Thread) -> str:
    """What another thread does, in a few words: its own line says the rest."""
    return {STOPPED: "is stopped", READY: "is ready to run", RUNNING: "runs", IN_CALL: "calls somebody itself",
            IN_WAIT: "waits for messages", IN_SIGNAL: "waits for a notification",
            IN_FAULT: "is in a fault"}.get(thread.state, "is in no known state")


class Watch:
    """Samples the threads of a running machine, so that a report can say for how long each has waited.

    samples: look while the machine runs; else its threads are read at its end only.
    """

    def __init__(self, memory: pathlib.Path, log: pathlib.Path, kernel: pathlib.Path | None,
                 samples: bool = True) -> None:
        self.samples = samples
        self.memory = memory
        self.log = log
        self.kernel = kernel
        self.root: int | None = None
        self.layouts: dict[str, Layout] | None = None
        self.pools: int | None = None
        self.next = 0.0
        self.last: dict[int, tuple[int, ...]] = {}
        self.since: dict[int, float] = {}

    def snapshot(self) -> Snapshot | None:
        """None: there is no kernel yet, or none whose structures are known."""
        if self.root is None and self.log.exists():  # the log tells it once, before any program runs
            self.root = KernelLog(self.log.read_text(errors="replace")).sealed_root
        if self.root is None or self.kernel is None:
            return None
        if self.layouts is None:
            try:
                self.layouts = layout.read(self.kernel, *STRUCTURES)
            except LayoutError:
                self.kernel = None
                return None
            self.pools = elf_symbols.address(self.kernel, "all_pools")
        return take(PhysicalMemory(self.memory), self.root, self.pools, self.layouts) if self.pools else None

    def poll(self) -> None:
        """Call often; takes a sample now and then."""
        now = time.monotonic()
        if not self.samples or now < self.next:
            return
        snapshot = self.snapshot()
        if snapshot is not None:
            self.note(snapshot, now)
        self.next = now + max(WATCH_SECONDS, WATCH_SHARE * (time.monotonic() - now))

    def note(self, snapshot: Snapshot, now: float) -> None:
        seen = {thread.number: (thread.state, thread.wait, thread.reply_slot, thread.work)
                for thread in snapshot.threads}
        self.since = {number: self.since[number] if self.last.get(number) == what else now
                      for number, what in seen.items()}
        self.last = seen

    def programs(self, log: str, process_server: pathlib.Path | None) -> dict[int, str]:
        """The program of each CR3 in a machine that is still there."""
        snapshot = self.snapshot()
        return {} if snapshot is None else programs(snapshot, Names(snapshot, log, process_server))

    def lines(self, log: str, process_server: pathlib.Path | None) -> list[str]:
        """The report's part on threads, of a machine that has ended and is still there."""
        snapshot = self.snapshot()
        if snapshot is None or not snapshot.threads:
            return []
        now = time.monotonic()
        self.note(snapshot, now)
        names = Names(snapshot, log, process_server)
        told = []
        for thread in snapshot.threads[:SHOWN_MAX]:
            waited = now - self.since[thread.number]
            since = f", for {waited:.1f} s" if waited >= SINCE_SECONDS else ""
            told.append(f"  {names.name(thread)}: {describe(thread, snapshot, names)}{since}")
        more = [f"  ... and {len(snapshot.threads) - SHOWN_MAX} more"] if len(snapshot.threads) > SHOWN_MAX else []
        return ["threads:", *told, *more]
