/*
 * Do limits and nice values hold, for the process that has them and for its descendants?
 */
#include "test/process/signals.h"

#define PAGE PAGE_BYTES
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)

static struct process_get_limit_reply limit_of(uint64_t limit) {
    struct process_get_limit_request request = {0, limit};
    struct process_get_limit_reply reply = {0};
    CHECK_STATUS(process_get_limit(process, &request, &reply, NULL), OK);
    return reply;
}

static uint32_t set_limit(uint64_t limit, uint64_t now, uint64_t most) {
    struct process_set_limit_request request = {limit, now, most};
    struct process_set_limit_reply reply;
    return process_set_limit(process, &request, &reply, NULL);
}

static uint32_t map_pages(uint64_t pages, uaddr_t *ret_at) {
    struct process_map_request request = {0, pages * PAGE, READ_WRITE, 0};
    struct process_map_reply reply = {0};
    uint32_t status = process_map(process, &request, &reply, NULL);
    *ret_at = reply.at;
    return status;
}

static uint32_t set_nice(uint64_t pid, uint64_t nice, uint64_t *ret_was) {
    struct process_set_nice_request request = {pid, nice};
    struct process_set_nice_reply reply = {0};
    uint32_t status = process_set_nice(process, &request, &reply, NULL);
    *ret_was = reply.nice;
    return status;
}

/* ---- all of them ---- */

IN_CHILD(limit_is_reported_as_set) {
    for (uint64_t limit = 0; limit < PROCESS_LIMITS; limit++) {
        struct process_get_limit_reply before = limit_of(limit);
        CHECK(before.now == PROCESS_UNLIMITED && before.most == PROCESS_UNLIMITED);
        CHECK_STATUS(set_limit(limit, 1000000000000 + limit, 2000000000000), OK);
        struct process_get_limit_reply after = limit_of(limit);
        CHECK_EQUAL(after.now, 1000000000000 + limit);
        CHECK_EQUAL(after.most, 2000000000000);
    }
    CHECK(limit_of(PROCESS_LIMIT_MEMORY).used >= 20 * PAGE);
    CHECK_EQUAL(limit_of(PROCESS_LIMIT_PROCESSES).used, 1);
    CHECK_EQUAL(limit_of(PROCESS_LIMIT_THREADS).used, 1);
    return CODE_SIGNALLED;
}

IN_CHILD(limit_refuses) {
    struct process_get_limit_request request = {0, PROCESS_LIMITS};
    struct process_get_limit_reply reply;
    CHECK_STATUS(process_get_limit(process, &request, &reply, NULL), P_ARGUMENT);
    request = (struct process_get_limit_request){1, PROCESS_LIMIT_TIME};
    CHECK_STATUS(process_get_limit(process, &request, &reply, NULL), P_PERMISSION);
    request.pid = 0x7fffffff;
    CHECK_STATUS(process_get_limit(process, &request, &reply, NULL), P_NO_PROCESS);
    CHECK_STATUS(set_limit(PROCESS_LIMITS, 1, 1), P_ARGUMENT);
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, 5, 4), P_ARGUMENT);
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, 4, 5), OK);
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, 5, 5), OK); /* up to the most */
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, 5, 6), P_PERMISSION);
    CHECK_EQUAL(limit_of(PROCESS_LIMIT_THREADS).most, 5);
    return CODE_SIGNALLED;
}

static void limit_can_be_raised_by_process_1(void) {
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, 4, 4), OK);
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, PROCESS_UNLIMITED, PROCESS_UNLIMITED), OK);
}

static int role_has_limit(int argc, char **argv) {
    CHECK_EQUAL(argc, 3);
    CHECK_EQUAL(limit_of(number_of(argv[1])).now, number_of(argv[2]));
    return CODE_SIGNALLED;
}

IN_CHILD(limit_is_inherited) {
    CHECK_STATUS(set_limit(PROCESS_LIMIT_THREADS, 7, 9), OK);
    CHECK_ROLE(CODE_SIGNALLED, "has_limit", text_of(PROCESS_LIMIT_THREADS), "7");
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_EQUAL(limit_of(PROCESS_LIMIT_THREADS).most, 9);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    CHECK_STATUS(EXEC_ROLE("has_limit", text_of(PROCESS_LIMIT_THREADS), "7"), OK);
    return ROLE_FAILED;
}

/* ---- memory ---- */

