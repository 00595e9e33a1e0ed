#include "test/host/init_world.h"

#include <stdio.h>
#include <string.h>

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "servers/init/kept.h"
#include "servers/init/report.h"
#include "servers/init/swap.h"
#include "test/host/suite.h"

struct world the_world;
struct manifest the_manifest;
struct child the_children[MANIFEST_PROGRAMS_MAX];
struct program program;

static struct message_page page;
static struct init_info *info;
uint64_t clock_ns, timer_ns;
char last_line[LOG_BYTES_MAX];
struct seen seen[MANIFEST_PROGRAMS_MAX];
uint32_t power_offs, revoked_count, taken_back, resume_count;
cap_t deleted[8];
uint32_t deleted_count;
bool build_fails, gone_build_fails, start_fails;
uint64_t heard[MANIFEST_PROGRAMS_MAX], run_state[MANIFEST_PROGRAMS_MAX];
bool is_starved, keeps_nothing;
uint64_t cpu_time_ns;
uint64_t dead_rax;
const struct child *swapped;
uint64_t swap_ns;

/* ---- what recovery.c calls ---- */

static size_t place_of(const struct child *child) { return (size_t)(child - the_children); }

bool child_rebuild(struct child *child, const char *path, struct world *world, const struct thread_registers *dead) {
    struct seen *one = &seen[place_of(child)];
    bool is_gone = strcmp(path, "bin/gone") == 0;
    CHECK(world == &the_world && (is_gone || strcmp(path, "bin/x") == 0));
    one->gone_builds += is_gone;
    one->builds += !is_gone;
    one->build_ns = clock_ns;
    one->dead_rip = dead->rip;
    return is_gone ? !gone_build_fails : !build_fails;
}

bool child_start(const struct child *child) {
    seen[place_of(child)].starts++;
    return !start_fails;
}

uint64_t kept_word(const struct child *child, const struct world *world, uint64_t offset_bytes) {
    (void)world;
    return offset_bytes == offsetof(struct keep_head, layout) ? (keeps_nothing ? KEEP_NOTHING : 1)
                                                              : heard[place_of(child)];
}

cap_t world_object(struct world *world, const char *name, enum object_type type) {
    (void)world;
    CHECK(type == OBJECT_NOTIFICATION || type == OBJECT_ENDPOINT);
    return type == OBJECT_NOTIFICATION ? 50 : 60 + (cap_t)name[0];
}

uint32_t world_power_off(uint64_t status) {
    CHECK_EQUAL(status, STATUS_VITAL_ENDED);
    power_offs++;
    return E_RIGHTS;
}

void log_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)format_into_list(last_line, sizeof last_line, format, arguments);
    va_end(arguments);
}

void report_hang(const struct world *world, const struct child *child, uint64_t silent_ms) {
    CHECK(world == &the_world);
    log_print("%s hangs for %lu ms at 0x%lx", child->program->name, silent_ms, child->fault.registers.rip);
}

struct result sys_clock_read(void) {
    return (struct result){OK, clock_ns += CLOCK_STEP_NS};
}

struct result sys_signal_timer(cap_t notification, uint64_t bits, uint64_t deadline_ns) {
    CHECK(notification == 50 && bits == 1);
    timer_ns = deadline_ns;
    return (struct result){OK, 0};
}

struct result sys_thread_configure(cap_t thread, uint64_t fields) {
    CHECK(thread == INIT_CAP_THREAD && fields == THREAD_NOTIFICATION);
    return (struct result){OK, 0};
}

struct result sys_thread_suspend(cap_t thread, uint64_t flags) {
    CHECK_EQUAL(flags, SUSPEND_WITHDRAW | SUSPEND_ABANDON);
    seen[thread - 1].stops++;
    return (struct result){OK, SUSPEND_STOPPED};
}

struct result sys_thread_read(cap_t thread, uint64_t parts) {
    if (!is_starved)
        cpu_time_ns = clock_ns;
    const struct thread_state state = {.registers = {.rip = FATAL_RIP + thread, .rax = dead_rax},
                                       .run_state = run_state[thread - 1],
                                       .cpu_time_ns = cpu_time_ns};
    CHECK(parts == 0 || parts == THREAD_REGISTERS);
    memcpy(page.data, &state, sizeof state);
    return (struct result){OK, 0};
}

struct result sys_thread_resume(cap_t thread) {
    (void)thread;
    resume_count++;
    return (struct result){OK, 0};
}

struct result sys_cap_revoke(cap_t slot) {
    revoked_count += slot > 60;
    return (struct result){OK, 0};
}

struct result sys_cap_delete(cap_t table, cap_t slot) {
    if (CHECK(table == 0 && deleted_count < 8))
        deleted[deleted_count++] = slot;
    return (struct result){OK, 0};
}

bool swap_concerns(const struct child *child) { return child == swapped; }
uint32_t swap_begin(struct child *child, const char *path, const char **ret_reason) {
    struct seen *what = &seen[place_of(child)];
    if (path != child->path)
        memcpy(what->path, path, strlen(path) + 1);
    *ret_reason = "it is this test";
    what->swaps++;
    return P_BUSY;
}
uint64_t swap_tick(uint64_t at_ns) { return at_ns < swap_ns ? swap_ns : DEADLINE_NEVER; }
void swap_take_back(struct child *child, uint64_t at_ns) {
    (void)at_ns;
    taken_back++;
    memcpy(child->path, "bin/x", 6);
}

/* ---- a machine with some programs ---- */

void begin(const char *command, uint32_t count, struct manifest_restart rule, uint64_t heartbeat_ms) {
    static uint64_t room[(sizeof(struct init_info) + 64) / 8];
    info = (struct init_info *)(void *)room;
    (void)snprintf(info->command, sizeof info->command, "%s", command);
    the_world.info = info;
    program.message = &page;
    memset(seen, 0, sizeof seen);
    memset(heard, 0, sizeof heard);
    memset(the_children, 0, sizeof the_children);
    memset(&the_manifest, 0, sizeof the_manifest);
    is_starved = keeps_nothing = false;
    dead_rax = resume_count = 0;
    power_offs = revoked_count = deleted_count = taken_back = 0;
    swapped = NULL;
    swap_ns = 0;
    build_fails = gone_build_fails = start_fails = false;
    the_manifest.program_count = count;
    clock_ns = 100 * NS_PER_MS;
    last_line[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct manifest_program *one = &the_manifest.programs[i];
        *one =
            (struct manifest_program){.image = "bin/x", .restart = rule, .heartbeat_ms = heartbeat_ms, .cap_count = 3};
        one->name[0] = (char)('a' + i);
        one->caps[0] = (struct manifest_cap){.kind = MANIFEST_ENDPOINT, .right = MANIFEST_SERVE, .object = "e"};
        one->caps[1] = (struct manifest_cap){.kind = MANIFEST_ENDPOINT, .right = MANIFEST_CALL, .object = "f"};
        one->caps[2] = (struct manifest_cap){.kind = MANIFEST_NOTIFICATION, .right = MANIFEST_OWN, .object = "g"};
        the_children[i] =
            (struct child){.program = one, .thread = i + 1, .pool = 40 + i, .path = "bin/x", .state = INIT_RUNNING};
        run_state[i] = THREAD_IN_WAIT;
    }
    CHECK(recovery_start());
}

void tick(void) {
    clock_ns = timer_ns > clock_ns ? timer_ns : clock_ns;
    recovery_tick();
}
