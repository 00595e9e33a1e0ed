/*
 * Does the process server leave no trace of what failed, whichever call it was? Its own code over a fake kernel: spawn
 * and exec with every single call failing once, with every number of free frames, and lives of processes in full.
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "libsys/auxiliary.h"
#include "libsys/fault.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/files.h"
#include "libsys/text.h"
#include "servers/process/serve.h"
#include "test/host/check.h"
#include "test/host/elf_maker.h"
#include "test/host/fake_kernel.h"

#define BASE 0x400000U
#define NONE UINT64_MAX

static struct system *const sys = &served_system;
static uint64_t bitmap[FAKE_FRAMES / 64 + 1];
static uint64_t now_ns;

/* What the server answered late: the last one, and how many. */
static struct {
    uint32_t count;
    cap_t slot;
    uint32_t status;
    struct process_wait_reply end;
} late;
static cap_t deferred_last;

/* The rest of the world. */
uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                       void *reply, struct protocol_extra *extra) {
    (void)request;
    if (fake_fails()) {
        strcpy(extra->reason, "made to fail");
        return P_NOT_FOUND;
    }
    CHECK_EQUAL(server, FAKE_CAP_FILES);
    CHECK_EQUAL(number, 4);
    CHECK(strcmp(operation->name, "map") == 0);
    struct files_map_reply file = {.size_bytes = MAKER_FILE_BYTES};
    memcpy(reply, &file, sizeof file);
    fake_install_file(extra->receive[0]);
    return OK;
}

cap_t server_defer(void) {
    deferred_last = fake_fails() ? 0 : slot_take();
    return deferred_last;
}

bool server_answer(struct server *server, cap_t slot, uint32_t number, uint32_t status, const void *reply) {
    (void)server;
    late.count++;
    late.slot = slot;
    late.status = status;
    if (number == 6)
        memcpy(&late.end, reply, sizeof late.end);
    slot_free(slot);
    return true;
}

void server_forget(cap_t slot) { slot_free(slot); }
void log_print(const char *format, ...) { (void)format; }
void fault_log(const char *name, const struct fault_message *fault) { (void)name, (void)fault; }
void fault_from_event(const struct server_event *event, struct fault_message *ret_fault) {
    *ret_fault = (struct fault_message){.kind = event->message.words[0], .address = event->message.words[1]};
}
const char *status_text(uint64_t status) { return status == OK ? "ok" : "not ok"; }
struct result sys_clock_read(void) {
    return (struct result){OK, now_ns};
}
struct result sys_system_info(uint64_t topic, uint64_t argument) {
    (void)topic, (void)argument;
    return (struct result){OK, 1};
}
struct result sys_thread_read(cap_t thread) {
    (void)thread;
    return (struct result){OK, 0};
}
struct result sys_signal_timer(cap_t notification, uint64_t bits, uint64_t deadline_ns) {
    (void)notification, (void)bits, (void)deadline_ns;
    return (struct result){OK, 0};
}

/* A system with `pages` frames to give away besides its own. */
static void start(uint64_t pages) {
    fake_reset();
    memset(sys, 0, sizeof *sys);
    memset(&late, 0, sizeof late);
    system_init(sys);
    sys->caps =
        (struct system_caps){FAKE_CAP_ENDPOINT, FAKE_CAP_EVENTS, FAKE_CAP_SPACE, FAKE_CAP_POOL, FAKE_CAP_FILES, 0};
    uint64_t work_pages = WORK_BYTES / PAGE_BYTES;
    CHECK(frames_add_region(&sys->frames, FAKE_CAP_RAM, work_pages + pages));
    CHECK(frames_bitmap_bytes(&sys->frames) <= sizeof bitmap);
    frames_start(&sys->frames, bitmap);
    sys->work = (struct system_work){{FAKE_CAP_RAM, 0, work_pages}, &fake_ram[0][0]};
    frames_reserve(&sys->frames, &sys->work.run);
    sys->window = (uaddr_t)fake_file;
    strcpy(sys->origin.entries[0].name, "console");
    sys->origin.entries[0].cap = FAKE_CAP_CONSOLE;

    struct maker_file file;
    maker_elf(&file, BASE);
    file.headers[7].p_type = MAKER_NULL; /* no interpreter */
    memset(fake_file, 0xee, sizeof fake_file);
    memcpy(fake_file, &file, sizeof file);
}

/* Everything that must be the same again. */
struct trace {
    struct fake_census kernel;
    uint64_t free_frames;
    uint64_t slots;
    uint32_t processes;
};

