/*
 * The conformance suite of the protocol `process`: does a server do what libsys/proto/process.h promises? The suite is
 * process 1, in the shell's place; its children play roles: they run this program with a role's name.
 *
 *     static int role_leave(int argc, char **argv) { return 7; }              in the child
 *     static void exit_code_is_seen(void) { CHECK_ROLE(7, "leave"); }         in the suite
 *
 * A group is a file of cases and roles. Around each case the suite compares what the kernel and the server have in use,
 * and looks for children left behind. A case names the operations it needs besides the mandatory ones
 * (OPERATIONS_MANDATORY); if the implementation is declared to lack one, the case is skipped by name.
 */
#pragma once

#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "test/lib/status.h"

#define ROW_NUMBER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) OPERATION_##name = number,
#define ROW_COUNT(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) +1
enum { PROCESS_OPERATIONS(ROW_NUMBER) };
#define OPERATION_LIMIT (1U PROCESS_OPERATIONS(ROW_COUNT)) /* one behind the last */
_Static_assert(OPERATION_LIMIT <= 64, "a set of operations is a word");

#define OPERATION(name) (1ULL << OPERATION_##name)
#define STRICT_NICE 1ULL /* no operation: a process of a lower nice value runs, and one of a higher value does not */
#define OPERATIONS_MANDATORY \
    (OPERATION(stage) | OPERATION(spawn) | OPERATION(exec) | OPERATION(exit) | OPERATION(wait) | OPERATION(get_pid))

struct role {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the role's name; what it returns is the child's exit code */
};

struct group {
    const char *name;
    const struct test_case *cases;
    const struct role *roles;
    uint32_t case_count;
    uint32_t role_count;
};

extern const struct group group_spawn, group_images, group_exec, group_end, group_kill, group_fault, group_query,
    group_time, group_garbage, group_limits, group_fork, group_map, group_signal, group_signal_fault, group_stop,
    group_groups, group_family, group_threads, group_threads_wait, group_threads_signal, group_threads_end,
    group_identity, group_bounds, group_fpu, group_pass;

#define CASE_NEEDS(name, operations) \
    { #name, name, operations }
#define ROLE(name) \
    { #name, role_##name }
#define GROUP(name)                                                                         \
    const struct group group_##name = {#name, cases, roles, sizeof cases / sizeof cases[0], \
                                       sizeof roles / sizeof roles[0]}

/* What a role exits with if one of its checks failed. */
#define ROLE_FAILED 255

/* Does the implementation serve all of these? */
bool has_operations(uint64_t operations);
