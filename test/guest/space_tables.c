/*
 * Page tables: are they made when needed and freed when empty, across every boundary? Are spaces separate? Do query and
 * audit tell the truth about them?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define MIB_2 (1ULL << 21)
#define GIB_1 (1ULL << 30)
#define GIB_512 (1ULL << 39)
#define SOMEWHERE 0x4000000000ULL

#define ENTRY_PRESENT (1ULL << 0)
#define ENTRY_WRITE (1ULL << 1)
#define ENTRY_USER (1ULL << 2)
#define ENTRY_NO_EXECUTE (1ULL << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

static uint64_t pool_used(cap_t pool) { return sys_system_info(INFO_POOL_USED, pool).value; }

static struct space_walk query(cap_t space, uaddr_t at, uint64_t present) {
    struct space_walk walk;
    CHECK_VALUE(sys_space_query(space, at), present);
    memcpy(&walk, program.message->data, sizeof walk);
    return walk;
}

/* Map across an edge of each level: the number of tables, and that all of them are freed again. */
static void space_map_makes_and_returns_tables(void) {
    const struct {
        uaddr_t edge;
        uint64_t tables;
    } rows[] = {{SOMEWHERE + MIB_2, 4}, {SOMEWHERE + GIB_1, 5}, {SOMEWHERE + GIB_512 - SOMEWHERE % GIB_512, 6}};
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(4);
    uint64_t before = pool_used(world.pool);
    for (uint32_t i = 0; i < 3; i++) {
        uaddr_t at = rows[i].edge - 2 * PAGE_BYTES;
        CHECK_STATUS(sys_space_map(space, memory, 0, 4, at, MEMORY_READ), OK);
        CHECK_EQUAL(pool_used(world.pool), before + rows[i].tables * PAGE_BYTES);
        for (uint64_t page = 0; page < 4; page++)
            query(space, at + page * PAGE_BYTES, 4);
        CHECK_VALUE(sys_space_unmap(space, at, 2), 2); /* one side of the edge */
        CHECK_EQUAL(pool_used(world.pool), before + 3 * PAGE_BYTES);
        CHECK_VALUE(sys_space_unmap(space, at, 4), 2);
        CHECK_EQUAL(pool_used(world.pool), before);
    }
}

static void space_map_of_a_whole_run_across_an_edge(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(MAP_PAGES_MAX);
    uint64_t before = pool_used(world.pool);
    for (uint64_t back = 0; back <= MAP_PAGES_MAX; back += 64) {
        uaddr_t at = GIB_512 - back * PAGE_BYTES;
        CHECK_STATUS(sys_space_map(space, memory, 0, MAP_PAGES_MAX, at, MEMORY_READ), OK);
        query(space, at, 4);
        query(space, at + (MAP_PAGES_MAX - 1) * PAGE_BYTES, 4);
        CHECK(sys_space_query(space, at - PAGE_BYTES).value < 4);
        CHECK(sys_space_query(space, at + MAP_PAGES_MAX * PAGE_BYTES).value < 4);
        CHECK_VALUE(sys_space_unmap(space, at, MAP_PAGES_MAX), MAP_PAGES_MAX);
        CHECK_EQUAL(pool_used(world.pool), before);
    }
}

/* A pool with room for k tables: a mapping that needs k works, one that needs more fails and leaves no trace. */
static void space_map_when_the_pool_is_short(void) {
    cap_t memory = world_memory(4);
    for (uint64_t room = 0; room <= 7; room++) {
        cap_t pool = world_pool(3 + room), space = world_slot(); /* the pool itself, a piece for the space, its root */
        CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, space), OK);
        uint64_t before = pool_used(pool), frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
        const struct {
            uaddr_t at;
            uint64_t tables;
        } rows[] = {{SOMEWHERE, 3},
                    {SOMEWHERE + MIB_2 - 2 * PAGE_BYTES, 4},
                    {SOMEWHERE + GIB_1 - 2 * PAGE_BYTES, 5},
                    {GIB_512 - 2 * PAGE_BYTES, 6}};
        for (uint32_t i = 0; i < 4; i++) {
            bool fits = rows[i].tables <= room;
            CHECK_STATUS(sys_space_map(space, memory, 0, 4, rows[i].at, MEMORY_READ), fits ? OK : E_MEMORY);
            if (fits)
                CHECK_VALUE(sys_space_unmap(space, rows[i].at, 4), 4);
            CHECK_EQUAL(pool_used(pool), before);
            CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
        }
    }
}

/* The lowest and highest addresses of a program can be mapped, and none beyond. */
static void space_map_at_the_edges_of_the_user_half(void) {
    cap_t space = worker_space(), memory = world_memory(1);
    CHECK_STATUS(sys_space_map(space, memory, 0, 1, USER_LIMIT - PAGE_BYTES, READ_WRITE), OK);
    role_can_touch(space, TOUCH_WRITE, USER_LIMIT - 8);
    role_faults(space, TOUCH_READ, USER_LIMIT, 0);
    role_faults(space, TOUCH_READ, USER_LOWEST - 8, 0);
    role_faults(space, TOUCH_WRITE, 0, FAULT_ACCESS_WRITE);
    role_faults(space, TOUCH_RUN, 0, FAULT_ACCESS_FETCH);
}

