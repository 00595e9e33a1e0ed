/*
 * Helpers of the kernel's benches: free memory, and a peer in its own address space as the other side of a ping-pong.
 */
#pragma once

#include <stdbool.h>

#include "libsys/wire/message.h"
#include "test/bench/row.h"

/* Set up: output, free memory. First thing in main. */
void bench_start(void);
/* Is this a word of the kernel's command line? */
bool bench_asked(const char *word);
/* Print the plan and the verdict, and power off. */
_Noreturn void bench_end(void);

/* A step that failed ends the bench with its name. */
void bench_require(const char *what, struct result result);
void bench_require_status(const char *what, uint64_t status);

/* Take `count` unused pages of RAM. Returns their offset in the memory *ret_memory. */
uint64_t bench_take_pages(uint64_t count, cap_t *ret_memory);
cap_t bench_take_slot(void);
extern cap_t bench_pool;

/* A peer: a thread in a new space, running `code` (a label of peers.S), with a stack and a message page. */
struct bench_peer {
    cap_t thread, space, table;
    cap_t pool;
};
#define PEER_CODE 0x400000ULL
#define PEER_STACK_TOP 0x600000ULL
#define PEER_MESSAGE 0x700000ULL
#define PEER_LAST_SLOT 31U

/*
 * Start a peer. Slots 1.. of its table hold copies of `caps` (zero-terminated, at most 6). `rbx` and `rbp` are its
 * registers at entry. Capabilities in messages arrive in PEER_LAST_SLOT and the slots before it.
 */
void bench_peer_start(struct bench_peer *peer, const uint8_t *code, const cap_t *caps, uint64_t rbx, uint64_t rbp,
                      cap_t fault_endpoint);
void bench_peer_end(struct bench_peer *peer);

/* Make an object in the bench's pool, in a new slot. */
cap_t bench_make(enum object_type type, uint64_t argument);

/* The rows of the other files. */
void sweep_rows(cap_t grant);
void interrupt_rows(cap_t fault_endpoint);
void memory_rows(void);
