#include "test/host/kernel/model/generate.h"

#include "kernel/abi/system.h"
#include "test/host/kernel/machine.h"
#include "test/host/kernel/model/lockstep.h"
#include "test/host/kernel/model/pick.h"
#include "test/host/kernel/model/population.h"

#define ABSENT (HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK)
#define TRIES 8U

/* How often each call is made, by theme. */
static const struct {
    uint8_t number;
    uint8_t weight[THEMES];
} weights[] = {
    {SYS_cap_copy, {8, 40, 3, 3, 6}},       {SYS_cap_move, {6, 25, 8, 1, 4}},
    {SYS_cap_delete, {6, 20, 4, 3, 20}},    {SYS_cap_revoke, {2, 10, 1, 1, 6}},
    {SYS_memory_derive, {3, 6, 0, 12, 2}},  {SYS_memory_fill, {2, 0, 0, 8, 0}},
    {SYS_memory_copy, {2, 0, 0, 8, 0}},     {SYS_object_create, {6, 8, 2, 8, 14}},
    {SYS_pool_extend, {1, 0, 0, 6, 2}},     {SYS_space_map, {5, 0, 0, 25, 4}},
    {SYS_space_unmap, {3, 0, 0, 14, 1}},    {SYS_space_protect, {2, 0, 0, 8, 0}},
    {SYS_space_query, {1, 0, 0, 6, 0}},     {SYS_thread_configure, {5, 6, 5, 3, 8}},
    {SYS_thread_handover, {3, 2, 3, 1, 6}}, {SYS_thread_resume, {3, 1, 4, 1, 4}},
    {SYS_thread_suspend, {2, 1, 4, 1, 3}},  {SYS_thread_read, {1, 1, 1, 1, 1}},
    {SYS_thread_write, {1, 1, 2, 1, 1}},    {SYS_ep_call, {10, 4, 30, 2, 12}},
    {SYS_ep_wait, {10, 4, 25, 2, 12}},      {SYS_ep_reply, {6, 3, 20, 1, 6}},
    {SYS_ep_reply_wait, {6, 3, 20, 1, 6}},  {SYS_signal_raise, {4, 1, 8, 1, 3}},
    {SYS_signal_wait, {3, 1, 6, 1, 4}},     {SYS_signal_poll, {2, 0, 3, 0, 1}},
    {SYS_signal_timer, {2, 0, 4, 0, 2}},    {SYS_irq_bind, {2, 2, 2, 0, 2}},
    {SYS_irq_ack, {1, 0, 1, 0, 0}},         {SYS_port_read, {1, 1, 0, 1, 0}},
    {SYS_port_write, {1, 0, 0, 1, 0}},      {SYS_clock_read, {1, 1, 1, 1, 1}},
    {SYS_system_info, {2, 2, 1, 3, 2}},     {SYS_cap_query, {2, 8, 1, 1, 2}},
    {SYS_endpoint_watch, {2, 6, 2, 0, 4}},  {99, {1, 1, 1, 1, 1}},
};

static uint64_t pick_number(enum generate_theme theme) {
    uint64_t total = 0, i = 0;
    for (i = 0; i < sizeof weights / sizeof weights[0]; i++)
        total += weights[i].weight[theme];
    uint64_t at = lockstep_random(total);
    for (i = 0; at >= weights[i].weight[theme]; i++)
        at -= weights[i].weight[theme];
    return weights[i].number;
}

static uint64_t pick_info(void) {
    uint64_t label = lockstep_chance(70) ? lockstep_random(3) : lockstep_random(1ULL << 32);
    uint64_t words = lockstep_chance(60) ? lockstep_random(5) : lockstep_random(MESSAGE_WORDS + 1);
    uint64_t info = MESSAGE_INFO(label, words, lockstep_chance(40) ? lockstep_random(MESSAGE_CAPS + 1) : 0);
    if (lockstep_chance(40))
        info |= MESSAGE_DEADLINE;
    if (lockstep_chance(2))
        info |= 1ULL << lockstep_random(32);
    return info;
}

