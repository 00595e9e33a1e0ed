#include "servers/process/memory/context.h"

#include "libsys/program/program.h"

bool context_has_slots(const struct server_context *context) {
    return slots_left(&program.slots) >= context->processes.thread_count + CONTEXT_SLOTS_KEPT;
}
