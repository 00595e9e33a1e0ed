/*
 * Threads that wait at words of memory (futexes), by the place of the word. In a page that fork shares
 * (PROCESS_MAP_TOGETHER) the place is the frame, for all processes that have the page; elsewhere it is the address, in
 * one process.
 *
 *   words[hash of the place] --- thread --- thread        the longest waiting first
 *
 * The memory at an address may change while a thread waits there (unmap, map). So each wake looks the places of waiting
 * threads up again: a thread waits at the place that its address stands for then.
 */
#pragma once

#include "servers/process/memory/objects.h"

struct wait_word {
    uint64_t owner; /* WORD_SHARED | frame, or a pid */
    uint64_t at;    /* offset in the page, or the address */
};

/* The word at an address of a process, which need not be mapped. */
struct wait_word wait_word_at(struct process *process, uaddr_t at);

/* The list of the threads that wait at this word, and perhaps at others. */
struct links *wait_word_waiters(struct process_table *table, struct wait_word word);

/* The first thread that waits at this very word, from element `from` of its list on. NULL: there is none. */
struct process_thread *wait_word_find_waiter(struct process_table *table, struct wait_word word, struct links *from);