static void fill_message(uint32_t self, struct lockstep_call *call) {
    bool waits = call->number == SYS_ep_wait;
    call->a[0] = call->number == SYS_ep_reply ? (lockstep_chance(50) ? 0 : pick_slot(self, OBJECT_REPLY))
                                              : pick_slot(self, OBJECT_ENDPOINT);
    call->a[1] = !waits                ? pick_info()
                 : lockstep_chance(50) ? DEADLINE_NEVER
                 : lockstep_chance(20) ? 0
                                       : pick_deadline();
    for (uint32_t i = 2; i < 6; i++)
        call->a[i] = lockstep_random(UINT64_MAX);
    pick_message(self);
}

static void fill_configure(uint32_t self, struct lockstep_call *call) {
    static const uint64_t priorities[] = {1, 8, 16, 16, 32, 33, 64};
    struct thread_config config = {.table = pick_slot(self, OBJECT_TABLE),
                                   .fault_endpoint = lockstep_chance(80) ? pick_slot(self, OBJECT_ENDPOINT) : 0,
                                   .message_memory = lockstep_chance(80) ? pick_slot(self, OBJECT_MEMORY) : 0,
                                   .notification = lockstep_chance(80) ? pick_slot(self, OBJECT_NOTIFICATION) : 0,
                                   .priority = priorities[lockstep_random(7)],
                                   .cpu = lockstep_chance(5),
                                   .foreign = lockstep_chance(15) + lockstep_chance(1)};
    uint64_t count;
    pick_pages(self, config.message_memory, 1, &config.message_offset_pages, &count);
    call->a[0] = pick_slot(self, OBJECT_THREAD);
    call->a[1] = lockstep_random(128) & lockstep_random(128);
    if (lockstep_chance(2))
        call->a[1] |= 1 << 9;
    model_config = config;
    pick_data(self, &config, sizeof config);
}

static void fill_registers(uint32_t self) {
    struct thread_registers registers = {.rip = lockstep_chance(95) ? 0x500000 + lockstep_random(256) : USER_LIMIT,
                                         .rsp = lockstep_chance(95) ? 0x700000 : 8};
    model_registers = registers;
    pick_data(self, &registers, sizeof registers);
}

static void fill_thread(uint32_t self, struct lockstep_call *call) {
    if (call->number == SYS_thread_configure) {
        fill_configure(self, call);
        return;
    }
    call->a[0] = pick_slot(self, OBJECT_THREAD);
    fill_registers(self);
    call->a[1] = lockstep_random(lockstep_chance(5) ? 8 : 4); /* parts */
    if (call->number != SYS_thread_handover)
        return;
    call->a[1] = pick_slot(self, OBJECT_SPACE);
    call->a[2] = ABSENT | (lockstep_chance(80) ? HANDOVER_RESUME : 0) | (lockstep_chance(20) ? HANDOVER_KEEP_FPU : 0);
    if (lockstep_chance(2))
        call->a[2] |= 1 << 5;
}

static void fill_signal(uint32_t self, struct lockstep_call *call) {
    bool irq = call->number == SYS_irq_bind || call->number == SYS_irq_ack;
    call->a[0] = pick_slot(self, irq ? OBJECT_IRQ : OBJECT_NOTIFICATION);
    call->a[1] = call->number == SYS_signal_wait ? (lockstep_chance(40) ? DEADLINE_NEVER : pick_deadline())
                                                 : lockstep_random(16);
    call->a[2] = lockstep_chance(80) ? pick_deadline() : DEADLINE_NEVER;
    if (call->number == SYS_endpoint_watch)
        call->a[0] = pick_slot(self, OBJECT_ENDPOINT);
    if (call->number == SYS_irq_bind || call->number == SYS_endpoint_watch) {
        call->a[1] = lockstep_chance(80) ? pick_slot(self, OBJECT_NOTIFICATION) : 0;
        call->a[2] = lockstep_random(16);
    }
}

