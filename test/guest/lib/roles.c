#include "test/guest/lib/roles.h"

#include "kernel/abi/system.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define ROLE_SLOT 1U /* the slot of the role's capability in the worker's table */

void role_call(struct worker_view *view) {
    struct message message = {.info = view->in[0], .words = {view->in[2], view->in[3], view->in[4], view->in[5]}};
    view->message->deadline_ns = view->in[1];
    view->out[CALL_STATUS] = ep_call(view->caps[0], &message);
    view->out[CALL_INFO] = message.info;
    for (uint32_t i = 0; i < MESSAGE_REGISTERS; i++)
        view->out[CALL_WORD_0 + i] = message.words[i];
    view->out[CALL_ENDED_NS] = world_now();
}

void role_wait(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    view->out[WAIT_STATUS] = ep_wait(view->caps[0], view->in[0], &message, &badge);
    view->out[WAIT_BADGE] = badge;
    view->out[WAIT_INFO] = message.info;
    for (uint32_t i = 0; i < MESSAGE_REGISTERS; i++)
        view->out[WAIT_WORD_0 + i] = message.words[i];
    view->out[WAIT_ENDED_NS] = world_now();
}

void role_signal_wait(struct worker_view *view) {
    struct result result = sys_signal_wait(view->caps[0], view->in[0]);
    view->out[SIGNAL_STATUS] = result.status;
    view->out[SIGNAL_BITS] = result.value;
    view->out[SIGNAL_ENDED_NS] = world_now();
}

void role_echo(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    uint64_t status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    for (; status == OK; status = ep_reply_wait(view->caps[0], &message, &badge))
        view->out[ECHO_COUNT]++;
    view->out[ECHO_STATUS] = status;
}

void role_spin(struct worker_view *view) {
    for (;;)
        view->out[0]++;
}

void role_nothing(struct worker_view *view) { (void)view; }

void role_start_call(struct worker *worker, struct worker_plan plan, cap_t endpoint, uint64_t info) {
    plan.code = role_call;
    worker_make(worker, plan);
    worker->view->caps[0] = worker_give(worker, ROLE_SLOT, endpoint, RIGHTS_ALL, 0);
    worker->view->in[0] = info;
    worker_resume(worker);
}

void role_start_call_until(struct worker *worker, struct worker_plan plan, cap_t endpoint, uint64_t deadline_ns) {
    plan.code = role_call;
    worker_make(worker, plan);
    worker->view->caps[0] = worker_give(worker, ROLE_SLOT, endpoint, RIGHTS_ALL, 0);
    worker->view->in[0] = MESSAGE_INFO(0, 0, 0) | MESSAGE_DEADLINE;
    worker->view->in[1] = deadline_ns;
    worker_resume(worker);
}

void role_start_wait(struct worker *worker, struct worker_plan plan, worker_code *role, cap_t object) {
    plan.code = role;
    worker_make(worker, plan);
    worker->view->caps[0] = worker_give(worker, ROLE_SLOT, object, RIGHTS_ALL, 0);
    worker->view->in[0] = DEADLINE_NEVER;
    worker_resume(worker);
}

/* in[0] = kind, in[1] = address. */
static void touch(struct worker_view *view) {
    volatile uint64_t *at = (volatile uint64_t *)view->in[1];
    if (view->in[0] == TOUCH_READ)
        view->out[0] = *at;
    else if (view->in[0] == TOUCH_WRITE)
        *at = ROLE_TOUCHED;
    else
        __asm__ volatile("call *%0" : : "r"(at) : "memory");
}

struct touch role_touch(cap_t space, enum touch_kind kind, uaddr_t at) {
    struct worker worker;
    struct touch result = {0};
    worker_make(&worker, (struct worker_plan){.code = touch, .space = space});
    worker.view->in[0] = kind;
    worker.view->in[1] = at;
    worker_resume(&worker);
    result.faulted = worker_outcome(&worker, &result.fault);
    if (result.faulted)
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    worker.ended = true;
    result.value = worker.view->out[0];
    return result;
}

