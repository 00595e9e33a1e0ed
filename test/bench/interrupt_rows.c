/*
 * How long does it take from an interrupt to the thread that waits for it? The timer raises a notification, once while
 * another thread runs, once while the CPU idles. No program can read the clock at the moment of the interrupt, so the
 * rows have no ticks: the counter begins there (the mark COUNTER_MARK_ARM).
 */
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/bench/bench.h"

#define TURNS 1000ULL
#define DELAY_NS 20000U /* long enough for all to be waiting when the timer fires */

extern const uint8_t peer_spin[];

static void wait_for_timer(const char *id, cap_t notification) {
    for (uint64_t turn = 0; turn < BENCH_WARM_UP + TURNS; turn++) {
        uint64_t deadline_ns = sys_clock_read().value + DELAY_NS;
        bench_require("timer", sys_signal_timer(notification, 1, deadline_ns));
        if (turn >= BENCH_WARM_UP)
            COUNTER_MARK_HERE(COUNTER_MARK_ARM);
        struct result result = sys_signal_wait(notification, DEADLINE_NEVER);
        COUNTER_MARK_HERE(COUNTER_MARK_END);
        bench_require("wait", result);
    }
    bench_row(id, TURNS, 0);
}

void interrupt_rows(cap_t fault_endpoint) {
    cap_t notification = bench_make(OBJECT_NOTIFICATION, 0);
    wait_for_timer("interrupt_latency_idle", notification);
    struct bench_peer peer;
    bench_peer_start(&peer, peer_spin, (cap_t[]){0}, 0, 0, fault_endpoint);
    struct thread_config config = {.priority = INIT_PRIORITY - 1};
    memcpy(program.message->data, &config, sizeof config);
    bench_require("priority", sys_thread_configure(peer.thread, THREAD_PRIORITY));
    wait_for_timer("interrupt_latency", notification);
    bench_peer_end(&peer);
}
