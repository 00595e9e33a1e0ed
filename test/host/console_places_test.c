/* Are the places to wait at the console shared by process, and is each given back? */
#include "test/host/console_world.h"
#include "test/host/suite.h"

/* One program gets half of the places of each kind, another one finds some, and places of the dead are given anew. */
static void waiters_share_the_places(void) {
    static const uint64_t greedy = IDENTITY_BADGE(2, 2), other = IDENTITY_BADGE(3, 2), third = IDENTITY_BADGE(4, 2);
    const uint8_t byte = 'x';
    begin();
    for (uint32_t i = 0; i < TERMINAL_WAITERS_MAX / 2; i++) {
        CHECK(terminal_park_reader(&terminal, greedy, 1, CONSOLE_FOREGROUND, 1));
        CHECK(terminal_park_writer(&terminal, greedy, 1, &byte, 1));
        CHECK(terminal_park_flusher(&terminal, greedy, 1));
    }
    CHECK(!terminal_park_reader(&terminal, greedy, 1, CONSOLE_FOREGROUND, 1));
    CHECK(!terminal_park_writer(&terminal, greedy, 1, &byte, 1));
    CHECK(!terminal_park_flusher(&terminal, greedy, 1));
    CHECK(terminal_park_reader(&terminal, other, 2, CONSOLE_FOREGROUND, 1));
    CHECK(terminal_park_writer(&terminal, other, 2, &byte, 1));
    CHECK(terminal_park_flusher(&terminal, other, 2));
    clients.gone = 1;
    for (uint32_t i = 1; i < TERMINAL_WAITERS_MAX / 2; i++) {
        CHECK(terminal_park_reader(&terminal, third, 3, CONSOLE_FOREGROUND, 1));
        CHECK(terminal_park_writer(&terminal, third, 3, &byte, 1));
        CHECK(terminal_park_flusher(&terminal, third, 3));
    }
    CHECK_EQUAL(terminal.readers.count, TERMINAL_WAITERS_MAX / 2);
    CHECK_EQUAL(terminal.writers.count, TERMINAL_WAITERS_MAX / 2);
    CHECK_EQUAL(terminal.flushers.count, TERMINAL_WAITERS_MAX / 2);
    CHECK_EQUAL(terminal_waiter(&terminal.readers, 0)->reply, 2); /* the oldest of those who are left */
}

/* Many programs that wait to write leave a place for the group that has the terminal. */
static void the_foreground_is_heard(void) {
    const uint8_t byte = 'x';
    uint32_t count = 0;
    begin();
    set_foreground(7);
    while (count < TERMINAL_WAITERS_MAX && terminal_park_writer(&terminal, IDENTITY_BADGE(20 + count, 8), 1, &byte, 1))
        count++;
    CHECK_EQUAL(count, TERMINAL_WAITERS_MAX - 1);
    CHECK(terminal_park_writer(&terminal, IDENTITY_BADGE(7, 7), 2, &byte, 1));
    CHECK(!terminal_park_writer(&terminal, IDENTITY_BADGE(7, 7), 3, &byte, 1));
    set_foreground(8); /* a place stays whose it was */
    drain();
    CHECK(terminal_progress(&terminal));
    CHECK_EQUAL(terminal.writers.count, 0);
    CHECK_EQUAL(terminal.writers.quota.owner_count, 0);
}

/* Each way out of a queue gives the place back: an answer, Ctrl-Z, another foreground. */
static void places_are_given_back(void) {
    static const uint64_t badge = IDENTITY_BADGE(2, 2);
    const uint8_t byte = 'x';
    begin();
    set_foreground(2);
    for (uint32_t turn = 0; turn < TERMINAL_WAITERS_MAX; turn++) {
        clients.read_count = clients.write_count = 0;
        for (cap_t reply = 1; reply <= 3; reply++)
            CHECK(terminal_park_reader(&terminal, badge, reply, CONSOLE_FOREGROUND, 1));
        CHECK(terminal_park_writer(&terminal, badge, 4, &byte, 1));
        CHECK(terminal_park_flusher(&terminal, badge, 5));
        CHECK(!terminal_answer_flushers(&terminal));
        type("\r", 1);
        CHECK_EQUAL(clients.read_count, 1);
        type("\x1a", 1);
        CHECK_EQUAL(clients.read_count, 3);
        drain();
        CHECK_EQUAL(clients.write_count, 1);
        CHECK(terminal_answer_flushers(&terminal));
        CHECK_EQUAL(clients.flushes, turn + 1);
        CHECK(terminal_park_reader(&terminal, badge, 6, CONSOLE_FOREGROUND, 1));
        set_foreground(3);
        CHECK_EQUAL(clients.read_count, 4);
        set_foreground(2);
    }
    CHECK_EQUAL(terminal.readers.quota.owner_count, 0);
    CHECK_EQUAL(terminal.writers.quota.owner_count, 0);
    CHECK_EQUAL(terminal.flushers.quota.owner_count, 0);
}

SUITE(CASE(waiters_share_the_places), CASE(the_foreground_is_heard), CASE(places_are_given_back));
