#include "test/host/init_swap_world.h"

#include <string.h>

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/commit.h"
#include "servers/init/kept.h"
#include "servers/init/report.h"
#include "test/host/suite.h"

struct world the_world;
struct program program;

static struct message_page page;
struct manifest_program entry;
struct child the_server;
uint64_t clock_ns;
char last_line[LOG_BYTES_MAX];

struct swap_machine machine;

uint32_t call_count, failing_call; /* the call with this number fails; 0: none */

/* Does this call of a swap fail? */
static bool fails(void) { return ++call_count == failing_call; }

static bool is_stopped(void) { return machine.suspended || machine.run_state == THREAD_IN_FAULT; }

/* ---- what swap.c calls ---- */

void log_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)format_into_list(last_line, sizeof last_line, format, arguments);
    va_end(arguments);
}

void report_fault(const struct world *world, struct child *one) {
    CHECK(world == &the_world && one == &the_server);
    machine.reports++;
}

bool world_find_file(const struct world *world, const char *path, struct image_file *ret_file,
                     const uint8_t **ret_bytes) {
    (void)ret_file, (void)ret_bytes;
    CHECK(world == &the_world);
    return strcmp(path, "bin/none") != 0;
}

bool child_build_beside(const struct child *one, const char *path, struct world *world, struct child *ret_next) {
    CHECK(one == &the_server && world == &the_world);
    if (fails())
        return false;
    *ret_next = *one;
    ret_next->space = strcmp(path, "bin/old") == 0 ? EXPORT_SPACE : NEW_SPACE;
    ret_next->entry.rip = NEW_RIP;
    memcpy(ret_next->path, path, strlen(path) + 1);
    machine.spaces++;
    return true;
}

struct keep_head *head_of(const struct child *one) {
    CHECK(one->keep.memory == FIRST_KEEP || one->keep.memory == SECOND_KEEP);
    return one->keep.memory == FIRST_KEEP ? &machine.head : &machine.second_head;
}

bool kept_write_head(struct child *one, const struct world *world, const struct thread_registers *dead,
                     enum keep_trial trial) {
    struct keep_head *head = head_of(one);
    CHECK(one == &the_server && world == &the_world && (dead == NULL || trial == KEEP_TRIAL));
    if (fails())
        return false;
    head->generation = one->generation;
    head->trial = trial;
    head->is_foreign = 0;
    head->export_form = one->export_form;
    head->export_bytes = one->export_bytes;
    memset(head->no, 0, sizeof head->no);
    if (dead != NULL)
        head->dead = *dead;
    return true;
}

bool kept_take(const struct child *one, struct world *world, struct memory_run *ret_run) {
    CHECK(one == &the_server && world == &the_world && one->keep.memory == FIRST_KEEP);
    *ret_run = (struct memory_run){0};
    if (fails())
        return false;
    *ret_run = (struct memory_run){machine.runs++ == 0 ? EXPORT_KEEP : SECOND_KEEP, 0, KEEP_PAGES};
    return true;
}

void kept_drop_export(struct child *one, struct world *world) {
    CHECK(world == &the_world);
    if (one->export.page_count == 0)
        return;
    CHECK(one->export.memory == EXPORT_KEEP);
    machine.runs--;
    one->export = (struct memory_run){0};
    one->export_form = one->export_bytes = 0;
}

bool child_enter(const struct child *one) {
    CHECK(is_stopped());
    if (fails())
        return false;
    machine.runs_in = one->space;
    machine.rip = one->entry.rip;
    machine.suspended = false;
    machine.run_state = THREAD_READY;
    return true;
}

void child_drop_image(struct child *one, struct world *world) {
    CHECK(world == &the_world);
    CHECK(one->space != machine.runs_in || is_stopped());
    machine.spaces -= one->space != 0;
    one->space = 0;
}

uint64_t kept_word(const struct child *one, const struct world *world, uint64_t offset_bytes) {
    uint64_t word;
    CHECK(one == &the_server && world == &the_world);
    if (offset_bytes == KEEP_STATE_AT - KEEP_AT + COMMIT_HEARD)
        return machine.heard;
    memcpy(&word, (const uint8_t *)head_of(one) + offset_bytes, sizeof word);
    return word;
}

static bool take_page(struct image_source *source, uint64_t wanted_pages, struct memory_run *ret_run) {
    CHECK(source == &the_world.source && wanted_pages == 1);
    if (fails())
        return false;
    *ret_run = (struct memory_run){30, 3, 1};
    machine.pages++;
    return true;
}

static void give_page(struct image_source *source, const struct memory_run *run) {
    if (run->memory != 30) {
        CHECK(run->page_count == KEEP_PAGES && (run->memory == FIRST_KEEP || run->memory == SECOND_KEEP));
        machine.runs--;
        return;
    }
    CHECK(source == &the_world.source && run->memory == 30 && run->offset_pages == 3 && run->page_count == 1);
    machine.pages--;
}

