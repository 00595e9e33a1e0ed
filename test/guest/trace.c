/*
 * trace_control: does the kernel record events in their order, in the tracer's frames, and nothing else anywhere else?
 */
#include "kernel/abi/trace.h"
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SHORT_NS 1000000ULL
#define NOWHERE 0x5000000000ULL
#define KERNEL_HALF (1ULL << 63)
#define ANY UINT64_MAX
#define PATTERN 0xa5a5a5a5a5a5a5a5ULL

/* A trace, as its tracer sees it; `read`: how many records were checked. */
struct trace_ring {
    cap_t memory;
    uint64_t page_count;
    volatile struct trace_header *header;
    const volatile struct trace_record *records;
    uint64_t read;
};

static struct result control(cap_t memory, uint64_t offset_pages, uint64_t page_count, uint64_t events) {
    return sys_trace_control(INIT_CAP_PORTS, memory, offset_pages, page_count, events);
}

static struct result stop(void) { return control(0, 0, 0, 0); }

static void make_ring(struct trace_ring *ring, uint64_t page_count) {
    (void)stop(); /* a failed case may have left a trace */
    ring->memory = world_memory(page_count);
    ring->page_count = page_count;
    ring->header = world_map(ring->memory, page_count);
    ring->records = (const volatile void *)(ring->header + 1);
    ring->read = 0;
}

static void start(struct trace_ring *ring, uint64_t page_count, uint64_t events) {
    make_ring(ring, page_count);
    CHECK_STATUS(control(ring->memory, 0, page_count, events), OK);
    CHECK_EQUAL(ring->header->record_count, TRACE_RECORDS(page_count));
    CHECK_EQUAL(ring->header->events, events);
}

static const volatile struct trace_record *record_of(const struct trace_ring *ring, uint64_t number) {
    return &ring->records[number % ring->header->record_count];
}

/* Find the next record of this kind and thread after those checked; it must exist. ANY matches anything. */
static const volatile struct trace_record *expect(struct trace_ring *ring, enum trace_event event, uint32_t thread,
                                                  uint64_t detail, uint64_t first, uint64_t second) {
    static const volatile struct trace_record none;
    while (ring->read < ring->header->written) {
        const volatile struct trace_record *record = record_of(ring, ring->read++);
        if (record->event == event && record->thread == thread && (detail == ANY || record->detail == detail) &&
            (first == ANY || record->words[0] == first) && (second == ANY || record->words[1] == second))
            return record;
    }
    test_fail("no record: event %u, thread %u, detail %lu, words 0x%lx 0x%lx", (uint32_t)event, thread, detail, first,
              second);
    return &none;
}

/* How many records are of this event. */
static uint64_t count(const struct trace_ring *ring, enum trace_event event) {
    uint64_t found = 0;
    for (uint64_t i = 0; i < ring->header->written && i < ring->header->record_count; i++)
        found += ring->records[i].event == event;
    return found;
}

static uint32_t id_of(cap_t thread) { return (uint32_t)worker_read(thread).id; }
static uint32_t own_id(void) { return id_of(INIT_CAP_THREAD); }

/* ---- refusals ---- */

static cap_t good_memory;
static uint64_t call_with_ports(cap_t cap) { return sys_trace_control(cap, good_memory, 0, 1, TRACE_ALL).status; }
static uint64_t call_with_memory(cap_t cap) { return control(cap, 0, 1, TRACE_ALL).status; }

static void trace_control_refuses_wrong_capabilities(void) {
    good_memory = world_memory(1);
    argument_check("ports", call_with_ports, world_copy(INIT_CAP_PORTS, PORTS_READ, 0));
    argument_check("memory", call_with_memory, world_copy(good_memory, MEMORY_READ, 0));
    CHECK_STATUS(control(INIT_CAP_VOLUME, 0, 1, TRACE_ALL), E_RIGHTS);
    CHECK_STATUS(control(INIT_CAP_DEVICES, 0xfed00, 1, TRACE_ALL), E_TYPE);
}

/* Tracing shows everything, so it needs all ports, which allow everything. */
static void trace_control_needs_all_ports(void) {
    cap_t most = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(0, 65535));
    cap_t others = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(1, 65535));
    cap_t memory = world_memory(1);
    CHECK_STATUS(sys_trace_control(most, memory, 0, 1, TRACE_ALL), E_RIGHTS);
    CHECK_STATUS(sys_trace_control(others, memory, 0, 1, TRACE_ALL), E_RIGHTS);
    CHECK_STATUS(sys_trace_control(most, 0, 0, 0, 0), E_RIGHTS);
    CHECK_STATUS(stop(), E_STATE); /* no trace runs */
}

