#include "test/host/kernel/model/pick.h"

#include <string.h>

#include "kernel/arch.h"

static uint32_t table_of(uint32_t self) { return model.caps[model_place(self, PLACE_TABLE)].object; }

static uint64_t slots_of(uint32_t table) {
    uint64_t count = model.objects[table].table.slot_count;
    return count < MODEL_SLOTS ? count : MODEL_SLOTS;
}

/* The first thread never gives away its own table, space, thread and pool. */
static uint64_t lowest(uint32_t self) { return self == lockstep.first ? 5 : 1; }

uint64_t pick_slot(uint32_t self, enum object_type type) {
    uint32_t table = table_of(self);
    if (table == 0 || lockstep_chance(5)) {
        static const uint64_t wrong[] = {0, 5000, UINT64_MAX, 1ULL << 32};
        return lockstep_chance(70) ? lowest(self) + lockstep_random(8) : wrong[lockstep_random(4)];
    }
    uint64_t count = slots_of(table), start = lockstep_random(count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t slot = (start + i) % count;
        const struct model_cap *cap = &model.caps[model_place(table, (uint32_t)slot)];
        if (slot >= lowest(self) && cap->object != 0 && (type == OBJECT_NONE || cap->type == type))
            return slot;
    }
    return lowest(self) + lockstep_random(count);
}

static uint64_t empty_in(uint32_t table, uint64_t from) {
    uint64_t count = slots_of(table), start = lockstep_random(count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t slot = (start + i) % count;
        if (slot >= from && model.caps[model_place(table, (uint32_t)slot)].object == 0)
            return slot;
    }
    return count - 1;
}

uint64_t pick_empty(uint32_t self) {
    uint32_t table = table_of(self);
    if (table == 0 || lockstep_chance(3))
        return lockstep_chance(50) ? 5000 : lockstep_random(8);
    return empty_in(table, self == lockstep.first ? PICK_FIRST_FREE : 1);
}

uint64_t pick_table(uint32_t self, bool full, uint64_t *ret_slot) {
    uint64_t slot = lockstep_chance(40) ? pick_slot(self, OBJECT_TABLE) : 0;
    uint32_t place = model_slot(self, slot);
    uint32_t table = place != 0 && model.caps[place].type == OBJECT_TABLE ? model.caps[place].object : table_of(self);
    bool own = table == table_of(self);
    if (table == 0)
        *ret_slot = lockstep_random(10);
    else if (!full)
        *ret_slot = own ? pick_empty(self) : empty_in(table, 1);
    else
        *ret_slot = own ? pick_slot(self, OBJECT_NONE) : lockstep_random(slots_of(table));
    return slot;
}

void pick_pages(uint32_t self, uint64_t memory, uint64_t limit, uint64_t *ret_offset, uint64_t *ret_count) {
    uint32_t place = model_slot(self, memory);
    uint64_t total = place != 0 && model.caps[place].type == OBJECT_MEMORY ? model.caps[place].data >> 32 : 1;
    uint64_t usable = total < MODEL_FRAMES ? total : lockstep_chance(70) ? PICK_SHARED : MODEL_FRAMES;
    *ret_count = 1 + lockstep_random(limit);
    if (*ret_count > usable)
        *ret_count = usable;
    *ret_offset = lockstep_random(usable - *ret_count + 1);
    if (lockstep_chance(3))
        *ret_offset = total + lockstep_random(3);
    if (lockstep_chance(2))
        *ret_count = lockstep_chance(50) ? 0 : UINT64_MAX - lockstep_random(8);
}

uint64_t pick_deadline(void) {
    uint64_t ms = lockstep_random(6);
    lockstep.next_deadline++;
    return (model.now_ns + ms * 1000000) / 1000000 * 1000000 + 1 + lockstep.next_deadline % 999998;
}

uint64_t pick_rights(void) { return lockstep_chance(60) ? RIGHTS_ALL : lockstep_random(256); }

uint64_t pick_address(void) {
    uint64_t page = lockstep_chance(50) ? lockstep_random(10) : 506 + lockstep_random(10);
    uint64_t at = USER_LOWEST + page * PAGE_BYTES;
    at += lockstep_random(2) << 39 | lockstep_random(2) << 30;
    if (lockstep_chance(3))
        at = lockstep_chance(50) ? at + 8 : USER_LIMIT - lockstep_random(3) * PAGE_BYTES;
    return at;
}

void pick_message(uint32_t self) {
    uint32_t frame = model_thread(self)->message_frame;
    if (frame == MODEL_NONE)
        return;
    uint64_t *words = model.frames[frame].words;
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        words[WORD_SEND + i] = pick_slot(self, OBJECT_NONE);
        words[WORD_RECEIVE + i] = pick_empty(self);
    }
    for (uint32_t i = 0; i < 4; i++)
        words[lockstep_random(MESSAGE_WORDS)] = lockstep_random(UINT64_MAX) | 1ULL << 63;
    words[WORD_DEADLINE] = pick_deadline();
    memcpy(arch_pointer((model.first_frame + frame) * PAGE_BYTES), words, sizeof model.frames[frame].words);
}

void pick_data(uint32_t self, const void *data, uint64_t bytes) {
    uint32_t frame = model_thread(self)->message_frame;
    if (frame != MODEL_NONE)
        memcpy((char *)arch_pointer((model.first_frame + frame) * PAGE_BYTES) + MESSAGE_DATA_OFFSET, data, bytes);
}
