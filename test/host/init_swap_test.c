/*
 * Init's swap of a server's program: which program does the thread run in, from first to last, whatever goes wrong? The
 * kernel, the clock and the programs are this test's. Each call that the swap makes is made to fail once.
 */
#include "servers/init/swap.h"

#include <string.h>

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/commit.h"
#include "servers/init/report.h"
#include "test/host/suite.h"

#define OLD_SPACE 11U
#define NEW_SPACE 12U
#define EXPORT_SPACE 13U /* of the program that exports */
#define FIRST_KEEP 21U
#define EXPORT_KEEP 22U
#define SECOND_KEEP 23U
#define KEEP_PAGES 5U
#define OLD_RIP 0x1000U
#define NEW_RIP 0x2000U
#define PAGE_WORD 0x5eedU /* what the old program's message page has */
#define GENERATION 7U
#define LOOKS_MAX 10000U

struct world the_world;
struct program program;

static struct message_page page;
static struct manifest_program entry;
static struct child child;
static uint64_t now_ns;
static char last_line[LOG_BYTES_MAX];

/* The machine, as far as a swap can see it. */
static struct {
    cap_t runs_in; /* Space of the thread */
    uint64_t rip;  /* where it was entered; 0: it is stopped */
    bool suspended;
    enum thread_run_state run_state;
    uint64_t rax; /* with which its wait has ended */
    uint64_t message_word, saved_word;
    struct keep_head head;
    uint64_t heard;
    struct keep_head second_head; /* of the memory for a second state */
    uint32_t spaces, pages;       /* that are there, of new programs, and copies of the message page */
    uint32_t runs;                /* of kept memory, beside the first one */
    uint32_t reports;
} machine;

static uint32_t call_count, failing_call; /* the call with this number fails; 0: none */

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

void report_fault(const struct world *world, const struct child *one) {
    CHECK(world == &the_world && one == &child);
    machine.reports++;
}

bool world_find_file(const struct world *world, const char *path, struct image_file *ret_file,
                     const uint8_t **ret_bytes) {
    (void)ret_file, (void)ret_bytes;
    CHECK(world == &the_world);
    return strcmp(path, "bin/none") != 0;
}

bool child_build_beside(const struct child *one, const char *path, struct world *world, struct child *ret_next) {
    CHECK(one == &child && world == &the_world);
    if (fails())
        return false;
    *ret_next = *one;
    ret_next->space = strcmp(path, "bin/old") == 0 ? EXPORT_SPACE : NEW_SPACE;
    ret_next->entry.rip = NEW_RIP;
    memcpy(ret_next->path, path, strlen(path) + 1);
    machine.spaces++;
    return true;
}

/* The head of the state that the child uses. */
static struct keep_head *head_of(const struct child *one) {
    CHECK(one->keep.memory == FIRST_KEEP || one->keep.memory == SECOND_KEEP);
    return one->keep.memory == FIRST_KEEP ? &machine.head : &machine.second_head;
}

