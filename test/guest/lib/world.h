/*
 * What a case finds: free slots, a scratch pool, frames, addresses; and the end of all it made.
 *
 * The program is the machine's first (kernel/abi/system.h). Slots, frames and addresses are handed out from the front
 * and all taken back when the case ends: nothing has to be freed by hand.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "kernel/abi/thread.h"
#include "test/guest/lib/test.h"

#define PRIORITY_MAIN 24U   /* of the main thread; workers run when it waits */
#define PRIORITY_WORKER 16U /* unless they are told otherwise */

#define SCRATCH_POOL_PAGES 128U
#define WORLD_ARENA 0x1000000000ULL /* where world_map and worker windows lie in the program's own space */

#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)
#define READ_EXECUTE (MEMORY_READ | MEMORY_EXECUTE)

struct world {
    cap_t pool;    /* the scratch pool of the case that runs */
    cap_t faults;  /* endpoint where workers' faults and ends arrive */
    cap_t silence; /* Notification that nobody raises: to wait on while others run */
    cap_t region;  /* Memory: the largest region, with all rights */
    cap_t image;   /* Memory, READ_EXECUTE: a copy of this program's code and constants */
    uint64_t image_pages;
};
extern struct world world;

void world_init(void);
void world_begin(void);
void world_end(void);
/* What has been handed out so far stays for good. */
void world_keep(void);

/* An empty slot. */
cap_t world_slot(void);
/* The first of `count` empty slots in a row. */
cap_t world_slots(uint64_t count);

/* A new object from the scratch pool; `argument` as in object_create. */
cap_t world_create(enum object_type type, uint64_t argument);

/* `page_count` frames that nobody uses, as an offset in world.region; their contents are undefined. */
uint64_t world_frames(uint64_t page_count);
/* The same as a Memory capability with all rights, cleared. */
cap_t world_memory(uint64_t page_count);
/* A pool besides the scratch pool. */
cap_t world_pool(uint64_t page_count);

/* Addresses in the program's own space where nothing is mapped; a multiple of 4096. They are
 * unmapped when the case ends. */
uaddr_t world_addresses(uint64_t page_count);
/* Map all of a Memory there, readable and writable. */
void *world_map(cap_t memory, uint64_t page_count);

/* A copy in a new slot. */
cap_t world_copy(cap_t source, uint64_t rights, uint64_t badge);

/* Copies whose parent was deleted, so that their depths are to be corrected, more than the kernel
 * does in one go: the first. */
cap_t world_orphans(cap_t object);
#define WORLD_ORPHANS 60U

/* space_audit of all parts of a space: OK or the first failure. */
struct result world_audit(cap_t space);

/* The number behind `name=` in the kernel's command line, or `otherwise`. */
uint64_t world_command_number(const char *name, uint64_t otherwise);

static inline uint64_t world_now(void) { return sys_clock_read().value; }
/* For waits that should be over at once: a failure to come is then a failed check and no hang. */
static inline uint64_t world_soon(void) { return world_now() + test_limit_default_ns() / 5; }
/* Whether `value`, which a thread on another CPU counts, comes to that before the clock comes to `end_ns`. The main
 * thread does not leave its CPU meanwhile. */
bool world_comes(const volatile uint64_t *value, uint64_t at_least, uint64_t end_ns);
