/*
 * For each end the server keeps a capability, whose badge names the end, and gives away copies of it. The kernel raises
 * `events` when the copies of some end are gone (endpoint_watch), and cap_query tells which end it is.
 */
#include "servers/pipes/serve.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/proto/identity.h"
#include "libsys/proto/pipes.h"
#include "libsys/text/format.h"
#include "servers/pipes/pipe.h"

#define SERVED(ROW) STREAM_OPERATIONS(ROW) PIPES_OPERATIONS(ROW)
PROTOCOL_SERVER(pipes, SERVED)

enum { OPERATION_WRITE = 1, OPERATION_READ = 2 };

#define PIPES_MAX 64U
#define EVENT_GONE 1U /* bit of `events`: an end is gone */

/*
 * An end's badge: END_BADGE, serial number of its pipe, index, enum pipe_end. The serial number tells a late message to
 * an earlier pipe at this index from a message to this one.
 */
#define END_BADGE (1ULL << 63)
#define END_SERIAL_SHIFT 8U
#define SERIAL_GENERATION_SHIFT 32U /* a state that begins anew begins with other serial numbers */
_Static_assert(PIPES_MAX * 2 <= 1U << END_SERIAL_SHIFT, "index and end are below the serial number");

struct pipe_place {
    bool used;
    uint64_t serial;
    cap_t ends[2]; /* by enum pipe_end; copies of these are given away. 0 = no copy is left */
    struct pipe pipe;
};

/* All that outlives this program. What is computed from the rest is marked so. */
struct kept_state {
    struct server server;
    uint64_t first_serial, last_serial; /* earlier ones are of a state that was lost */
    struct pipe_place places[PIPES_MAX];
    struct pipe_waiters waiters;
    struct quota quota; /* of pipes, charged to their makers; computed */
    struct quota_owner owners[PIPES_MAX];
};
#define KEPT_LAYOUT KEEP_LAYOUT('p', 'i', 'p', 1U)

static struct kept_state *const kept = (struct kept_state *)KEEP_STATE_AT;
static struct pipe_place *const places = ((struct kept_state *)KEEP_STATE_AT)->places;
struct server *const served_server = &((struct kept_state *)KEEP_STATE_AT)->server;
static cap_t endpoint;

/* ---- answers ---- */

static bool answer_read(cap_t reply, const struct stream_read_reply *answer, bool decides) {
    if (decides)
        return server_answer_and_decide(served_server, reply, OPERATION_READ, answer);
    return server_answer(served_server, reply, OPERATION_READ, OK, answer);
}

static bool answer_write(cap_t reply, uint32_t status, size_t written) {
    struct stream_write_reply answer = {.written_bytes = written};
    return server_answer(served_server, reply, OPERATION_WRITE, status, &answer);
}

/* If the caller is gone, nothing is in the slot, and its place is found to be free later. */
static void defer(cap_t reply) { (void)server_defer_to(reply); }

static const struct pipe_clients clients = {.take = slot_take,
                                            .defer = defer,
                                            .waits = server_client_waits,
                                            .answer_read = answer_read,
                                            .answer_write = answer_write};

/* ---- streams ---- */

/*
 * Find the pipe by whose `end` the caller called. Errors: P_OPERATION it called by no end; P_PERMISSION by the other
 * end.
 */
static uint32_t find_pipe(const struct server_call *call, enum pipe_end end, struct pipe **ret_pipe) {
    uint64_t index = (call->badge & ((1U << END_SERIAL_SHIFT) - 1)) >> 1;
    if ((call->badge & END_BADGE) == 0 || index >= PIPES_MAX)
        return P_OPERATION;
    struct pipe_place *place = &places[index];
    uint64_t serial = (call->badge & ~END_BADGE) >> END_SERIAL_SHIFT;
    if (!place->used || place->serial != serial)
        return serial < kept->first_serial ? P_LOST : P_BROKEN;
    *ret_pipe = &place->pipe;
    return (call->badge & 1) == end ? OK : P_PERMISSION;
}

static uint32_t refuse(struct server_call *call, const char *why) {
    format_into(call->reason, sizeof call->reason, "%s", why);
    return P_LIMIT;
}

/* Let the caller wait. If no place is free, free the places of callers that are gone, and try again. */
static uint32_t park(struct pipe *pipe, enum pipe_end end, const uint8_t *bytes, size_t length) {
    if (pipe_park(pipe, end, bytes, length))
        return SERVER_DEFERRED;
    for (struct pipe_place *place = places; place < places + PIPES_MAX; place++)
        if (place->used)
            pipe_forget_the_dead(&place->pipe);
    if (pipe_park(pipe, end, bytes, length))
        return SERVER_DEFERRED;
    return P_CROWDED; /* the maker of this pipe has as many callers waiting at its pipes as it may */
}