bool child_write_head(struct child *one, const struct world *world, const struct thread_registers *dead,
                      enum keep_trial trial) {
    struct keep_head *head = head_of(one);
    CHECK(one == &child && world == &the_world && (dead == NULL || trial == KEEP_TRIAL));
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

bool child_take_kept(const struct child *one, struct world *world, struct memory_run *ret_run) {
    CHECK(one == &child && world == &the_world && one->keep.memory == FIRST_KEEP);
    *ret_run = (struct memory_run){0};
    if (fails())
        return false;
    *ret_run = (struct memory_run){machine.runs++ == 0 ? EXPORT_KEEP : SECOND_KEEP, 0, KEEP_PAGES};
    return true;
}

void child_drop_export(struct child *one, struct world *world) {
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

uint64_t child_kept_word(const struct child *one, const struct world *world, uint64_t offset_bytes) {
    uint64_t word;
    CHECK(one == &child && world == &the_world);
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
    return (struct result){OK, ++now_ns};
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

static void begin(void) {
    memset(&machine, 0, sizeof machine);
    memset(&child, 0, sizeof child);
    machine.runs_in = OLD_SPACE;
    machine.rip = OLD_RIP;
    machine.run_state = THREAD_IN_WAIT;
    machine.rax = E_CANCEL;
    machine.message_word = PAGE_WORD;
    machine.head.generation = GENERATION;
    machine.spaces = 1;
    machine.heard = 100;
    entry = (struct manifest_program){.name = "a", .restart = {.limit = 3}};
    child = (struct child){.program = &entry,
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
    now_ns = 1000000;
    last_line[0] = '\0';
}

static uint32_t swap_to(const char *path) {
    const char *reason = "";
    uint32_t status = swap_begin(&child, path, &reason);
    CHECK(status == OK || reason[0] != '\0');
    return status;
}

/* What the new program does once it runs. */
enum conduct { ACCEPTS, SAYS_NO, ENDS, HANGS, ACCEPTS_AND_ENDS, IS_FOREIGN };

static void act(enum conduct conduct) {
    struct keep_head *head = head_of(&child);
    machine.message_word = 1; /* it may use its message page from the start */
    head->is_foreign = conduct == IS_FOREIGN;
    if (conduct == ACCEPTS || conduct == ACCEPTS_AND_ENDS)
        head->trial = KEEP_SETTLED;
    if (conduct == SAYS_NO || conduct == IS_FOREIGN)
        memcpy(head->no, "it is too old", 14);
    if (conduct != ACCEPTS && conduct != HANGS)
        machine.run_state = THREAD_IN_FAULT;
}

static bool is_old(void) { return child.space == OLD_SPACE && strcmp(child.path, "bin/old") == 0; }

/* Nothing is left of a swap, and nothing is missing. */
static void check_rest(void) {
    CHECK(machine.spaces == 1 && machine.pages == 0 && machine.runs == 0 && !swap_concerns(&child));
    CHECK(child.export.page_count == 0 && child.export_form == 0 && child.export_bytes == 0);
    CHECK(child.space == machine.runs_in && child.state == INIT_RUNNING && !machine.suspended);
    CHECK_EQUAL(swap_tick(now_ns), DEADLINE_NEVER);
}

/* The old program runs on, and can't tell that anything has happened. */
static void check_old_runs(void) {
    check_rest();
    CHECK(is_old() && machine.rip == OLD_RIP && machine.message_word == PAGE_WORD);
    CHECK(child.generation == GENERATION && machine.head.generation == GENERATION && machine.head.trial == 0);
    CHECK(child.end == INIT_HUNG && child.restart_count == 0 && child.former[0] == '\0');
}

static const char *answer(void) {
    static struct init_swap_reply reply;
    CHECK(swap_result(&reply));
    return reply.is_done != 0 ? "" : reply.no;
}

/* Go on until the swap is over. */
static void play(enum conduct conduct) {
    bool has_acted = false;
    for (uint32_t i = 0; i < LOOKS_MAX && swap_concerns(&child); i++) {
        uint64_t next_ns = swap_tick(now_ns);
        if (machine.runs_in == NEW_SPACE && swap_concerns(&child) && !has_acted) {
            has_acted = true;
            act(conduct);
            if (machine.run_state == THREAD_IN_FAULT)
                CHECK_EQUAL(swap_fault(&child), conduct != ACCEPTS_AND_ENDS);
        }
        now_ns = next_ns > now_ns && next_ns != DEADLINE_NEVER ? next_ns : now_ns;
    }
    CHECK(!swap_concerns(&child));
}

static void the_new_program_takes_over(void) {
    struct init_swap_reply reply;
    begin();
    CHECK(!swap_concerns(&child) && !swap_fault(&child));
    CHECK_EQUAL(swap_to("bin/new"), OK);
    CHECK(swap_concerns(&child) && !swap_result(&reply) && machine.runs_in == OLD_SPACE && !swap_fault(&child));
    CHECK(swap_tick(now_ns) != DEADLINE_NEVER);
    CHECK(machine.runs_in == NEW_SPACE && machine.rip == NEW_RIP && machine.head.trial == 1 && !swap_result(&reply));
    CHECK(machine.head.generation == GENERATION + 1 && machine.head.dead.rip == OLD_RIP);
    CHECK_EQUAL(machine.head.dead.rax, E_CANCEL);
    CHECK_EQUAL(machine.spaces, 2);
    act(ACCEPTS);
    CHECK_EQUAL(swap_tick(now_ns), DEADLINE_NEVER);
    check_rest();
    CHECK_TEXT(answer(), "");
    CHECK_TEXT(last_line, "init: a is bin/new now");
    CHECK(child.space == NEW_SPACE && child.generation == GENERATION + 1 && child.end == INIT_REQUESTED);
    CHECK_TEXT(child.path, "bin/new");
    CHECK(child.restart_count == 1 && machine.message_word == 1);
}

static void the_new_program_fails(void) {
    static const struct {
        enum conduct conduct;
        uint32_t reports;
        const char *no;
    } rows[] = {{SAYS_NO, 0, "it is too old"},
                {ENDS, 1, "the new program ended at once: see `log`"},
                {HANGS, 0, "the new program did not decide in time"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK_EQUAL(swap_to("bin/new"), OK);
        uint64_t begin_ns = now_ns;
        play(rows[i].conduct);
        check_old_runs();
        CHECK_TEXT(answer(), rows[i].no);
        CHECK_EQUAL(machine.reports, rows[i].reports);
        CHECK(now_ns - begin_ns < 1100000000U);
    }
    CHECK_TEXT(last_line, "init: a stays bin/old: the new program did not decide in time");
}

/* Each call of a swap fails once, whatever the new program does. What can't go on is started again by recovery. */
static void each_call_may_fail(void) {
    for (uint32_t conduct = ACCEPTS; conduct <= HANGS; conduct++) {
        uint32_t failed = 0, restarts = 0;
        for (failing_call = 1;; failed++) {
            uint32_t number = failing_call;
            begin();
            failing_call = number;
            uint32_t status = swap_to("bin/new");
            if (status == OK)
                play(conduct);
            if (call_count < number)
                break;
            CHECK(status == (number == 1 ? P_IMAGE : OK));
            CHECK(machine.spaces == 1 && machine.pages == 0 && machine.runs == 0 && is_old());
            CHECK_EQUAL(child.generation, GENERATION);
            if (child.state == INIT_RUNNING) {
                check_old_runs();
            } else {
                CHECK(child.state == INIT_FAULTED && child.due_ns != 0 && child.due_ns <= now_ns);
                CHECK(child.dead.rip == OLD_RIP && child.dead.rax == E_CANCEL);
                CHECK(child.end == INIT_REQUESTED && child.restart_count == 1);
                restarts++;
            }
            failing_call = number + 1;
        }
        CHECK_EQUAL(failed, conduct == ACCEPTS ? 5 : 8);
        CHECK_EQUAL(restarts, conduct == ACCEPTS ? 0 : 3); /* head, message page and handover of the way back */
    }
}

/* Only a thread that waits for a message, and has got none, is taken. */
static void the_old_program_is_let_finish(void) {
    begin();
    machine.run_state = THREAD_IN_CALL;
    CHECK_EQUAL(swap_to("bin/new"), OK);
    for (uint32_t i = 0; i < 10; i++) {
        CHECK(swap_tick(now_ns += 500000) != DEADLINE_NEVER);
        CHECK(!machine.suspended && machine.runs_in == OLD_SPACE);
    }
    machine.run_state = THREAD_IN_WAIT;
    machine.rax = OK; /* a message comes */
    (void)swap_tick(now_ns += 500000);
    CHECK(!machine.suspended && machine.runs_in == OLD_SPACE && call_count == 1);
    machine.run_state = THREAD_IN_WAIT;
    machine.rax = E_CANCEL;
    play(ACCEPTS);
    CHECK_TEXT(answer(), "");
    CHECK_EQUAL(child.space, NEW_SPACE);

    begin();
    machine.run_state = THREAD_READY;
    CHECK_EQUAL(swap_to("bin/new"), OK);
    play(ACCEPTS);
    check_old_runs();
    CHECK_TEXT(answer(), "it is busy with one message");
}

/* The server dies before it is swapped. If it comes back in time, its successor is swapped instead. */
static void the_old_program_dies(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    CHECK(!swap_fault(&child));
    child.state = INIT_FAULTED;
    CHECK_EQUAL(swap_tick(now_ns), DEADLINE_NEVER);
    CHECK(machine.spaces == 1 && is_old() && child.state == INIT_FAULTED);
    CHECK_TEXT(answer(), "it has just ended");

    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    child.generation++;
    child.restart_count = 1;
    play(ACCEPTS);
    CHECK(child.space == NEW_SPACE && child.generation == GENERATION + 2 && child.restart_count == 2);
}

/* It has said yes, so the state is its own. The image before comes back, and not its Space. */
static void a_program_that_accepted_may_not_go_back(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    play(ACCEPTS_AND_ENDS);
    CHECK_TEXT(answer(), "");
    CHECK(child.space == NEW_SPACE && machine.spaces == 1 && machine.pages == 0 && machine.reports == 0);
    CHECK_EQUAL(child.generation, GENERATION + 1);
    swap_take_back(&child, now_ns);
    CHECK_TEXT(child.path, "bin/old");
    CHECK_TEXT(last_line, "init: a: bin/new has just been swapped in: back to bin/old");
    last_line[0] = '\0';
    swap_take_back(&child, now_ns);
    CHECK_TEXT(child.path, "bin/old");
    CHECK_TEXT(last_line, "");
}

/* What the program that exports does once it runs. */
enum exporter { EXPORTS, HAS_NO_FORM, EXPORTER_ENDS, EXPORTER_HANGS };
#define FORM 77U
#define EXPORT_BYTES 1234U

static void act_exporter(enum exporter exporter) {
    CHECK(machine.head.trial == KEEP_EXPORT && machine.head.export_bytes == KEEP_PAGES * PAGE_BYTES);
    CHECK(child.export.memory == EXPORT_KEEP && machine.head.export_form == 0);
    if (exporter == HAS_NO_FORM)
        memcpy(machine.head.no, "no form", 8);
    if (exporter == EXPORTS) {
        machine.head.export_form = FORM;
        machine.head.export_bytes = EXPORT_BYTES;
    }
    if (exporter != EXPORTER_HANGS)
        machine.run_state = THREAD_IN_FAULT;
}

/* Swap to a program that does not know the layout, to the end. importer: what it does with an export. */
static void convert(enum exporter exporter, enum conduct importer) {
    enum { FIRST_TRIAL, EXPORT, SECOND_TRIAL } next = FIRST_TRIAL;
    for (uint32_t i = 0; i < LOOKS_MAX && swap_concerns(&child); i++) {
        uint64_t next_ns = swap_tick(now_ns);
        while (swap_concerns(&child)) {
            cap_t space = machine.runs_in;
            if (next == FIRST_TRIAL && space == NEW_SPACE)
                act(IS_FOREIGN);
            else if (next == EXPORT && space == EXPORT_SPACE)
                act_exporter(exporter);
            else if (next == SECOND_TRIAL && space == NEW_SPACE) {
                CHECK(machine.second_head.trial == KEEP_TRIAL && machine.second_head.export_form == FORM);
                CHECK(machine.second_head.export_bytes == EXPORT_BYTES && child.keep.memory == SECOND_KEEP);
                CHECK(machine.second_head.generation == GENERATION + 1);
                act(importer);
            } else
                break;
            next++;
            if (machine.run_state != THREAD_IN_FAULT)
                break;
            CHECK_EQUAL(swap_fault(&child), next <= SECOND_TRIAL || importer != ACCEPTS_AND_ENDS);
        }
        now_ns = next_ns > now_ns && next_ns != DEADLINE_NEVER ? next_ns : now_ns;
    }
    CHECK(!swap_concerns(&child));
}

static void a_state_is_converted(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    convert(EXPORTS, ACCEPTS);
    CHECK_TEXT(answer(), "");
    CHECK(child.keep.memory == SECOND_KEEP && child.space == NEW_SPACE && child.generation == GENERATION + 1);
    CHECK_TEXT(child.path, "bin/new");
    check_rest();                 /* the first state is given back */
    CHECK_TEXT(child.former, ""); /* it could not use the state */
    swap_take_back(&child, now_ns);
    CHECK_TEXT(child.path, "bin/new");

    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    convert(EXPORTS, ACCEPTS_AND_ENDS);
    CHECK_TEXT(answer(), "");
    CHECK(child.keep.memory == SECOND_KEEP && child.space == NEW_SPACE);
}

static void a_conversion_fails(void) {
    static const struct {
        enum exporter exporter;
        enum conduct importer;
        uint32_t reports;
        const char *no;
    } rows[] = {{HAS_NO_FORM, ACCEPTS, 0, "no form"},
                {EXPORTER_ENDS, ACCEPTS, 1, "its program failed to export its state: see `log`"},
                {EXPORTER_HANGS, ACCEPTS, 0, "its program did not export its state in time"},
                {EXPORTS, SAYS_NO, 0, "it is too old"},
                {EXPORTS, IS_FOREIGN, 0, "it is too old"},
                {EXPORTS, ENDS, 1, "the new program ended at once: see `log`"},
                {EXPORTS, HANGS, 0, "the new program did not decide in time"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK_EQUAL(swap_to("bin/new"), OK);
        convert(rows[i].exporter, rows[i].importer);
        check_old_runs();
        CHECK_EQUAL(child.keep.memory, FIRST_KEEP);
        CHECK_TEXT(answer(), rows[i].no);
        CHECK_EQUAL(machine.reports, rows[i].reports);
    }
}

/* Each call of a conversion fails once: the old program goes on, with its own state, or is started again with that. */
static void each_call_of_a_conversion_may_fail(void) {
    for (uint32_t does_end = 0; does_end < 2; does_end++) {
        uint32_t failed = 0;
        for (failing_call = 1;; failed++) {
            uint32_t number = failing_call;
            begin();
            failing_call = number;
            if (swap_to("bin/new") == OK)
                convert(EXPORTS, does_end != 0 ? ENDS : ACCEPTS);
            if (call_count < number)
                break;
            CHECK(is_old() && child.keep.memory == FIRST_KEEP && machine.spaces == 1 && machine.runs == 0);
            if (child.state == INIT_RUNNING)
                check_old_runs();
            else
                CHECK(child.state == INIT_FAULTED && child.due_ns != 0 && child.dead.rip == OLD_RIP);
            failing_call = number + 1;
        }
        CHECK_EQUAL(failed, does_end != 0 ? 16 : 13);
    }
}

/* A program is proven by time and by messages. */
static void a_program_proves_itself(void) {
    static const struct {
        uint64_t passed_ns, heard;
        const char *path;
    } rows[] = {{0, 0, "bin/old"},
                {3600000000000U, SWAP_PROOF_MESSAGES - 1, "bin/old"},
                {900000000U, 1000, "bin/old"},
                {1100000000U, SWAP_PROOF_MESSAGES, "bin/new"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK_EQUAL(swap_to("bin/new"), OK);
        play(ACCEPTS);
        machine.heard += rows[i].heard;
        swap_take_back(&child, now_ns + rows[i].passed_ns);
        CHECK_TEXT(child.path, rows[i].path);
        CHECK_TEXT(child.former, "");
    }
}

static void swaps_that_are_refused(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/none"), P_NOT_FOUND);
    child.state = INIT_GONE;
    CHECK_EQUAL(swap_to("bin/new"), P_BUSY);
    child.state = INIT_RUNNING;
    entry.restart.limit = 0;
    CHECK_EQUAL(swap_to("bin/new"), P_OPERATION);
    entry.restart.limit = 3;
    CHECK_EQUAL(call_count, 0);
    CHECK_EQUAL(swap_to("bin/new"), OK);
    CHECK_EQUAL(swap_to("bin/new"), P_BUSY);
    CHECK_EQUAL(machine.spaces, 2);
    play(ACCEPTS);
    check_rest();
}

SUITE(CASE(the_new_program_takes_over), CASE(the_new_program_fails), CASE(each_call_may_fail),
      CASE(the_old_program_is_let_finish), CASE(the_old_program_dies), CASE(a_program_that_accepted_may_not_go_back),
      CASE(a_state_is_converted), CASE(a_conversion_fails), CASE(each_call_of_a_conversion_may_fail),
      CASE(a_program_proves_itself), CASE(swaps_that_are_refused));
