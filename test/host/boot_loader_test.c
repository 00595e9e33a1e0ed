/*
 * Given a boot volume and a memory map, does the loader's core leave memory as the boot contract promises, or
 * else name the wrong file?
 */
#include "boot/loader.h"

#include <stdio.h>
#include <string.h>

#include "boot/phys.h"
#include "kernel/abi/rights.h"
#include "test/boot/walk.h"
#include "test/host/arena.h"
#include "test/host/elf_maker.h"
#include "test/host/suite.h"
#include "test/host/ustar_maker.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define VOLUME_PHYS (31 * MIB)
#define KERNEL_BASE 0xffffffff80000000ULL
#define INIT_BASE 0x400000ULL
#define HIGH_START (4 * GIB + 3 * MIB)
#define HIGH_END (6 * GIB + 5 * MIB)

static struct loader loader;
static struct memory_map firmware_map;
static struct maker_archive archive;
static struct maker_file kernel;
static struct maker_file init;
static uint32_t claims_granted;
static uint32_t claims_allowed; /* after this many, claim_pages always fails */
static uint32_t claims_refused; /* how many more times claim_pages fails */

static bool claim_pages(uint64_t phys, uint64_t page_count) {
    CHECK(phys >= MIB && phys + page_count * BOOT_PAGE_BYTES <= VOLUME_PHYS);
    if (claims_refused > 0 || claims_granted == claims_allowed) {
        claims_refused -= claims_refused > 0 ? 1 : 0;
        return false;
    }
    claims_granted++;
    return true;
}

/* A sound system: 32 MiB of RAM with a hole, more RAM above 4 GiB, the volume at the end of the arena. */
static void make_system(uint64_t volume_phys) {
    arena_reset();
    maker_elf(&kernel, KERNEL_BASE);
    maker_elf(&init, INIT_BASE);
    kernel.headers[7].p_type = init.headers[7].p_type = MAKER_NULL; /* neither asks for an interpreter */
    claims_granted = 0;
    claims_allowed = UINT32_MAX;
    claims_refused = 0;
    memset(&loader, 0, sizeof loader);
    struct memory_map *map = &loader.input.map;
    CHECK(memory_map_paint(map, 0, ARENA_BYTES, BOOT_RANGE_RAM));
    CHECK(memory_map_paint(map, 0xa0000, 0x60000, BOOT_RANGE_FIRMWARE));
    CHECK(memory_map_paint(map, HIGH_START, HIGH_END - HIGH_START, BOOT_RANGE_RAM));
    firmware_map = *map;
    loader.input.claim_end = VOLUME_PHYS;
    loader.input.claim_pages = claim_pages;
    loader.input.volume_phys = volume_phys;
    loader.input.command = "log=debug";
    loader.input.rsdp_phys = 0xe0000;
    loader.input.rates.tsc_hz = 1;
    loader.input.rates.apic_timer_hz = 2;
    loader.input.entropy[3] = 3;
}

static void put_volume(void) {
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "boot/kernel.elf", '0', &kernel, sizeof kernel);
    maker_ustar_add(&archive, "boot/init.elf", '0', &init, sizeof init);
    maker_ustar_end(&archive);
    memcpy(phys_pointer(loader.input.volume_phys), archive.bytes, archive.bytes_used);
    loader.input.volume_bytes = archive.bytes_used;
}

static bool prepare(void) {
    put_volume();
    bool good = loader_prepare(&loader);
    if (!good)
        printf("# the loader says: %s\n", loader.failure.bytes);
    return good;
}

/* Whether memory at `phys` is [file + offset, + file_bytes) and then zeroes up to `bytes`. */
static bool memory_is(uint64_t phys, const struct maker_file *file, uint64_t offset, uint64_t file_bytes,
                      uint64_t bytes) {
    const uint8_t *memory = phys_pointer(phys);
    uint8_t any = 0;
    for (uint64_t i = file_bytes; i < bytes; i++)
        any |= memory[i];
    return memcmp(memory, (const uint8_t *)file + offset, file_bytes) == 0 && any == 0;
}

