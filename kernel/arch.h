/*
 * The machine, as the rest of the kernel sees it: the only header of arch/ that generic code includes. All x86
 * knowledge is behind these functions, in arch/x86_64/; the host build has its own implementation. Inline functions are
 * in arch/x86_64/contract/, which only this header includes. Machine state is struct arch_cpu for each CPU and struct
 * arch_thread for each thread, both in contract/state.h, which is plain C.
 *
 * Lock: the kernel lock, unless a line says otherwise.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "kernel/arch/x86_64/contract/state.h"

struct cpu;
struct pool;
struct space;
struct thread;

/* ---- boot ---- */
/* The kernel's C entry, called once by the start-up code on its own stack. Does not return. */
void kernel_main(const struct boot_info *boot);
/* Give the log its clock and its outputs. */
void arch_log_init(const struct boot_info *boot);
/* Bring up the machine: the kernel's own page tables, descriptors, interrupts, this CPU. */
void arch_init(const struct boot_info *boot, const struct boot_range *ranges);
/* The pointer to a physical address from the boot loader, while its page tables are still in use. */
const void *arch_boot_pointer(uint64_t physical);
/* Cleared memory from the heap that the boot loader set aside; after arch_init, during boot only. */
void *arch_boot_take(uint64_t bytes);
/*
 * The pages of boot-only functions (base/boot_only.h), at the front of the kernel's range. arch_boot_end takes them
 * from the kernel, so that their memory is like the rest of the free RAM, and leaves for the first program.
 */
struct boot_range arch_boot_only(void);
_Noreturn void arch_boot_end(void);

/* ---- physical memory: the direct map ---- */
extern uintptr_t direct_map; /* where physical address 0 is mapped; set once at boot */
static inline void *arch_pointer(uint64_t physical) { return (void *)(direct_map + physical); }
static inline uint64_t arch_physical(const void *pointer) { return (uintptr_t)pointer - direct_map; }
/* How many frames the CPU's physical addresses can name. */
uint64_t arch_frame_limit(void);
/* Is a frame among these that only the kernel may write to, such as registers that stop or interrupt CPUs? */
bool arch_owns_frames(uint64_t first_frame, uint64_t page_count);

/* ---- page tables of the user half. `root` is a physical address. ---- */

/* Make the root of a new space from a cleared table: the sealed kernel half, an empty user half. */
void arch_root_init(uint64_t root);
/* Make sure that this CPU does not have the root of a dying space loaded. */
void arch_root_leave(uint64_t root);
/* The 512 entries that map the 2 MiB around `at`. NULL: there is no table, or a large page instead. */
uint64_t *arch_table_find(uint64_t root, uaddr_t at);
/* The entry of the large page of 2 MiB around `at`. NULL: there is none. */
uint64_t *arch_large_find(uint64_t root, uaddr_t at);
/* How many tables [at, at + page_count pages) lacks. */
uint32_t arch_tables_missing(uint64_t root, uaddr_t at, uint64_t page_count);
/* How many tables a large page at `at` lacks. */
uint32_t arch_tables_missing_large(uint64_t root, uaddr_t at);
/* arch_table_find, but makes missing tables from `pool`. The caller has checked that it has the memory. */
uint64_t *arch_table_make(uint64_t root, uaddr_t at, struct pool *pool);
/* Note that a last-level table has `count` more entries. */
void arch_table_add(const uint64_t *table, uint64_t count);
bool arch_table_is_empty(const uint64_t *table);
/* Give the last-level table around `at`, which is empty, back to `pool`, and tables above it that become empty. */
void arch_table_prune(uint64_t root, uaddr_t at, struct pool *pool);
/* Map a large page where there is neither a table nor a large page. Makes missing tables, as arch_table_make. */
void arch_large_make(uint64_t root, uaddr_t at, uint64_t entry, struct pool *pool);
/*
 * Split a large page into a table. Returns the value that *entry must get to point to it. Some CPUs stop with a machine
 * check when their TLB has an address in a large page and in a small one. So *entry is empty now, and the caller
 * flushes the page on all CPUs before it sets *entry.
 */
MUST_USE uint64_t arch_large_split(uint64_t *entry, struct pool *pool);
void arch_large_remove(uint64_t root, uaddr_t at, struct pool *pool);
/*
 * Take a large page or part of a table out of the user half of a dying space, which no CPU uses any more. False: none
 * is left.
 */
bool arch_table_reap(uint64_t root, struct pool *pool);

/*
 * Make a leaf entry. `flags`: enum memory_right and enum map_flag. `limit`: the rights that it can ever have.
 * `counted`: it holds a user frame; false: it maps device memory.
 */
uint64_t arch_entry_make(uint64_t frame, uint64_t flags, uint32_t limit, bool counted);
void arch_entries_protect(uint64_t *entries, uint64_t count, uint32_t rights);
static inline bool arch_entry_is_present(uint64_t entry) { return (entry & 1) != 0; }
/*
 * Take entries first .. first + count - 1 out of a last-level table. Returns how many were present. They no longer hold
 * their frames, nor does a large page that is removed.
 */
uint64_t arch_entries_clear(uint64_t *table, uint64_t first, uint64_t count);
uint32_t arch_entry_limit(uint64_t entry);
static inline uint32_t arch_table_index(uaddr_t at) { return (uint32_t)(at >> 12 & 511); }

/* Walk one address as the CPU would, through the tables of `root` alone. */
void arch_walk(uint64_t root, uint64_t address, struct space_walk *ret_walk);

/*
 * With -Dchecks: call `visit` for each leaf entry of the user half, until it returns false. False: it did, or a table's
 * ledger count is not the number of its entries.
 */
