/*
 * The state of the loader's core (struct loader): how it takes memory, and how it reports what has gone wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot/calibrate.h"
#include "boot/memory_map.h"
#include "boot/text.h"
#include "kernel/abi/boot.h"
#include "libsys/format/elf.h"

#define LOADER_CLAIMS_MAX 8U

/*
 * The real-mode tables, the EBDA and the pages from which the kernel starts other CPUs lie below; they are left to
 * their users.
 */
#define LOADER_CLAIM_LOWEST (1ULL << 20)

struct loader_input {
    struct memory_map map; /* firmware's map, with memory that must not be overwritten painted over */
    uint64_t claim_end;    /* the front end reaches memory below this address; claims lie below it */

    uint64_t volume_phys; /* any alignment; painted as BOOT_RANGE_VOLUME */
    uint64_t volume_bytes;
    const char *command; /* zero-terminated */
    uint64_t rsdp_phys;  /* 0: none */
    struct boot_framebuffer framebuffer;
    uint64_t entropy[BOOT_ENTROPY_WORDS];
    uint64_t loader_tsc;
    struct clock_rates rates;
    struct text notes;    /* for the kernel's log; empty: nothing is odd */
    bool has_giant_pages; /* the CPU knows 1 GiB pages */

    /* Tell firmware that these pages are taken. False: firmware has given them away meanwhile. */
    bool (*claim_pages)(uint64_t phys, uint64_t page_count);
};

/* Memory taken from the map. */
struct loader_claim {
    uint64_t phys;
    uint64_t page_count;
    enum boot_range_kind kind;
};

/* Arguments of enter_kernel(). */
struct loader_entry {
    uint64_t root_phys;  /* PML4 */
    uint64_t stack_phys; /* one past the top of the stack, multiple of 16 */
    uint64_t gdt_phys;
    uint64_t info_phys;
    uint64_t kernel_entry; /* virtual */
};

struct loader {
    struct loader_input input;
    struct loader_claim claims[LOADER_CLAIMS_MAX];
    uint32_t claim_count;
    uint64_t ram_end;     /* RAM from here on is left out */
    uint64_t mapped_end;  /* end of all RAM, including RAM that is left out */
    struct elf_plan plan; /* of the program being loaded */
    struct boot_info info;
    struct loader_entry entry;
    struct text failure;
};

/* Take zeroed memory and record the claim. `what` names it in the message that there is not enough memory. */
[[nodiscard]] bool loader_claim_memory(struct loader *loader, struct memory_request request, enum boot_range_kind kind,
                                       const char *what, uint64_t *ret_phys);

/* Write "NAME: what: detail; advice" to loader->failure and return false. detail and advice may be null. */
bool loader_fail(struct loader *loader, const char *name, const char *what, const char *detail, const char *advice);

/* Write that the memory map has no room for another range, and return false. */
bool loader_fail_map_full(struct loader *loader);
