/*
 * From the boot loader's jump to the first program's first instruction.
 */
#include "kernel/base/boot_only.h"
#include "kernel/base/string.h"
#include "kernel/ending/binding.h"
#include "kernel/machine/command.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/log.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"

#define INIT_POOL_PAGES 512U

/* Addresses of the first program's pages, below the end of the user half. */
#define INIT_STACK_PAGES 16U
#define INIT_STACK_TOP (USER_LIMIT - 0x100000)
#define INIT_INFO_AT (USER_LIMIT - 0x80000)
#define INIT_MESSAGE_AT (USER_LIMIT - 0x40000)

#define AT_NULL 0U

BOOT_ONLY_FROM_HERE

struct cpu *cpus[CPUS_MAX];
uint32_t cpu_total;

/* Objects that boot makes; they never die. */
static struct memory *regions, devices, volume, log_memory;
static struct object all_ports, all_lines;

/* Pages for the first program, taken from the front of the free memory that it gets. */
static struct { uint64_t pool_frame, stack_frame, message_frame, info_frame, info_pages; } reserved;

/* Give frames from `at` up to `end`, as far as the ledger goes, the type `type`. Returns the frame after them. */
static uint64_t set_up_to(uint64_t at, uint64_t end, enum frame_type type) {
    end = end < ledger.frame_count ? end : ledger.frame_count;
    if (at >= end)
        return at;
    frame_set_use(at, end - at, type);
    return end;
}

/* Enter the type of each frame: free RAM, the kernel's, or the firmware's. */
static void ledger_init(const struct boot_info *boot, const struct boot_range *ranges) {
    uint64_t left_out = 0;
    for (uint64_t i = 0; i < boot->range_count; i++) {
        uint64_t end = ranges[i].phys / PAGE_BYTES + ranges[i].page_count;
        left_out += ranges[i].kind == BOOT_RANGE_LEFT_OUT ? ranges[i].page_count : 0;
        if (ranges[i].kind < BOOT_RANGE_FIRMWARE && end > ledger.frame_count)
            ledger.frame_count = end;
    }
    assert(ledger.frame_count <= 1ULL << 32); /* frame numbers have 32 bits; the loader leaves out higher frames */
    if (left_out > 0)
        log_line(LOG_WARN, "memory", "%u MiB of RAM left out, too far up for the ledger", left_out * PAGE_BYTES >> 20);
    ledger.frames = arch_boot_take(ledger.frame_count * sizeof(struct frame_entry));
    uint64_t at = 0;
    for (uint64_t i = 0; i < boot->range_count && at < ledger.frame_count; i++) {
        uint64_t first = ranges[i].phys / PAGE_BYTES, end = first + ranges[i].page_count;
        at = set_up_to(at, first, FRAME_FIRMWARE);
        enum frame_type type = FRAME_USER;
        if (ranges[i].kind == BOOT_RANGE_KERNEL || ranges[i].kind == BOOT_RANGE_HEAP)
            type = FRAME_KERNEL;
        if (ranges[i].kind >= BOOT_RANGE_FIRMWARE)
            type = FRAME_FIRMWARE;
        if (type != FRAME_FIRMWARE)
            ledger.ram_count += ranges[i].page_count;
        if (type == FRAME_USER)
            at = end; /* all zero already */
        at = set_up_to(at, end, type);
    }
    if (frame_type(0) == FRAME_USER)
        frame_set_use(0, 1, FRAME_KERNEL);                                           /* never handed out */
    frame_set_use(arch_physical(log_ring) / PAGE_BYTES, LOG_RING_PAGES, FRAME_USER); /* may be mapped */
}

static bool is_free_range(const struct boot_range *range) {
    return range->kind == BOOT_RANGE_RAM || range->kind == BOOT_RANGE_LOADER;
}

