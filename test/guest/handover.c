/*
 * thread_handover: does the thread run in the prepared space, or else has nothing changed and is the reason told?
 */
#include "kernel/abi/system.h"
#include "libsys/maker/refusal.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define CODE_AT 0x4000000000ULL
#define STACK_AT 0x4000100000ULL
#define ABSENT_AT 0x5000000000ULL
#define ENTRY_PRESENT 1ULL
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

/* A space with the program's code, and pages of every kind at known addresses. */
struct handover_target {
    cap_t space;
    uaddr_t read, write, execute;
};

static struct handover_target make_place(void) {
    struct handover_target place = {
        .space = worker_space(), .execute = CODE_AT, .write = STACK_AT, .read = STACK_AT + PAGE_BYTES};
    cap_t memory = world_memory(3);
    CHECK_STATUS(sys_space_map(place.space, memory, 0, 1, place.execute, READ_EXECUTE), OK);
    CHECK_STATUS(sys_space_map(place.space, memory, 1, 1, place.write, READ_WRITE), OK);
    CHECK_STATUS(sys_space_map(place.space, memory, 2, 1, place.read, MEMORY_READ), OK);
    return place;
}

/* Try a handover that must fail the audit, with this check and address, and change nothing. */
static void check_audit(cap_t thread, cap_t space, struct thread_registers entry, uint64_t flags,
                        enum audit_check check, uaddr_t address) {
    uint64_t caps = sys_system_info(INFO_CAPABILITIES, 0).value;
    struct result result = worker_handover(thread, space, &entry, flags);
    struct audit_failure failure;
    memcpy(&failure, program.message->data, sizeof failure);
    CHECK_STATUS(result, E_AUDIT);
    CHECK_EQUAL(result.value, check);
    CHECK_EQUAL(failure.check, check);
    CHECK_EQUAL(failure.address, address);
    CHECK(failure.level <= 4);
    CHECK_EQUAL(failure.entry & ENTRY_ADDRESS, 0);
    CHECK_EQUAL(sys_system_info(INFO_CAPABILITIES, 0).value, caps);
}

static void thread_handover_audits_the_entry(void) {
    struct handover_target place = make_place();
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    const uaddr_t wrong[] = {ABSENT_AT, CODE_AT + PAGE_BYTES, CODE_AT + (1 << 21), place.read, place.write + 8};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct thread_registers entry = {.rip = wrong[i], .rsp = place.write + 64};
        check_audit(worker.thread, place.space, entry, 0, AUDIT_ENTRY, wrong[i]);
        check_audit(worker.thread, place.space, entry, HANDOVER_RESUME, AUDIT_ENTRY, wrong[i]);
    }
    CHECK_EQUAL(worker_read(worker.thread).registers.rsp, worker.stack_top); /* unchanged */
}

static void thread_handover_audits_the_stack(void) {
    struct handover_target place = make_place();
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    const uaddr_t wrong[] = {ABSENT_AT, place.execute + 64, place.read + 64, place.write, place.write + PAGE_BYTES + 8};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct thread_registers entry = {.rip = place.execute, .rsp = wrong[i]};
        check_audit(worker.thread, place.space, entry, 0, AUDIT_STACK, wrong[i] - 8);
    }
    struct thread_registers entry = {.rip = place.execute, .rsp = place.write + PAGE_BYTES}; /* the top of a page */
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, 0), OK);
    entry.rsp = place.write + 8;
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, 0), OK);
}

static void thread_handover_audits_the_entry_state(void) {
    struct handover_target place = make_place();
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    const uint64_t kernel[] = {0x0000800000000000, 0x8000000000000000, 0xffff800000000000, 0xffffffff80000000,
                               UINT64_MAX};
    for (uint32_t i = 0; i < sizeof kernel / sizeof kernel[0]; i++) {
        struct thread_registers good = {.rip = place.execute, .rsp = place.write + 64}, bad = good;
        uint64_t absent_ok = HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK;
        bad.rip = kernel[i];
        check_audit(worker.thread, place.space, bad, absent_ok, AUDIT_ENTRY_STATE, bad.rip);
        bad = good;
        bad.rsp = kernel[i];
        check_audit(worker.thread, place.space, bad, absent_ok, AUDIT_ENTRY_STATE, bad.rip);
        bad = good;
        bad.fs_base = kernel[i];
        check_audit(worker.thread, place.space, bad, absent_ok, AUDIT_ENTRY_STATE, bad.rip);
    }
    struct thread_registers no_stack = {.rip = place.execute, .rsp = 0};
    check_audit(worker.thread, place.space, no_stack, 0, AUDIT_ENTRY_STATE, no_stack.rip);
}

