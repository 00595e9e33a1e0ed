/* The life of processes in the process server: how they end, which process is told, what they leave to
 * others; nothing may leak. */
#include <string.h>

#include "kernel/abi/rights.h"
#include "servers/process/delivery/delivery.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

static struct server_context *const context = &served_context;

static void wait_and_exit_in_both_orders(void) {
    uint64_t pid;
    struct process_wait_reply end;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    struct world_trace before = world_look();
    CHECK_EQUAL(world_wait(1, PROCESS_ANY, 0, &end), P_NO_CHILD);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_wait(1, pid, 1, &end), E_TIMEOUT);
    CHECK_EQUAL(world_exit(pid, 0x107), SERVER_DEFERRED);
    CHECK_EQUAL(world_call(pid, 8, &end, &end, NULL), P_NO_PROCESS); /* it has ended: its badge is void */
    CHECK_EQUAL(world_wait(1, PROCESS_ANY, 0, &end), OK);
    CHECK(end.pid == pid && end.end == PROCESS_EXITED && end.value == 7);

    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_wait(1, PROCESS_ANY, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(1, PROCESS_ANY, 0, &end), P_BUSY);
    CHECK_EQUAL(world_exit(pid, 3), SERVER_DEFERRED);
    CHECK(world_late.count == 1 && world_late.status == OK && world_late.end.pid == pid && world_late.end.value == 3);
    CHECK(world_same(&before));

    /* The right to answer is gone: the thread's call has ended, and it waits once more. */
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_wait(1, PROCESS_ANY, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(sys_cap_delete(0, world_deferred).status, OK);
    CHECK_EQUAL(world_wait(1, PROCESS_ANY, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(world_exit(pid, 4), SERVER_DEFERRED);
    CHECK(world_late.count == 2 && world_late.end.value == 4);
    CHECK(world_same(&before));
}

/* A call is refused unless its badge names a living thread: the dispatch checks this, so that no handler has to. */
static void badge_of_nobody_is_refused(void) {
    static uint64_t request[MESSAGE_WORDS], reply[MESSAGE_WORDS];
    uint64_t pid;
    struct process_wait_reply end;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_exit(pid, 0), SERVER_DEFERRED);
    struct world_trace before = world_look();
    const uint64_t badges[] = {0, pid /* ended */, pid + 1, OBJECTS_BADGE(1, 1) /* no such thread */};
    for (uint32_t operation = 1; operation < served_protocol.operation_count; operation++)
        for (uint32_t i = 0; i < sizeof badges / sizeof badges[0]; i++)
            CHECK_EQUAL(world_call(badges[i], operation, request, reply, NULL), P_NO_PROCESS);
    CHECK(world_same(&before));
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
}

static void fault_kills_and_is_told(void) {
    uint64_t pid;
    struct process_wait_reply end;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    struct world_trace before = world_look();
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    struct server_event event = {pid, {MESSAGE_INFO(FAULT_PAGE, 4, 0), {FAULT_PAGE, 0x1234, 0, 0}}};
    serve_fault(&event);
    serve_fault(&event); /* a second one finds nobody */
    CHECK_EQUAL(world_wait(1, pid, 0, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGSEGV);
    CHECK(end.fault == FAULT_PAGE && end.address == 0x1234);
    CHECK(world_same(&before));
}

/* Let a process fault, at `at` for a page fault, and end by that: *ret_end. Returns the report. */
static const char *report_as(uint64_t pid, uint64_t kind, uaddr_t at, uaddr_t stack_pointer,
                             struct process_wait_reply *ret_end) {
    struct server_event event = {OBJECTS_BADGE(pid, 0),
                                 {MESSAGE_INFO(kind, FAULT_WORDS, 0), {kind, at, FAULT_ACCESS_WRITE, 0}}};
    struct fault_message fault = {.registers.rsp = stack_pointer};
    memcpy(program.message->words, &fault, sizeof fault);
    world_log[0] = 0;
    serve_fault(&event);
    CHECK_EQUAL(world_wait(1, pid, 0, ret_end), OK);
    return world_log;
}

/* The report on a new process that runs the image in the file. */
static const char *report_of(uint64_t kind, uaddr_t at, uaddr_t stack_pointer) {
    uint64_t pid;
    struct process_wait_reply end;
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    return report_as(pid, kind, at, stack_pointer, &end);
}

#define CHECK_REPORT_AT(kind, at, stack_pointer, wanted)       \
    do {                                                       \
        const char *said = report_of(kind, at, stack_pointer); \
        if (!CHECK(strstr(said, wanted) != NULL))              \
            printf("# said:\n%s# wanted: %s\n", said, wanted); \
    } while (0)
#define CHECK_REPORT(kind, at, wanted) CHECK_REPORT_AT(kind, at, 0, wanted)

/* A stack that has outgrown its mapping is reported as an overflow; another pointer to that place is
 * not, nor is one above it. */
static void stack_overflow_is_called_so(void) {
    const uaddr_t lowest = LAYOUT_STACK_TOP - LAYOUT_STACK_BYTES;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_REPORT_AT(
        FAULT_PAGE, lowest - 8, lowest,
        "(prog): stack overflow: write at 0x00007fffff7cfff8 (the stack ends at 0x00007fffff7d0000), rip 0x");
    CHECK_REPORT_AT(FAULT_PAGE, lowest - 0x100, lowest - 0x3000, "(prog): stack overflow: write at");
    CHECK_REPORT_AT(FAULT_PAGE, lowest - 8, lowest + 2 * PAGE_BYTES, "(prog): page fault: write at");
    CHECK_REPORT_AT(FAULT_PAGE, lowest - (2U << 20), lowest, "(prog): page fault: write at");
    CHECK_REPORT_AT(FAULT_PAGE, WORLD_BASE, lowest, "(prog): page fault: write at");
    CHECK_REPORT_AT(FAULT_DIVIDE, lowest - 8, lowest, "(prog): divide error");
}

/* Each kind has its signal and words of its own. */
static void each_kind_of_fault_is_told(void) {
    static const struct {
        uint64_t kind, signal;
        const char *words;
    } kinds[] = {
        {FAULT_INSTRUCTION, PROCESS_SIGILL, "(prog): undefined or privileged instruction, code 0x2, rip 0x"},
        {FAULT_PROTECTION, PROCESS_SIGSEGV, "(prog): general protection fault, code 0x2, rip 0x"},
        {FAULT_DIVIDE, PROCESS_SIGFPE, "(prog): divide error, code 0x2, rip 0x"},
        {FAULT_BREAKPOINT, PROCESS_SIGTRAP, "(prog): breakpoint, code 0x2, rip 0x"},
        {FAULT_STEP, PROCESS_SIGTRAP, "(prog): debug exception, code 0x2, rip 0x"},
        {FAULT_FLOAT, PROCESS_SIGFPE, "(prog): floating-point exception, code 0x2, rip 0x"},
        {FAULT_ALIGNMENT, PROCESS_SIGBUS, "(prog): alignment fault, code 0x2, rip 0x"},
        {FAULT_OVERFLOW, PROCESS_SIGSEGV, "(prog): overflow, code 0x2, rip 0x"},
        {FAULT_SYSCALL, PROCESS_SIGILL, "(prog): foreign system call, code 0x2, rip 0x"},
        {FAULT_SYSCALL + 1, PROCESS_SIGSEGV, "(prog): unknown fault, code 0x2, rip 0x"},
    };
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t pid;
        struct process_wait_reply end;
        CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
        if (!CHECK(strstr(report_as(pid, kinds[i].kind, 0, 0, &end), kinds[i].words) != NULL))
            printf("# said:\n%s", world_log);
        CHECK(end.end == PROCESS_KILLED && end.fault == kinds[i].kind);
        CHECK_EQUAL(end.value, kinds[i].signal);
    }
}

/* The kernel may refuse to map a page. The report then gives its reason, and blames neither address nor rights. */
static void page_that_is_refused_is_told_as_why(void) {
    static const char *const reasons[] = {"(no capability in that slot), rip 0x",      /* of its content */
                                          "(more than a fixed limit allows), rip 0x"}; /* of its mapping */
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct process_wait_reply end;
        uint64_t pid;
        CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
        fake_fail_at(2 + i); /* 1 is the server's own memory */
        const char *said = report_as(pid, FAULT_PAGE, WORLD_BASE + 0x3000, 0, &end);
        fake_fail_at(0);
        const char *at = strstr(said, "(prog): page fault: write at 0x0000000000403000 (");
        if (!CHECK(at != NULL && strstr(at, reasons[i]) != NULL && strstr(said, "rights forbid") == NULL))
            printf("# said:\n%s", said);
        CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL && end.fault == FAULT_PAGE);
    }
}

