/*
 * The image that `caller` turns into: prints its arguments, environment and data, and checks them.
 *
 *     show CALLER_PID PAYLOAD_WORDS...
 */
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "userland/exectest/payload.h"
#include "userland/lib/launch.h"

static const char *const words[] = {PAYLOAD_WORDS};
static const char *const variables[] = {PAYLOAD_ENVIRONMENT};
#define WORD_COUNT ((int)(sizeof words / sizeof words[0]))
#define VARIABLE_COUNT (sizeof variables / sizeof variables[0])

static uint64_t initialised = 0x5eed; /* data of the image's file ... */
static uint64_t zeroed[1024];         /* ... and memory that must begin as zeroes */

static bool words_are_right(int argc, char **argv) {
    if (argc != WORD_COUNT + 2 || argv[argc] != NULL || strcmp(argv[0], "show") != 0)
        return false;
    for (int i = 0; i < WORD_COUNT; i++)
        if (strcmp(argv[i + 2], words[i]) != 0)
            return false;
    return true;
}

static bool environment_is_right(char **envp) {
    size_t found = 0;
    for (; *envp != NULL; envp++) {
        if (launch_is_private(*envp))
            continue;
        if (found == VARIABLE_COUNT || strcmp(*envp, variables[found]) != 0)
            return false;
        found++;
    }
    return found == VARIABLE_COUNT;
}

static bool pid_is_right(const char *caller) {
    struct process_get_pid_request request = {.zero = 0};
    struct process_get_pid_reply reply;
    uint64_t pid;
    return text_to_number(caller, &pid) && process_get_pid(program_process(), &request, &reply, NULL) == OK &&
           reply.pid == pid;
}

static bool memory_is_right(void) {
    for (size_t i = 0; i < sizeof zeroed / sizeof zeroed[0]; i++)
        if (zeroed[i] != 0)
            return false;
    zeroed[0] = initialised; /* both are writable */
    initialised++;
    return zeroed[0] == 0x5eed;
}

static int wrong(const char *what) {
    print("show: wrong %s\n", what);
    return PAYLOAD_WRONG;
}

int main(int argc, char **argv, char **envp) {
    for (int i = 0; i < argc; i++)
        print("show: argument %d: `%s`\n", i, argv[i]);
    for (size_t i = 0; envp[i] != NULL; i++)
        print("show: environment: %s\n", envp[i]);
    if (!words_are_right(argc, argv))
        return wrong("arguments");
    if (!environment_is_right(envp))
        return wrong("environment");
    if (!pid_is_right(argv[1]))
        return wrong("pid");
    if (!memory_is_right())
        return wrong("memory");
    return PAYLOAD_SHOWN;
}
