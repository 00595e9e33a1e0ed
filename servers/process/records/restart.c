#include "servers/process/records/restart.h"

#include "servers/process/records/process.h"
#include "servers/process/records/thread.h"

static void forget(struct process_table *table) {
    table->count = table->thread_count = table->wakes.count = 0;
    list_init(&table->due);
    for (uint32_t i = 0; i < PROCESS_GROUPS; i++)
        list_init(&table->groups[i]);
    for (uint32_t i = 0; i < PROCESS_WORDS; i++)
        list_init(&table->words[i]);
    for (uint32_t i = 0; i < ACCOUNTS_MAX; i++)
        table->accounts.entries[i].count = 0;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = table->entries[i];
        if (process == NULL)
            continue;
        list_init(&process->sibling);
        list_init(&process->children);
        list_init(&process->news);
        list_init(&process->in_due);
    }
}

/* The first in a parent's news that is younger than this order, or the end. */
static struct links *place_in_news(struct process *parent, uint32_t order) {
    struct links *at = parent->news.next;
    while (at != &parent->news && (int32_t)(LIST_OWNER(at, struct process, sibling)->news_order - order) < 0)
        at = at->next;
    return at;
}

static void set_wakes(struct wakes *wakes, struct process *process) {
    wakes_set_again(wakes, &process->alarm, process->alarm.position != 0);
    wakes_set_again(wakes, &process->time_limit, process->time_limit.position != 0);
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at)) {
        bool in_time = at->waits == THREAD_SLEEPS || at->waits == THREAD_WAITS_WORD;
        wakes_set_again(wakes, &at->wake, in_time || at->served_since_ns != 0);
    }
}

static void add(struct process_table *table, struct process *process) {
    struct process *parent = process_parent(table, process);
    bool has_news = process->ended || process->tells != 0;
    if (parent != NULL)
        list_add(has_news ? place_in_news(parent, process->news_order) : &parent->children, &process->sibling);
    list_add(&table->groups[process->group % PROCESS_GROUPS], &process->in_group);
    accounts_count(&table->accounts, process->account);
    table->count++;
    table->thread_count += (uint32_t)__builtin_popcount(process->living);
    set_wakes(&table->wakes, process);
    if (process->hangs_up || process->untold || process->goes_on)
        list_add(&table->due, &process->in_due);
    else if (!process->ended)
        process_note_signals(table, process);
}

void process_table_restart(struct process_table *table) {
    forget(table);
    for (uint32_t i = 0; i < PROCESS_MAX; i++)
        if (table->entries[i] != NULL)
            add(table, table->entries[i]);
}
