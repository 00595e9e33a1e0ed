/*
 * The manifest: which programs init starts, and what each is given. Pure: text in, plan or a precise error out.
 * README.md has the format.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_PROGRAMS_MAX 16U
#define MANIFEST_CAPS_MAX 16U
#define MANIFEST_NAME_MAX 24U /* with terminating zero, like all of these */
#define MANIFEST_IMAGE_MAX 64U
#define MANIFEST_ARGUMENTS_BYTES 256U
#define MANIFEST_ERROR_MAX 160U
#define MANIFEST_MS_MAX 86400000U      /* a day */
#define MANIFEST_HEARTBEAT_MIN_MS 100U /* shorter, and a busy machine would look like a server that hangs */
#define MANIFEST_OWN_ENDPOINT "init"   /* served by init itself */

enum manifest_kind {
    MANIFEST_ENDPOINT,
    MANIFEST_NOTIFICATION,
    MANIFEST_PORTS,
    MANIFEST_IRQ,
    MANIFEST_MEMORY,
    MANIFEST_MEMORY_REST,
    MANIFEST_POOL,
    MANIFEST_VOLUME,
    MANIFEST_DEVICES,
    MANIFEST_SELF,
};

enum manifest_right {
    MANIFEST_RIGHT_NONE, /* for kinds without a choice */
    MANIFEST_SERVE,      /* endpoint: receive */
    MANIFEST_CALL,       /* endpoint: send, with a badge */
    MANIFEST_ISSUE,      /* endpoint: send, without a badge: its holder can make copies with badges */
    MANIFEST_OWN,        /* endpoint or notification: all rights; an endpoint's holder can make copies with badges */
    MANIFEST_RAISE,      /* notification */
    MANIFEST_WAIT,       /* notification */
};

/* Does this right send to an endpoint that another program serves? */
static inline bool manifest_calls(enum manifest_right right) {
    return right == MANIFEST_CALL || right == MANIFEST_ISSUE;
}

enum manifest_self {
    MANIFEST_SELF_SPACE,
    MANIFEST_SELF_TABLE,
    MANIFEST_SELF_THREAD,
    MANIFEST_SELF_POOL,
};

struct manifest_cap {
    char name[MANIFEST_NAME_MAX];
    enum manifest_kind kind;
    enum manifest_right right;
    char object[MANIFEST_NAME_MAX]; /* endpoint, notification: its name in this manifest */
    uint64_t badge;                 /* endpoint with right call; 0 = the program's number from 1 on */
    bool bind;                      /* notification: it also ends the program's waits for messages */
    uint64_t first;                 /* ports, irq: number; devices: physical address; self: enum manifest_self */
    uint64_t count;                 /* ports; memory, pool, devices: pages */
};

/* How often a program may be started again. */
struct manifest_restart {
    uint64_t limit;      /* times within window_ms; 0: never */
    uint64_t window_ms;  /* from the first of them on */
    uint64_t backoff_ms; /* wait as long before each, so that a server that dies at once leaves the CPU to others */
};

struct manifest_program {
    char name[MANIFEST_NAME_MAX];
    char image[MANIFEST_IMAGE_MAX];           /* path on the boot volume */
    char arguments[MANIFEST_ARGUMENTS_BYTES]; /* strings one after the other, the image's path first */
    uint32_t argument_count;
    uint32_t argument_bytes;
    uint64_t priority;
    uint64_t slots;      /* of its capability table */
    uint64_t pool_pages; /* for its space, tables, thread, and objects that it makes with `self: pool` */
    uint64_t keep_pages; /* memory that outlives the program (libsys/program/keep.h); 0: none */
    struct manifest_restart restart;
    uint64_t heartbeat_ms; /* a program that takes no message for as long is ended; 0: it may */
    bool vital;            /* the machine is switched off when it ends, by a fault or because its main returns */
    uint32_t cap_count;
    struct manifest_cap caps[MANIFEST_CAPS_MAX];
};

struct manifest {
    uint32_t program_count;
    struct manifest_program programs[MANIFEST_PROGRAMS_MAX];
};

/*
 * Parse a manifest. True: *ret_manifest is filled in. False: `error` (MANIFEST_ERROR_MAX bytes) says what is wrong, and
 * where.
 */
bool manifest_parse(const char *text, size_t length_bytes, struct manifest *ret_manifest, char *error);
