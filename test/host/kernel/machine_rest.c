/*
 * The parts of arch.h that all host-test machines share: they do next to nothing.
 */
#include "test/host/kernel/machine_rest.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/arch.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/string.h"
#include "kernel/entry/syscall.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/run/thread.h"

#define ARGUMENTS_0
#define ARGUMENTS_1 words[0]
#define ARGUMENTS_2 ARGUMENTS_1, words[1]
#define ARGUMENTS_3 ARGUMENTS_2, words[2]
#define ARGUMENTS_4 ARGUMENTS_3, words[3]
#define ARGUMENTS_5 ARGUMENTS_4, words[4]
#define ARGUMENTS_6 ARGUMENTS_5, words[5]

static struct result dispatch(uint64_t number, const uint64_t words[static 6]) {
    switch (number) {
#define SYSCALL(number, name, count, prototype) \
    case number:                                \
        return sys_##name(ARGUMENTS_##count);
#define SYSCALL_MESSAGE(number, name)
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE
    default:
        return result(E_CALL);
    }
}

void machine_run_call(struct cpu *cpu) {
    struct thread *self = cpu->current;
    struct frame *frame = &self->arch.frame;
    uint64_t number = frame->status;
    if (cpu->arch.call_limit == 0 && syscall_watched())
        return;
    bool plain = number < cpu->arch.call_limit;
    const uint64_t *words = frame->words;
    const uint64_t arguments[6] = {frame->target, frame->info, words[0], words[1], words[2], words[3]};
    bool is_message = number >= SYS_ep_call && number <= SYS_ep_reply_wait;
    struct result result = is_message ? syscall_run_message() : dispatch(number, arguments);
    bool switched = result.status == CALL_BLOCKED && !cpu->unsettled;
    if (plain && switched) {
        cpu->current = (struct thread *)result.value;
        arch_switch(cpu, cpu->current);
        kernel_unlock();
        return;
    }
    if (!plain || cpu->unsettled || result.status >= CALL_BLOCKED) {
        syscall_finish(result.status, result.value);
        return;
    }
    kernel_unlock();
    frame->status = result.status;
    frame->words[0] = result.value;
}

void memory_clear(void *memory, uint64_t bytes) { memset(memory, 0, bytes); }
void memory_move(void *to, const void *from, uint64_t bytes) { memcpy(to, from, bytes); }

void memory_fill_words(void *memory, uint64_t word, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes / sizeof word; i++)
        memcpy((char *)memory + i * sizeof word, &word, sizeof word);
}

size_t text_length(const char *text) { return strlen(text); }
int text_compare(const char *a, const char *b, size_t count) { return strncmp(a, b, count); }

void arch_thread_init(struct thread *thread) { memset(&thread->arch, 0, sizeof thread->arch); }
void arch_thread_clear(struct thread *thread) { memset(thread, 0, sizeof *thread); }

void arch_restart_call(struct frame *frame) { frame->rip -= 2; }

bool arch_registers_valid(const struct thread_registers *registers) { return registers->rip < USER_LIMIT; }
void arch_registers_write(struct thread *thread, const struct thread_registers *registers) {
    thread->reaps = 0;
    thread->arch.frame.rip = registers->rip;
    thread->arch.frame.rsp = registers->rsp;
}
void arch_registers_read(const struct thread *thread, struct thread_registers *ret_registers) {
    *ret_registers = (struct thread_registers){.rip = thread->arch.frame.rip, .rsp = thread->arch.frame.rsp};
}

void arch_fpu_read(const struct thread *thread, struct thread_fpu *fpu) {
    (void)thread;
    fpu->components = 0;
}
bool arch_fpu_write(struct thread *thread, const struct thread_fpu *fpu) {
    (void)thread;
    (void)fpu;
    return true; /* the registers themselves are tested on the machine */
}

enum audit_check arch_audit_root(uint64_t root, const struct thread *thread, struct audit_failure *ret_failure) {
    (void)root;
    (void)thread;
    (void)ret_failure;
    return AUDIT_OK; /* the machine's part is tested on the machine */
}
enum audit_check arch_audit_part(uint64_t root, const struct thread *thread, uint64_t *position,
                                 struct audit_failure *ret_failure) {
    *position = USER_LIMIT;
    return arch_audit_root(root, thread, ret_failure);
}
enum audit_check arch_audit_page(uint64_t root, uaddr_t at, uint32_t rights, bool absent_ok, enum audit_check check,
                                 struct audit_failure *ret_failure) {
    (void)rights;
    (void)ret_failure;
    return absent_ok || arch_table_find(root, at) != NULL ? AUDIT_OK : check;
}

/* The last frames are the machine's own. */
uint64_t arch_frame_limit(void) { return 1ULL << 40; }
bool arch_owns_frames(uint64_t first_frame, uint64_t page_count) {
    return first_frame + page_count > arch_frame_limit() - 2;
}

bool arch_irq_exists(uint32_t line) { return line != MACHINE_ABSENT_LINE; }

uint64_t arch_ticks_per_second(void) { return 1000000000; }
uint64_t arch_boot_ticks(void) { return 0; }
uint64_t arch_ticks_to_ns(uint64_t ticks) { return ticks; }

uint64_t arch_port_read(uint16_t port, uint32_t width_bytes) { return port + width_bytes; }
void arch_port_write(uint16_t port, uint32_t width_bytes, uint64_t value) {
    (void)port;
    (void)width_bytes;
    (void)value;
}
_Noreturn void arch_power_off(void) { exit(0); }
_Noreturn void arch_reboot(void) { exit(0); }
enum status arch_test(enum control_test test, uint64_t parameter) {
    (void)test;
    (void)parameter;
    return E_CALL;
}