IN_CHILD(limit_of_memory_holds_mappings) {
    uaddr_t at;
    uint64_t used = limit_of(PROCESS_LIMIT_MEMORY).used;
    CHECK_STATUS(set_limit(PROCESS_LIMIT_MEMORY, used + 16 * PAGE, PROCESS_UNLIMITED), OK);
    CHECK_STATUS(map_pages(17, &at), P_LIMIT);
    CHECK_STATUS(map_pages(16, &at), OK);
    CHECK_STATUS(map_pages(1, &at), P_LIMIT);
    CHECK_EQUAL(limit_of(PROCESS_LIMIT_MEMORY).used, used + 16 * PAGE);
    CHECK_STATUS(set_limit(PROCESS_LIMIT_MEMORY, used + 17 * PAGE, PROCESS_UNLIMITED), OK);
    CHECK_STATUS(map_pages(1, &at), OK);
    CHECK_STATUS(set_limit(PROCESS_LIMIT_MEMORY, PAGE, PROCESS_UNLIMITED), OK); /* mapped pages stay */
    *(volatile uint64_t *)at = 4711;
    CHECK_STATUS(map_pages(1, &at), P_LIMIT);
    return CODE_SIGNALLED;
}

IN_CHILD(limit_of_memory_holds_images) {
    CHECK_STATUS(set_limit(PROCESS_LIMIT_MEMORY, 64 * PAGE, PROCESS_UNLIMITED), OK);
    const char *const arguments[] = {SELF, "leave", "0", NULL};
    const struct child_start start = {SELF, arguments, NULL, capabilities_of_a_role};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), P_LIMIT);
    CHECK_TEXT(start_reason, "image and stack need 9 MiB, and it may have 0 MiB");
    CHECK_STATUS(start_exec(&start), P_LIMIT);
    return CODE_SIGNALLED;
}

/* ---- processes ---- */

/* Fork as often as possible, in all descendants. Returns how many children there were in all. */
static uint64_t fork_all(uint64_t depth) {
    struct process_set_session_request request = {0};
    struct process_set_session_reply session;
    uint64_t sum = 0, children = 0;
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t pid;
        uint32_t status = fork_process(&pid);
        if (status == OK && pid == 0) {
            (void)process_set_session(process, &request, &session, NULL); /* a new session does not evade the limit */
            program_exit((int)(1 + (depth > 0 ? fork_all(depth - 1) : 0)));
        }
        CHECK(status == OK || status == P_LIMIT);
        children += status == OK;
    }
    for (; children > 0; children--) {
        struct process_wait_reply end;
        CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
        sum += end.value;
    }
    return sum;
}

IN_CHILD(limit_of_processes_holds_a_bomb) {
    CHECK_STATUS(set_limit(PROCESS_LIMIT_PROCESSES, 6, PROCESS_UNLIMITED), OK);
    for (uint32_t round = 0; round < 3; round++) {
        uint64_t pids[6], count = 0;
        while (count < 6) {
            uint64_t pid;
            uint32_t status = fork_process(&pid);
            if (status == OK && pid == 0) {
                for (;;)
                    (void)sleep_ns(LONG_NS);
            }
            if (status != OK) {
                CHECK_STATUS(status, P_LIMIT);
                break;
            }
            pids[count++] = pid;
        }
        CHECK_EQUAL(count, 5); /* and this one */
        CHECK_EQUAL(limit_of(PROCESS_LIMIT_PROCESSES).used, 6);
        while (count > 0)
            end_child(pids[--count]);
        CHECK_EQUAL(limit_of(PROCESS_LIMIT_PROCESSES).used, 1);
    }
    CHECK(fork_all(3) >= 5);
    CHECK_EQUAL(limit_of(PROCESS_LIMIT_PROCESSES).used, 1);
    return CODE_SIGNALLED;
}

