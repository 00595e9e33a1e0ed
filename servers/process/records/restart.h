/*
 * In place of a program that has died: what nobody noted, computed from the table's entries and their records. Pure.
 */
#pragma once

#include "servers/process/records/table.h"

/*
 * Compute lists, timers and counts. Each thread has to tell already what it waits for. `words` stays without the
 * threads that wait there (wait_words.h).
 */
void process_table_restart(struct process_table *table);
