#include "servers/init/recovery.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/commit.h"
#include "libsys/wire/status_text.h"
#include "servers/init/kept.h"
#include "servers/init/report.h"
#include "servers/init/storm.h"
#include "servers/init/swap.h"

#define GONE_IMAGE "bin/gone" /* answers for a program that does not come back */
#define TIMER_BIT 1U

static cap_t timer; /* notification */

static struct thread_state state_of(const struct child *child) {
    struct thread_state state;
    (void)sys_thread_read(child->thread, 0); /* can't fail: it is init's own */
    memcpy(&state, program.message->data, sizeof state);
    return state;
}

/* Begin to watch a program that has just started. */
static void watch(struct child *child) {
    child->looked_ns = sys_clock_read().value;
    child->used_ns = state_of(child).cpu_time_ns;
    child->silent_ns = 0;
}

bool recovery_start(void) {
    storm_start(the_world.info->command);
    timer = world_object(&the_world, "init timer", OBJECT_NOTIFICATION);
    struct thread_config config = {.notification = timer};
    memcpy(program.message->data, &config, sizeof config);
    uint64_t status = timer == 0 ? E_LIMIT : sys_thread_configure(INIT_CAP_THREAD, THREAD_NOTIFICATION).status;
    if (status != OK)
        log_print("init: timer: %s", status_text(status));
    for (struct child *child = the_children; child < the_children + the_manifest.program_count; child++)
        watch(child);
    recovery_tick();
    return status == OK;
}

/* ---- how often ---- */

/* May the program be started once more? Count it then. */
static bool take_turn(struct child *child, uint64_t now_ns) {
    const struct manifest_restart *rule = &child->program->restart;
    if (child->window_count == 0 || now_ns - child->window_ns > rule->window_ms * NS_PER_MS) {
        child->window_ns = now_ns;
        child->window_count = 0;
    }
    if (child->window_count >= rule->limit)
        return false;
    child->window_count++;
    return true;
}

/* ---- ways out ---- */

/*
 * Clean up after a program that nobody can answer for. Its endpoints go, and with them every call that waits there: its
 * clients get an error instead of waiting without end. Its kernel objects go, too.
 */
static void retire(struct child *child) {
    for (uint32_t i = 0; i < child->program->cap_count; i++) {
        const struct manifest_cap *cap = &child->program->caps[i];
        if (cap->kind != MANIFEST_ENDPOINT || manifest_calls(cap->right))
            continue;
        cap_t endpoint = world_object(&the_world, cap->object, OBJECT_ENDPOINT);
        (void)sys_cap_revoke(endpoint); /* can't fail: the slot is init's own */
        (void)sys_cap_delete(0, endpoint);
    }
    (void)sys_cap_delete(0, child->pool);
}

/* The program does not come back: its callers are told so, by a small program in its place. */
static void be_gone(struct child *child) {
    bool was_gone = child->state == INIT_GONE;
    child->state = INIT_GONE;
    if (child->program->vital) {
        log_print("init: %s is vital: switching off", child->program->name);
        (void)world_power_off(STATUS_VITAL_ENDED); /* returns only if the kernel refuses; then the others go on */
    }
    if (was_gone || !child_rebuild(child, GONE_IMAGE, &the_world, &child->dead) || !child_start(child))
        retire(child);
}

static void start_again(struct child *child) {
    child->due_ns = 0;
    if (!child_rebuild(child, child->path, &the_world, &child->dead) || !child_start(child)) {
        be_gone(child);
        return;
    }
    child->state = INIT_RUNNING;
    watch(child);
}

void recovery_of(struct child *child, enum init_end end, const struct thread_registers *dead) {
    uint64_t now_ns = sys_clock_read().value;
    child->end = end;
    child->dead = *dead;
    if (end != INIT_REQUESTED)
        swap_take_back(child, now_ns);
    bool keeps_nothing = kept_is_nothing(child, &the_world);
    if (keeps_nothing)
        log_print("init: %s: %s keeps no state: nothing can take its place", child->program->name, child->path);
    if (child->program->restart.limit == 0 || child->state == INIT_GONE || keeps_nothing) {
        be_gone(child);
        return;
    }
    child->state = INIT_FAULTED;
    if (end != INIT_REQUESTED && !take_turn(child, now_ns)) {
        log_print("init: %s: restarted %lu times within %lu ms: it stays away", child->program->name,
                  child->program->restart.limit, child->program->restart.window_ms);
        be_gone(child);
        return;
    }
    child->restart_count++;
    child->due_ns = now_ns + child->program->restart.backoff_ms * NS_PER_MS;
    if (end == INIT_REQUESTED || child->program->restart.backoff_ms == 0)
        start_again(child);
    else
        recovery_tick();
}

