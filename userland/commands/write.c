#include "libsys/text/string.h"
#include "userland/lib/command.h"
#include "userland/lib/file.h"

/* Write the words with blanks between them, and a line end. */
static uint32_t write(const char *path, bool append, char *const *words) {
    uint64_t file;
    uint32_t status = file_open(path, !append, &file);
    for (; *words != NULL && status == OK; words++) {
        status = file_write(file, FILES_APPEND, *words, strlen(*words));
        if (status == OK)
            status = file_write(file, FILES_APPEND, words[1] == NULL ? "\n" : " ", 1);
    }
    return status;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "write [-a] FILE [WORD...]    write a line of these words to a file; -a: to its end";
    if (command_help(argc, argv, usage))
        return 0;
    bool append = false;
    int first = command_operands(argc, argv, usage, 'a', &append);
    if (first == 0)
        return COMMAND_USAGE;
    if (first >= argc)
        return command_misused(usage, "write: want a file");
    uint32_t status = write(argv[first], append, argv + first + 1);
    return status == OK ? 0 : command_complain("write", "%s: %s", argv[first], file_reason(status));
}
