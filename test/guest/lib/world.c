#include "test/guest/lib/world.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/message.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"

#define FIRST_SLOT (INIT_CAP_REGIONS + 64U) /* room for 64 regions; the emulated machine has fewer */

struct guest_world world;

/* The next of each kind to hand out, now and at a case's beginning. */
struct marks {
    cap_t slot;
    uint64_t frame;
    uaddr_t address;
};
static struct marks next, kept;

static const struct init_info *init_info(void) { return (const void *)program_auxiliary(AT_BATON_INIT); }

cap_t world_orphans(cap_t object) {
    cap_t parent = world_copy(object, RIGHTS_ALL, 0), orphans = world_slots(WORLD_ORPHANS);
    for (uint32_t i = 0; i < WORLD_ORPHANS; i++)
        CHECK_STATUS(sys_cap_copy(0, orphans + i, parent, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_delete(0, parent), OK);
    return orphans;
}

struct result world_audit(cap_t space) {
    struct result result = {0};
    while (result.status == OK && result.value < USER_LIMIT)
        result = sys_space_audit(space, result.value);
    return result;
}

uint64_t world_command_number(const char *name, uint64_t otherwise) {
    size_t length = strlen(name);
    const char *command = init_info()->command;
    for (const char *at = command; *at != 0; at++) {
        uint64_t number;
        bool is_word = at == command || at[-1] == ' ';
        if (!is_word || strncmp(at, name, length) != 0 || at[length] != '=')
            continue;
        const char *end = text_skip_number(at + length + 1, &number);
        if (end != NULL && (*end == ' ' || *end == '\0'))
            return number;
    }
    return otherwise;
}

cap_t world_slots(uint64_t count) {
    cap_t slot = next.slot;
    next.slot += count;
    if (next.slot > INIT_TABLE_SLOTS)
        test_bail_out("the suite has no free slot left");
    return slot;
}

cap_t world_slot(void) { return world_slots(1); }

cap_t world_create(enum object_type type, uint64_t argument) {
    cap_t slot = world_slot();
    CHECK_STATUS(sys_object_create(world.pool, type, argument, slot), OK);
    return slot;
}

uint64_t world_frames(uint64_t page_count) {
    uint64_t frame = next.frame;
    next.frame += page_count;
    return frame;
}

static void clear(cap_t memory, uint64_t page_count) {
    for (uint64_t i = 0; i < page_count; i++)
        CHECK_STATUS(sys_memory_fill(memory, i * PAGE_BYTES, PAGE_BYTES, 0), OK);
}

cap_t world_memory(uint64_t page_count) {
    cap_t slot = world_slot();
    CHECK_STATUS(sys_memory_derive(world.region, world_frames(page_count), page_count, slot, RIGHTS_ALL), OK);
    clear(slot, page_count);
    return slot;
}

cap_t world_pool(uint64_t page_count) {
    cap_t slot = world_slot();
    CHECK_STATUS(sys_pool_create(world.region, world_frames(page_count), page_count, slot), OK);
    return slot;
}

uaddr_t world_addresses(uint64_t page_count) {
    uaddr_t at = next.address;
    next.address += page_count * PAGE_BYTES;
    return at;
}

void *world_map(cap_t memory, uint64_t page_count) {
    uaddr_t at = world_addresses(page_count);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 0, page_count, at, READ_WRITE), OK);
    return (void *)at;
}

cap_t world_copy(cap_t source, uint64_t rights, uint64_t badge) {
    cap_t slot = world_slot();
    CHECK_STATUS(sys_cap_copy(0, slot, source, rights, badge), OK);
    return slot;
}

/* Frames of the program itself have no capability, so spaces of other programs get a copy of its code. */
static void copy_image(void) {
    extern const char __executable_start[], etext[];
    uint64_t bytes = (uint64_t)(etext - __executable_start);
    world.image_pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    cap_t all_rights = world_memory(world.image_pages);
    memcpy(world_map(all_rights, world.image_pages), __executable_start, bytes);
    world.image = world_copy(all_rights, READ_EXECUTE, 0);
}

static void find_region(void) {
    const struct init_info *info = init_info();
    uint64_t largest = 0;
    for (uint64_t i = 0; i < info->region_count; i++) {
        if (info->regions[i].page_count > largest) {
            largest = info->regions[i].page_count;
            world.region = INIT_CAP_REGIONS + i;
        }
    }
}

void world_init(void) {
    next = (struct marks){.slot = FIRST_SLOT, .frame = 0, .address = WORLD_ARENA};
    find_region();
    copy_image();
    world.silence = world_slot();
    CHECK_STATUS(sys_object_create(INIT_CAP_POOL, OBJECT_NOTIFICATION, 0, world.silence), OK);
    world_keep();
}

void world_keep(void) { kept = next; }

void world_begin(void) {
    world.pool = world_pool(SCRATCH_POOL_PAGES);
    world.faults = world_create(OBJECT_ENDPOINT, 0);
}

static void unmap_all(void) {
    for (uaddr_t at = kept.address; at < next.address; at += MAP_PAGES_MAX * PAGE_BYTES) {
        uint64_t left = (next.address - at) / PAGE_BYTES;
        CHECK_STATUS(sys_space_unmap(INIT_CAP_SPACE, at, left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX), OK);
    }
}

void world_end(void) {
    CHECK_STATUS(sys_cap_delete(0, 0), OK); /* a reply that the case left unanswered */
    worker_report_faults();
    CHECK_STATUS(sys_cap_delete(0, world.pool), OK);
    unmap_all();
    for (cap_t slot = kept.slot; slot < next.slot; slot++)
        CHECK_STATUS(sys_cap_delete(0, slot), OK);
    memset(program.message->receive_caps, 0, sizeof program.message->receive_caps);
    memset(program.message->send_caps, 0, sizeof program.message->send_caps);
    program.message->deadline_ns = 0;
    next = kept;
}

bool world_comes(const volatile uint64_t *value, uint64_t at_least, uint64_t end_ns) {
    while (*value < at_least && world_now() <= end_ns)
        __asm__ volatile("pause"); /* where CPUs are emulated in turn, it is the next one's turn */
    return *value >= at_least;
}
