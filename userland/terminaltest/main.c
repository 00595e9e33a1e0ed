/*
 * Things that a program can do to the terminal, for tests that type (test/system/test_terminal.py).
 */
#include "libsys/program/program.h"
#include "libsys/proto/console.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/terminal.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

static const char usage[] =
    "terminaltest keys|calls|take    take the terminal's keys until q; say what calls answer; take it over";

static uint32_t set_mode(enum console_mode mode) {
    struct console_set_mode_request request = {.mode = mode};
    struct console_set_mode_reply reply;
    return console_set_mode(program_cap("console"), &request, &reply, NULL);
}

static uint32_t read_key(uint8_t *ret_key) {
    struct console_read_keys_request request = {.most_bytes = 1};
    struct console_read_keys_reply reply = {.length_bytes = 0};
    uint32_t status = console_read_keys(program_cap("console"), &request, &reply, NULL);
    *ret_key = reply.bytes[0];
    return status;
}

/* Read single keys, as a full-screen program does. The mode is not restored. */
static int take_keys(void) {
    uint8_t key = 0;
    uint32_t status;
    do
        status = set_mode(CONSOLE_RAW);
    while (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTOU)) == OK);
    while (status == OK && key != 'q') {
        do
            status = read_key(&key);
        while (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTIN)) == OK);
        print("key %u\n", key);
    }
    print("%s\n", status_name(status));
    return status == OK ? 0 : 1;
}

/* The calls without waiting for the foreground. */
static int make_calls(void) {
    struct console_read_request read = {.most_bytes = 1};
    struct console_read_reply line;
    struct console_set_foreground_request foreground = {.group = 0};
    struct console_set_foreground_reply named;
    uint8_t key;
    print("%s %s ", status_name(set_mode(CONSOLE_RAW)), status_name(read_key(&key)));
    print("%s ", status_name(console_read(program_cap("console"), &read, &line, NULL)));
    print("%s\n", status_name(console_set_foreground(program_cap("console"), &foreground, &named, NULL)));
    return 0;
}

static int take_over(void) {
    struct process_get_pid_request request = {.zero = 0};
    struct process_get_pid_reply own = {.pid = 0};
    uint32_t status = process_get_pid(program_process(), &request, &own, NULL);
    struct process_set_foreground_request foreground = {.pid = own.pid};
    struct process_set_foreground_reply named;
    if (status == OK)
        status = process_set_foreground(program_process(), &foreground, &named, NULL);
    print("%s\n", status_name(status));
    return 0;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, usage))
        return 0;
    if (argc == 2 && strcmp(argv[1], "keys") == 0)
        return take_keys();
    if (argc == 2 && strcmp(argv[1], "calls") == 0)
        return make_calls();
    if (argc == 2 && strcmp(argv[1], "take") == 0)
        return take_over();
    return command_misused(usage, "want one word");
}
