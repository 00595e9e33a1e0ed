#include "test/boot/walk.h"

#include "boot/page_table.h"
#include "boot/phys.h"

#define ENTRY_USER (1ULL << 2)

struct walk walk_address(uint64_t root_phys, uint64_t virt) {
    uint64_t table_phys = root_phys;
    struct walk walk = {.present = true, .writable = true, .executable = true, .user = true};
    for (uint32_t shift = 39;; shift -= 9) {
        const uint64_t *table = phys_pointer(table_phys & PAGE_TABLE_ADDRESS);
        uint64_t entry = table[(virt >> shift) % 512];
        walk.page_bytes = 1ULL << shift;
        if (!(entry & PAGE_TABLE_PRESENT))
            return (struct walk){.page_bytes = walk.page_bytes};
        walk.writable = walk.writable && (entry & PAGE_TABLE_WRITE);
        walk.executable = walk.executable && !(entry & PAGE_TABLE_NO_EXECUTE);
        walk.user = walk.user && (entry & ENTRY_USER);
        if (shift == 12 || (entry & PAGE_TABLE_LARGE)) {
            uint64_t base = (entry & PAGE_TABLE_ADDRESS) & ~(walk.page_bytes - 1);
            walk.phys = base + virt % walk.page_bytes;
            return walk;
        }
        table_phys = entry;
    }
}