bool role_can_touch(cap_t space, enum touch_kind kind, uaddr_t at) {
    struct touch result = role_touch(space, kind, at);
    if (result.faulted)
        test_fail("touch 0x%lx: a fault, kind %lu access 0x%lx", at, result.fault.kind, result.fault.access);
    return !result.faulted;
}

bool role_faults(cap_t space, enum touch_kind kind, uaddr_t at, uint64_t access) {
    struct touch result = role_touch(space, kind, at);
    if (!result.faulted) {
        test_fail("touch 0x%lx: no fault", at);
        return false;
    }
    return CHECK_EQUAL(result.fault.kind, FAULT_PAGE) && CHECK_EQUAL(result.fault.address, at) &&
           CHECK_EQUAL(result.fault.access, access);
}

#define SLEEPERS_MAX 16U

/* Start for each CPU a thread that calls at `endpoint`, and one that waits for a notification; all of them sleep. */
static void start_sleepers(struct worker *callers, struct worker *sleepers, cap_t notifications, cap_t endpoint) {
    for (uint64_t cpu = 0; cpu < sys_system_info(INFO_CPUS, 0).value; cpu++) {
        CHECK_STATUS(sys_object_create(world.pool, OBJECT_NOTIFICATION, 0, notifications + cpu), OK);
        role_start_wait(&sleepers[cpu], (struct worker_plan){.cpu = cpu}, role_signal_wait, notifications + cpu);
        role_start_call(&callers[cpu], (struct worker_plan){.cpu = cpu}, endpoint, 0);
        CHECK(worker_await(&sleepers[cpu], THREAD_IN_SIGNAL));
        CHECK(worker_await(&callers[cpu], THREAD_IN_CALL));
        CHECK_STATUS(sys_cap_delete(0, callers[cpu].view->caps[0]), OK);
    }
}

static void check_prompt(const char *what, uint64_t cpu, uint64_t start_ns, uint64_t ended_ns, uint64_t limit_ns) {
    if (ended_ns == 0 || ended_ns - start_ns > limit_ns)
        test_fail("%s: a thread of CPU %lu slept on for %lu us", what, cpu,
                  ((ended_ns == 0 ? world_now() : ended_ns) - start_ns) / 1000);
}

/* At the end only a thread's binding keeps the endpoint alive. thread_configure gives that up and takes nothing apart,
 * so the dead endpoint is left to idle CPUs. */
void role_check_sleepers(void) {
    struct worker callers[SLEEPERS_MAX], sleepers[SLEEPERS_MAX];
    cap_t notifications = world_slots(SLEEPERS_MAX), endpoint = world_create(OBJECT_ENDPOINT, 0);
    cap_t thread = world_create(OBJECT_THREAD, 0);
    uint64_t count = sys_system_info(INFO_CPUS, 0).value, limit_ns = test_limit_default_ns() / 200;
    struct thread_config config = {.fault_endpoint = endpoint};
    CHECK_STATUS(worker_configure(thread, &config, THREAD_FAULT_ENDPOINT), OK);
    start_sleepers(callers, sleepers, notifications, endpoint);
    CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    config.fault_endpoint = 0;
    CHECK_STATUS(worker_configure(thread, &config, THREAD_FAULT_ENDPOINT), OK);
    uint64_t start_ns = world_now();
    worker_let_run(2 * limit_ns);
    for (uint64_t cpu = 0; cpu < count; cpu++)
        check_prompt("its endpoint died", cpu, start_ns, callers[cpu].view->out[CALL_ENDED_NS], limit_ns);
    for (uint64_t cpu = 0; cpu < count; cpu++) {
        const volatile uint64_t *ended_ns = &sleepers[cpu].view->out[SIGNAL_ENDED_NS];
        start_ns = world_now();
        CHECK_STATUS(sys_signal_raise(notifications + cpu, 1), OK);
        while (*ended_ns == 0 && world_now() < start_ns + limit_ns)
            worker_let_run(limit_ns / 1000);
        check_prompt("its notification was raised", cpu, start_ns, *ended_ns, limit_ns);
    }
    for (uint64_t cpu = 0; cpu < count; cpu++) {
        worker_join(&callers[cpu]);
        worker_join(&sleepers[cpu]);
    }
}