static struct trace look(void) {
    return (struct trace){fake_count(), sys->frames.free_count, program.slots.used_count, sys->processes.count};
}

static bool same(const struct trace *a, const struct trace *b) {
    return memcmp(&a->kernel, &b->kernel, sizeof a->kernel) == 0 && a->free_frames == b->free_frames &&
           a->slots == b->slots && a->processes == b->processes;
}

/* Call an operation as the process `pid` would. */
static uint32_t call(uint64_t pid, uint32_t operation, const void *request, void *reply, struct server_call *ret_call) {
    struct server_call one = {.badge = pid, .operation = operation};
    uint32_t status = served_protocol->dispatch(&one, request, reply);
    if (ret_call != NULL)
        *ret_call = one;
    return status;
}

/* Stage "prog\0arg\0" "A=1\0cap:fake=3\0" "console\0" for a process. */
static uint32_t stage_strings(uint64_t pid) {
    static const char text[] = "prog\0arg\0A=1\0cap:fake=3\0console";
    static struct process_stage_request request;
    struct process_stage_reply reply;
    request.length_bytes = sizeof text;
    request.offset_bytes = 0;
    memcpy(request.bytes, text, sizeof text);
    return call(pid, 1, &request, &reply, NULL);
}

static struct process_strings strings = {2, 2, 1};

static uint32_t spawn(uint64_t parent, uint64_t *ret_pid, struct server_call *ret_call) {
    static struct process_spawn_request request;
    struct process_spawn_reply reply = {0};
    uint32_t status = stage_strings(parent);
    request.length_bytes = 8;
    request.strings = strings;
    memcpy(request.path, "bin/prog", 8);
    if (status == OK)
        status = call(parent, 3, &request, &reply, ret_call);
    *ret_pid = reply.pid;
    return status;
}

static uint32_t exec(uint64_t pid) {
    static struct process_exec_request request;
    struct process_exec_reply reply;
    uint32_t status = stage_strings(pid);
    request.length_bytes = 8;
    request.strings = strings;
    memcpy(request.path, "bin/prog", 8);
    return status == OK ? call(pid, 4, &request, &reply, NULL) : status;
}

static uint32_t start_first(void) {
    static struct launch_request request;
    static char reason[PROTOCOL_REASON_MAX];
    struct process *first;
    static const char text[] = "prog\0console";
    memcpy(sys->work.bytes, text, sizeof text);
    request.length_bytes = sizeof text;
    request.strings = (struct process_strings){1, 0, 1};
    strcpy(request.path, "bin/prog");
    return launch_spawn(sys, 0, &sys->origin, &request, reason, &first);
}

static uint32_t wait_for(uint64_t pid, uint64_t child, uint64_t no_hang, struct process_wait_reply *ret_end) {
    struct process_wait_request request = {child, no_hang};
    return call(pid, 6, &request, ret_end, NULL);
}

static void end_self(uint64_t pid, uint64_t code) {
    struct process_exit_request request = {code};
    struct process_exit_reply reply;
    CHECK_EQUAL(call(pid, 5, &request, &reply, NULL), SERVER_DEFERRED);
}

static uint64_t read_word(cap_t thread, uaddr_t at) {
    uint64_t word = 0;
    CHECK(fake_read(thread, at, &word, sizeof word));
    return word;
}

static void check_text(cap_t thread, uaddr_t at, const char *wanted) {
    char seen[64] = "";
    CHECK(fake_read(thread, at, seen, strlen(wanted) + 1));
    if (!CHECK(strcmp(seen, wanted) == 0))
        printf("#   seen %s, wanted %s\n", seen, wanted);
}

