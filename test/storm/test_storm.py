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
DRILLS = (("pipes", "early"), ("pipes", "leak"), ("pipes", "unclaimed"))  # as in drills.json


class Storms(unittest.TestCase):
    def test_plans_of_a_seed(self) -> None:
        _, failures = campaign.Campaign(machine.System(BUILT)).run(SEED, 1, PLANS)
        self.assertEqual([], [failure.lines() for failure in failures])

    def test_events_come(self) -> None:
        """Or the storm would be no more than a breeze."""
        drawn = [plans.draw(SEED, number) for number in range(1, campaign.BATCH + 1)]
        outcome = machine.System(BUILT).run(drawn)
        self.assertEqual(outcome.passed, len(drawn), outcome.reasons)
        wanted = sum(len(plan.events) for plan in drawn)
        self.assertGreaterEqual(outcome.came, wanted * 3 // 4)
        self.assertLessEqual(outcome.came, wanted)

    def test_every_kind_of_event_comes(self) -> None:
        each = [plans.parse(f"pipes:9:{what}" + (":1" if what == "delay" else "")) for what in plans.WHATS]
        outcome = machine.System(BUILT).run(each)
        self.assertEqual((outcome.passed, outcome.came), (len(each), len(each)), outcome.reasons)

    def test_plans_that_once_failed(self) -> None:
        """The reply is gone, and the server ends before it drops what was to travel with it."""
        outcome = machine.System(BUILT).run([plans.parse("files:75:drop,files:8:die:1")])
        self.assertEqual((outcome.passed, outcome.came), (1, 2), outcome.reasons)


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