static void trace_control_refuses_arguments(void) {
    cap_t memory = world_memory(TRACE_PAGES_MAX + 2), pool_memory = world_memory(4);
    CHECK_STATUS(sys_pool_create(pool_memory, 1, 2, world_slot()), OK);
    struct hook_counts before = hook_counts(world.pool);
    const struct {
        cap_t memory;
        uint64_t offset_pages, page_count, events, status;
    } rows[] = {
        {memory, 0, 1, TRACE_ALL + 1, E_ARG},
        {memory, 0, 1, UINT64_MAX, E_ARG},
        {memory, 0, 1, 1ULL << 63, E_ARG},
        {memory, 0, 0, TRACE_ALL, E_ARG},
        {memory, 0, TRACE_PAGES_MAX + 1, TRACE_ALL, E_ARG},
        {memory, 0, UINT64_MAX, TRACE_ALL, E_ARG},
        {memory, 3, TRACE_PAGES_MAX, TRACE_ALL, E_ARG},
        {memory, TRACE_PAGES_MAX + 2, 1, TRACE_ALL, E_ARG},
        {memory, UINT64_MAX, 1, TRACE_ALL, E_ARG},
        {memory, UINT64_MAX, 2, TRACE_ALL, E_ARG},
        {pool_memory, 0, 2, TRACE_ALL, E_BUSY},
        {pool_memory, 2, 1, TRACE_ALL, E_BUSY},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!CHECK_STATUS(control(rows[i].memory, rows[i].offset_pages, rows[i].page_count, rows[i].events),
                          rows[i].status))
            test_note("row %u", i);
    }
    CHECK_STATUS(stop(), E_STATE);
    struct hook_counts after = hook_counts(world.pool);
    CHECK_EQUAL(after.mapped_frames, before.mapped_frames);
    CHECK_EQUAL(after.capabilities, before.capabilities);
}

/* ---- life ---- */

static void trace_control_runs_one_trace(void) {
    struct trace_ring ring;
    make_ring(&ring, 1);
    CHECK_STATUS(stop(), E_STATE);
    CHECK_STATUS(control(ring.memory, 0, 1, TRACE_BIT(TRACE_CALL)), OK);
    CHECK_STATUS(control(ring.memory, 0, 1, TRACE_BIT(TRACE_CALL)), E_BUSY);
    CHECK_STATUS(control(world_memory(1), 0, 1, TRACE_BIT(TRACE_FAULT)), E_BUSY);
    CHECK_EQUAL(ring.header->events, TRACE_BIT(TRACE_CALL));
    CHECK_STATUS(stop(), OK);
    CHECK_EQUAL(ring.header->events, 0);
    uint64_t written = ring.header->written;
    CHECK_STATUS(stop(), E_STATE);
    CHECK_EQUAL(ring.header->written, written);
}

/* The trace holds its frames while it runs, not before or after. */
static void trace_control_holds_its_frames(void) {
    cap_t memory = world_memory(6), pool = world_slot();
    (void)stop();
    struct hook_counts before = hook_counts(world.pool);
    CHECK_STATUS(control(memory, 1, 4, TRACE_ALL), OK);
    struct hook_counts during = hook_counts(world.pool);
    CHECK_EQUAL(during.mapped_frames, before.mapped_frames + 4);
    CHECK_EQUAL(during.capabilities, before.capabilities + 1);
    if (test_checks_built())
        CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), OK);
    for (uint64_t page = 1; page < 5; page++) {
        struct result result = sys_pool_create(memory, page, 1, pool);
        CHECK_STATUS(result, E_BUSY);
        CHECK_EQUAL(result.value, 1);
    }
    CHECK_STATUS(stop(), OK);
    struct hook_counts after = hook_counts(world.pool);
    CHECK_EQUAL(after.mapped_frames, before.mapped_frames);
    CHECK_EQUAL(after.capabilities, before.capabilities);
    CHECK_STATUS(sys_pool_create(memory, 0, 6, pool), OK);
}

