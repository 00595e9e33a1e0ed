/*
 * One pipe: a ring of bytes, and who waits at its ends. No system call here, so that it runs on the host in a test.
 *
 *     writers, oldest first --> | bytes | --> readers, oldest first
 *
 * Readers wait only while it is empty, writers only while it is full; so at most one of the two queues has anybody in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/proto/pipes.h"

#define PIPE_WAITERS_MAX 4U /* at each end */

enum pipe_end { PIPE_READER = 0, PIPE_WRITER = 1 };

/* How those who wait are answered. `reply` is the slot that holds the right to answer. */
struct pipe_clients {
    /* Does the caller still wait? If not, the slot is free afterwards. */
    bool (*waits)(cap_t reply);
    /* Returns whether the caller got them; no bytes: the end. The slot is free afterwards. */
    bool (*answer_read)(cap_t reply, const struct stream_read_reply *answer);
    /* status: OK, or P_BROKEN. */
    void (*answer_write)(cap_t reply, uint32_t status, size_t written);
};

struct pipe_reader {
    cap_t reply;
    size_t limit;
};
struct pipe_writer {
    cap_t reply;
    size_t length;
    uint8_t bytes[STREAM_BYTES_MAX];
};

struct pipe {
    const struct pipe_clients *clients;
    bool gone[2]; /* by enum pipe_end: nobody holds it any more */
    size_t added, taken;
    size_t reader_count, writer_count;
    struct pipe_reader readers[PIPE_WAITERS_MAX];
    struct pipe_writer writers[PIPE_WAITERS_MAX];
    uint8_t bytes[PIPE_BYTES]; /* byte number n is at n modulo the size */
};

void pipe_start(struct pipe *pipe, const struct pipe_clients *clients);

enum pipe_outcome { PIPE_DONE, PIPE_WAIT, PIPE_BROKEN, PIPE_FULL_UP };

/*
 * Take bytes from or for a caller. DONE: *ret_length of them (a reader: 0 = the end). WAIT: the caller has to wait, see
 * pipe_park_*. BROKEN: nobody reads. FULL_UP: PIPE_WAITERS_MAX wait already.
 */
enum pipe_outcome pipe_read(struct pipe *pipe, uint8_t *bytes, size_t limit, size_t *ret_length);
enum pipe_outcome pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t length, size_t *ret_length);

/*
 * Before a pipe_write: if a reader waits who takes all these bytes, they go straight to it, and true is returned. The request is
 * its answer as it is.
 */
bool pipe_hand_over(struct pipe *pipe, const struct stream_write_request *request);

/* After WAIT. */
void pipe_park_reader(struct pipe *pipe, cap_t reply, size_t limit);
void pipe_park_writer(struct pipe *pipe, cap_t reply, const uint8_t *bytes, size_t length);

/* Answer those who can be answered. After each pipe_read and pipe_write that was DONE, once their own answer is out or not. */
void pipe_progress(struct pipe *pipe);

/* Nobody holds this end any more: those who wait at the other learn it. */
void pipe_end_gone(struct pipe *pipe, enum pipe_end end);
static inline bool pipe_is_over(const struct pipe *pipe) { return pipe->gone[PIPE_READER] && pipe->gone[PIPE_WRITER]; }
