/*
 * Pages, spaces and pools that are destroyed while another CPU uses them.
 */
#include "test/host/kernel/schedules/scenarios.h"

#define UNMAP(space) CALL(space_unmap, ONLY_OK, CAP_SPACE + (space), PAGE_AT, 1)
#define MINUTE_NS 60000000000ULL
#define DELETE(slot) CALL(cap_delete, ONLY_OK, 0, slot)

/* clang-format off */
static const struct scenario scenarios[] = {
    {.name = "unmap", .question = "can a frame be the kernel's while another CPU still knows it as a page?",
     .cpu_count = 2,
     .actors = {{.cpu = 0, .space = 1, .priority = 10,
                 .program = {UNMAP(1), UNMAP(0), CALL(pool_create, ONLY_OK, CAP_MEMORY, 0, 1, CAP_FREE), END}},
                {.cpu = 1, .space = 0, .priority = 10, .may_not_end = true,
                 .program = {WRITE, TOUCH, WRITE, TOUCH, END}}}},
    {.name = "unmap_two", .question = "or two CPUs?", .cpu_count = 3,
     .actors = {{.cpu = 0, .space = 1, .priority = 10, .program = {UNMAP(0), END}},
                {.cpu = 1, .space = 0, .priority = 10, .may_not_end = true, .program = {WRITE, TOUCH, END}},
                {.cpu = 2, .space = 0, .priority = 10, .may_not_end = true, .program = {WRITE, TOUCH, END}}}},
    {.name = "unmap_while_time_jumps",
     .question = "is a CPU given up that answers after the whole machine was stopped for a minute?",
     .cpu_count = 3,
     .actors = {{.cpu = 0, .space = 1, .priority = 10, .program = {UNMAP(0), END}},
                {.cpu = 1, .space = 0, .priority = 10, .may_not_end = true, .program = {WRITE, TOUCH, END}},
                {.cpu = 2, .space = 1, .priority = 10, .program = {LATER(MINUTE_NS), LATER(MINUTE_NS), END}}}},
    {.name = "unmap_each_other", .question = "do CPUs that flush each other's translations go on?", .cpu_count = 2,
     .actors = {{.cpu = 0, .space = 0, .priority = 10, .may_not_end = true, .program = {TOUCH, UNMAP(1), TOUCH, END}},
                {.cpu = 1, .space = 1, .priority = 10, .may_not_end = true, .program = {TOUCH, UNMAP(0), TOUCH, END}}}},
    {.name = "protect", .question = "can another CPU write to a page that is read-only now?", .cpu_count = 2,
     .actors = {{.cpu = 0, .space = 1, .priority = 10,
                 .program = {CALL(space_protect, ONLY_OK, CAP_SPACE, PAGE_AT, 1, MEMORY_READ), END}},
                {.cpu = 1, .space = 0, .priority = 10, .may_not_end = true, .program = {WRITE, TOUCH, WRITE, END}}}},
    {.name = "remap", .question = "does it see the page that is there now?", .cpu_count = 2,
     .actors = {{.cpu = 0, .space = 1, .priority = 10,
                 .program = {UNMAP(0), CALL(space_map, ONLY_OK, CAP_SPACE, CAP_MEMORY, 1, 1, PAGE_AT, MEMORY_READ),
                             END}},
                {.cpu = 1, .space = 0, .priority = 10, .may_not_end = true, .program = {TOUCH, TOUCH, TOUCH, END}}}},
    {.name = "space_dies", .question = "does a thread stop whose space goes?", .cpu_count = 2, .doomed_space = true,
     .actors = {{.cpu = 0, .space = 0, .priority = 10, .program = {DELETE(CAP_DOOMED), END}},
                {.cpu = 1, .space = 1, .priority = 10, .may_not_end = true,
                 .program = {TOUCH, CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), TOUCH, END}}}},
    {.name = "pool_dies", .question = "do thread and space go while they are used?",
     .cpu_count = 2, .doomed_space = true,
     .actors = {{.cpu = 0, .space = 0, .priority = 10, .program = {DELETE(CAP_DOOMED), END}},
                {.cpu = 1, .space = 1, .priority = 10, .doomed = true, .may_not_end = true,
                 .program = {TOUCH, CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), TOUCH, END}}}},
    {.name = "pool_dies_waking", .question = "and when somebody wakes the thread?",
     .cpu_count = 3, .doomed_space = true,
     .actors = {{.cpu = 0, .space = 0, .priority = 10, .program = {DELETE(CAP_DOOMED), END}},
                {.cpu = 1, .space = 1, .priority = 10, .doomed = true, .may_not_end = true,
                 .program = {CALL(signal_wait, ONLY_OK, CAP_SIGNAL, FOR_EVER), TOUCH, END}},
                {.cpu = 2, .space = 0, .priority = 10, .program = {CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), END}}}},
    {.name = "revoke_space", .question = "does a thread stop that loses its space?", .cpu_count = 2,
     .actors = {{.cpu = 0, .space = 0, .priority = 10,
                 .program = {CALL(cap_revoke, ONLY_OK, CAP_SPACE + 1), DELETE(CAP_SPACE + 1), END}},
                {.cpu = 1, .space = 1, .priority = 10, .may_not_end = true,
                 .program = {TOUCH, CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), TOUCH, END}}}},
};
/* clang-format on */
const struct scenario_list scenarios_memory = SCENARIO_LIST(scenarios);
