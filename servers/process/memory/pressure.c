#include "servers/process/memory/pressure.h"

#include "libsys/text/format.h"
#include "servers/process/memory/recount.h"

uint64_t pressure_reserve(uint64_t frame_count) {
    uint64_t part = frame_count / PRESSURE_RESERVE_PART;
    return part > PRESSURE_RESERVE_LEAST ? part : PRESSURE_RESERVE_LEAST;
}

void pressure_explain(const struct server_context *context, uint32_t status, char *reason) {
    if (status == P_NO_MEMORY && reason[0] == '\0')
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%lu pages are free, and the last %lu are kept",
                          context->frames.free_count, context->reserve);
}

#define PLENTY 64U /* with more free frames than this above the floor, records are short, not frames */

/*
 * Pages that the end of a process would give back of the kind that is short: frames, or pages for records. A process
 * that can't have more than `least` is not looked at closely.
 */
static uint64_t gives_back(const struct server_context *context, struct process *process, uint64_t least) {
    struct incarnation *incarnation = &objects_of(process)->incarnation;
    if (context->frames.free_count > context->frames.floor + PLENTY)
        return incarnation->vm != NULL ? vm_record_count(incarnation->vm) : 0;
    uint64_t pages = objects_page_count(process);
    return pages <= least ? 0 : pages - incarnation_others_part(context, incarnation);
}

/*
 * Choose among the processes that count in this account or below it. *ret_all: pages that all of them would give back;
 * NULL: not wanted.
 */
static struct process *choose_in(struct server_context *context, uint32_t account, uint64_t *ret_pages,
                                 uint64_t *ret_all) {
    struct process *chosen = NULL;
    uint64_t all = 0;
    *ret_pages = 0;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = context->processes.entries[i];
        if (process == NULL || process->ended || process->pid == PROCESS_FIRST ||
            !accounts_counts_in(&context->processes.accounts, process->account, account))
            continue;
        uint64_t pages = gives_back(context, process, ret_all != NULL ? 0 : *ret_pages);
        all += pages;
        if (pages <= *ret_pages)
            continue;
        *ret_pages = pages;
        chosen = process;
    }
    if (ret_all != NULL)
        *ret_all = all;
    return chosen;
}

struct process *pressure_choose(struct server_context *context, const struct process *asking, uint64_t *ret_pages) {
    uint64_t pages, all;
    struct process *largest = choose_in(context, 0, ret_pages, NULL);
    if (asking->account == 0)
        return largest;
    struct process *own = choose_in(context, asking->account, &pages, &all);
    if (*ret_pages > all)
        return largest;
    *ret_pages = pages;
    return own;
}