/* The tracer's capability may go, but revoking its ancestor ends the trace. */
static void trace_control_ends_with_its_memory(void) {
    struct trace_ring ring;
    make_ring(&ring, 2);
    cap_t part = world_slot();
    CHECK_STATUS(sys_memory_derive(ring.memory, 1, 1, part, RIGHTS_ALL), OK);
    CHECK_STATUS(sys_memory_fill(ring.memory, 0, PAGE_BYTES, PATTERN), OK);
    uint64_t caps = sys_system_info(INFO_CAPABILITIES, 0).value;
    CHECK_STATUS(control(part, 0, 1, TRACE_ALL), OK);
    const volatile struct trace_header *header = ring.header + PAGE_BYTES / sizeof *header;
    CHECK_STATUS(sys_cap_delete(0, part), OK);
    uint64_t written = header->written;
    (void)world_now();
    CHECK(header->written > written);
    CHECK_EQUAL(header->events, TRACE_ALL);
    CHECK_STATUS(sys_cap_revoke(ring.memory), OK);
    CHECK_EQUAL(header->events, 0);
    written = header->written;
    (void)world_now();
    CHECK_EQUAL(header->written, written);
    CHECK_STATUS(stop(), E_STATE);
    CHECK_EQUAL(sys_system_info(INFO_CAPABILITIES, 0).value, caps - 1);
    CHECK_EQUAL(ring.header->written, PATTERN); /* the page before the trace is unchanged */
}

/* ---- records ---- */

static void trace_control_records_calls(void) {
    struct trace_ring ring;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    uint32_t self = own_id();
    start(&ring, 1, TRACE_BIT(TRACE_CALL) | TRACE_BIT(TRACE_RETURN));
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
    CHECK_STATUS(sys_signal_raise(notification, 5), OK);
    CHECK_VALUE(sys_signal_wait(notification, 0), 5);
    CHECK_STATUS(sys_signal_wait(notification, world_now() + SHORT_NS), E_TIMEOUT);
    CHECK_STATUS(stop(), OK);
    expect(&ring, TRACE_CALL, self, SYS_signal_poll, notification, ANY);
    CHECK_EQUAL(ring.read, 1);
    expect(&ring, TRACE_RETURN, self, SYS_signal_poll, E_EMPTY, 0);
    CHECK_EQUAL(ring.read, 2);
    expect(&ring, TRACE_CALL, self, SYS_signal_raise, notification, 5);
    expect(&ring, TRACE_RETURN, self, SYS_signal_raise, OK, 0);
    expect(&ring, TRACE_CALL, self, SYS_signal_wait, notification, 0);
    expect(&ring, TRACE_RETURN, self, SYS_signal_wait, OK, 5);
    expect(&ring, TRACE_CALL, self, SYS_clock_read, ANY, ANY);
    expect(&ring, TRACE_RETURN, self, SYS_clock_read, OK, ANY);
    CHECK_EQUAL(ring.read, 8);
    expect(&ring, TRACE_CALL, self, SYS_signal_wait, notification, ANY);
    expect(&ring, TRACE_RETURN, self, 0, E_TIMEOUT, 0); /* the outcome of a wait */
    CHECK_EQUAL(ring.read, 10);                         /* without another record before it */
    expect(&ring, TRACE_CALL, self, SYS_trace_control, INIT_CAP_PORTS, 0);
    CHECK_EQUAL(ring.read, ring.header->written); /* it was the last record */
}

/* A call that the kernel makes in steps has one record of its return. */
static void trace_control_records_one_return_of_a_long_call(void) {
    struct trace_ring ring;
    cap_t pool = world_pool(64);
    for (uint32_t i = 0; i < 40; i++)
        CHECK_STATUS(sys_object_create(pool, OBJECT_THREAD, 0, world_slot()), OK);
    start(&ring, 8, TRACE_BIT(TRACE_CALL) | TRACE_BIT(TRACE_RETURN));
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    CHECK_STATUS(stop(), OK);
    CHECK(count(&ring, TRACE_CALL) > 3);
    CHECK_EQUAL(count(&ring, TRACE_RETURN), 1);
    expect(&ring, TRACE_RETURN, own_id(), SYS_cap_delete, OK, 0);
    expect(&ring, TRACE_CALL, own_id(), SYS_trace_control, ANY, ANY);
}

