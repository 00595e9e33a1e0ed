/*
 * The trace: records of events, in frames that a user gave (trace_control). The frames are held like a message page
 * while the trace runs. Their capability is bound, so that revoking it ends the trace. The kernel writes there and
 * never reads. While a trace runs, no call takes the fast path.
 */
#pragma once

#include "kernel/abi/trace.h"
#include "kernel/cap/cap.h"

struct cpu;
struct thread;

/* The post-mortem report (tools/evidence/trace.py) reads the first four. */
struct trace {
    uint64_t events; /* a bit for each kind recorded; 0: no trace runs, and the other members mean nothing */
    uint64_t first_frame;
    uint64_t page_count;
    uint64_t written;            /* as in the header, which a user may have changed */
    uint64_t next;               /* index of the next record */
    uint64_t call;               /* number of the current system call; 0: unknown, or it will be made again */
    const struct thread *caller; /* the thread that made it; it may be gone */
    struct cap_slot memory;
};
extern struct trace trace;

/* Lock: kernel lock, for everything here. */

/* Does the trace run and want `event`? */
static inline bool trace_wants(enum trace_event event) {
    return __builtin_expect((trace.events & TRACE_BIT(event)) != 0, 0);
}

/*
 * Add a record that the trace wants. No record contains a kernel address. These functions find what they need by
 * themselves, so that a caller keeps nothing in registers for them: without a trace they only cost the test.
 */
void trace_note_fault(const struct thread *thread);
void trace_note_interrupt(const struct thread *thread, uint32_t line); /* NULL: the CPU was idle */
void trace_note_message(const struct thread *from, const struct thread *to, uint64_t info, bool is_answer);
void trace_note_wake(const struct thread *thread);

/* Call these while a trace runs, whether it wants the events or not. */

/* The thread makes system call `number`. Unsettles its CPU. */
void trace_note_call(const struct thread *thread, uint64_t number);
/* The outcome of that call is in the thread's frame, unless the thread waits now. */
void trace_note_return(const struct cpu *cpu);
/* The kernel is about to be left, or to idle. */
void trace_note_switch(struct cpu *cpu);

/*
 * trace_start: begin a trace of `events` in these frames, which the caller holds for it; trace.memory is empty, and the
 * caller binds it. trace_stop: end it and release the frames.
 */
void trace_start(uint64_t first_frame, uint64_t page_count, uint64_t events);
void trace_stop(void);
