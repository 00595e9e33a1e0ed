#include "test/guest/lib/worker.h"

#include "kernel/abi/system.h"
#include "libsys/maker/fault.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define WINDOW_PAGES (WORKER_STACK_PAGES + 2)
#define WINDOW_GAP 2U
#define POLL_NS 200000ULL

extern const char __executable_start[];
extern const char worker_entry[], worker_end[]; /* entry.S */

/* The worker with each badge at world.faults, while the case runs; some workers lie on its stack. */
static struct worker *workers[WORKERS_MAX];
static uint64_t worker_count;

cap_t worker_space(void) { return worker_space_from(world.pool); }

cap_t worker_space_from(cap_t pool) {
    cap_t space = world_slot();
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, space), OK);
    CHECK_STATUS(sys_space_map(space, world.image, 0, world.image_pages, (uaddr_t)__executable_start, READ_EXECUTE),
                 OK);
    return space;
}

struct result worker_configure(cap_t thread, const struct thread_config *config, uint64_t fields) {
    memcpy(program.message->data, config, sizeof *config);
    return sys_thread_configure(thread, fields);
}

struct result worker_write(cap_t thread, const struct thread_registers *registers) {
    memcpy(program.message->data, registers, sizeof *registers);
    return sys_thread_write(thread, THREAD_REGISTERS);
}

struct result worker_handover(cap_t thread, cap_t space, const struct thread_registers *entry, uint64_t flags) {
    memcpy(program.message->data, entry, sizeof *entry);
    return sys_thread_handover(thread, space, flags);
}

struct thread_state worker_read(cap_t thread) {
    struct thread_state state;
    memset(program.message->data, 0xa5, sizeof state);
    CHECK_STATUS(sys_thread_read(thread, 0), OK);
    memcpy(&state, program.message->data, sizeof state);
    return state;
}

struct thread_registers worker_entry_state(const struct worker *worker, worker_code *code) {
    return (struct thread_registers){
        .rip = (uaddr_t)worker_entry, .rsp = worker->stack_top, .rdi = (uaddr_t)worker->view, .rsi = (uaddr_t)code};
}

static void make_window(struct worker *worker) {
    worker->window = world_memory(WINDOW_PAGES);
    uaddr_t at = (uaddr_t)world_map(worker->window, WINDOW_PAGES);
    (void)world_addresses(WINDOW_GAP);
    worker->stack_top = at + WORKER_STACK_PAGES * PAGE_BYTES;
    worker->message = (void *)worker->stack_top;
    worker->view = (void *)(worker->stack_top + PAGE_BYTES);
    worker->view->message = worker->message;
    if (worker->space != INIT_CAP_SPACE)
        CHECK_STATUS(sys_space_map(worker->space, worker->window, 0, WINDOW_PAGES, at, READ_WRITE), OK);
}

static cap_t make_fault_endpoint(struct worker *worker) {
    if (worker_count == WORKERS_MAX)
        test_bail_out("more workers in a case than there can be");
    workers[worker_count++] = worker;
    worker->badge = worker_count;
    return world_copy(world.faults, RIGHTS_ALL, worker->badge);
}

void worker_make(struct worker *worker, struct worker_plan plan) {
    *worker = (struct worker){.space = plan.space, .table = plan.table != 0 ? plan.table : INIT_CAP_TABLE};
    if (plan.space == 0)
        worker->space = plan.own_space ? worker_space() : INIT_CAP_SPACE;
    if (plan.own_table)
        worker->table = world_create(OBJECT_TABLE, WORKER_TABLE_SLOTS);
    make_window(worker);
    worker->thread = world_slot();
    CHECK_STATUS(sys_object_create(plan.pool != 0 ? plan.pool : world.pool, OBJECT_THREAD, 0, worker->thread), OK);
    struct thread_config config = {
        .table = worker->table,
        .fault_endpoint = plan.fault_endpoint != 0 ? plan.fault_endpoint : make_fault_endpoint(worker),
        .message_memory = worker->window,
        .message_offset_pages = WORKER_STACK_PAGES,
        .priority = plan.priority != 0 ? plan.priority : PRIORITY_WORKER,
        .cpu = plan.cpu,
    };
    uint64_t fields = THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY | THREAD_CPU;
    CHECK_STATUS(worker_configure(worker->thread, &config, fields), OK);
    struct thread_registers entry = worker_entry_state(worker, plan.code);
    CHECK_STATUS(worker_handover(worker->thread, worker->space, &entry, 0), OK);
}

