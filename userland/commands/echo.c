#include "libsys/proto/stream.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "userland/lib/command.h"

/* Bytes are collected, since a write is whole up to this size: lines of several programs do not mix. */
static char collected[STREAM_ATOMIC_BYTES];
static size_t collected_bytes;

static void flush(void) {
    print_bytes(collected, collected_bytes);
    collected_bytes = 0;
}

static void put(const char *text) {
    for (; *text != '\0'; text++) {
        if (collected_bytes == sizeof collected)
            flush();
        collected[collected_bytes++] = *text;
    }
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, "echo [-n] [WORD...]    print the words; -n: no line end after them"))
        return 0;
    bool line_end = true;
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "-n") == 0) {
        line_end = false;
        first = 2;
    }
    for (int i = first; i < argc; i++) {
        put(i > first ? " " : "");
        put(argv[i]);
    }
    put(line_end ? "\n" : "");
    if (collected_bytes > 0)
        flush();
    return 0;
}