/* A call and answer between two threads, with all their records in order. */
static void trace_control_records_messages_and_switches(void) {
    struct trace_ring ring;
    struct worker worker;
    struct message message;
    uint64_t badge, info = MESSAGE_INFO(7, 2, 0);
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&worker, (struct worker_plan){.own_space = true, .own_table = true}, endpoint, info);
    worker.view->in[2] = 33;
    uint32_t self = own_id(), client = id_of(worker.thread);
    start(&ring, 4, TRACE_ALL);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_EQUAL(message.words[0], 33);
    message = (struct message){.info = MESSAGE_INFO(8, 1, 0), .words = {44}};
    CHECK_STATUS(ep_reply(0, &message), OK);
    worker_join(&worker);
    CHECK_STATUS(stop(), OK);
    CHECK_EQUAL(worker.view->out[CALL_WORD_0], 44);
    expect(&ring, TRACE_CALL, self, SYS_ep_wait, endpoint, ANY);
    expect(&ring, TRACE_SWITCH, self, 0, client, 0);
    expect(&ring, TRACE_CALL, client, SYS_ep_call, ANY, info);
    expect(&ring, TRACE_MESSAGE, client, 0, self, info);
    expect(&ring, TRACE_SWITCH, client, 0, self, 0);
    expect(&ring, TRACE_CALL, self, SYS_ep_reply, 0, MESSAGE_INFO(8, 1, 0));
    expect(&ring, TRACE_MESSAGE, self, 1, client, MESSAGE_INFO(8, 1, 0));
    expect(&ring, TRACE_RETURN, self, SYS_ep_reply, OK, ANY);
    expect(&ring, TRACE_SWITCH, self, 0, client, 0);
    expect(&ring, TRACE_FAULT, client, FAULT_BREAKPOINT, 0, ANY); /* the worker's end */
    expect(&ring, TRACE_SWITCH, client, 0, self, 0);
}

static void trace_control_records_faults(void) {
    struct trace_ring ring;
    start(&ring, 4, TRACE_BIT(TRACE_FAULT) | TRACE_BIT(TRACE_MESSAGE));
    struct touch touch = role_touch(0, TOUCH_READ, NOWHERE);
    CHECK(touch.faulted);
    struct touch other = role_touch(0, TOUCH_READ, KERNEL_HALF | NOWHERE); /* not canonical */
    CHECK(other.faulted);
    CHECK_STATUS(stop(), OK);
    uint64_t number = 0;
    while (number < ring.header->written && record_of(&ring, number)->event != TRACE_FAULT)
        number++;
    const volatile struct trace_record *fault = record_of(&ring, number);
    CHECK_EQUAL(fault->detail, FAULT_PAGE);
    CHECK_EQUAL(fault->words[0], NOWHERE);
    CHECK_EQUAL(fault->words[1], touch.fault.rip);
    ring.read = number + 1;
    uint32_t faulted = fault->thread;
    CHECK(faulted != 0 && faulted != own_id());
    const volatile struct trace_record *message = expect(&ring, TRACE_MESSAGE, faulted, 0, own_id(), ANY);
    CHECK_EQUAL(message_kind(message->words[1]), MESSAGE_FAULT);
    expect(&ring, TRACE_FAULT, faulted + 1, FAULT_PROTECTION, 0, other.fault.rip); /* ids follow each other */
}

static void trace_control_records_interrupts(void) {
    struct trace_ring ring;
    start(&ring, 1, TRACE_BIT(TRACE_INTERRUPT) | TRACE_BIT(TRACE_SWITCH));
    worker_let_run(SHORT_NS);
    CHECK_STATUS(stop(), OK);
    expect(&ring, TRACE_SWITCH, own_id(), 0, 0, 0); /* no thread can run */
    expect(&ring, TRACE_INTERRUPT, 0, TRACE_TIMER, 0, 0);
    expect(&ring, TRACE_SWITCH, 0, 0, own_id(), 0);
}

/* A system call of a foreign thread is a call and a fault. */
static void trace_control_records_foreign_calls(void) {
    struct trace_ring ring;
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_wait});
    worker.view->caps[0] = 123;
    struct thread_config config = {.foreign = 1};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FOREIGN), OK);
    uint32_t id = id_of(worker.thread);
    start(&ring, 2, TRACE_ALL);
    worker_resume(&worker);
    CHECK(worker_fault(&worker, &fault));
    CHECK_STATUS(stop(), OK);
    CHECK_EQUAL(fault.kind, FAULT_SYSCALL);
    expect(&ring, TRACE_CALL, id, SYS_ep_wait, 123, ANY);
    expect(&ring, TRACE_FAULT, id, FAULT_SYSCALL, 0, fault.rip);
    worker_answer(FAULT_STOP, NULL);
}

