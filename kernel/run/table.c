#include "kernel/run/table.h"

#include "kernel/memory/pool.h"

struct table *table_make(struct pool *pool, uint64_t slot_count) {
    uint32_t slot_bytes = (uint32_t)slot_count * (uint32_t)sizeof(struct cap_slot);
    struct cap_slot *slots = pool_take(pool, slot_bytes);
    if (slots == NULL)
        return NULL;
    struct table *table = pool_take(pool, sizeof(struct table));
    if (table == NULL) {
        pool_give(pool, slots, slot_bytes);
        return NULL;
    }
    object_init(&table->object, OBJECT_TABLE, pool, sizeof(struct table));
    table->slot_count = slot_count;
    table->slots = slots;
    return table;
}

enum status table_find_empty_in(const struct thread *self, cap_t table, cap_t index, struct cap_slot **ret_slot) {
    struct cap_slot *slot;
    enum status status = table_find_in(self, table, TABLE_WRITE, index, &slot);
    return status != OK ? status : table_check_empty(slot, ret_slot);
}

uint64_t table_next_occupied(const struct table *table, uint64_t first) {
    uint64_t i = first, end = table->slot_count;
    if (!arch_bound(&i, &end) && first != 0)
        return 0;
    if (end - i > INFO_SLOTS_SEEN)
        end = i + INFO_SLOTS_SEEN;
    for (; i < end; i++)
        if (!cap_is_empty(&table->slots[i]))
            return i;
    return 0;
}
