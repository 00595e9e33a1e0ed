/*
 * Threads of the suite. The program's first thread takes their faults; the cases run in a thread of their own, so that
 * each thread but the first has a block at its FS base, where libsys finds its message page.
 */
#include "test/realm/clients.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/maker/fault.h"
#include "libsys/maker/layout.h"
#include "libsys/program/thread_block.h"
#include "libsys/text/string.h"
#include "test/lib/cases.h"

#define WINDOWS_AT 0x7fffffe00000ULL /* in the 2 MiB of the first thread's stack, for which there is a page table */
#define STACK_PAGES 4U
#define WINDOW_PAGES (STACK_PAGES + 1U) /* the message page is the last one */
#define WINDOWS (CLIENTS_MAX + 1U)      /* the first is that of the cases */
_Static_assert(WINDOWS_AT + WINDOWS * WINDOW_PAGES * PAGE_BYTES + 64 * PAGE_BYTES < LAYOUT_STACK_TOP,
               "below the stack");
#define PRIORITY_CLIENTS 24U
#define POLL_NS 200000ULL

enum client_state { CLIENT_NONE, CLIENT_RUNS, CLIENT_RETURNED, CLIENT_FAULTED };

struct client {
    enum client_state state; /* written by the client and the watcher */
    cap_t thread;
    cap_t faults; /* its fault endpoint: a copy of that with its badge */
    client_code *code;
    void *argument;
    struct fault_message fault;
};

static struct client clients[WINDOWS]; /* badge at `faults` is the index + 1 */
static cap_t faults;                   /* the endpoint */
static cap_t changed;                  /* notification: some client's state is another one */
static cap_t silence;                  /* a notification that nobody raises */

/* Looked up once: a search by name takes as long as some calls. */
static struct { cap_t pool, table, space, memory; } own;

static enum client_state state_of(const struct client *client) {
    return __atomic_load_n(&client->state, __ATOMIC_ACQUIRE);
}

static void set_state(struct client *client, enum client_state state) {
    __atomic_store_n(&client->state, state, __ATOMIC_RELEASE);
    (void)sys_signal_raise(changed, 1); /* can't fail: it is the program's own */
}

static _Noreturn void bail_out(const char *reason) {
    test_print("Bail out! %s\n", reason);
    cases_end(false);
}

static cap_t make(uint64_t type) {
    cap_t slot = slot_take();
    if (slot == 0 || sys_object_create(own.pool, type, 0, slot).status != OK)
        bail_out("the suite's pool or table is full");
    return slot;
}

void realm_sleep(uint64_t ns) { (void)sys_signal_wait(silence, program_time_in(ns)); }

static _Noreturn void run(struct client *client) {
    client->code(client->argument);
    set_state(client, CLIENT_RETURNED);
    for (;;)
        (void)sys_signal_wait(silence, DEADLINE_NEVER);
}

static uaddr_t window_of(const struct client *client) {
    return WINDOWS_AT + (uint64_t)(client - clients) * WINDOW_PAGES * PAGE_BYTES;
}

static struct thread_block *block_of(const struct client *client) {
    return (struct thread_block *)(window_of(client) + STACK_PAGES * PAGE_BYTES - sizeof(struct thread_block));
}

/* Servers run on the first CPU, as do the cases; clients on the others, if there are any. */
static uint64_t cpu_of(const struct client *client) {
    uint64_t others = sys_system_info(INFO_CPUS, 0).value - 1;
    return client == clients || others == 0 ? 0 : 1 + (uint64_t)(client - clients - 1) % others;
}

/* Through this thread's message page. */
static bool configure(const struct client *client, struct message_page *page) {
    struct thread_config config = {
        .table = own.table,
        .fault_endpoint = client->faults,
        .message_memory = own.memory,
        .message_offset_pages = (uint64_t)(client - clients) * WINDOW_PAGES + STACK_PAGES,
        .priority = PRIORITY_CLIENTS,
        .cpu = cpu_of(client),
    };
    memcpy(page->data, &config, sizeof config);
    return sys_thread_configure(client->thread, THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE |
                                                    THREAD_PRIORITY | THREAD_CPU)
               .status == OK;
}

static void start(struct client *client, client_code *code, void *argument, struct message_page *page) {
    struct thread_block *block = block_of(client);
    *block = (struct thread_block){.self = block,
                                   .message = (struct message_page *)(window_of(client) + STACK_PAGES * PAGE_BYTES)};
    client->code = code;
    client->argument = argument;
    client->thread = make(OBJECT_THREAD);
    client->state = CLIENT_RUNS;
    uaddr_t top = (uaddr_t)block / 16 * 16 - 8; /* as behind a call */
    struct thread_registers entry = {
        .rip = (uaddr_t)run, .rsp = top, .rdi = (uaddr_t)client, .fs_base = (uaddr_t)block};
    bool fine = configure(client, page);
    memcpy(page->data, &entry, sizeof entry);
    if (!fine || sys_thread_handover(client->thread, own.space, HANDOVER_RESUME).status != OK)
        bail_out("a client can't be started");
}

