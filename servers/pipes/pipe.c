#include "servers/pipes/pipe.h"

#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/journal.h"

_Static_assert((PIPE_BYTES & (PIPE_BYTES - 1)) == 0, "places are numbers modulo a power of two");

static size_t used(const struct pipe *pipe) { return pipe->added - pipe->taken; }

void pipe_waiters_begin(struct pipe_waiters *waiters) {
    quota_init(&waiters->quota, waiters->owners, PIPE_WAITERS_MAX);
    waiters->free = NULL;
    for (uint32_t i = 0; i < PIPE_WAITERS_MAX; i++)
        waiters->places[i].claimed = false;
}

void pipe_claim(struct pipe *pipe, const struct pipe_clients *clients, void (*claim_slot)(cap_t slot)) {
    pipe->clients = clients;
    for (int end = 0; end < 2; end++) {
        for (struct pipe_waiter *waiter = pipe->queues[end]; waiter != NULL; waiter = waiter->next) {
            waiter->claimed = true;
            claim_slot(waiter->reply);
            quota_claim(&pipe->waiters->quota, pipe->owner);
        }
    }
}

void pipe_waiters_end(struct pipe_waiters *waiters) {
    for (uint32_t i = PIPE_WAITERS_MAX; i-- > 0;) {
        if (waiters->places[i].claimed)
            continue;
        waiters->places[i].next_free = waiters->free;
        waiters->free = &waiters->places[i];
    }
}

void pipe_start(struct pipe *pipe, const struct pipe_clients *clients, struct pipe_waiters *waiters, uint32_t owner) {
    pipe->clients = clients;
    pipe->waiters = waiters;
    pipe->owner = owner;
    pipe->gone[PIPE_READER] = pipe->gone[PIPE_WRITER] = false;
    pipe->added = pipe->taken = 0;
    pipe->queues[PIPE_READER] = pipe->queues[PIPE_WRITER] = NULL;
}

/* Add bytes, for which there is room. */
static void add(struct pipe *pipe, const uint8_t *bytes, size_t length) {
    size_t at = pipe->added % PIPE_BYTES, first = smaller(length, PIPE_BYTES - at);
    memcpy(pipe->bytes + at, bytes, first);
    memcpy(pipe->bytes, bytes + first, length - first);
    JOURNAL_SET(pipe->added, pipe->added + length);
}

/* Copy the oldest bytes, which stay in the ring. */
static size_t peek(const struct pipe *pipe, uint8_t *bytes, size_t limit) {
    size_t length = smaller(limit, used(pipe));
    size_t at = pipe->taken % PIPE_BYTES, first = smaller(length, PIPE_BYTES - at);
    memcpy(bytes, pipe->bytes + at, first);
    memcpy(bytes + first, pipe->bytes, length - first);
    return length;
}

/* Take a waiter out of its queue. Its place is free; its bytes stay usable until the next caller is parked. */
static struct pipe_waiter *leave(struct pipe *pipe, struct pipe_waiter **link) {
    struct pipe_waiter *waiter = *link;
    JOURNAL_SET(*link, waiter->next);
    waiter->next_free = pipe->waiters->free;
    pipe->waiters->free = waiter;
    quota_give(&pipe->waiters->quota, pipe->owner);
    return waiter;
}

void pipe_forget_the_dead(struct pipe *pipe) {
    for (int end = 0; end < 2; end++)
        for (struct pipe_waiter **link = &pipe->queues[end]; *link != NULL;)
            if (pipe->clients->waits((*link)->reply))
                link = &(*link)->next;
            else
                (void)leave(pipe, link);
    journal_settle();
}

enum pipe_outcome pipe_read(struct pipe *pipe, uint8_t *bytes, size_t limit, size_t *ret_length) {
    *ret_length = peek(pipe, bytes, limit); /* no reader overtakes: while readers wait the pipe is empty */
    if (*ret_length > 0)
        JOURNAL_SET(pipe->taken, pipe->taken + *ret_length);
    return *ret_length > 0 || pipe->gone[PIPE_WRITER] ? PIPE_DONE : PIPE_WAIT;
}

