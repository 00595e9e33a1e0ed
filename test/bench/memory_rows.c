/*
 * How much kernel memory does an idle thread take, and how much an address space? Read from a pool's accounts.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/bench/bench.h"

static uint64_t used_bytes(void) {
    struct result result = sys_system_info(INFO_POOL_USED, bench_pool);
    bench_require("pool", result);
    return result.value;
}

void memory_rows(void) {
    uint64_t before = used_bytes();
    cap_t thread = bench_make(OBJECT_THREAD, 0), memory;
    uint64_t with_thread = used_bytes();
    bench_row("idle_thread_bytes", 1, with_thread - before);
    cap_t space = bench_make(OBJECT_SPACE, 0);
    uint64_t with_space = used_bytes(), page = bench_take_pages(1, &memory);
    bench_row("empty_space_bytes", 1, with_space - with_thread);
    bench_require("map", sys_space_map(space, memory, page, 1, PEER_CODE, MEMORY_READ | MEMORY_EXECUTE));
    bench_row("space_of_one_page_bytes", 1, used_bytes() - with_thread);
    bench_require("delete", sys_cap_delete(0, thread));
    bench_require("delete", sys_cap_delete(0, space));
}
