/*
 * space_map, space_unmap, space_protect: how do they change what a program sees, and when do they refuse?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SOMEWHERE 0x4000000000ULL /* in spaces made by a case */

static uint64_t mapped_frames(void) { return sys_system_info(INFO_FRAMES_MAPPED, 0).value; }

static uint64_t map(cap_t space, cap_t memory, uaddr_t at, uint64_t flags) {
    return sys_space_map(space, memory, 0, 1, at, flags).status;
}

static void space_map_shows_the_frames(void) {
    cap_t memory = world_memory(3);
    uint64_t before = mapped_frames();
    volatile uint64_t *first = world_map(memory, 3), *second = world_map(memory, 3);
    CHECK_EQUAL(mapped_frames(), before + 3);
    for (uint64_t page = 0; page < 3; page++)
        first[page * 512 + 5] = 100 + page;
    for (uint64_t page = 0; page < 3; page++)
        CHECK_EQUAL(second[page * 512 + 5], 100 + page);
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)first, 3), 3);
    CHECK_EQUAL(mapped_frames(), before + 3);
    CHECK_EQUAL(second[5], 100);
}

static void space_map_takes_the_offset(void) {
    cap_t memory = world_memory(8);
    uaddr_t at = world_addresses(8);
    volatile uint64_t *all = world_map(memory, 8);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 6, 2, at, READ_WRITE), OK);
    all[6 * 512] = 6;
    all[7 * 512] = 7;
    CHECK_EQUAL(*(volatile uint64_t *)at, 6);
    CHECK_EQUAL(*(volatile uint64_t *)(at + PAGE_BYTES), 7);
}

/* Mapping neither clears nor changes contents. */
static void space_map_leaves_contents(void) {
    cap_t memory = world_memory(1);
    volatile uint64_t *page = world_map(memory, 1);
    page[9] = 0x1234;
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)page, 1), 1);
    CHECK_STATUS(map(INIT_CAP_SPACE, memory, (uaddr_t)page, MEMORY_READ), OK);
    CHECK_EQUAL(page[9], 0x1234);
}

static void space_map_refuses_addresses(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(4);
    const struct {
        uaddr_t at;
        uint64_t page_count, status;
    } rows[] = {
        {SOMEWHERE + 1, 1, E_ARG},
        {SOMEWHERE + 4095, 1, E_ARG},
        {0, 1, E_ARG},
        {USER_LOWEST - PAGE_BYTES, 1, E_ARG},
        {USER_LOWEST - PAGE_BYTES, 2, E_ARG},
        {USER_LOWEST, 1, OK},
        {USER_LIMIT - PAGE_BYTES, 1, OK},
        {USER_LIMIT - PAGE_BYTES, 2, E_ARG},
        {USER_LIMIT - 2 * PAGE_BYTES, 4, E_ARG},
        {USER_LIMIT, 1, E_ARG},
        {0x0000800000000000, 1, E_ARG},
        {0x8000000000000000, 1, E_ARG},
        {0xffff800000000000, 1, E_ARG},
        {0xffffffff80000000, 1, E_ARG},
        {0xfffffffffffff000, 1, E_ARG},
        {SOMEWHERE, 0, E_ARG},
        {SOMEWHERE, 5, E_ARG},
        {SOMEWHERE, MAP_PAGES_MAX + 1, E_ARG},
        {SOMEWHERE, UINT64_MAX, E_ARG},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct result result = sys_space_map(space, memory, 0, rows[i].page_count, rows[i].at, READ_WRITE);
        if (!CHECK_STATUS(result, rows[i].status))
            test_note("at 0x%lx, %lu pages", rows[i].at, rows[i].page_count);
    }
}

static void space_map_refuses_flags(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(1);
    const uint64_t wrong[] = {0,
                              MEMORY_WRITE,
                              MEMORY_EXECUTE,
                              MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE,
                              MEMORY_READ | MEMORY_POOL,
                              MEMORY_READ | 1 << 4,
                              MEMORY_READ | 1 << 10,
                              MEMORY_READ | 1ULL << 63,
                              MEMORY_READ | MAP_UNCACHED, /* RAM is cached */
                              MEMORY_READ | MAP_WRITE_COMBINING};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_STATUS(map(space, memory, SOMEWHERE, wrong[i]), E_ARG);
    CHECK_STATUS(map(space, world_copy(memory, MEMORY_READ, 0), SOMEWHERE, READ_WRITE), E_RIGHTS);
    CHECK_STATUS(map(space, world_copy(memory, MEMORY_READ, 0), SOMEWHERE, READ_EXECUTE), E_RIGHTS);
    CHECK_STATUS(map(space, world_copy(memory, MEMORY_WRITE, 0), SOMEWHERE, MEMORY_READ), E_RIGHTS);
}

