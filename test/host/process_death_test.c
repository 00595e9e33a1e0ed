/*
 * If the process server dies at any point, do its processes see anything of it? A scenario runs once undisturbed, and
 * then once for each point: there the program dies, and its successor goes on. Every answer, and all that the kernel,
 * the records and the processes' memory hold after each step, must be as without. A point lies before and behind each
 * system call and commit.
 */
#include "libsys/wire/journal.h"

#include <setjmp.h>
#include <string.h>

#include "servers/process/delivery/delivery.h"
#include "servers/process/programs/exec_rest.h"
#include "servers/process/recovery/recovery.h"
#include "test/host/process_layouts.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define SECOND_DEATHS 1500U

static struct server_context *const context = &served_context;

/* ---- death ---- */

static jmp_buf next_program;
static uint8_t notes[JOURNAL_BYTES];
static uint64_t points;        /* so far, in this step */
static uint64_t dies_at;       /* 0: it does not */
static uint64_t dies_again_at; /* in the recovery; 0: it does not */
static uint32_t whole;         /* > 0: within what is one with a store */
static bool serves;            /* outside of that nobody dies */

static void point(void) {
    if (whole > 0 || !serves || ++points != dies_at)
        return;
    longjmp(next_program, 1);
}

void __real_journal_settle(void);
void __wrap_journal_settle(void);
void __wrap_journal_settle(void) {
    __real_journal_settle();
    point();
}

/* Functions with a point before and behind them. */
#define AROUND(type, name, parameters, arguments) \
    type __real_##name parameters;                \
    type __wrap_##name parameters;                \
    type __wrap_##name parameters {               \
        point();                                  \
        whole++;                                  \
        type result = __real_##name arguments;    \
        whole--;                                  \
        point();                                  \
        return result;                            \
    }
AROUND(struct result, sys_cap_copy, (cap_t t, cap_t s, cap_t c, uint64_t r, uint64_t b), (t, s, c, r, b))
AROUND(struct result, sys_cap_move, (cap_t t, cap_t s, cap_t c), (t, s, c))
AROUND(struct result, sys_cap_delete, (cap_t t, cap_t s), (t, s))
AROUND(struct result, sys_memory_fill, (cap_t m, uint64_t o, uint64_t l, uint64_t p), (m, o, l, p))
AROUND(struct result, sys_memory_copy, (cap_t m, uint64_t o, cap_t f, uint64_t p, uint64_t l), (m, o, f, p, l))
AROUND(struct result, sys_object_create, (cap_t p, uint64_t t, uint64_t a, cap_t s), (p, t, a, s))
AROUND(struct result, sys_pool_create, (cap_t m, uint64_t o, uint64_t c, cap_t s), (m, o, c, s))
AROUND(struct result, sys_pool_extend, (cap_t p, cap_t m, uint64_t o, uint64_t c), (p, m, o, c))
AROUND(struct result, sys_space_map, (cap_t s, cap_t m, uint64_t o, uint64_t c, uaddr_t a, uint64_t f),
       (s, m, o, c, a, f))