static void fill_caps(uint32_t self, struct lockstep_call *call) {
    uint64_t *a = call->a;
    if (call->number == SYS_cap_revoke) {
        a[0] = pick_slot(self, OBJECT_NONE);
        return;
    }
    a[0] = pick_table(self, call->number == SYS_cap_delete, &a[1]);
    if (call->number == SYS_cap_delete && lockstep_chance(10))
        a[0] = a[1] = 0;
    a[2] = pick_slot(self, OBJECT_NONE);
    if (call->number == SYS_cap_move && lockstep_chance(40))
        a[2] = 0;
    a[3] = pick_rights();
    uint32_t place = model_slot(self, a[2]);
    enum object_type type = place == 0 ? OBJECT_NONE : model.caps[place].type;
    if (type == OBJECT_PORTS)
        a[4] = lockstep_chance(80) ? RANGE(lockstep_random(70), lockstep_random(70)) : 0;
    else if (type == OBJECT_IRQ)
        a[4] = RANGE(lockstep_random(5), lockstep_chance(90));
    else if (lockstep_chance(type == OBJECT_ENDPOINT || type == OBJECT_NOTIFICATION ? 40 : 5))
        a[4] = 1 + lockstep_random(15);
}

static void fill_memory(uint32_t self, struct lockstep_call *call) {
    uint64_t *a = call->a, offset, count;
    a[0] = pick_slot(self, OBJECT_MEMORY);
    pick_pages(self, a[0], 4, &offset, &count);
    if (call->number == SYS_memory_derive) {
        a[1] = offset;
        a[2] = count;
        a[3] = pick_empty(self);
        a[4] = pick_rights();
        return;
    }
    uint64_t in_page = lockstep_random(MODEL_WORDS - 8) * 8, length = lockstep_random(9) * 8;
    a[1] = offset * PAGE_BYTES + in_page;
    a[2] = length;
    a[3] = lockstep_random(UINT64_MAX) | 1ULL << 63;
    if (call->number != SYS_memory_copy) {
        if (lockstep_chance(3))
            a[1] += 4;
        return;
    }
    a[2] = pick_slot(self, OBJECT_MEMORY);
    pick_pages(self, a[2], 4, &offset, &count);
    a[3] = offset * PAGE_BYTES + in_page;
    a[4] = length;
}

/* An address where something is mapped, if the slot holds a Space with mappings. */
static uint64_t pick_mapped(uint32_t self, uint64_t slot) {
    uint32_t place = model_slot(self, slot);
    const struct model_object *space = &model.objects[model.caps[place].object];
    if (place == 0 || space->type != OBJECT_SPACE || space->space.page_count == 0 || lockstep_chance(20))
        return pick_address();
    return space->space.pages[lockstep_random(space->space.page_count)].page * PAGE_BYTES;
}

static void fill_space(uint32_t self, struct lockstep_call *call) {
    uint64_t *a = call->a;
    a[0] = pick_slot(self, OBJECT_SPACE);
    a[1] = pick_mapped(self, a[0]);
    a[2] = lockstep_chance(3) ? 0 : 1 + lockstep_random(lockstep_chance(70) ? 2 : 12);
    a[3] = MEMORY_READ | (lockstep_chance(50) ? MEMORY_WRITE : lockstep_random(8));
    if (call->number != SYS_space_map)
        return;
    a[1] = pick_slot(self, OBJECT_MEMORY);
    pick_pages(self, a[1], 6, &a[2], &a[3]);
    a[4] = lockstep_chance(90) ? pick_address() : pick_mapped(self, a[0]);
    a[5] = MEMORY_READ | (lockstep_chance(60) ? MEMORY_WRITE : lockstep_random(8));
    if (lockstep_chance(3))
        a[5] ^= 1ULL << lockstep_random(12);
    uint32_t place = model_slot(self, a[0]);
    if (place != 0 && model.caps[place].type == OBJECT_SPACE &&
        model.objects[model.caps[place].object].space.page_count + 6 > MODEL_PAGES)
        call->number = SYS_space_unmap, a[1] = a[4], a[2] = 512;
}

