/* Ends badly on purpose, to show how the end is reported. */
#include <stdint.h>

#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "userland/lib/command.h"

#define UNMAPPED 0x10ULL /* an address that no program maps */

__attribute__((noinline)) static void crash_reading(void) { print("%u\n", *(volatile unsigned *)UNMAPPED); }

__attribute__((noinline)) static void crash_writing(void) { *(volatile unsigned *)UNMAPPED = 1; }

__attribute__((noinline)) static void crash_writing_code(void) {
    *(volatile uint8_t *)(uintptr_t)&crash_reading = 1; /* its rights forbid it */
}

__attribute__((noinline)) static void crash_jumping(void) {
    void (*volatile nowhere)(void) = (void (*)(void))UNMAPPED;
    nowhere();
}

__attribute__((noinline)) static void crash_dividing(void) {
    unsigned zero = 0;
    __asm__ volatile("divl %0" : : "r"(zero) : "rax", "rdx");
}

__attribute__((noinline)) static void crash_trapping(void) { __builtin_trap(); }

/* Each turn takes some of the stack, until the unmapped page below it is touched. */
__attribute__((noinline)) static unsigned crash_nesting(unsigned depth) {
    volatile uint8_t room[512];
    room[0] = (uint8_t)depth;
    return depth == 0 ? 0 : crash_nesting(depth + 1) + room[0];
}

__attribute__((noinline)) static void crash_nesting_deep(void) { print("%u\n", crash_nesting(1)); }

static const struct {
    const char *name;
    void (*crash)(void);
} ways[] = {
    {"read", crash_reading},    {"write", crash_writing}, {"code", crash_writing_code},  {"jump", crash_jumping},
    {"divide", crash_dividing}, {"trap", crash_trapping}, {"stack", crash_nesting_deep},
};

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "crash read|write|code|jump|divide|trap|stack    end by such a fault";
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    for (size_t i = 0; argc - first == 1 && i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(argv[first], ways[i].name) == 0)
            ways[i].crash();
    return command_misused(usage, "crash: want a way");
}
