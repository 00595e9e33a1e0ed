#include "servers/process/system.h"

#include "libsys/program.h"

/* Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014 (SplitMix64). */
uint64_t system_random(struct system *system) {
    uint64_t value = system->random_state += 0x9e3779b97f4a7c15ULL;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

bool system_has_slots(const struct system *system) {
    return slots_left(&program.slots) >= system->processes.thread_count + SYSTEM_SLOTS_KEPT;
}
