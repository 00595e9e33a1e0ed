/*
 * Scenarios: what the CPUs do, and how that may end. Each is short: a few system calls that interfere.
 */
#pragma once

#include "kernel/abi/message.h"
#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "test/host/kernel/schedules/world.h"

struct scenario_list {
    const struct scenario *scenarios;
    uint32_t count;
};
extern const struct scenario_list scenarios_messages, scenarios_threads, scenarios_memory;

#define SCENARIO_LIST(array) \
    { .scenarios = (array), .count = sizeof array / sizeof((array)[0]) }

/* clang-format off */
#define CALL(name, statuses, ...) \
    {.kind = OP_CALL, .number = SYS_##name, .arguments = {__VA_ARGS__}, .allowed = (statuses)}
#define AGAIN(place, statuses) {.kind = OP_AGAIN, .number = (place), .allowed = (statuses)}
#define STAGE(member, value) \
    {.kind = OP_STAGE, .number = offsetof(struct message_page, member), .data = &(value), .bytes = sizeof value}
#define LATER(ns) {.kind = OP_LATER, .number = (ns)}
#define TOUCH {.kind = OP_TOUCH}
#define WRITE {.kind = OP_WRITE}
#define FPU {.kind = OP_FPU}
#define TRAP {.kind = OP_TRAP}
#define END {.kind = OP_END}
#define STOP {.kind = OP_STOP}
/* clang-format on */

#define OK_OR(status) (ONLY_OK | STATUS_BIT(status))
#define ONE_WORD MESSAGE_INFO(0, 1, 0)
#define FOR_EVER DEADLINE_NEVER