static void fill_pool(uint32_t self, struct lockstep_call *call) {
    static const uint64_t sizes[] = {8, 16, 32, 64, 32, 0, 7, 12, 8192};
    static const uint64_t types[] = {OBJECT_SPACE, OBJECT_THREAD, OBJECT_TABLE, OBJECT_ENDPOINT, OBJECT_NOTIFICATION};
    uint64_t *a = call->a;
    a[0] = pick_slot(self, OBJECT_POOL);
    if (call->number == SYS_pool_extend) {
        a[1] = pick_slot(self, OBJECT_MEMORY);
        pick_pages(self, a[1], 3, &a[2], &a[3]);
        return;
    }
    a[1] = lockstep_chance(97) ? types[lockstep_random(5)] : lockstep_random(12);
    a[2] = a[1] == OBJECT_TABLE ? sizes[lockstep_random(9)] : lockstep_chance(2);
    a[3] = pick_empty(self);
}

static void fill_info(uint32_t self, struct lockstep_call *call) {
    static const uint64_t topics[] = {INFO_CPUS,       INFO_FRAMES_MAPPED, INFO_CAPABILITIES,
                                      INFO_POOL_BYTES, INFO_POOL_USED,     99};
    call->a[0] = topics[lockstep_random(6)];
    call->a[1] = pick_slot(self, OBJECT_POOL);
}

static void fill_port(uint32_t self, struct lockstep_call *call) {
    static const uint64_t widths[] = {1, 2, 4, 4, 2, 1, 3, 0, 8};
    call->a[0] = pick_slot(self, OBJECT_PORTS);
    call->a[1] = lockstep_chance(90) ? lockstep_random(80) : 65533 + lockstep_random(5);
    call->a[2] = widths[lockstep_random(9)];
}

static void fill(uint32_t self, struct lockstep_call *call) {
    uint64_t number = call->number;
    if (number <= SYS_cap_revoke)
        fill_caps(self, call);
    else if (number <= SYS_memory_copy)
        fill_memory(self, call);
    else if (number <= SYS_object_create)
        fill_pool(self, call);
    else if (number <= SYS_space_audit)
        fill_space(self, call);
    else if (number <= SYS_thread_write || number == SYS_thread_read || number == SYS_thread_handover)
        fill_thread(self, call);
    else if (number >= SYS_ep_call && number <= SYS_ep_reply_wait)
        fill_message(self, call);
    else if (number <= SYS_irq_ack)
        fill_signal(self, call);
    else if (number <= SYS_port_write)
        fill_port(self, call);
    else if (number == SYS_system_info)
        fill_info(self, call);
    else if (number == SYS_cap_query)
        call->a[0] = pick_slot(self, OBJECT_NONE);
    else if (number == SYS_endpoint_watch)
        fill_signal(self, call);
}

static bool random_call(uint32_t self, enum generate_theme theme) {
    for (uint32_t i = 0; i < TRIES; i++) {
        struct lockstep_call call = {.number = pick_number(theme)};
        fill(self, &call);
        if (self != lockstep.first || population_may(&call))
            return lockstep_make_call(&call);
    }
    return true;
}

bool generate_turn(enum generate_theme theme) {
    uint32_t self = model.current;
    uint64_t ns = lockstep_chance(3) ? lockstep_random(4000000) : lockstep_random(30000);
    if (!lockstep_tick(ns) || (lockstep_chance(1) && !lockstep_irq((uint32_t)lockstep_random(4))))
        return false;
    if (model.current != self)
        return true;
    if (lockstep_must_restart() && lockstep_chance(75))
        return lockstep_restart();
    if (lockstep_must_restart()) /* its time slice ends in the middle of a long call, and others run in between */
        return lockstep_tick(12000000) && (!lockstep_must_restart() || lockstep_restart());
    if (self == lockstep.first && lockstep_chance(70))
        return population_keep();
    if (self != lockstep.first && lockstep_chance(2))
        return lockstep_fault(1 + lockstep_random(9), pick_address(), lockstep_random(32));
    return random_call(self, theme);
}

bool generate_end(void) {
    for (uint32_t tries = 0; tries < 100000 && !population_is_gone(); tries++) {
        if (model.current != lockstep.first) {
            if (!generate_turn(THEME_ALL))
                return false;
        } else if (lockstep_must_restart() ? !lockstep_restart() : !population_end()) {
            return false;
        }
    }
    return true;
}
