/*
 * Does thread_handover notice each way in which a space's kernel half can be wrong, and name it?
 *
 * For each thing that the CPU or the kernel needs, at each level of its walk, one bit of that entry is flipped:
 * present, write, user, no-execute, the frame (CONTROL_TEST_CORRUPT). The handover must be refused and name level,
 * entry and an address behind that entry; nothing may have changed, and the thread still runs where it was.
 *
 * Several needs can lie behind one entry. Then the audit names the one that comes first in its own order.
 */
#include "kernel/abi/system.h"
#include "kernel/calls/check.h"
#include "libsys/maker/refusal.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SPACE_POOL_PAGES 24U /* a space, its tables, and copies of kernel tables */
#define LEVELS 4U
#define SOMEWHERE 0x300000000000ULL
#define FLIPS (CONTROL_FLIP_FRAME + 1)

/* kernel/arch/x86_64/layout.h, which no program may include. */
#define KERNEL_HALF 0xffff800000000000ULL
#define KERNEL_IMAGE_BASE 0xffffffff80000000ULL
#define UNNEEDED 0xffffc00000000000ULL /* between the windows of RAM and of devices */
#define IMAGE_PAGES_MAX 512U           /* one table; the image is smaller */

#define ENTRY_PRESENT (1ULL << 0)
#define ENTRY_WRITE (1ULL << 1)
#define ENTRY_USER (1ULL << 2)
#define ENTRY_NO_EXECUTE (1ULL << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

/* The bit that a flip changes in an entry as the audit shows it, without its address. */
static const uint64_t flip_bit[FLIPS] = {ENTRY_PRESENT, ENTRY_WRITE, ENTRY_USER, ENTRY_NO_EXECUTE, 0};
static const char *const flip_name[FLIPS] = {"present", "write", "user", "no-execute", "frame"};

/* A thread that can run, and room for one wrong space after another. */
struct bench {
    struct worker worker;
    struct thread_registers entry;
    uint64_t frames; /* of the space's pool */
    cap_t pool, space;
};

static void bench_init(struct bench *bench) {
    worker_make(&bench->worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    bench->entry = worker_entry_state(&bench->worker, role_nothing);
    bench->frames = world_frames(SPACE_POOL_PAGES);
    bench->pool = world_slot();
    bench->space = world_slot();
}

/* Make a space in which the thread can run until an entry is corrupted. */
static void make_space(const struct bench *bench) {
    extern const char __executable_start[];
    const struct worker *worker = &bench->worker;
    CHECK_STATUS(sys_pool_create(world.region, bench->frames, SPACE_POOL_PAGES, bench->pool), OK);
    CHECK_STATUS(sys_object_create(bench->pool, OBJECT_SPACE, 0, bench->space), OK);
    CHECK_STATUS(
        sys_space_map(bench->space, world.image, 0, world.image_pages, (uaddr_t)__executable_start, READ_EXECUTE), OK);
    CHECK_STATUS(sys_space_map(bench->space, worker->window, 0, WORKER_STACK_PAGES + 2,
                               worker->stack_top - WORKER_STACK_PAGES * PAGE_BYTES, READ_WRITE),
                 OK);
}

static void drop_space(const struct bench *bench) { CHECK_STATUS(sys_cap_delete(0, bench->pool), OK); }

static uint64_t corrupt(const struct bench *bench, enum audit_check check, uint64_t level, enum control_flip flip) {
    struct control_corrupt what = {
        .space = bench->space, .thread = bench->worker.thread, .check = check, .level = level, .flip = flip};
    memcpy(program.message->data, &what, sizeof what);
    return sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_CORRUPT, 0)).status;
}

/* Why a handover into the bench's space is refused. */
static struct audit_failure refusal(const struct bench *bench, uint64_t flags) {
    uint64_t caps = sys_system_info(INFO_CAPABILITIES, 0).value;
    struct audit_failure failure = {0};
    struct result result = worker_handover(bench->worker.thread, bench->space, &bench->entry, flags);
    if (CHECK_STATUS(result, E_AUDIT)) {
        memcpy(&failure, program.message->data, sizeof failure);
        CHECK_EQUAL(result.value, failure.check);
    }
    CHECK_EQUAL(sys_system_info(INFO_CAPABILITIES, 0).value, caps);
    return failure;
}