/* Set aside the pages for the first program. The largest range of free memory becomes smaller by them. */
static void reserve(const struct boot_info *boot, struct boot_range *ranges) {
    uint64_t info_bytes = sizeof(struct init_info) + boot->range_count * sizeof(struct init_region);
    reserved.info_pages = (info_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    uint64_t pages = INIT_POOL_PAGES + INIT_STACK_PAGES + 1 + reserved.info_pages;
    struct boot_range *largest = NULL;
    for (uint64_t i = 0; i < boot->range_count; i++) {
        if (ranges[i].kind == BOOT_RANGE_RAM && (largest == NULL || ranges[i].page_count > largest->page_count))
            largest = &ranges[i];
    }
    if (largest == NULL || largest->page_count <= pages + 1)
        panic("not enough memory for the first program");
    uint64_t frame = largest->phys / PAGE_BYTES + (largest->phys == 0);
    reserved.pool_frame = frame;
    reserved.stack_frame = frame + INIT_POOL_PAGES;
    reserved.message_frame = reserved.stack_frame + INIT_STACK_PAGES;
    reserved.info_frame = reserved.message_frame + 1;
    pages += largest->phys == 0;
    largest->phys += pages * PAGE_BYTES;
    largest->page_count -= pages;
}

static void map_for_init(struct space *space, uint64_t frame, uint64_t page_count, uaddr_t at, uint32_t rights) {
    uint64_t where;
    struct frame_run run = {.frame = frame, .at = at, .flags = rights, .limit = rights};
    while (page_count > 0) {
        run.page_count = page_count < MAP_PAGES_MAX ? page_count : MAP_PAGES_MAX;
        if (space_map_frames(space, &run, &where) != OK)
            panic("the first program does not fit its address space");
        run.frame += run.page_count;
        run.at += run.page_count * PAGE_BYTES;
        page_count -= run.page_count;
    }
}

static void give(struct table *table, uint32_t index, struct object *object, uint32_t rights, uint64_t data) {
    cap_set_first(&table->slots[index], object, rights, data);
}

static void give_memory(struct table *table, uint32_t index, struct memory *memory, uint32_t rights, uint64_t phys,
                        uint64_t page_count) {
    object_init(&memory->object, OBJECT_MEMORY, NULL, 0);
    uint64_t range = memory_pack(memory, phys / PAGE_BYTES, page_count);
    if (range == 0)
        panic("RAM above 16 TiB"); /* frame numbers in the ledger and in threads have 32 bits */
    give(table, index, &memory->object, rights, range);
}

/* Every free range of memory becomes a capability. */
static void give_regions(struct table *table, const struct boot_info *boot, const struct boot_range *ranges,
                         struct init_info *info) {
    uint32_t all = MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_POOL;
    regions = arch_boot_take(boot->range_count * sizeof(struct memory));
    for (uint64_t i = 0; i < boot->range_count; i++) {
        uint64_t phys = ranges[i].phys, page_count = ranges[i].page_count;
        if (phys == 0 && page_count > 0) {
            phys = PAGE_BYTES;
            page_count--;
        }
        if (!is_free_range(&ranges[i]) || page_count == 0)
            continue;
        uint32_t region = (uint32_t)info->region_count++;
        info->regions[region] = (struct init_region){.phys = phys, .page_count = page_count};
        give_memory(table, INIT_CAP_REGIONS + region, &regions[region], all, phys, page_count);
    }
    info->size = sizeof *info + info->region_count * sizeof(struct init_region);
}

static void give_all(struct table *table, struct space *space, struct thread *thread, struct pool *pool,
                     const struct boot_info *boot, const struct boot_range *ranges, struct init_info *info) {
    give(table, INIT_CAP_TABLE, &table->object, RIGHTS_ALL, 0);
    give(table, INIT_CAP_SPACE, &space->object, RIGHTS_ALL, 0);
    give(table, INIT_CAP_THREAD, &thread->object, RIGHTS_ALL, 0);
    give(table, INIT_CAP_POOL, &pool->object, RIGHTS_ALL, 0);
    object_init(&all_ports, OBJECT_PORTS, NULL, 0);
    give(table, INIT_CAP_PORTS, &all_ports, RIGHTS_ALL, RANGE(0, 65536));
    object_init(&all_lines, OBJECT_IRQ, NULL, 0);
    give(table, INIT_CAP_IRQ, &all_lines, RIGHTS_ALL, RANGE(0, arch_irq_end()));
    devices.is_device = true;
    give_memory(table, INIT_CAP_DEVICES, &devices, MEMORY_READ | MEMORY_WRITE, 0, arch_frame_limit());
    uint64_t volume_pages = (boot->volume_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    give_memory(table, INIT_CAP_VOLUME, &volume, MEMORY_READ | MEMORY_EXECUTE, boot->volume_phys, volume_pages);
    give_memory(table, INIT_CAP_LOG, &log_memory, MEMORY_READ, arch_physical(log_ring), LOG_RING_PAGES);
    give_regions(table, boot, ranges, info);
}

/* The start of the first program's stack: no arguments, no environment, an auxiliary vector. */
static uaddr_t build_stack(void) {
    const uint64_t words[] = {0, 0, 0, AT_BATON_MESSAGE, INIT_MESSAGE_AT, AT_BATON_INIT, INIT_INFO_AT, AT_NULL, 0, 0};
    _Static_assert(sizeof words % 16 == 0, "the stack pointer starts aligned");
    uint64_t top = (reserved.stack_frame + INIT_STACK_PAGES) * PAGE_BYTES;
    memory_move(arch_pointer(top - sizeof words), words, sizeof words);
    return INIT_STACK_TOP - sizeof words;
}

static struct init_info *fill_info(const struct boot_info *boot) {
    struct init_info *info = arch_pointer(reserved.info_frame * PAGE_BYTES);
    memory_clear(info, reserved.info_pages * PAGE_BYTES);
    info->table_slots = boot->range_count > INIT_TABLE_SLOTS / 4 ? 2 * INIT_TABLE_SLOTS : INIT_TABLE_SLOTS;
    info->volume_bytes = boot->volume_bytes;
    info->rsdp_phys = boot->rsdp_phys;
    info->framebuffer = boot->framebuffer;
    memory_move(info->entropy, boot->entropy, sizeof info->entropy);
    memory_move(info->command, boot->command, sizeof info->command);
    return info;
}

static void start_init(const struct boot_info *boot, const struct boot_range *ranges) {
    struct init_info *info = fill_info(boot);
    struct pool *pool = pool_make(reserved.pool_frame, INIT_POOL_PAGES);
    struct table *table = table_make(pool, info->table_slots);
    struct space *space = space_make(pool);
    struct thread *thread = thread_make(pool);
    if (table == NULL || space == NULL || thread == NULL)
        panic("the first pool is too small for the first program");

    for (uint64_t i = 0; i < boot->init_segment_count; i++) {
        const struct boot_segment *segment = &boot->init_segments[i];
        map_for_init(space, segment->phys / PAGE_BYTES, segment->page_count, segment->virt, (uint32_t)segment->rights);
    }
    uint32_t read_write = MEMORY_READ | MEMORY_WRITE;
    memory_clear(arch_pointer(reserved.stack_frame * PAGE_BYTES), INIT_STACK_PAGES * PAGE_BYTES);
    memory_clear(arch_pointer(reserved.message_frame * PAGE_BYTES), PAGE_BYTES);
    map_for_init(space, reserved.stack_frame, INIT_STACK_PAGES, INIT_STACK_TOP - INIT_STACK_PAGES * PAGE_BYTES,
                 read_write);
    map_for_init(space, reserved.info_frame, reserved.info_pages, INIT_INFO_AT, MEMORY_READ);
    map_for_init(space, reserved.message_frame, 1, INIT_MESSAGE_AT, read_write);

    give_all(table, space, thread, pool, boot, ranges, info);
    thread_set_priority(thread, INIT_PRIORITY);
    thread_bind(thread, &thread->table, &table->slots[INIT_CAP_TABLE]);
    thread_bind(thread, &thread->space, &table->slots[INIT_CAP_SPACE]);
    thread_hold_message_frame(thread, reserved.message_frame);
    struct thread_registers entry = {.rip = boot->init_entry, .rsp = build_stack()};
    struct audit_failure failure;
    if (BATON_CHECKS && arch_audit_root(space->root, thread, &failure) != AUDIT_OK)
        panic("the first program's address space fails the audit");
    arch_registers_write(thread, &entry);
    sched_ready(thread);
}

/* Split the kernel's range: its boot-only pages, which come first, are free when the first program runs. */
static void free_boot_only(struct boot_info *boot, struct boot_range *ranges) {
    struct boot_range first = arch_boot_only();
    uint64_t at = boot->range_count++;
    for (; at > 0 && ranges[at - 1].phys >= first.phys; at--)
        ranges[at] = ranges[at - 1];
    ranges[at] = first;
    ranges[at + 1].phys += first.page_count * PAGE_BYTES;
    ranges[at + 1].page_count -= first.page_count;
}

void kernel_main(const struct boot_info *boot) {
    static struct boot_info copy;
    static struct boot_range ranges[BOOT_RANGES_MAX + 1];
    static const char *const levels[] = {"error", "warn", "info", NULL};
    if (boot->magic != BOOT_MAGIC || boot->version != BOOT_VERSION || boot->size != sizeof *boot)
        panic("the boot loader speaks another version of the boot protocol");
    kernel_lock_first(); /* other CPUs wait for it until there is something to run */
    copy = *boot;
    memory_move(ranges, arch_boot_pointer(boot->ranges_phys), boot->range_count * sizeof(struct boot_range));
    arch_log_init(&copy);
    log_limit = (enum log_level)command_choose(copy.command, "log=", levels, LOG_INFO);
    arch_init(&copy, ranges);
    free_boot_only(&copy, ranges);
    log_line(LOG_INFO, "boot", "baton %s, checks %s, %u MHz", BATON_VERSION, BATON_CHECKS ? "on" : "off",
             (copy.tsc_hz + 500000) / 1000000);
    if (copy.notes[0] != 0)
        log_line(LOG_WARN, "boot", "%s", copy.notes);

    ledger_init(&copy, ranges);
    reserve(&copy, ranges);
    log_line(LOG_INFO, "memory", "%u MiB of RAM, %u ranges", ledger.ram_count * PAGE_BYTES >> 20, copy.range_count);
    start_init(&copy, ranges);
    log_line(LOG_INFO, "boot", "first program at %x", copy.init_entry);
    arch_boot_end();
}
