/*
 * The console server: one 16550 UART, protocol `console`. terminal.c decides and serve.c answers calls; this file
 * connects them with the system.
 *
 *     console [FIRST_PORT]     default 0x3f8, COM1
 */
#include "kernel/abi/syscall.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "servers/console/serve.h"

#define COM1_FIRST_PORT 0x3f8U

static struct wires {
    cap_t ports, thread, serve;
    uint64_t first_port;
} wires;

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

static void take_register(void *context, unsigned index, uint64_t *place, uint64_t flags) {
    const struct journal_effect effect = {
        .rax = SYS_port_read, .rdi = wires.ports, .rsi = wires.first_port + index, .rdx = 1};
    (void)context;
    if (journal_read(place, &effect, flags) != OK)
        *place = flags | 0xff;
}

static void give_register(void *context, unsigned index, uint8_t value, uint64_t *place, uint64_t after) {
    const struct journal_effect effect = {
        .rax = SYS_port_write, .rdi = wires.ports, .rsi = wires.first_port + index, .rdx = 1, .r10 = value};
    (void)context;
    if (journal_call(place, &effect, after) != OK)
        *place = after;
}

/* Returns what failed, or NULL. */
static const char *bind_interrupt(uint64_t *ret_status) {
    struct thread_config config = {.notification = served_caps.events};
    memcpy(program.message->data, &config, sizeof config);
    *ret_status = sys_thread_configure(wires.thread, THREAD_NOTIFICATION).status;
    if (*ret_status != OK)
        return "binding `events` to `thread`";
    *ret_status = sys_irq_bind(served_caps.irq, served_caps.events, EVENT_UART).status;
    return *ret_status == OK ? NULL : "binding `irq` to `events`";
}

static bool find_wires(int argc, char **argv) {
    wires.ports = program_need("ports");
    served_caps.irq = program_need("irq");
    served_caps.events = program_need("events");
    served_caps.interrupt = program_need("interrupt");
    wires.thread = program_need("thread");
    wires.serve = program_need("serve");
    wires.first_port = COM1_FIRST_PORT;
    if (argc > 1 && !text_to_number(argv[1], &wires.first_port)) {
        log_print("console: `%s` is not a port number", argv[1]);
        return false;
    }
    return true;
}

/*
 * An event that is still to be served found all done that was due before. After one that was served, the program before
 * may have left something undone, which comes before the next call. In any case nobody has looked at the UART since.
 */
static void begin(void) {
    enum server_stage stage = SERVER_STAGE(kept->server.journal.mark);
    if (stage != SERVER_RECEIVED && stage != SERVER_COPIED)
        terminal_settle(&kept->terminal);
    (void)sys_signal_raise(served_caps.events, EVENT_UART); /* can't fail: it is the server's own */
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const struct uart_ports ports = {
        .read = read_register, .write = write_register, .take = take_register, .give = give_register};
    uint64_t status;
    if (server_keep(&kept->server, CONSOLE_LAYOUT, sizeof *kept))
        serve_claim_waiters();
    if (!find_wires(argc, argv))
        return 1;
    const char *failed = bind_interrupt(&status);
    if (failed == NULL && (status = server_init(&kept->server, wires.serve, serve_protocol)) != OK)
        failed = "taking slots";
    if (failed != NULL) {
        log_print("console: %s: %s", failed, status_text(status));
        return 1;
    }
    if (!terminal_start(&kept->terminal, &ports, &serve_clients))
        log_print("console: no UART at port 0x%lx: output is lost, and nothing can be read", wires.first_port);
    begin();

    for (;;) {
        status = server_next(&kept->server);
        if (status != OK) {
            log_print("console: waiting for messages: %s", status_text(status));
            return 1;
        }
        if (server_event_kind(&kept->server) == MESSAGE_CALL) {
            server_serve(&kept->server);
            terminal_settle(&kept->terminal);
        } else if (server_event_kind(&kept->server) == MESSAGE_NOTIFICATION) {
            serve_interrupt();
        }
        serve_flushers();
    }
}