static void space_map_refuses_ranges_outside_the_memory(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(4);
    const uint64_t rows[][2] = {{4, 1},          {3, 2},          {5, 1},         {UINT64_MAX, 1},
                                {UINT64_MAX, 2}, {1ULL << 52, 1}, {1ULL << 32, 1}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_space_map(space, memory, rows[i][0], rows[i][1], SOMEWHERE, MEMORY_READ), E_ARG);
}

static void space_map_refuses_occupied_pages(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(8);
    uint64_t used = sys_system_info(INFO_POOL_USED, world.pool).value, frames = mapped_frames();
    CHECK_STATUS(map(space, memory, SOMEWHERE + 3 * PAGE_BYTES, MEMORY_READ), OK);
    struct result result = sys_space_map(space, memory, 0, 8, SOMEWHERE, READ_WRITE);
    CHECK_STATUS(result, E_EXISTS);
    CHECK_EQUAL(result.value, SOMEWHERE + 3 * PAGE_BYTES);
    CHECK_EQUAL(mapped_frames(), frames + 1);
    CHECK_VALUE(sys_space_query(space, SOMEWHERE), 3);
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE, 8), 1);
    CHECK_EQUAL(sys_system_info(INFO_POOL_USED, world.pool).value, used);
    CHECK_EQUAL(mapped_frames(), frames);
}

static cap_t tested_memory, tested_space;
static uint64_t call_map_space(cap_t cap) { return map(cap, tested_memory, SOMEWHERE, MEMORY_READ); }
static uint64_t call_map_memory(cap_t cap) { return map(tested_space, cap, SOMEWHERE, MEMORY_READ); }
static uint64_t call_unmap(cap_t cap) { return sys_space_unmap(cap, SOMEWHERE, 1).status; }
static uint64_t call_protect(cap_t cap) { return sys_space_protect(cap, SOMEWHERE, 1, MEMORY_READ).status; }
static uint64_t call_query(cap_t cap) { return sys_space_query(cap, SOMEWHERE).status; }
static uint64_t call_audit(cap_t cap) { return sys_space_audit(cap, 0).status; }

static void space_calls_refuse_wrong_capabilities(void) {
    tested_space = world_create(OBJECT_SPACE, 0);
    tested_memory = world_memory(1);
    cap_t no_map = world_copy(tested_space, SPACE_QUERY | SPACE_RUN, 0);
    cap_t no_query = world_copy(tested_space, SPACE_MAP | SPACE_RUN, 0);
    argument_check("space_map", call_map_space, no_map);
    argument_check("space_map memory", call_map_memory, world_copy(tested_memory, 0, 0));
    argument_check("space_unmap", call_unmap, no_map);
    argument_check("space_protect", call_protect, no_map);
    argument_check("space_query", call_query, no_query);
    argument_check("space_audit", call_audit, no_query);
}

/* ---- unmap and protect ---- */

static void space_unmap_counts_what_was_there(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(4);
    for (uint64_t i = 0; i < 4; i++)
        CHECK_STATUS(map(space, memory, SOMEWHERE + i * 200 * PAGE_BYTES, MEMORY_READ), OK);
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + PAGE_BYTES, 199), 0);
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE, 401), 3);
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + 500 * PAGE_BYTES, MAP_PAGES_MAX), 1);
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + 500 * PAGE_BYTES, MAP_PAGES_MAX), 0);
    CHECK_STATUS(sys_space_unmap(space, SOMEWHERE, 0), E_ARG);
    CHECK_STATUS(sys_space_unmap(space, SOMEWHERE, MAP_PAGES_MAX + 1), E_ARG);
    CHECK_STATUS(sys_space_unmap(space, SOMEWHERE + 8, 1), E_ARG);
    CHECK_STATUS(sys_space_unmap(space, 0, 1), E_ARG);
    CHECK_STATUS(sys_space_unmap(space, USER_LIMIT, 1), E_ARG);
    CHECK_STATUS(sys_space_unmap(space, 0xffff800000000000, 1), E_ARG);
}

static void space_unmap_takes_effect_at_once(void) {
    cap_t memory = world_memory(2);
    volatile uint64_t *pages = world_map(memory, 2);
    pages[0] = 1; /* now it is in the TLB */
    pages[512] = 2;
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)pages, 1), 1);
    role_faults(0, TOUCH_READ, (uaddr_t)pages, 0);
    CHECK_EQUAL(pages[512], 2);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 1, 1, (uaddr_t)pages, MEMORY_READ), OK);
    CHECK_EQUAL(pages[0], 2); /* the same address, another frame */
}

#define OWNED_AT (SOMEWHERE + (5ULL << 30))

