#include "servers/process/delivery/time_limit.h"

#include "libsys/text/number.h"
#include "servers/process/answers/timer.h"
#include "servers/process/delivery/raise.h"

uint64_t time_used_ns(struct process *process) {
    uint64_t time_ns = process->past_time_ns;
    for (struct process_thread *thread = thread_next(process, NULL); thread != NULL;
         thread = thread_next(process, thread))
        time_ns += objects_thread_time_ns(thread);
    return time_ns;
}

bool time_is_used_up(struct process *process) {
    uint64_t most_ns = process->limits.most[PROCESS_LIMIT_TIME];
    return most_ns != PROCESS_UNLIMITED && time_used_ns(process) >= most_ns;
}

/*
 * The least time until a process that has used `used_ns` has used `limit_ns`, at least 1 ms: all its threads may run at
 * once.
 */
static uint64_t time_left_ns(const struct process *process, uint64_t used_ns, uint64_t limit_ns) {
    uint64_t left_ns = (limit_ns - used_ns) / (uint64_t)__builtin_popcount(process->living);
    return left_ns > NS_PER_MS ? left_ns : NS_PER_MS;
}

void time_limit_watch(struct process *process) {
    uint64_t now_ns = process->limits.now[PROCESS_LIMIT_TIME], most_ns = process->limits.most[PROCESS_LIMIT_TIME];
    uint64_t limit_ns = now_ns < most_ns ? now_ns : most_ns;
    if (limit_ns == PROCESS_UNLIMITED || process->ended)
        return;
    uint64_t used_ns = time_used_ns(process);
    if (used_ns >= most_ns)
        raise_for_process(process, PROCESS_SIGKILL, 0);
    else if (used_ns >= now_ns)
        raise_for_process(process, PROCESS_SIGXCPU, 0);
    uint64_t next_ns = used_ns < now_ns ? now_ns : used_ns + NS_PER_S < most_ns ? used_ns + NS_PER_S : most_ns;
    timer_set_wake(&process->time_limit, used_ns < next_ns ? time_left_ns(process, used_ns, next_ns) : DEADLINE_NEVER);
}
