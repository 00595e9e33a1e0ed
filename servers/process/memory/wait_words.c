#include "servers/process/memory/wait_words.h"

#define WORD_SHARED (1ULL << 63)
#define HASH_FACTOR 0x9e3779b97f4a7c15ULL /* 2^64 divided by the golden ratio. Source: Knuth, TAOCP 3, 6.4 */

struct wait_word wait_word_at(struct process *process, uaddr_t at) {
    struct vm *vm = objects_of(process)->incarnation.vm;
    const struct vm_region *region = vm_find(vm, at);
    const uint32_t *entry = region != NULL && region->kind == PROCESS_MAP_SHARED ? vm_entry(vm, at) : NULL;
    if (entry == NULL || *entry == 0)
        return (struct wait_word){process->pid, at};
    return (struct wait_word){WORD_SHARED | (*entry & VM_FRAME), at % PAGE_BYTES};
}

struct links *wait_word_waiters(struct process_table *table, struct wait_word word) {
    uint64_t hash = (word.owner * HASH_FACTOR ^ word.at) * HASH_FACTOR;
    return &table->words[(hash >> 32) % PROCESS_WORDS];
}

struct process_thread *wait_word_find_waiter(struct process_table *table, struct wait_word word, struct links *from) {
    const struct links *head = wait_word_waiters(table, word);
    for (; from != head; from = from->next) {
        struct process_thread *thread = LIST_OWNER(from, struct process_thread, in_words);
        struct wait_word waits_at = wait_word_at(thread->process, thread->wait_for);
        if (waits_at.owner == word.owner && waits_at.at == word.at)
            return thread;
    }
    return NULL;
}
