/* Does a reader of the kernel's log copy exactly what was written, however often the ring has wrapped? */
#include "servers/init/log_copy.h"

#include <string.h>

#include "test/host/suite.h"

static struct log_ring ring;

static char byte_number(uint64_t number) { return (char)('!' + number % 89); }

static void write_until(uint64_t end) {
    for (; ring.written < end; ring.written++)
        ring.bytes[ring.written % LOG_RING_BYTES] = byte_number(ring.written);
}

/* Read all from `position` on, `step` bytes at a time. It must begin with byte number `first` and end with the last
 * one. */
static void check_from(uint64_t position, uint64_t step, uint64_t first) {
    char bytes[500];
    uint64_t at = first;
    for (uint64_t count; (count = log_copy(&ring, &position, bytes, step)) > 0; at += count) {
        CHECK_EQUAL(position, at + count);
        CHECK(count <= step);
        for (uint64_t i = 0; i < count; i++)
            CHECK(bytes[i] == byte_number(at + i));
    }
    CHECK_EQUAL(at, ring.written);
    CHECK_EQUAL(position, ring.written);
}

static void log_empty_has_nothing(void) {
    ring.written = 0;
    check_from(0, 500, 0);
    check_from(7, 500, 0);
}

static void log_is_whole_until_the_ring_is_full(void) {
    ring.written = 0;
    for (uint64_t end = 1; end < LOG_RING_BYTES; end = end * 3 + 1) {
        write_until(end);
        check_from(0, 500, 0);
        check_from(end / 2, 33, end / 2);
    }
    write_until(LOG_RING_BYTES - 1);
    check_from(0, 500, 0);
}

/* The oldest place is the next to be overwritten: a reader could see a mixture, so it is skipped. */
static void log_overwritten_is_passed_over(void) {
    for (uint64_t more = 0; more < 3 * LOG_RING_BYTES; more += 4001) {
        write_until(LOG_RING_BYTES + more);
        check_from(0, 500, more + 1);
        check_from(more, 480, more + 1);
        check_from(more + 1, 480, more + 1);
        check_from(more + 2, 480, more + 2);
    }
}

static void log_positions_beyond_the_end(void) {
    char byte;
    const uint64_t beyond[] = {ring.written + 1, UINT64_MAX, UINT64_MAX - LOG_RING_BYTES};
    for (uint32_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        uint64_t position = beyond[i];
        CHECK_EQUAL(log_copy(&ring, &position, &byte, 1), 0);
        CHECK_EQUAL(position, ring.written);
    }
}

SUITE(CASE(log_empty_has_nothing), CASE(log_is_whole_until_the_ring_is_full), CASE(log_overwritten_is_passed_over),
      CASE(log_positions_beyond_the_end));