AROUND(struct result, sys_space_unmap, (cap_t s, uaddr_t a, uint64_t c), (s, a, c))
AROUND(struct result, sys_space_protect, (cap_t s, uaddr_t a, uint64_t c, uint64_t r), (s, a, c, r))
AROUND(struct result, sys_thread_configure, (cap_t t, uint64_t f), (t, f))
AROUND(struct result, sys_thread_handover, (cap_t t, cap_t s, uint64_t f), (t, s, f))
AROUND(struct result, sys_thread_read, (cap_t t, uint64_t p), (t, p))
AROUND(struct result, sys_thread_resume, (cap_t t), (t))
AROUND(struct result, sys_thread_suspend, (cap_t t, uint64_t f), (t, f))
AROUND(struct result, sys_thread_write, (cap_t t, uint64_t p), (t, p))
AROUND(uint64_t, journal_call, (uint64_t * p, const struct journal_effect *e, uint64_t v), (p, e, v))
AROUND(uint64_t, journal_read, (uint64_t * p, const struct journal_effect *e, uint64_t f), (p, e, f))
AROUND(bool, server_defer_to, (cap_t slot), (slot))
AROUND(bool, server_answer, (struct server * s, cap_t c, uint32_t n, uint32_t t, const void *r), (s, c, n, t, r))
AROUND(bool, server_answer_and_decide, (struct server * s, cap_t c, uint32_t n, const void *r), (s, c, n, r))
AROUND(uint64_t, server_call_and_decide, (struct server * s, const struct journal_effect *e), (s, e))
AROUND(uint32_t, protocol_call,
       (cap_t s, uint32_t n, const struct protocol_operation *o, const void *q, void *p, struct protocol_extra *x),
       (s, n, o, q, p, x))

/* The entry that maps a page of the program's own; the message page stays as it is. */
static uint64_t own_entry(uint32_t page) {
    struct message_page saved = *program.message;
    struct space_walk walk;
    CHECK_EQUAL(sys_space_query(FAKE_CAP_SPACE, (uaddr_t)fake_own[page]).status, OK);
    memcpy(&walk, program.message->data, sizeof walk);
    *program.message = saved;
    return walk.entry[3];
}

/* The successor has a space of its own, where it maps the records again. */
static void map_again(void) {
    static uint8_t frames[FAKE_OWN_PAGES][PAGE_BYTES]; /* which the fake kernel keeps apart from the mapped pages */
    static uint64_t entries[FAKE_OWN_PAGES];
    for (uint32_t i = 0; i < FAKE_OWN_PAGES; i++) {
        entries[i] = own_entry(i);
        if (entries[i] != 0)
            memcpy(frames[i], fake_own[i], PAGE_BYTES);
    }
    (void)sys_space_unmap(FAKE_CAP_SPACE, context->window, FAKE_FILE_PAGES);
    for (uint32_t i = 0; i < FAKE_OWN_PAGES; i++)
        (void)sys_space_unmap(FAKE_CAP_SPACE, (uaddr_t)fake_own[i], 1);
    CHECK_EQUAL(page_allocator_map_again(&context->allocator, FAKE_CAP_SPACE), OK);
    for (uint32_t i = 0; i < FAKE_OWN_PAGES; i++)
        if (context->allocator.frame[i] != FRAMES_NONE) {
            CHECK(entries[i] == 0 || own_entry(i) == entries[i]);
            memcpy(fake_own[i], frames[i], PAGE_BYTES);
        }
}

static void recover(void) {
    dies_at = dies_again_at != 0 ? points + dies_again_at : 0;
    if (setjmp(next_program) != 0) /* the successor has died, too */
        dies_at = 0;
    dies_again_at = 0;
    whole = 0;
    serves = false;
    map_again();
    serves = true;
    journal_undo(&served_server.journal);
    slots_init(&program.slots, FAKE_CAP_FREE, FAKE_SLOTS);
    recovery_count(context);
    fake_sweep();
    recovery_finish(context);
    serves = false;
    dies_at = 0;
}

/* ---- the loop ---- */

static uint32_t decided; /* the status of the call */

static uint32_t serve(struct server_call *call, const void *request, void *reply) {
    if (call != NULL) {
        decided = OK; /* until it is known */
        decided = served_protocol.dispatch(call, request, reply);
    } else {
        serve_fault(&served_server.event);
    }
    bool open = SERVER_STAGE(served_server.journal.mark) == SERVER_COPIED;
    served_server.journal.mark = open && decided != SERVER_DEFERRED ? SERVER_DECIDED : SERVER_WAITS;
    journal_settle();
    served_server.journal.mark = SERVER_WAITS;
    delivery_run();
    page_allocator_settle(&context->allocator);
    return decided;
}

