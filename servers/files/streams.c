/*
 * Open files as streams. A stream holds its file, so that it lives on when removed, and counts how far it was read or
 * written.
 *
 * For each stream the server keeps a capability, whose badge names the stream, and gives away a copy of it. The kernel
 * raises EVENT_GONE when the copies of some stream are gone (endpoint_watch), and cap_query tells which stream it is.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "libsys/program/program.h"
#include "libsys/proto/identity.h"
#include "libsys/text/format.h"
#include "libsys/wire/quota.h"
#include "servers/files/serve.h"

#define EVENT_GONE 1U

/*
 * A stream's badge: STREAM_BADGE, serial number, index. The serial number tells a late message to an earlier stream at
 * this index from a message to this one, and to a stream whose state is lost from one to any other: then numbers begin
 * above all that a program before this one can have given.
 */
_Static_assert(STREAMS_MAX <= 1U << STREAM_SERIAL_SHIFT, "the index is below the serial number");

static cap_t source;       /* the endpoint, from which streams are derived */
static struct quota quota; /* of streams, charged to their openers */

uint64_t streams_init(cap_t endpoint, cap_t events) {
    static struct quota_owner owners[STREAMS_MAX];
    quota_init(&quota, owners, STREAMS_MAX);
    source = endpoint;
    for (struct open_file *stream = kept->streams; stream < kept->streams + STREAMS_MAX; stream++) {
        if (stream->kept == 0)
            continue;
        slot_claim(stream->kept);
        quota_claim(&quota, stream->owner);
        if (stream->file.in_memory)
            ram_hold(&kept->ram, stream->file.node);
    }
    return sys_endpoint_watch(endpoint, events, EVENT_GONE).status;
}

uint32_t files_serve_open(struct server_call *call, const struct files_open_request *request,
                          struct files_open_reply *reply) {
    uint64_t index = 0;
    cap_t mine = 0;
    uint32_t owner = IDENTITY_PID(call->badge);
    reply->zero = 0;
    if (!quota_take(&quota, owner)) {
        (void)format_into(call->reason, sizeof call->reason,
                          "the program has as many files open as are left for all others");
        return P_LIMIT;
    }
    while (kept->streams[index].kept != 0)
        index++;
    struct open_file *stream = &kept->streams[index];
    stream->badge = STREAM_BADGE | ++kept->last_serial << STREAM_SERIAL_SHIFT | index;
    stream->owner = owner;
    stream->mode = request->mode;
    stream->offset_bytes = 0;
    mine = slot_derive(source, ENDPOINT_CALL | ENDPOINT_WATCH, stream->badge);
    call->reply_caps[0] = mine == 0 ? 0 : slot_derive(mine, ENDPOINT_CALL, 0);
    uint32_t status = P_LIMIT;
    if (call->reply_caps[0] != 0)
        status = serve_hold(call, request, &stream->file); /* the last step that can fail, since it may cut the file */
    else
        (void)format_into(call->reason, sizeof call->reason, "no slot is free for a stream");
    if (status == OK) {
        JOURNAL_SET(stream->kept, mine); /* with that the stream is there */
    } else {
        slot_drop(&call->reply_caps[0]);
        slot_drop(&mine);
        quota_give(&quota, owner);
    }
    return status;
}

/*
 * Find the stream by which the caller called. Errors: P_OPERATION it called by none, or by one that is closed; P_LOST
 * it is of an earlier state of the server, which is lost.
 */
static uint32_t find(const struct server_call *call, struct open_file **ret_stream) {
    uint64_t index = STREAM_INDEX(call->badge);
    uint64_t serial = (call->badge & ~STREAM_BADGE) >> STREAM_SERIAL_SHIFT;
    if ((call->badge & STREAM_BADGE) == 0 || index >= STREAMS_MAX)
        return P_OPERATION;
    struct open_file *stream = &kept->streams[index];
    if (stream->kept == 0 || stream->badge != call->badge)
        return serial <= kept->first_serial ? P_LOST : P_OPERATION;
    *ret_stream = stream;
    return OK;
}

uint32_t stream_serve_write(struct server_call *call, const struct stream_write_request *request,
                            struct stream_write_reply *reply) {
    struct open_file *stream;
    struct files_write_reply done;
    uint32_t status = find(call, &stream);
    if (status == OK && stream->mode == FILES_OPEN_READ)
        status = P_PERMISSION;
    if (status == OK && request->length_bytes == 0)
        status = P_ARGUMENT;
    if (status != OK)
        return status;
    uint64_t offset = stream->mode == FILES_OPEN_APPEND ? FILES_APPEND : stream->offset_bytes;
    status = serve_write(call, stream->owner, stream->file, offset, request->bytes, request->length_bytes, &done);
    if (status == OK) {
        JOURNAL_SET(stream->offset_bytes, stream->offset_bytes + done.written_bytes);
        reply->written_bytes = done.written_bytes;
    }
    return status;
}

uint32_t stream_serve_read(struct server_call *call, const struct stream_read_request *request,
                           struct stream_read_reply *reply) {
    struct open_file *stream;
    uint32_t status = find(call, &stream);
    if (status == OK && stream->mode != FILES_OPEN_READ)
        status = P_PERMISSION;
    if (status != OK)
        return status;
    status =
        serve_read(call, stream->file, stream->offset_bytes, request->most_bytes, reply->bytes, &reply->length_bytes);
    if (status == OK)
        JOURNAL_SET(stream->offset_bytes, stream->offset_bytes + reply->length_bytes);
    return status;
}

/* To close a stream is a change of its own: the journal has no room for all streams at once. */
void streams_look_for_gone(void) {
    for (struct open_file *stream = kept->streams; stream < kept->streams + STREAMS_MAX; stream++) {
        if (stream->kept == 0 || (sys_cap_query(stream->kept).value & QUERY_DERIVED) != 0)
            continue;
        cap_t mine = stream->kept;
        JOURNAL_SET(stream->kept, 0);
        serve_release(stream->file);
        journal_settle();
        slot_drop(&mine);
        quota_give(&quota, stream->owner);
    }
}