/* Read a page, write it, and read it again after a breakpoint. in[0] = address, in[1] = value to write; out[0], out[1]
 * = value before and after. */
static void own_a_page(struct worker_view *view) {
    volatile uint64_t *page = (volatile uint64_t *)view->in[0];
    view->out[0] = page[7];
    page[7] = view->in[1];
    view->out[1] = page[7];
    __asm__ volatile("int3");
    view->out[2] = page[7];
}

/* One frame is passed on among owners, at the same address in each space: a former owner can't reach
 * the next one's contents. */
static void space_unmap_hides_the_next_owner_of_a_frame(void) {
    enum { OWNERS = 5 };
    struct worker owners[OWNERS];
    struct fault_message fault;
    struct message resume = {.info = MESSAGE_INFO(FAULT_RESUME, 0, 0)};
    cap_t frame = world_memory(1), reply = world_slot();
    for (uint64_t i = 0; i < OWNERS; i++) {
        worker_make(&owners[i], (struct worker_plan){.code = own_a_page, .own_space = true, .own_table = true});
        owners[i].view->in[0] = OWNED_AT;
        owners[i].view->in[1] = 0xca0a41 + i;
        CHECK_STATUS(sys_memory_fill(frame, 0, PAGE_BYTES, 0), OK); /* as everyone who passes it on has to */
        CHECK_STATUS(map(owners[i].space, frame, OWNED_AT, READ_WRITE), OK);
        worker_resume(&owners[i]);
        if (!worker_fault(&owners[i], &fault)) /* its breakpoint */
            return;
        CHECK_STATUS(sys_cap_move(0, reply, 0), OK);
        CHECK_EQUAL(owners[i].view->out[0], 0);
        CHECK_EQUAL(owners[i].view->out[1], 0xca0a41 + i);
        CHECK_VALUE(sys_space_unmap(owners[i].space, OWNED_AT, 1), 1);
        if (i > 0) { /* the former owner goes on, right after the one whose translation of the frame is in the TLB */
            CHECK_STATUS(map(owners[i].space, frame, OWNED_AT, READ_WRITE), OK);
            role_can_touch(owners[i].space, TOUCH_READ, OWNED_AT);
            role_faults(owners[i - 1].space, TOUCH_READ, OWNED_AT, 0);
            role_faults(owners[i - 1].space, TOUCH_WRITE, OWNED_AT, FAULT_ACCESS_WRITE);
            CHECK_VALUE(sys_space_unmap(owners[i].space, OWNED_AT, 1), 1);
        }
        CHECK_STATUS(ep_reply(reply, &resume), OK);
        if (worker_fault(&owners[i], &fault)) {
            CHECK_EQUAL(fault.kind, FAULT_PAGE);
            CHECK_EQUAL(fault.address, OWNED_AT + 7 * 8);
        }
        CHECK_EQUAL(owners[i].view->out[2], 0);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
}

/* More pages than the kernel invalidates one by one. */
static void space_unmap_of_many_takes_effect_at_once(void) {
    enum { PAGES = 100 };
    cap_t first = world_memory(PAGES), second = world_memory(PAGES);
    volatile uint64_t *pages = world_map(first, PAGES);
    for (uint64_t i = 0; i < PAGES; i++)
        pages[512 * i] = i + 1;
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)pages, PAGES), PAGES);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, second, 0, PAGES, (uaddr_t)pages, MEMORY_READ), OK);
    for (uint64_t i = 0; i < PAGES; i++)
        CHECK_EQUAL(pages[512 * i], 0);
}

static void space_protect_changes_what_is_allowed(void) {
    cap_t space = worker_space(), memory = world_memory(1);
    uint64_t denied = FAULT_ACCESS_PRESENT;
    *(volatile uint8_t *)world_map(memory, 1) = ROLE_RETURN;
    CHECK_STATUS(map(space, memory, SOMEWHERE, READ_WRITE), OK);
    role_can_touch(space, TOUCH_READ, SOMEWHERE);
    role_can_touch(space, TOUCH_WRITE, SOMEWHERE + 8);
    role_faults(space, TOUCH_RUN, SOMEWHERE, denied | FAULT_ACCESS_FETCH);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, MEMORY_READ), OK);
    role_can_touch(space, TOUCH_READ, SOMEWHERE);
    role_faults(space, TOUCH_WRITE, SOMEWHERE + 8, denied | FAULT_ACCESS_WRITE);
    role_faults(space, TOUCH_RUN, SOMEWHERE, denied | FAULT_ACCESS_FETCH);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, READ_EXECUTE), OK);
    role_can_touch(space, TOUCH_RUN, SOMEWHERE);
    role_faults(space, TOUCH_WRITE, SOMEWHERE + 8, denied | FAULT_ACCESS_WRITE);
}