static uint32_t serve_and_die(struct server_call *call, const void *request, void *reply) {
    static struct server_call first;
    if (call != NULL)
        first = *call;
    served_server.event.badge = call != NULL ? call->badge : served_server.event.badge;
    served_server.event.message.info &= call != NULL ? 0 : UINT64_MAX;
    for (;;) {
        served_server.journal.mark = SERVER_COPIED;
        decided = OK;
        if (setjmp(next_program) == 0) {
            serves = true;
            (void)serve(call, request, reply);
            serves = false;
            bool gone = decided == P_NO_PROCESS && serve_badge_process(served_server.event.badge) == NULL;
            return gone ? SERVER_DEFERRED : decided; /* nobody hears it */
        }
        bool was_decided = SERVER_STAGE(served_server.journal.mark) != SERVER_COPIED;
        bool deferred =
            SERVER_STAGE(served_server.journal.mark) == SERVER_WAITS && decided == OK && world_deferred != 0;
        recover();
        if (SERVER_STAGE(served_server.journal.mark) == SERVER_COPIED && call != NULL)
            *call = first;
        if (SERVER_STAGE(served_server.journal.mark) != SERVER_COPIED)
            return deferred ? SERVER_DEFERRED : was_decided ? decided : SERVER_DEFERRED;
    }
}

/* ---- the scenario ---- */

#define STEPS_MAX 200U
enum fact {
    STATUS,
    VALUE,
    ANSWERS,
    ANSWER_STATUS,
    ANSWER_VALUE,
    END_PID,
    END_KIND,
    END_VALUE,
    FREE,
    SLOTS,
    FILES,
    SHARERS,
    PROCESSES,
    CAPS,
    OTHER_CAPS,
    OBJECTS,
    POOL_FRAMES,
    SUSPENDED,
    TOLD,
    FACTS
};
static const char *const fact_names[FACTS] = {"status",
                                              "value",
                                              "late answers",
                                              "the last one's status",
                                              "its value",
                                              "its pid",
                                              "its kind of end",
                                              "its end's value",
                                              "free frames",
                                              "slots",
                                              "holders of files",
                                              "further holders of frames",
                                              "processes",
                                              "capabilities",
                                              "capabilities of others",
                                              "objects",
                                              "frames of pools",
                                              "suspended threads",
                                              "threads told to repeat a call"};
static uint64_t undisturbed[STEPS_MAX][FACTS];
static uint64_t point_counts[STEPS_MAX];
static uint32_t step_number, victim_step;
static uint64_t victim_point, second_point;
static bool records, differs, swaps; /* swaps: before each step, for a program of another layout */
static jmp_buf stopped;

/* Threads of all processes that are suspended, and those whose calls were taken back. */
static void count_threads(uint64_t *ret_suspended, uint64_t *ret_told) {
    struct thread_registers entry;
    struct process *process;
    *ret_suspended = *ret_told = 0;
    for (uint64_t pid = 0; (process = process_find_from(&context->processes, pid)) != NULL; pid = process->pid + 1ULL)
        for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at)) {
            *ret_suspended += fake_is_suspended(at->object);
            *ret_told += fake_thread_runs(at->object, &entry) && entry.rax == P_INTERRUPTED;
        }
}

static void step(void) {
    if (swaps)
        layouts_swap();
    points = 0;
    dies_at = !records && step_number == victim_step ? victim_point : 0;
    dies_again_at = second_point;
    world_deferred = 0;
}