/* The report tells the image, its place, and the mappings around the address, in the form that
 * tools/evidence/faults.py reads. */
static void fault_report_says_what_is_where(void) {
    static const uint32_t note[] = {6, 4,  1, 0x6f746142, 0x6e,       1, /* as maker_note */
                                    4, 20, 3, 0x00554e47, 0x33221100, 0x77665544, 0xbbaa9988, 0xffeeddcc, 0x67452301};
    struct maker_file *file = (struct maker_file *)(void *)fake_file;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_REPORT(FAULT_PAGE, 0x1234,
                 "process 2 (prog): image - at 0x0000000000400000 to 0x0000000000405000, moved by 0x0\n"
                 "process 2 (prog): page fault: write at 0x0000000000001234 (nothing is mapped there), rip 0x");
    CHECK(strstr(world_log, "\nprocess 2 (prog): next above: 0x0000000000400000 to 0x0000000000401000, r-x, file\n") !=
          NULL);
    CHECK_REPORT(FAULT_PAGE, WORLD_BASE + 0xfff, /* a page that nobody has brought yet, and that may not be written */
                 "\nprocess 3 (prog): page fault: write at 0x0000000000400fff (its rights forbid it), rip 0x");
    CHECK(strstr(world_log,
                 "\nprocess 3 (prog): mapped there: 0x0000000000400000 to 0x0000000000401000, r-x, file\n") != NULL);
    CHECK_REPORT(
        FAULT_PAGE, WORLD_BASE + 0x5000,
        "\nprocess 4 (prog): next below: 0x0000000000402000 to 0x0000000000405000, rw-, private copy of a file\n"
        "process 4 (prog): next above: 0x00007fffff7d0000 to 0x00007ffffffd0000, rw-, stack\n");
    CHECK_REPORT(FAULT_PAGE, LAYOUT_MESSAGE + PAGE_BYTES,
                 "\nprocess 5 (prog): next below: 0x00007ffffffd8000 to 0x00007ffffffd9000, rw-, message page\n");
    CHECK_REPORT(FAULT_DIVIDE, 0, "(prog): next above: 0x0000000000400000 to"); /* where it ran: 0 here */
    memcpy((uint8_t *)fake_file + 0x1100, note, sizeof note);
    file->headers[7] = (struct maker_program_header){.p_type = MAKER_NOTE, .p_offset = 0x1100, .p_filesz = sizeof note};
    CHECK_REPORT(FAULT_PAGE, 0x1234,
                 "(prog): image 00112233445566778899aabbccddeeff01234567 at 0x0000000000400000 to 0x0000000000405000, "
                 "moved by 0x0\n");
    maker_elf(file, 0);
    file->header.e_type = 3; /* ET_DYN */
    maker_note(file);
    CHECK_REPORT(FAULT_PAGE, 0x1234, "image - at 0x0000000100000000 to 0x0000000100005000, moved by 0x100000000\n");
}

