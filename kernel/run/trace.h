/*
 * The trace: records of what happens, in frames that a user gave (trace_control). They are held like a message page, for
 * as long as the trace runs; the capability they came with is bound, so that revoking it ends the trace. The kernel
 * writes there and never reads. While a trace runs, no call takes the fast path.
 */
#pragma once

#include "kernel/abi/trace.h"
#include "kernel/cap/cap.h"

struct cpu;
struct thread;

/* The post-mortem report (tools/evidence/trace.py) reads the first four. */
struct trace {
    uint64_t events; /* what is recorded; 0: no trace runs, and nothing else here means anything */
    uint64_t first_frame;
    uint64_t page_count;
    uint64_t written; /* as in the header, which a user may have changed */
    uint64_t next;    /* index of the next record */
    uint64_t call;    /* number of the system call that the kernel is in; 0: not known, or it will be made again */
    const struct thread *caller; /* who made it; it may be gone */
    struct cap_slot memory;
};
extern struct trace trace;

/* Lock: kernel lock, for everything here. */

/* The trace runs and wants `event`. */
static inline bool trace_wants(enum trace_event event) {
    return __builtin_expect((trace.events & TRACE_BIT(event)) != 0, 0);
}

/*
 * Add a record that the trace wants. No address of the kernel's is ever in one. The functions find what they need by
 * themselves, so that who calls them need keep nothing for it: without a trace, all they cost is the question.
 */
void trace_note_fault(const struct thread *thread);
void trace_note_interrupt(const struct thread *thread, uint32_t line); /* NULL: the CPU was idle */
void trace_note_message(const struct thread *from, const struct thread *to, uint64_t info, bool is_answer);
void trace_note_wake(const struct thread *thread);

/*
 * While a trace runs, whether it wants them or not. The thread makes a system call, and leaves the CPU unsettled by it;
 * its outcome, unless it waits now, is in its frame; the kernel is about to be left or to be idle.
 */
void trace_note_call(const struct thread *thread, uint64_t number);
void trace_note_return(const struct cpu *cpu);
void trace_note_switch(struct cpu *cpu);

/* A trace of `events` begins in these frames, which are held for it; trace.memory is empty and to be bound. It ends, and they are
 * released. */
void trace_start(uint64_t first_frame, uint64_t page_count, uint64_t events);
void trace_stop(void);
