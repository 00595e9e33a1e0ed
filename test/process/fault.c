/*
 * Does each kind of fault end its process, and does wait tell the kind, the place and the address?
 */
#include "kernel/abi/thread.h"
#include "libsys/maker/layout.h"
#include "libsys/text/string.h"
#include "test/process/child.h"

/* Functions that fault, and where they do (fault.S). */
#define FAULTS(ROW) \
    ROW(read)       \
    ROW(write)      \
    ROW(jump)       \
    ROW(undefined) ROW(breakpoint) ROW(divide) ROW(privileged) ROW(port) ROW(interrupt) ROW(step) ROW(float) ROW(stack)
#define ROW_DECLARE(name)                \
    void fault_##name(uint64_t address); \
    extern const char fault_##name##_at[];
FAULTS(ROW_DECLARE)

#define ROW_TABLE(name) {#name, fault_##name},
static const struct {
    const char *name;
    void (*run)(uint64_t address);
} faults[] = {FAULTS(ROW_TABLE)};

static const char read_only[] = "this cannot be written";
static char variable[64];

/* faults NAME ADDRESS */
static int role_faults(int argc, char **argv) {
    CHECK_EQUAL(argc, 3);
    for (uint32_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (strcmp(faults[i].name, argv[1]) == 0)
            faults[i].run(number_of(argv[2]));
    test_note("there was no fault");
    return ROLE_FAILED;
}

/* A role that starts a role: the faulting process's own parent is told, not the suite. */
static int role_sees_a_fault(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK_KILLED(START_ROLE("faults", "undefined", "0"), PROCESS_SIGILL);
    return 70;
}

/* The fault `name`, touching `address`, is told as these. Cases run in the same image at the same place as the
 * child. */
static void check_fault(const char *name, uint64_t address, uint64_t signal, uint64_t kind, uint64_t rip) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("faults", name, text_of(address));
    if (!CHECK_STATUS(wait_for(pid, &end), OK))
        return;
    CHECK_EQUAL(end.pid, pid);
    CHECK_EQUAL(end.end, PROCESS_KILLED);
    CHECK_EQUAL(end.value, signal);
    CHECK_EQUAL(end.fault, kind);
    CHECK_EQUAL(end.address, kind == FAULT_PAGE ? address : 0);
    CHECK_EQUAL(end.rip, rip);
}

#define CHECK_FAULT(name, address, signal, kind) \
    check_fault(#name, (uint64_t)(address), PROCESS_##signal, FAULT_##kind, (uint64_t)fault_##name##_at)

static void fault_reading_nothing_mapped(void) {
    CHECK_FAULT(read, 0, SIGSEGV, PAGE);
    CHECK_FAULT(read, 0x1ff000, SIGSEGV, PAGE);
    CHECK_FAULT(read, LAYOUT_IMAGE_END, SIGSEGV, PAGE);
}
static void fault_reading_the_kernels_half(void) { CHECK_FAULT(read, 0xffffffff80000000, SIGSEGV, PAGE); }
static void fault_writing_code(void) { CHECK_FAULT(write, fault_read_at, SIGSEGV, PAGE); }
static void fault_writing_read_only_data(void) { CHECK_FAULT(write, read_only, SIGSEGV, PAGE); }
static void fault_jumping_to_nothing_mapped(void) { check_fault("jump", 0x10, PROCESS_SIGSEGV, FAULT_PAGE, 0x10); }
static void fault_jumping_to_data(void) {
    check_fault("jump", (uint64_t)variable, PROCESS_SIGSEGV, FAULT_PAGE, (uint64_t)variable);
}
static void fault_jumping_to_the_message_page(void) {
    check_fault("jump", LAYOUT_MESSAGE, PROCESS_SIGSEGV, FAULT_PAGE, LAYOUT_MESSAGE);
}
static void fault_reading_no_canonical_address(void) { CHECK_FAULT(read, 0x8000000000000000, SIGSEGV, PROTECTION); }
static void fault_of_an_undefined_instruction(void) { CHECK_FAULT(undefined, 0, SIGILL, INSTRUCTION); }
static void fault_of_a_breakpoint(void) { CHECK_FAULT(breakpoint, 0, SIGTRAP, BREAKPOINT); }
static void fault_of_division_by_zero(void) { CHECK_FAULT(divide, 0, SIGFPE, DIVIDE); }
static void fault_of_a_privileged_instruction(void) { CHECK_FAULT(privileged, 0, SIGSEGV, PROTECTION); }
static void fault_of_a_port(void) { CHECK_FAULT(port, 0, SIGSEGV, PROTECTION); }
static void fault_of_a_software_interrupt(void) { CHECK_FAULT(interrupt, 0, SIGSEGV, PROTECTION); }
static void fault_of_a_single_step(void) { CHECK_FAULT(step, 0, SIGTRAP, STEP); }
static void fault_of_the_floating_point_unit(void) { CHECK_FAULT(float, 0, SIGFPE, FLOAT); }

static void fault_of_a_full_stack(void) {
    struct process_wait_reply end;
    CHECK_STATUS(wait_for(START_ROLE("faults", "stack", "0"), &end), OK);
    CHECK_EQUAL(end.value, PROCESS_SIGSEGV);
    CHECK_EQUAL(end.fault, FAULT_PAGE);
    CHECK_EQUAL(end.rip, fault_stack_at);
    CHECK(end.address < LAYOUT_STACK_TOP - LAYOUT_STACK_PAGES * PAGE_BYTES);
    CHECK_EQUAL(end.address % PAGE_BYTES, PAGE_BYTES - 8);
}

static void fault_is_told_to_the_parent_alone(void) { CHECK_ROLE(70, "sees_a_fault"); }

static const struct test_case cases[] = {
    CASE(fault_reading_nothing_mapped),
    CASE(fault_reading_the_kernels_half),
    CASE(fault_writing_code),
    CASE(fault_writing_read_only_data),
    CASE(fault_jumping_to_nothing_mapped),
    CASE(fault_jumping_to_data),
    CASE(fault_jumping_to_the_message_page),
    CASE(fault_reading_no_canonical_address),
    CASE(fault_of_an_undefined_instruction),
    CASE(fault_of_a_breakpoint),
    CASE(fault_of_division_by_zero),
    CASE(fault_of_a_privileged_instruction),
    CASE(fault_of_a_port),
    CASE(fault_of_a_software_interrupt),
    CASE(fault_of_a_single_step),
    CASE(fault_of_the_floating_point_unit),
    CASE(fault_of_a_full_stack),
    CASE(fault_is_told_to_the_parent_alone),
};
static const struct role roles[] = {ROLE(faults), ROLE(sees_a_fault)};
GROUP(fault);
