/* Any bytes as an ELF image: the plan must keep the promises of libsys/format/elf.h. */
#include "kernel/abi/rights.h"
#include "libsys/format/elf.h"
#include "test/fuzz/fuzz.h"

static void check_segments(const struct elf_plan *plan, uint64_t bytes, uint64_t lowest, uint64_t end) {
    const uint32_t write_execute = MEMORY_WRITE | MEMORY_EXECUTE;
    uint64_t last = lowest;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        REQUIRE(segment->memory_bytes > 0 && segment->file_bytes <= segment->memory_bytes);
        REQUIRE(segment->file_offset <= bytes && segment->file_bytes <= bytes - segment->file_offset);
        REQUIRE(segment->virt >= last && segment->virt <= end && segment->memory_bytes <= end - segment->virt);
        REQUIRE((segment->rights & write_execute) != write_execute);
        REQUIRE(segment->virt % ELF_PAGE_BYTES == segment->file_offset % ELF_PAGE_BYTES);
        last = segment->virt + segment->memory_bytes;
    }
    REQUIRE(plan->end == last);
}

static void check_tls(const struct elf_plan *plan) {
    const struct elf_tls *tls = &plan->tls;
    REQUIRE(tls->file_bytes <= tls->memory_bytes && tls->memory_bytes <= ELF_TLS_BYTES_MAX);
    REQUIRE(tls->align <= ELF_PAGE_BYTES && (tls->align & (tls->align - 1)) == 0);
    bool found = tls->file_bytes == 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        uint64_t into = tls->virt - segment->virt;
        found =
            found || ((segment->rights & MEMORY_READ) && tls->virt >= segment->virt && into <= segment->file_bytes &&
                      tls->file_bytes <= segment->file_bytes - into && tls->file_offset == segment->file_offset + into);
    }
    REQUIRE(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    const struct elf_limits limits = {.lowest = 0x200000, .end = 0x7ffffffff000};
    struct elf_plan plan;
    char message[ELF_MESSAGE_MAX];
    struct elf_result result = elf_plan_image(data, bytes, limits, &plan);
    REQUIRE(elf_format_result(result, message, sizeof message) < sizeof message);
    if (result.error != ELF_OK) {
        const unsigned char *zero = (const unsigned char *)&plan;
        for (size_t i = 0; i < sizeof plan; i++)
            REQUIRE(zero[i] == 0);
        return 0;
    }
    bool fixed = plan.type == ELF_TYPE_FIXED;
    REQUIRE(plan.segment_count > 0 && plan.segment_count <= ELF_SEGMENTS_MAX);
    check_segments(&plan, bytes, fixed ? limits.lowest : 0, fixed ? limits.end : limits.end - limits.lowest);
    check_tls(&plan);
    REQUIRE(plan.build_id_offset <= bytes && plan.build_id_bytes <= bytes - plan.build_id_offset);
    REQUIRE(plan.build_id_bytes <= ELF_BUILD_ID_MAX);
    REQUIRE(plan.entry >= plan.lowest && plan.entry < plan.end);
    REQUIRE(plan.interpreter_bytes == 0 || data[plan.interpreter_offset + plan.interpreter_bytes - 1] == 0);
    return 0;
}
