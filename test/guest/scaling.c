/*
 * Do calls between threads of one CPU slow down those on another? Each CPU has a pair of client and server. They run
 * for a while of the host's time, and the host must have as many free CPUs. Gives a figure, not pass or fail:
 * `./baton bench scaling`.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define CPUS_MOST 16U

static void call_for_ever(struct worker_view *view) {
    for (;; view->out[0]++) {
        struct message message = {.info = MESSAGE_INFO(0, 4, 0)};
        if (ep_call(view->caps[0], &message) != OK)
            return;
    }
}

static struct worker servers[CPUS_MOST], clients[CPUS_MOST];

static void make_pair(uint64_t cpu) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&servers[cpu], (struct worker_plan){.code = role_echo, .cpu = cpu, .own_space = true});
    worker_make(&clients[cpu], (struct worker_plan){.code = call_for_ever, .cpu = cpu, .own_space = true});
    servers[cpu].view->caps[0] = clients[cpu].view->caps[0] = endpoint;
    worker_resume(&servers[cpu]);
}

static uint64_t calls(uint64_t count) {
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++)
        total += clients[i].view->out[0];
    return total;
}

/* The calls per second that `count` pairs make together. */
static uint64_t measure(uint64_t count) {
    uint64_t window_ns = world_command_number("window_ms", 500) * 1000000;
    for (uint64_t i = 0; i < count; i++)
        worker_resume(&clients[i]);
    worker_let_run(window_ns / 4);
    uint64_t before = calls(count), start = world_now();
    worker_let_run(window_ns);
    uint64_t made = calls(count) - before, taken_ns = world_now() - start;
    for (uint64_t i = 0; i < count; i++) {
        CHECK_STATUS(sys_thread_suspend(clients[i].thread, 0), OK);
        worker_await(&clients[i], THREAD_STOPPED);
    }
    return made * 1000000000 / taken_ns;
}

static void ep_call_on_each_cpu(void) {
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value, one = 0;
    for (uint64_t count = 1; count <= cpus && count <= CPUS_MOST; count++) {
        make_pair(count - 1);
        uint64_t rate = measure(count);
        if (!CHECK(rate > 0))
            return;
        one = count == 1 ? rate : one;
        test_note("scaling: %lu CPUs, %lu calls a second, %lu.%02lu times that of one", count, rate, rate / one,
                  rate * 100 / one % 100);
    }
}

SUITE(CASE(ep_call_on_each_cpu));
