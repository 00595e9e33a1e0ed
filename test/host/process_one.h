/*
 * One process whose memory is tested.
 */
#pragma once

#include <string.h>

#include "kernel/abi/rights.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

#define AREA 0x10000000ULL        /* where tests map */
#define ANCHOR (AREA + 0x300000U) /* a page that stays, so that the area's leaf does */
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)
#define AT PROCESS_MAP_AT
#define TOGETHER PROCESS_MAP_TOGETHER
#define REPLACE PROCESS_MAP_REPLACE

static struct server_context *const context = &served_context;
static struct world_trace before; /* the state before the process */

static inline cap_t thread_of(uint64_t pid) { return world_thread(pid); }
static inline struct incarnation *memory_of(uint64_t pid) { return &world_objects(pid)->incarnation; }

/* Start process 1, and a child whose memory is tested. Returns the child's pid. It has a page at AREA,
 * which begins with the word 1. */
static inline uint64_t start(void) {
    uint64_t pid = 0;
    uaddr_t at;
    world_start(450);
    CHECK_EQUAL(world_start_first(), OK);
    before = world_look();
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_map(pid, AREA, 1, READ_WRITE, AT, &at), OK);
    CHECK_EQUAL(world_map(pid, ANCHOR, 1, READ_WRITE, AT, &at), OK);
    CHECK(world_set_word(thread_of(pid), AREA, 1) && world_set_word(thread_of(pid), ANCHOR, 1));
    return pid;
}

static inline void finish(uint64_t pid) {
    struct process_wait_reply end;
    fake_fail_at(0);
    CHECK_EQUAL(world_exit(pid, 0), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK(world_same(&before));
}
