/*
 * The protocols that the files server speaks, `files` and, at what `open` gave away, `stream`; and what their handlers share.
 */
#pragma once

#include "libsys/proto/files.h"
#include "libsys/server.h"

#define FILES_SERVED(ROW) STREAM_OPERATIONS(ROW) FILES_OPERATIONS(ROW)

PROTOCOL_HANDLERS(files, FILES_SERVED)

/* A file of the volume or in memory. */
struct served_file {
    bool in_memory;
    uint32_t node;
};

/* Errors: those of files_read and files_write. owner: whom the room is charged to. */
MUST_USE uint32_t serve_read(struct server_call *call, struct served_file file, uint64_t offset_bytes,
                             uint64_t most_bytes, uint8_t *bytes, uint64_t *ret_length);
MUST_USE uint32_t serve_write(struct server_call *call, uint32_t owner, struct served_file file, uint64_t offset_bytes,
                              const uint8_t *bytes, uint64_t length_bytes, struct files_write_reply *ret_done);

/* The file that `open` names, made or cut if it is to be written; it is held. Errors: those of files_open. */
MUST_USE uint32_t serve_hold(struct server_call *call, const struct files_open_request *request,
                             struct served_file *ret_file);
void serve_release(struct served_file file);

#define STREAM_BADGE (1ULL << 63) /* in the badge of every stream */

/* streams.c: have EVENT_GONE raised when a stream is dropped. Errors: those of endpoint_watch. */
MUST_USE uint64_t streams_init(cap_t endpoint, cap_t events);
/* It was. */
void streams_look_for_gone(void);
