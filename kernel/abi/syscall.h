/*
 * System call numbers and prototypes; both come from syscall.def. The user's stubs (libsys/runtime/stubs.S) and the
 * kernel's handlers share the prototypes: one name, one shape, on both sides of the edge.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/status.h"

typedef uint64_t cap_t;   /* index of a slot in a capability table; 0 is never an ordinary slot */
typedef uint64_t uaddr_t; /* a user's address: a mere claim until it is checked, never dereferenced by the kernel */

#define PAGE_BYTES 4096ULL
#define DEADLINE_NEVER UINT64_MAX /* deadlines are in ns on the clock of clock_read; 0: don't wait */

#define USER_LOWEST 0x200000ULL          /* the first 2 MiB are never mapped */
#define USER_LIMIT 0x00007ffffffff000ULL /* nor is the last page below the canonical hole */

#define MAP_PAGES_MAX 512U  /* pages that one map, unmap or protect call may cover */
#define POOL_CHUNKS_MAX 64U /* times that a pool gets frames: when it is created, and extended */
#define BYTES_MAX 4096U     /* bytes that one memory_fill or memory_copy may cover */
#define LOG_BYTES_MAX 256U

enum syscall_number {
#define SYSCALL(number, name, count, prototype) SYS_##name = number,
#define SYSCALL_MESSAGE(number, name) SYS_##name = number,
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE
    SYSCALL_COUNT
};

#define SYSCALL(number, name, count, prototype) struct result sys_##name prototype;
#define SYSCALL_MESSAGE(number, name)
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE

/* Types of objects, with the `argument` of object_create. Some types are made in other ways. */
enum object_type {
    OBJECT_NONE = 0,
    OBJECT_MEMORY = 1,       /* not created: derived */
    OBJECT_POOL = 2,         /* not created: pool_create */
    OBJECT_SPACE = 3,        /* argument 0 */
    OBJECT_THREAD = 4,       /* argument 0 */
    OBJECT_TABLE = 5,        /* argument = slots, a power of two, TABLE_SLOTS_MIN..TABLE_SLOTS_MAX */
    OBJECT_ENDPOINT = 6,     /* argument 0 */
    OBJECT_NOTIFICATION = 7, /* argument 0 */
    OBJECT_IRQ = 8,          /* not created: copied narrower */
    OBJECT_PORTS = 9,        /* not created: copied narrower */
    OBJECT_REPLY = 10,       /* not created: a call makes it */
};

/* The value of cap_query. */
#define QUERY_TYPE(value) ((value)&0xff)          /* enum object_type */
#define QUERY_RIGHTS(value) ((value) >> 8 & 0xff) /* as in rights.h; of a Reply 0 */
#define QUERY_DERIVED (1ULL << 16)                /* it has descendants */

#define TABLE_SLOTS_MIN 8U
#define TABLE_SLOTS_MAX 16384U

/* cap_copy of Irq and Ports: `badge` narrows the range; 0 keeps it. */
#define RANGE(first, count) ((uint64_t)(first) | (uint64_t)(count) << 32)

/* space_map flags: enum memory_right READ, WRITE, EXECUTE (READ is required), and for device memory one cache mode. */
enum map_flag {
    MAP_UNCACHED = 1 << 8,
    MAP_WRITE_COMBINING = 1 << 9,
};

/* space_query writes this to the message page's data; its value is the number of levels that are present. */
struct space_walk {
    uint64_t entry[4]; /* PML4, PDPT, PD, PT: raw entries; table addresses are blanked, flags and leaf frame are not */
    uint64_t levels;   /* entries read, 1..4 */
};
