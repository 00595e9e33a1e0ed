/*
 * A deadline, as it lies in its thread or notification. timer.h says what deadlines do.
 */
#pragma once

#include "kernel/base/heap.h"

struct cpu;

enum deadline_kind {
    DEADLINE_THREAD,       /* thread.deadline: end its wait with E_TIMEOUT */
    DEADLINE_NOTIFICATION, /* notification.deadline: raise its timer bits */
};

struct deadline {
    struct heap_node node; /* key = ns */
    struct cpu *cpu;       /* the CPU whose heap deadlines[priority] it is in */
    enum deadline_kind kind;
    uint8_t priority; /* the one that it is charged to (timer.h) */
};
