#include "test/bench/bench.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "test/bench/numbers.h"

/* numbers.h is for assembly, which can't read the table. */
_Static_assert(SYSCALL_CAP_DELETE == SYS_cap_delete, "cap_delete");
_Static_assert(SYSCALL_EP_WAIT == SYS_ep_wait, "ep_wait");
_Static_assert(SYSCALL_EP_REPLY_WAIT == SYS_ep_reply_wait, "ep_reply_wait");
_Static_assert(SYSCALL_SIGNAL_RAISE == SYS_signal_raise, "signal_raise");
_Static_assert(SYSCALL_SIGNAL_WAIT == SYS_signal_wait, "signal_wait");

#define POOL_PAGES 512U
#define PEER_POOL_PAGES 16U
#define COPY_AT 0x10000000ULL /* where a peer's code page is filled */
#define FIRST_FREE_SLOT 256U

cap_t bench_pool;
static cap_t memory;
static const char *command;
static uint64_t next_page, next_slot = FIRST_FREE_SLOT;

extern const uint8_t peer_code[];

_Noreturn static void stop(uint64_t status) {
    (void)sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, status);
    for (;;) {
    }
}

void bench_require(const char *what, struct result result) {
    if (result.status == OK)
        return;
    char line[128];
    format_into(line, sizeof line, "# %s: status %u, value %u\nnot ok 1 - bench\n", what, (uint32_t)result.status,
                (uint32_t)result.value);
    bench_put(line);
    stop(1);
}

void bench_require_status(const char *what, uint64_t status) { bench_require(what, (struct result){.status = status}); }

bool bench_asked(const char *word) {
    size_t length = strlen(word);
    const char *at = command;
    while (*at != 0) {
        if (strncmp(at, word, length) == 0 && (at[length] == ' ' || at[length] == 0))
            return true;
        while (*at != 0 && *at++ != ' ')
            ;
    }
    return false;
}

void bench_start(void) {
    const struct init_info *info = (const struct init_info *)program_auxiliary(AT_BATON_INIT);
    uint64_t largest = 0;
    for (uint64_t i = 0; i < info->region_count; i++) {
        if (info->regions[i].page_count > info->regions[largest].page_count)
            largest = i;
    }
    command = info->command;
    bench_output(INIT_CAP_PORTS);
    bench_put("1..1\n");
    memory = INIT_CAP_REGIONS + largest;
    bench_pool = bench_take_slot();
    cap_t unused;
    bench_require("pool", sys_pool_create(memory, bench_take_pages(POOL_PAGES, &unused), POOL_PAGES, bench_pool));
}

void bench_end(void) {
    bench_put("ok 1 - bench\n");
    stop(0);
}

uint64_t bench_take_pages(uint64_t count, cap_t *ret_memory) {
    uint64_t first = next_page;
    next_page += count;
    *ret_memory = memory;
    return first;
}

cap_t bench_take_slot(void) { return next_slot++; }

static cap_t make(cap_t pool, enum object_type type, uint64_t argument) {
    cap_t slot = bench_take_slot();
    bench_require("object", sys_object_create(pool, type, argument, slot));
    return slot;
}

cap_t bench_make(enum object_type type, uint64_t argument) { return make(bench_pool, type, argument); }

static void map(cap_t space, uint64_t page, uaddr_t at, uint64_t rights) {
    bench_require("map", sys_space_map(space, memory, page, 1, at, rights));
}

void bench_peer_start(struct bench_peer *peer, const uint8_t *code, const cap_t *caps, uint64_t rbx, uint64_t rbp,
                      cap_t fault_endpoint) {
    cap_t unused;
    uint64_t pool_page = bench_take_pages(PEER_POOL_PAGES, &unused), page = bench_take_pages(3, &unused);
    peer->pool = bench_take_slot();
    bench_require("peer pool", sys_pool_create(memory, pool_page, PEER_POOL_PAGES, peer->pool));
    peer->space = make(peer->pool, OBJECT_SPACE, 0);
    peer->thread = make(peer->pool, OBJECT_THREAD, 0);
    peer->table = make(peer->pool, OBJECT_TABLE, PEER_LAST_SLOT + 1);
    map(INIT_CAP_SPACE, page, COPY_AT, MEMORY_READ | MEMORY_WRITE);
    memcpy((void *)COPY_AT, peer_code, PAGE_BYTES);
    bench_require("unmap", (struct result){.status = sys_space_unmap(INIT_CAP_SPACE, COPY_AT, 1).status});
    map(peer->space, page, PEER_CODE, MEMORY_READ | MEMORY_EXECUTE);
    map(peer->space, page + 1, PEER_STACK_TOP - PAGE_BYTES, MEMORY_READ | MEMORY_WRITE);
    map(peer->space, page + 2, PEER_MESSAGE, MEMORY_READ | MEMORY_WRITE);
    map(INIT_CAP_SPACE, page + 2, COPY_AT, MEMORY_READ | MEMORY_WRITE);
    struct message_page *message = (struct message_page *)COPY_AT;
    memset(message, 0, sizeof *message);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        message->receive_caps[i] = PEER_LAST_SLOT - i;
    bench_require("unmap", (struct result){.status = sys_space_unmap(INIT_CAP_SPACE, COPY_AT, 1).status});
    for (uint64_t slot = 1; *caps != 0; slot++, caps++)
        bench_require("give", sys_cap_copy(peer->table, slot, *caps, RIGHTS_ALL, 0));

    struct thread_config config = {.table = peer->table,
                                   .fault_endpoint = fault_endpoint,
                                   .message_memory = memory,
                                   .message_offset_pages = page + 2,
                                   .priority = INIT_PRIORITY};
    memcpy(program.message->data, &config, sizeof config);
    bench_require("configure", sys_thread_configure(peer->thread, THREAD_TABLE | THREAD_FAULT_ENDPOINT |
                                                                      THREAD_MESSAGE_PAGE | THREAD_PRIORITY));
    struct thread_registers entry = {
        .rip = PEER_CODE + (uint64_t)(code - peer_code), .rsp = PEER_STACK_TOP, .rbx = rbx, .rbp = rbp};
    memcpy(program.message->data, &entry, sizeof entry);
    bench_require("handover", sys_thread_handover(peer->thread, peer->space, HANDOVER_RESUME));
}

void bench_peer_end(struct bench_peer *peer) { bench_require("end of a peer", sys_cap_delete(0, peer->pool)); }