/* End a step: what can be seen from outside. Mappings are not counted, since pages come again when they are touched. */
static void seen(uint64_t status, uint64_t value) {
    struct world_trace trace = world_look();
    uint64_t suspended, told;
    count_threads(&suspended, &told);
    uint64_t now[FACTS] = {[STATUS] = status,
                           [VALUE] = value,
                           [ANSWERS] = world_late.count,
                           [ANSWER_STATUS] = world_late.status,
                           [ANSWER_VALUE] = world_late.value,
                           [END_PID] = world_late.end.pid,
                           [END_KIND] = world_late.end.end,
                           [END_VALUE] = world_late.end.value,
                           [FREE] = trace.free_frames + page_allocator_spare_count(&context->allocator),
                           [SLOTS] = trace.slots,
                           [FILES] = trace.files,
                           [SHARERS] = trace.sharers,
                           [PROCESSES] = trace.processes,
                           [CAPS] = trace.kernel.caps,
                           [OTHER_CAPS] = trace.kernel.other_caps,
                           [OBJECTS] = trace.kernel.objects,
                           [POOL_FRAMES] = trace.kernel.pool_frames,
                           [SUSPENDED] = suspended,
                           [TOLD] = told};
    if (records) {
        memcpy(undisturbed[step_number], now, sizeof now);
        point_counts[step_number] = points;
    }
    for (uint32_t i = 0; i < FACTS; i++) {
        if (now[i] == undisturbed[step_number][i])
            continue;
        differs = true;
        printf("# step %u: %s: %lu, want %lu\n", step_number, fact_names[i], now[i], undisturbed[step_number][i]);
    }
    if (differs)
        longjmp(stopped, 1);
    step_number++;
}

static uint64_t call(uint64_t badge, uint32_t operation, const void *request, uint64_t words) {
    static uint64_t reply[512];
    memset(reply, 0, sizeof reply);
    step();
    uint32_t status = world_call(badge, operation, request, reply, NULL);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < words; i++)
        sum = sum * 31 + reply[i];
    seen(status, status == OK ? sum : 0);
    return reply[0];
}
#define CALL(badge, operation, words, ...) call(badge, operation, (const uint64_t[16]){__VA_ARGS__}, words)

static void touch(uint64_t badge, uaddr_t at, uint64_t access) {
    struct process *process = world_process(OBJECTS_BADGE_PID(badge));
    cap_t thread = thread_at(process, OBJECTS_BADGE_NUMBER(badge))->object;
    step();
    for (uint32_t i = 0; i < 3 && !fake_may_access(thread, at, access); i++) {
        served_server.event = (struct server_event){
            .badge = badge,
            .message = {.info = (uint64_t)MESSAGE_FAULT << 32,
                        .words = {FAULT_PAGE, at, access == MEMORY_WRITE ? FAULT_ACCESS_WRITE : 0}}};
        (void)serve_and_die(NULL, NULL, NULL);
    }
    seen(fake_may_access(thread, at, access), 0);
}

static void write_word(uint64_t pid, uaddr_t at, uint64_t word) {
    touch(pid, at, MEMORY_WRITE);
    CHECK(fake_write(world_thread(pid), at, &word, sizeof word));
}

static void read_word(uint64_t pid, uaddr_t at) {
    uint64_t word = 0;
    touch(pid, at, MEMORY_READ);
    step();
    CHECK(fake_read(world_thread(pid), at, &word, sizeof word));
    seen(0, word);
}

static void stage(uint64_t badge) {
    static const char text[] = "prog\0arg\0A=1\0cap:fake=3\0console=33";
    static struct process_stage_request request = {.length_bytes = sizeof text};
    memcpy(request.bytes, text, sizeof text);
    (void)call(badge, 1, &request, 1);
}

static uint64_t spawn(uint64_t parent) {
    static struct process_spawn_request request;
    stage(parent);
    request.length_bytes = 8;
    request.strings = world_strings;
    memcpy(request.path, "bin/prog", 8);
    return call(parent, 3, &request, 1);
}

static void exec(uint64_t badge) {
    static struct process_exec_request request;
    stage(badge);
    request.length_bytes = 8;
    request.strings = world_strings;
    memcpy(request.path, "bin/prog", 8);
    (void)call(badge, 4, &request, 0);
}

