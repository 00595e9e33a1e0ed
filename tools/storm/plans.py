"""Owns plans: what they are, how they are drawn from a seed, and how one that fails is made smaller.

    pipes:3:kill:1,files:12:drop     events, each SERVER:N:WHAT or SERVER:N:WHAT:ARGUMENT (test/storm/storm.h)
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator

# A server and how many calls it gets in a session. All that keep their state are here, in test/storm/plan.c, and in
# manifest.py and meson.build beside that.
CALLS = {"console": 4, "files": 150, "pipes": 146}
EFFECTS = {"console": 68, "files": 14, "pipes": 39}  # how many kernel calls it makes, of those that a hook knows
REQUESTS = {"files": 13, "pipes": 24}  # ... and requests that can be refused
EVENTS_MAX = 3  # in a plan that is drawn


@dataclasses.dataclass(frozen=True)
class Kind:
    """numbers: what N counts, and up to where. arguments: those that are drawn."""

    weight: int
    arguments: range = range(1)
    numbers: dict[str, int] = dataclasses.field(default_factory=lambda: CALLS)


WHATS = {"kill": Kind(4, range(2)), "die": Kind(4, range(2), EFFECTS), "hang": Kind(1), "delay": Kind(1, range(1, 20)),
         "drop": Kind(3), "keep": Kind(1), "double": Kind(2), "refuse": Kind(3, numbers=REQUESTS)}


@dataclasses.dataclass(frozen=True)
class Event:
    server: str
    number: int  # of the call, or of the request
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
    if server not in CALLS:
        raise PlanError(f"{text}: the server is {', '.join(CALLS)}")
    if not number.isdecimal() or int(number) < 1:
        raise PlanError(f"{text}: calls and requests are counted from 1")
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
        numbers = WHATS[what].numbers
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