/* Check that the thread and its old space are unchanged: it runs there to its end, and can be started again. */
static void check_still_runs(struct bench *bench) {
    CHECK_EQUAL(worker_read(bench->worker.thread).run_state, THREAD_STOPPED);
    CHECK_EQUAL(worker_read(bench->worker.thread).registers.rip, bench->entry.rip);
    worker_resume(&bench->worker);
    worker_join(&bench->worker);
    bench->worker.ended = false;
    CHECK_STATUS(worker_handover(bench->worker.thread, bench->worker.space, &bench->entry, 0), OK);
}

/* Do the walks of two addresses use the same entry of this level? */
static bool same_entry(uint64_t one, uint64_t other, uint64_t level) {
    return one >> (12 + 9 * (level - 1)) == other >> (12 + 9 * (level - 1));
}

/*
 * Try one corrupted entry with a handover that would leave the thread stopped, and with one that would not.
 * *ret_failure is untouched when the walk ends above `level`.
 */
static uint64_t probe(struct bench *bench, enum audit_check check, uint64_t level, enum control_flip flip,
                      struct audit_failure *ret_failure) {
    make_space(bench);
    CHECK_STATUS(world_audit(bench->space), OK);
    uint64_t status = corrupt(bench, check, level, flip);
    if (status == OK) {
        struct audit_failure stopped = refusal(bench, 0), real = refusal(bench, HANDOVER_RESUME);
        CHECK(memcmp(&stopped, &real, sizeof real) == 0);
        CHECK_EQUAL(real.level, level);
        CHECK_EQUAL(real.entry & ENTRY_ADDRESS, 0);
        *ret_failure = real;
    }
    drop_space(bench);
    return status;
}

/*
 * Try all flips at one level: they must agree on the entry's old value, on which need comes first, and
 * where. Returns OK or E_EMPTY.
 */
static uint64_t probe_level(struct bench *bench, enum audit_check check, uint64_t level,
                            struct audit_failure *ret_failure) {
    struct audit_failure first = {0};
    uint64_t first_status = OK;
    for (uint32_t flip = 0; flip < FLIPS; flip++) {
        struct audit_failure failure = {0};
        test_row(flip_name[flip]);
        uint64_t status = probe(bench, check, level, (enum control_flip)flip, &failure);
        if (status == OK)
            failure.entry ^= flip_bit[flip];
        if (flip == 0) {
            first = failure;
            first_status = status;
        }
        CHECK_STATUS(status, first_status);
        CHECK_EQUAL(failure.entry, first.entry);
        CHECK_EQUAL(failure.check, first.check);
        CHECK_EQUAL(failure.address, first.address);
    }
    test_row(NULL);
    if (first_status == OK)
        CHECK_EQUAL(first.entry & (ENTRY_PRESENT | ENTRY_USER), ENTRY_PRESENT);
    *ret_failure = first;
    return first_status;
}

/* The audit's order: for an entry the audit names the first need in this order that lies behind it. */
static const enum audit_check audit_order[] = {
    AUDIT_GATE, AUDIT_KERNEL_STACK, AUDIT_GDT, AUDIT_IDT,         AUDIT_TSS,         AUDIT_RSP0,         AUDIT_CPU_AREA,
    AUDIT_APIC, AUDIT_DIRECT_MAP,   AUDIT_IST, AUDIT_KERNEL_TEXT, AUDIT_KERNEL_DATA, AUDIT_MESSAGE_PAGE,
};
#define NEEDS (sizeof audit_order / sizeof audit_order[0])

static uint32_t order_of(uint64_t check) {
    for (uint32_t i = 0; i < NEEDS; i++) {
        if (audit_order[i] == check)
            return i;
    }
    return NEEDS;
}

