/*
 * system_info and log_write: what they refuse.
 */
#include "kernel/abi/system.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "test/guest/lib/test.h"
#include "test/guest/lib/world.h"

static void system_info_refuses_unknown_topics(void) {
    const uint64_t topics[] = {64, 255, 256 + INFO_CPUS, 1ULL << 32 | INFO_CPUS, 1ULL << 63, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        struct result result = sys_system_info(topics[i], 0);
        CHECK_STATUS(result, E_ARG);
        CHECK_EQUAL(result.value, 0);
    }
}

static void system_info_refuses_unknown_cpus(void) {
    const uint64_t topics[] = {INFO_TIMER_TICKS, INFO_SWITCHES, INFO_NMIS};
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    const uint64_t wrong[] = {cpus, 64, 1ULL << 32, 1ULL << 61, UINT64_MAX}; /* 2^61 pointers are 2^64 bytes */
    for (uint32_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        for (uint64_t cpu = 0; cpu < cpus; cpu++)
            CHECK_STATUS(sys_system_info(topics[i], cpu), OK);
        for (uint32_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
            CHECK_STATUS(sys_system_info(topics[i], wrong[k]), E_ARG);
    }
}

static void log_write_refuses_lengths(void) {
    const uint64_t wrong[] = {0, LOG_BYTES_MAX + 1, PAGE_BYTES, 1ULL << 32 | 1, UINT64_MAX};
    memset(program.message->data, '.', LOG_BYTES_MAX);
    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_STATUS(sys_log_write(wrong[i]), E_ARG);
    CHECK_STATUS(sys_log_write(1), OK);
    CHECK_STATUS(sys_log_write(LOG_BYTES_MAX), OK);
}

SUITE(CASE(system_info_refuses_unknown_topics), CASE(system_info_refuses_unknown_cpus),
      CASE(log_write_refuses_lengths));
