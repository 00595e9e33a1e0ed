"""Owns plans: what they are, how they are drawn from a seed, and how one that fails is made smaller.

    pipes:3:kill:1,files:12:drop     events, each SERVER:N:WHAT or SERVER:N:WHAT:ARGUMENT (test/storm/storm.h)
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Callable, Iterator

from host import paths

SERVERS_DEF = paths.ROOT / "test/storm/servers.def"
ROW = re.compile(r"^STORM_SERVER\((\w+), (\d+), (\d+), (\d+)\)$", re.M)


@dataclasses.dataclass(frozen=True)
class Counts:
    """How often a session gives a server what a fault can hit."""

    messages: int
    calls: int  # of the kernel
    requests: int  # those calls that can be refused


SERVERS = {name: Counts(*map(int, counts)) for name, *counts in ROW.findall(SERVERS_DEF.read_text())}
EVENTS_MAX = 3  # in a plan that is drawn


@dataclasses.dataclass(frozen=True)
class Kind:
    """counts: what N counts, a member of Counts. arguments: those that are drawn."""

    weight: int
    arguments: range = range(1)
    counts: str = "messages"

    def numbers(self) -> dict[str, int]:
        """The servers that it can hit, and how often."""
        return {name: most for name, counts in SERVERS.items() if (most := getattr(counts, self.counts)) > 0}


WHATS = {"kill": Kind(4, range(2)), "die": Kind(4, range(2), "calls"), "fail": Kind(1), "hang": Kind(1),
         "delay": Kind(1, range(1, 20)), "drop": Kind(3), "keep": Kind(1), "double": Kind(2),
         "refuse": Kind(3, counts="requests"), "take": Kind(2, range(10))}


@dataclasses.dataclass(frozen=True)
class Event:
    server: str
    number: int  # of the message, kernel call or request
    what: str
    argument: int = 0

    def __str__(self) -> str:
        return f"{self.server}:{self.number}:{self.what}" + (f":{self.argument}" if self.argument else "")


@dataclasses.dataclass(frozen=True)
class Plan:
    events: tuple[Event, ...]

    def __str__(self) -> str:
        return ",".join(str(event) for event in self.events) or "none"


class PlanError(Exception):
    """A text is no plan; the message says why."""


def parse_event(text: str) -> Event:
    server, _, rest = text.partition(":")
    number, _, rest = rest.partition(":")
    what, colon, argument = rest.partition(":")
    if server not in SERVERS:
        raise PlanError(f"{text}: the server is {', '.join(SERVERS)}")
    if not number.isdecimal() or int(number) < 1:
        raise PlanError(f"{text}: messages, calls and requests are counted from 1")
    if what not in WHATS:
        raise PlanError(f"{text}: what happens is {', '.join(WHATS)}")
    if colon and not argument.isdecimal():
        raise PlanError(f"{text}: the argument is a number")
    return Event(server, int(number), what, int(argument or "0"))


def parse(text: str) -> Plan:
    """The plan that a text stands for. Raises PlanError."""
    return Plan(() if text == "none" else tuple(parse_event(event) for event in text.split(",")))


def draw(seed: int, number: int) -> Plan:
    """Plan `number` of a seed. It depends on nothing else, so any part of a campaign can be run by itself."""
    choice = random.Random(f"{seed}:{number}")
    events = []
    for _ in range(choice.randint(1, EVENTS_MAX)):
        what = choice.choices(list(WHATS), [kind.weight for kind in WHATS.values()])[0]
        numbers = WHATS[what].numbers()
        server = choice.choice(list(numbers))
        events.append(Event(server, choice.randint(1, numbers[server]), what, choice.choice(WHATS[what].arguments)))
    return Plan(tuple(dict.fromkeys(events)))


def smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with some of its events, those with the fewest first."""
    for count in range(len(plan.events)):
        for events in itertools.combinations(plan.events, count):
            yield Plan(events)


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """The smallest part of a plan that still fails in the same way."""
    return next((part for part in smaller(plan) if fails(part)), plan)
