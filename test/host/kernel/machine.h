/*
 * The machine that the host build of the kernel runs on: an arena for physical memory, one CPU, a clock that tests
 * move. The generic sources and page_table.c are those of the kernel that boots.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "kernel/cap/cap.h"
#include "kernel/machine/cpu.h"
#include "kernel/memory/pool.h"
#include "kernel/run/table.h"
#include "kernel/run/thread.h"

#define MACHINE_FRAMES 4096U    /* 16 MiB; frame 0 is not RAM */
#define MACHINE_FIRST_FREE 768U /* the first frames are the first pool's */

/* Make a fresh machine: ledger, first pool, a table, a space, a running thread, and a Memory of all the rest in slot
 * MACHINE_CAP_MEMORY of the table. */
void machine_start(void);

enum machine_cap {
    MACHINE_CAP_TABLE = 1,
    MACHINE_CAP_SPACE = 2,
    MACHINE_CAP_THREAD = 3,
    MACHINE_CAP_POOL = 4,
    MACHINE_CAP_MEMORY = 5,
    MACHINE_CAP_FREE = 16, /* all slots from here on are empty */
};

struct machine {
    struct cpu cpu;
    struct pool *pool;
    struct table *table;
    struct thread *self;
    uint64_t now_ns;
    uint64_t armed_ns;
    uint32_t unmasked_lines;                                         /* a bit for each interrupt line */
    void (*flushed)(uint64_t root, uaddr_t at, uint64_t page_count); /* sees each flush; may be NULL */
    void (*idle)(void); /* called while no thread can run; NULL: that must not happen */
};
extern struct machine machine;

/* The page-table root of the first space. */
uint64_t machine_root(void);
/* The running thread makes the system call that its frame holds. */
void machine_enter(void);

/* System calls that the kernel may restart, repeated until they are done. */
struct result machine_copy(cap_t slot, cap_t source);
struct result machine_delete(cap_t slot);
struct result machine_revoke(cap_t slot);
struct result machine_map(uint64_t offset_pages, uint64_t page_count, uaddr_t at, uint64_t flags);
struct result machine_unmap(uaddr_t at, uint64_t page_count);
struct result machine_protect(uaddr_t at, uint64_t page_count, uint64_t rights);
