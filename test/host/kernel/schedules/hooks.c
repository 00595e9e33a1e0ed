/*
 * The functions that code compiled with -fsanitize=thread calls before each load and store, and in place of each atomic
 * operation. The names are those of clang's thread sanitizer (compiler-rt, tsan_interface.h and
 * tsan_interface_atomic.h); here they make the explorer's steps.
 */
#include <stddef.h>

#include "kernel/machine/lock.h"
#include "test/host/kernel/schedules/run.h"

#define WHERE __builtin_return_address(0)

void __tsan_init(void);
void __tsan_init(void) {}

#define ACCESS(name, bytes, is_store)                               \
    void __tsan_##name(void *address);                              \
    void __tsan_##name(void *address) {                             \
        if (run_is_step((uintptr_t)address))                        \
            run_access((uintptr_t)address, bytes, is_store, WHERE); \
    }
#define ACCESSES(bytes)               \
    ACCESS(read##bytes, bytes, false) \
    ACCESS(write##bytes, bytes, true) \
    ACCESS(read_write##bytes, bytes, true)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
#define UNALIGNED(bytes)                        \
    ACCESS(unaligned_read##bytes, bytes, false) \
    ACCESS(unaligned_write##bytes, bytes, true) \
    ACCESS(unaligned_read_write##bytes, bytes, true)
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

/* ---- runs of bytes: a step each ---- */

void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__real_memmove(void *to, const void *from, size_t bytes);
void *__real_memset(void *to, int value, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memmove(void *to, const void *from, size_t bytes);
void *__wrap_memset(void *to, int value, size_t bytes);

void *__wrap_memmove(void *to, const void *from, size_t bytes) {
    if (bytes > 0 && run_is_step((uintptr_t)from))
        run_access((uintptr_t)from, bytes, false, WHERE);
    if (bytes > 0 && run_is_step((uintptr_t)to))
        run_access((uintptr_t)to, bytes, true, WHERE);
    return __real_memmove(to, from, bytes);
}

void *__wrap_memcpy(void *to, const void *from, size_t bytes) { return __wrap_memmove(to, from, bytes); }

void *__wrap_memset(void *to, int value, size_t bytes) {
    if (bytes > 0 && run_is_step((uintptr_t)to))
        run_access((uintptr_t)to, bytes, true, WHERE);
    return __real_memset(to, value, bytes);
}

/* Later versions of clang call these names; clang 14 calls the plain ones. */
void *__tsan_memcpy(void *to, const void *from, size_t bytes);
void *__tsan_memmove(void *to, const void *from, size_t bytes);
void *__tsan_memset(void *to, int value, size_t bytes);
void *__tsan_memcpy(void *to, const void *from, size_t bytes) { return __wrap_memmove(to, from, bytes); }
void *__tsan_memmove(void *to, const void *from, size_t bytes) { return __wrap_memmove(to, from, bytes); }
void *__tsan_memset(void *to, int value, size_t bytes) { return __wrap_memset(to, value, bytes); }

/* ---- the lock: its two words tell which CPU holds it ---- */

static void note_draw(uintptr_t address, uint64_t was) {
    if (address != run.lock + offsetof(struct ticket_lock, next))
        return;
    run.cpus[run.current].ticket = (uint32_t)was;
    run.cpus[run.current].has_ticket = true;
}

/* Note whether the CPU's turn has come. The highest bit has another meaning (request.c). */
static void note_load(uintptr_t address, uint64_t value) {
    struct run_cpu *cpu = &run.cpus[run.current];
    if (address == run.lock + offsetof(struct ticket_lock, serving) && cpu->has_ticket)
        cpu->holds = (((uint32_t)value ^ cpu->ticket) << 1) == 0;
}

static void note_store(uintptr_t address) {
    struct run_cpu *cpu = &run.cpus[run.current];
    if (address == run.lock + offsetof(struct ticket_lock, serving))
        cpu->holds = cpu->has_ticket = false;
}

/* ---- atomic operations: a step, and then nothing in between ---- */

#define LOAD(bits, type)                                                 \
    type __tsan_atomic##bits##_load(const volatile type *a, int order);  \
    type __tsan_atomic##bits##_load(const volatile type *a, int order) { \
        (void)order;                                                     \
        bool is_step = run_is_step((uintptr_t)a);                        \
        if (is_step)                                                     \
            run_access((uintptr_t)a, sizeof(type), false, WHERE);        \
        type value = *a;                                                 \
        if (is_step)                                                     \
            note_load((uintptr_t)a, value);                              \
        return value;                                                    \
    }

#define STORE(bits, type)                                                       \
    void __tsan_atomic##bits##_store(volatile type *a, type value, int order);  \
    void __tsan_atomic##bits##_store(volatile type *a, type value, int order) { \
        (void)order;                                                            \
        bool is_step = run_is_step((uintptr_t)a);                               \
        if (is_step)                                                            \
            run_access((uintptr_t)a, sizeof(type), true, WHERE);                \
        *a = value;                                                             \
        if (is_step)                                                            \
            note_store((uintptr_t)a);                                           \
    }

#define CHANGE(bits, type, name, result)                                         \
    type __tsan_atomic##bits##_##name(volatile type *a, type value, int order);  \
    type __tsan_atomic##bits##_##name(volatile type *a, type value, int order) { \
        (void)order;                                                             \
        bool is_step = run_is_step((uintptr_t)a);                                \
        if (is_step)                                                             \
            run_access((uintptr_t)a, sizeof(type), true, WHERE);                 \
        type was = *a;                                                           \
        *a = (type)(result);                                                     \
        if (is_step) {                                                           \
            note_draw((uintptr_t)a, was);                                        \
            note_store((uintptr_t)a);                                            \
        }                                                                        \
        return was;                                                              \
    }

/* A failed one stores nothing, and wakes no CPU. The three forms differ in how they return the result. */
#define COMPARE(bits, type)                                                                                    \
    static bool compare_exchange##bits(volatile type *a, type *expected, type value, void *where) {            \
        bool is_step = run_is_step((uintptr_t)a);                                                              \
        if (is_step)                                                                                           \
            run_step((uintptr_t)a, true, where);                                                               \
        type was = *a;                                                                                         \
        bool equal = was == *expected;                                                                         \
        if (is_step)                                                                                           \
            run_note((uintptr_t)a, sizeof(type), equal);                                                       \
        if (equal)                                                                                             \
            *a = value;                                                                                        \
        *expected = was;                                                                                       \
        return equal;                                                                                          \
    }                                                                                                          \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *a, type *expected, type value, int, int); \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *a, type *expected, type value, int order, \
                                                      int failure_order) {                                     \
        (void)order;                                                                                           \
        (void)failure_order;                                                                                   \
        return compare_exchange##bits(a, expected, value, WHERE);                                              \
    }                                                                                                          \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *a, type *expected, type value, int, int);   \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *a, type *expected, type value, int order,   \
                                                    int failure_order) {                                       \
        (void)order;                                                                                           \
        (void)failure_order;                                                                                   \
        return compare_exchange##bits(a, expected, value, WHERE);                                              \
    }                                                                                                          \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *a, type expected, type value, int, int);    \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *a, type expected, type value, int order,    \
                                                    int failure_order) {                                       \
        (void)order;                                                                                           \
        (void)failure_order;                                                                                   \
        (void)compare_exchange##bits(a, &expected, value, WHERE);                                              \
        return expected;                                                                                       \
    }

#define ATOMIC(bits, type)                         \
    LOAD(bits, type)                               \
    STORE(bits, type)                              \
    CHANGE(bits, type, exchange, value)            \
    CHANGE(bits, type, fetch_add, was + value)     \
    CHANGE(bits, type, fetch_sub, was - value)     \
    CHANGE(bits, type, fetch_and, was &value)      \
    CHANGE(bits, type, fetch_or, was | value)      \
    CHANGE(bits, type, fetch_xor, was ^ value)     \
    CHANGE(bits, type, fetch_nand, ~(was & value)) \
    COMPARE(bits, type)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_thread_fence(int order) { (void)order; }
void __tsan_atomic_signal_fence(int order) { (void)order; }
