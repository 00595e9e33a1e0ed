#include "servers/process/records/process.h"

#include "libsys/text/string.h"
#include "libsys/wire/journal.h"
#include "servers/process/records/foreground.h"

#define PID_LAST 0x7fffffffU /* then pids start over */

/* ---- begin and end ---- */

/*
 * Does a group or session have this number? It may have outlived the process whose pid it was; a new process with this
 * pid would lead it unawares.
 */
static bool is_group_or_session(const struct process_table *table, uint32_t number) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        const struct process *process = table->entries[i];
        if (process != NULL && (process->group == number || process->session == number))
            return true;
    }
    return false;
}

static uint32_t next_pid(struct process_table *table) {
    uint32_t pid = (uint32_t)table->last_pid;
    do {
        table->pids_repeat |= pid == PID_LAST;
        pid = pid == PID_LAST ? PROCESS_FIRST : pid + 1;
    } while (table->entries[pid % PROCESS_MAX] != NULL || (table->pids_repeat && is_group_or_session(table, pid)));
    return pid;
}

uint32_t process_begin(struct process_table *table, uint32_t parent, struct process **ret_process) {
    uint32_t most = parent > PROCESS_FIRST ? PROCESS_MAX - PROCESS_RESERVE : PROCESS_MAX;
    if (table->count >= most)
        return P_LIMIT;
    struct process *model = process_find(table, parent);
    uint32_t account = model != NULL ? model->account : 0;
    if (!accounts_join(&table->accounts, account))
        return P_LIMIT;
    struct process *process = page_allocator_take(table->allocator, table->record_bytes);
    if (process == NULL) {
        accounts_leave(&table->accounts, account);
        return P_NO_MEMORY;
    }
    uint32_t pid = next_pid(table);
    process->pid = pid;
    process->parent = parent;
    process->group = model != NULL ? model->group : pid;
    process->session = model != NULL ? model->session : pid;
    process->account = account;
    process->nice = model != NULL ? model->nice : 0;
    process->alarm.kind = WAKE_ALARM;
    process->time_limit.kind = WAKE_LIMIT;
    if (model != NULL)
        process->limits = model->limits;
    else
        memset(&process->limits, 0xff, sizeof process->limits); /* PROCESS_UNLIMITED */
    list_init(&process->sibling);
    list_init(&process->children);
    list_init(&process->news);
    list_init(&process->in_due);
    if (model != NULL)
        list_add(&model->children, &process->sibling);
    list_add(&table->groups[process->group % PROCESS_GROUPS], &process->in_group);
    JOURNAL_SET(table->entries[pid % PROCESS_MAX], process);
    if (pid == PROCESS_FIRST)
        table->foreground = process->group;
    JOURNAL_SET(table->last_pid, pid);
    table->count++;
    *ret_process = process;
    return OK;
}

static void forget_wakes(struct process_table *table, struct process *process) {
    wakes_set(&table->wakes, &process->alarm, DEADLINE_NEVER);
    wakes_set(&table->wakes, &process->time_limit, DEADLINE_NEVER);
}

void process_forget(struct process_table *table, struct process *process) {
    list_remove(&process->sibling);
    list_remove(&process->in_group);
    list_remove(&process->in_due);
    forget_wakes(table, process);
    accounts_leave(&table->accounts, process->account);
    JOURNAL_SET(table->entries[process->pid % PROCESS_MAX], NULL);
    table->count--;
    foreground_leave(table, process, process->group);
    if (process->more != NULL)
        page_allocator_give(table->allocator, process->more);
    page_allocator_give(table->allocator, process);
}

void process_set_name(struct process *process, const char *path) {
    const char *name = path, *end = path;
    for (; *end != '\0'; end++)
        if (*end == '/')
            name = end + 1;
    size_t length = (size_t)(end - name), most = sizeof process->name - 1;
    memset(process->name, 0, sizeof process->name);
    memcpy(process->name, name, length < most ? length : most);
}

enum process_state process_state(struct process *process) {
    if (process->ended)
        return PROCESS_ENDED;
    if (process->halted)
        return PROCESS_HALTED;
    enum process_state state = PROCESS_WAITING;
    for (struct process_thread *thread = thread_next(process, NULL); thread != NULL;
         thread = thread_next(process, thread)) {
        if (thread->waits == THREAD_RUNS)
            return PROCESS_RUNNING;
        if (thread->waits != THREAD_WAITS)
            state = PROCESS_SLEEPING;
    }
    return state;
}

/* ---- signals ---- */

void process_note_signals(struct process_table *table, struct process *process) {
    for (struct process_thread *thread = thread_next(process, NULL); thread != NULL;
         thread = thread_next(process, thread)) {
        if (!signals_are_due(process->signals.pending | thread->pending, thread->masked))
            continue;
        list_move(&table->due, &process->in_due);
        return;
    }
}

/* ---- family ---- */

/* Is `pid` an ancestor of `process`? Parents are older than their children, so the chain ends. */
static bool descends_from(const struct process_table *table, const struct process *process, uint32_t pid) {
    for (const struct process *at = process; at != NULL && at->parent != 0; at = process_find(table, at->parent))
        if (at->parent == pid)
            return true;
    return false;
}

