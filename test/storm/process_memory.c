/* STORM_TAKE in the process server: no frame is free. */
#include "servers/process/pages/frames.h"
#include "test/storm/hook.h"

bool __real_frames_take(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);
bool __wrap_frames_take(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);
bool __real_frames_take_for_pool(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);
bool __wrap_frames_take_for_pool(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);
uint32_t __real_frames_take_one(struct frames *frames);
uint32_t __wrap_frames_take_one(struct frames *frames);

bool __wrap_frames_take(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run) {
    return !hook_takes_memory() && __real_frames_take(frames, wanted, least, ret_run);
}

bool __wrap_frames_take_for_pool(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run) {
    return !hook_takes_memory() && __real_frames_take_for_pool(frames, wanted, least, ret_run);
}

uint32_t __wrap_frames_take_one(struct frames *frames) {
    return hook_takes_memory() ? FRAMES_NONE : __real_frames_take_one(frames);
}