/* Corrupt every entry on the way to the page that `check` needs. `write`, `execute`: the rights
 * that this page must have. */
static void try_need(enum audit_check check, bool write, bool execute) {
    struct bench bench;
    struct audit_failure failures[LEVELS + 1] = {{0}};
    uint64_t lowest = LEVELS + 1;
    bench_init(&bench);
    for (uint64_t level = LEVELS; level >= 1; level--) {
        uint64_t status = probe_level(&bench, check, level, &failures[level]);
        bool ended = lowest > level + 1; /* a walk that has ended goes no deeper */
        CHECK_STATUS(status, ended ? E_EMPTY : status == E_EMPTY ? E_EMPTY : OK);
        if (status == OK)
            lowest = level;
        check_still_runs(&bench);
    }
    CHECK(lowest <= 3); /* no entry of the root is a leaf */
    for (uint64_t level = lowest; level <= LEVELS; level++) {
        CHECK(order_of(failures[level].check) <= order_of(check));
        CHECK(same_entry(failures[level].address, failures[lowest].address, level));
    }
    CHECK_EQUAL((failures[lowest].entry & ENTRY_WRITE) != 0, write);
    CHECK_EQUAL((failures[lowest].entry & ENTRY_NO_EXECUTE) == 0, execute);
    test_note("check %u: level %lu, named %lu at offset 0x%lx, entry 0x%lx", (unsigned int)check, lowest,
              failures[lowest].check, failures[lowest].address, failures[lowest].entry);
}

static void thread_handover_audits_kernel_text(void) { try_need(AUDIT_KERNEL_TEXT, false, true); }
static void thread_handover_audits_kernel_data(void) { try_need(AUDIT_KERNEL_DATA, false, false); }
static void thread_handover_audits_kernel_stack(void) { try_need(AUDIT_KERNEL_STACK, true, false); }
static void thread_handover_audits_gdt(void) { try_need(AUDIT_GDT, true, false); }
static void thread_handover_audits_idt(void) { try_need(AUDIT_IDT, true, false); }
static void thread_handover_audits_gates(void) { try_need(AUDIT_GATE, false, true); }
static void thread_handover_audits_tss(void) { try_need(AUDIT_TSS, true, false); }
static void thread_handover_audits_rsp0(void) { try_need(AUDIT_RSP0, true, false); }
static void thread_handover_audits_ist(void) { try_need(AUDIT_IST, true, false); }
static void thread_handover_audits_cpu_area(void) { try_need(AUDIT_CPU_AREA, true, false); }
static void thread_handover_audits_apic(void) { try_need(AUDIT_APIC, true, false); }
static void thread_handover_audits_direct_map(void) { try_need(AUDIT_DIRECT_MAP, true, false); }
static void thread_handover_audits_message_page(void) { try_need(AUDIT_MESSAGE_PAGE, true, false); }

/* ---- the four suspicions in the report that this project began with, each by name ---- */

/* The page of `check` is missing, or, with CONTROL_FLIP_FRAME, replaced by another page. */
static void refuses(enum audit_check check, uint64_t level, enum control_flip flip) {
    struct bench bench;
    struct audit_failure failure = {0};
    bench_init(&bench);
    CHECK_STATUS(probe(&bench, check, level, flip, &failure), OK);
    CHECK_EQUAL(failure.entry & ENTRY_PRESENT, flip == CONTROL_FLIP_PRESENT ? 0 : ENTRY_PRESENT);
    CHECK(failure.check != AUDIT_KERNEL_HALF);
    CHECK(order_of(failure.check) <= order_of(check));
    check_still_runs(&bench);
}

static void handover_refuses_missing_gdt_and_tss(void) {
    refuses(AUDIT_GDT, 1, CONTROL_FLIP_PRESENT);
    refuses(AUDIT_TSS, 1, CONTROL_FLIP_PRESENT);
}