/* Times ascend, each record has a known event, and none contains an address of the kernel or its objects. */
static void trace_control_tells_no_address_of_the_kernel(void) {
    struct trace_ring ring;
    struct worker worker;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    start(&ring, TRACE_PAGES_MAX, TRACE_ALL);
    worker_start(&worker, (struct worker_plan){.code = role_echo, .own_space = true, .own_table = true});
    (void)role_touch(0, TOUCH_WRITE, NOWHERE);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_TABLE, 8, world_slot()), OK);
    CHECK_STATUS(sys_signal_timer(world_create(OBJECT_NOTIFICATION, 0), 1, world_now() + SHORT_NS), OK);
    CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    worker_let_run(2 * SHORT_NS);
    CHECK_STATUS(stop(), OK);
    CHECK(ring.header->written > 50);
    CHECK(ring.header->written <= ring.header->record_count);
    uint64_t ticks = ring.header->ticks_start;
    for (uint64_t i = 0; i < ring.header->written && i < ring.header->record_count; i++) {
        const volatile struct trace_record *record = record_of(&ring, i);
        bool endless = record->words[0] == UINT64_MAX || record->words[1] == UINT64_MAX; /* DEADLINE_NEVER */
        if (!CHECK(record->ticks >= ticks) || !CHECK(record->event < TRACE_EVENTS) || !CHECK_EQUAL(record->cpu, 0) ||
            !CHECK(endless || ((record->words[0] | record->words[1]) & KERNEL_HALF) == 0))
            test_note("record %lu: event %u, words 0x%lx 0x%lx", i, record->event, record->words[0], record->words[1]);
        ticks = record->ticks;
    }
    CHECK_EQUAL(ring.header->record_count, TRACE_RECORDS(TRACE_PAGES_MAX));
}

/* The last records are there, the first ones are overwritten, and nothing is written outside the ring. */
static void trace_control_wraps(void) {
    struct trace_ring ring;
    make_ring(&ring, 3);
    for (uint64_t page = 0; page < 3; page++)
        CHECK_STATUS(sys_memory_fill(ring.memory, page * PAGE_BYTES, PAGE_BYTES, PATTERN), OK);
    CHECK_STATUS(control(ring.memory, 1, 1, TRACE_BIT(TRACE_CALL)), OK);
    const uint64_t *front = (const void *)(uintptr_t)ring.header, *behind = front + 2 * PAGE_BYTES / 8;
    ring.header += PAGE_BYTES / sizeof *ring.header;
    ring.records = (const volatile void *)(ring.header + 1);
    uint64_t total = ring.header->record_count * 5 / 2, first = SYSCALL_COUNT + 1;
    CHECK_EQUAL(ring.header->record_count, 127);
    for (uint64_t i = 0; i < total; i++)
        (void)sys_system_info(first + i, i);
    CHECK_STATUS(stop(), OK);
    CHECK_EQUAL(ring.header->written, total + 1);
    for (uint64_t number = ring.header->written - 127; number < total; number++) {
        const volatile struct trace_record *record = record_of(&ring, number);
        CHECK_EQUAL(record->detail, SYS_system_info);
        CHECK_EQUAL(record->words[0], first + number);
        CHECK_EQUAL(record->words[1], number);
    }
    CHECK_EQUAL(record_of(&ring, total)->detail, SYS_trace_control);
    for (uint64_t i = 0; i < PAGE_BYTES / 8; i++)
        CHECK(front[i] == PATTERN && behind[i] == PATTERN);
}

/* The kernel keeps its own index, so a user who overwrites the header does not mislead it. */
static void trace_control_does_not_believe_the_ring(void) {
    struct trace_ring ring;
    start(&ring, 1, TRACE_BIT(TRACE_CALL));
    (void)world_now();
    CHECK_EQUAL(ring.header->written, 1);
    memset((void *)(uintptr_t)ring.header, 0xff, sizeof *ring.header);
    (void)world_now();
    CHECK_EQUAL(ring.header->written, 2);
    ring.header->record_count = 1;
    for (uint32_t i = 0; i < 200; i++)
        (void)world_now();
    CHECK_EQUAL(ring.header->written, 202);
    CHECK_EQUAL(ring.records[126].detail, SYS_clock_read);
    CHECK_STATUS(stop(), OK);
}

