/*
 * The console server: one 16550 UART, protocol `console`. terminal.c decides; this file connects it with the system.
 *
 *     console [FIRST_PORT]     default 0x3f8, COM1
 */
#include "kernel/abi/syscall.h"
#include "kernel/abi/thread.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/console.h"
#include "libsys/server.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "servers/console/terminal.h"

PROTOCOL_SERVER(console, CONSOLE_OPERATIONS)

enum operation {
    OPERATION_WRITE = 1,
    OPERATION_READ = 2,
    OPERATION_FLUSH = 4,
};

#define COM1_FIRST_PORT 0x3f8U
#define EVENT_UART 1U /* bit of `events`: the UART's interrupt, or this server's reminder to go on serving it */
#define FLUSH_LOOK_NS 100000U
#define INTERRUPT_BITS 1U /* of `interrupt`: Ctrl-C, ... */
#define SUSPEND_BITS 4U   /* ... Ctrl-Z */

struct wires {
    cap_t ports, irq, events, interrupt, thread, serve;
    uint64_t first_port;
};

static struct wires wires;
static struct server server;
static struct terminal terminal;

/* Ports that the manifest did not grant read as absent: uart_start then finds no chip. */
static uint8_t read_register(void *context, unsigned index) {
    (void)context;
    struct result result = sys_port_read(wires.ports, wires.first_port + index, 1);
    return result.status == OK ? (uint8_t)result.value : 0xff;
}

static void write_register(void *context, unsigned index, uint8_t value) {
    (void)context;
    (void)sys_port_write(wires.ports, wires.first_port + index, 1, value);
}

static bool answer_read(void *context, cap_t reply, uint32_t status, const uint8_t *bytes, size_t length) {
    (void)context;
    struct console_read_reply answer;
    answer.length_bytes = length;
    if (length > 0)
        memcpy(answer.bytes, bytes, length);
    return server_answer(&server, reply, OPERATION_READ, status, &answer);
}

static bool answer_write(void *context, cap_t reply, size_t length) {
    (void)context;
    struct console_write_reply answer = {.written_bytes = length};
    return server_answer(&server, reply, OPERATION_WRITE, OK, &answer);
}

static void answer_flush(void *context, cap_t reply) {
    static const struct console_flush_reply answer;
    (void)context;
    (void)server_answer(&server, reply, OPERATION_FLUSH, OK, &answer); /* it may be gone */
}

static bool waits(void *context, cap_t reply) {
    (void)context;
    return server_client_waits(reply);
}

static void raise_interrupt(void *context) {
    (void)context;
    (void)sys_signal_raise(wires.interrupt, INTERRUPT_BITS); /* without a process server there is no process to stop */
}

static void raise_suspend(void *context) {
    (void)context;
    (void)sys_signal_raise(wires.interrupt, SUSPEND_BITS);
}

/* ---- clients that wait ---- */

/* Refuse to let a client wait: its process has as many places as are left for all others. */
static uint32_t refuse(cap_t slot, enum operation operation) {
    (void)server_answer(&server, slot, operation, P_CROWDED, NULL); /* it may be gone */
    return SERVER_DEFERRED;
}

/* ---- operations ---- */

static uint32_t console_serve_write(struct server_call *call, const struct console_write_request *request,
                                    struct console_write_reply *reply) {
    reply->written_bytes = request->length_bytes;
    if (terminal_write(&terminal, request->bytes, request->length_bytes))
        return OK;
    cap_t slot = server_defer();
    if (slot == 0)
        return P_CROWDED;
    if (!terminal_park_writer(&terminal, call->badge, slot, request->bytes, request->length_bytes))
        return refuse(slot, OPERATION_WRITE);
    return SERVER_DEFERRED;
}

/* The answers to `read` and `read_keys` have one shape. */
_Static_assert(sizeof(struct console_read_reply) == sizeof(struct console_read_keys_reply), "see answer_read()");

