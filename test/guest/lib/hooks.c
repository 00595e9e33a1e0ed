#include "test/guest/lib/hooks.h"

#include "libsys/program/program.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LARGE_PAGES 512U

uint64_t hook_test(enum control_test test, uint64_t parameter) {
    return sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(test, parameter)).status;
}

struct hook_counts hook_counts(cap_t pool) {
    return (struct hook_counts){
        .pool_used = sys_system_info(INFO_POOL_USED, pool).value,
        .mapped_frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value,
        .kernel_frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value,
        .capabilities = sys_system_info(INFO_CAPABILITIES, 0).value,
    };
}

void hook_check_counts(cap_t pool, const struct hook_counts *before) {
    struct hook_counts after = hook_counts(pool);
    CHECK_EQUAL(after.pool_used, before->pool_used);
    CHECK_EQUAL(after.mapped_frames, before->mapped_frames);
    CHECK_EQUAL(after.kernel_frames, before->kernel_frames);
    CHECK_EQUAL(after.capabilities, before->capabilities);
    CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), OK);
}

cap_t hook_large_memory(uint64_t count) {
    const struct init_info *info = (const void *)program_auxiliary(AT_BATON_INIT);
    uint64_t region_frame = info->regions[world.region - INIT_CAP_REGIONS].phys / PAGE_BYTES;
    uint64_t offset = world_frames((count + 1) * LARGE_PAGES);
    uint64_t aligned = (region_frame + offset + LARGE_PAGES - 1) / LARGE_PAGES * LARGE_PAGES - region_frame;
    cap_t slot = world_slot();
    CHECK_STATUS(sys_memory_derive(world.region, aligned, count * LARGE_PAGES, slot, RIGHTS_ALL), OK);
    return slot;
}