static void trace_control_records_what_is_asked_for(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t event = 0; event < TRACE_EVENTS; event++) {
        struct trace_ring ring;
        struct worker worker;
        struct message message;
        uint64_t badge;
        start(&ring, 4, TRACE_BIT(event));
        role_start_call(&worker, (struct worker_plan){.own_space = true, .own_table = true}, endpoint, 0);
        CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
        CHECK_STATUS(ep_reply(0, &message), OK);
        worker_join(&worker);
        worker_let_run(SHORT_NS);
        CHECK_STATUS(stop(), OK);
        test_row((const char *[]){"call", "return", "switch", "fault", "interrupt", "message"}[event]);
        CHECK(ring.header->written > 0);
        CHECK_EQUAL(count(&ring, (enum trace_event)event), ring.header->written);
    }
}

/* Starting and stopping take longer while depths are to be corrected in the list of the trace's memory. */
static void trace_control_while_depths_are_corrected(void) {
    struct trace_ring ring;
    make_ring(&ring, 1);
    CHECK_STATUS(control(world_orphans(ring.memory), 0, 1, TRACE_BIT(TRACE_CALL)), OK);
    (void)world_orphans(ring.memory);
    CHECK_STATUS(stop(), OK);
    CHECK_EQUAL(ring.header->events, 0);
    CHECK_STATUS(stop(), E_STATE);
    CHECK_STATUS(sys_cap_revoke(ring.memory), OK);
}

/* Calls have equal results with and without a trace, and neither kind spoils the other. */
static void trace_control_changes_no_result(void) {
    static const uint64_t word_counts[] = {0, 1, 4, 5, 64};
    struct trace_ring ring;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct worker server;
    worker_make(&server, (struct worker_plan){.code = role_echo, .own_space = true, .own_table = true});
    server.view->caps[0] = worker_give(&server, 1, endpoint, RIGHTS_ALL, 0);
    worker_resume(&server);
    CHECK(worker_await(&server, THREAD_IN_WAIT));
    make_ring(&ring, 8);
    for (uint32_t round = 0; round < 4; round++) {
        if (round % 2 == 1)
            CHECK_STATUS(control(ring.memory, 0, 8, TRACE_ALL), OK);
        for (uint32_t i = 0; i < sizeof word_counts / sizeof word_counts[0]; i++) {
            uint64_t words = word_counts[i], info = MESSAGE_INFO(round + 1, words, 0);
            struct message message = {.info = info, .words = {1, 2, 3, 4}};
            for (uint64_t w = 4; w < words; w++)
                program.message->words[w] = 100 * w + round;
            CHECK_STATUS(ep_call(endpoint, &message), OK);
            CHECK_EQUAL(message.info, info);
            for (uint64_t w = 0; w < words && w < 4; w++)
                CHECK_EQUAL(message.words[w], w + 1);
            for (uint64_t w = 4; w < words; w++)
                CHECK_EQUAL(program.message->words[w], 100 * w + round);
        }
        if (round % 2 == 1)
            CHECK_STATUS(stop(), OK);
    }
    CHECK_EQUAL(server.view->out[ECHO_COUNT], 4 * 5);
}

SUITE(CASE(trace_control_refuses_wrong_capabilities), CASE(trace_control_needs_all_ports),
      CASE(trace_control_refuses_arguments), CASE(trace_control_runs_one_trace), CASE(trace_control_holds_its_frames),
      CASE(trace_control_ends_with_its_memory), CASE(trace_control_records_calls),
      CASE(trace_control_records_one_return_of_a_long_call), CASE(trace_control_records_messages_and_switches),
      CASE(trace_control_records_faults), CASE(trace_control_records_interrupts),
      CASE(trace_control_records_foreign_calls), CASE(trace_control_tells_no_address_of_the_kernel),
      CASE(trace_control_wraps), CASE(trace_control_does_not_believe_the_ring),
      CASE(trace_control_records_what_is_asked_for), CASE(trace_control_changes_no_result),
      CASE(trace_control_while_depths_are_corrected));
