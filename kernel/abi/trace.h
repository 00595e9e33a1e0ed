/*
 * The trace that the kernel writes after trace_control, in frames that the tracer gives:
 *
 *     | struct trace_header | record 0 | record 1 | ... | record record_count - 1 |     page_count pages in a row
 *
 * Record number n, counted from the start of the trace, lies at index n % record_count. A reader reads `written`,
 * copies records with numbers below it, and reads `written` again. Of its copy, record n is whole if written - n <
 * record_count still holds. Records that have not been written have the memory's old content.
 */
#pragma once

#include <stdint.h>

#define TRACE_PAGES_MAX 16U

enum trace_event {
    TRACE_CALL = 0, /* `thread` makes a system call; detail: its number; words: RDI and RSI, the first two arguments, or
                         target and info of a message call */
    TRACE_RETURN = 1, /* its outcome; detail: its number, 0 at the end of a wait; words: status and value (RDX). A wait
                         for a message or an answer ends with TRACE_MESSAGE instead */
    TRACE_SWITCH = 2, /* after `thread` (0: the CPU was idle) another runs; word 0: its id (0: none) */
    TRACE_FAULT = 3,  /* `thread` faults; detail: enum fault_kind; words: address and instruction pointer */
    TRACE_INTERRUPT = 4, /* while `thread` ran (0: the CPU was idle); detail: interrupt line or TRACE_TIMER */
    TRACE_MESSAGE = 5, /* `thread`'s message arrives; words: the receiver's id and info; detail: 0 for a call or fault,
                            1 for the answer to one */
    TRACE_EVENTS = 6,
};
#define TRACE_BIT(event) (1ULL << (event))
#define TRACE_ALL (TRACE_BIT(TRACE_EVENTS) - 1)

#define TRACE_TIMER 0xffffU

struct trace_header {
    uint64_t written;      /* records so far */
    uint64_t record_count; /* capacity of the ring */
    uint64_t events;       /* TRACE_BIT() of each kind recorded; 0: the trace has ended */
    uint64_t ticks_start;  /* the time-stamp counter when the trace began */
};

struct trace_record {
    uint64_t ticks;  /* of the time-stamp counter */
    uint32_t thread; /* struct thread_state.id; 0: none */
    uint16_t detail;
    uint8_t event; /* enum trace_event */
    uint8_t cpu;
    uint64_t words[2];
};
_Static_assert(sizeof(struct trace_header) == sizeof(struct trace_record), "the header has the first record's place");
_Static_assert(sizeof(struct trace_record) == 32, "records never cross pages");
#define TRACE_RECORDS(page_count) ((page_count)*4096U / sizeof(struct trace_record) - 1)
