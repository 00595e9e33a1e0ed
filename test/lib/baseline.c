#include "test/lib/baseline.h"

#include "kernel/abi/system.h"
#include "libsys/text/string.h"
#include "test/lib/test.h"

static const char *const kernel_names[BASELINE_OWN] = {"mapped frames", "kernel frames", "capabilities"};

struct baseline baseline_of_kernel(void) {
    return (struct baseline){{
        sys_system_info(INFO_FRAMES_MAPPED, 0).value,
        sys_system_info(INFO_FRAMES_KERNEL, 0).value,
        sys_system_info(INFO_CAPABILITIES, 0).value,
    }};
}

bool baseline_is_same(const struct baseline *before, const struct baseline *after) {
    return memcmp(before, after, sizeof *before) == 0;
}

void baseline_compare(const struct baseline *before, const struct baseline *after, const char *const *own_names) {
    for (uint32_t i = 0; i < BASELINE_MAX; i++)
        if (before->figures[i] != after->figures[i])
            test_fail("%s: %lu before the case, %lu after it",
                      i < BASELINE_OWN ? kernel_names[i] : own_names[i - BASELINE_OWN], before->figures[i],
                      after->figures[i]);
}