static void images_are_loaded(void) {
    make_system(VOLUME_PHYS);
    CHECK(prepare());
    const struct boot_info *info = &loader.info;
    CHECK_EQUAL(info->kernel_phys % BOOT_KERNEL_ALIGN, 0);
    CHECK_EQUAL(info->kernel_page_count, 5);
    CHECK_EQUAL(loader.entry.kernel_entry, KERNEL_BASE + 0x800);
    CHECK(memory_is(info->kernel_phys, &kernel, 0, 0x2100, 0x5000));
    CHECK_EQUAL(info->init_entry, INIT_BASE + 0x800);
    CHECK_EQUAL(info->init_segment_count, 3);
    static const uint64_t offsets[] = {0, 0x1000, 0x2000};
    static const uint64_t file_bytes[] = {0x1000, 0x1000, 0x100};
    static const uint64_t page_counts[] = {1, 1, 3};
    static const uint64_t rights[] = {MEMORY_READ | MEMORY_EXECUTE, MEMORY_READ, MEMORY_READ | MEMORY_WRITE};
    for (uint32_t i = 0; i < 3; i++) {
        const struct boot_segment *segment = &info->init_segments[i];
        CHECK_EQUAL(segment->virt, INIT_BASE + offsets[i]);
        CHECK_EQUAL(segment->page_count, page_counts[i]);
        CHECK_EQUAL(segment->rights, rights[i]);
        CHECK(memory_is(segment->phys, &init, offsets[i], file_bytes[i], page_counts[i] * 4096));
    }
}

static void unaligned_segments_begin_inside_their_page(void) {
    make_system(VOLUME_PHYS);
    struct maker_file *const files[] = {&kernel, &init};
    for (uint32_t i = 0; i < 2; i++) {
        struct maker_program_header *data = &files[i]->headers[3];
        data->p_vaddr += 0x10;
        data->p_offset += 0x10;
        data->p_filesz -= 0x10;
        files[i]->headers[4].p_vaddr += 0x10; /* thread-local data and the read-only range stay inside */
        files[i]->headers[4].p_offset += 0x10;
        files[i]->headers[6].p_vaddr += 0x10;
    }
    CHECK(prepare());
    CHECK(memory_is(loader.info.kernel_phys + 0x2000, &kernel, 0, 0, 0x10));
    CHECK(memory_is(loader.info.kernel_phys + 0x2010, &kernel, 0x2010, 0xf0, 0x3000));
    const struct boot_segment *segment = &loader.info.init_segments[2];
    CHECK_EQUAL(segment->virt, INIT_BASE + 0x2000);
    CHECK_EQUAL(segment->page_count, 4); /* 0x3000 bytes that do not begin on a page boundary */
    CHECK(memory_is(segment->phys, &init, 0, 0, 0x10));
    CHECK(memory_is(segment->phys + 0x10, &init, 0x2010, 0xf0, 0x4000 - 0x10));
}

static void heap_is_large_enough_and_zero(void) {
    make_system(VOLUME_PHYS);
    CHECK(prepare());
    uint64_t bytes = loader.info.heap_page_count * BOOT_PAGE_BYTES;
    uint64_t tables = HIGH_END / GIB + firmware_map.count; /* for the direct map, without 1 GiB pages */
    uint64_t least = HIGH_END / BOOT_PAGE_BYTES * 8 + 2 * MIB + tables * BOOT_PAGE_BYTES;
    CHECK(bytes >= least);
    CHECK(bytes < least + 8 * BOOT_PAGE_BYTES); /* memory that the loader took meanwhile splits ranges */
    CHECK(memory_is(loader.info.heap_phys, &init, 0, 0, bytes));
}

/* The kernel with its rights, all RAM and the first 4 GiB where they are; the same with and without 1 GiB pages. */
static void tables_map_kernel_and_memory(void) {
    for (uint32_t giant = 0; giant < 2; giant++) {
        make_system(VOLUME_PHYS);
        loader.input.has_giant_pages = giant == 1;
        CHECK(prepare());
        uint64_t root = loader.entry.root_phys;
        for (uint64_t offset = 0; offset < 0x5000; offset += 0x1000) {
            struct walk walk = walk_address(root, KERNEL_BASE + offset);
            CHECK(walk.present && !walk.user && walk.phys == loader.info.kernel_phys + offset);
            CHECK_EQUAL(walk.writable, offset >= 0x2000);
            CHECK_EQUAL(walk.executable, offset < 0x1000);
        }
        CHECK(!walk_address(root, KERNEL_BASE + 0x5000).present && !walk_address(root, KERNEL_BASE - 1).present);
        for (uint64_t virt = 0; virt < 8 * GIB; virt += MIB) {
            struct walk walk = walk_address(root, virt);
            bool wanted = virt < 4 * GIB || (virt >= HIGH_START - MIB && virt < HIGH_END + MIB);
            CHECK(walk.present == wanted && (!wanted || (walk.phys == virt && walk.writable && !walk.user)));
        }
        uint64_t inner = walk_address(root, 5 * GIB).page_bytes;
        CHECK_EQUAL(inner, giant == 1 ? GIB : 2 * MIB);
        CHECK_EQUAL(walk_address(root, 4 * GIB + 4 * MIB).page_bytes, 2 * MIB); /* the GiB is not all RAM */
    }
}