/* A lack of frames is not reported as the program's fault. */
static void memory_that_is_out_is_told_as_that(void) {
    struct memory_run run;
    struct process_wait_reply end;
    uint64_t pid;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    uaddr_t variables = WORLD_BASE + 0x3000;
    while (served_context.frames.free_count > 0 && frames_take(&served_context.frames, 1, 1, &run))
        continue;
    const char *log = report_as(pid, FAULT_PAGE, variables, 0, &end);
    CHECK(strstr(log, "out of memory: process 2 (prog), with ") != NULL && strstr(log, "page fault") == NULL);
    CHECK(strstr(log, "is killed for process 2 (prog)\n") != NULL);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL && end.fault == PROCESS_NO_MEMORY_LEFT);
}

static void interrupt_and_kill(void) {
    uint64_t pid;
    struct process_wait_reply end;
    struct process_kill_request kill = {1, PROCESS_SIGKILL};
    struct process_kill_reply killed;
    struct process_set_foreground_reply set;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    struct world_trace before = world_look();
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    serve_events(EVENT_INTERRUPT); /* process 1 and its child are in the foreground */
    delivery_run();
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGINT);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    struct process_set_foreground_request foreground = {.pid = pid};
    process_enter_group(&context->processes, world_process(pid), (uint32_t)pid); /* as the shell does */
    CHECK_EQUAL(world_call(1, 9, &foreground, &set, NULL), OK);
    CHECK_EQUAL(world_call(pid, 7, &kill, &killed, NULL), P_PERMISSION);
    CHECK_EQUAL(world_call(1, 7, &kill, &killed, NULL), OK); /* which does nothing to process 1 */
    CHECK_EQUAL(process_state(world_process(1)), PROCESS_RUNNING);
    serve_events(EVENT_INTERRUPT);
    delivery_run();
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGINT);
    CHECK_EQUAL(context->processes.foreground, 1);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    kill = (struct process_kill_request){pid, 0};
    CHECK_EQUAL(world_call(1, 7, &kill, &killed, NULL), OK);
    CHECK_EQUAL(world_wait(1, pid, 1, &end), E_TIMEOUT);
    kill.signal = 65;
    CHECK_EQUAL(world_call(1, 7, &kill, &killed, NULL), P_ARGUMENT);
    kill.signal = PROCESS_SIGTERM;
    CHECK_EQUAL(world_call(pid, 7, &kill, &killed, NULL), OK); /* of itself */
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK_EQUAL(end.value, PROCESS_SIGTERM);
    CHECK(world_same(&before));
}