static void space_map_does_not_reach_other_spaces(void) {
    cap_t one = worker_space(), other = worker_space(), memory = world_memory(2);
    CHECK_STATUS(sys_space_map(one, memory, 0, 1, SOMEWHERE, READ_WRITE), OK);
    CHECK_STATUS(sys_space_map(other, memory, 1, 1, SOMEWHERE, READ_WRITE), OK);
    volatile uint64_t *pages = world_map(memory, 2);
    pages[0] = 1;
    pages[512] = 2;
    for (uint32_t i = 0; i < 3; i++) { /* alternate, with the same address in the TLB */
        CHECK_EQUAL(role_touch(one, TOUCH_READ, SOMEWHERE).value, 1);
        CHECK_EQUAL(role_touch(other, TOUCH_READ, SOMEWHERE).value, 2);
    }
    CHECK_VALUE(sys_space_unmap(one, SOMEWHERE, 1), 1);
    role_faults(one, TOUCH_READ, SOMEWHERE, 0);
    role_can_touch(other, TOUCH_READ, SOMEWHERE);
    static uint64_t own_variable = 5;
    role_faults(one, TOUCH_READ, (uaddr_t)&own_variable, 0);
}

static void cap_delete_of_a_space_releases_its_pages(void) {
    cap_t memory = world_memory(64);
    uint64_t used = pool_used(world.pool), frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
    cap_t space = world_create(OBJECT_SPACE, 0);
    for (uint64_t i = 0; i < 64; i++) /* many tables, with one page each */
        CHECK_STATUS(sys_space_map(space, memory, i, 1, SOMEWHERE + i * (MIB_2 + PAGE_BYTES), MEMORY_READ), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames + 64);
    CHECK_STATUS(sys_pool_create(memory, 63, 1, world_slot()), E_BUSY);
    CHECK_STATUS(sys_cap_delete(0, space), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
    CHECK_EQUAL(pool_used(world.pool), used);
}

/* ---- device memory ---- */

#define HPET_PHYS 0xfed00000ULL /* the HPET, which every PC of this suite has; its first word holds the vendor */
#define HPET_VENDOR_INTEL 0x8086U

static void space_map_of_device_memory(void) {
    uaddr_t at = world_addresses(3);
    uint64_t frame = HPET_PHYS / PAGE_BYTES, frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
    const uint64_t flags[] = {READ_WRITE | MAP_UNCACHED, MEMORY_READ | MAP_WRITE_COMBINING, MEMORY_READ};
    for (uint64_t i = 0; i < 3; i++)
        CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frame, 1, at + i * PAGE_BYTES, flags[i]), OK);
    CHECK_EQUAL(*(volatile uint64_t *)at >> 16 & 0xffff, HPET_VENDOR_INTEL);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames); /* it is not RAM, so it is not counted */
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frame, 1, world_addresses(1),
                               MEMORY_READ | MAP_UNCACHED | MAP_WRITE_COMBINING),
                 E_ARG);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frame, 1, world_addresses(1), READ_EXECUTE), E_RIGHTS);
}

/* A frame beyond the CPU's address bits, on a machine with few; see also devices.c. */
static void space_map_of_device_memory_ends_where_the_cpu_does(void) {
    uint32_t a = 0x80000008, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    uint64_t frames = 1ULL << ((a & 0xff) - 12);
    uaddr_t at = world_addresses(2);
    CHECK(frames < UINT32_MAX);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frames, 1, at, MEMORY_READ), E_ARG);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frames - 1, 2, at, MEMORY_READ), E_ARG);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frames - 1, 1, at, MEMORY_READ), OK);
}

/* Device memory gives no access to RAM, neither to a user's nor to the kernel's. */
static void space_map_of_device_memory_refuses_ram(void) {
    const struct init_info *info = (const void *)program_auxiliary(AT_BATON_INIT);
    cap_t space = world_create(OBJECT_SPACE, 0);
    uint64_t ram = 0;
    for (uint64_t frame = 0; frame < 32768; frame += 1) {
        uint64_t status =
            sys_space_map(space, INIT_CAP_DEVICES, frame, 1, SOMEWHERE, MEMORY_READ | MAP_UNCACHED).status;
        if (status == OK)
            (void)sys_space_unmap(space, SOMEWHERE, 1);
        else
            ram += CHECK_STATUS(status, E_BUSY);
    }
    CHECK(ram >= sys_system_info(INFO_FRAMES_RAM, 0).value);
    for (uint64_t i = 0; i < info->region_count; i++) {
        uint64_t frame = info->regions[i].phys / PAGE_BYTES + info->regions[i].page_count - 1;
        CHECK_STATUS(sys_space_map(space, INIT_CAP_DEVICES, frame, 1, SOMEWHERE, MEMORY_READ), E_BUSY);
    }
}

/* ---- query and audit ---- */

