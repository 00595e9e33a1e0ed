/*
 * If the program that serves a pipe dies at any point, does its successor find the pipe as the last whole change left
 * it? The journal is one of this test's: it undoes its notes at every point where it is asked, compares, and goes on.
 */
#include "libsys/wire/journal.h"
#include "servers/pipes/pipe.h"

#include <string.h>

#include "test/host/suite.h"
#include "test/lib/random.h"

#define NOTES_MAX 64U
#define OWNER 7U
#define ROUNDS 20000U

/* What survives: all else is computed from it, or lies where nobody looks. */
static struct {
    struct pipe pipe;
    struct pipe_waiters waiters;
} now, kept;

/* What a successor sees. */
static struct view {
    bool gone[2];
    size_t added, taken, counts[2];
    uint8_t bytes[PIPE_BYTES];
    struct {
        cap_t reply;
        size_t length;
        uint8_t bytes[STREAM_BYTES_MAX];
    } waiters[PIPE_WAITERS_MAX];
} committed, seen;

static struct before {
    void *at;
    size_t bytes;
    uint8_t old[sizeof(size_t)];
} notes[NOTES_MAX];
static uint32_t note_count, undone_count;
static uint64_t random_state;
static cap_t next_reply;

static uint64_t draw(uint64_t limit) { return random_step(&random_state) % limit; }

static void look(struct view *view) {
    size_t place = 0;
    memset(view, 0, sizeof *view);
    view->added = now.pipe.added;
    view->taken = now.pipe.taken;
    memcpy(view->gone, now.pipe.gone, sizeof view->gone);
    for (size_t at = view->taken; at != view->added; at++)
        view->bytes[at % PIPE_BYTES] = now.pipe.bytes[at % PIPE_BYTES];
    for (int end = 0; end < 2; end++) {
        for (const struct pipe_waiter *at = now.pipe.queues[end]; at != NULL; at = at->next, place++) {
            view->counts[end]++;
            view->waiters[place].reply = at->reply;
            view->waiters[place].length = at->length;
            if (end == PIPE_WRITER)
                memcpy(view->waiters[place].bytes, at->bytes, at->length);
        }
    }
}

/* Die here: undo, and look whether all is as it was committed. Then go on as if nothing had been. */
static void die(void) {
    memcpy(&kept, &now, sizeof kept);
    for (uint32_t i = note_count; i-- > 0;)
        memcpy(notes[i].at, notes[i].old, notes[i].bytes);
    look(&seen);
    CHECK(memcmp(&seen, &committed, sizeof seen) == 0);
    memcpy(&now, &kept, sizeof kept);
    undone_count++;
}

static void commit(void) {
    note_count = 0;
    look(&committed);
}

void journal_note_long(const void *at, size_t bytes) {
    die();
    CHECK(note_count < NOTES_MAX && bytes <= sizeof notes[0].old);
    notes[note_count] = (struct before){.at = (void *)(uintptr_t)at, .bytes = bytes};
    memcpy(notes[note_count++].old, at, bytes);
}

void journal_settle(void) {
    die();
    commit();
}

/* ---- callers: some are gone without a word, or between a look and an answer ---- */

static bool waits(cap_t reply) { return reply % 7 != 0; }

static bool answer(cap_t reply) {
    die();
    if (!waits(reply) || draw(5) == 0)
        return false;
    commit();
    return true;
}

static bool answer_read(cap_t reply, const struct stream_read_reply *bytes, bool decides) {
    (void)bytes;
    (void)decides;
    return answer(reply);
}

static bool answer_write(cap_t reply, uint32_t status, size_t written) {
    (void)status;
    (void)written;
    return answer(reply);
}

static cap_t take(void) { return ++next_reply; }

static void defer(cap_t reply) {
    (void)reply;
    die();
    commit();
}

static const struct pipe_clients clients = {take, defer, waits, answer_read, answer_write};

/* ---- what servers/pipes/serve.c does ---- */

static void write_some(void) {
    static struct stream_write_request request;
    request.length_bytes = 1 + draw(STREAM_BYTES_MAX);
    memset(request.bytes, (int)draw(256), request.length_bytes);
    if (pipe_hand_over(&now.pipe, &request))
        return;
    enum pipe_outcome outcome = pipe_write(&now.pipe, request.bytes, request.length_bytes);
    if (outcome == PIPE_WAIT)
        (void)pipe_park(&now.pipe, PIPE_WRITER, request.bytes, request.length_bytes);
    if (outcome != PIPE_DONE)
        return;
    die();
    commit();
    pipe_progress(&now.pipe);
}

static void read_some(void) {
    static uint8_t bytes[STREAM_BYTES_MAX];
    size_t length, limit = 1 + draw(sizeof bytes);
    if (pipe_read(&now.pipe, bytes, limit, &length) == PIPE_WAIT) {
        (void)pipe_park(&now.pipe, PIPE_READER, NULL, limit);
        return;
    }
    die();
    commit();
    pipe_progress(&now.pipe);
}

static void start_pipe(void) {
    memset(&now, 0, sizeof now);
    pipe_waiters_begin(&now.waiters);
    pipe_waiters_end(&now.waiters);
    pipe_start(&now.pipe, &clients, &now.waiters, OWNER);
    note_count = 0;
    commit();
}

static void pipe_is_whole_wherever_its_server_dies(void) {
    random_state = 1;
    undone_count = 0;
    start_pipe();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t what = draw(100);
        if (what < 45)
            write_some();
        else if (what < 90)
            read_some();
        else if (what < 98)
            pipe_forget_the_dead(&now.pipe);
        else if (what == 98)
            pipe_end_gone(&now.pipe, draw(2) == 0 ? PIPE_READER : PIPE_WRITER);
        else
            start_pipe();
        die();
        commit();
    }
    CHECK(undone_count > 2 * ROUNDS);
}

static uint32_t claimed_count;

static void claim(cap_t slot) { claimed_count += slot != 0; }

/* The places and the quota are computed again: as many are free as before, and the queues have theirs. */
static void pipe_places_are_found_again(void) {
    uint8_t bytes[1] = {0};
    start_pipe();
    for (int i = 0; i < 5; i++)
        CHECK(pipe_park(&now.pipe, PIPE_READER, NULL, sizeof bytes));
    pipe_forget_the_dead(&now.pipe);
    uint32_t free_count = now.waiters.quota.free_count, waiting = PIPE_WAITERS_MAX - free_count;
    claimed_count = 0;
    pipe_waiters_begin(&now.waiters);
    pipe_claim(&now.pipe, &clients, claim);
    pipe_waiters_end(&now.waiters);
    CHECK_EQUAL(now.waiters.quota.free_count, free_count);
    CHECK_EQUAL(claimed_count, waiting);
    uint32_t places = 0;
    for (const struct pipe_waiter *place = now.waiters.free; place != NULL; place = place->next_free)
        places++;
    CHECK_EQUAL(places, free_count);
}

SUITE(CASE(pipe_is_whole_wherever_its_server_dies), CASE(pipe_places_are_found_again));