static bool is_inside(const struct boot_range *ranges, uint64_t count, uint64_t phys, uint64_t bytes, uint64_t kind) {
    for (uint64_t i = 0; i < count; i++) {
        if (ranges[i].kind == kind && phys >= ranges[i].phys &&
            phys + bytes <= ranges[i].phys + ranges[i].page_count * BOOT_PAGE_BYTES)
            return true;
    }
    return false;
}

static void handover_is_complete(void) {
    make_system(VOLUME_PHYS);
    CHECK(prepare());
    CHECK(loader_finish(&loader, &firmware_map));
    const struct boot_info *info = phys_pointer(loader.entry.info_phys);
    const struct boot_range *ranges = phys_pointer(info->ranges_phys);
    uint64_t count = info->range_count;
    CHECK_EQUAL(info->magic, BOOT_MAGIC);
    CHECK_EQUAL(info->size, sizeof *info);
    CHECK_EQUAL(info->rsdp_phys, 0xe0000);
    CHECK_EQUAL(info->tsc_hz, 1);
    CHECK_EQUAL(info->apic_timer_hz, 2);
    CHECK_EQUAL(info->entropy[3], 3);
    CHECK(strcmp(info->command, "log=debug") == 0);
    CHECK(is_inside(ranges, count, loader.entry.info_phys, sizeof *info, BOOT_RANGE_LOADER));
    CHECK(is_inside(ranges, count, info->ranges_phys, count * sizeof *ranges, BOOT_RANGE_LOADER));
    CHECK(is_inside(ranges, count, loader.entry.gdt_phys, 24, BOOT_RANGE_LOADER));
    CHECK(is_inside(ranges, count, loader.entry.stack_phys - 4096, 4096, BOOT_RANGE_LOADER));
    CHECK_EQUAL(loader.entry.stack_phys % 16, 0);
    CHECK(is_inside(ranges, count, loader.entry.root_phys, 4096, BOOT_RANGE_LOADER));
    CHECK(is_inside(ranges, count, info->kernel_phys, info->kernel_page_count * 4096, BOOT_RANGE_KERNEL));
    CHECK(is_inside(ranges, count, info->heap_phys, info->heap_page_count * 4096, BOOT_RANGE_HEAP));
    CHECK(is_inside(ranges, count, info->init_segments[0].phys, 5 * 4096ULL, BOOT_RANGE_INIT));
    CHECK(is_inside(ranges, count, info->volume_phys, info->volume_bytes, BOOT_RANGE_VOLUME));
    CHECK(is_inside(ranges, count, 0xa0000, 0x60000, BOOT_RANGE_FIRMWARE));
    CHECK(is_inside(ranges, count, HIGH_START, HIGH_END - HIGH_START, BOOT_RANGE_RAM));
    for (uint64_t i = 1; i < count; i++)
        CHECK(ranges[i - 1].phys + ranges[i - 1].page_count * BOOT_PAGE_BYTES <= ranges[i].phys);
    for (uint32_t i = 0; i < loader.claim_count; i++) { /* nothing was claimed twice */
        for (uint32_t other = 0; other < i; other++) {
            const struct loader_claim *left = &loader.claims[i];
            const struct loader_claim *right = &loader.claims[other];
            CHECK(left->phys + left->page_count * BOOT_PAGE_BYTES <= right->phys ||
                  right->phys + right->page_count * BOOT_PAGE_BYTES <= left->phys);
        }
    }
}

/* Prepare a system with this additional RAM. Returns whether the loader uses it. */
static bool uses_ram(uint64_t phys, uint64_t bytes) {
    make_system(VOLUME_PHYS);
    CHECK(memory_map_paint(&loader.input.map, phys, bytes, BOOT_RANGE_RAM));
    CHECK(memory_map_paint(&firmware_map, phys, bytes, BOOT_RANGE_RAM));
    CHECK(prepare());
    CHECK(loader_finish(&loader, &firmware_map));
    const struct boot_range *ranges = phys_pointer(loader.info.ranges_phys);
    uint64_t count = loader.info.range_count;
    bool used = is_inside(ranges, count, phys, bytes, BOOT_RANGE_RAM);
    CHECK(used || is_inside(ranges, count, phys, bytes, BOOT_RANGE_LEFT_OUT));
    CHECK(is_inside(ranges, count, HIGH_START, HIGH_END - HIGH_START, BOOT_RANGE_RAM));
    uint64_t ledger_bytes = (used ? phys + bytes : HIGH_END) / BOOT_PAGE_BYTES * 8;
    CHECK(loader.info.heap_page_count * BOOT_PAGE_BYTES >= ledger_bytes);
    CHECK(loader.info.heap_page_count * BOOT_PAGE_BYTES <= ledger_bytes + 3 * MIB);
    struct walk walk = walk_address(loader.entry.root_phys, phys + bytes - 1); /* the loader may run there */
    CHECK(walk.present && walk.phys == phys + bytes - 1);
    return used;
}

