#include "libsys/proto/console.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/terminal.h"
#include "libsys/wire/status_text.h"
#include "userland/shell/shell.h"

#define PROMPT "baton$ "
#define KEY_ENTER 0x0dU
#define KEY_END 0x04U /* Ctrl-D */

void shell_set_console(const struct shell *shell, enum console_mode mode) {
    struct console_set_mode_request request = {.mode = mode};
    struct console_set_mode_reply reply;
    uint32_t status;
    do
        status = console_set_mode(shell->console, &request, &reply, NULL);
    while (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTOU)) == OK);
    if (status != OK)
        shell_complain(shell, "console mode: %s", status_text(status));
}

/*
 * Read one byte at a time, so that input typed ahead stays in the console for the programs that it is meant for.
 * Returns false at the end: no more input can come, or the console is gone.
 */
static bool read_byte(struct shell *shell, uint8_t *ret_byte) {
    struct console_read_keys_request request = {.most_bytes = 1};
    static struct console_read_keys_reply reply;
    uint32_t status;
    do
        status = console_read_keys(shell->console, &request, &reply, NULL);
    while (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTIN)) == OK);
    if (status != OK)
        shell_complain(shell, "reading from the console: %s", status_text(status));
    *ret_byte = reply.bytes[0];
    return status == OK && reply.length_bytes > 0;
}

static enum line_event read_line(struct shell *shell) {
    enum line_event event = LINE_MORE, before;
    line_begin(&shell->editor, PROMPT);
    print_bytes(shell->editor.output, shell->editor.output_length);
    while (event == LINE_MORE || event == LINE_COMPLETE) {
        uint8_t byte;
        if (!read_byte(shell, &byte)) /* treat a last line without Enter as a line */
            byte = shell->editor.length > 0 || shell->editor.enter != LINE_READY ? KEY_ENTER : KEY_END;
        before = event;
        event = line_byte(&shell->editor, byte);
        if (event == LINE_COMPLETE)
            shell_complete(shell, before == LINE_COMPLETE);
        if (shell->editor.output_length > 0)
            print_bytes(shell->editor.output, shell->editor.output_length);
    }
    return event;
}

void shell_run_prompt(struct shell *shell) {
    shell_begin_control(shell);
    while (!shell->leaving) {
        shell_reap_jobs(shell);
        shell_set_console(shell, CONSOLE_RAW);
        if (shell_take_interrupt(shell)) /* the command that it ran ended by itself */
            shell->status = SHELL_INTERRUPTED;
        enum line_event event = read_line(shell);
        switch (event) {
        case LINE_MORE: /* can't occur: read_line() returns neither */
        case LINE_COMPLETE:
        case LINE_END:
            shell->leaving = shell_may_leave(shell);
            break;
        case LINE_TOO_LONG:
        case LINE_HAS_ZERO:
            shell_refuse_line(shell, event);
            break;
        case LINE_INTERRUPT:
            shell->status = SHELL_INTERRUPTED;
            break;
        case LINE_READY:
            shell_set_console(shell, CONSOLE_FOREGROUND);
            shell_run_line(shell, shell->editor.text);
            break;
        }
    }
    shell_end_stopped_jobs(shell);
    shell_set_console(shell, CONSOLE_FOREGROUND);
}
