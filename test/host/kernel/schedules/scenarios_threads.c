/*
 * Threads that are stopped, moved and changed while they run on another CPU.
 */
#include "kernel/run/thread.h"
#include "test/host/kernel/schedules/scenarios.h"

static const struct thread_config to_cpu_0 = {.cpu = 0}, to_cpu_1 = {.cpu = 1}, to_cpu_2 = {.cpu = 2};
static const struct thread_config to_low = {.priority = 5}, to_nobody = {0};

#define THREAD(index) (CAP_THREAD + (index))
#define SUSPEND(index) CALL(thread_suspend, ONLY_OK, THREAD(index))
#define WITHDRAW(index) CALL(thread_suspend, ONLY_OK, THREAD(index), SUSPEND_WITHDRAW)
#define RESUME(index) CALL(thread_resume, ONLY_OK, THREAD(index))
#define RAISE(bits) CALL(signal_raise, ONLY_OK, CAP_SIGNAL, bits)
#define WAIT CALL(signal_wait, ONLY_OK, CAP_SIGNAL, FOR_EVER)
#define MOVE(index, to) STAGE(data, to), CALL(thread_configure, ONLY_OK, THREAD(index), THREAD_CPU)
#define SERVE                                                                                                 \
    CALL(ep_wait, ONLY_OK, CAP_ENDPOINT, FOR_EVER), CALL(ep_reply_wait, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 77), \
        AGAIN(1, ONLY_OK)

static const struct thread_registers second_entry = {.rip = PROGRAM_AT + PROGRAM_BYTES + 8 * OP_BYTES,
                                                     .rsp = 0x60000000ULL + PROGRAM_BYTES};