/* Stop a program that runs, and take its registers. */
static void stop(const struct child *child, struct thread_registers *ret_dead) {
    (void)sys_thread_suspend(child->thread, SUSPEND_WITHDRAW | SUSPEND_ABANDON); /* can't fail: it is init's own */
    (void)sys_thread_read(child->thread, THREAD_REGISTERS);
    memcpy(ret_dead, program.message->data, sizeof *ret_dead);
}

uint32_t recovery_request(struct child *child) {
    struct thread_registers dead;
    if (child->state == INIT_GONE)
        return P_GONE;
    if (child->program->restart.limit == 0 || kept_is_nothing(child, &the_world))
        return P_OPERATION;
    if (child->state != INIT_RUNNING || swap_concerns(child))
        return P_BUSY;
    stop(child, &dead);
    if (dead.rax == SYS_cap_delete) { /* nobody would take apart the rest of a large object that it may be deleting */
        (void)sys_thread_resume(child->thread);
        return P_BUSY;
    }
    recovery_of(child, INIT_REQUESTED, &dead);
    return OK;
}

/* ---- programs that hang ---- */

/*
 * A program that takes no message is not to blame for time in which it could not run: others may have had the CPU, or
 * the whole machine may have stood still. So time counts as its own only if it waited for something else than a
 * message, or had the CPU, and at most half a heartbeat for each look. Of one that keeps no state nothing tells which
 * messages it has taken. A busy one would look as if it hung, so it is not watched.
 */
static void look_at(struct child *child, uint64_t now_ns) {
    uint64_t heard = kept_word(child, &the_world, KEEP_STATE_AT - KEEP_AT + COMMIT_HEARD);
    uint64_t heartbeat_ns = child->program->heartbeat_ms * NS_PER_MS;
    const struct thread_state state = state_of(child);
    bool could_run = state.run_state == THREAD_READY || state.run_state == THREAD_RUNNING;
    uint64_t passed_ns = could_run ? state.cpu_time_ns - child->used_ns : now_ns - child->looked_ns;
    child->looked_ns = now_ns;
    child->used_ns = state.cpu_time_ns;
    child->silent_ns += smaller(passed_ns, heartbeat_ns / 2);
    if (heard != child->heard || state.run_state == THREAD_IN_WAIT) {
        child->heard = heard;
        child->silent_ns = 0;
    }
    if (child->silent_ns < heartbeat_ns || kept_is_nothing(child, &the_world))
        return;
    child->fault = (struct fault_message){0};
    stop(child, &child->fault.registers);
    report_hang(&the_world, child, child->silent_ns / NS_PER_MS);
    recovery_of(child, INIT_HUNG, &child->fault.registers);
}

static void strike(const struct storm_blow *blow) {
    const char *reason = "there is no such server that can be swapped";
    if (blow->child != NULL && blow->kind == STORM_ENDS)
        (void)recovery_request(blow->child);
    else if ((blow->child == NULL || swap_begin(blow->child, blow->path, &reason) != OK) && blow->kind == STORM_SWAP_AT)
        log_print("init: --swap-at: not swapped for %s: %s", blow->path, reason);
}

/* Do what storms want done now. At random it may be refused: a server has ended by itself, or is being swapped. */
static void strike_all(void) {
    struct storm_blow blow;
    for (uint64_t now_ns = sys_clock_read().value; storm_draw(now_ns, &blow);)
        strike(&blow);
}

void recovery_tick(void) {
    strike_all();
    uint64_t now_ns = sys_clock_read().value, next_ns = storm_next_ns(now_ns);
    next_ns = smaller(next_ns, swap_tick(now_ns)); /* it may find that a program is to be started */
    for (struct child *child = the_children; child < the_children + the_manifest.program_count; child++) {
        if (child->due_ns != 0 && child->due_ns <= now_ns)
            start_again(child);
        else if (child->state == INIT_RUNNING && child->program->heartbeat_ms != 0 && !swap_concerns(child))
            look_at(child, now_ns);
        if (child->due_ns != 0)
            next_ns = smaller(next_ns, child->due_ns);
        else if (child->state == INIT_RUNNING && child->program->heartbeat_ms != 0)
            next_ns = smaller(next_ns, now_ns + child->program->heartbeat_ms * NS_PER_MS / 2);
    }
    (void)sys_signal_timer(timer, TIMER_BIT, next_ns); /* can't fail: it is init's own, with all rights */
}
