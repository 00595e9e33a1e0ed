/*
 * What does each kernel operation cost, in instructions? The rows of test/bench/targets.json, one function each.
 *
 * It is the first program, so it has every capability. The other side of a ping-pong is a peer in its own address
 * space.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/bench/bench.h"

extern const uint8_t peer_echo[], peer_take_cap[], peer_ping_pong[], peer_trap[], peer_touch[], peer_signal_once[];

#define MAP_AT 0x20000000ULL
#define BENCH_PAUSE_NS 1000000U
#define PEER_TOUCH_AT 0x800000ULL

static cap_t fault_endpoint;

static void calibrate(void) {
    uint64_t turns = BENCH_OPERATIONS, start = bench_window_begin();
    __asm__ volatile("1: dec %0; jnz 1b" : "+r"(turns));
    bench_row("calibrate", BENCH_OPERATIONS, bench_window_end(start));
}

static void syscall_null(void) { BENCH("syscall_null", BENCH_OPERATIONS, (void)sys_cap_delete(0, 0)); }

/* Does the call, and stops the bench if it ever fails. */
static void call(cap_t endpoint, uint64_t info) {
    struct message message = {.info = info, .words = {1, 2, 3, 4}};
    uint64_t status = ep_call(endpoint, &message);
    if (status != OK)
        bench_require_status("call", status);
}

static void ipc_rows(void) {
    struct bench_peer peer;
    cap_t endpoint = bench_make(OBJECT_ENDPOINT, 0);
    bench_peer_start(&peer, peer_echo, (cap_t[]){endpoint, 0}, 1, 0, fault_endpoint);
    BENCH("ipc_call_0", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 0, 0)));
    BENCH("ipc_call_4", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 4, 0)));
    BENCH("ipc_call_over_registers", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 5, 0)));
    BENCH("ipc_call_64", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 64, 0)));
    bench_peer_end(&peer);
}

/* Other servers wait at the endpoint beside the one that answers. */
static void ipc_rows_of_pools(void) {
    enum { PEERS = 3 };
    struct bench_peer peers[PEERS];
    cap_t endpoint = bench_make(OBJECT_ENDPOINT, 0), nothing = bench_make(OBJECT_NOTIFICATION, 0);
    for (uint32_t i = 0; i < PEERS; i++) {
        bench_peer_start(&peers[i], peer_echo, (cap_t[]){endpoint, 0}, 1, 0, fault_endpoint);
        (void)sys_signal_wait(nothing, sys_clock_read().value + BENCH_PAUSE_NS); /* now it waits */
        if (i == 1)
            BENCH("ipc_call_0_of_2", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 0, 0)));
        if (i == 2)
            BENCH("ipc_call_0_of_3", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 0, 0)));
    }
    for (uint32_t i = 0; i < PEERS; i++)
        bench_peer_end(&peers[i]);
}

/* The receiver's slot must be empty before the next message, so deleting the capability is part of the row. */
static void ipc_call_cap(void) {
    struct bench_peer peer;
    cap_t endpoint = bench_make(OBJECT_ENDPOINT, 0);
    bench_peer_start(&peer, peer_take_cap, (cap_t[]){endpoint, 0}, 1, PEER_LAST_SLOT, fault_endpoint);
    program.message->send_caps[0] = fault_endpoint;
    BENCH("ipc_call_cap", BENCH_OPERATIONS, call(endpoint, MESSAGE_INFO(0, 0, 1)));
    bench_peer_end(&peer);
}

static void cap_copy_delete(void) {
    cap_t slot = bench_take_slot();
    BENCH("cap_copy_delete", BENCH_OPERATIONS, {
        (void)sys_cap_copy(0, slot, fault_endpoint, RIGHTS_ALL, 0);
        (void)sys_cap_delete(0, slot);
    });
}

static void notification_ping_pong(void) {
    struct bench_peer peer;
    cap_t ping = bench_make(OBJECT_NOTIFICATION, 0), pong = bench_make(OBJECT_NOTIFICATION, 0);
    bench_peer_start(&peer, peer_ping_pong, (cap_t[]){ping, pong, 0}, 1, 2, fault_endpoint);
    BENCH("notification_ping_pong", BENCH_OPERATIONS, {
        (void)sys_signal_raise(ping, 1);
        struct result result = sys_signal_wait(pong, DEADLINE_NEVER);
        if (result.status != OK)
            bench_require("pong", result);
    });
    bench_peer_end(&peer);
}

/* A thread resumes after its breakpoint instruction. The first turn waits for the first fault. */
static void exception_round_trip(void) {
    struct bench_peer peer;
    cap_t endpoint = bench_make(OBJECT_ENDPOINT, 0);
    bench_peer_start(&peer, peer_trap, (cap_t[]){endpoint, 0}, 0, 0, endpoint);
    struct message message = {0};
    uint64_t badge;
    bench_require_status("fault", ep_wait(endpoint, DEADLINE_NEVER, &message, &badge));
    BENCH("exception_round_trip", BENCH_OPERATIONS, {
        message.info = MESSAGE_INFO(FAULT_RESUME, 0, 0);
        uint64_t status = ep_reply_wait(endpoint, &message, &badge);
        if (status != OK || message_label(message.info) != FAULT_BREAKPOINT)
            bench_require_status("breakpoint", E_STATE);
    });
    bench_peer_end(&peer);
}

