"""Are plans of storms drawn, read, judged and made smaller as they should be?"""

from __future__ import annotations

import argparse
import json
import pathlib
import threading
import unittest
from collections.abc import Callable
from unittest import mock

from baton_cli import command_storm
from host import paths
from host.say import UserError
from storm import campaign, machine, plans
from storm.campaign import Campaign
from storm.machine import Outcome, System
from storm.plans import Plan, PlanError


def said(*numbers: int) -> str:
    return "".join(f"{line}\r\n" for number in numbers for line in machine.said_by(number))


class Plans(unittest.TestCase):
    def test_servers_are_those_that_keep_their_state(self) -> None:
        manifest = json.loads((paths.ROOT / "servers/init/manifest.json").read_text())
        self.assertEqual(sorted(plans.SERVERS), [program["name"] for program in manifest["programs"]
                                                 if "keep" in program])

    def test_a_seed_gives_the_same_plans(self) -> None:
        """Each by itself, and as text, too."""
        first = [plans.draw(7, number) for number in range(1, 200)]
        self.assertEqual(first[::-1], [plans.draw(7, number) for number in range(199, 0, -1)])
        self.assertEqual(first, [plans.parse(str(plan)) for plan in first])
        self.assertNotEqual(first, [plans.draw(8, number) for number in range(1, 100)])
        drawn = {(event.server, event.what) for plan in first for event in plan.events}
        self.assertEqual({what for _, what in drawn}, set(plans.WHATS))
        self.assertEqual({server for server, _ in drawn}, set(plans.SERVERS))
        self.assertEqual(str(plans.parse("none")), "none")

    def test_texts_that_are_no_plans(self) -> None:
        for text, words in (("", "the server is"), ("disk:1:kill", "the server is"), ("pipes:0:kill", "from 1"),
                            ("pipes:x:kill", "from 1"), ("pipes:1:boom", "what happens"),
                            ("pipes:1:kill:x", "a number"), ("pipes:1:kill,", "the server is")):
            with self.subTest(text=text), self.assertRaisesRegex(PlanError, words):
                plans.parse(text)

    def test_shrinking_keeps_what_is_needed(self) -> None:
        plan = plans.parse("pipes:1:kill,files:2:drop,console:3:kill")
        needed = {plan.events[0], plan.events[2]}
        self.assertEqual(str(plans.shrink(plan, lambda part: needed <= set(part.events))),
                         "pipes:1:kill,console:3:kill")
        self.assertEqual(plans.shrink(plan, lambda part: False), plan)


class Judging(unittest.TestCase):
    def test_all_passed(self) -> None:
        self.assertEqual(machine.judge("1..2\nok 1 - a\nok 2 - b\n# 3 events came\n", said(1, 2), 2, False),
                         Outcome(2, (), 3))

    def test_no_result_is_a_failure(self) -> None:
        for tap in ("", "1..2\n", "1..2\nok 2 - b\n", "1..2\nok 1 - a\nok 1 - a\n# 3 events came\n",
                    "1..2\nok 1 - a\nok 2 - b\n"):
            with self.subTest(tap=tap):
                self.assertNotEqual(machine.judge(tap, said(1, 2), 2, False).reasons, ())

    def test_a_byte_of_output_is_lost(self) -> None:
        """Or one comes twice, or a whole line does: in the plan that did it."""
        tap = "1..2\nok 1 - a\nok 2 - b\n# 3 events came\n"
        for console in (said(1) + said(2)[1:], said(1, 2)[:-3], said(1)[:5] + said(1, 2)[4:],
                        said(1) + machine.said_by(1)[-1] + "\n" + said(2)):
            with self.subTest(console=console):
                outcome = machine.judge(tap, console, 2, False)
                self.assertIn(outcome.passed, (0, 1))
                self.assertIn("console", outcome.reasons[0])

    def test_a_plan_that_ends_a_program(self) -> None:
        """It may print fewer lines, but no others."""
        tap = "1..2\n# plan 1 is cut short: fault 258\nok 1 - a\nok 2 - b\n# 3 events came\n"
        for lines in range(machine.LINES + 1):
            first = "".join(f"{line}\r\n" for line in machine.said_by(1)[:lines])
            self.assertEqual(machine.judge(tap, first + said(2), 2, False), Outcome(2, (), 3, cut={1: 258}))
        self.assertNotEqual(machine.judge(tap, said(1)[1:] + said(2), 2, False).reasons, ())
        self.assertNotEqual(machine.judge(tap, said(1), 2, False).reasons, ())

    def test_the_same_way_to_fail(self) -> None:
        self.assertEqual(machine.way(["frames: 12 before, 0x1f after"]), machine.way(["frames: 7 before, 0x2 after"]))
        self.assertNotEqual(machine.way(["frames: 12"]), machine.way(["the session hangs"]))