bool process_may_act(const struct process_table *table, const struct process *caller, const struct process *target) {
    if (caller == target || caller->pid == PROCESS_FIRST)
        return true;
    return descends_from(table, target, caller->orphan ? caller->pid : caller->parent);
}

bool process_may_signal(const struct process_table *table, const struct process *caller, const struct process *target) {
    if (target->pid == PROCESS_FIRST)
        return caller == target;
    return caller->session == target->session || process_may_act(table, caller, target);
}

/*
 * A process that held this group has ended. If the group is orphaned now and has a stopped member, all members are to
 * get HUP and CONT, since no process would let that member go on.
 */
static void hang_up(struct process_table *table, uint32_t group) {
    struct process *at = process_next_in_group(table, group, NULL);
    while (at != NULL && (at->ended || !at->halted))
        at = process_next_in_group(table, group, at);
    if (at == NULL || !process_group_is_orphaned(table, group))
        return;
    for (at = process_next_in_group(table, group, NULL); at != NULL; at = process_next_in_group(table, group, at)) {
        if (at->ended)
            continue;
        at->hangs_up = true;
        list_move(&table->due, &at->in_due);
    }
}

/* Make orphans of these children: no parent waits for them any more. */
static void make_orphans(struct process_table *table, const struct process *parent, struct links *children) {
    while (!list_is_empty(children)) {
        struct process *child = LIST_OWNER(children->next, struct process, sibling);
        list_remove(&child->sibling);
        child->parent = PROCESS_FIRST;
        child->orphan = true;
        if (child->ended)
            process_forget(table, child);
        else if (process_holds_group(parent, child) && !child->hangs_up)
            hang_up(table, child->group);
    }
}

/* The parent is told when the message at hand has been dealt with, together with all else that is due. */
static void note_news(struct process_table *table, struct process *parent, struct process *process) {
    process->untold = true;
    process->news_order = ++table->last_order;
    list_move(&parent->news, &process->sibling);
    list_move(&table->due, &process->in_due);
}

void process_end(struct process_table *table, struct process *process, const struct process_wait_reply *end) {
    struct process *parent = process_parent(table, process);
    process->ended = true;
    make_orphans(table, process, &process->children);
    make_orphans(table, process, &process->news);
    process->end = *end;
    process->end.pid = process->pid;
    list_remove(&process->in_due);
    forget_wakes(table, process);
    foreground_leave(table, process, process->group);
    if (parent != NULL && process_holds_group(parent, process))
        hang_up(table, process->group);
    if (parent != NULL)
        note_news(table, parent, process);
    else
        process_forget(table, process);
}

void process_add_news(struct process_table *table, struct process *process, uint32_t what, uint64_t signal) {
    struct process *parent = process_parent(table, process);
    process->tells = what;
    process->tells_signal = signal;
    if (parent != NULL)
        note_news(table, parent, process);
}

/* Does a wait for `pid` include this child? */
static bool is_for(uint64_t pid, const struct process *child) {
    if (PROCESS_NAMES_GROUP(pid))
        return child->group == (uint32_t)pid;
    return pid == PROCESS_ANY || pid == child->pid;
}

static bool is_for_any(uint64_t pid, struct links *children) {
    for (struct links *at = children->next; at != children; at = at->next)
        if (is_for(pid, LIST_OWNER(at, struct process, sibling)))
            return true;
    return false;
}

/* Does a wait for `pid` with `flags` find something in this child? */
static bool finds(const struct process *child, uint64_t pid, uint64_t flags) {
    if (!is_for(pid, child))
        return false;
    return child->ended || (child->tells == PROCESS_STOPPED && (flags & PROCESS_WAIT_STOPPED) != 0) ||
           (child->tells == PROCESS_CONTINUED && (flags & PROCESS_WAIT_CONTINUED) != 0);
}

struct process_wait_reply process_tell(struct process_table *table, struct process *child) {
    struct process_wait_reply reply = child->end;
    if (child->ended) {
        process_forget(table, child);
        return reply;
    }
    reply = (struct process_wait_reply){.pid = child->pid, .end = child->tells, .value = child->tells_signal};
    JOURNAL_SET(child->tells, 0);
    list_move(&process_parent(table, child)->children, &child->sibling);
    return reply;
}

uint32_t process_find_news(const struct process_table *table, struct process *caller, uint64_t pid, uint64_t flags,
                           struct process **ret_child) {
    if (pid != PROCESS_ANY && !PROCESS_NAMES_GROUP(pid)) {
        struct process *child = process_find(table, pid);
        if (child == NULL || process_parent(table, child) != caller)
            return P_NO_CHILD;
        *ret_child = child;
        return finds(child, pid, flags) ? OK : E_TIMEOUT;
    }
    for (struct links *at = caller->news.next; at != &caller->news; at = at->next) {
        *ret_child = LIST_OWNER(at, struct process, sibling);
        if (finds(*ret_child, pid, flags))
            return OK;
    }
    return is_for_any(pid, &caller->children) || is_for_any(pid, &caller->news) ? E_TIMEOUT : P_NO_CHILD;
}

void process_enter_group(struct process_table *table, struct process *process, uint32_t group) {
    uint32_t left = process->group;
    JOURNAL_SET(process->group, group);
    list_move(&table->groups[group % PROCESS_GROUPS], &process->in_group);
    foreground_leave(table, process, left);
}