static void fault_map_resume(void) {
    struct bench_peer peer;
    cap_t memory, endpoint = bench_make(OBJECT_ENDPOINT, 0);
    uint64_t page = bench_take_pages(1, &memory), operations = 1000;
    bench_peer_start(&peer, peer_touch, (cap_t[]){endpoint, 0}, PEER_TOUCH_AT, 0, endpoint);
    struct message message = {0};
    uint64_t badge;
    bench_require_status("fault", ep_wait(endpoint, DEADLINE_NEVER, &message, &badge));
    BENCH("fault_map_resume", operations, {
        struct result mapped = sys_space_map(peer.space, memory, page, 1, message.words[1] & ~(PAGE_BYTES - 1),
                                             MEMORY_READ | MEMORY_WRITE);
        message.info = MESSAGE_INFO(FAULT_RESUME, 0, 0);
        uint64_t status = ep_reply_wait(endpoint, &message, &badge);
        if (mapped.status != OK || status != OK || message_label(message.info) != FAULT_PAGE)
            bench_require_status("page fault", E_STATE);
    });
    bench_peer_end(&peer);
}

/* A neighbouring page stays mapped, so that no table is made or freed. */
static void map_rows(void) {
    cap_t memory;
    uint64_t page = bench_take_pages(512, &memory), rights = MEMORY_READ | MEMORY_WRITE;
    bench_require("map", sys_space_map(INIT_CAP_SPACE, memory, page, 1, MAP_AT, rights));
    BENCH("map_unmap_4k", BENCH_OPERATIONS, {
        (void)sys_space_map(INIT_CAP_SPACE, memory, page + 1, 1, MAP_AT + PAGE_BYTES, rights);
        (void)sys_space_unmap(INIT_CAP_SPACE, MAP_AT + PAGE_BYTES, 1);
    });
    (void)sys_space_unmap(INIT_CAP_SPACE, MAP_AT, 1);
    uint64_t ticks = 0, turns = 32;
    for (uint64_t turn = 0; turn < turns; turn++) {
        uint64_t start = bench_window_begin();
        bench_require("map 512", sys_space_map(INIT_CAP_SPACE, memory, page, 512, MAP_AT, rights));
        ticks += bench_window_end(start);
        (void)sys_space_unmap(INIT_CAP_SPACE, MAP_AT, 512);
    }
    bench_row("map_512_per_frame", turns * 512, ticks);
}

static void thread_create_delete(void) {
    cap_t slot = bench_take_slot();
    BENCH("thread_create_delete", BENCH_OPERATIONS, {
        (void)sys_object_create(bench_pool, OBJECT_THREAD, 0, slot);
        (void)sys_cap_delete(0, slot);
    });
}

/* The life of a thread in an existing space: create, configure, run, wait for its signal, delete. */
static void thread_life(void) {
    struct bench_peer peer;
    cap_t notification = bench_make(OBJECT_NOTIFICATION, 0), never = bench_make(OBJECT_NOTIFICATION, 0),
          thread = bench_take_slot();
    bench_peer_start(&peer, peer_signal_once, (cap_t[]){notification, never, 0}, 1, 2, fault_endpoint);
    (void)sys_signal_wait(notification, DEADLINE_NEVER);
    cap_t memory;
    uint64_t message_page = bench_take_pages(1, &memory);
    struct thread_config config = {.table = peer.table,
                                   .fault_endpoint = fault_endpoint,
                                   .message_memory = memory,
                                   .message_offset_pages = message_page,
                                   .priority = INIT_PRIORITY};
    struct thread_registers entry = {
        .rip = PEER_CODE + (uint64_t)(peer_signal_once - peer_echo), .rsp = PEER_STACK_TOP, .rbx = 1, .rbp = 2};
    BENCH("thread_life", 1000ULL, {
        (void)sys_object_create(bench_pool, OBJECT_THREAD, 0, thread);
        memcpy(program.message->data, &config, sizeof config);
        (void)sys_thread_configure(thread,
                                   THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY);
        memcpy(program.message->data, &entry, sizeof entry);
        struct result result = sys_thread_handover(thread, peer.space, HANDOVER_RESUME);
        (void)sys_signal_wait(notification, DEADLINE_NEVER);
        (void)sys_cap_delete(0, thread);
        if (result.status != OK)
            bench_require("thread", result);
    });
    bench_peer_end(&peer);
}

int main(int argument_count, char **arguments, char **environment) {
    (void)argument_count;
    (void)arguments;
    (void)environment;
    uint64_t entered = bench_window_end(0);
    bench_start();
    bench_row("boot_first_server", 1, entered - sys_system_info(INFO_BOOT_TICKS, 0).value);
    fault_endpoint = bench_make(OBJECT_ENDPOINT, 0);
    if (bench_asked("sweep")) {
        sweep_rows(fault_endpoint);
        bench_end();
    }
    calibrate();
    syscall_null();
    ipc_rows();
    ipc_rows_of_pools();
    ipc_call_cap();
    cap_copy_delete();
    notification_ping_pong();
    exception_round_trip();
    fault_map_resume();
    map_rows();
    thread_create_delete();
    thread_life();
    interrupt_rows(fault_endpoint);
    memory_rows();
    bench_end();
}