static void handover_refuses_missing_handlers(void) {
    refuses(AUDIT_IDT, 1, CONTROL_FLIP_PRESENT);
    refuses(AUDIT_GATE, 1, CONTROL_FLIP_PRESENT);
}

static void handover_refuses_stack_in_the_wrong_table(void) {
    for (uint64_t level = LEVELS; level >= 1; level--) {
        refuses(AUDIT_KERNEL_STACK, level, CONTROL_FLIP_PRESENT);
        refuses(AUDIT_KERNEL_STACK, level, CONTROL_FLIP_FRAME);
        refuses(AUDIT_IST, level, CONTROL_FLIP_PRESENT);
    }
    refuses(AUDIT_RSP0, LEVELS, CONTROL_FLIP_PRESENT);
}

static void handover_refuses_missing_kernel_text_or_data(void) {
    for (uint64_t level = LEVELS; level >= 1; level--) {
        refuses(AUDIT_KERNEL_TEXT, level, CONTROL_FLIP_PRESENT);
        refuses(AUDIT_KERNEL_DATA, level, CONTROL_FLIP_PRESENT);
    }
}

/* space_audit names the failure that a handover would name. */
static void space_audit_names_what_is_wrong(void) {
    struct bench bench;
    struct audit_failure failure;
    bench_init(&bench);
    for (uint64_t level = LEVELS; level >= 1; level--) {
        make_space(&bench);
        CHECK_STATUS(world_audit(bench.space), OK);
        CHECK_STATUS(corrupt(&bench, AUDIT_IDT, level, CONTROL_FLIP_PRESENT), OK);
        struct result result = world_audit(bench.space);
        memcpy(&failure, program.message->data, sizeof failure);
        CHECK_STATUS(result, E_AUDIT);
        CHECK_EQUAL(result.value, failure.check);
        CHECK_EQUAL(failure.level, level);
        CHECK_EQUAL(failure.entry & (ENTRY_PRESENT | ENTRY_ADDRESS), 0);
        CHECK(order_of(failure.check) <= order_of(AUDIT_IDT));
        drop_space(&bench);
    }
}

static void check_told(cap_t space, const struct audit_failure *known, const char *wanted) {
    char text[REFUSAL_TEXT_MAX];
    refusal_format_audit(space, known, text, sizeof text);
    if (!CHECK(strncmp(text, wanted, strlen(wanted)) == 0))
        test_note("\"%s\", not \"%s\"", text, wanted);
}

/* What the report of a refusal tells of the whole space. */
static void space_audit_in_words(void) {
    struct bench bench;
    struct audit_failure entry = {.check = AUDIT_ENTRY}, apic = {.check = AUDIT_APIC};
    bench_init(&bench);
    make_space(&bench);
    check_told(bench.space, &entry, "sound");
    CHECK_STATUS(corrupt(&bench, AUDIT_APIC, 1, CONTROL_FLIP_PRESENT), OK);
    check_told(bench.space, &entry, "the local APIC is not mapped, at 0x");
    check_told(bench.space, &apic, "no further than that");
    check_told(world_copy(bench.space, SPACE_MAP | SPACE_RUN, 0), &apic,
               "what the kernel does not tell: the capability lacks a right that is needed");
    drop_space(&bench);
}

/* Flip one bit in the entry for any address. */
static void flip_at(const struct bench *bench, uaddr_t at, uint64_t level, enum control_flip flip) {
    struct control_corrupt what = {.space = bench->space,
                                   .thread = bench->worker.thread,
                                   .check = AUDIT_WRITE_EXECUTE, /* the only one that has no address of its own */
                                   .level = level,
                                   .flip = flip,
                                   .at = at};
    memcpy(program.message->data, &what, sizeof what);
    CHECK_STATUS(hook_test(CONTROL_TEST_CORRUPT, 0), OK);
}