/* What does a new process find: its image, its stack, its capabilities? */
static void new_process_finds_everything(void) {
    uint64_t pid;
    struct thread_registers entry;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(pid, 2);
    const struct body *body = system_body(sys, process_find(&sys->processes, pid));
    cap_t thread = body->thread;
    CHECK(fake_thread_runs(thread, &entry));
    CHECK_EQUAL(entry.rip, BASE + 0x800);
    CHECK_EQUAL(entry.rsp % 16, 0);

    uint8_t seen[PAGE_BYTES];
    CHECK(fake_read(thread, BASE, seen, PAGE_BYTES) && memcmp(seen, fake_file[0], PAGE_BYTES) == 0);
    CHECK(fake_read(thread, BASE + 0x1000, seen, PAGE_BYTES) && memcmp(seen, fake_file[1], PAGE_BYTES) == 0);
    CHECK(fake_read(thread, BASE + 0x2000, seen, 0x100) && memcmp(seen, fake_file[2], 0x100) == 0);
    for (uint64_t at = BASE + 0x2100; at < BASE + 0x5000; at += 8)
        CHECK_EQUAL(read_word(thread, at), 0);
    CHECK(!fake_read(thread, BASE + 0x5000, seen, 1));

    uaddr_t at = entry.rsp;
    CHECK_EQUAL(read_word(thread, at), 2);
    check_text(thread, read_word(thread, at + 8), "prog");
    check_text(thread, read_word(thread, at + 16), "arg");
    CHECK_EQUAL(read_word(thread, at + 24), 0);
    check_text(thread, read_word(thread, at + 32), "A=1"); /* cap:fake=3 was left out */
    check_text(thread, read_word(thread, at + 40), "cap:process=1");
    check_text(thread, read_word(thread, at + 48), "cap:console=2");
    check_text(thread, read_word(thread, at + 56), "slots=16,128");
    CHECK_EQUAL(read_word(thread, at + 64), 0);
    CHECK_EQUAL(read_word(thread, at + 72), AT_PHDR);
    CHECK_EQUAL(read_word(thread, at + 80), BASE + 0x40);
    CHECK(fake_table_has(body->table, 1) && fake_table_has(body->table, 2) && !fake_table_has(body->table, 3));
    CHECK_EQUAL(read_word(thread, LAYOUT_MESSAGE), 0);
}

/* Two processes of one file: what one writes, neither the file nor the other sees. */
static void writable_pages_are_private(void) {
    uint64_t pid;
    start(400);
    ((struct maker_file *)(void *)fake_file)->headers[2].p_flags = MAKER_R | MAKER_W;
    CHECK_EQUAL(start_first(), OK);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    uint64_t wanted;
    memcpy(&wanted, &fake_file[1][8], sizeof wanted);
    memset(fake_file[1], 0x11, PAGE_BYTES); /* as a write through a mapping of the file would */
    CHECK_EQUAL(read_word(sys->bodies[1].thread, BASE + 0x1008), wanted);
    CHECK_EQUAL(read_word(sys->bodies[pid].thread, BASE + 0x1008), wanted);
    CHECK_EQUAL(fake_count().mapped_frames, 2 * (4 + LAYOUT_STACK_PAGES + 1 + 1));
}

/* An image that may lie anywhere is moved as a whole, and told where it is. */
static void position_independent_image_is_moved(void) {
    struct thread_registers entry;
    struct maker_file file;
    start(400);
    maker_elf(&file, 0);
    file.header.e_type = 3; /* ET_DYN */
    file.headers[7].p_type = MAKER_NULL;
    memcpy(fake_file, &file, sizeof file);
    CHECK_EQUAL(start_first(), OK);
    CHECK(fake_thread_runs(sys->bodies[1].thread, &entry));
    CHECK_EQUAL(entry.rip, LAYOUT_IMAGE_BASE + 0x800);
    uaddr_t vector = entry.rsp + 7 * 8; /* argc, one argument, NULL, three notes, NULL */
    CHECK_EQUAL(read_word(sys->bodies[1].thread, vector), AT_PHDR);
    CHECK_EQUAL(read_word(sys->bodies[1].thread, vector + 8), LAYOUT_IMAGE_BASE + 0x40);
}

/* Behind what the file has for a segment there are zeroes, also where the file goes on. */
static void rest_of_a_segment_is_zero(void) {
    start(400);
    ((struct maker_file *)(void *)fake_file)->headers[2].p_filesz = 0x800;
    CHECK_EQUAL(start_first(), OK);
    uint64_t wanted;
    memcpy(&wanted, &fake_file[1][0x7f8], sizeof wanted);
    CHECK_EQUAL(read_word(sys->bodies[1].thread, BASE + 0x17f8), wanted);
    CHECK_EQUAL(read_word(sys->bodies[1].thread, BASE + 0x1800), 0);
    CHECK_EQUAL(read_word(sys->bodies[1].thread, BASE + 0x1ff8), 0);
}

