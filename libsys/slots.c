#include "libsys/slots.h"

void slots_init(struct slots *slots, uint64_t first, uint64_t limit) {
    *slots = (struct slots){.first = first, .limit = limit < TABLE_SLOTS_MAX ? limit : TABLE_SLOTS_MAX};
    for (uint64_t word = 0; word * 64 < slots->limit; word++) {
        uint64_t below =
            first > word * 64 ? first - word * 64 : 0; /* slots of this word that are before the first ... */
        uint64_t inside = slots->limit > word * 64 ? slots->limit - word * 64 : 0; /* ... and before the limit */
        uint64_t before_first = below >= 64 ? UINT64_MAX : (1ULL << below) - 1;
        uint64_t before_limit = inside >= 64 ? UINT64_MAX : (1ULL << inside) - 1;
        slots->used[word] = before_first | ~before_limit;
    }
}

void slots_recount(struct slots *slots) {
    slots->hint = 0;
    slots->used_count = 0;
    for (uint64_t slot = slots->first; slot < slots->limit; slot++)
        slots->used_count += slots->used[slot / 64] >> slot % 64 & 1;
}

cap_t slots_take(struct slots *slots) {
    for (uint64_t word = slots->hint; word * 64 < slots->limit; word++) {
        slots->hint = word;
        if (slots->used[word] == UINT64_MAX)
            continue;
        uint64_t bit = (uint64_t)__builtin_ctzll(~slots->used[word]);
        slots->used[word] |= 1ULL << bit;
        slots->used_count++;
        return word * 64 + bit;
    }
    return 0;
}

void slots_free(struct slots *slots, cap_t slot) {
    if (slot < slots->first || slot >= slots->limit || (slots->used[slot / 64] >> slot % 64 & 1) == 0)
        return;
    slots->used[slot / 64] &= ~(1ULL << slot % 64);
    slots->used_count--;
    if (slot / 64 < slots->hint)
        slots->hint = slot / 64;
}
