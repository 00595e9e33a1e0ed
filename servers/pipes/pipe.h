/*
 * One pipe: a ring of bytes, and the callers that wait at its ends. It makes no system call, so it runs on the host in
 * a test.
 *
 *     writers, oldest first --> | bytes | --> readers, oldest first
 *
 * Readers wait only while the pipe is empty, writers only while there is no room for all that the first of them brings.
 * So at most one of the two queues holds callers that still wait.
 *
 * The answer is the commit: bytes go in or out only if the caller gets the answer that says so. A caller that was
 * interrupted before has changed nothing, and may ask again.
 *
 * Pipes outlive the program that serves them (libsys/wire/journal.h): so the last line of a change is the answer, and
 * what lies in the ring beyond `added`, or in a place that no queue has, is not there yet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/proto/pipes.h"
#include "libsys/wire/quota.h"

#define PIPE_WAITERS_MAX 256U /* at the ends of all pipes */

enum pipe_end { PIPE_READER = 0, PIPE_WRITER = 1 };

/* How waiting callers are answered. `reply` is the slot that holds the right to answer. */
struct pipe_clients {
    /* A slot to keep the right to answer in; 0: none is free. */
    cap_t (*take)(void);
    /* Put the right to answer the call that is being served there. */
    void (*defer)(cap_t reply);
    /* Does the caller still wait? If not, the slot is free afterwards. */
    bool (*waits)(cap_t reply);
    /*
     * Answer a reader; no bytes: the end. decides: the call that is being served has its answer with it. Returns
     * whether the reader got it. The slot is free afterwards.
     */
    bool (*answer_read)(cap_t reply, const struct stream_read_reply *answer, bool decides);
    /*
     * Answer a writer. status: OK, all bytes are written; P_BROKEN, none. Returns whether it got the answer. The slot
     * is free afterwards.
     */
    bool (*answer_write)(cap_t reply, uint32_t status, size_t written);
};

struct pipe_waiter {
    cap_t reply;
    size_t length; /* a reader: bytes it wants at most; a writer: bytes it brings */
    struct pipe_waiter *next, *next_free;
    bool claimed;
    uint8_t bytes[STREAM_BYTES_MAX];
};

/*
 * Places to wait, which all pipes share. They are charged to the pipe's owner, since an end does not name its holders.
 */
struct pipe_waiters {
    struct quota quota;
    struct quota_owner owners[PIPE_WAITERS_MAX];
    struct pipe_waiter *free; /* the places that no queue has */
    struct pipe_waiter places[PIPE_WAITERS_MAX];
};

/*
 * To set up the places: begin, claim what the queues of each pipe hold that has outlived the program before (it tells
 * the slots of their callers), and end. All other places are free then.
 */
void pipe_waiters_begin(struct pipe_waiters *waiters);
void pipe_waiters_end(struct pipe_waiters *waiters);

struct pipe {
    const struct pipe_clients *clients;
    struct pipe_waiters *waiters;
    uint32_t owner; /* see quota.h */
    bool gone[2];   /* by enum pipe_end: no copy of it is left */
    size_t added, taken;
    struct pipe_waiter *queues[2]; /* by enum pipe_end; NULL: no caller waits */
    uint8_t bytes[PIPE_BYTES];     /* byte number n is at n modulo the size */
};

/* clients, waiters: kept by reference. */
void pipe_start(struct pipe *pipe, const struct pipe_clients *clients, struct pipe_waiters *waiters, uint32_t owner);

void pipe_claim(struct pipe *pipe, const struct pipe_clients *clients, void (*claim_slot)(cap_t slot));

enum pipe_outcome { PIPE_DONE, PIPE_WAIT, PIPE_BROKEN };

/* Take up to `limit` bytes. DONE: *ret_length bytes; 0 = the end. WAIT: the caller has to wait, see pipe_park. */
enum pipe_outcome pipe_read(struct pipe *pipe, uint8_t *bytes, size_t limit, size_t *ret_length);

/*
 * Put in all these bytes, 1 .. STREAM_BYTES_MAX. DONE: they are in. WAIT: there is no room for all, or other writers
 * wait. BROKEN: the other end is gone.
 */
enum pipe_outcome pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t length);

/*
 * Try this before pipe_write: if the first waiting reader takes all these bytes, give it the request as its answer, and
 * return true.
 */
bool pipe_hand_over(struct pipe *pipe, const struct stream_write_request *request);

/*
 * Park the caller, after WAIT. bytes: a writer's; NULL for a reader. False: the pipe's owner has as many places as are
 * left for all others, or no slot is free; the caller still has to get an answer.
 */
MUST_USE bool pipe_park(struct pipe *pipe, enum pipe_end end, const uint8_t *bytes, size_t length);

/* Free the places of callers that are gone. */
void pipe_forget_the_dead(struct pipe *pipe);

/*
 * Answer all waiters that can be answered. Call it after each pipe_read and pipe_write that was DONE, after or before
 * their own answer.
 */
void pipe_progress(struct pipe *pipe);

/* Note that no copy of this end is left; waiters at the other end are told. */
void pipe_end_gone(struct pipe *pipe, enum pipe_end end);
static inline bool pipe_is_over(const struct pipe *pipe) { return pipe->gone[PIPE_READER] && pipe->gone[PIPE_WRITER]; }