/* Does a spawn that fails at its k-th call, for every k, leave everything as it was, and the next one succeed? */
static void spawn_fails_at_every_call(void) {
    uint64_t pid = 0;
    uint32_t k = 1;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    struct trace before = look();
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = spawn(1, &pid, NULL);
        if (!fake_failed())
            break;
        CHECK(status != OK);
        stage_forget(sys, system_stage(sys, process_find(&sys->processes, 1)));
        struct trace after = look();
        if (!CHECK(same(&before, &after)))
            printf("#   after call %u failed\n", k);
    }
    printf("# spawn makes %u calls that can fail\n", k - 1);
    CHECK(k > 30);
    end_self(pid, 0);
    struct process_wait_reply end;
    CHECK_EQUAL(wait_for(1, pid, 1, &end), OK);
    struct trace after = look();
    CHECK(same(&before, &after));
}

/* Does a caller whose exec fails at its k-th call go on with its old image, and nothing else change? */
static void exec_fails_at_every_call(void) {
    uint64_t pid;
    struct thread_registers entry_before;
    struct thread_registers entry_after;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    const struct body *body = system_body(sys, process_find(&sys->processes, pid));
    CHECK(fake_thread_runs(body->thread, &entry_before));
    struct trace before = look();
    CHECK_EQUAL(exec(pid), SERVER_DEFERRED); /* what it has now came by exec, too */
    struct trace again = look();
    CHECK(same(&before, &again));
    cap_t space = body->incarnation.image.space;
    uint32_t k = 1;
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = exec(pid);
        if (!fake_failed())
            break;
        CHECK(status != OK && status != SERVER_DEFERRED);
        stage_forget(sys, system_stage(sys, process_find(&sys->processes, pid)));
        struct trace after = look();
        CHECK(same(&before, &after));
        CHECK_EQUAL(body->incarnation.image.space, space);
        CHECK(fake_thread_runs(body->thread, &entry_after));
        CHECK(memcmp(&entry_before, &entry_after, sizeof entry_before) == 0);
        CHECK_EQUAL(read_word(body->thread, entry_after.rsp), 2);
    }
    printf("# exec makes %u calls that can fail\n", k - 1);
    CHECK(k > 20);
    struct trace after = look();
    CHECK(same(&before, &after)); /* the same program again takes just as much */
    CHECK(fake_table_has(body->table, 2));
    CHECK_EQUAL(read_word(body->thread, entry_after.rsp), 2);
}

/* With 0, 1, 2, ... free frames: an orderly refusal each time, until there are enough. */
static void memory_runs_out_at_every_frame(void) {
    uint64_t pid;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    uint64_t needed = 400 - sys->frames.free_count;
    for (uint64_t pages = needed; pages < 2 * needed + 2; pages++) {
        start(pages);
        CHECK_EQUAL(start_first(), OK);
        struct trace before = look();
        uint32_t status = spawn(1, &pid, NULL);
        if (pages >= 2 * needed + 1) { /* one page more: what is staged */
            CHECK_EQUAL(status, OK);
            continue;
        }
        if (status == OK) /* the staged page was free again in time */
            continue;
        CHECK_EQUAL(status, P_NO_MEMORY);
        stage_forget(sys, system_stage(sys, process_find(&sys->processes, 1)));
        struct trace after = look();
        CHECK(same(&before, &after));
    }
}

/* A damaged image, an unknown capability, too few strings, a foreign badge: each is named, nothing stays. */
static void refusals_have_reasons(void) {
    uint64_t pid;
    struct server_call answer;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    struct trace before = look();
    fake_file[0][0] = 0;
    CHECK_EQUAL(spawn(1, &pid, &answer), P_IMAGE);
    CHECK(strcmp(answer.reason, "not an ELF file") == 0);
    fake_file[0][0] = 0x7f;
    memcpy(sys->bodies[1].bag.entries[0].name, "other", 6);
    CHECK_EQUAL(spawn(1, &pid, &answer), P_NO_CAPABILITY);
    CHECK(strcmp(answer.reason, "no capability is called console") == 0);
    memcpy(sys->bodies[1].bag.entries[0].name, "console", 8);

    struct process_spawn_request request = {.length_bytes = 8, .strings = {3, 2, 1}, .path = "bin/prog"};
    struct process_spawn_reply reply;
    CHECK_EQUAL(stage_strings(1), OK);
    CHECK_EQUAL(call(1, 3, &request, &reply, NULL), P_ARGUMENT);
    CHECK_EQUAL(call(99, 3, &request, &reply, NULL), P_NO_PROCESS);
    CHECK_EQUAL(call(0, 3, &request, &reply, NULL), P_NO_PROCESS);
    struct trace after = look();
    CHECK(same(&before, &after));
}