static void space_query_shows_the_walk(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(1);
    struct space_walk walk = query(space, SOMEWHERE, 0);
    CHECK_EQUAL(walk.levels, 1);
    CHECK_EQUAL(walk.entry[0], 0);
    CHECK_STATUS(sys_space_map(space, memory, 0, 1, SOMEWHERE, MEMORY_READ), OK);
    walk = query(space, SOMEWHERE + 0x123, 4);
    CHECK_EQUAL(walk.levels, 4);
    for (uint32_t i = 0; i < 3; i++) { /* the addresses of tables are secret */
        CHECK_EQUAL(walk.entry[i] & ENTRY_ADDRESS, 0);
        CHECK_EQUAL(walk.entry[i] & (ENTRY_PRESENT | ENTRY_USER), ENTRY_PRESENT | ENTRY_USER);
    }
    CHECK(walk.entry[3] & ENTRY_PRESENT);
    CHECK(!(walk.entry[3] & ENTRY_WRITE));
    CHECK(walk.entry[3] & ENTRY_NO_EXECUTE);
    CHECK(walk.entry[3] & ENTRY_ADDRESS);
    CHECK_EQUAL(query(space, SOMEWHERE + PAGE_BYTES, 3).levels, 4);
    CHECK_EQUAL(query(space, SOMEWHERE + MIB_2, 2).levels, 3);
    CHECK_EQUAL(query(space, SOMEWHERE + GIB_1, 1).levels, 2);
    CHECK_EQUAL(query(space, SOMEWHERE + GIB_512, 0).levels, 1);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, READ_WRITE), OK);
    walk = query(space, SOMEWHERE, 4);
    CHECK(walk.entry[3] & ENTRY_WRITE);
    CHECK(walk.entry[3] & ENTRY_NO_EXECUTE);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, READ_EXECUTE), OK);
    walk = query(space, SOMEWHERE, 4);
    CHECK(!(walk.entry[3] & (ENTRY_WRITE | ENTRY_NO_EXECUTE)));
}

static void space_query_says_nothing_of_the_kernel(void) {
    const uaddr_t kernel[] = {USER_LIMIT, 0x800000000000, 0xffff800000000000, 0xffffffff80000000, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof kernel / sizeof kernel[0]; i++)
        CHECK_STATUS(sys_space_query(INIT_CAP_SPACE, kernel[i]), E_ARG);
    CHECK_STATUS(sys_space_query(INIT_CAP_SPACE, 0), OK);
}

static void space_audit_passes_what_is_sound(void) {
    CHECK_STATUS(world_audit(INIT_CAP_SPACE), OK);
    CHECK_STATUS(world_audit(world_create(OBJECT_SPACE, 0)), OK);
    CHECK_STATUS(world_audit(worker_space()), OK);
}

/* The audit's parts follow each other without gaps, whatever is mapped. */
static void space_audit_goes_on_in_parts(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(1);
    const uaddr_t mapped[] = {USER_LOWEST, USER_LOWEST + (1ULL << 21), SOMEWHERE, USER_LIMIT - PAGE_BYTES};
    for (uint32_t i = 0; i < 4; i++)
        CHECK_STATUS(sys_space_map(space, memory, 0, 1, mapped[i], MEMORY_READ), OK);
    uint64_t parts = 0;
    for (uint64_t from = 0; from < USER_LIMIT; parts++) {
        struct result result = sys_space_audit(space, from);
        CHECK_STATUS(result, OK);
        CHECK(result.value > from && result.value <= USER_LIMIT);
        from = result.value;
    }
    CHECK(parts > 4);
    CHECK_STATUS(sys_space_audit(space, USER_LIMIT), E_ARG);
    CHECK_STATUS(sys_space_audit(space, UINT64_MAX), E_ARG);
}

/* caps[0] = space. These calls need a message page; the worker has none. */
static void call_without_message_page(struct worker_view *view) {
    view->out[0] = sys_space_query(view->caps[0], SOMEWHERE).status;
    view->out[1] = sys_space_audit(view->caps[0], 0).status;
}

static void space_calls_need_a_message_page(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = call_without_message_page});
    worker.view->caps[0] = INIT_CAP_SPACE;
    struct thread_config config = {0};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_MESSAGE_PAGE), OK);
    worker_resume(&worker);
    worker_join(&worker);
    for (uint32_t i = 0; i < 2; i++)
        CHECK_STATUS(worker.view->out[i], E_STATE);
}

SUITE(CASE(space_map_makes_and_returns_tables), CASE(space_map_of_a_whole_run_across_an_edge),
      CASE(space_map_when_the_pool_is_short), CASE(space_map_at_the_edges_of_the_user_half),
      CASE(space_map_does_not_reach_other_spaces), CASE(cap_delete_of_a_space_releases_its_pages),
      CASE(space_map_of_device_memory), CASE(space_map_of_device_memory_ends_where_the_cpu_does),
      CASE(space_map_of_device_memory_refuses_ram), CASE(space_query_shows_the_walk),
      CASE(space_query_says_nothing_of_the_kernel), CASE(space_audit_passes_what_is_sound),
      CASE(space_audit_goes_on_in_parts), CASE(space_calls_need_a_message_page));