enum pipe_outcome pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t length) {
    if (pipe->gone[PIPE_READER])
        return PIPE_BROKEN;
    if (pipe->queues[PIPE_WRITER] != NULL) {
        pipe_forget_the_dead(pipe); /* the first may have waited for more room than the others need */
        pipe_progress(pipe);
    }
    if (pipe->queues[PIPE_WRITER] != NULL || PIPE_BYTES - used(pipe) < length)
        return PIPE_WAIT;
    add(pipe, bytes, length);
    return PIPE_DONE;
}

bool pipe_park(struct pipe *pipe, enum pipe_end end, const uint8_t *bytes, size_t length) {
    struct pipe_waiters *waiters = pipe->waiters;
    if (!quota_take(&waiters->quota, pipe->owner))
        return false;
    cap_t reply = pipe->clients->take();
    if (reply == 0) {
        quota_give(&waiters->quota, pipe->owner);
        return false;
    }
    struct pipe_waiter *waiter = waiters->free, **link = &pipe->queues[end];
    waiters->free = waiter->next_free;
    waiter->next = NULL;
    waiter->reply = reply;
    waiter->length = length;
    if (bytes != NULL)
        memcpy(waiter->bytes, bytes, length);
    while (*link != NULL)
        link = &(*link)->next;
    JOURNAL_SET(*link, waiter);
    pipe->clients->defer(reply);
    return true;
}

/* Answer the first reader. Bytes for a reader that is gone go to the next. */
static bool serve_reader(struct pipe *pipe) {
    struct stream_read_reply answer;
    if (pipe->queues[PIPE_READER] == NULL || (used(pipe) == 0 && !pipe->gone[PIPE_WRITER]))
        return false;
    const struct pipe_waiter *reader = leave(pipe, &pipe->queues[PIPE_READER]);
    size_t before = pipe->taken;
    answer.length_bytes = peek(pipe, answer.bytes, reader->length);
    JOURNAL_SET(pipe->taken, before + answer.length_bytes);
    if (!pipe->clients->answer_read(reader->reply, &answer, false))
        pipe->taken = before;
    journal_settle(); /* before its place can be another's */
    return true;
}

/* pipe_hand_over uses a writer's request as the reader's reply. */
_Static_assert(sizeof(struct stream_write_request) == sizeof(struct stream_read_reply), "size");
_Static_assert(offsetof(struct stream_write_request, bytes) == offsetof(struct stream_read_reply, bytes), "bytes");

bool pipe_hand_over(struct pipe *pipe, const struct stream_write_request *request) {
    struct pipe_waiter **first = &pipe->queues[PIPE_READER];
    while (*first != NULL && (*first)->length >= request->length_bytes && !pipe->gone[PIPE_READER]) {
        cap_t reply = leave(pipe, first)->reply;
        if (pipe->clients->answer_read(reply, (const struct stream_read_reply *)(const void *)request, true))
            return true;
        journal_settle(); /* before its place can be another's */
    }
    return false;
}

/* Answer the first writer. The bytes of a writer that is gone never get into the pipe: its write has not happened. */
static bool serve_writer(struct pipe *pipe) {
    const struct pipe_waiter *writer = pipe->queues[PIPE_WRITER];
    bool broken = pipe->gone[PIPE_READER];
    if (writer == NULL || (PIPE_BYTES - used(pipe) < writer->length && !broken))
        return false;
    size_t before = pipe->added;
    (void)leave(pipe, &pipe->queues[PIPE_WRITER]);
    if (!broken)
        add(pipe, writer->bytes, writer->length);
    if (!pipe->clients->answer_write(writer->reply, broken ? P_BROKEN : OK, broken ? 0 : writer->length))
        pipe->added = before;
    journal_settle();
    return true;
}

void pipe_progress(struct pipe *pipe) {
    while (serve_reader(pipe) || serve_writer(pipe)) {
    }
}

void pipe_end_gone(struct pipe *pipe, enum pipe_end end) {
    JOURNAL_SET(pipe->gone[end], true);
    if (end == PIPE_READER)
        JOURNAL_SET(pipe->taken, pipe->added); /* no reader will come for these bytes */
    pipe_progress(pipe);
    pipe_forget_the_dead(pipe);
}
