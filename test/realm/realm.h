/*
 * Realms: the system that a test needs, and nothing else. Kernel, init, the servers under test, and a suite that stands
 * for all of their clients and for the servers that they call. docs/realms.md tells how to write one.
 *
 *     static void a_pipe_holds_what_is_written(void) { ... pipes_create(program_need("pipes"), ...) ... }
 *     SUITE(CASE(a_pipe_holds_what_is_written), ...);
 *
 * and one line in a meson.build:
 *
 *     realm_suites += {'pipes_alone': {'servers': ['pipes'], 'sources': files('pipes_alone.c')}}
 *
 * The suite's capabilities: each server of the realm and each endpoint that one of them calls, by its name; `init`.
 * Around each case the suite compares what the kernel and each server have in use, and looks whether a server ended.
 */
#pragma once

#include "libsys/program/program.h"
#include "libsys/wire/server.h"
#include "test/lib/servers.h"
#include "test/lib/status.h"

#define REALM_SOON_NS 5000000000ULL /* what should be over at once is late then: the case fails, and nothing hangs */

/* A capability to call this server as a client with this badge. The case drops it (slot_drop). */
cap_t realm_as(const char *server, uint64_t badge);

/* Let `ns` pass. */
void realm_sleep(uint64_t ns);

/* ---- clients: threads that run a function of the suite beside the case ---- */

#define CLIENTS_MAX 16U /* mocks included */

struct client;
typedef void client_code(void *argument);

/*
 * Start a client, on another CPU than the servers' if there is one. All of them are ended with the case. The suite ends
 * if there are CLIENTS_MAX already.
 */
struct client *client_start(client_code *code, void *argument);

/* Wait until its code has returned. A fault or a delay fails the case. The client is gone then. */
void client_join(struct client *client);

/* Wait until it waits for an answer. False, and the case fails: it does not. */
bool client_waits(struct client *client);

/* End it, wherever it is. What it was at gets no answer. */
void client_kill(struct client *client);

/* ---- mocks: stand in for servers that a server under test calls ---- */

enum mock_way {
    MOCK_ANSWERS = 0, /* with OK and `reply` */
    MOCK_FAILS,       /* with `status` */
    MOCK_DROPS,       /* not at all: its caller gets E_PEER, as if the server had died */
    MOCK_KEEPS,       /* nothing, until the mock ends */
    MOCK_DIES,        /* as MOCK_DROPS, and every later call gets P_GONE */
};

/* How a mock answers an operation. The first rule that fits is taken. */
struct mock_rule {
    uint32_t operation;       /* NAME_verb_row */
    uint32_t first, last;     /* calls of the operation, counted from 1; last 0: all from `first` on */
    enum mock_way way;        /* ... */
    uint32_t status;          /* MOCK_FAILS: enum protocol_status, enum status */
    uint64_t delay_ns;        /* before the answer */
    const void *reply;        /* `struct name_verb_reply`; NULL: all zero */
    cap_t caps[MESSAGE_CAPS]; /* that go with it, as copies */
};

struct mock {
    const char *name; /* of the endpoint */
    const struct protocol_operation *operations;
    uint32_t operation_count;
    const struct mock_rule *rules;
    uint32_t rule_count;
    struct client *client; /* that serves; NULL: it has not begun */
    bool is_dead;
    uint32_t calls[SERVER_OPERATIONS_MAX]; /* by operation */
    uint32_t unexpected, last_unexpected;  /* calls that no rule fits: how many, and the last one's operation */
    uint64_t request[MESSAGE_WORDS];       /* the last one's */
    uint32_t request_operation;            /* ... */
    cap_t receive[MESSAGE_CAPS];           /* slots for capabilities that come with calls, which are dropped */
    cap_t kept[CLIENTS_MAX];               /* MOCK_KEEPS */
    uint32_t kept_count;
};

/*
 * Defines mock_NAME, a mock of the endpoint `NAME` that serves a protocol of this name, and for each operation its
 * number, NAME_verb_row. The numbers need not begin with 1: a server may serve two protocols.
 */
#define MOCK_ROW_NUMBER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    proto##_##name##_row = number,
#define MOCK(proto, OPERATIONS)                                                                         \
    enum { OPERATIONS(MOCK_ROW_NUMBER) };                                                               \
    static const struct protocol_operation proto##_operations[] = {OPERATIONS(PROTOCOL_ROW_OPERATION)}; \
    _Static_assert(sizeof proto##_operations / sizeof proto##_operations[0] <= SERVER_OPERATIONS_MAX,   \
                   "there is a counter for each");                                                      \
    static struct mock mock_##proto = {.name = #proto,                                                  \
                                       .operations = proto##_operations,                                \
                                       .operation_count = sizeof proto##_operations / sizeof proto##_operations[0]};

/*
 * Serve by these rules until the case ends, or until the mock begins anew. A call that no rule fits gets P_OPERATION,
 * and fails the case by its name.
 */
#define MOCK_BEGIN(mock, rules) mock_begin(&(mock), (rules), sizeof(rules) / sizeof(rules)[0])
void mock_begin(struct mock *mock, const struct mock_rule *rules, uint32_t rule_count);
void mock_end(struct mock *mock);

/* How often the operation was called since the mock began, unexpected calls included. */
uint32_t mock_calls(const struct mock *mock, uint32_t operation);

/* The last request, if it was of this operation: its `struct name_verb_request`. NULL: it was not. */
const void *mock_request(const struct mock *mock, uint32_t operation);