static void wait_and_exit_in_both_orders(void) {
    uint64_t pid;
    struct process_wait_reply end;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    struct trace before = look();
    CHECK_EQUAL(wait_for(1, PROCESS_ANY, 0, &end), P_NO_CHILD);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(wait_for(1, pid, 1, &end), E_TIMEOUT);
    end_self(pid, 0x107);
    CHECK_EQUAL(call(pid, 8, &end, &end, NULL), P_NO_PROCESS); /* it has ended: its badge is void */
    CHECK_EQUAL(wait_for(1, PROCESS_ANY, 0, &end), OK);
    CHECK(end.pid == pid && end.end == PROCESS_EXITED && end.value == 7);

    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(wait_for(1, PROCESS_ANY, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(wait_for(1, PROCESS_ANY, 0, &end), P_BUSY);
    end_self(pid, 3);
    CHECK(late.count == 1 && late.status == OK && late.end.pid == pid && late.end.value == 3);
    struct trace after = look();
    CHECK(same(&before, &after));
}

static void fault_kills_and_is_told(void) {
    uint64_t pid;
    struct process_wait_reply end;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    struct trace before = look();
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    struct server_event event = {MESSAGE_FAULT, BODY_FAULT_BADGE | pid, {0, {FAULT_PAGE, 0x1234, 0, 0}}};
    serve_fault(&event);
    serve_fault(&event); /* a second one finds nobody */
    CHECK_EQUAL(wait_for(1, pid, 0, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGSEGV);
    CHECK(end.fault == FAULT_PAGE && end.address == 0x1234);
    struct trace after = look();
    CHECK(same(&before, &after));
}

static void interrupt_and_kill(void) {
    uint64_t pid;
    struct process_wait_reply end;
    struct process_kill_request kill = {1, PROCESS_SIGKILL};
    struct process_kill_reply killed;
    struct process_set_foreground_request foreground;
    struct process_set_foreground_reply set;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    struct trace before = look();
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    serve_events(EVENT_INTERRUPT); /* nobody is in the foreground */
    foreground.pid = pid;
    CHECK_EQUAL(call(1, 9, &foreground, &set, NULL), OK);
    CHECK_EQUAL(call(pid, 7, &kill, &killed, NULL), P_PERMISSION);
    CHECK_EQUAL(call(1, 7, &kill, &killed, NULL), P_PERMISSION);
    serve_events(EVENT_INTERRUPT);
    CHECK_EQUAL(wait_for(1, pid, 1, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGINT);
    CHECK_EQUAL(sys->processes.foreground, 0);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    kill = (struct process_kill_request){pid, 0};
    CHECK_EQUAL(call(1, 7, &kill, &killed, NULL), OK);
    CHECK_EQUAL(wait_for(1, pid, 1, &end), E_TIMEOUT);
    kill.signal = 65;
    CHECK_EQUAL(call(1, 7, &kill, &killed, NULL), P_ARGUMENT);
    kill.signal = PROCESS_SIGTERM;
    CHECK_EQUAL(call(pid, 7, &kill, &killed, NULL), SERVER_DEFERRED); /* of itself */
    CHECK_EQUAL(wait_for(1, pid, 1, &end), OK);
    CHECK_EQUAL(end.value, PROCESS_SIGTERM);
    struct trace after = look();
    CHECK(same(&before, &after));
}

static void sleepers_wake_in_time(void) {
    uint64_t pid;
    struct process_sleep_request request = {1000};
    struct process_sleep_reply reply;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    now_ns = 5000;
    CHECK_EQUAL(call(pid, 13, &request, &reply, NULL), SERVER_DEFERRED);
    cap_t first = deferred_last;
    request.duration_ns = NONE;
    CHECK_EQUAL(call(1, 13, &request, &reply, NULL), SERVER_DEFERRED);
    CHECK_EQUAL(process_next_wake(&sys->processes), 6000);
    now_ns = 5999;
    serve_events(EVENT_TIMER);
    CHECK_EQUAL(late.count, 0);
    now_ns = 6000;
    serve_events(EVENT_TIMER);
    CHECK(late.count == 1 && late.slot == first);
    CHECK_EQUAL(process_next_wake(&sys->processes), DEADLINE_NEVER);
    now_ns = 0;
}

/* What exec does not name is lost, and only then. */
static void exec_drops_what_is_not_named(void) {
    start(400);
    CHECK_EQUAL(start_first(), OK);
    const struct body *body = &sys->bodies[1];
    strings = (struct process_strings){2, 3, 0}; /* the last string is an environment entry now */
    CHECK_EQUAL(exec(1), SERVER_DEFERRED);
    strings = (struct process_strings){2, 2, 1};
    CHECK(fake_table_has(body->table, 1) && !fake_table_has(body->table, 2));
    CHECK_EQUAL(exec(1), P_NO_CAPABILITY);
}

/* A capability that was revoked meanwhile keeps nobody from starting programs. */
static void dead_capabilities_are_left_out(void) {
    uint64_t pid;
    start(400);
    CHECK_EQUAL(start_first(), OK);
    CHECK_EQUAL(sys_cap_delete(0, sys->bodies[1].bag.entries[0].cap).status, OK);
    CHECK_EQUAL(spawn(1, &pid, NULL), OK);
    CHECK(!fake_table_has(sys->bodies[pid].table, 2));
    CHECK(sys->bodies[pid].bag.entries[0].cap == 0);
}

static void capabilities_given_are_passed_on(void) {
    struct process_give_request give = {"extra"};
    struct process_give_reply given;
    struct server_call one = {.badge = 1, .operation = 2, .caps = {0}};
    start(400);
    CHECK_EQUAL(start_first(), OK);
    const struct body *body = &sys->bodies[1];
    for (uint32_t i = 0; i < 3; i++) { /* each in place of the one before */
        one.caps[0] = slot_take();
        CHECK_EQUAL(sys_cap_copy(0, one.caps[0], FAKE_CAP_EVENTS, RIGHTS_ALL, 0).status, OK);
        CHECK_EQUAL(served_protocol->dispatch(&one, &give, &given), OK);
        CHECK_EQUAL(one.caps[0], 0);
    }
    CHECK(fake_table_has(body->table, 3) && !fake_table_has(body->table, 4));
    strcpy(give.name, "process"); /* not a name to give */
    CHECK_EQUAL(served_protocol->dispatch(&one, &give, &given), P_ARGUMENT);
    memset(give.name, 'x', sizeof give.name); /* no zero at its end */
    CHECK_EQUAL(served_protocol->dispatch(&one, &give, &given), P_ARGUMENT);
    end_self(1, 0);
    struct trace after = look();
    CHECK_EQUAL(after.processes, 0);
    CHECK_EQUAL(after.slots, 0);
}

static void staged_bytes_have_limits(void) {
    static struct process_stage_request request;
    struct process_stage_reply reply;
    start(400);
    struct trace before = look();
    CHECK_EQUAL(start_first(), OK);
    request.length_bytes = sizeof request.bytes;
    memset(request.bytes, 'a', sizeof request.bytes);
    request.offset_bytes = 8;
    CHECK_EQUAL(call(1, 1, &request, &reply, NULL), P_ARGUMENT);
    uint32_t status = OK;
    for (request.offset_bytes = 0; status == OK; request.offset_bytes += sizeof request.bytes)
        status = call(1, 1, &request, &reply, NULL);
    CHECK_EQUAL(status, P_TOO_BIG);
    CHECK(reply.staged_bytes > PROCESS_STAGE_MAX - sizeof request.bytes);
    end_self(1, 0);
    struct trace after = look();
    CHECK(same(&before, &after));
}

int main(void) {
    static const struct check_case cases[] = {
        {"new_process_finds_everything", new_process_finds_everything},
        {"position_independent_image_is_moved", position_independent_image_is_moved},
        {"rest_of_a_segment_is_zero", rest_of_a_segment_is_zero},
        {"writable_pages_are_private", writable_pages_are_private},
        {"spawn_fails_at_every_call", spawn_fails_at_every_call},
        {"exec_fails_at_every_call", exec_fails_at_every_call},
        {"memory_runs_out_at_every_frame", memory_runs_out_at_every_frame},
        {"refusals_have_reasons", refusals_have_reasons},
        {"wait_and_exit_in_both_orders", wait_and_exit_in_both_orders},
        {"fault_kills_and_is_told", fault_kills_and_is_told},
        {"interrupt_and_kill", interrupt_and_kill},
        {"sleepers_wake_in_time", sleepers_wake_in_time},
        {"exec_drops_what_is_not_named", exec_drops_what_is_not_named},
        {"dead_capabilities_are_left_out", dead_capabilities_are_left_out},
        {"capabilities_given_are_passed_on", capabilities_given_are_passed_on},
        {"staged_bytes_have_limits", staged_bytes_have_limits},
    };
    return check_run(cases, sizeof cases / sizeof cases[0]);
}
