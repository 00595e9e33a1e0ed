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
    const struct process *model = process_find(table, parent);
    *process = (struct process){.pid = pid, .parent = parent, .state = PROCESS_RUNNING, .alarm_ns = DEADLINE_NEVER};
    process->group = model != NULL ? model->group : pid;
    process->session = model != NULL ? model->session : pid;
    table->last_pid = pid;
    table->count++;
    return process;
}

bool process_group_exists(const struct process_table *table, uint32_t group) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        const struct process *process = &table->entries[i];
        if (process->pid != 0 && process->group == group && process->state != PROCESS_ENDED)
            return true;
    }
    return false;
}

bool process_group_is_in(const struct process_table *table, uint32_t group, uint32_t session) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        const struct process *process = &table->entries[i];
        if (process->pid != 0 && process->group == group && process->session == session)
            return true;
    }
    return false;
}

/* `process` is leaving its group: is that the end of the foreground? */
static void leave_foreground(struct process_table *table, const struct process *process) {
    if (table->foreground == process->group && !process_group_exists(table, process->group))
        table->foreground = 0;
}

void process_forget(struct process_table *table, struct process *process) {
    struct process left = *process;
    *process = (struct process){0};
    leave_foreground(table, &left);
    table->count--;
}

struct process *process_find(struct process_table *table, uint64_t pid) {
    struct process *process = &table->entries[pid % PROCESS_MAX];
    return pid != 0 && process->pid == pid ? process : NULL;
}

uint32_t process_index(const struct process *process) { return process->pid % PROCESS_MAX; }

#define DUE_WORDS (PROCESS_MAX / 64)

void process_note_signals(struct process_table *table, const struct process *process) {
    uint32_t index = process_index(process);
    if (signals_are_due(&process->signals))
        table->signals_due[index / 64] |= 1ULL << index % 64;
}

bool process_signals_are_due(const struct process_table *table) {
    uint64_t any = 0;
    for (uint32_t i = 0; i < DUE_WORDS; i++)
        any |= table->signals_due[i];
    return any != 0;
}

struct process *process_take_due(struct process_table *table) {
    for (uint32_t i = 0; i < DUE_WORDS; i++) {
        if (table->signals_due[i] == 0)
            continue;
        uint32_t bit = (uint32_t)__builtin_ctzll(table->signals_due[i]);
        table->signals_due[i] &= table->signals_due[i] - 1;
        return &table->entries[i * 64 + bit];
    }
    return NULL;
}

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

/* Does a wait for `pid` with `flags` find something in this child? */
static bool has_news(const struct process *child, uint64_t flags) {
    return child->state == PROCESS_ENDED || (child->news == PROCESS_STOPPED && (flags & PROCESS_WAIT_STOPPED) != 0) ||
           (child->news == PROCESS_CONTINUED && (flags & PROCESS_WAIT_CONTINUED) != 0);
}

struct process *process_find_waiter(struct process_table *table, const struct process *child) {
    struct process *parent = child->orphan ? NULL : process_find(table, child->parent);
    if (parent == NULL || parent->state != PROCESS_WAITING || !has_news(child, parent->wait_flags) ||
        (parent->wait_pid != PROCESS_ANY && parent->wait_pid != child->pid))
        return NULL;
    parent->state = PROCESS_RUNNING;
    return parent;
}

struct process_wait_reply process_tell(struct process *child) {
    if (child->state == PROCESS_ENDED)
        return child->end;
    struct process_wait_reply reply = {.pid = child->pid, .end = child->news, .value = child->news_signal};
    if (child->news == PROCESS_CONTINUED)
        reply.value = 0;
    child->news = 0;
    return reply;
}

struct process *process_end(struct process_table *table, struct process *process,
                            const struct process_wait_reply *end) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++)
        if (table->entries[i].pid != 0 && table->entries[i].parent == process->pid)
            make_orphan(table, &table->entries[i]);
    process->state = PROCESS_ENDED;
    process->end = *end;
    process->end.pid = process->pid;
    leave_foreground(table, process);
    if (process->orphan || process_find(table, process->parent) == NULL) {
        process_forget(table, process);
        return NULL;
    }
    return process_find_waiter(table, process);
}

uint32_t process_find_news(struct process_table *table, const struct process *caller, uint64_t pid, uint64_t flags,
                           struct process **ret_child) {
    uint32_t status = P_NO_CHILD;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *child = &table->entries[i];
        if (child->pid == 0 || child->parent != caller->pid || child->orphan)
            continue;
        if (pid != PROCESS_ANY && pid != child->pid)
            continue;
        if (has_news(child, flags)) {
            *ret_child = child;
            return OK;
        }
        status = E_TIMEOUT;
    }
    return status;
}

uint64_t process_next_wake(const struct process_table *table) {
    uint64_t next_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        const struct process *process = &table->entries[i];
        if (process->state == PROCESS_SLEEPING && process->wake_ns < next_ns)
            next_ns = process->wake_ns;
        if (process->pid != 0 && process->state != PROCESS_ENDED && process->alarm_ns < next_ns)
            next_ns = process->alarm_ns;
    }
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
