"""Does the system keep its promises under faults by seed, and would a broken promise be noticed?"""

from __future__ import annotations

import os
import pathlib
import unittest

from storm import campaign, machine, plans
from storm.plans import Plan

BUILT = pathlib.Path(os.environ["BATON_BUILT"])
SEED = int(os.environ.get("BATON_SEED", "1"))
PLANS = 150  # about 20 s on a CPU of a host that is not busy
WITHIN = 200
SHRUNK_MAX = 2
DRILLS = (("pipes", "early"), ("pipes", "leak"), ("pipes", "unclaimed"), ("files", "spill"),
          ("process", "deaf"))  # as in drills.json
CPUS = 4
PLANS_OF_CPUS = 50
NO_MEMORY_LEFT, SERVER_FAILED = 256, 258  # libsys/proto/process.h


class Storms(unittest.TestCase):
    def test_plans_of_a_seed(self) -> None:
        _, failures = campaign.Campaign(machine.System(BUILT)).run(SEED, 1, PLANS)
        self.assertEqual([], [failure.lines() for failure in failures])

    def test_plans_on_several_cpus(self) -> None:
        """The order of messages is another each time, so other plans of the seed can hit what these miss."""
        _, failures = campaign.Campaign(machine.System(BUILT, smp=CPUS)).run(SEED, 1, PLANS_OF_CPUS)
        self.assertEqual([], [failure.lines() for failure in failures])

    def test_events_come(self) -> None:
        """Or the storm would be no more than a breeze."""
        drawn = [plans.draw(SEED, number) for number in range(1, campaign.BATCH + 1)]
        outcome = machine.System(BUILT).run(drawn)
        self.assertEqual(outcome.passed, len(drawn), outcome.reasons)
        wanted = sum(len(plan.events) for plan in drawn)
        self.assertGreaterEqual(outcome.came, wanted * 3 // 4)
        self.assertLessEqual(outcome.came, wanted)

    def test_plans_are_drawn_within_what_a_session_does(self) -> None:
        outcome = machine.System(BUILT).run([plans.parse("none")] * 2)  # the first one fills caches
        for server, drawn in plans.SERVERS.items():
            counted = outcome.counts[server]
            for name in ("messages", "calls", "requests"):
                most = getattr(counted, name)
                with self.subTest(server=server, counts=name):
                    self.assertTrue(most * 0.9 - 1 <= getattr(drawn, name) <= most * 1.1 + 1, (drawn, counted))

    def test_every_kind_of_event_comes(self) -> None:
        for place in ("files:12", "pipes:9", "process:3"):
            each = [plans.parse(f"{place}:{what}" + (":1" if what == "delay" else "")) for what in plans.WHATS]
            outcome = machine.System(BUILT).run(each)
            with self.subTest(place=place):
                self.assertEqual((outcome.passed, outcome.came), (len(each), len(each)), outcome.reasons)

    def test_a_parent_is_told_why(self) -> None:
        """The session's first fault is not served: since the server fails at it, or since no frame is free."""
        outcome = machine.System(BUILT).run([plans.parse("process:1:fail"), plans.parse("process:1:take:3")])
        self.assertEqual((outcome.passed, outcome.cut), (2, {1: SERVER_FAILED, 2: NO_MEMORY_LEFT}), outcome.reasons)

    def test_plans_that_once_failed(self) -> None:
        once = ("files:1:drop,files:4:die:1",  # the server ends before it drops what was to travel with the answer
                "process:14:drop")  # a sleep is answered by nobody, and the thread sleeps again
        for plan in once:
            outcome = machine.System(BUILT).run([plans.parse(plan)])
            with self.subTest(plan=plan):
                self.assertEqual((outcome.passed, outcome.came), (1, plan.count(",") + 1), outcome.reasons)


class Drills(unittest.TestCase):
    """Mistakes that are planted in a server are found, made small, and replayed."""

    def test_each_is_found(self) -> None:
        for drill in DRILLS:
            with self.subTest(drill=drill):
                _, failures = campaign.Campaign(machine.System(BUILT, drill), until_failure=True).run(SEED, 1, WITHIN)
                self.assertEqual(len(failures), 1)
                replay: tuple[Plan, ...] = failures[0].replay
                self.assertEqual((len(replay), failures[0].replays), (1, campaign.REPLAYS), failures[0].lines())
                self.assertLessEqual(len(replay[0].events), SHRUNK_MAX)
                self.assertEqual(machine.System(BUILT).run(replay).passed, 1, "without the mistake the plan passes")


if __name__ == "__main__":
    unittest.main()
