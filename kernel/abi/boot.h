/*
 * The data that the boot loader hands to the kernel. docs/boot-protocol.md explains it; this file is the contract.
 *
 * At entry: 64-bit mode, paging on, interrupts off, direction flag clear, EFER.NXE set, a stack of at least 4 KiB, RDI:
 * the physical address of struct boot_info. All RAM is identity-mapped and the kernel image is mapped where it is
 * linked. Everything the loader built (tables, stack, this structure, the arrays it points to) lies in ranges of kind
 * BOOT_RANGE_LOADER; the kernel copies what it keeps before it gives those frames away.
 */
#pragma once

#include <stdint.h>

#define BOOT_MAGIC 0x4e4f544142ULL /* "BATON", little endian */
#define BOOT_VERSION 1U

#define BOOT_RANGES_MAX 1024U /* if there are more, the loader does not start the kernel */
#define BOOT_SEGMENTS_MAX 8U  /* loadable segments of the first program */
#define BOOT_COMMAND_MAX 512U /* bytes of command line, terminating zero included */
#define BOOT_NOTES_MAX 256U   /* terminating zero included */
#define BOOT_ENTROPY_WORDS 4U

#define BOOT_PAGE_BYTES 4096U
#define BOOT_KERNEL_ALIGN (2U << 20) /* physical alignment of the kernel image */

/* The content of a physical range when the kernel starts. */
enum boot_range_kind {
    BOOT_RANGE_RAM = 1,      /* free; contents undefined */
    BOOT_RANGE_LOADER = 2,   /* loader's tables, stack and this structure: free once the kernel has copied it */
    BOOT_RANGE_KERNEL = 3,   /* the kernel image, bss included */
    BOOT_RANGE_HEAP = 4,     /* zeroed memory for the kernel's own structures, see boot_info.heap_phys */
    BOOT_RANGE_INIT = 5,     /* the first program's segments */
    BOOT_RANGE_VOLUME = 6,   /* the boot volume (a ustar archive) */
    BOOT_RANGE_FIRMWARE = 7, /* reserved by firmware, runtime services and ACPI tables included: never touched */
    BOOT_RANGE_DEVICE = 8,   /* memory-mapped devices that firmware reported */
    BOOT_RANGE_LEFT_OUT = 9, /* RAM that is not used, since its ledger would be larger than it */
};

/* One physical range. The array is sorted by address, page-aligned, and free of overlaps. */
struct boot_range {
    uint64_t phys;       /* multiple of BOOT_PAGE_BYTES */
    uint64_t page_count; /* > 0 */
    uint64_t kind;       /* enum boot_range_kind */
};

/* One segment of the first program, already copied and zero-filled, in whole pages. */
struct boot_segment {
    uint64_t virt;       /* multiple of BOOT_PAGE_BYTES, user half */
    uint64_t phys;       /* multiple of BOOT_PAGE_BYTES */
    uint64_t page_count; /* > 0 */
    uint64_t rights;     /* enum memory_right bits of kernel/abi/rights.h; never write with execute */
};

enum boot_pixel_format {
    BOOT_PIXEL_NONE = 0, /* no framebuffer; the other fields are 0 */
    BOOT_PIXEL_RGBX8 = 1,
    BOOT_PIXEL_BGRX8 = 2,
};

struct boot_framebuffer {
    uint64_t phys;
    uint32_t width;        /* pixels */
    uint32_t height;       /* pixels */
    uint32_t stride_bytes; /* from one row to the next */
    uint32_t format;       /* enum boot_pixel_format */
};

struct boot_info {
    uint64_t magic;   /* BOOT_MAGIC */
    uint32_t version; /* BOOT_VERSION */
    uint32_t size;    /* sizeof(struct boot_info) */

    uint64_t ranges_phys; /* struct boot_range[range_count] */
    uint64_t range_count; /* 1..BOOT_RANGES_MAX */

    uint64_t kernel_phys;       /* address of the kernel image's lowest page, multiple of BOOT_KERNEL_ALIGN */
    uint64_t kernel_page_count; /* contiguous, first to last page of the image, bss included */

    /*
     * Zeroed, contiguous. At least: 8 bytes for each page from 0 up to the highest range that is RAM of any kind; a
     * page for each range that firmware reported while it ran (its ends may break a large page of the kernel's map of
     * RAM); and 2 MiB.
     */
    uint64_t heap_phys;
    uint64_t heap_page_count;

    uint64_t init_entry;         /* virtual address of the first program's first instruction */
    uint64_t init_segment_count; /* 1..BOOT_SEGMENTS_MAX */
    struct boot_segment init_segments[BOOT_SEGMENTS_MAX];

    uint64_t volume_phys;  /* multiple of BOOT_PAGE_BYTES */
    uint64_t volume_bytes; /* > 0 */

    uint64_t rsdp_phys; /* ACPI root pointer; 0: none found */
    struct boot_framebuffer framebuffer;

    uint64_t tsc_hz;        /* time-stamp counter; measured or from CPUID, > 0 */
    uint64_t apic_timer_hz; /* local APIC timer at divisor 1; measured or from CPUID, > 0 */
    uint64_t loader_tsc;    /* time-stamp counter when the loader began */
    uint64_t kernel_tsc;    /* time-stamp counter when it jumped to the kernel */

    uint64_t entropy[BOOT_ENTROPY_WORDS]; /* from the CPU or firmware; all 0: there was no source */

    char notes[BOOT_NOTES_MAX]; /* the loader's messages for the log; zero-terminated, empty: none */

    char command[BOOT_COMMAND_MAX]; /* zero-terminated; words `name=value` or `name`, separated by spaces */
};

_Static_assert(sizeof(struct boot_range) == 24, "layout is part of the boot protocol");
_Static_assert(sizeof(struct boot_segment) == 32, "layout is part of the boot protocol");
_Static_assert(sizeof(struct boot_framebuffer) == 24, "layout is part of the boot protocol");
_Static_assert(sizeof(struct boot_info) == 8 * (2 + 2 + 2 + 2 + 2 + 8 * 4 + 2 + 1 + 3 + 4 + 4) + 256 + 512,
               "layout is part of the boot protocol");
