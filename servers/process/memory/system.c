#include "servers/process/memory/system.h"

#include "libsys/program.h"

bool system_has_slots(const struct system *system) {
    return slots_left(&program.slots) >= system->processes.thread_count + SYSTEM_SLOTS_KEPT;
}