static uint32_t stream_serve_write(struct server_call *call, const struct stream_write_request *request,
                                   struct stream_write_reply *reply) {
    struct pipe *pipe;
    uint32_t status = find_pipe(call, PIPE_WRITER, &pipe);
    if (status == OK && request->length_bytes == 0)
        status = P_ARGUMENT;
    if (status != OK)
        return status;
    reply->written_bytes = request->length_bytes;
    if (pipe_hand_over(pipe, request))
        return OK;
    switch (pipe_write(pipe, request->bytes, request->length_bytes)) {
    case PIPE_DONE:
        server_decide_early(served_server);
        pipe_progress(pipe);
        return OK;
    case PIPE_BROKEN:
        return P_BROKEN;
    case PIPE_WAIT:
        break;
    }
    return park(pipe, PIPE_WRITER, request->bytes, request->length_bytes);
}

static uint32_t stream_serve_read(struct server_call *call, const struct stream_read_request *request,
                                  struct stream_read_reply *reply) {
    struct pipe *pipe;
    size_t length;
    uint32_t status = find_pipe(call, PIPE_READER, &pipe);
    if (status == OK && (request->most_bytes < 1 || request->most_bytes > STREAM_BYTES_MAX))
        status = P_ARGUMENT;
    if (status != OK)
        return status;
    if (pipe_read(pipe, reply->bytes, request->most_bytes, &length) == PIPE_WAIT)
        return park(pipe, PIPE_READER, NULL, request->most_bytes);
    reply->length_bytes = length;
    server_decide_early(served_server);
    pipe_progress(pipe);
    return OK;
}

/* ---- pipes ---- */

static uint32_t pipes_serve_create(struct server_call *call, const struct pipes_create_request *request,
                                   struct pipes_create_reply *reply) {
    (void)request;
    reply->zero = 0;
    if ((call->badge & END_BADGE) != 0)
        return P_OPERATION;
    uint64_t index = 0;
    uint32_t owner = IDENTITY_PID(call->badge);
    if (!quota_take(&kept->quota, owner))
        return refuse(call, "the program has as many pipes as are left for all others");
    while (places[index].used)
        index++;
    struct pipe_place *place = &places[index];
    place->serial = ++kept->last_serial;
    for (uint32_t end = 0; end < 2; end++) {
        uint64_t badge = END_BADGE | place->serial << END_SERIAL_SHIFT | index << 1 | end;
        place->ends[end] = slot_derive(endpoint, ENDPOINT_CALL | ENDPOINT_WATCH, badge);
        call->reply_caps[end] = place->ends[end] == 0 ? 0 : slot_derive(place->ends[end], ENDPOINT_CALL, 0);
    }
    if (call->reply_caps[0] == 0 || call->reply_caps[1] == 0) {
        for (uint32_t end = 0; end < 2; end++) {
            slot_drop(&call->reply_caps[end]);
            slot_drop(&place->ends[end]);
        }
        quota_give(&kept->quota, owner);
        return refuse(call, "no slot is free for its ends");
    }
    pipe_start(&place->pipe, &clients, &kept->waiters, owner);
    JOURNAL_SET(place->used, true);
    return OK;
}

/* No copy of this end is left. The kept capability goes last: nobody misses it if this program dies before. */
static void lose_end(struct pipe_place *place, enum pipe_end end) {
    cap_t last = place->ends[end];
    JOURNAL_SET(place->ends[end], 0);
    pipe_end_gone(&place->pipe, end);
    slot_drop(&last);
}

/* The event does not say which end it is about, so look at all. A pipe that has lost both ends is free again. */
void serve_look_for_gone(void) {
    for (struct pipe_place *place = places; place < places + PIPES_MAX; place++) {
        for (uint32_t end = 0; place->used && end < 2; end++)
            if (place->ends[end] != 0 && (sys_cap_query(place->ends[end]).value & QUERY_DERIVED) == 0)
                lose_end(place, (enum pipe_end)end);
        if (place->used && pipe_is_over(&place->pipe)) {
            JOURNAL_SET(place->used, false);
            journal_settle();
            quota_give(&kept->quota, place->pipe.owner);
        }
    }
}

static void claim_place(struct pipe_place *place) {
    quota_claim(&kept->quota, place->pipe.owner);
    slot_claim(place->ends[PIPE_READER]);
    slot_claim(place->ends[PIPE_WRITER]);
    pipe_claim(&place->pipe, &clients, slot_claim);
}

uint64_t serve_start(cap_t serve, cap_t events) {
    bool follows = server_keep(&kept->server, KEPT_LAYOUT, sizeof *kept);
    if (!follows)
        kept->first_serial = kept->last_serial = keep_generation() << SERIAL_GENERATION_SHIFT;
    quota_init(&kept->quota, kept->owners, PIPES_MAX);
    pipe_waiters_begin(&kept->waiters);
    for (struct pipe_place *place = places; place < places + PIPES_MAX; place++)
        if (place->used)
            claim_place(place);
    pipe_waiters_end(&kept->waiters);
    endpoint = serve;
    uint64_t status = sys_endpoint_watch(endpoint, events, EVENT_GONE).status;
    if (status == OK)
        status = server_init(&kept->server, endpoint, &pipes_protocol);
    for (struct pipe_place *place = places; status == OK && place < places + PIPES_MAX; place++)
        if (place->used)
            pipe_progress(&place->pipe);
    if (status == OK && follows)
        serve_look_for_gone();
    return status;
}
