/*
 * The kernel's information for the first program, and about itself; operations on the whole system.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/boot.h"
#include "kernel/abi/syscall.h"

/* Slots of the first program's table. Memory regions follow from INIT_CAP_REGIONS on; the rest is empty. */
enum init_cap {
    INIT_CAP_TABLE = 1,
    INIT_CAP_SPACE = 2,
    INIT_CAP_THREAD = 3,
    INIT_CAP_POOL = 4,    /* memory for the first program's objects and those that it creates */
    INIT_CAP_PORTS = 5,   /* all ports */
    INIT_CAP_IRQ = 6,     /* all interrupt lines */
    INIT_CAP_DEVICES = 7, /* Memory of type device: all physical addresses from 0; RAM in it can't be mapped,
                               nor interrupt controllers (docs/abi/space_map.md) */
    INIT_CAP_VOLUME = 8,  /* Memory: the boot volume, read and execute only */
    INIT_CAP_LOG = 9,     /* Memory: the kernel's log, LOG_RING_PAGES, read only (kernel/abi/log.h) */
    INIT_CAP_REGIONS = 16,
};
#define INIT_TABLE_SLOTS 1024U /* twice that if regions would take more than a quarter: see init_info.table_slots */
#define INIT_PRIORITY 32U

struct init_region {
    uint64_t phys;
    uint64_t page_count;
};

/*
 * Information for the first program, read-only, in as many pages as needed. Entry AT_BATON_INIT of its auxiliary vector
 * has the address. Every free range of memory is a region, at most BOOT_RANGES_MAX.
 */
struct init_info {
    uint64_t size; /* with all regions */
    uint64_t table_slots;
    uint64_t volume_bytes;
    uint64_t rsdp_phys;
    uint64_t entropy[BOOT_ENTROPY_WORDS];
    struct boot_framebuffer framebuffer;
    char command[BOOT_COMMAND_MAX];
    uint64_t region_count; /* capabilities INIT_CAP_REGIONS + 0.. name them, in this order */
    struct init_region regions[];
};

/* Baton's own entries of the auxiliary vector. All programs get AT_BATON_MESSAGE. */
#define AT_BATON_MESSAGE 0x4241U /* address of the message page */
#define AT_BATON_INIT 0x4242U    /* address of struct init_info, the first program only */
#define AT_BATON_THREAD 0x4243U  /* address of the first thread's block (libsys/program/thread_block.h) */

enum info_topic {
    INFO_CPUS = 0,             /* CPUs that run threads */
    INFO_FRAMES_RAM = 1,       /* frames of RAM in the ledger */
    INFO_FRAMES_MAPPED = 2,    /* user frames with holders: mappings, message and trace pages */
    INFO_FRAMES_KERNEL = 3,    /* frames in pools, used or not */
    INFO_CAPABILITIES = 4,     /* all capabilities, except those of type Reply */
    INFO_TIMER_TICKS = 5,      /* timer interrupts taken by CPU `argument` */
    INFO_POOL_BYTES = 6,       /* size of the pool `argument` (a capability) */
    INFO_POOL_USED = 7,        /* bytes of it in use */
    INFO_TICKS_PER_SECOND = 8, /* of the time-stamp counter */
    INFO_SWITCHES = 9,         /* address-space switches of CPU `argument` */
    INFO_CHECKS_BUILT = 11,    /* 1 if built with -Dchecks=true */
    INFO_BOOT_TICKS = 12,      /* the time-stamp counter when the kernel was entered */

    /*
     * The longest stay in the kernel so far, in ticks with interrupts off, and its cause: a system call's number, 256 +
     * an interrupt's vector, or 512 for idling. Only kernels that measure stays answer (kernel/machine/stay.h).
     * Argument 1 resets the figure.
     */
    INFO_LONGEST_STAY = 13,
    INFO_LONGEST_CALL = 14,

    INFO_NMIS = 15, /* non-maskable interrupts taken by CPU `argument` */

    /*
     * Argument: RANGE(table, first). The first occupied one of INFO_SLOTS_SEEN slots from `first` on, in the Table that
     * the capability `table` names. 0: none.
     */
    INFO_NEXT_SLOT = 16,

    INFO_LOCK_WAITS = 17,        /* how often CPU `argument` found the kernel lock taken */
    INFO_LOCK_WAIT_TICKS = 18,   /* ticks that it has waited for it */
    INFO_LOCK_LONGEST_WAIT = 19, /* the longest of these waits */
};
#define INFO_SLOTS_SEEN 1024U

/* system_control needs a Ports capability for all ports, since these operations need authority over the machine. */
enum control_operation {
    CONTROL_POWER_OFF = 0, /* argument: exit status, 0..255, for the log and the emulator */
    CONTROL_REBOOT = 1,
    CONTROL_TEST = 2, /* with -Dchecks only; argument: CONTROL_TEST_ARGUMENT() */
    /* With -Dchecks only: check all invariants, in one stay. OK, or E_STATE and the number of the broken invariant. */
    CONTROL_CHECK = 3,
};

enum control_test {
    CONTROL_TEST_PANIC = 0,
    CONTROL_TEST_TRIPLE_FAULT = 1, /* load a root without the kernel half */
    CONTROL_TEST_HANG = 2,
    CONTROL_TEST_STACK_OVERFLOW = 3,
    CONTROL_TEST_KERNEL_READ = 4,     /* ring 0 reads a user page: SMAP */
    CONTROL_TEST_KERNEL_FETCH = 5,    /* ring 0 runs a user page: SMEP */
    CONTROL_TEST_REFUSE = 6,          /* the pools refuse the nth request from now, once; `parameter` is n, 0: none */
    CONTROL_TEST_CORRUPT = 7,         /* see struct control_corrupt */
    CONTROL_TEST_NO_AUDIT = 8,        /* handovers are not audited from now on */
    CONTROL_TEST_NMI = 9,             /* a non-maskable interrupt after about `parameter` ns; 0: none */
    CONTROL_TEST_FASTPATH = 10,       /* short calls take the fast path (parameter 1, as at boot) or the long way (0) */
    CONTROL_TEST_SCHEDULE = 11,       /* pause where another CPU could come in between, with this seed; 0: nowhere */
    CONTROL_TEST_BOOT_ONLY_READ = 12, /* ring 0 reads a page that only boot needed */
    CONTROL_TEST_BOOT_ONLY_RUN = 13,  /* ring 0 runs it */
    CONTROL_TEST_COUNT = 14,
};

/* system_control(ports, CONTROL_TEST, CONTROL_TEST_ARGUMENT(test, parameter)) */
#define CONTROL_TEST_ARGUMENT(test, parameter) ((uint64_t)(test) | (uint64_t)(parameter) << 8)

enum control_flip {
    CONTROL_FLIP_PRESENT = 0,
    CONTROL_FLIP_WRITE = 1,
    CONTROL_FLIP_USER = 2,
    CONTROL_FLIP_NO_EXECUTE = 3,
    CONTROL_FLIP_FRAME = 4, /* the lowest bit of the frame number */
};

/*
 * CONTROL_TEST_CORRUPT takes this from the message page's data. It gives `space` its own tables for the kernel address
 * that audit check `check` needs for `thread`, down to `level` (4..1), and flips one bit of that level's entry there.
 * The tables are frames of the space's pool that only come back when the pool dies. With AUDIT_WRITE_EXECUTE the
 * address is the user's `at`, in the space's own tables.
 */
struct control_corrupt {
    cap_t space;
    cap_t thread;
    uint64_t check; /* enum audit_check */
    uint64_t level;
    uint64_t flip; /* enum control_flip */
    uaddr_t at;
};
