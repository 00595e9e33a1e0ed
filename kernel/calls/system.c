/*
 * clock_read, log_write, system_info, system_control.
 */
#include "kernel/calls/check.h"
#include "kernel/calls/ports.h"
#include "kernel/machine/call.h"
#include "kernel/machine/log.h"
#include "kernel/memory/pool.h"
#include "kernel/run/table.h"

struct result sys_clock_read(void) {
    return result_value(arch_clock_ns());
}

struct result sys_log_write(uint64_t length_bytes) {
    const struct thread *self = caller();
    struct pool *pool = self->object.pool;
    if (self->message == NULL)
        return result(E_STATE);
    if (length_bytes > LOG_BYTES_MAX)
        return result(E_ARG);
    if (!log_send()) /* lines go out one after another; a caller that waits for the port lets others run meanwhile */
        return result(CALL_RESTART);
    if (length_bytes == 0 || log_limit < LOG_INFO)
        return result(OK);
    if (!pool_pays_log(pool, length_bytes))
        return result(E_LIMIT);
    log_user_text((const char *)self->message->data, length_bytes, pool->log_lost_bytes);
    pool->log_lost_bytes = 0;
    return result_value(!log_send());
}

static struct result pool_info(cap_t index, enum info_topic topic) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), index, OBJECT_POOL, 0, &slot);
    if (status != OK)
        return result(status);
    const struct pool *pool = cap_object(slot);
    return result_value(topic == INFO_POOL_BYTES ? pool->frame_count * PAGE_BYTES : pool->used_bytes);
}

static struct result slot_info(uint64_t argument) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), range_first(argument), OBJECT_TABLE, 0, &slot);
    return status != OK ? result(status) : result_value(table_next_occupied(cap_object(slot), range_count(argument)));
}

/* The longest stay of all CPUs, or its cause. `start_over` 1: measure anew from now on. */
static struct result stay_info(enum info_topic topic, uint64_t start_over) {
    uint64_t longest = 0, cause = 0;
    if (!BATON_STAYS)
        return result(E_CALL);
    for (uint32_t i = 0; i < cpu_total; i++) {
        struct cpu *cpu = cpus[i];
        cause = cpu->longest_stay > longest ? cpu->longest_cause : cause;
        longest = cpu->longest_stay > longest ? cpu->longest_stay : longest;
        if (start_over == 1)
            cpu->longest_stay = cpu->longest_cause = 0;
    }
    return result_value(topic == INFO_LONGEST_STAY ? longest : cause);
}

static struct result cpu_info(uint64_t topic, uint64_t index) {
    static const uint16_t offsets[] = {[INFO_TIMER_TICKS] = offsetof(struct cpu, timer_ticks),
                                       [INFO_SWITCHES] = offsetof(struct cpu, space_switches),
                                       [INFO_NMIS] = offsetof(struct cpu, nmi_count),
                                       [INFO_LOCK_WAITS] = offsetof(struct cpu, lock_waits),
                                       [INFO_LOCK_WAIT_TICKS] = offsetof(struct cpu, lock_wait_ticks),
                                       [INFO_LOCK_LONGEST_WAIT] = offsetof(struct cpu, longest_wait)};
    uint64_t count = sizeof offsets / sizeof offsets[0], total = cpu_total;
    bool exists = topic < count && index < total;
    (void)arch_bound(&topic, &count);
    (void)arch_bound(&index, &total);
    if (!exists || offsets[topic] == 0)
        return result(E_ARG);
    return result_value(*(const uint64_t *)(const void *)((const char *)cpus[index] + offsets[topic]));
}

struct result sys_system_info(uint64_t topic, uint64_t argument) {
    switch (topic) {
    case INFO_CPUS:
        return result_value(cpu_total);
    case INFO_FRAMES_RAM:
        return result_value(ledger.ram_count);
    case INFO_FRAMES_MAPPED:
        return result_value(ledger.mapped_count);
    case INFO_FRAMES_KERNEL:
        return result_value(ledger.kernel_count);
    case INFO_CAPABILITIES:
        return result_value(cap_count);
    case INFO_POOL_BYTES:
    case INFO_POOL_USED:
        return pool_info(argument, (enum info_topic)topic);
    case INFO_NEXT_SLOT:
        return slot_info(argument);
    case INFO_TICKS_PER_SECOND:
        return result_value(arch_ticks_per_second());
    case INFO_BOOT_TICKS:
        return result_value(arch_boot_ticks());
    case INFO_LONGEST_STAY:
    case INFO_LONGEST_CALL:
        return stay_info((enum info_topic)topic, argument);
    case INFO_CHECKS_BUILT:
        return result_value(BATON_CHECKS);
    default:
        return cpu_info(topic, argument);
    }
}

/* A program that may write to all ports could do all this anyway, so that is the authority needed. */
struct result sys_system_control(cap_t ports, uint64_t operation, uint64_t argument) {
    enum status status = ports_check_all(caller(), ports);
    if (status != OK)
        return result(status);
    switch (operation) {
    case CONTROL_POWER_OFF:
        if (argument > 255)
            return result(E_ARG);
        assert(check_invariants() == INVARIANT_NONE);
        log_limit = LOG_INFO; /* the host has only this line to read the status from */
        log_line(LOG_INFO, "power", "off, status %u", argument);
        arch_power_off();
    case CONTROL_REBOOT:
        log_limit = LOG_INFO; /* only this line tells the host that the reset is no accident */
        log_line(LOG_INFO, "power", "reboot");
        arch_reboot();
    case CONTROL_CHECK:
        if (!BATON_CHECKS)
            return result(E_CALL);
        argument = check_invariants();
        return (struct result){.status = argument == INVARIANT_NONE ? OK : E_STATE, .value = argument};
    case CONTROL_TEST:
        if (!BATON_CHECKS)
            return result(E_CALL);
        return (argument & 0xff) >= CONTROL_TEST_COUNT
                   ? result(E_ARG)
                   : result(arch_test((enum control_test)(argument & 0xff), argument >> 8));
    default:
        return result(E_ARG);
    }
}