/* Nested limits: the lower one holds. */
IN_CHILD(limit_of_processes_nests) {
    CHECK_STATUS(set_limit(PROCESS_LIMIT_PROCESSES, 4, PROCESS_UNLIMITED), OK);
    uint64_t child = fork_here(), pid;
    if (child == 0) {
        CHECK_STATUS(set_limit(PROCESS_LIMIT_PROCESSES, 100, PROCESS_UNLIMITED), OK);
        uint64_t first = idle_child(), second = idle_child();
        CHECK_STATUS(fork_process(&pid), P_LIMIT);
        CHECK_STATUS(set_limit(PROCESS_LIMIT_PROCESSES, 2, PROCESS_UNLIMITED), OK);
        end_child(first);
        CHECK_STATUS(fork_process(&pid), P_LIMIT);
        end_child(second);
        end_child(idle_child());
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- time ---- */

static void use_up_time(void) {
    for (;;)
        spin_ns(SHORT_NS);
}

IN_CHILD(limit_of_time_ends) {
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(set_limit(PROCESS_LIMIT_TIME, 2 * SHORT_NS, PROCESS_UNLIMITED), OK);
        use_up_time();
    }
    CHECK_KILLED(child, PROCESS_SIGXCPU);
    return CODE_SIGNALLED;
}

IN_CHILD(limit_of_time_can_be_handled_up_to_the_most) {
    uint64_t child = fork_here();
    if (child == 0) {
        handle(PROCESS_SIGXCPU);
        CHECK_STATUS(set_limit(PROCESS_LIMIT_TIME, SHORT_NS, 4 * SHORT_NS), OK);
        uint64_t before = limit_of(PROCESS_LIMIT_TIME).used;
        while (seen[PROCESS_SIGXCPU] == 0)
            spin_ns(SHORT_NS / 10);
        if (before < SHORT_NS && limit_of(PROCESS_LIMIT_TIME).used < SHORT_NS)
            return ROLE_FAILED; /* too early */
        use_up_time();
    }
    struct process_wait_reply end;
    CHECK_STATUS(wait_for(child, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL);
    CHECK(end.fault == PROCESS_NO_TIME_LEFT && end.limit_ns == 4 * SHORT_NS);
    return CODE_SIGNALLED;
}

IN_CHILD(limit_of_time_spares_who_sleeps) {
    CHECK_STATUS(set_limit(PROCESS_LIMIT_TIME, limit_of(PROCESS_LIMIT_TIME).used + SHORT_NS, PROCESS_UNLIMITED), OK);
    CHECK_STATUS(sleep_ns(10 * SHORT_NS), OK);
    return CODE_SIGNALLED;
}

/* ---- nice values ---- */

IN_CHILD(nice_is_reported_and_inherited) {
    uint64_t was;
    CHECK_STATUS(set_nice(0, PROCESS_NICE_KEEP, &was), OK);
    CHECK_EQUAL(was, 0);
    CHECK_STATUS(set_nice(0, 5, &was), OK);
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(set_nice(0, 7, &was), OK);
        CHECK_EQUAL(was, 5);
        CHECK_STATUS(set_nice(0, 6, &was), P_PERMISSION);
        CHECK_STATUS(set_nice(0, 20, &was), P_ARGUMENT);
        CHECK_STATUS(set_nice(1, 7, &was), P_PERMISSION);
        CHECK_STATUS(set_nice(0x7fffffff, 7, &was), P_NO_PROCESS);
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* A process of a lower nice value runs, and one of a higher value does not. */
IN_CHILD(nice_lets_others_go_first) {
    struct process_map_request request = {0, PAGE, READ_WRITE, PROCESS_MAP_TOGETHER};
    struct process_map_reply shared;
    uint64_t was;
    CHECK_STATUS(process_map(process, &request, &shared, NULL), OK);
    volatile uint64_t *count = (volatile uint64_t *)shared.at;
    uint64_t child = fork_here();
    if (child == 0) {
        for (;;)
            (*count)++;
    }
    CHECK_STATUS(sleep_ns(SHORT_NS), OK);
    CHECK(*count > 0);
    CHECK_STATUS(set_nice(child, PROCESS_NICE_MAX, &was), OK);
    uint64_t before = *count;
    spin_ns(10 * SHORT_NS); /* many slices */
    CHECK_EQUAL(*count, before);
    CHECK_STATUS(sleep_ns(SHORT_NS), OK);
    CHECK(*count > before);
    end_child(child);
    return CODE_SIGNALLED;
}

#define LIMITS (OPERATION(get_limit) | OPERATION(set_limit))
static const struct test_case cases[] = {
    CASE_NEEDS(limit_is_reported_as_set, LIMITS),
    CASE_NEEDS(limit_refuses, LIMITS),
    CASE_NEEDS(limit_can_be_raised_by_process_1, LIMITS),
    CASE_NEEDS(limit_is_inherited, LIMITS | OPERATION(fork)),
    CASE_NEEDS(limit_of_memory_holds_mappings, LIMITS | OPERATION(map)),
    CASE_NEEDS(limit_of_memory_holds_images, LIMITS),
    SIGNAL_AND(limit_of_processes_holds_a_bomb, LIMITS | OPERATION(set_session)),
    SIGNAL_AND(limit_of_processes_nests, LIMITS),
    SIGNAL_AND(limit_of_time_ends, LIMITS),
    SIGNAL_AND(limit_of_time_can_be_handled_up_to_the_most, LIMITS),
    SIGNAL_AND(limit_of_time_spares_who_sleeps, LIMITS),
    SIGNAL_AND(nice_is_reported_and_inherited, OPERATION(set_nice)),
    SIGNAL_AND(nice_lets_others_go_first, OPERATION(set_nice) | OPERATION(map) | STRICT_NICE),
};
static const struct role roles[] = {
    ROLE(limit_is_reported_as_set),
    ROLE(limit_refuses),
    ROLE(has_limit),
    ROLE(limit_is_inherited),
    ROLE(limit_of_memory_holds_mappings),
    ROLE(limit_of_memory_holds_images),
    ROLE(limit_of_processes_holds_a_bomb),
    ROLE(limit_of_processes_nests),
    ROLE(limit_of_time_ends),
    ROLE(limit_of_time_can_be_handled_up_to_the_most),
    ROLE(limit_of_time_spares_who_sleeps),
    ROLE(nice_is_reported_and_inherited),
    ROLE(nice_lets_others_go_first),
};
GROUP(bounds);