/* clang-format off */
static const struct scenario scenarios[] = {
    {.name = "suspend", .question = "does a thread that is stopped anywhere go on there?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(1), RESUME(1), SUSPEND(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .program = {RAISE(1), RAISE(2), TOUCH, RAISE(4), END}}}},
    {.name = "suspend_caller", .question = "and in the middle of a call?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .program = {CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 2, .priority = 10, .may_not_end = true, .program = {SERVE}}}},
    {.name = "suspend_server", .question = "or of an answer?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(2), RESUME(2), END}},
                {.cpu = 1, .priority = 10, .program = {CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 2, .priority = 10, .may_not_end = true, .program = {SERVE}}}},
    {.name = "suspend_each_other", .question = "do CPUs that stop each other's threads go on?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .program = {SUSPEND(0), RESUME(0), END}},
                {.cpu = 2, .priority = 10, .program = {SUSPEND(1), RESUME(1), SUSPEND(0), RESUME(0), END}}}},
    {.name = "suspend_trap", .question = "is a trap reported once, when the thread is stopped?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .may_be_asked = true, .program = {TRAP, END}},
                {.cpu = 2, .priority = 10, .program = {CALL(ep_wait, ONLY_OK, CAP_ENDPOINT, FOR_EVER),
                                                       CALL(ep_reply, ONLY_OK, 0, MESSAGE_INFO(FAULT_RESUME, 0, 0)),
                                                       END}}}},
    {.name = "withdraw_call", .question = "is a call that is taken back made once or not at all?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {WITHDRAW(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .program = {CALL(ep_call, OK_OR(E_CANCEL), CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 2, .priority = 10, .may_not_end = true, .program = {SERVE}}}},
    {.name = "withdraw_trap", .question = "and is a trap that can't be reported once?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {WITHDRAW(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .may_be_asked = true, .program = {TRAP, END}},
                {.cpu = 2, .priority = 10, .program = {CALL(ep_wait, ONLY_OK, CAP_ENDPOINT, FOR_EVER),
                                                       CALL(ep_reply, ONLY_OK, 0, MESSAGE_INFO(FAULT_RESUME, 0, 0)),
                                                       END}}}},
    {.name = "write", .question = "can a thread be sent elsewhere from anywhere?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10,
                 .program = {STAGE(data, second_entry), SUSPEND(1),
                             CALL(thread_write, ONLY_OK, THREAD(1), THREAD_REGISTERS),
                                                       RESUME(1), CALL(thread_read, ONLY_OK, THREAD(1), THREAD_FPU),
                                                       END}},
                {.cpu = 1, .priority = 10, .program = {RAISE(1), TOUCH, RAISE(2), [8] = RAISE(4), END}}}},
    {.name = "wake_idle", .question = "does a CPU hear of each thread that it could run?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(1), RESUME(1), END}},
                {.cpu = 1, .priority = 10, .program = {WAIT, END}},
                {.cpu = 2, .priority = 10, .program = {RAISE(1), END}}}},
    {.name = "idle_reaps", .question = "or of one that it has woken by itself, taking apart what is dead?",
     .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10,
                 .program = {CALL(ep_call, STATUS_BIT(E_PEER) | STATUS_BIT(E_CAP), CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 1, .priority = 10,
                 .program = {CALL(cap_delete, ONLY_OK, 0, CAP_ENDPOINT), STAGE(data, to_nobody),
                                                       CALL(thread_configure, ONLY_OK, THREAD(2),
                                                            THREAD_FAULT_ENDPOINT),
                                                       RESUME(2), SUSPEND(2), END}},
                {.cpu = 0, .priority = 5, .stopped = true, .may_not_end = true, .may_be_asked = true,
                 .program = {END}}}},
    {.name = "wake_higher", .question = "does a thread that becomes ready interrupt a lower one?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {RAISE(1), STOP}},
                {.cpu = 1, .priority = 20, .program = {WAIT, STOP}},
                {.cpu = 1, .priority = 10, .program = {END}}}},
    {.name = "wake_equal", .question = "does it get its turn after an equal one?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {RESUME(1), END}},
                {.cpu = 1, .priority = 10, .stopped = true, .program = {STOP}},
                {.cpu = 1, .priority = 10, .program = {TOUCH, END}}}},
    {.name = "move_waiting", .question = "does a raise find a thread that moves?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {MOVE(1, to_cpu_2), MOVE(1, to_cpu_0), STOP}},
                {.cpu = 1, .priority = 20, .program = {WAIT, STOP}},
                {.cpu = 2, .priority = 10, .program = {RAISE(1), STOP}}}},
    {.name = "move_running", .question = "does a thread that is moved while it runs do each step once?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {MOVE(1, to_cpu_2), MOVE(1, to_cpu_1), STOP}},
                {.cpu = 1, .priority = 20,
                 .program = {RAISE(1), TOUCH, RAISE(2), CALL(signal_poll, OK_OR(E_EMPTY), CAP_SIGNAL), STOP}}}},
    {.name = "move_fpu", .question = "with its FPU registers, when others there use them?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {MOVE(1, to_cpu_2), MOVE(1, to_cpu_1), STOP}},
                {.cpu = 1, .priority = 20, .program = {FPU, FPU, FPU, FPU, STOP}},
                {.cpu = 2, .priority = 10, .program = {FPU, FPU, STOP}}}},
    {.name = "delete_fpu", .question = "and a thread that is deleted?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {CALL(cap_delete, ONLY_OK, 0, THREAD(1)), END}},
                {.cpu = 1, .priority = 20, .may_not_end = true, .program = {FPU, RAISE(1), FPU, STOP}},
                {.cpu = 1, .priority = 10, .program = {FPU, END}}}},
    {.name = "move_itself", .question = "and one that moves itself, when another does too?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {MOVE(0, to_cpu_1), RAISE(1), MOVE(0, to_cpu_0), STOP}},
                {.cpu = 1, .priority = 10, .program = {MOVE(1, to_cpu_0), RAISE(2), MOVE(1, to_cpu_1), STOP}}}},
    {.name = "move_suspended", .question = "two that do different things to one that moves itself?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {SUSPEND(2), RESUME(2), STOP}},
                {.cpu = 1, .priority = 10,
                 .program = {STAGE(data, to_low), CALL(thread_configure, ONLY_OK, THREAD(2), THREAD_PRIORITY), STOP}},
                {.cpu = 2, .priority = 10, .program = {MOVE(2, to_cpu_1), RAISE(1), STOP}}}},
    {.name = "delete", .question = "can two delete a thread that runs?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {CALL(cap_delete, OK_OR(E_CAP), 0, THREAD(1)), END}},
                {.cpu = 1, .priority = 10, .may_not_end = true, .program = {RAISE(1), TOUCH, RAISE(2), END}},
                {.cpu = 2, .priority = 10, .program = {CALL(cap_delete, OK_OR(E_CAP), 0, THREAD(1)), END}}}},
    {.name = "delete_itself", .question = "or one that is just deleting itself?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10,
                 .program = {CALL(thread_suspend, OK_OR(E_CAP), THREAD(1)),
                             CALL(thread_resume, OK_OR(E_CAP), THREAD(1)), END}},
                {.cpu = 1, .priority = 10, .may_not_end = true,
                 .program = {CALL(cap_delete, ONLY_OK, 0, THREAD(1)), END}}}},
    {.name = "handover", .question = "can a thread be given another space while it runs?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {STAGE(data, second_entry),
                     CALL(thread_handover, ONLY_OK, THREAD(1), CAP_SPACE + 1,
                          HANDOVER_RESUME | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK), END}},
                {.cpu = 1, .priority = 10, .may_be_asked = true,
                 .program = {RAISE(1), TOUCH, RAISE(2), END, [8] = TOUCH, RAISE(4), END}}}},
};
/* clang-format on */
const struct scenario_list scenarios_threads = SCENARIO_LIST(scenarios);
