/*
 * A program with an interpreter, test/exec/interpreter, which checks the auxiliary vector before this runs. Prints what
 * the vector says, and whether that is true.
 */
#include "libsys/program/auxiliary.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"

extern const char __ehdr_start[]; /* defined by the linker: this image's first byte */
void _start(void);

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    const char *interpreter = (const char *)program_auxiliary(AT_BASE);
    bool is_right = program_auxiliary(AT_PHDR) == (uint64_t)(__ehdr_start + 64) &&
                    program_auxiliary(AT_ENTRY) == (uint64_t)&_start && interpreter != NULL &&
                    strncmp(interpreter, "\177ELF", 4) == 0 && interpreter != __ehdr_start;
    print("entered: %s, interpreter at %p, random at 0x%lx\n", is_right ? "all as it is" : "something is wrong",
          (const void *)interpreter, program_auxiliary(AT_RANDOM));
    return is_right ? 0 : 1;
}