/* Check how a report describes a page: these words, and behind them the address of its memory, which is returned. */
static uint64_t told_memory(cap_t space, uaddr_t at, uint32_t rights, const char *wanted) {
    char text[REFUSAL_TEXT_MAX];
    uint64_t memory = 0;
    size_t length = strlen(wanted);
    refusal_format_page(space, at, rights, text, sizeof text);
    bool is_told =
        strncmp(text, wanted, length) == 0 && (text[length] == '\0' || text_to_number(text + length, &memory));
    if (!CHECK(is_told))
        test_note("\"%s\", not \"%s\"", text, wanted);
    return memory;
}

/* What the report of a refusal tells of the pages where a thread was to start. */
static void space_query_in_words(void) {
    struct handover_target place = make_place();
    uint64_t code = told_memory(place.space, place.execute + 5, READ_EXECUTE, "needs r-x, has r-x, memory ");
    CHECK(code != 0 && code % PAGE_BYTES == 0);
    CHECK_EQUAL(told_memory(place.space, place.write, READ_EXECUTE, "needs r-x, has rw-, memory "), code + PAGE_BYTES);
    CHECK_EQUAL(told_memory(place.space, place.read, READ_WRITE, "needs rw-, has r--, memory "), code + 2 * PAGE_BYTES);
    told_memory(place.space, CODE_AT + PAGE_BYTES, READ_EXECUTE, "needs r-x, has no page: the walk ends at level 1");
    told_memory(place.space, CODE_AT + (1 << 30), READ_EXECUTE, "needs r-x, has no page: the walk ends at level 3");
    told_memory(place.space, ABSENT_AT, READ_EXECUTE, "needs r-x, has no page: the walk ends at level 3");
    told_memory(place.space, 1ULL << 46, READ_WRITE, "needs rw-, has no page: the walk ends at level 4");
    told_memory(place.space, UINT64_MAX - 7, READ_WRITE, "no address that a program can have");
    told_memory(world_copy(place.space, SPACE_MAP | SPACE_RUN, 0), place.write, READ_WRITE,
                "needs rw-, has what the kernel does not tell: the capability lacks a right that is needed");
    uaddr_t large = CODE_AT + (1 << 30);
    CHECK_STATUS(sys_space_map(place.space, hook_large_memory(1), 0, MAP_PAGES_MAX, large, READ_WRITE), OK);
    uint64_t memory = told_memory(place.space, large + 7, READ_WRITE, "needs rw-, has rw-, memory ");
    CHECK_EQUAL(memory % (MAP_PAGES_MAX * PAGE_BYTES), 0);
    CHECK_EQUAL(told_memory(place.space, large + 9 * PAGE_BYTES, READ_WRITE, "needs rw-, has rw-, memory "),
                memory + 9 * PAGE_BYTES);
}

/* A thread needs all of these: table, fault endpoint, message page. */
static void thread_handover_audits_the_bindings(void) {
    struct handover_target place = make_place();
    cap_t thread = world_create(OBJECT_THREAD, 0), memory = world_memory(1);
    struct thread_registers entry = {.rip = place.execute, .rsp = place.write + 64};
    struct thread_config config = {.table = INIT_CAP_TABLE, .fault_endpoint = world.faults, .message_memory = memory};
    check_audit(thread, place.space, entry, 0, AUDIT_TABLE, 0);
    CHECK_STATUS(worker_configure(thread, &config, THREAD_TABLE), OK);
    check_audit(thread, place.space, entry, 0, AUDIT_FAULT_ENDPOINT, 0);
    CHECK_STATUS(worker_configure(thread, &config, THREAD_FAULT_ENDPOINT), OK);
    check_audit(thread, place.space, entry, 0, AUDIT_MESSAGE_PAGE, 0);
    CHECK_STATUS(worker_configure(thread, &config, THREAD_MESSAGE_PAGE), OK);
    CHECK_STATUS(worker_handover(thread, place.space, &entry, 0), OK);
    CHECK_STATUS(sys_cap_revoke(memory), OK);
    check_audit(thread, place.space, entry, 0, AUDIT_MESSAGE_PAGE, 0);
}

