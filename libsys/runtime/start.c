#include "kernel/abi/system.h"
#include "libsys/program/auxiliary.h"
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/locks.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"

struct program program;

void program_start(uint64_t *stack);
int main(int argc, char **argv, char **envp);

/* Returns the rest of a text after `word`; NULL: the text does not begin with `word`. */
static const char *behind(const char *text, const char *word) {
    for (; *word != '\0'; text++, word++)
        if (*text != *word)
            return NULL;
    return text;
}

const char *program_variable(const char *name) {
    for (char **entry = program.environment; *entry != NULL; entry++) {
        const char *rest = behind(*entry, name);
        if (rest != NULL && *rest == '=')
            return rest + 1;
    }
    return NULL;
}

/* Returns the number in the environment string PREFIX:NAME=NUMBER; `prefix` ends in the colon. 0: there is none. */
static uint64_t named_number(const char *prefix, const char *name) {
    for (char **entry = program.environment; *entry != NULL; entry++) {
        const char *rest = behind(*entry, prefix);
        if (rest != NULL)
            rest = behind(rest, name);
        uint64_t number;
        if (rest != NULL && *rest == '=' && text_to_number(rest + 1, &number))
            return number;
    }
    return 0;
}

cap_t program_cap(const char *name) { return named_number("cap:", name); }

/* Returns the name with which the program's log lines begin. */
static const char *own_name(void) {
    const char *name = program_variable("name");
    if (name != NULL)
        return name;
    return program.argument_count > 0 ? program.arguments[0] : "program";
}

cap_t program_need(const char *name) {
    cap_t cap = program_cap(name);
    if (cap != 0)
        return cap;
    log_print("%s: no capability `%s`", own_name(), name);
    program_exit(1);
}

uint64_t program_cap_size(const char *name) { return named_number("size:", name); }

uint64_t program_need_size(const char *name, uint64_t least_bytes) {
    uint64_t size_bytes = program_cap_size(name);
    if (size_bytes >= least_bytes)
        return size_bytes;
    log_print("%s: `%s` has %lu pages, %lu are needed", own_name(), name, (uint64_t)(size_bytes / PAGE_BYTES),
              pages_for(least_bytes));
    program_exit(1);
}

bool program_next_piece(const char *name, struct program_piece *piece) {
    struct program_piece next = {.memory = piece->memory + 1, .rest = piece->rest};
    if (piece->memory == 0) {
        char variable[4 + PROCESS_NAME_MAX + 1];
        (void)format_into(variable, sizeof variable, "run:%s", name);
        next.rest = program_variable(variable);
        if (next.rest != NULL)
            next.rest = text_skip_number(next.rest, &next.memory);
    }
    if (next.rest == NULL || *next.rest != ',')
        return false;
    next.rest = text_skip_number(next.rest + 1, &next.page_count);
    if (next.rest == NULL)
        return false;
    *piece = next;
    return true;
}

uint64_t program_auxiliary(uint64_t type) {
    for (const struct auxiliary_entry *entry = program.auxiliary; entry->type != AT_NULL; entry++)
        if (entry->type == type)
            return entry->value;
    return 0;
}

cap_t slot_take(void) {
    bool locks = program.has_threads;
    if (locks)
        mutex_lock(&library_locks.slots);
    cap_t slot = slots_take(&program.slots);
    if (locks)
        mutex_unlock(&library_locks.slots);
    return slot;
}

void slot_free(cap_t slot) {
    bool locks = program.has_threads;
    if (locks)
        mutex_lock(&library_locks.slots);
    slots_free(&program.slots, slot);
    if (locks)
        mutex_unlock(&library_locks.slots);
}

void slots_after_fork(void) { slots_recount(&program.slots); }

_Noreturn void program_exit(int code) {
    cap_t process = program_process();
    struct process_exit_request request = {(uint64_t)(unsigned int)code};
    struct process_exit_reply reply;
    if (process != 0)
        log_print("%s: exit %d: %s", own_name(), code, status_text(process_exit(process, &request, &reply, NULL)));
    /* Clear RBP, so that the backtrace of an orderly end is empty. */
    __asm__ volatile("xor %%ebp, %%ebp\n\tud2" : : "a"(PROGRAM_ENDED), "D"((uint64_t)(unsigned int)code));
    __builtin_unreachable();
}

static void find_slots(void) {
    const char *text = program_variable("slots");
    uint64_t first;
    uint64_t limit;
    const char *comma = text != NULL ? text_skip_number(text, &first) : NULL;
    if (comma != NULL && *comma == ',' && text_to_number(comma + 1, &limit) && first > 0)
        slots_init(&program.slots, first, limit);
    else
        slots_init(&program.slots, 1, 1);
}

/* stack: the initial stack pointer. */
void program_start(uint64_t *stack) {
    program.argument_count = (int)stack[0];
    program.arguments = (char **)(uintptr_t)(stack + 1);
    program.environment = program.arguments + program.argument_count + 1;
    char **end = program.environment;
    while (*end != NULL)
        end++;
    program.auxiliary = (const struct auxiliary_entry *)(void *)(end + 1);
    program.message = (struct message_page *)(uintptr_t)program_auxiliary(AT_BATON_MESSAGE); /* where it was mapped */
    program.process = program_cap("process");
    struct thread_block *block = (struct thread_block *)(uintptr_t)program_auxiliary(AT_BATON_THREAD);
    if (block != NULL)
        block->process = program.process;
    find_slots();
    program_exit(main(program.argument_count, program.arguments, program.environment));
}
