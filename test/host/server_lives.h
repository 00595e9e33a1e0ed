/*
 * A kernel, and an init, for one server that comes back. libsys/wire's own server.c, journal.c and commit.S run on it,
 * and their program can end at any instruction: before a system call, after it, or so many instructions later. The
 * CPU's trap flag counts these, so that a successor finds the registers that the program really had.
 *
 * The server's messages are written down before it starts. Each call has a client of its own, whose answer is recorded.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/thread.h"

#define LIVES_MESSAGES_MAX 4096U
#define LIVES_SLOT_FIRST 10U
#define LIVES_SLOT_LIMIT 192U
#define LIVES_KEEP_PAGES 16U
#define LIVES_CAP(message, index) (1000U + 4U * (message) + (index)) /* the object of a capability that a call brings */

struct lives_message {
    enum message_kind kind;
    uint32_t label, word_count, cap_count;
    uint64_t words[MESSAGE_WORDS];
    bool is_refusing;    /* its client has no slots for capabilities */
    bool is_gone;        /* its client is gone when it is to be answered, or deferred by journal_call() */
    bool goes_at_end;    /* its client is gone when a program ends at it */
    bool follows_cancel; /* the wait for it ends with E_CANCEL first */
    uint32_t leaves_at;  /* a deferred call that waits when this message comes is interrupted; 0: none is */
    uint32_t busy_count; /* so many tries to answer it end with E_BUSY, if capabilities travel */
};

/* What a client has got. The registers of a short answer without that many words are 0. */
struct lives_answer {
    uint64_t count, status, word_count, words_sum, caps[MESSAGE_CAPS];
};

extern struct lives_message lives_messages[LIVES_MESSAGES_MAX];
extern struct lives_answer lives_answers[LIVES_MESSAGES_MAX];

/* What happened in a run. */
struct lives_record {
    bool is_over;         /* all messages were taken */
    uint64_t generation;  /* programs */
    uint64_t call_count;  /* system calls of all programs */
    uint64_t written_sum; /* of the numbers that went out by port_write(), and ... */
    uint64_t written_count;
    uint64_t read_count; /* ... how many came in by port_read(): 1, 2, 3, ... */
    uint64_t occupied;   /* slots with a capability at the end */
    uint64_t taken;      /* slots that the last program counts as taken */
};
extern struct lives_record lives_record;

/* When programs end. */
struct lives_end {
    uint64_t call;  /* the number of a system call of the run, from 1 on; 0: never */
    bool is_before; /* before it, else ... */
    uint64_t steps; /* ... so many instructions after it */
    bool is_own;    /* by the program's own fault; else somebody ended it */
};
struct lives_fate {
    struct lives_end ends[2];
    uint64_t mean; /* system calls between two ends at random; 0: there are none */
    uint64_t seed;
    bool is_killed_only; /* no end at random is the program's own fault */
};

/* Let a server serve the first `count` messages. main: of the program, which returns when server_next() fails. */
void lives_run(uint32_t count, const struct lives_fate *fate, void (*main)(void));

/* The program ends by its own fault, here. */
_Noreturn void lives_fail(void);

/* Put a capability of this object into a slot, and look what is there; 0: nothing. */
void lives_place(uint64_t slot, uint32_t object);
uint32_t lives_look(uint64_t slot);
