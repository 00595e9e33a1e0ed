#include "servers/process/records/group.h"

bool process_holds_group(const struct process *parent, const struct process *child) {
    return child->session == parent->session && child->group != parent->group;
}

struct process *process_next_in_group(const struct process_table *table, uint32_t group, const struct process *last) {
    const struct links *head = &table->groups[group % PROCESS_GROUPS];
    for (struct links *at = last == NULL ? head->next : last->in_group.next; at != head; at = at->next) {
        struct process *process = LIST_OWNER(at, struct process, in_group);
        if (process->group == group)
            return process;
    }
    return NULL;
}

bool process_group_exists(const struct process_table *table, uint32_t group) {
    struct process *process = process_next_in_group(table, group, NULL);
    while (process != NULL && process->ended)
        process = process_next_in_group(table, group, process);
    return process != NULL;
}

bool process_group_is_orphaned(const struct process_table *table, uint32_t group) {
    struct process *member = process_next_in_group(table, group, NULL);
    for (; member != NULL; member = process_next_in_group(table, group, member)) {
        const struct process *parent = process_parent(table, member);
        if (!member->ended && parent != NULL && !parent->ended && process_holds_group(parent, member))
            return false;
    }
    return true;
}

bool process_group_is_in(const struct process_table *table, uint32_t group, uint32_t session) {
    struct process *process = process_next_in_group(table, group, NULL);
    while (process != NULL && process->session != session)
        process = process_next_in_group(table, group, process);
    return process != NULL;
}