static void ram_that_costs_more_than_it_gives_is_left_out(void) {
    CHECK(uses_ram(HIGH_END + 1 * GIB, 4 * MIB)); /* 2 MiB of ledger for the hole */
    CHECK(!uses_ram(HIGH_END + 1 * GIB, 1 * MIB));
    CHECK(!uses_ram(HIGH_END + 1 * MIB, 64 * GIB)); /* worth it, but the ledger of it has no place */
    CHECK(!uses_ram(1024 * GIB, 4 * GIB));
}

static void unaligned_volume_is_moved(void) {
    make_system(VOLUME_PHYS + 8);
    CHECK(prepare());
    CHECK_EQUAL(loader.info.volume_phys % BOOT_PAGE_BYTES, 0);
    CHECK(memcmp(phys_pointer(loader.info.volume_phys), archive.bytes, archive.bytes_used) == 0);
    CHECK(loader_finish(&loader, &firmware_map));
    const struct boot_range *ranges = phys_pointer(loader.info.ranges_phys);
    CHECK(is_inside(ranges, loader.info.range_count, loader.info.volume_phys, archive.bytes_used, BOOT_RANGE_VOLUME));
}

static void memory_that_firmware_took_is_avoided(void) {
    make_system(VOLUME_PHYS);
    CHECK(prepare());
    uint64_t first = loader.claims[1].phys; /* [0] is the volume */
    uint32_t granted = claims_granted;
    make_system(VOLUME_PHYS);
    claims_refused = 1;
    CHECK(prepare());
    CHECK_EQUAL(claims_granted, granted);
    CHECK(loader.claims[1].phys > first);
}

static void lack_of_memory_names_what_for(void) {
    static const char *const names[] = {"boot/init.elf", "boot/kernel.elf", "the kernel's heap", "page tables",
                                        "boot information"};
    for (uint32_t granted = 0; granted < 5; granted++) {
        make_system(VOLUME_PHYS);
        claims_allowed = granted;
        char wanted[TEXT_MAX];
        snprintf(wanted, sizeof wanted, "not enough memory for %s: it takes ", names[granted]);
        CHECK(!prepare());
        CHECK(strncmp(loader.failure.bytes, wanted, strlen(wanted)) == 0);
    }
}

static bool prepare_fails_with(const char *message) {
    put_volume();
    bool good = loader_prepare(&loader);
    if (good || strcmp(loader.failure.bytes, message) != 0) {
        printf("#   wanted: %s\n#   seen: %s\n", message, good ? "success" : loader.failure.bytes);
        return false;
    }
    return true;
}

static void unfit_programs_are_named(void) {
    make_system(VOLUME_PHYS);
    maker_elf(&init, INIT_BASE);
    CHECK(prepare_fails_with("boot/init.elf: asks for an interpreter; link it with -static"));
    make_system(VOLUME_PHYS);
    maker_elf(&init, 0);
    init.headers[7].p_type = MAKER_NULL;
    init.header.e_type = 3;
    CHECK(prepare_fails_with("boot/init.elf: position-independent; link it at a fixed address (-no-pie)"));
    make_system(VOLUME_PHYS);
    kernel.headers[1].p_memsz = kernel.headers[1].p_filesz = 0xf00;
    kernel.headers[2].p_vaddr = KERNEL_BASE + 0xf10;
    kernel.headers[2].p_offset = 0xf10;
    CHECK(prepare_fails_with("boot/kernel.elf: two segments share a page; link it with -z separate-code"));
    make_system(VOLUME_PHYS);
    init.headers[2].p_flags = 0;
    CHECK(prepare_fails_with("boot/init.elf: a segment has no access rights; link it again"));
    make_system(VOLUME_PHYS);
    maker_elf(&kernel, INIT_BASE);
    CHECK(prepare_fails_with("boot/kernel.elf: segment 1: address is outside the allowed range; "
                             "pack the boot volume again"));
}