bool arch_each_leaf(uint64_t root, bool (*visit)(uint64_t entry));

/* Flush this CPU's translations of [at, at + page_count pages) if `root` is loaded. */
void arch_flush(uint64_t root, uaddr_t at, uint64_t page_count);

/*
 * Check that everything the CPU needs is mapped when `root` becomes CR3, and that no page of the user half is writable
 * and executable. AUDIT_OK, or the first failure.
 */
enum audit_check arch_audit_root(uint64_t root, const struct thread *thread, struct audit_failure *ret_failure);
/*
 * Do a part of that audit, short enough for one stay in the kernel. `*position` is 0 at first, and is set to where the
 * next part begins. Below USER_LOWEST it counts the machine's parts, then it is an address in the user half, USER_LIMIT
 * at the end.
 */
enum audit_check arch_audit_part(uint64_t root, const struct thread *thread, uint64_t *position,
                                 struct audit_failure *ret_failure);
/* Quick test for a user page with exactly these rights. False: it is not certain; ask arch_audit_page. */
bool arch_page_allows(uint64_t root, uaddr_t at, uint32_t rights);
/* Check for a user page with exactly these rights. `absent_ok`: a missing page passes. */
enum audit_check arch_audit_page(uint64_t root, uaddr_t at, uint32_t rights, bool absent_ok, enum audit_check check,
                                 struct audit_failure *ret_failure);

/* ---- threads ---- */
/* Set up a new thread's machine state. Its page is cleared, or its registers are written next. */
void arch_thread_init(struct thread *thread);
/* Clear the page of a dead thread, as far as it was written to. */
void arch_thread_clear(struct thread *thread);
/* Make `to` the thread that runs on this CPU when the kernel is left: load its address space and state. */
void arch_switch(struct cpu *cpu, struct thread *to);
/* Save the thread's FPU state to memory if this CPU has it in registers. For a thread that moves or dies. */
void arch_thread_release(struct thread *thread);
/*
 * Undo the entry of a thread whose CPU waits for the lock in the kernel, so that it will enter again for the same
 * reason. False, and nothing changed: it entered for a trap, which is reported after its instruction and would not come
 * again.
 */
bool arch_entry_undo(struct thread *thread);
void arch_registers_read(const struct thread *thread, struct thread_registers *ret_registers);
/* False, and nothing changed: an address is not canonical or not in the user half. */
MUST_USE bool arch_registers_valid(const struct thread_registers *registers);
void arch_registers_write(struct thread *thread, const struct thread_registers *registers);
/*
 * Copy the FPU state of a thread, which is in memory (request_release), to a user's page, or from it. The page may
 * change meanwhile.
 */
void arch_fpu_read(const struct thread *thread, struct thread_fpu *fpu);
/* False, and nothing changed: this CPU can't load that state. */
MUST_USE bool arch_fpu_write(struct thread *thread, const struct thread_fpu *fpu);
/* Let the thread repeat its system call when it runs again. */
void arch_restart_call(struct frame *frame);

/* ---- this CPU ---- */
#ifdef BATON_HOST
struct cpu *arch_this_cpu(void);
struct thread *arch_this_thread(void); /* arch_this_cpu()->current */
/* ns since the kernel started; never goes back on one CPU */
uint64_t arch_clock_ns(void);
uint64_t arch_ticks(void); /* of the time-stamp counter; cheaper */
uint64_t arch_ticks_to_ns(uint64_t ticks);
/* arch_flush of one page, on this CPU. */
static inline void arch_flush_page(uint64_t root, uint64_t at) { (void)root, (void)at; }
#else
#include "kernel/arch/x86_64/contract/this_cpu.h"
#endif
/* Take pending interrupts, or wait for one if this CPU `sleeps`. The kernel lock is not held. */
void arch_idle(bool sleeps);
/* One turn of a loop that waits for another CPU. */
void arch_relax(void);
/* Make another CPU enter the kernel soon, if it is in user mode or idle. */
void arch_interrupt_cpu(const struct cpu *cpu);
_Noreturn void arch_enter_user(void); /* leave the kernel for cpu->current, the first time */

/* ---- time ---- */
uint64_t arch_ticks_per_second(void);
uint64_t arch_boot_ticks(void);            /* when the kernel was entered */
void arch_timer_arm(uint64_t deadline_ns); /* DEADLINE_NEVER disarms; the past fires at once */

/* ---- devices ---- */
#define IRQ_LINES 128U       /* 0..15: ISA numbers; from 16 on: the global number of an I/O APIC input */
uint32_t arch_irq_end(void); /* one past the highest line that exists */
bool arch_irq_exists(uint32_t line);
void arch_irq_mask(uint32_t line);
void arch_irq_hold(uint32_t line); /* it has fired: mask it until it is served, if it is level-triggered */
void arch_irq_unmask(uint32_t line);
uint64_t arch_port_read(uint16_t port, uint32_t width_bytes);
void arch_port_write(uint16_t port, uint32_t width_bytes, uint64_t value);

/* ---- the end ---- */
_Noreturn void arch_power_off(void);
_Noreturn void arch_reboot(void);
MUST_USE enum status arch_test(enum control_test test, uint64_t parameter);

/* ---- log output; no lock, no failure ---- */
void arch_log_write(const char *text, uint64_t length);
/*
 * Send text to the serial port, if it gets the log. Returns how many bytes need not be sent again. It does not wait for
 * the port.
 */
uint64_t arch_log_send(const char *text, uint64_t length);

#include "kernel/arch/x86_64/contract/bound.h"
#include "kernel/arch/x86_64/contract/page_one.h"
