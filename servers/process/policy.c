/*
 * The usual policy: each nice value is a priority (objects_set_priority), and nothing else is to do.
 */
#include "servers/process/policy.h"

#include "servers/process/loop.h"

int policy_take_option(int count, char **options) {
    (void)count;
    (void)options;
    return 0;
}

uint32_t policy_serve(void) {
    for (;;) {
        uint32_t status = loop_serve();
        if (status != OK)
            return status;
        timer_update();
    }
}
