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

#include <stdbool.h>
#include <stdint.h>

#include "libsys/format.h"
#include "libsys/program.h"
#include "libsys/proto/process.h"

#define ROW_NUMBER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) OPERATION_##name = number,
#define ROW_COUNT(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) +1
enum operation { PROCESS_OPERATIONS(ROW_NUMBER) };
#define OPERATION_LIMIT (1U PROCESS_OPERATIONS(ROW_COUNT)) /* one behind the last */
_Static_assert(OPERATION_LIMIT <= 64, "a set of operations is a word");

#define OPERATION(name) (1ULL << OPERATION_##name)
#define OPERATIONS_MANDATORY \
    (OPERATION(stage) | OPERATION(spawn) | OPERATION(exec) | OPERATION(exit) | OPERATION(wait) | OPERATION(get_pid))

struct test_case {
    const char *name;
    void (*run)(void);
    uint64_t needs; /* operations */
};

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

#define CASE(name) \
    { #name, name, 0 }
#define CASE_NEEDS(name, operations) \
    { #name, name, operations }
#define ROLE(name) \
    { #name, role_##name }
#define GROUP(name)                                                                           \
    const struct group group_##name = {#name, cases, roles, sizeof(cases) / sizeof(cases[0]), \
                                       sizeof(roles) / sizeof(roles[0])}

/* ---- checks: in a case they fail the case, in a role they make the child exit with ROLE_FAILED ---- */

#define ROLE_FAILED 255

#define CHECK(condition) check_true((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(actual, expected) \
    check_equal((uint64_t)(actual), (uint64_t)(expected), __FILE__, __LINE__, #actual " == " #expected)
#define CHECK_STATUS(status, expected) check_status((status), (expected), __FILE__, __LINE__, #status)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), __FILE__, __LINE__, #actual)

bool check_true(bool holds, const char *file, int line, const char *text);
bool check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text);
bool check_status(uint64_t status, uint64_t expected, const char *file, int line, const char *text);
bool check_text(const char *actual, const char *expected, const char *file, int line, const char *text);

/* Has a check failed, in this case or role? */
bool has_failed(void);

/* A remark behind a check that failed. */
FORMAT_LIKE(1, 2) void remark(const char *format, ...);

/* Does the implementation serve all of these? */
bool has_operations(uint64_t operations);