class Toy(System):
    """A system that fails at `bad`; with `needs` only if that plan came before."""

    bad = plans.parse("pipes:5:kill")
    other = plans.parse("console:1:drop")
    needs: Plan | None = None

    def run(self, chosen):  # type: ignore[no-untyped-def]
        for number, plan in enumerate(chosen):
            if self.other == plan:
                return Outcome(number, (f"left {number}",))
            fits = set(self.bad.events) <= set(plan.events)
            if fits and (self.needs is None or self.needs in chosen[:number]):
                return Outcome(number, (f"lost {number}",))
        return Outcome(len(chosen), (), len(chosen))


class Campaigns(unittest.TestCase):
    def run_toy(self, needs: Plan | None, count: int,
                on_batch: Callable[[int, list[campaign.Failure]], None] | None = None) -> list[campaign.Failure]:
        def draw(seed: int, number: int) -> Plan:
            texts = {5: "files:3:kill", 7: "console:1:drop,pipes:5:kill,files:1:drop", 90: "pipes:5:kill"}
            return plans.parse(texts.get(number, f"files:{number + seed}:drop"))

        toy = Toy(pathlib.Path("."))
        object.__setattr__(toy, "needs", needs)
        with mock.patch.object(plans, "draw", draw):
            done, failures = Campaign(toy, 2, on_batch=on_batch or (lambda done, failures: None)).run(100, 1, count)
        self.assertEqual(done, count)
        return failures

    def test_a_plan_that_fails_alone(self) -> None:
        """It is not taken for the one that is smaller and fails in another way."""
        [failure, _] = self.run_toy(None, 90)
        self.assertEqual((failure.number, [str(plan) for plan in failure.replay], failure.replays),
                         (7, ["pipes:5:kill"], campaign.REPLAYS))
        self.assertIn("./baton storm --plan pipes:5:kill", failure.lines()[-1])

    def test_a_failure_is_told_when_it_is_found(self) -> None:
        """Each once, before the campaign goes on."""
        said: list[str] = []
        with mock.patch.object(command_storm, "say", said.append), \
                mock.patch.object(command_storm, "print", lambda text, flush: said.append(text), create=True), \
                mock.patch.object(campaign, "BATCH", 20):
            failures = self.run_toy(None, 120, command_storm.progress(0.0))
        first, second = ("\n".join(failure.lines()) for failure in failures)
        self.assertEqual([line if "plans," not in line else line.partition(", ")[0] for line in said],
                         [first, "40 plans", "80 plans", second, "120 plans"])

    def test_it_ends_when_it_is_told_to(self) -> None:
        """A signal is an exception in one thread. The machines of the others end, too."""
        ended: list[int] = []
        all_run = threading.Barrier(3)

        class Slow(Toy):
            def run(self, chosen):  # type: ignore[no-untyped-def]
                all_run.wait(60)  # what has not begun by then, nobody has to end
                if "files:1:" in str(chosen[0]):
                    raise KeyboardInterrupt
                ended.append(self.is_over.wait(60))
                raise machine.EndedError

        with mock.patch.object(plans, "draw", lambda seed, number: plans.parse(f"files:{number}:drop")), \
                self.assertRaises(KeyboardInterrupt):
            Campaign(Slow(pathlib.Path(".")), 3).run(0, 1, 150)
        self.assertEqual(ended, [True, True])

    def test_plans_behind_one_that_fails(self) -> None:
        """... are run, too, in the same machine's turn or another's."""
        self.assertEqual([failure.number for failure in self.run_toy(None, 90)], [7, 90])
        with mock.patch.object(campaign, "BATCH", 100):
            self.assertEqual([failure.number for failure in self.run_toy(None, 90)], [7, 90])

    def test_a_plan_that_fails_behind_another(self) -> None:
        """The line that replays it has both."""
        [failure] = self.run_toy(plans.parse("files:3:kill"), 60)
        self.assertEqual([str(plan) for plan in failure.replay], ["files:3:kill", "files:106:drop", "pipes:5:kill"])
        self.assertEqual(failure.replays, campaign.REPLAYS)


class Command(unittest.TestCase):
    def test_counts_are_at_least_one(self) -> None:
        parser = argparse.ArgumentParser()
        command_storm.configure(parser)
        for option in ("--plans", "--first", "--jobs", "--smp"):
            with self.subTest(option=option), self.assertRaisesRegex(UserError, "at least 1"):
                command_storm.run(parser.parse_args([option, "0"]))
        for minutes in ("0", "-1", "nan"):
            with self.subTest(minutes=minutes), self.assertRaisesRegex(UserError, "--minutes: more than 0"):
                command_storm.run(parser.parse_args(["--minutes", minutes]))


if __name__ == "__main__":
    unittest.main()
