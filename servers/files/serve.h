/*
 * The files server's protocols: `files`, and `stream` at the capabilities that `open` gives away. Also what their
 * handlers share.
 */
#pragma once

#include "libsys/program/keep.h"
#include "libsys/proto/files.h"
#include "libsys/wire/server.h"
#include "servers/files/images.h"
#include "servers/files/ram_tree.h"
#include "servers/files/tree.h"

#define FILES_SERVED(ROW) STREAM_OPERATIONS(ROW) FILES_OPERATIONS(ROW)

PROTOCOL_HANDLERS(files, FILES_SERVED)
extern const struct protocol *const serve_files_protocol;
extern const struct protocol serve_stream_protocol;

/* Volume and memory are mapped here: far from the image below and the stack above. */
#define SERVE_VOLUME_AT 0x10000000ULL
#define SERVE_MEMORY_AT 0x20000000ULL
#define SERVE_MOUNT "tmp"

/* A file of the volume or in memory. */
struct served_file {
    bool in_memory;
    uint32_t node;
};

/* An open file (streams.c). */
#define STREAMS_MAX 256U
struct open_file {
    cap_t kept; /* copies of this are given away; 0 = the entry is free */
    uint64_t badge;
    uint32_t owner; /* pid of its opener: pages are charged to it, whichever program writes */
    struct served_file file;
    uint64_t mode; /* enum files_open_mode */
    uint64_t offset_bytes;
};

/* What outlives the program (libsys/program/keep.h). */
struct kept_content {
    struct server server;
    /* These do not change after the start. */
    struct tree tree;
    bool damaged;          /* the volume is a bad archive: the log said why, and every path is refused */
    bool mounted;          /* there is memory for `ram` */
    uint64_t first_serial; /* streams have higher ones */

    uint64_t last_serial;
    struct ram_tree ram;
    struct open_file streams[STREAMS_MAX];
    struct image_copy images[IMAGES_MAX];
    cap_t image_trial;
};
static struct kept_content *const kept = (struct kept_content *)KEEP_STATE_AT;
#define SERVE_LAYOUT RAM_LAYOUT /* of struct kept_content: all but the tree is the same in all makes */

/* How this program gets at what it serves. main.c fills it in. */
struct served_access {
    cap_t volume;
    struct copy_source copies;
};
extern struct served_access served;

/* Read and write files. owner: the pid that new pages are charged to. Errors: those of files_read and files_write. */
MUST_USE uint32_t serve_read(struct server_call *call, struct served_file file, uint64_t offset_bytes,
                             uint64_t most_bytes, uint8_t *bytes, uint64_t *ret_length);
MUST_USE uint32_t serve_write(struct server_call *call, uint32_t owner, struct served_file file, uint64_t offset_bytes,
                              const uint8_t *bytes, uint64_t length_bytes, struct files_write_reply *ret_done);

/*
 * Find the file that `open` names, and hold it. If it is opened to be written, it may be made or cut first. Errors:
 * those of files_open.
 */
MUST_USE uint32_t serve_hold(struct server_call *call, const struct files_open_request *request,
                             struct served_file *ret_file);
void serve_release(struct served_file file);

#define STREAM_BADGE (1ULL << 63) /* in the badge of every stream; below it the serial number and the index */
#define STREAM_SERIAL_SHIFT 8U
#define STREAM_INDEX(badge) ((badge) & ((1ULL << STREAM_SERIAL_SHIFT) - 1))

/*
 * streams.c: have the kernel raise EVENT_GONE when a stream's copies are gone. The streams of a program before this one
 * claim their slots, and hold their files again. Errors: those of endpoint_watch.
 */
MUST_USE uint64_t streams_init(cap_t endpoint, cap_t events);
/* EVENT_GONE was raised: close the streams whose copies are gone. */
void streams_look_for_gone(void);