void worker_resume(const struct worker *worker) { CHECK_STATUS(sys_thread_resume(worker->thread), OK); }

void worker_start(struct worker *worker, struct worker_plan plan) {
    worker_make(worker, plan);
    worker_resume(worker);
}

cap_t worker_give(const struct worker *worker, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    if (worker->table == INIT_CAP_TABLE)
        return world_copy(source, rights, badge);
    CHECK_STATUS(sys_cap_copy(worker->table, slot, source, rights, badge), OK);
    return slot;
}

/* ---- ends and faults ---- */

/* The next message at world.faults. */
static uint64_t take_fault(uint64_t deadline_ns, uint64_t *ret_badge, struct fault_message *ret_fault) {
    struct message message;
    uint64_t words[FAULT_WORDS];
    uint64_t status = ep_wait(world.faults, deadline_ns, &message, ret_badge);
    if (status != OK)
        return status;
    for (uint32_t i = 0; i < FAULT_WORDS; i++)
        words[i] = i < MESSAGE_REGISTERS ? message.words[i] : program.message->words[i];
    memcpy(ret_fault, words, sizeof *ret_fault);
    return OK;
}

/* A breakpoint is reported after its one byte. */
static bool is_end(const struct fault_message *fault) {
    return fault->kind == FAULT_BREAKPOINT && fault->rip == (uaddr_t)worker_end + 1;
}

static void report(uint64_t badge, const struct fault_message *fault) {
    test_fail("worker %lu: %s at rip 0x%lx, address 0x%lx, access 0x%lx, rsp 0x%lx", badge, fault_text(fault->kind),
              fault->rip, fault->address, fault->access, fault->registers.rsp);
}

bool worker_outcome(struct worker *worker, struct fault_message *ret_fault) {
    while (!worker->ended) {
        uint64_t badge, status = take_fault(world_soon(), &badge, ret_fault);
        if (status != OK) {
            test_fail("worker %lu neither ends nor faults: status %lu, state %lu", worker->badge, status,
                      worker_read(worker->thread).run_state);
            return false;
        }
        if (badge == worker->badge && !is_end(ret_fault))
            return true;
        if (!is_end(ret_fault))
            report(badge, ret_fault);
        if (badge >= 1 && badge <= worker_count)
            workers[badge - 1]->ended = true;
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
    return false;
}

bool worker_fault(struct worker *worker, struct fault_message *ret_fault) {
    bool faulted = worker_outcome(worker, ret_fault);
    if (!faulted)
        test_fail("worker %lu has no fault", worker->badge);
    return faulted;
}

void worker_join(struct worker *worker) {
    struct fault_message fault;
    if (worker_outcome(worker, &fault)) {
        report(worker->badge, &fault);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
}

void worker_answer(enum fault_reply answer, const struct fault_message *fault) {
    struct message reply = {.info = MESSAGE_INFO(answer, 0, 0)};
    if (fault != NULL) {
        uint64_t words[FAULT_WORDS];
        memcpy(words, fault, sizeof words);
        reply.info = MESSAGE_INFO(answer, FAULT_WORDS, 0);
        memcpy(program.message->words, words, sizeof words);
        memcpy(reply.words, words, sizeof reply.words);
    }
    CHECK_STATUS(ep_reply(0, &reply), OK);
}

void worker_report_faults(void) {
    struct fault_message fault;
    uint64_t badge, status = E_TIMEOUT;
    while (worker_count > 0 && (status = take_fault(0, &badge, &fault)) == OK) {
        if (!is_end(&fault))
            report(badge, &fault);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
    CHECK_STATUS(status, E_TIMEOUT);
    worker_count = 0;
}

/* ---- time ---- */

void worker_let_run(uint64_t ns) { CHECK_STATUS(sys_signal_wait(world.silence, world_now() + ns), E_TIMEOUT); }

bool worker_await(const struct worker *worker, enum thread_run_state state) {
    uint64_t deadline_ns = world_soon();
    while (worker_read(worker->thread).run_state != state) {
        if (world_now() > deadline_ns) {
            test_fail("worker %lu is in state %lu and should be in %u", worker->badge,
                      worker_read(worker->thread).run_state, (unsigned int)state);
            return false;
        }
        worker_let_run(POLL_NS);
    }
    return true;
}
