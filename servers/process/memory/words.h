/*
 * Threads that wait at words of memory, by where the word is: in a page that fork shares (PROCESS_MAP_TOGETHER), by its frame, for
 * all processes that have the page; else by its address, for its process alone.
 *
 *   words[hash of the place] --- thread --- thread        the longest waiting first
 *
 * What lies at an address may change while a thread waits there (unmap, map), so a place is looked up again when somebody wakes:
 * a thread waits at what its address means then.
 */
#pragma once

#include "servers/process/memory/objects.h"

struct word {
    uint64_t owner; /* WORD_SHARED | frame, or a pid */
    uint64_t at;    /* offset in the page, or the address */
};

/* The word at an address of a process, which need not be mapped. */
struct word word_at(struct process *process, uaddr_t at);

/* The list of those that wait at this word, and others. */
struct links *word_waiters(struct process_table *table, struct word word);

/* The first that waits at just this word, from element `from` of its list on; NULL = none. */
struct process_thread *word_find_waiter(struct process_table *table, struct word word, struct links *from);
