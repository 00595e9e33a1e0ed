/*
 * The objects of the fake kernel, shared by its files.
 */
#pragma once

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "test/host/fake_kernel.h"

#define OBJECTS_MAX 256U
#define TABLE_SLOTS 256U
#define MAPPINGS_MAX 1024U
#define FILE_FRAME 0x100000U /* "frame numbers" of the file begin here */

struct mapping { /* of one page */
    uaddr_t at;
    uint32_t frame;
    uint32_t rights;
};

struct fake_object {
    enum object_type type;
    uint32_t pool; /* index of the pool it lives in; 0 = none */
    uint32_t references;
    uint64_t first_frame, frame_count;     /* memory */
    uint64_t pool_frames;                  /* pool: that it has */
    uint64_t used_frames;                  /* pool: by what was made from it */
    struct mapping mappings[MAPPINGS_MAX]; /* space: ascending */
    uint32_t mapping_count;
    uint64_t table_pages;        /* space: lower tables it needs so far */
    uint32_t slots[TABLE_SLOTS]; /* table: object, 0 = empty */
    struct thread_config config; /* thread */
    struct thread_registers entry;
    uint32_t space;     /* thread: where it runs; 0 = nowhere */
    uint64_t run_state; /* what the test says that it does */
    bool suspended;
    bool served; /* by a server that has not put its answer off */
};

extern struct fake_object fake_objects[OBJECTS_MAX]; /* 0 is not used */
extern uint32_t fake_slots[FAKE_SLOTS];              /* object, 0 = empty */

static inline struct result status(enum status value) { return (struct result){value, 0}; }

/* The object in a slot; NULL: it is of another type, or none. */
struct fake_object *fake_find(cap_t slot, enum object_type type);
static inline uint32_t fake_index(const struct fake_object *object) { return (uint32_t)(object - fake_objects); }

/* Count a mapping that was made (`more`) or removed. */
void fake_count_mapping(const struct mapping *mapping, bool more);

/* Does a pool have this frame? */
bool fake_frame_is_pool(uint64_t frame);

/* Bytes of a Memory, in frames or in the file. */
uint8_t *fake_bytes(cap_t memory, uint64_t offset, uint64_t length);

/* A slot of a table, or of the program's own (0); NULL: there is none. */
uint32_t *fake_slot_of(cap_t table, cap_t slot);