static void thread_handover_accepts_absent_pages_for_a_pager(void) {
    struct handover_target place = make_place();
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    struct thread_registers entry = {.rip = ABSENT_AT, .rsp = place.write + 64};
    check_audit(worker.thread, place.space, entry, HANDOVER_ABSENT_STACK, AUDIT_ENTRY, ABSENT_AT);
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, HANDOVER_ABSENT_ENTRY), OK);
    worker_resume(&worker);
    if (worker_fault(&worker, &fault)) {
        CHECK_EQUAL(fault.kind, FAULT_PAGE);
        CHECK_EQUAL(fault.address, ABSENT_AT);
        CHECK_EQUAL(fault.access, FAULT_ACCESS_FETCH);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
    entry = (struct thread_registers){.rip = place.execute, .rsp = ABSENT_AT};
    check_audit(worker.thread, place.space, entry, HANDOVER_ABSENT_ENTRY, AUDIT_STACK, ABSENT_AT - 8);
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, HANDOVER_ABSENT_STACK), OK);
    /* Pages that are mapped must still be right. */
    entry = (struct thread_registers){.rip = place.write, .rsp = ABSENT_AT};
    check_audit(worker.thread, place.space, entry, HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK, AUDIT_ENTRY,
                place.write);
    entry = (struct thread_registers){.rip = ABSENT_AT, .rsp = place.read + 64};
    check_audit(worker.thread, place.space, entry, HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK, AUDIT_STACK,
                place.read + 56);
}

static void thread_handover_refuses_flags(void) {
    struct handover_target place = make_place();
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    struct thread_registers entry = {.rip = place.execute, .rsp = place.write + 64};
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, 1 << 0), E_ARG); /* once a flag */
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, 1 << 5), E_ARG);
    CHECK_STATUS(worker_handover(worker.thread, place.space, &entry, UINT64_MAX), E_ARG);
}

/* Every register of the entry state arrives, sanitised as thread_write does. */
static void thread_handover_sets_all_registers(void) {
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    struct thread_registers entry;
    uint64_t words[sizeof entry / 8];
    for (uint32_t i = 0; i < sizeof words / 8; i++)
        words[i] = random_next();
    memcpy(&entry, words, sizeof entry);
    entry.rip = (uaddr_t)raw_trap;
    entry.rsp = worker.stack_top;
    entry.rflags = 0x3f7ed5; /* all but TF */
    entry.fs_base = 0x123450;
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
    entry.rflags = 0x240ed7;
    entry.rip++;
    if (worker_fault(&worker, &fault))
        CHECK(memcmp(&fault.registers, &entry, sizeof entry) == 0);
}

static void thread_handover_of_a_thread_in_each_state(void) {
    enum { SPIN, CALL, SERVED, WAIT, SIGNAL, FAULT, STATES };
    struct worker workers[STATES];
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), served = world_create(OBJECT_ENDPOINT, 0);
    cap_t silent = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    role_start_call(&workers[CALL], (struct worker_plan){0}, endpoint, 0);
    role_start_call(&workers[SERVED], (struct worker_plan){0}, served, 0);
    CHECK_STATUS(ep_wait(served, world_soon(), &message, &badge), OK);
    CHECK_STATUS(sys_cap_move(0, badge = world_slot(), 0), OK);
    role_start_wait(&workers[WAIT], (struct worker_plan){0}, role_wait, silent);
    role_start_wait(&workers[SIGNAL], (struct worker_plan){0}, role_signal_wait, notification);
    worker_start(&workers[FAULT], (struct worker_plan){.code = role_nothing, .fault_endpoint = endpoint});
    worker_start(&workers[SPIN], (struct worker_plan){.code = role_spin, .priority = 1});
    CHECK(worker_await(&workers[FAULT], THREAD_IN_FAULT));
    for (uint32_t i = 0; i < STATES; i++) {
        struct thread_registers entry = worker_entry_state(&workers[i], role_nothing);
        CHECK_STATUS(worker_handover(workers[i].thread, INIT_CAP_SPACE, &entry, 0), OK);
        CHECK_EQUAL(worker_read(workers[i].thread).run_state, THREAD_STOPPED);
    }
    /* Nothing is left in the queues they waited in. */
    message.info = 0;
    CHECK_STATUS(ep_reply(badge, &message), E_CAP);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT);
    CHECK_STATUS(sys_signal_raise(notification, 1), OK);
    CHECK_VALUE(sys_signal_poll(notification), 1);
    for (uint32_t i = 0; i < STATES; i++) {
        if (i == FAULT)
            continue; /* nobody would receive its end */
        worker_resume(&workers[i]);
        worker_join(&workers[i]);
    }
}

/* An exec by the thread itself: caps[0] = its own thread, caps[1] = another space, in[0] = flags. */
static void hand_over_self(struct worker_view *view) {
    struct thread_registers entry = {.rip = view->in[1], .rsp = view->in[2], .rdi = view->in[3], .rsi = view->in[4]};
    memcpy(view->message->data, &entry, sizeof entry);
    view->out[0] = 100 + sys_thread_handover(view->caps[0], view->caps[1], view->in[0]).status;
}