#define AREA 0x10000000ULL
#define BOTH (MEMORY_READ | MEMORY_WRITE)
#define THREAD(pid, number) OBJECTS_BADGE(pid, number)

static void memory_steps(uint64_t pid) {
    (void)CALL(pid, 15, 1, AREA, 40 * PAGE_BYTES, BOTH, PROCESS_MAP_AT);
    for (uint64_t i = 0; i < 20; i += 3)
        write_word(pid, AREA + i * PAGE_BYTES, 100 + i);
    (void)CALL(pid, 15, 1, 0, 3 * PAGE_BYTES, BOTH, 0);
    (void)CALL(pid, 18, 1, AREA + 4 * PAGE_BYTES, 4 * PAGE_BYTES, MEMORY_READ);
    (void)CALL(pid, 17, 1, AREA + 10 * PAGE_BYTES, 4 * PAGE_BYTES);
    (void)CALL(pid, 18, 1, AREA + 4 * PAGE_BYTES, 4 * PAGE_BYTES, BOTH);
    (void)CALL(pid, 15, 1, AREA + 2 * PAGE_BYTES, 3 * PAGE_BYTES, BOTH, PROCESS_MAP_AT | PROCESS_MAP_REPLACE);
    (void)CALL(pid, 15, 1, AREA + 0x100000, 4 * PAGE_BYTES, BOTH, PROCESS_MAP_AT | PROCESS_MAP_TOGETHER);
    read_word(pid, AREA + 15 * PAGE_BYTES);
    (void)CALL(pid, 19, 2, 0);
}

static void fork_steps(uint64_t pid) {
    uint64_t child = CALL(pid, 14, 1, 0);
    write_word(child, AREA, 7);
    read_word(pid, AREA);
    write_word(pid, AREA + 18 * PAGE_BYTES, 8);
    read_word(child, AREA + 18 * PAGE_BYTES);
    write_word(child, AREA + 0x100000, 9);
    read_word(pid, AREA + 0x100000);
    exec(child);
    (void)CALL(pid, 6, 4, child, 0);
    (void)CALL(child, 5, 0, 3);
}

static void thread_steps(uint64_t pid) {
    struct thread_registers entry;
    CHECK(fake_thread_runs(world_thread(pid), &entry));
    uint64_t stack = (entry.rsp & ~(PAGE_BYTES - 1)) - 4 * PAGE_BYTES;
    for (uint32_t i = 0; i < 3; i++)
        (void)CALL(pid, 29, 1, entry.rip, stack, 7, WORLD_BASE);
    (void)CALL(pid, 31, 0, 1); /* joins */
    (void)CALL(THREAD(pid, 1), 30, 0, 5);
    (void)CALL(THREAD(pid, 2), 30, 0, 6);
    (void)CALL(pid, 31, 1, 2);
    (void)CALL(pid, 32, 1, 3);
    write_word(pid, AREA + 0x100000, 1);
    (void)CALL(pid, 34, 0, AREA + 0x100000, 1, UINT64_MAX);
    (void)CALL(THREAD(pid, 3), 35, 1, AREA + 0x100000, 1);
    (void)CALL(pid, 34, 0, AREA + 0x100000, 1, UINT64_MAX);
    (void)CALL(THREAD(pid, 3), 35, 1, AREA + 0x100000, 5);
    (void)CALL(THREAD(pid, 3), 30, 0, 6, AREA + 0x100000, PAGE_BYTES);
}