static void sleepers_wake_in_time(void) {
    uint64_t pid;
    struct process_sleep_request request = {6000};
    struct process_sleep_reply reply;
    world_start(400);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    world_now_ns = 5000;
    CHECK_EQUAL(world_call(pid, 13, &request, &reply, NULL), SERVER_DEFERRED);
    cap_t first = world_deferred;
    request.until_ns = UINT64_MAX;
    CHECK_EQUAL(world_call(1, 13, &request, &reply, NULL), SERVER_DEFERRED);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), 6000);
    world_now_ns = 5999;
    serve_events(EVENT_TIMER);
    CHECK_EQUAL(world_late.count, 0);
    world_now_ns = 6000;
    serve_events(EVENT_TIMER);
    CHECK(world_late.count == 1 && world_late.slot == first);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
    world_now_ns = 0;
}

/* Beside the server a program would starve while programs on other CPUs keep the server busy. */
static void programs_run_where_the_server_does_not(void) {
    for (uint64_t cpu_count = 1; cpu_count <= 4; cpu_count++) {
        uint64_t used = 0, pid;
        world_start(400);
        context->cpu_count = cpu_count;
        CHECK_EQUAL(world_start_first(), OK);
        for (uint32_t i = 0; i < 6; i++) {
            CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
            used |= 1ULL << fake_thread_config(world_process(pid)->first.object).cpu;
        }
        CHECK_EQUAL(used, cpu_count == 1 ? 1 : ((1ULL << cpu_count) - 1) & ~1ULL);
    }
}

static void staged_bytes_have_limits(void) {
    static struct process_stage_request request;
    struct process_stage_reply reply;
    world_start(400);
    struct world_trace before = world_look();
    CHECK_EQUAL(world_start_first(), OK);
    request.length_bytes = sizeof request.bytes;
    memset(request.bytes, 'a', sizeof request.bytes);
    request.offset_bytes = 8;
    CHECK_EQUAL(world_call(1, 1, &request, &reply, NULL), P_ARGUMENT);
    uint32_t status = OK;
    for (request.offset_bytes = 0; status == OK; request.offset_bytes += sizeof request.bytes)
        status = world_call(1, 1, &request, &reply, NULL);
    CHECK_EQUAL(status, P_TOO_BIG);
    CHECK(reply.staged_bytes > PROCESS_STAGE_MAX - sizeof request.bytes);
    CHECK_EQUAL(world_exit(1, 0), SERVER_DEFERRED);
    CHECK(world_same(&before));
}

SUITE(CASE(wait_and_exit_in_both_orders), CASE(badge_of_nobody_is_refused), CASE(fault_kills_and_is_told),
      CASE(fault_report_says_what_is_where), CASE(each_kind_of_fault_is_told),
      CASE(page_that_is_refused_is_told_as_why), CASE(memory_that_is_out_is_told_as_that),
      CASE(stack_overflow_is_called_so), CASE(interrupt_and_kill), CASE(sleepers_wake_in_time),
      CASE(programs_run_where_the_server_does_not), CASE(staged_bytes_have_limits));
