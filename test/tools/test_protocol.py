"""Is a mistake in a protocol's list of operations named while it is compiled?"""

from __future__ import annotations

import subprocess
import unittest

from host import paths

SOURCE = """#include "libsys/wire/server.h"
struct kv_put_request { uint64_t word; };
struct kv_put_reply { uint64_t word; };
struct kv_get_request { uint64_t word; };
struct kv_get_reply { uint64_t word; };
#define KV_OPERATIONS(ROW) ROW(kv, 1, put, 8, 0, 8, 0) ROW(kv, NUMBER, get, 8, 0, 8, 0)
PROTOCOL_CLIENT(kv, KV_OPERATIONS)
PROTOCOL_SERVER(kv, KV_OPERATIONS)
static uint32_t kv_serve_put(struct server_call *call, const struct kv_put_request *request, \
struct kv_put_reply *reply) {
    return call->badge == request->word ? (uint32_t)(reply->word = 0) : 1;
}
static uint32_t kv_serve_get(struct server_call *call, const struct kv_get_request *request, \
struct kv_get_reply *reply) {
    return call->badge == request->word ? (uint32_t)(reply->word = 0) : 1;
}
extern const struct protocol *made;
const struct protocol *made = &kv_protocol;
"""


class Numbers(unittest.TestCase):
    def compile(self, number: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["clang", "-std=c2x", "-ffreestanding", "-Wall", "-Wextra", "-Werror",
                               "-Wno-unused-function", "-fsyntax-only", f"-I{paths.ROOT}", "-xc", "-"],
                              input=SOURCE.replace("NUMBER", str(number)), capture_output=True, text=True, check=False)

    def test_in_a_row(self) -> None:
        done = self.compile(2)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_gap_and_duplicate(self) -> None:
        for number in (3, 7, 1, 0):
            with self.subTest(number=number):
                done = self.compile(number)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"operation kv_get: {number} is not the number after that of the row before", done.stderr)


if __name__ == "__main__":
    unittest.main()