/* Give the first program `count` segments; their headers replace its constants. */
static void put_segments(uint16_t count) {
    init.header.e_phoff = 0x1000;
    init.header.e_phnum = count;
    init.header.e_entry = INIT_BASE;
    for (uint32_t i = 0; i < count; i++) {
        struct maker_program_header header = {.p_type = MAKER_LOAD, .p_flags = MAKER_R | MAKER_X, .p_memsz = 0x1000};
        header.p_vaddr = INIT_BASE + i * 0x1000ULL;
        memcpy((uint8_t *)&init + 0x1000 + i * sizeof header, &header, sizeof header);
    }
}

static void many_segments_are_named(void) {
    make_system(VOLUME_PHYS);
    put_segments(BOOT_SEGMENTS_MAX);
    CHECK(prepare());
    CHECK_EQUAL(loader.info.init_segment_count, BOOT_SEGMENTS_MAX);
    make_system(VOLUME_PHYS);
    put_segments(BOOT_SEGMENTS_MAX + 1);
    CHECK(prepare_fails_with("boot/init.elf: more than 8 loadable segments; link it again"));
}

static void command_line_is_tidied(void) {
    char words[BOOT_COMMAND_MAX + 1];
    make_system(VOLUME_PHYS);
    loader.input.command = "log=debug\r\n\tseed=7 \r\n";
    CHECK(prepare());
    CHECK(strcmp(loader.info.command, "log=debug   seed=7") == 0);
    memset(words, 'x', sizeof words);
    words[BOOT_COMMAND_MAX - 1] = 0;
    make_system(VOLUME_PHYS);
    loader.input.command = words;
    CHECK(prepare());
    CHECK_EQUAL(strlen(loader.info.command), BOOT_COMMAND_MAX - 1);
    words[BOOT_COMMAND_MAX - 1] = 'x';
    words[BOOT_COMMAND_MAX] = 0;
    make_system(VOLUME_PHYS);
    loader.input.command = words;
    CHECK(prepare_fails_with("command line: longer than 511 bytes; shorten it"));
}

static void too_many_ranges_are_refused(void) {
    static const char message[] =
        "memory map: firmware reports more ranges than 1024; turn off devices in firmware set-up";
    make_system(VOLUME_PHYS);
    for (uint64_t i = 0; i < BOOT_RANGES_MAX; i++)
        CHECK(memory_map_paint(&loader.input.map, HIGH_END + (2 * i + 1) * 4096, 4096, BOOT_RANGE_FIRMWARE));
    CHECK(prepare_fails_with(message));
    make_system(VOLUME_PHYS); /* and when firmware adds them while the loader works */
    CHECK(prepare());
    for (uint64_t i = 0; i < BOOT_RANGES_MAX; i++)
        CHECK(memory_map_paint(&firmware_map, HIGH_END + (2 * i + 1) * 4096, 4096, BOOT_RANGE_FIRMWARE));
    CHECK(!loader_finish(&loader, &firmware_map));
    CHECK(strcmp(loader.failure.bytes, message) == 0);
}

static void empty_volume_is_named(void) {
    make_system(VOLUME_PHYS);
    CHECK(!loader_prepare(&loader));
    CHECK(strcmp(loader.failure.bytes, "boot.tar: empty; pack the boot volume again") == 0);
}

static void text_is_cut_to_fit(void) {
    struct text text;
    text_clear(&text);
    text_add_decimal(&text, UINT64_MAX);
    text_add(&text, " ");
    text_add_hex(&text, UINT64_MAX);
    text_add(&text, " ");
    text_add_decimal(&text, 0);
    CHECK(strcmp(text.bytes, "18446744073709551615 0xffffffffffffffff 0") == 0);
    for (uint32_t i = 0; i < TEXT_MAX; i++)
        text_add(&text, "ab");
    CHECK_EQUAL(text.length, TEXT_MAX - 1);
    CHECK_EQUAL(strlen(text.bytes), TEXT_MAX - 1);
}

SUITE(CASE(images_are_loaded), CASE(unaligned_segments_begin_inside_their_page), CASE(heap_is_large_enough_and_zero),
      CASE(tables_map_kernel_and_memory), CASE(handover_is_complete),
      CASE(ram_that_costs_more_than_it_gives_is_left_out), CASE(unaligned_volume_is_moved),
      CASE(memory_that_firmware_took_is_avoided), CASE(lack_of_memory_names_what_for), CASE(unfit_programs_are_named),
      CASE(many_segments_are_named), CASE(command_line_is_tidied), CASE(too_many_ranges_are_refused),
      CASE(empty_volume_is_named), CASE(text_is_cut_to_fit));
