/*
 * One pipe: a ring of bytes, and who waits at its ends. No system call here, so that it runs on the host in a test.
 *
 *     writers, oldest first --> | bytes | --> readers, oldest first
 *
 * Readers wait only while it is empty, writers only while there is no room for all that the first of them brings; so at most one
 * of the two queues has anybody in it who still waits.
 *
 * The answer is the commit. A caller that waits has changed nothing yet: bytes go in, or out, once the answer that says so has
 * been taken. A caller that was interrupted meanwhile leaves no trace, and may ask again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/proto/pipes.h"
#include "libsys/quota.h"

#define PIPE_WAITERS_MAX 256U /* at the ends of all pipes */

enum pipe_end { PIPE_READER = 0, PIPE_WRITER = 1 };

/* How those who wait are answered. `reply` is the slot that holds the right to answer. */
struct pipe_clients {
    /* Keep the right to answer the call that is being served; 0: no slot is free. */
    cap_t (*defer)(void);
    /* Does the caller still wait? If not, the slot is free afterwards. */
    bool (*waits)(cap_t reply);
    /* Returns whether the caller got them; no bytes: the end. The slot is free afterwards. */
    bool (*answer_read)(cap_t reply, const struct stream_read_reply *answer);
    /* The same. status: OK, all bytes; or P_BROKEN, none. */
    bool (*answer_write)(cap_t reply, uint32_t status, size_t written);
};

struct pipe_waiter {
    cap_t reply;
    size_t length; /* a reader: bytes it wants at most; a writer: what it brings */
    struct pipe_waiter *next;
    uint8_t bytes[STREAM_BYTES_MAX];
};

/* Places to wait, which all pipes share. Those at a pipe are its owner's: ends have no names of their holders. */
struct pipe_waiters {
    struct quota quota;
    struct quota_owner owners[PIPE_WAITERS_MAX];
    struct pipe_waiter *free;
    struct pipe_waiter places[PIPE_WAITERS_MAX];
};
void pipe_waiters_init(struct pipe_waiters *waiters);

struct pipe {
    const struct pipe_clients *clients;
    struct pipe_waiters *waiters;
    uint32_t owner; /* see quota.h */
    bool gone[2];   /* by enum pipe_end: nobody holds it any more */
    size_t added, taken;
    struct pipe_waiter *queues[2]; /* by enum pipe_end; NULL = nobody waits */
    uint8_t bytes[PIPE_BYTES];     /* byte number n is at n modulo the size */
};

/* clients, waiters: kept by reference. */
void pipe_start(struct pipe *pipe, const struct pipe_clients *clients, struct pipe_waiters *waiters, uint32_t owner);

enum pipe_outcome { PIPE_DONE, PIPE_WAIT, PIPE_BROKEN };

/* Take up to `limit` bytes. DONE: *ret_length, 0 = the end. WAIT: the caller has to wait, see pipe_park. */
enum pipe_outcome pipe_read(struct pipe *pipe, uint8_t *bytes, size_t limit, size_t *ret_length);

/* Put all these bytes in, 1..STREAM_BYTES_MAX. DONE; WAIT: there is no room for all, or others wait; BROKEN: nobody reads. */
enum pipe_outcome pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t length);

/*
 * Before a pipe_write: if a reader waits who takes all these bytes, they go straight to it, and true is returned. The request is
 * its answer as it is.
 */
bool pipe_hand_over(struct pipe *pipe, const struct stream_write_request *request);

/*
 * After WAIT. bytes: a writer's; NULL for a reader. False: the pipe's owner has as many places as are left for all others, or
 * no slot is free; the call is still to be answered.
 */
MUST_USE bool pipe_park(struct pipe *pipe, enum pipe_end end, const uint8_t *bytes, size_t length);

/* Those who died while they waited make room for others. */
void pipe_forget_the_dead(struct pipe *pipe);

/* Answer those who can be answered. After each pipe_read and pipe_write that was DONE, once their own answer is out or not. */
void pipe_progress(struct pipe *pipe);

/* Nobody holds this end any more: those who wait at the other learn it. */
void pipe_end_gone(struct pipe *pipe, enum pipe_end end);
static inline bool pipe_is_over(const struct pipe *pipe) { return pipe->gone[PIPE_READER] && pipe->gone[PIPE_WRITER]; }