struct result sys_memory_copy(cap_t to, uint64_t to_bytes, cap_t from, uint64_t from_bytes, uint64_t bytes) {
    if (to == SECOND_KEEP) {
        const uint64_t at = offsetof(struct keep_head, slots_end);
        CHECK(from == FIRST_KEEP && to_bytes == at && from_bytes == at && bytes == sizeof machine.head.slots_end);
        if (fails())
            return (struct result){E_BUSY, 0};
        machine.second_head.slots_end = machine.head.slots_end;
        return (struct result){OK, 0};
    }
    bool saves = to == 30 && from == 20;
    CHECK(saves || (to == 20 && from == 30));
    CHECK(bytes == PAGE_BYTES && to_bytes == (saves ? 3 : 2) * PAGE_BYTES &&
          from_bytes == (saves ? 2 : 3) * PAGE_BYTES);
    if (fails())
        return (struct result){E_BUSY, 0};
    *(saves ? &machine.saved_word : &machine.message_word) = saves ? machine.message_word : machine.saved_word;
    return (struct result){OK, 0};
}

struct result sys_clock_read(void) {
    return (struct result){OK, ++clock_ns};
}

struct result sys_thread_suspend(cap_t thread, uint64_t flags) {
    CHECK_EQUAL(thread, 5);
    machine.suspended = true;
    if ((flags & SUSPEND_WITHDRAW) != 0 && machine.run_state == THREAD_IN_WAIT)
        machine.run_state = THREAD_READY;
    return (struct result){OK, SUSPEND_STOPPED};
}

struct result sys_thread_resume(cap_t thread) {
    CHECK_EQUAL(thread, 5);
    machine.suspended = false;
    return (struct result){OK, 0};
}

struct result sys_thread_read(cap_t thread, uint64_t parts) {
    const struct thread_state state = {.registers = {.rip = OLD_RIP, .rax = machine.rax},
                                       .run_state = machine.run_state};
    CHECK(thread == 5 && (parts == 0 || parts == THREAD_REGISTERS));
    memcpy(page.data, &state, sizeof state);
    return (struct result){OK, 0};
}

/* ---- a server, and its swap ---- */

void begin(void) {
    memset(&machine, 0, sizeof machine);
    memset(&the_server, 0, sizeof the_server);
    machine.runs_in = OLD_SPACE;
    machine.rip = OLD_RIP;
    machine.run_state = THREAD_IN_WAIT;
    machine.rax = E_CANCEL;
    machine.message_word = PAGE_WORD;
    machine.head.generation = GENERATION;
    machine.head.slots_end = SLOTS_END;
    machine.spaces = 1;
    machine.heard = 100;
    entry = (struct manifest_program){.name = "a", .restart = {.limit = 3}};
    the_server = (struct child){.program = &entry,
                                .thread = 5,
                                .space = OLD_SPACE,
                                .generation = GENERATION,
                                .message = {20, 2, 1},
                                .keep = {FIRST_KEEP, 0, KEEP_PAGES},
                                .path = "bin/old",
                                .state = INIT_RUNNING,
                                .end = INIT_HUNG};
    the_world.source = (struct image_source){take_page, give_page};
    program.message = &page;
    call_count = failing_call = 0;
    clock_ns = 1000000;
    last_line[0] = '\0';
}

uint32_t swap_to(const char *path) {
    const char *reason = "";
    uint32_t status = swap_begin(&the_server, path, &reason);
    CHECK(status == OK || reason[0] != '\0');
    return status;
}

void act(enum conduct conduct) {
    struct keep_head *head = head_of(&the_server);
    machine.message_word = 1; /* it may use its message page from the start */
    head->is_foreign = conduct == IS_FOREIGN;
    if (conduct == ACCEPTS || conduct == ACCEPTS_AND_ENDS)
        head->trial = KEEP_SETTLED;
    if (conduct == SAYS_NO || conduct == IS_FOREIGN)
        memcpy(head->no, "it is too old", 14);
    if (conduct != ACCEPTS && conduct != HANGS)
        machine.run_state = THREAD_IN_FAULT;
}

bool is_old(void) { return the_server.space == OLD_SPACE && strcmp(the_server.path, "bin/old") == 0; }

/* Nothing is left of a swap, and nothing is missing. */
void check_rest(void) {
    CHECK(machine.spaces == 1 && machine.pages == 0 && machine.runs == 0 && !swap_concerns(&the_server));
    CHECK(the_server.export.page_count == 0 && the_server.export_form == 0 && the_server.export_bytes == 0);
    CHECK(the_server.space == machine.runs_in && the_server.state == INIT_RUNNING && !machine.suspended);
    CHECK_EQUAL(swap_tick(clock_ns), DEADLINE_NEVER);
}

/* The old program runs on, and can't tell that anything has happened. */
void check_old_runs(void) {
    check_rest();
    CHECK(is_old() && machine.rip == OLD_RIP && machine.message_word == PAGE_WORD);
    CHECK(the_server.generation == GENERATION && machine.head.generation == GENERATION && machine.head.trial == 0);
    CHECK(the_server.end == INIT_HUNG && the_server.restart_count == 0 && the_server.former[0] == '\0');
}

const char *answer(void) {
    static struct init_swap_reply reply;
    CHECK(swap_result(&reply));
    return reply.is_done != 0 ? "" : reply.no;
}