static void report_arrival(struct worker_view *view) { view->out[1] = 0xa441; }

static void thread_handover_of_oneself(void) {
    for (uint32_t resume = 0; resume < 2; resume++) {
        struct worker worker;
        worker_make(&worker, (struct worker_plan){.code = hand_over_self, .own_space = true, .own_table = true});
        cap_t space = worker_space();
        CHECK_STATUS(sys_space_map(space, worker.window, 0, 6, worker.stack_top - 4 * PAGE_BYTES, READ_WRITE), OK);
        worker.view->caps[0] = worker_give(&worker, 1, worker.thread, RIGHTS_ALL, 0);
        worker.view->caps[1] = worker_give(&worker, 2, space, SPACE_RUN, 0);
        struct thread_registers entry = worker_entry_state(&worker, report_arrival);
        worker.view->in[0] = resume == 1 ? HANDOVER_RESUME : 0;
        worker.view->in[1] = entry.rip;
        worker.view->in[2] = entry.rsp;
        worker.view->in[3] = entry.rdi;
        worker.view->in[4] = entry.rsi;
        worker_resume(&worker);
        if (resume == 0) {
            CHECK(worker_await(&worker, THREAD_STOPPED));
            worker_resume(&worker);
        }
        worker_join(&worker);
        CHECK_EQUAL(worker.view->out[0], 0); /* the call did not return */
        CHECK_EQUAL(worker.view->out[1], 0xa441);
    }
}

static void thread_handover_of_oneself_that_fails(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = hand_over_self, .own_space = true, .own_table = true});
    worker.view->caps[0] = worker_give(&worker, 1, worker.thread, RIGHTS_ALL, 0);
    worker.view->caps[1] = worker_give(&worker, 2, world_create(OBJECT_SPACE, 0), SPACE_RUN, 0);
    worker.view->in[0] = HANDOVER_RESUME;
    worker.view->in[1] = (uaddr_t)raw_trap;
    worker.view->in[2] = worker.stack_top;
    worker_resume(&worker);
    worker_join(&worker); /* it goes on in its old space */
    CHECK_STATUS(worker.view->out[0], 100 + E_AUDIT);
}

/* exec: the server hands over the very thread whose call it serves; the call never returns, and the reply is void. */
static void thread_handover_of_a_caller(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), space = worker_space();
    role_start_call(&worker, (struct worker_plan){.own_space = true, .own_table = true}, endpoint, 0);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_STATUS(sys_space_map(space, worker.window, 0, 6, worker.stack_top - 4 * PAGE_BYTES, READ_WRITE), OK);
    struct thread_registers entry = worker_entry_state(&worker, report_arrival);
    CHECK_STATUS(worker_handover(worker.thread, space, &entry, HANDOVER_RESUME), OK);
    message.info = 0;
    CHECK_STATUS(ep_reply(0, &message), E_CAP);
    CHECK_STATUS(sys_cap_delete(0, worker.space), OK); /* its old space is destroyed; the thread no longer needs it */
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[CALL_INFO], 0xa441);
    CHECK_EQUAL(worker.view->out[CALL_ENDED_NS], 0);
}

/* The call takes longer while depths are to be corrected in the list of the old space or the new one. */
static void thread_handover_while_depths_are_corrected(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    struct thread_registers entry = worker_entry_state(&worker, role_nothing);
    cap_t left = world_orphans(worker.space), entered = world_copy(INIT_CAP_SPACE, RIGHTS_ALL, 0);
    CHECK_STATUS(worker_handover(worker.thread, entered, &entry, 0), OK);
    CHECK_STATUS(worker_handover(worker.thread, world_orphans(left), &entry, HANDOVER_RESUME), OK);
    worker_join(&worker);
}

SUITE(CASE(thread_handover_audits_the_entry), CASE(thread_handover_audits_the_stack),
      CASE(thread_handover_audits_the_entry_state), CASE(space_query_in_words),
      CASE(thread_handover_audits_the_bindings), CASE(thread_handover_accepts_absent_pages_for_a_pager),
      CASE(thread_handover_refuses_flags), CASE(thread_handover_sets_all_registers),
      CASE(thread_handover_of_a_thread_in_each_state), CASE(thread_handover_of_oneself),
      CASE(thread_handover_of_oneself_that_fails), CASE(thread_handover_of_a_caller),
      CASE(thread_handover_while_depths_are_corrected));