static void signal_steps(uint64_t pid, uint64_t other) {
    struct thread_registers entry;
    CHECK(fake_thread_runs(world_thread(pid), &entry));
    (void)CALL(pid, 20, 0, entry.rip + 16, entry.rip + 32);
    (void)CALL(pid, 21, 1, PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE, 0);
    (void)CALL(pid, 21, 1, PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE, 0x40);
    (void)CALL(other, 7, 0, pid, PROCESS_SIGUSR1);
    (void)CALL(pid, 22, 2, 0, PROCESS_MASK_SET);
    (void)CALL(pid, 24, 0, 0); /* waits for a signal */
    (void)CALL(other, 7, 0, pid, PROCESS_SIGUSR1);
    (void)CALL(pid, 22, 2, 0, PROCESS_MASK_SET);
    (void)CALL(1, 6, 4, pid, PROCESS_WAIT_STOPPED);
    (void)CALL(other, 7, 0, pid, PROCESS_SIGSTOP);
    (void)CALL(other, 7, 0, pid, PROCESS_SIGCONT);
    (void)CALL(pid, 25, 0, 5000000000);
    (void)CALL(pid, 25, 0, 0);
    (void)CALL(pid, 2, 1, 0, 3);
    (void)CALL(pid, 38, 0, PROCESS_LIMIT_PROCESSES, 5, 9);
    (void)CALL(pid, 37, 3, 0, PROCESS_LIMIT_PROCESSES);
    fake_set_run_state(world_thread(pid), THREAD_IN_CALL); /* at a server that has not taken the call */
    (void)CALL(1, 26, 0, pid, pid);
    (void)CALL(pid, 26, 0, 0, 0);
    (void)CALL(pid, 27, 2, 0);
    (void)CALL(other, 28, 1, 0);
    (void)CALL(other, 28, 1, 0);
}

static void scenario(void) {
    step_number = 0;
    differs = false;
    serves = false;
    memset(&launch_exec_rest, 0, sizeof launch_exec_rest);
    memset(&served_server, 0, sizeof served_server);
    served_server.journal.notes = notes;
    journal = &served_server.journal;
    world_start(700);
    memset(program.message, 0, sizeof *program.message);
    world_server = serve_and_die;
    CHECK_EQUAL(world_start_first(), OK);
    recover();
    uint64_t pid = spawn(1), other = spawn(1);
    memory_steps(pid);
    fork_steps(pid);
    thread_steps(pid);
    signal_steps(pid, other);
    (void)CALL(other, 13, 0, 5);
    (void)CALL(1, 7, 0, other, PROCESS_SIGKILL);
    (void)CALL(1, 6, 4, other, 0);
    (void)CALL(pid, 5, 0, 3);
    (void)CALL(1, 6, 4, pid, 0);
}

static bool dies(uint32_t victim, uint64_t at, uint64_t second) {
    victim_step = victim;
    victim_point = at;
    second_point = second;
    if (setjmp(stopped) == 0)
        scenario();
    if (!CHECK(!differs))
        printf("#   died in step %u at point %lu, and again %lu behind\n", victim, at, second);
    return !differs;
}
static void each_death_is_unseen(void) {
    static uint64_t counts[STEPS_MAX];
    uint64_t all = 0, failed = 0;
    layouts_map_keep();
    records = true;
    scenario();
    records = false;
    memcpy(counts, point_counts, sizeof counts);
    for (uint32_t i = 0, steps = step_number; i < steps; i++)
        for (uint64_t at = 1; at <= counts[i] && failed < 20; at++, all++)
            failed += !dies(i, at, 0);
    printf("# died at %lu points\n", all);
}

/* ... and the same of a successor that dies, too? */
static void second_death_is_unseen(void) {
    uint64_t luck = 1, failed = 0;
    for (uint32_t i = 0; i < SECOND_DEATHS && failed < 20; i++) {
        uint32_t victim = (uint32_t)(random_step(&luck) % step_number);
        if (point_counts[victim] > 0)
            failed += !dies(victim, 1 + random_step(&luck) % point_counts[victim], 1 + random_step(&luck) % 200);
    }
}

/* ... and nobody dies, but a program of another layout takes over again and again? */
static void swaps_are_unseen(void) {
    swaps = true;
    (void)dies(STEPS_MAX, 0, 0);
    swaps = false;
}

SUITE(CASE(each_death_is_unseen), CASE(second_death_is_unseen), CASE(swaps_are_unseen));
