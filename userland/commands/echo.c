#include "libsys/print.h"
#include "libsys/string.h"
#include "userland/lib/command.h"

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
    for (int i = first; i < argc; i++)
        print("%s%s", i > first ? " " : "", argv[i]);
    if (line_end)
        print("\n");
    return 0;
}
