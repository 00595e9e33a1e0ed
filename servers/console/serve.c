#include "servers/console/serve.h"

#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"

PROTOCOL_SERVER(console, CONSOLE_OPERATIONS)

const struct protocol *const serve_protocol = &console_protocol;

/* The operations whose callers may have to wait. */
enum waiting_operation {
    OPERATION_WRITE = 1,
    OPERATION_READ = 2,
    OPERATION_FLUSH = 4,
};

#define FLUSH_LOOK_NS 100000U

struct serve_caps served_caps;

static bool answer_read(void *context, cap_t reply, uint32_t status, const uint8_t *bytes, size_t length) {
    (void)context;
    struct console_read_reply answer;
    answer.length_bytes = length;
    if (length > 0)
        memcpy(answer.bytes, bytes, length);
    return server_answer(&kept->server, reply, OPERATION_READ, status, &answer);
}

static bool answer_write(void *context, cap_t reply, size_t length) {
    (void)context;
    struct console_write_reply answer = {.written_bytes = length};
    return server_answer(&kept->server, reply, OPERATION_WRITE, OK, &answer);
}

static void answer_flush(void *context, cap_t reply) {
    static const struct console_flush_reply answer;
    (void)context;
    (void)server_answer(&kept->server, reply, OPERATION_FLUSH, OK, &answer); /* it may be gone */
}

static bool waits(void *context, cap_t reply) {
    (void)context;
    return server_client_waits(reply);
}

static void raise(void *context, uint64_t bits, uint64_t *place, uint64_t after) {
    const struct journal_effect effect = {.rax = SYS_signal_raise, .rdi = served_caps.interrupt, .rsi = bits};
    (void)context;
    if (journal_call(place, &effect, after) != OK)
        *place = after; /* without a process server there is no process to stop */
}

const struct terminal_clients serve_clients = {
    .answer_read = answer_read,
    .answer_write = answer_write,
    .answer_flush = answer_flush,
    .waits = waits,
    .raise = raise,
};

/* ---- clients that wait ---- */

static void claim(const struct terminal_queue *queue) {
    for (size_t i = 0; i < queue->count; i++)
        slot_claim(terminal_waiter(queue, i)->reply);
}

void serve_claim_waiters(void) {
    claim(&kept->terminal.readers);
    claim(&kept->terminal.writers);
    claim(&kept->terminal.flushers);
}

/*
 * Let the client wait, which has got a place with this slot, or has not: then its process has as many as are left for
 * all others. If it does not wait any more, whoever would answer it finds that out.
 */
static uint32_t defer(cap_t slot, bool has_place) {
    if (has_place) {
        (void)server_defer_to(slot);
        return SERVER_DEFERRED;
    }
    slot_free(slot);
    return P_CROWDED;
}

/* ---- operations ---- */

static uint32_t console_serve_write(struct server_call *call, const struct console_write_request *request,
                                    struct console_write_reply *reply) {
    reply->written_bytes = request->length_bytes;
    if (terminal_write(&kept->terminal, request->bytes, request->length_bytes))
        return OK;
    cap_t slot = slot_take();
    return defer(slot, slot != 0 && terminal_park_writer(&kept->terminal, call->badge, slot, request->bytes,
                                                         request->length_bytes));
}

/* The answers to `read` and `read_keys` have one shape. */
_Static_assert(sizeof(struct console_read_reply) == sizeof(struct console_read_keys_reply), "see answer_read()");

static uint32_t serve_read(struct server_call *call, enum console_mode mode, uint64_t most_bytes, uint8_t *bytes,
                           uint64_t *ret_length) {
    if (most_bytes < 1 || most_bytes > CONSOLE_BYTES_MAX) {
        format_into(call->reason, sizeof call->reason, "most_bytes is %lu, want 1..%u", most_bytes, CONSOLE_BYTES_MAX);
        return P_ARGUMENT;
    }
    if (terminal_is_background(&kept->terminal, IDENTITY_GROUP(call->badge)))
        return P_BACKGROUND;
    if (terminal_read(&kept->terminal, mode, bytes, most_bytes, ret_length))
        return OK;
    cap_t slot = slot_take();
    return defer(slot, slot != 0 && terminal_park_reader(&kept->terminal, call->badge, slot, mode, most_bytes));
}

static uint32_t console_serve_read(struct server_call *call, const struct console_read_request *request,
                                   struct console_read_reply *reply) {
    return serve_read(call, CONSOLE_FOREGROUND, request->most_bytes, reply->bytes, &reply->length_bytes);
}

static uint32_t console_serve_read_keys(struct server_call *call, const struct console_read_keys_request *request,
                                        struct console_read_keys_reply *reply) {
    return serve_read(call, CONSOLE_RAW, request->most_bytes, reply->bytes, &reply->length_bytes);
}

static uint32_t console_serve_set_mode(struct server_call *call, const struct console_set_mode_request *request,
                                       struct console_set_mode_reply *reply) {
    if (request->mode != CONSOLE_RAW && request->mode != CONSOLE_FOREGROUND) {
        format_into(call->reason, sizeof call->reason, "no such mode: %lu", request->mode);
        return P_ARGUMENT;
    }
    if (terminal_is_background(&kept->terminal, IDENTITY_GROUP(call->badge)))
        return P_BACKGROUND;
    reply->old_mode = kept->terminal.mode;
    terminal_set_mode(&kept->terminal, (enum console_mode)request->mode);
    return OK;
}

static uint32_t console_serve_set_foreground(struct server_call *call,
                                             const struct console_set_foreground_request *request,
                                             struct console_set_foreground_reply *reply) {
    reply->zero = 0;
    if (IDENTITY_GROUP(call->badge) != 0)
        return P_PERMISSION;
    if (request->group > UINT32_MAX)
        return P_ARGUMENT;
    terminal_set_foreground(&kept->terminal, (uint32_t)request->group);
    return OK;
}

static uint32_t console_serve_flush(struct server_call *call, const struct console_flush_request *request,
                                    struct console_flush_reply *reply) {
    (void)request;
    reply->zero = 0;
    if (terminal_is_drained(&kept->terminal))
        return OK;
    cap_t slot = slot_take();
    return defer(slot, slot != 0 && terminal_park_flusher(&kept->terminal, call->badge, slot));
}

/* The UART tells when its FIFO is empty, not when the last bit is sent: so a timer repeats this. */
void serve_flushers(void) {
    if (!terminal_answer_flushers(&kept->terminal))
        (void)sys_signal_timer(served_caps.events, EVENT_UART, sys_clock_read().value + FLUSH_LOOK_NS);
}

/*
 * The acknowledgement lets the line interrupt again, but an edge that came before it is lost: hence the second look at
 * the UART. If the UART still has work then, a timer that is due at once repeats this after the clients have had their
 * turn.
 */
void serve_interrupt(void) {
    (void)terminal_progress(&kept->terminal);
    (void)sys_irq_ack(served_caps.irq); /* after a reminder there is nothing to acknowledge; no harm */
    if (!terminal_progress(&kept->terminal))
        (void)sys_signal_timer(served_caps.events, EVENT_UART, 0);
}