/* Entries that nothing needs must still equal the sealed ones. */
static void thread_handover_audits_entries_that_nobody_needs(void) {
    struct bench bench;
    bench_init(&bench);
    for (uint32_t flip = 0; flip < FLIPS; flip++) {
        test_row(flip_name[flip]);
        make_space(&bench);
        flip_at(&bench, UNNEEDED, LEVELS, (enum control_flip)flip);
        struct audit_failure failure = refusal(&bench, 0);
        CHECK_EQUAL(failure.check, flip == CONTROL_FLIP_USER ? AUDIT_USER_BIT : AUDIT_KERNEL_HALF);
        CHECK_EQUAL(failure.level, LEVELS);
        CHECK_EQUAL(failure.address, UNNEEDED - KERNEL_HALF);
        check_still_runs(&bench);
        drop_space(&bench);
    }
    test_row(NULL);
}

/* A bit flipped and flipped back: the tables on the way are copies, equal to the sealed ones but at other addresses. */
static void thread_handover_audits_copies_of_tables(void) {
    struct bench bench;
    bench_init(&bench);
    make_space(&bench);
    for (uint32_t i = 0; i < 2; i++)
        CHECK_STATUS(corrupt(&bench, AUDIT_GDT, 1, CONTROL_FLIP_PRESENT), OK);
    struct audit_failure failure = refusal(&bench, 0);
    CHECK_EQUAL(failure.check, AUDIT_KERNEL_HALF);
    CHECK_EQUAL(failure.level, LEVELS);
    CHECK_EQUAL(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0).value, INVARIANT_KERNEL_HALF);
    check_still_runs(&bench);
    drop_space(&bench);
}

/* The kernel's image is contiguous, and the audit looks at each of its pages, wherever one part of the audit ends. */
static void thread_handover_audits_each_page_of_the_kernel(void) {
    struct bench bench;
    uint64_t named = 0, edges = 0;
    bool was_named = false;
    test_limit_ms(60000);
    bench_init(&bench);
    for (uint64_t page = 0; page < IMAGE_PAGES_MAX; page++) {
        make_space(&bench);
        flip_at(&bench, KERNEL_IMAGE_BASE + page * PAGE_BYTES, 1, CONTROL_FLIP_PRESENT);
        bool is_named = refusal(&bench, 0).check != AUDIT_KERNEL_HALF;
        drop_space(&bench);
        named += is_named;
        edges += is_named != was_named;
        was_named = is_named;
    }
    CHECK(named > 16);
    CHECK_EQUAL(edges, 2); /* its beginning and its end */
    CHECK(!was_named);
    test_note("%lu pages", named);
}

/* No call makes a page both writable and executable, so a bit of a writable page's entry is flipped. */
static void thread_handover_audits_write_execute(void) {
    struct bench bench;
    bench_init(&bench);
    for (uint32_t row = 0; row < 4; row++) { /* neighbours, as the audit goes on after each */
        bool large = row % 2 != 0;
        uaddr_t start = SOMEWHERE + row / 2 * MAP_PAGES_MAX * PAGE_BYTES, at = start + 7 * PAGE_BYTES;
        make_space(&bench);
        if (large)
            CHECK_STATUS(sys_space_map(bench.space, hook_large_memory(1), 0, MAP_PAGES_MAX, start, READ_WRITE), OK);
        else
            CHECK_STATUS(sys_space_map(bench.space, world_memory(1), 0, 1, at, READ_WRITE), OK);
        flip_at(&bench, at, large ? 2 : 1, CONTROL_FLIP_NO_EXECUTE);
        struct result invariants = sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0);
        CHECK_STATUS(invariants, E_STATE);
        CHECK_EQUAL(invariants.value, INVARIANT_WRITE_EXECUTE);
        struct audit_failure failure = refusal(&bench, 0);
        CHECK_EQUAL(failure.check, AUDIT_WRITE_EXECUTE);
        CHECK_EQUAL(failure.level, large ? 2 : 1);
        CHECK_EQUAL(failure.address, large ? start : at);
        CHECK_EQUAL(failure.entry & (ENTRY_WRITE | ENTRY_NO_EXECUTE | ENTRY_ADDRESS), ENTRY_WRITE);
        struct result audited = world_audit(bench.space);
        CHECK_STATUS(audited, E_AUDIT);
        CHECK_EQUAL(audited.value, AUDIT_WRITE_EXECUTE);
        check_still_runs(&bench);
        drop_space(&bench);
    }
}

