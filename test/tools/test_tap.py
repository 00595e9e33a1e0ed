"""Does the judge pass only streams in which every promised result came, once and ok?"""

from __future__ import annotations

import unittest

from evidence.tap import Judge

# stream -> the problem that has to be among those found; None: there must be none
STREAMS: tuple[tuple[str, str | None], ...] = (
    ("1..2\nok 1 - a\nok 2 - b\n", None),
    ("TAP version 13\n1..1\nok 1 - a\n", None),
    ("ok 1 - a\nok 2 - b\n1..2\n", None),
    ("1..1\nok - without a number\n", None),
    ("1..1\n# remark\nok 1 - a\n  more\n", None),
    ("1..1\nok 1 - a # SKIP no such device\n", None),
    ("1..0 # SKIP needs four CPUs\n", None),
    ("1..1\r\nok 1 - a\r\n", None),
    ("1..1\n\x1b[2Jok 1 - a\n", None),
    ("", "no plan (1..N); 0 results came"),
    ("ok 1 - a\n", "no plan (1..N); 1 results came"),
    ("1..0\n", "the plan is 1..0 without a reason"),
    ("1..2\nok 1 - a\n", "missing results: 1 came, the plan is 1..2"),
    ("1..1\nok 1 - a\nok 2 - b\n", "surplus results: 2 came, the plan is 1..1"),
    ("1..2\n1..2\nok 1 - a\nok 2 - b\n", "a second plan: 1..2 after 1..2"),
    ("1..1\nnot ok 1 - a\n", "not ok: a"),
    ("1..1\nnot ok 1 - a # SKIP no\n", "not ok: a"),
    ("1..1\nnot ok 1 - a # TODO later\n", "not ok: a"),
    ("1..2\nok 1 - a\nok 2 - a\n", "duplicate case name: 'a'"),
    ("1..2\nok 1 - a\nok 3 - b\n", "result 3 came where 2 was due"),
    ("1..2\nok 1 - a\nok 1 - b\n", "result 1 came where 2 was due"),
    ("1..1\nok 1\n", "result 1 has no name"),
    ("1..1\nok 1 - a\nBail out! tired\n", "the guest bailed out: tired"),
    ("Bail out!\n", "the guest bailed out: no reason given"),
    ("1..1\nhello\nok 1 - a\n", "not a TAP line: 'hello'"),
    ("1..1\nokay 1 - a\n", "not a TAP line: 'okay 1 - a'"),
    ("1..1\nok 1 - a\nTAP version 13\n", "the version line is not the first line"),
    ("1..1\nok 1 - a\nok 2 -", "the stream ends inside a line: 'ok 2 -'"),
)


class Tap(unittest.TestCase):
    def test_streams(self) -> None:
        for stream, problem in STREAMS:
            with self.subTest(stream=stream):
                judge = Judge()
                judge.feed(stream.encode())
                problems = judge.finish()
                if problem is None:
                    self.assertEqual(problems, [])
                else:
                    self.assertIn(problem, problems)

    def test_bytes_may_come_one_by_one(self) -> None:
        judge = Judge()
        lines = [line for byte in b"1..2\nok 1 - a\nnot ok 2 - b\n" for line in judge.feed(bytes([byte]))]
        self.assertEqual(lines, ["1..2", "ok 1 - a", "not ok 2 - b"])
        self.assertEqual((judge.passed, judge.failed), (["a"], ["b"]))

    def test_version_is_not_echoed(self) -> None:
        self.assertEqual(Judge().feed(b"TAP version 13\n1..1\n"), ["1..1"])

    def test_endless_line_is_cut(self) -> None:
        judge = Judge()
        judge.feed(b"x" * 10000)
        self.assertEqual(judge.partial, b"")
        self.assertTrue(judge.faults)
