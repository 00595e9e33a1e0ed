#include "libsys/program/slots.h"

#include <stdbool.h>
#include <stddef.h>

/* The bits of a word whose slots lie below `end`. */
static uint64_t bits_below(uint64_t word, uint64_t end) {
    uint64_t count = end > word * 64 ? end - word * 64 : 0;
    return count >= 64 ? UINT64_MAX : (1ULL << count) - 1;
}

/* The bits of a word whose slots are never given out: below the first, and from the limit on. */
static uint64_t bits_outside(const struct slots *slots, uint64_t word) {
    return bits_below(word, slots->first) | ~bits_below(word, slots->limit);
}

void slots_init(struct slots *slots, uint64_t first, uint64_t limit) {
    slots->first = first;
    slots->limit = limit < TABLE_SLOTS_MAX ? limit : TABLE_SLOTS_MAX;
    slots->hint = slots->used_count = slots->end = 0;
    slots->kept_end = NULL;
    for (uint64_t word = 0; word * 64 < slots->limit; word++) {
        bool is_inside = word * 64 >= first && word * 64 + 64 <= slots->limit; /* like most */
        slots->used[word] = is_inside ? 0 : bits_outside(slots, word);
    }
}

void slots_keep(struct slots *slots, uint64_t *kept_end) {
    if (*kept_end < slots->end)
        *kept_end = slots->end;
    slots->end = *kept_end;
    slots->kept_end = kept_end;
}

void slots_recount(struct slots *slots) {
    slots->hint = 0;
    slots->used_count = 0;
    for (uint64_t word = 0; word * 64 < slots->limit; word++)
        slots->used_count += (uint64_t)__builtin_popcountll(slots->used[word] & ~bits_outside(slots, word));
}

/* Before a slot of this word is used: a program that dies behind that leaves its successor to look there. */
static void extend(struct slots *slots, uint64_t word) {
    slots->end = (word + 1) * 64;
    if (slots->kept_end != NULL)
        *slots->kept_end = slots->end;
}

cap_t slots_take(struct slots *slots) {
    for (uint64_t word = slots->hint; word * 64 < slots->limit; word++) {
        slots->hint = word;
        if (slots->used[word] == UINT64_MAX)
            continue;
        if (word * 64 >= slots->end)
            extend(slots, word);
        uint64_t bit = (uint64_t)__builtin_ctzll(~slots->used[word]);
        slots->used[word] |= 1ULL << bit;
        slots->used_count++;
        return word * 64 + bit;
    }
    return 0;
}

void slots_claim(struct slots *slots, cap_t slot) {
    if (slot >= slots->limit || slots_is_taken(slots, slot)) /* those below the first count as taken */
        return;
    slots->used[slot / 64] |= 1ULL << slot % 64;
    slots->used_count++;
}

void slots_free(struct slots *slots, cap_t slot) {
    if (slot < slots->first || slot >= slots->limit || !slots_is_taken(slots, slot))
        return;
    slots->used[slot / 64] &= ~(1ULL << slot % 64);
    slots->used_count--;
    if (slot / 64 < slots->hint)
        slots->hint = slot / 64;
}

cap_t slots_find_free(const struct slots *slots, uint64_t from) {
    while (from < slots->end && from < slots->limit) {
        uint64_t free = ~slots->used[from / 64] >> from % 64;
        if (free != 0)
            return from + (uint64_t)__builtin_ctzll(free);
        from = (from / 64 + 1) * 64;
    }
    return 0;
}
