#include "servers/process/records/foreground.h"

#include "libsys/wire/journal.h"
#include "servers/process/records/group.h"

bool foreground_may_name(const struct process_table *table, const struct process *caller) {
    return caller->group == table->foreground || caller->pid == PROCESS_FIRST || caller->named == table->foreground;
}

void foreground_name(struct process_table *table, struct process *caller, uint32_t group) {
    journal_note(&table->foreground, sizeof table->foreground + sizeof table->keys_group + sizeof table->keys);
    table->foreground = group;
    JOURNAL_SET(caller->named, group);
    table->keys = 0; /* the group may go on after a stop: the key that stopped it must not reach later processes */
}

uint64_t foreground_start(struct process_table *table, struct process *caller, const struct process *child) {
    uint64_t keys = child->group == table->keys_group ? table->keys : 0;
    foreground_name(table, caller, child->group);
    table->keys = keys; /* more processes of the group may be started */
    return keys;
}

void foreground_note_key(struct process_table *table, uint64_t signal) {
    if (table->keys_group != table->foreground)
        table->keys = 0;
    table->keys_group = table->foreground;
    table->keys |= signal_bit(signal);
}

/* Is the process alive, in the terminal's session, and has it named this group? */
static bool has_named(const struct process *process, uint32_t group) {
    return process != NULL && !process->ended && process->named == group && foreground_has_session(process);
}

/*
 * The process that named `group`, whose last process was `last`: mostly the parent of `last`, a shell. If `last` was an
 * orphan, it is another process.
 */
static const struct process *find_namer(const struct process_table *table, const struct process *last, uint32_t group) {
    const struct process *parent = process_parent(table, last);
    for (uint32_t i = 0; i < PROCESS_MAX && !has_named(parent, group); i++)
        parent = table->entries[i];
    return has_named(parent, group) ? parent : NULL;
}

void foreground_leave(struct process_table *table, const struct process *process, uint32_t group) {
    struct process *parent = process_parent(table, process);
    if (process->ended && process->named == table->foreground && parent != NULL)
        parent->named = process->named; /* whoever started it may take back what it has given away */
    if (table->foreground != group || process_group_exists(table, group))
        return;
    const struct process *namer = find_namer(table, process, group);
    table->foreground = namer != NULL ? namer->group : PROCESS_FIRST;
}