/* The hook asks for a message page; this worker has none. */
static void corrupt_without_message_page(struct worker_view *view) {
    view->out[0] =
        sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_CORRUPT, 0)).status;
}

static void corrupt_refuses_callers_without_message_page(void) {
    struct worker worker;
    struct thread_config config = {0};
    worker_make(&worker, (struct worker_plan){.code = corrupt_without_message_page});
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_MESSAGE_PAGE), OK);
    worker_resume(&worker);
    worker_join(&worker);
    CHECK_STATUS(worker.view->out[0], E_STATE);
}

/* What does the hook itself refuse? */
static void corrupt_refuses_what_it_does_not_know(void) {
    struct bench bench;
    bench_init(&bench);
    make_space(&bench);
    CHECK_STATUS(corrupt(&bench, AUDIT_OK, 1, CONTROL_FLIP_PRESENT), E_ARG);
    CHECK_STATUS(corrupt(&bench, AUDIT_ENTRY, 1, CONTROL_FLIP_PRESENT), E_ARG);
    CHECK_STATUS(corrupt(&bench, AUDIT_GDT, 0, CONTROL_FLIP_PRESENT), E_ARG);
    CHECK_STATUS(corrupt(&bench, AUDIT_GDT, 5, CONTROL_FLIP_PRESENT), E_ARG);
    CHECK_STATUS(corrupt(&bench, AUDIT_GDT, 1, (enum control_flip)FLIPS), E_ARG);
    CHECK_STATUS(world_audit(bench.space), OK);
    struct bench wrong = bench;
    wrong.space = world_slot();
    CHECK_STATUS(corrupt(&wrong, AUDIT_GDT, 1, CONTROL_FLIP_PRESENT), E_CAP);
    wrong.space = bench.worker.thread;
    CHECK_STATUS(corrupt(&wrong, AUDIT_GDT, 1, CONTROL_FLIP_PRESENT), E_TYPE);
    wrong.space = world_copy(bench.space, SPACE_QUERY, 0);
    CHECK_STATUS(corrupt(&wrong, AUDIT_GDT, 1, CONTROL_FLIP_PRESENT), E_RIGHTS);
    drop_space(&bench);
    cap_t pool = world_pool(3); /* itself, a piece for the space, its root */
    wrong.space = world_slot();
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, wrong.space), OK);
    CHECK_STATUS(corrupt(&wrong, AUDIT_GDT, 1, CONTROL_FLIP_PRESENT), E_MEMORY);
}

SUITE(CASE(thread_handover_audits_kernel_text), CASE(thread_handover_audits_kernel_data),
      CASE(thread_handover_audits_kernel_stack), CASE(thread_handover_audits_gdt), CASE(thread_handover_audits_idt),
      CASE(thread_handover_audits_gates), CASE(thread_handover_audits_tss), CASE(thread_handover_audits_rsp0),
      CASE(thread_handover_audits_ist), CASE(thread_handover_audits_cpu_area), CASE(thread_handover_audits_apic),
      CASE(thread_handover_audits_direct_map), CASE(thread_handover_audits_message_page),
      CASE(thread_handover_audits_write_execute), CASE(thread_handover_audits_entries_that_nobody_needs),
      CASE(thread_handover_audits_copies_of_tables), CASE(thread_handover_audits_each_page_of_the_kernel),
      CASE(handover_refuses_missing_gdt_and_tss), CASE(handover_refuses_missing_handlers),
      CASE(handover_refuses_stack_in_the_wrong_table), CASE(handover_refuses_missing_kernel_text_or_data),
      CASE(space_audit_names_what_is_wrong), CASE(space_audit_in_words), CASE(corrupt_refuses_what_it_does_not_know),
      CASE(corrupt_refuses_callers_without_message_page));