/* In the caller's own space: old TLB entries must go. */
static void space_protect_takes_effect_at_once(void) {
    volatile uint64_t *page = world_map(world_memory(1), 1);
    page[0] = 3;
    CHECK_STATUS(sys_space_protect(INIT_CAP_SPACE, (uaddr_t)page, 1, MEMORY_READ), OK);
    role_faults(0, TOUCH_WRITE, (uaddr_t)page, FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE);
    CHECK_EQUAL(page[0], 3);
    CHECK_STATUS(sys_space_protect(INIT_CAP_SPACE, (uaddr_t)page, 1, READ_WRITE), OK);
    page[0] = 4;
    CHECK_EQUAL(page[0], 4);
}

/* No more than the Memory capability allowed when the page was mapped, even if the mapping asked for less. */
static void space_protect_is_limited_by_the_memory(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(3);
    CHECK_STATUS(map(space, world_copy(memory, READ_WRITE, 0), SOMEWHERE, MEMORY_READ), OK);
    CHECK_STATUS(map(space, world_copy(memory, READ_EXECUTE, 0), SOMEWHERE + PAGE_BYTES, MEMORY_READ), OK);
    CHECK_STATUS(map(space, memory, SOMEWHERE + 2 * PAGE_BYTES, MEMORY_READ), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, READ_WRITE), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, READ_EXECUTE), E_RIGHTS);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + PAGE_BYTES, 1, READ_EXECUTE), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + PAGE_BYTES, 1, READ_WRITE), E_RIGHTS);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + 2 * PAGE_BYTES, 1, READ_EXECUTE), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + 2 * PAGE_BYTES, 1, READ_WRITE), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE), E_ARG);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, 0), E_ARG);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, MEMORY_WRITE), E_ARG);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 1, MEMORY_READ | MAP_UNCACHED), E_ARG);
}

static void space_protect_changes_nothing_on_an_error(void) {
    cap_t space = worker_space(), memory = world_memory(4), weak = world_copy(memory, MEMORY_READ, 0);
    CHECK_STATUS(map(space, memory, SOMEWHERE, MEMORY_READ), OK);
    CHECK_STATUS(map(space, weak, SOMEWHERE + PAGE_BYTES, MEMORY_READ), OK);
    struct result result = sys_space_protect(space, SOMEWHERE, 2, READ_WRITE);
    CHECK_STATUS(result, E_RIGHTS);
    CHECK_EQUAL(result.value, SOMEWHERE + PAGE_BYTES);
    result = sys_space_protect(space, SOMEWHERE, 3, MEMORY_READ);
    CHECK_STATUS(result, E_EMPTY);
    CHECK_EQUAL(result.value, SOMEWHERE + 2 * PAGE_BYTES);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + (1ULL << 40), 1, MEMORY_READ), E_EMPTY);
    role_faults(space, TOUCH_WRITE, SOMEWHERE, FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, 0, MEMORY_READ), E_ARG);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, MAP_PAGES_MAX + 1, MEMORY_READ), E_ARG);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + 1, 1, MEMORY_READ), E_ARG);
    CHECK_STATUS(sys_space_protect(space, USER_LIMIT, 1, MEMORY_READ), E_ARG);
}

static void space_map_refuses_the_page_behind_a_memory(void) {
    enum { PAGES = 4 };
    cap_t memory = world_memory(PAGES);
    uaddr_t at = world_addresses(2);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, PAGES - 1, 1, at, READ_WRITE),
                 OK); /* this needs a table for the second one */
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, PAGES, 1, at + PAGE_BYTES, READ_WRITE), E_ARG);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, UINT64_MAX, 1, at + PAGE_BYTES, READ_WRITE), E_ARG);
}

SUITE(CASE(space_map_refuses_the_page_behind_a_memory), CASE(space_map_shows_the_frames),
      CASE(space_map_takes_the_offset), CASE(space_map_leaves_contents), CASE(space_map_refuses_addresses),
      CASE(space_map_refuses_flags), CASE(space_map_refuses_ranges_outside_the_memory),
      CASE(space_map_refuses_occupied_pages), CASE(space_calls_refuse_wrong_capabilities),
      CASE(space_unmap_counts_what_was_there), CASE(space_unmap_takes_effect_at_once),
      CASE(space_unmap_of_many_takes_effect_at_once), CASE(space_unmap_hides_the_next_owner_of_a_frame),
      CASE(space_protect_changes_what_is_allowed), CASE(space_protect_takes_effect_at_once),
      CASE(space_protect_is_limited_by_the_memory), CASE(space_protect_changes_nothing_on_an_error));
