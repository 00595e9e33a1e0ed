#include "boot/enter.h"

#include "boot/cpu.h"
#include "boot/phys.h"

/* Intel SDM vol. 3A, Control Registers; vol. 4, IA32_EFER. */
enum {
    CR0_PROTECTED = 1 << 0,
    CR0_MONITOR_FPU = 1 << 1,
    CR0_EXTENSION_TYPE = 1 << 4,
    CR0_NUMERIC_ERROR = 1 << 5,
    CR0_WRITE_PROTECT = 1 << 16,
    CR4_PAE = 1 << 5,
    CR4_LA57 = 1 << 12,
    EFER_NXE = 1 << 11,
    HAS_NX = 1 << 20,
    HAS_GIANT_PAGES = 1 << 26,
    SELECTOR_CODE = 8,
    SELECTOR_DATA = 16,
    GDT_BYTES = 24,
};
#define MSR_EFER 0xc0000080U
#define LEAF_EXTENDED_MAX 0x80000000U
#define LEAF_EXTENDED_FEATURES 0x80000001U
#define CR0_PAGING (1ULL << 31)
#define CR0_AT_ENTRY \
    (CR0_PAGING | CR0_WRITE_PROTECT | CR0_NUMERIC_ERROR | CR0_EXTENSION_TYPE | CR0_MONITOR_FPU | CR0_PROTECTED)

struct [[gnu::packed]] table_register {
    uint16_t limit;
    uint64_t base;
};

static uint32_t extended_features(void) {
    return cpu_id(LEAF_EXTENDED_MAX).eax >= LEAF_EXTENDED_FEATURES ? cpu_id(LEAF_EXTENDED_FEATURES).edx : 0;
}

const char *enter_check_cpu(void) {
    uint64_t cr4;
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    if (cr4 & CR4_LA57)
        return "firmware runs with 5-level paging, which Baton does not use; turn it off in firmware set-up";
    if (!(extended_features() & HAS_NX))
        return "the CPU has no no-execute pages, or firmware turned them off; turn them on in firmware set-up";
    return 0;
}

bool enter_has_giant_pages(void) { return (extended_features() & HAS_GIANT_PAGES) != 0; }

void enter_kernel(const struct loader_entry *entry) {
    struct table_register gdt = {.limit = GDT_BYTES - 1, .base = entry->gdt_phys};
    /*
     * An empty table: a fault before the kernel loads its own resets the machine, rather than running stale code of
     * firmware.
     */
    struct table_register idt = {0};
    struct boot_info *info = phys_pointer(entry->info_phys);

    (void)cpu_mask_interrupts();
    cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) | EFER_NXE); /* before tables with that bit are loaded */
    info->kernel_tsc = cpu_read_tsc();
    __asm__ volatile("movq %[cr4], %%cr4\n\t"
                     "movq %[root], %%cr3\n\t"
                     "movq %[cr0], %%cr0\n\t"
                     "lgdt %[gdt]\n\t"
                     "lidt %[idt]\n\t"
                     "movq %[stack], %%rsp\n\t"
                     "movl %[data], %%ds\n\t"
                     "movl %[data], %%es\n\t"
                     "movl %[data], %%ss\n\t"
                     "movl %[zero], %%fs\n\t"
                     "movl %[zero], %%gs\n\t"
                     "pushq $0\n\t" /* the return address of a function that must not return */
                     "pushq %[code]\n\t"
                     "pushq %[kernel]\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "cld\n\t"
                     "lretq"
                     :
                     : [cr4] "r"((uint64_t)CR4_PAE), [root] "r"(entry->root_phys), [cr0] "r"(CR0_AT_ENTRY),
                       [gdt] "m"(gdt), [idt] "m"(idt), [stack] "r"(entry->stack_phys), [data] "r"(SELECTOR_DATA),
                       [zero] "r"(0), [code] "i"(SELECTOR_CODE), [kernel] "r"(entry->kernel_entry), "D"(info)
                     : "memory");
    __builtin_unreachable();
}