struct client *client_start(client_code *code, void *argument) {
    struct client *client = &clients[1];
    while (client < clients + WINDOWS && state_of(client) != CLIENT_NONE)
        client++;
    if (client == clients + WINDOWS)
        bail_out("more clients in a case than there can be");
    start(client, code, argument, program_message());
    return client;
}

static void end(struct client *client) {
    slot_drop(&client->thread);
    client->state = CLIENT_NONE;
}

static const char *run_state(const struct client *client) {
    static const char *const texts[] = {
        [THREAD_STOPPED] = "is stopped",
        [THREAD_READY] = "is ready",
        [THREAD_RUNNING] = "runs",
        [THREAD_IN_CALL] = "waits for an answer",
        [THREAD_IN_WAIT] = "waits for a message",
        [THREAD_IN_SIGNAL] = "waits for a notification",
        [THREAD_IN_FAULT] = "has faulted",
    };
    struct thread_state state;
    if (sys_thread_read(client->thread, 0).status != OK)
        return "can't be read";
    memcpy(&state, program_message()->data, sizeof state);
    return state.run_state < sizeof texts / sizeof texts[0] ? texts[state.run_state] : "is in an unknown state";
}

static void report(const struct client *client) {
    test_fail("client %lu: %s at rip 0x%lx, address 0x%lx", (uint64_t)(client - clients),
              fault_text(client->fault.kind), client->fault.rip, client->fault.address);
}

void client_join(struct client *client) {
    uint64_t end_ns = program_time_in(REALM_SOON_NS);
    while (state_of(client) == CLIENT_RUNS && sys_signal_wait(changed, end_ns).status == OK)
        ;
    if (state_of(client) == CLIENT_FAULTED)
        report(client);
    else if (state_of(client) == CLIENT_RUNS)
        test_fail("client %lu does not end: it %s", (uint64_t)(client - clients), run_state(client));
    end(client);
}

bool client_waits(struct client *client) {
    uint64_t end_ns = program_time_in(REALM_SOON_NS);
    const char *wanted = "waits for an answer", *seen = "";
    while (state_of(client) == CLIENT_RUNS && sys_clock_read().value < end_ns &&
           strcmp(seen = run_state(client), wanted) != 0)
        realm_sleep(POLL_NS);
    if (strcmp(seen, wanted) == 0)
        return true;
    if (state_of(client) == CLIENT_FAULTED)
        report(client);
    else
        test_fail("client %lu does not wait for an answer: it %s", (uint64_t)(client - clients),
                  state_of(client) == CLIENT_RETURNED ? "has returned" : seen);
    return false;
}

void client_kill(struct client *client) { end(client); }

void clients_clear(void) {
    for (struct client *client = clients + 1; client < clients + WINDOWS; client++) {
        if (state_of(client) == CLIENT_FAULTED)
            report(client);
        if (state_of(client) != CLIENT_NONE)
            end(client);
    }
}

/* ---- the first thread ---- */

static void take_fault(struct client *client, const struct message *message) {
    uint64_t words[FAULT_WORDS];
    for (uint32_t i = 0; i < FAULT_WORDS; i++)
        words[i] = i < MESSAGE_REGISTERS ? message->words[i] : program.message->words[i];
    memcpy(&client->fault, words, sizeof client->fault);
    (void)sys_cap_delete(0, 0); /* the right to answer: the thread stays where it is */
    if (client == clients) {
        test_print("# case %s: %s at rip 0x%lx, address 0x%lx\n", suite_case, fault_text(client->fault.kind),
                   client->fault.rip, client->fault.address);
        bail_out("a case has faulted");
    }
    set_state(client, CLIENT_FAULTED);
}

_Noreturn void clients_watch(client_code *code) {
    own.pool = program_need("pool");
    own.table = program_need("table");
    own.space = program_need("space");
    own.memory = program_need("memory");
    faults = make(OBJECT_ENDPOINT);
    changed = make(OBJECT_NOTIFICATION);
    silence = make(OBJECT_NOTIFICATION);
    for (uint32_t i = 0; i < WINDOWS; i++)
        clients[i].faults = slot_derive(faults, ENDPOINT_CALL, i + 1);
    if (sys_space_map(own.space, own.memory, 0, WINDOWS * WINDOW_PAGES, WINDOWS_AT, MEMORY_READ | MEMORY_WRITE)
            .status != OK)
        bail_out("the suite's memory can't be mapped");
    program.has_threads = true;
    start(&clients[0], code, NULL, program.message);
    struct message message;
    uint64_t badge;
    while (ep_wait(faults, DEADLINE_NEVER, &message, &badge) == OK)
        if (badge >= 1 && badge <= WINDOWS)
            take_fault(&clients[badge - 1], &message);
    bail_out("faults can't be waited for");
}