static uint32_t serve_read(struct server_call *call, enum console_mode mode, uint64_t most_bytes, uint8_t *bytes,
                           uint64_t *ret_length) {
    if (most_bytes < 1 || most_bytes > CONSOLE_BYTES_MAX) {
        format_into(call->reason, sizeof call->reason, "most_bytes is %lu, want 1..%u", most_bytes, CONSOLE_BYTES_MAX);
        return P_ARGUMENT;
    }
    if (terminal_is_background(&terminal, IDENTITY_GROUP(call->badge)))
        return P_BACKGROUND;
    if (terminal_read(&terminal, mode, bytes, most_bytes, ret_length))
        return OK;
    cap_t slot = server_defer();
    if (slot == 0)
        return P_CROWDED;
    if (!terminal_park_reader(&terminal, call->badge, slot, mode, most_bytes))
        return refuse(slot, OPERATION_READ);
    return SERVER_DEFERRED;
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
    if (terminal_is_background(&terminal, IDENTITY_GROUP(call->badge)))
        return P_BACKGROUND;
    reply->old_mode = terminal.mode;
    terminal_set_mode(&terminal, (enum console_mode)request->mode);
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
    terminal_set_foreground(&terminal, (uint32_t)request->group);
    return OK;
}

static uint32_t console_serve_flush(struct server_call *call, const struct console_flush_request *request,
                                    struct console_flush_reply *reply) {
    (void)request;
    reply->zero = 0;
    if (terminal_is_drained(&terminal))
        return OK;
    cap_t slot = server_defer();
    if (slot == 0)
        return P_CROWDED;
    if (!terminal_park_flusher(&terminal, call->badge, slot))
        return refuse(slot, OPERATION_FLUSH);
    return SERVER_DEFERRED;
}

/*
 * Answer clients that flush. The UART tells when its FIFO is empty, not when the last bit is sent: so a timer repeats
 * this.
 */
static void answer_flushers(void) {
    if (!terminal_answer_flushers(&terminal))
        (void)sys_signal_timer(wires.events, EVENT_UART, sys_clock_read().value + FLUSH_LOOK_NS);
}

/*
 * The acknowledgement lets the line interrupt again, but an edge that came before it is lost: hence the second look at
 * the UART. If the UART still has work then, a timer that is due at once repeats this after the clients have had their
 * turn.
 */
static void serve_interrupt(void) {
    (void)terminal_progress(&terminal);
    (void)sys_irq_ack(wires.irq); /* after a reminder there is nothing to acknowledge; no harm */
    if (!terminal_progress(&terminal))
        (void)sys_signal_timer(wires.events, EVENT_UART, 0);
}

/* Returns what failed, or NULL. */
static const char *bind_interrupt(uint64_t *ret_status) {
    struct thread_config config = {.notification = wires.events};
    memcpy(program.message->data, &config, sizeof config);
    *ret_status = sys_thread_configure(wires.thread, THREAD_NOTIFICATION).status;
    if (*ret_status != OK)
        return "binding `events` to `thread`";
    *ret_status = sys_irq_bind(wires.irq, wires.events, EVENT_UART).status;
    return *ret_status == OK ? NULL : "binding `irq` to `events`";
}

static bool find_wires(int argc, char **argv) {
    wires.ports = program_need("ports");
    wires.irq = program_need("irq");
    wires.events = program_need("events");
    wires.interrupt = program_need("interrupt");
    wires.thread = program_need("thread");
    wires.serve = program_need("serve");
    wires.first_port = COM1_FIRST_PORT;
    if (argc > 1 && !text_to_number(argv[1], &wires.first_port)) {
        log_print("console: `%s` is not a port number", argv[1]);
        return false;
    }
    return true;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const struct uart_ports ports = {.read = read_register, .write = write_register};
    static const struct terminal_clients clients = {.answer_read = answer_read,
                                                    .answer_write = answer_write,
                                                    .answer_flush = answer_flush,
                                                    .waits = waits,
                                                    .interrupt = raise_interrupt,
                                                    .suspend = raise_suspend};
    uint64_t status;
    if (!find_wires(argc, argv))
        return 1;
    const char *failed = bind_interrupt(&status);
    if (failed == NULL && (status = server_init(&server, wires.serve, &console_protocol)) != OK)
        failed = "taking slots";
    if (failed != NULL) {
        log_print("console: %s: %s", failed, status_text(status));
        return 1;
    }
    if (!terminal_start(&terminal, &ports, &clients))
        log_print("console: no UART at port 0x%lx: output is lost, and nothing can be read", wires.first_port);
    serve_interrupt(); /* what was typed before the interrupt was bound */

    for (;;) {
        struct server_event event;
        status = server_next(&server, &event);
        if (status != OK) {
            log_print("console: waiting for messages: %s", status_text(status));
            return 1;
        }
        if (event.kind == MESSAGE_CALL)
            server_serve(&server, &event);
        else if (event.kind == MESSAGE_NOTIFICATION)
            serve_interrupt();
        answer_flushers();
    }
}
