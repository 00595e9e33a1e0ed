#include "servers/process/records/table.h"

void process_table_init(struct process_table *table, struct page_allocator *allocator, uint64_t record_bytes) {
    table->allocator = allocator;
    table->record_bytes = record_bytes;
    accounts_init(&table->accounts);
    list_init(&table->due);
    for (uint32_t i = 0; i < PROCESS_GROUPS; i++)
        list_init(&table->groups[i]);
    for (uint32_t i = 0; i < PROCESS_WORDS; i++)
        list_init(&table->words[i]);
}

struct process *process_find_from(const struct process_table *table, uint64_t pid) {
    struct process *best = NULL;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = table->entries[i];
        if (process != NULL && process->pid >= pid && (best == NULL || process->pid < best->pid))
            best = process;
    }
    return best;
}

struct process *process_take_due(struct process_table *table) {
    if (list_is_empty(&table->due))
        return NULL;
    struct process *process = LIST_OWNER(table->due.next, struct process, in_due);
    list_remove(&process->in_due);
    return process;
}
