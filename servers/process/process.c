#include "servers/process/process.h"

#include "libsys/string.h"

#define PID_LAST 0x7fffffffU /* then they start over */

struct process *process_begin(struct process_table *table, uint32_t parent) {
    if (table->count == PROCESS_MAX)
        return NULL;
    uint32_t pid = table->last_pid;
    do
        pid = pid == PID_LAST ? PROCESS_FIRST : pid + 1;
    while (table->entries[pid % PROCESS_MAX].pid != 0);
    struct process *process = &table->entries[pid % PROCESS_MAX];
    *process = (struct process){.pid = pid, .parent = parent, .state = PROCESS_RUNNING};
    table->last_pid = pid;
    table->count++;
    return process;
}

void process_forget(struct process_table *table, struct process *process) {
    if (table->foreground == process->pid)
        table->foreground = 0;
    *process = (struct process){0};
    table->count--;
}

struct process *process_find(struct process_table *table, uint64_t pid) {
    struct process *process = &table->entries[pid % PROCESS_MAX];
    return pid != 0 && process->pid == pid ? process : NULL;
}

uint32_t process_index(const struct process *process) { return process->pid % PROCESS_MAX; }

void process_set_name(struct process *process, const char *path) {
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(path, '/'))
        path = slash + 1;
    memset(process->name, 0, sizeof process->name);
    memcpy(process->name, path, strnlen(path, sizeof process->name - 1));
}

/* Is `pid` among the ancestors of `process`? Parents are older than their children, so the chain ends. */
static bool descends_from(struct process_table *table, const struct process *process, uint32_t pid) {
    for (const struct process *at = process; at != NULL && at->parent != 0; at = process_find(table, at->parent))
        if (at->parent == pid)
            return true;
    return false;
}

bool process_may_act(struct process_table *table, const struct process *caller, const struct process *target) {
    if (caller == target || caller->pid == PROCESS_FIRST)
        return true;
    return descends_from(table, target, caller->orphan ? caller->pid : caller->parent);
}

/* The child has no parent that would wait for it any more. */
static void make_orphan(struct process_table *table, struct process *child) {
    if (child->state == PROCESS_ENDED) {
        process_forget(table, child);
        return;
    }
    child->parent = PROCESS_FIRST;
    child->orphan = true;
}

struct process *process_end(struct process_table *table, struct process *process,
                            const struct process_wait_reply *end) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++)
        if (table->entries[i].pid != 0 && table->entries[i].parent == process->pid)
            make_orphan(table, &table->entries[i]);
    if (table->foreground == process->pid)
        table->foreground = 0;
    process->state = PROCESS_ENDED;
    process->end = *end;
    process->end.pid = process->pid;
    struct process *parent = process->orphan ? NULL : process_find(table, process->parent);
    if (parent == NULL) {
        process_forget(table, process);
        return NULL;
    }
    if (parent->state != PROCESS_WAITING || (parent->wait_pid != PROCESS_ANY && parent->wait_pid != process->pid))
        return NULL;
    parent->state = PROCESS_RUNNING;
    return parent;
}

uint32_t process_find_ended(struct process_table *table, const struct process *caller, uint64_t pid,
                            struct process **ret_child) {
    uint32_t status = P_NO_CHILD;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *child = &table->entries[i];
        if (child->pid == 0 || child->parent != caller->pid || child->orphan)
            continue;
        if (pid != PROCESS_ANY && pid != child->pid)
            continue;
        if (child->state == PROCESS_ENDED) {
            *ret_child = child;
            return OK;
        }
        status = E_TIMEOUT;
    }
    return status;
}

uint64_t process_next_wake(const struct process_table *table) {
    uint64_t next_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < PROCESS_MAX; i++)
        if (table->entries[i].state == PROCESS_SLEEPING && table->entries[i].wake_ns < next_ns)
            next_ns = table->entries[i].wake_ns;
    return next_ns;
}

struct process *process_find_due(struct process_table *table, uint64_t now_ns) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++)
        if (table->entries[i].state == PROCESS_SLEEPING && table->entries[i].wake_ns <= now_ns)
            return &table->entries[i];
    return NULL;
}

struct process *process_find_from(struct process_table *table, uint64_t pid) {
    struct process *best = NULL;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = &table->entries[i];
        if (process->pid != 0 && process->pid >= pid && (best == NULL || process->pid < best->pid))
            best = process;
    }
    return best;
}
